"""Trials: balanced, mixed, fixed by their seed, and told apart by nothing but what is wrong."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args

import pytest

from theodolite.agents import LintReviewer
from theodolite.calibration.plants import DEFECTS, Item, SealedItem, give, sealed_items, sealed_trials
from theodolite.claims import Verdict
from theodolite.judgements import Judgement, Objection, ObjectionCode, Review
from theodolite.plans import Plan


@pytest.fixture(scope="module")
def items() -> list[SealedItem]:
    return list(sealed_items(4, 3))


def test_there_are_as_many_shams_as_plants_of_each_class(items: list[SealedItem]) -> None:
    counted = Counter(sealed.defect for sealed in items)
    assert counted == {None: 39, **dict.fromkeys(DEFECTS, 3)}
    assert len({sealed.name for sealed in items}) == len({sealed.item.sha256 for sealed in items}) == 78


def test_plants_and_shams_are_mixed(items: list[SealedItem]) -> None:
    kinds = [sealed.defect is None for sealed in items]
    changes = sum(a != b for a, b in zip(kinds, kinds[1:], strict=False))
    assert 20 < changes < 58, "39 would be expected of a fair mix"


def test_a_larger_set_holds_the_smaller_one(items: list[SealedItem]) -> None:
    larger = {sealed.name: sealed for sealed in sealed_items(4, 4)}
    assert all(larger[sealed.name] == sealed for sealed in items)
    other = {sealed.item.sha256 for sealed in sealed_items(5, 3)}
    assert not other & {sealed.item.sha256 for sealed in items}


def test_every_plant_has_a_sham_of_its_instrument(items: list[SealedItem]) -> None:
    def tools(shams: bool) -> Counter[str]:
        return Counter(one.item.plan.hypothesis.tool for one in items if (one.defect is None) is shams)

    assert tools(True) == tools(False)


def test_a_set_needs_a_plant_of_each_class() -> None:
    with pytest.raises(ValueError, match="at least one plant"):
        next(iter(sealed_items(1, 0)))


def test_lints_catch_what_code_can_tell_every_time_and_leave_clean_items_alone() -> None:
    trials = sealed_trials(LintReviewer(), seed=4, per_class=3)
    missed = [trial.trial for trial in trials if trial.item == "plant" and not trial.caught]
    assert missed == []
    assert [trial.trial for trial in trials if trial.item == "sham" and trial.objections] == []


@pytest.mark.slow
def test_sensitivity_of_the_lints_over_ten_variants_of_each_class() -> None:
    trials = sealed_trials(LintReviewer(), seed=1)
    caught = Counter(trial.defect for trial in trials if trial.caught)
    assert {defect: caught[defect] for defect in DEFECTS} == {
        **dict.fromkeys(DEFECTS, 10),
        # One form in four of these shows in words alone.
        "donor_leakage": 8,
        "wrong_unit": 8,
        "cherry_picked_locus": 8,
    }
    assert sum(trial.item == "sham" for trial in trials) == 130
    assert not any(trial.objections for trial in trials if trial.item == "sham")


class Scripted:
    """Objects as it is told to, at either stage."""

    def __init__(self, *, plan: tuple[str, ...] = (), record: tuple[str, ...] = (), cap: Any = "none") -> None:
        self._plan, self._record, self._cap = plan, record, cap

    def review_plan(self, plan: Plan) -> Review:
        return self._review(1, plan, self._plan)

    def review_record(self, plan: Plan, first: Review, judgement: Judgement, result_prereg: str) -> Review:
        return self._review(2, plan, self._record)

    def _review(self, stage: Any, plan: Plan, codes: tuple[str, ...]) -> Review:
        return Review(
            stage=stage,
            objections=tuple(
                Objection.model_validate({"code": code, "gate": "G3", "evidence": plan.sha256, "note": "so it seems"})
                for code in codes
            ),
            likely_confound="hubs",
            predicted_verdict=Verdict.SUPPORTED if stage == 1 else Verdict.INVALID,
            confidence=0.7 if stage == 1 else None,
            cap=self._cap if stage == 2 else "none",
            reviewer="scripted",
        )


def sealed(items: list[SealedItem], defect: ObjectionCode | None) -> SealedItem:
    return next(one for one in items if one.defect == defect)


@pytest.mark.parametrize(
    ("reviewer", "caught", "stage"),
    [
        (Scripted(plan=("wrong_unit",), record=("wrong_unit",)), True, 1),
        (Scripted(record=("wrong_unit",)), True, 2),
        (Scripted(plan=("label_leak",), record=("wrong_unit",)), True, 2),
        (Scripted(plan=("label_leak",), cap="invalid"), False, None),
        (Scripted(), False, None),
    ],
)
def test_a_plant_is_caught_by_its_own_objection_at_either_stage(
    items: list[SealedItem], reviewer: Scripted, caught: bool, stage: int | None
) -> None:
    trial = give(reviewer, sealed(items, "wrong_unit"))
    assert (trial.item, trial.defect, trial.caught, trial.stage) == ("plant", "wrong_unit", caught, stage)


def test_a_neighbouring_name_catches_too(items: list[SealedItem]) -> None:
    assert give(Scripted(plan=("double_dipping",)), sealed(items, "cherry_picked_locus")).caught
    assert not give(Scripted(plan=("wrong_null",)), sealed(items, "cherry_picked_locus")).caught


@pytest.mark.parametrize(
    ("reviewer", "stage"), [(Scripted(plan=("sign_flip",)), 1), (Scripted(cap="inconclusive"), 2), (Scripted(), None)]
)
def test_anything_held_against_a_sham_is_a_false_alarm(
    items: list[SealedItem], reviewer: Scripted, stage: int | None
) -> None:
    trial = give(reviewer, sealed(items, None))
    assert (trial.item, trial.caught, trial.stage) == ("sham", False, stage)


def test_a_trial_keeps_the_prediction_of_the_first_stage_and_the_lower_cap(items: list[SealedItem]) -> None:
    given = sealed(items, None)
    trial = give(Scripted(plan=("sign_flip",), record=("sign_flip", "wrong_null"), cap="invalid"), given)
    assert (trial.predicted_verdict, trial.confidence, trial.cap) == (Verdict.SUPPORTED, 0.7, "invalid")
    assert [objection.code for objection in trial.objections] == ["sign_flip", "wrong_null"]
    assert (trial.item_sha256, trial.verdict) == (given.item.sha256, given.item.verdict)


def test_a_reviewer_is_shown_nothing_but_the_item(items: list[SealedItem]) -> None:
    class Nosy(Scripted):
        """Writes down what it is given."""

        seen: list[Any] = []

        def review_plan(self, plan: Plan) -> Review:
            self.seen.append(plan)
            return super().review_plan(plan)

        def review_record(self, plan: Plan, first: Review, judgement: Judgement, result_prereg: str) -> Review:
            self.seen += [plan, judgement, result_prereg]
            return super().review_record(plan, first, judgement, result_prereg)

    given = sealed(items, "label_leak")
    give(Nosy(), given)
    item: Item = given.item
    assert Nosy.seen == [item.plan, item.plan, item.judgement, item.result_prereg]
    words = "".join(str(part) for part in Nosy.seen)
    assert given.name not in words
    assert not [code for code in get_args(ObjectionCode) if code in words]
