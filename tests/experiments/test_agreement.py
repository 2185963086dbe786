"""Verification of what is beside levels and verdicts: forged blocks, rounds, controls, approvals are reported."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from theodolite.canonical import digest
from theodolite.claims import Locus, LocusKind, Relation
from theodolite.experiments.agreement import Agreement
from theodolite.experiments.controls import inapplicable
from theodolite.experiments.proposals import _take_up_rows
from theodolite.experiments.replay import verify_decisions
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind, Ledger

Change = Callable[[Entry, dict[str, Any]], None]
PASSED = {"status": "done", "passed": True, "gain": "0.1", "low": "0.05", "variant": "untrained(3)"}


def told_again(original: Path, folder: Path, change: Change, extra: Callable[[Entry], Iterator[Any]]) -> list[str]:
    """Write a chain anew with changes, hashes of plans made to fit; return what verification says."""
    names: dict[str, str] = {}
    shutil.copytree(original / "artefacts", folder / "artefacts")
    with (
        Ledger.open(original / "ledger.sqlite", read_only=True) as source,
        Ledger.create(folder / "ledger.sqlite") as forged,
    ):
        for entry in source.entries():
            payload = copy.deepcopy(entry.payload)
            change(entry, payload)
            if entry.kind is EntryKind.REGISTRATION:
                names[payload["prereg_sha256"]] = digest(payload["plan"])
            if "prereg_sha256" in payload:
                payload["prereg_sha256"] = names.get(payload["prereg_sha256"], payload["prereg_sha256"])
            forged.append(entry.kind, entry.id, entry.subject, payload)
            for kind, identifier, subject, more in extra(entry):
                forged.append(kind, identifier, subject, more)
        return [problem.what for problem in verify_decisions(forged)]


def nothing(entry: Entry) -> Iterator[Any]:
    return iter(())


def _of(kind: EntryKind, path: str, value: Any) -> Change:
    """Return how to change one field, named by its path, of every row of a kind."""

    def change(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.kind is kind:
            *parts, last = path.split(".")
            for part in parts:
                payload = payload[part]
            payload[last] = value(payload[last]) if callable(value) else value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_of(EntryKind.ROUND, "bits", lambda bits: {name: not bit for name, bit in bits.items()}), "its bits are not"),
        (_of(EntryKind.ROUND, "retired", False), "retired by what the round found"),
        (_of(EntryKind.ROUND, "supports", lambda number: number + 1), "supported claims"),
        (_of(EntryKind.REGISTRATION, "plan.block.reused", False), "was spent before"),
        (_of(EntryKind.REGISTRATION, "plan.level.q", "0.4"), "was locked with"),
        (_of(EntryKind.REGISTRATION, "plan.level.stream", "fresh"), "not the one of its campaign"),
        (_of(EntryKind.VERDICT, "claim_key", "0" * 64), "its claim key is not"),
        (_of(EntryKind.PLAN_REVIEW, "controls", ["untrained_again"]), "without the control that was ordered"),
    ],
    ids=["bits", "retired", "supports", "reused", "rate", "stream", "key", "control left out"],
)
def test_what_was_rewritten_is_reported(small_world: Any, tmp_path: Path, change: Change, said: str) -> None:
    found = told_again(small_world.finished(2), tmp_path / "forged", change, nothing)
    assert any(said in what for what in found), found


def _approval(of: str, approved: bool, prereg: str) -> dict[str, Any]:
    return {"prereg_sha256": prereg, "of": of, "approved": approved, "person": "Ada", "reason": ""}


def test_what_ran_though_it_was_withdrawn_is_reported(small_world: Any, tmp_path: Path) -> None:
    def rejected(entry: Entry) -> Iterator[Any]:
        if entry.kind is EntryKind.REGISTRATION:
            said = _approval("registration", False, entry.payload["prereg_sha256"])
            yield EntryKind.APPROVAL, f"{entry.subject}/approval/registration", entry.subject, said

    found = told_again(small_world.finished(1), tmp_path / "forged", lambda entry, payload: None, rejected)
    assert "it ran, though a person had withdrawn it" in found


def test_a_row_about_a_slot_without_a_plan_is_reported_and_breaks_nothing(small_world: Any, tmp_path: Path) -> None:
    def early(entry: Entry) -> Iterator[Any]:
        if entry.kind is EntryKind.HYPOTHESIS:
            said = _approval("verdict", True, "0" * 64)
            yield EntryKind.APPROVAL, f"{entry.subject}/approval/verdict", entry.subject, said

    found = told_again(small_world.finished(1), tmp_path / "forged", lambda entry, payload: None, early)
    assert "it speaks of a slot without a locked plan" in found


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"passed": None, "status": "not_applicable"}, "applies to this claim"),
        ({"variant": "counts"}, "another variant"),
        ({"gain": "0.01"}, "passed is True"),
        ({"low": "-0.01"}, "passed is True"),
        ({"control": "shuffled_input", "variant": "shuffled_input(0)"}, "ordered by nobody"),
    ],
    ids=["as it is", "said not to apply", "an easier variant", "too small a gain", "no clear gain", "another"],
)
def test_a_control_agrees_with_its_order_and_with_itself(
    small_world: Any, changed: dict[str, Any], said: str | None
) -> None:
    agreement = Agreement()
    with Ledger.open(small_world.finished(1) / "ledger.sqlite", read_only=True) as ledger:
        for entry in ledger.entries():
            assert list(agreement.defects(entry)) == []
            if entry.kind is EntryKind.REGISTRATION:
                break
    slot, prereg = entry.subject, entry.payload["prereg_sha256"]

    def row(kind: EntryKind, payload: dict[str, Any]) -> Entry:
        return Entry(1, f"{slot}/{kind.value}", kind, slot, payload, "", "", "", "")

    assert list(agreement.defects(row(EntryKind.PLAN_REVIEW, {"controls": ["untrained_again"]}))) == []
    control = {"prereg_sha256": prereg, "control": "untrained_again", **PASSED, **changed}
    found = list(agreement.defects(row(EntryKind.CONTROL, control)))
    assert found == [] if said is None else any(said in what for what in found), found


def test_controls_are_held_against_what_has_to_exceed_them(small_world: Any) -> None:
    with Ledger.open(small_world.finished(1) / "ledger.sqlite", read_only=True) as ledger:
        plan = Plan.model_validate(next(ledger.entries(kind=EntryKind.REGISTRATION)).payload["plan"])
    assert inapplicable(plan) is None
    for change, said in (
        ({"locus": Locus(kind=LocusKind.ANY)}, "names no place"),
        (
            {"claim": plan.hypothesis.claim.model_copy(update={"relation": Relation.STABLE_WITH_DEPTH})},
            "nothing that it would have to exceed",
        ),
    ):
        claimed = plan.hypothesis.model_copy(update=change)
        assert said in (inapplicable(plan.model_copy(update={"hypothesis": claimed})) or "")


@pytest.mark.parametrize(("passed", "said"), [(0, 0), (4, 0), (5, 1), (40, 1)])
def test_a_check_that_calls_a_tool_fit_against_its_own_counts_is_reported(passed: int, said: int) -> None:
    row = {"fit": True, "passed_empty": passed, "empty": 40, "level": "0.05"}
    entry = Entry(1, "tool_check/x", EntryKind.TOOL_CHECK, "x@1", row, "", "", "", "")
    assert len(list(Agreement().defects(entry))) == said


def test_a_call_in_the_inbox_that_is_no_row_stops_no_session() -> None:
    content = '{"kind": "model_call", "id": "c/model_call/q.t01.a01", "payload": {"conversation": "q-person"}}'
    with Ledger.in_memory() as ledger:
        ledger.ops.hand_in("c", "row", "Ada", content)
        _take_up_rows(ledger, "c")
        assert ledger.head().seq == 0
        assert ledger.ops.inbox("c") == []
