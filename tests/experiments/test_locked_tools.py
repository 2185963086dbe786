"""The instrument that registration locks is the one that measures, and a plug-in's was checked before."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theodolite.canonical import digest
from theodolite.claims import Verdict
from theodolite.experiments.locked_tools import LockedTools
from theodolite.experiments.replay import verify_decisions
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind, Ledger, hypothesis_rows
from theodolite.tools import get_tool, registry

AXIS = "geometry.axis_separation"


def with_another_source(monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> None:
    changed = dataclasses.replace(get_tool(name), **changes)
    monkeypatch.setattr(registry, "_REGISTRY", {**registry._REGISTRY, name: changed})


def test_a_new_plan_states_the_source_of_its_instrument(
    open_campaign: Callable[..., Any], make_hypothesis: Callable[..., Any]
) -> None:
    run = open_campaign()
    run.propose(1, 1, make_hypothesis(run))
    run.register(1)
    assert run.plan(1, 1).tool_sha256 == get_tool(AXIS).source_sha256


def test_an_older_plan_states_none_and_hashes_as_it_did(example_plan: Plan) -> None:
    assert "tool_sha256" not in example_plan.model_dump(mode="json")
    assert example_plan.model_copy(update={"tool_sha256": "1" * 64}).sha256 != example_plan.sha256


@pytest.mark.parametrize("changes", [{"source_sha256": "1" * 64}, {"version": "2"}])
def test_another_instrument_than_the_locked_one_measures_nothing_and_spends_nothing(
    open_campaign: Callable[..., Any],
    make_hypothesis: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
) -> None:
    run = open_campaign()
    run.propose(1, 1, make_hypothesis(run))
    run.register(1)
    ran = dict(run._runner.ran)
    with monkeypatch.context() as patch:
        with_another_source(patch, AXIS, **changes)
        run.run_jobs(1)
    assert dict(run._runner.ran) == ran
    run.judge(1)
    run.record(1)
    (row,) = hypothesis_rows(run.ledger)
    assert (row.verdict, row.failure_code, row.observed, row.t) == (Verdict.ERROR, "tool_error", False, None)
    assert f"the plan locks {AXIS}@1 of source {get_tool(AXIS).source_sha256[:12]}" in str(row.failure_reason)
    assert "put the locked one back" in str(row.failure_reason)
    assert verify_decisions(run.ledger, deep=True) == []


def forged(original: Path, folder: Path, change: Callable[[Entry, dict[str, Any]], None]) -> Ledger:
    """Write a ledger anew with other payloads and fitting hashes, as one who can write the whole chain would."""
    shutil.copytree(original / "artefacts", folder / "artefacts")
    written, names = Ledger.create(folder / "ledger.sqlite"), dict[str, str]()
    with Ledger.open(original / "ledger.sqlite", read_only=True) as ledger:
        for entry in ledger.entries():
            payload = copy.deepcopy(entry.payload)
            change(entry, payload)
            if entry.kind is EntryKind.REGISTRATION:
                names[payload["prereg_sha256"]] = digest(payload["plan"])
            if "prereg_sha256" in payload:
                payload["prereg_sha256"] = names[payload["prereg_sha256"]]
            written.append(entry.kind, entry.id, entry.subject, payload)
    return written


def test_jobs_of_another_source_than_the_locked_one_are_reported_without_any_artefact(
    small_world: Any, tmp_path: Path
) -> None:
    def lock_another(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.kind is EntryKind.REGISTRATION and entry.subject.endswith("r01.s001"):
            payload["plan"]["tool_sha256"] = "1" * 64

    with forged(small_world.finished(), tmp_path / "forged", lock_another) as ledger:
        (problem,) = verify_decisions(ledger)
    assert str(problem.id).endswith("r01.s001/result")
    assert "its jobs are not those of" in problem.what and "by the source 111111111111 that was locked" in problem.what


def test_jobs_whose_plan_states_no_source_are_taken_as_they_are(small_world: Any, tmp_path: Path) -> None:
    def older(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.kind is EntryKind.REGISTRATION:
            del payload["plan"]["tool_sha256"]

    with forged(small_world.finished(), tmp_path / "older", older) as ledger:
        assert verify_decisions(ledger) == []


def told(kind: EntryKind, payload: dict[str, Any]) -> Entry:
    return Entry(1, "an id", kind, "small/r01.s001", json.loads(json.dumps(payload)), "", "", "", "")


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (None, "is a plug-in, and no check of it by `tools check` stands before this registration"),
        ({"source_sha256": "2" * 64}, "no check of it by `tools check` stands before"),
        ({"version": "2"}, "no check of it by `tools check` stands before"),
        ({"fit": False}, "its last check before this registration found it above its level"),
        ({}, ""),
    ],
)
def test_a_plug_in_needs_a_check_of_its_source_before_its_registration(
    example_plan: Plan, check: dict[str, Any] | None, said: str
) -> None:
    hypothesis = example_plan.hypothesis.model_copy(update={"tool": "own.first@1"})
    plan = example_plan.model_copy(update={"hypothesis": hypothesis, "tool_sha256": "1" * 64})
    locked = LockedTools()
    if check is not None:
        record = {"tool": "own.first", "version": "1", "source_sha256": "1" * 64, "fit": True} | check
        assert list(locked.defects(told(EntryKind.TOOL_CHECK, record))) == []
    found = list(locked.defects(told(EntryKind.REGISTRATION, {"plan": plan.model_dump(mode="json")})))
    assert len(found) == bool(said)
    assert said in "".join(found)
    # A check that comes later changes nothing, and a built-in instrument needs none.
    built_in = example_plan.model_copy(update={"tool_sha256": "1" * 64})
    assert list(locked.defects(told(EntryKind.REGISTRATION, {"plan": built_in.model_dump(mode="json")}))) == []
