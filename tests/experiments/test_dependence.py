"""What a verdict rests on follows from the hashes that its rows name: all of it, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theodolite.canonical import digest
from theodolite.experiments.dependence import Dependence, Node, matches
from theodolite.experiments.nodes import NodeError, named_nodes
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind

HASHED = ("model", "cells", "reference", "families", "split", "tool", "fit", "coexpression", "job")


def row(kind: EntryKind, subject: str, payload: dict[str, Any]) -> Entry:
    return Entry(1, f"{subject}/{kind.value}", kind, subject, json.loads(json.dumps(payload)), "", "", "", "")


def told(example_plan: Plan, tests: list[dict[str, str]]) -> Dependence:
    """Follow a chain of one campaign with one settled test for each choice of hashes, by kind of node."""
    known = Dependence()
    references = [{"name": "secreted", "sha256": "0" * 64}]
    opened = {"name": "small", "seed": 7, "references": references}
    known.follow(row(EntryKind.CAMPAIGN, "small-00000000", opened))
    for slot, of in enumerate(tests, start=1):
        claim = example_plan.hypothesis.claim
        named = {
            "model": claim.model.model_copy(update={"sha256": of["model"]}),
            "context": claim.context.model_copy(update={"sha256": of["cells"]}),
            "reference": claim.reference.model_copy(update={"sha256": of["reference"]}),
        }
        plan = example_plan.model_copy(
            update={
                "slot": slot,
                "hypothesis": example_plan.hypothesis.model_copy(update={"claim": claim.model_copy(update=named)}),
                "model_sha256": of["model"],
                "cells_sha256": of["cells"],
                "reference_sha256": of["reference"],
                "families_sha256": of["families"],
                "block": example_plan.block.model_copy(update={"split_sha256": of["split"]}),
                "tool_sha256": of["tool"],
                "fitted": {"main": of["fit"]},
                "coexpression_sha256": of["coexpression"],
            }
        )
        subject = f"small-00000000/r01.s{slot:03d}"
        known.follow(row(EntryKind.REGISTRATION, subject, {"plan": plan.model_dump(mode="json")}))
        known.follow(row(EntryKind.RESULT, subject, {"jobs": {"main": of["job"]}}))
        settled = {"verdict": "inconclusive", "gates": [{"gate": "G3", "title": "null panel", "passed": False}]}
        known.follow(row(EntryKind.VERDICT, subject, {"settlement": settled}))
    return known


choices = st.fixed_dictionaries({kind: st.integers(0, 2) for kind in HASHED})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, derandomize=True)
@given(chosen=st.lists(choices, min_size=1, max_size=5))
def test_every_verdict_that_names_a_hash_is_found_and_no_other(
    example_plan: Plan, chosen: list[dict[str, int]]
) -> None:
    tests = [{kind: digest([kind, number]) for kind, number in of.items()} for of in chosen]
    known = told(example_plan, tests)
    nodes = known.nodes()
    for kind in HASHED:
        for sha256 in {of[kind] for of in tests}:
            (node,) = [item for item in nodes if item.kind == kind and item.sha256 == sha256]
            found = [test.plan.slot for test, _ in known.dependents([node])]
            assert found == [slot for slot, of in enumerate(tests, start=1) if of[kind] == sha256]
            assert nodes[node] == len(found)
        assert list(known.dependents([Node(kind, "", digest("another"))])) == []  # type: ignore[arg-type]


def test_a_way_leads_through_what_was_made_and_the_shortest_is_shown(example_plan: Plan) -> None:
    known = told(example_plan, [{kind: digest(kind) for kind in HASHED}])
    (test,) = known.tests.values()
    fitting = Node("tool", "fit.axes@1", None)
    way = test.path([fitting])
    assert way is not None
    assert [node.kind for node in way] == ["tool", "fit"]
    cells = Node("cells", "blood", digest("cells"))
    assert test.path([cells]) == (cells,)


def test_a_reference_that_was_made_of_another_falls_with_it(example_plan: Plan) -> None:
    claim = example_plan.hypothesis.claim
    pairs = claim.model_copy(update={"reference": claim.reference.model_copy(update={"name": "secreted_pairs"})})
    others = ("cells:lymph", "model:teacher")
    made = {"reference": ("a textbook", "reference:secreted", "reference:secreted_pairs", *others)}
    known = Dependence()
    listed = [{"name": name, "sha256": digest(name)} for name in ("secreted", "secreted_pairs", "cytosolic")]
    known.follow(row(EntryKind.CAMPAIGN, "small-00000000", {"name": "small", "seed": 7, "references": listed}))
    plan = example_plan.model_copy(
        update={
            "hypothesis": example_plan.hypothesis.model_copy(update={"claim": pairs}),
            "reference_sha256": digest("secreted_pairs"),
            "sources": made,
        }
    )
    test = known.planned(plan)
    way = test.path([Node("reference", "secreted", digest("secreted"))])
    assert way is not None
    assert [node.name for node in way] == ["secreted", "secreted_pairs"]
    assert test.path([Node("source", "a textbook", None)]) is not None
    # Cells and models that a reference was made of are those of that name, with whatever hash they are known here.
    assert test.path([Node("cells", "lymph", digest("lymph"))]) is not None
    assert test.path([Node("model", "teacher", None)]) is not None
    assert test.path([Node("model", "another", None)]) is None
    assert test.path([Node("reference", "cytosolic", digest("cytosolic"))]) is None


def test_made_bytes_of_one_campaign_are_not_held_against_another(example_plan: Plan) -> None:
    """Two campaigns name one artefact, made for different cells: the cells of one do not touch the other."""
    same = {kind: digest(kind) for kind in HASHED}
    known = told(example_plan, [same, {**same, "cells": digest("other cells")}])
    found = [test.plan.slot for test, _ in known.dependents([Node("cells", "blood", digest("cells"))])]
    assert found == [1]


@pytest.mark.parametrize(
    ("bad", "other", "same"),
    [
        (Node("tool", "a.b@1", None), Node("tool", "a.b@1", "1" * 64), True),
        (Node("tool", "a.b@1", "1" * 64), Node("tool", "a.b@1", "2" * 64), False),
        (Node("tool", "a.b@1", "1" * 64), Node("tool", "a.b@2", "1" * 64), False),
        (Node("model", "one name", "1" * 64), Node("model", "another", "1" * 64), True),
        (Node("model", "one name", "1" * 64), Node("model", "one name", "2" * 64), False),
        (Node("model", "x", "1" * 64), Node("cells", "x", "1" * 64), False),
        (Node("fit", "", "1" * 64), Node("fit", "", None), False),
    ],
)
def test_content_decides_where_it_is_known_and_else_the_name(bad: Node, other: Node, same: bool) -> None:
    assert matches(bad, other) is same


LISTED = (
    Node("tool", "attention.edges@1", "a" * 64),
    Node("tool", "attention.edges@2", "b" * 64),
    Node("tool", "attention.edges@2", "c" * 64),
    Node("model", "compact", "d" * 64),
    Node("model", "compact", "e" * 64),
    Node("reference", "myeloid", "f" * 64),
    Node("gate", "1/G3", None),
    Node("gate", "2/G3", None),
    Node("gate", "2/G4", None),
    Node("families", "", "a" * 64),
)


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("tool:attention.edges", [0, 1, 2]),
        ("tool:attention.edges@2", [1, 2]),
        ("tool:attention.edges@2#cccc", [2]),
        ("reference:myeloid", [5]),
        (" reference:ffff ", [5]),
        ("model:dddd", [3]),
        ("model:compact#eeee", [4]),
        ("gate:2/G3", [7]),
        ("gate:G4", [8]),
        ("families:aaaa", [9]),
        (str(LISTED[9]), [9]),
        (str(LISTED[1]), [1]),
    ],
)
def test_names_that_people_type(text: str, positions: list[int]) -> None:
    assert named_nodes(text, LISTED) == tuple(LISTED[position] for position in positions)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("compact", "does not say what it is; write KIND:NAME, with a kind of model, cells"),
        ("modle:compact", "does not say what it is"),
        ("model:compact", "is the name of 2 nodes; choose one: model:compact#dddddddddddd, model:compact#eeeeeeeeeeee"),
        ("gate:G3", "choose one: gate:1/G3, gate:2/G3"),
        (
            "reference:myelod",
            "no verdict of this ledger rests on 'reference:myelod'; the nearest are reference:myeloid",
        ),
        ("cells:blood", "`theodolite ledger nodes` lists what they rest on"),
        ("model:compact#xyz", "'xyz', which is no hash"),
        ("fit:", "no verdict of this ledger rests on 'fit:'"),
    ],
)
def test_a_name_of_none_or_of_several_is_refused_with_what_there_is(text: str, said: str) -> None:
    with pytest.raises(NodeError) as caught:
        named_nodes(text, LISTED)
    assert said in str(caught.value)
