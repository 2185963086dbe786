"""Standing: rates with exact bounds from rows alone, against numbers worked out by hand and by other libraries."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, norm
from sklearn.metrics import roc_auc_score

from theodolite.calibration.plants import agreement, standing, standings
from theodolite.claims import Verdict
from theodolite.gates.advisory import BEYOND_CODE, ReviewerStanding
from theodolite.store import TrialRow


def row(trial: str, reviewer: str = "a", **changes: Any) -> TrialRow:
    fields: dict[str, Any] = {
        "trial": trial, "reviewer": reviewer, "seq": 1, "subject": "reviewers", "item": "sham", "item_sha256": "0" * 64,
        "defect": None, "stage": None, "caught": False, "objections": [], "cap": "none",
        "predicted_verdict": Verdict.SUPPORTED, "confidence": None, "verdict": Verdict.SUPPORTED,
    }  # fmt: skip
    return TrialRow(**(fields | changes))


def plants(defect: str, caught: int, missed: int) -> list[TrialRow]:
    hit = {"caught": True, "stage": 2, "objections": [{}], "cap": "invalid"}
    return [
        row(f"{defect}-{number}", item="plant", defect=defect, **(hit if number < caught else {}))
        for number in range(caught + missed)
    ]


def shams(quiet: int, alarms: int) -> list[TrialRow]:
    return [
        row(f"sham-{number}", **({"objections": [{}], "cap": "inconclusive"} if number < alarms else {}))
        for number in range(quiet + alarms)
    ]


def test_rates_and_bounds_by_class() -> None:
    found = standing([*plants("label_leak", 10, 0), *plants("wrong_unit", 3, 1), *shams(18, 2)], "a")
    leak, unit, none = (found.classes[name] for name in ("label_leak", "wrong_unit", "sign_flip"))
    assert (leak.rate, leak.lower) == (1.0, pytest.approx(0.05**0.1))
    assert (unit.rate, unit.lower) == (0.75, pytest.approx(beta.ppf(0.05, 3, 2)))
    assert (none.plants, none.rate, none.lower) == (0, None, None)
    assert (found.everything.plants, found.everything.caught, found.beyond_code.plants) == (14, 13, 4)
    assert (found.shams, found.false_alarms) == (20, 2)
    assert found.upper == pytest.approx(beta.ppf(0.95, 3, 18))
    assert found.d_prime == pytest.approx(norm.ppf(13.5 / 15) - norm.ppf(2.5 / 21))


def test_the_bounds_of_the_specification() -> None:
    assert standing(plants("wrong_unit", 30, 0), "a").beyond_code.lower == pytest.approx(0.905, abs=5e-4)
    assert standing(plants("wrong_unit", 114, 6), "a").beyond_code.lower == pytest.approx(0.904, abs=5e-4)


@given(st.lists(st.sampled_from(["none", "inconclusive", "invalid"]), min_size=1), st.data())
def test_the_auroc_is_that_of_the_caps(planted: list[str], data: st.DataObject) -> None:
    clean = data.draw(st.lists(st.sampled_from(["none", "inconclusive", "invalid"]), min_size=1))
    rank = ["none", "inconclusive", "invalid"].index
    rows = [row(f"p{i}", item="plant", defect="wrong_null", cap=cap) for i, cap in enumerate(planted)]
    rows += [row(f"s{i}", cap=cap) for i, cap in enumerate(clean)]
    expected = roc_auc_score([1] * len(planted) + [0] * len(clean), [rank(cap) for cap in [*planted, *clean]])
    assert standing(rows, "a").auroc == pytest.approx(expected)


def test_predictions_are_scored_on_shams_by_the_logarithm_of_what_was_given_to_the_truth() -> None:
    rows = [
        row("1", confidence=0.7),
        row("2", confidence=0.7, verdict=Verdict.REFUTED),
        row("3", confidence=None),
        row("4", confidence=0.99, item="plant", defect="wrong_null", verdict=Verdict.INVALID),
    ]
    found = standing(rows, "a")
    assert (found.predicted, found.predicted_right) == (3, 2)
    assert found.log_loss == pytest.approx(-(log(0.7) + log(0.1)) / 2)
    assert standing(shams(3, 0), "a").log_loss is None


def test_a_reviewer_stands_by_the_classes_beyond_code_alone() -> None:
    beyond = [trial for defect in BEYOND_CODE for trial in plants(defect, 10, 0)]
    blind_to_code = [*beyond, *plants("label_leak", 0, 10), *shams(30, 0)]
    assert standing(blind_to_code, "a").standing is ReviewerStanding.BINDING
    missed = [trial for defect in BEYOND_CODE for trial in plants(defect, 7, 3)]
    assert standing([*missed, *shams(30, 0)], "a").advisory
    assert standing([*beyond, *shams(25, 5)], "a").advisory
    few = standing([*plants("wrong_unit", 0, 29), *shams(30, 0)], "a")
    assert (few.standing, few.advisory) == (ReviewerStanding.UNMEASURED, False)


def test_a_reviewer_without_trials_is_unmeasured() -> None:
    found = standing([], "nobody")
    assert found.standing is ReviewerStanding.UNMEASURED
    assert (found.d_prime, found.auroc, found.upper, found.log_loss) == (None, None, None, None)


def test_reviewers_are_kept_apart() -> None:
    rows = [row("1", "b"), row("1", "a", objections=[{}]), row("2", "a")]
    assert [(one.reviewer, one.shams, one.false_alarms) for one in standings(rows)] == [("b", 1, 0), ("a", 2, 1)]


def test_agreement_is_over_the_items_that_both_were_given() -> None:
    said = {"1": (True, True), "2": (True, False), "3": (False, False), "4": (False, False)}
    rows = [
        row(trial, name, objections=[{}] * objects)
        for trial, pair in said.items()
        for name, objects in zip("ab", pair, strict=True)
    ]
    found = agreement([*rows, row("5", "a"), row("6", "c")], "a", "b")
    assert (found.items, found.share) == (4, 0.75)
    assert found.kappa == pytest.approx((0.75 - 0.5) / 0.5)
    assert agreement(rows, "a", "c").items == 0
    silent = [row(str(number), name) for number in range(3) for name in "ab"]
    assert (agreement(silent, "a", "b").share, agreement(silent, "a", "b").kappa) == (1.0, None)
