"""Plants: each form of each class changes one thing, and code tells every class it can tell, every time."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from numpy.random import SeedSequence

from theodolite.agents import LintReviewer
from theodolite.calibration.plants import ACCEPTED, DEFECTS, Form, Item, NotPlantable, clean_item, plant
from theodolite.calibration.plants.clean import TOOLS
from theodolite.gates.advisory import BEYOND_CODE
from theodolite.judgements import ObjectionCode
from theodolite.plans import Plan

REVIEWER = LintReviewer()
FORMS = [(defect, form) for defect, forms in DEFECTS.items() for form in forms]
ITEMS = [(tool, strong) for tool in TOOLS for strong in (True, False)]


def clean(tool: str, strong: bool, number: int = 0) -> Item:
    return clean_item(SeedSequence([20, number]), tool=tool, strong=strong)


def codes(item: Item) -> set[str]:
    first = REVIEWER.review_plan(item.plan)
    second = REVIEWER.review_record(item.plan, first, item.judgement, item.result_prereg)
    return {objection.code for objection in second.objections}


def made(form: Form, seed: int = 0) -> list[tuple[Item, Item]]:
    pairs = []
    for tool, strong in ITEMS:
        item = clean(tool, strong, seed)
        planted = form.make(item, np.random.default_rng(seed))
        if planted is not None:
            pairs.append((item, planted))
    return pairs


def test_the_classes_are_those_of_the_menu_in_its_order() -> None:
    assert tuple(DEFECTS) == get_args(ObjectionCode)
    assert len(DEFECTS) == 13
    assert all(defect in accepted for defect, accepted in ACCEPTED.items())


@pytest.mark.parametrize(("tool", "strong"), ITEMS)
@pytest.mark.parametrize("number", range(3))
def test_clean_items_draw_nothing(tool: str, strong: bool, number: int) -> None:
    item = clean(tool, strong, number)
    assert codes(item) == set()
    assert item.judgement.evidence
    assert item.result_prereg == item.plan.sha256


@pytest.mark.parametrize(("defect", "form"), FORMS, ids=lambda part: getattr(part, "what", part))
def test_every_form_can_be_worked_into_some_item_and_changes_it(defect: str, form: Form) -> None:
    pairs = made(form)
    assert pairs
    for item, planted in pairs:
        assert planted.sha256 != item.sha256
        assert planted.verdict is item.verdict


@pytest.mark.parametrize(
    ("defect", "form"),
    [pair for pair in FORMS if not pair[1].in_words],
    ids=lambda part: getattr(part, "what", part),
)
def test_code_tells_each_form_by_its_own_name_and_nothing_else(defect: str, form: Form) -> None:
    for seed in range(3):
        for _, planted in made(form, seed):
            assert codes(planted) == {defect}, planted.plan.hypothesis.tool


def test_only_classes_beyond_code_have_forms_that_show_in_words_alone() -> None:
    in_words = {defect for defect, form in FORMS if form.in_words}
    assert in_words == set(BEYOND_CODE)
    for defect in in_words:
        read = [form for form in DEFECTS[defect] if form.in_words]
        assert len(read) == 1
        for _, planted in made(read[0]):
            assert codes(planted) == set()


def fields(plan: Plan) -> dict[str, Any]:
    return plan.model_dump(mode="json")


@pytest.mark.parametrize(("defect", "form"), FORMS, ids=lambda part: getattr(part, "what", part))
def test_a_plant_has_the_format_of_its_item(defect: str, form: Form) -> None:
    for item, planted in made(form):
        assert fields(planted.plan).keys() == fields(item.plan).keys()
        before, after = (one.judgement.model_dump(mode="json") for one in (item, planted))
        assert after.keys() == before.keys()
        assert {frozenset(entry) for entry in after["evidence"]} == {frozenset(entry) for entry in before["evidence"]}
        assert [gate["gate"] for gate in after["gates"]] == [
            gate["gate"] for gate in before["gates"] if gate["gate"] in {found["gate"] for found in after["gates"]}
        ]
        assert Plan.model_validate(fields(planted.plan)) == planted.plan
        locked_otherwise = defect == "hash_mismatch" and "hash" not in form.what.partition(",")[0]
        if defect != "hash_mismatch":
            assert planted.result_prereg == planted.plan.sha256
        assert not locked_otherwise or planted.plan == item.plan


def test_forms_follow_one_another_and_those_that_an_item_cannot_carry_are_passed_over() -> None:
    item = clean("geometry.axis_separation", True)
    rng = np.random.default_rng(0)
    planted = [plant(item, "own_embedding_covariate", form, rng) for form in range(3)]
    for one in planted:
        assert one.plan.sources != item.plan.sources, "a set claim holds no co-expression fixed"
    pairs = clean("attention.edges", True)
    first, second = (plant(pairs, "own_embedding_covariate", form, rng) for form in range(2))
    assert first.plan.coexpression_sha256 == pairs.plan.coexpression_sha256
    assert second.plan.coexpression_sha256 != pairs.plan.coexpression_sha256


def test_an_item_that_can_carry_no_form_says_so() -> None:
    item = clean("geometry.axis_separation", True)
    of_catalogue_1 = item.with_plan(sources=None)
    with pytest.raises(NotPlantable, match="'label_leak'"):
        plant(of_catalogue_1, "label_leak", 0, np.random.default_rng(0))


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_same_seed_plants_the_same_defect(defect: ObjectionCode) -> None:
    item = clean("attention.regulation", True)
    one, other = (plant(item, defect, 0, np.random.default_rng(5)) for _ in range(2))
    assert one == other
