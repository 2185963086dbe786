"""What a reviewer's record entitles it to: a veto, or advice and a second replication."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from theodolite.claims import ReviewerCap, Verdict
from theodolite.gates.advisory import (
    BEYOND_CODE,
    CEILING,
    FLOOR,
    LEAST_PLANTS,
    LEAST_SHAMS,
    ReviewerStanding,
    TrialCounts,
    advised_verdict,
    binding_cap,
    count_trials,
    reviewer_standing,
)
from theodolite.judgements import ObjectionCode


@dataclass
class Given:
    """A trial as the ledger tells it."""

    defect: ObjectionCode | None = None
    caught: bool = False
    objections: list[Any] = field(default_factory=list)
    cap: ReviewerCap = "none"


def test_only_classes_beyond_code_count_as_plants() -> None:
    trials = [
        Given("donor_leakage", caught=True, objections=[1], cap="inconclusive"),
        Given("wrong_unit"),
        Given("label_leak", caught=True, objections=[1]),
        Given(),
        Given(objections=[1]),
        Given(cap="invalid"),
    ]
    assert count_trials(trials) == TrialCounts(plants=2, caught=1, shams=3, false_alarms=2)
    assert set(BEYOND_CODE) < set(get_args(ObjectionCode))


@pytest.mark.parametrize(
    ("counts", "standing"),
    [
        (TrialCounts(0, 0, 0, 0), ReviewerStanding.UNMEASURED),
        (TrialCounts(LEAST_PLANTS - 1, 0, 130, 130), ReviewerStanding.UNMEASURED),
        (TrialCounts(30, 30, LEAST_SHAMS - 1, 0), ReviewerStanding.UNMEASURED),
        (TrialCounts(30, 30, 30, 0), ReviewerStanding.BINDING),
        (TrialCounts(30, 23, 30, 4), ReviewerStanding.BINDING),
        (TrialCounts(30, 22, 30, 0), ReviewerStanding.ADVISORY),
        (TrialCounts(30, 30, 30, 5), ReviewerStanding.ADVISORY),
        (TrialCounts(30, 30, 100, 15), ReviewerStanding.BINDING),
        (TrialCounts(30, 30, 100, 16), ReviewerStanding.ADVISORY),
    ],
)
def test_floor_and_ceiling(counts: TrialCounts, standing: ReviewerStanding) -> None:
    assert reviewer_standing(counts) is standing


@given(st.integers(LEAST_PLANTS, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_rule_is_the_bound_of_clopper_and_pearson(drawn: tuple[int, int]) -> None:
    caught, plants = drawn
    lower = 0.0 if caught == 0 else float(beta.ppf(0.05, caught, plants - caught + 1))
    binding = reviewer_standing(TrialCounts(plants, caught, LEAST_SHAMS, 0)) is ReviewerStanding.BINDING
    assert binding is (lower >= FLOOR)


def test_a_reviewer_that_objects_to_everything_catches_all_and_advises_only() -> None:
    trials = [Given("wrong_unit", caught=True, objections=[1], cap="invalid")] * 60 + [Given(cap="invalid")] * 60
    counts = count_trials(trials)
    assert (counts.caught, counts.false_alarms) == (60, 60)
    assert counts.false_alarms > CEILING * counts.shams
    assert reviewer_standing(counts) is ReviewerStanding.ADVISORY


@pytest.mark.parametrize("counts", [(1, 2, 0, 0), (0, 0, 3, 4), (1, -1, 0, 0)])
def test_counts_that_cannot_be_are_refused(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="a part lies between 0 and its whole"):
        TrialCounts(*counts)


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("replications", [0, 1, 2, 3])
def test_only_a_support_without_a_second_replication_is_lowered(verdict: Verdict, replications: int) -> None:
    assert advised_verdict(verdict, advisory=False, replications=replications) is verdict
    lowered = advised_verdict(verdict, advisory=True, replications=replications)
    assert lowered.rank <= verdict.rank
    held_back = verdict is Verdict.SUPPORTED and replications < 2
    assert lowered is (Verdict.INCONCLUSIVE if held_back else verdict)


@pytest.mark.parametrize("cap", get_args(ReviewerCap))
def test_an_advisory_cap_does_not_bind(cap: ReviewerCap) -> None:
    assert binding_cap(cap, advisory=True) == "none"
    assert binding_cap(cap, advisory=False) == cap
