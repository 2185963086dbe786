"""Something is found bad: every verdict that rests on it falls, by rows, and what reads verdicts sees it."""

from __future__ import annotations

import copy
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from theodolite.claims import Verdict
from theodolite.experiments.dependence import Node, dependence
from theodolite.experiments.invalidating import invalidate, invalidation_of
from theodolite.experiments.nodes import named_nodes
from theodolite.experiments.replay import verify_decisions
from theodolite.plans import Plan
from theodolite.reports import verdict_lines
from theodolite.reports.leaning import _holds, leaning
from theodolite.reports.run_again import run_again
from theodolite.store import (
    Entry,
    EntryKind,
    Ledger,
    agent_view,
    block_rows,
    block_use,
    campaign_rows,
    hypothesis_rows,
    invalidated_rows,
    rebuild,
    refusal_rows,
    stream_rows,
    stream_state,
    stream_use,
    verify,
)
from theodolite.tools import get_tool, registry

AXIS = "geometry.axis_separation"
WHY = "vectors of genes outside the vocabulary are zero"


def fall(ledger: Ledger, name: str, reason: str = WHY) -> list[str]:
    """Invalidate a node by its name; return the slots whose rows were written."""
    nodes = named_nodes(name, dependence(ledger).nodes())
    return [item.subject for item in invalidate(ledger, nodes, name, reason=reason, person="Ada")]


def plans(ledger: Ledger) -> dict[str, Plan]:
    return {
        entry.subject: Plan.model_validate(entry.payload["plan"])
        for entry in ledger.entries(kind=EntryKind.REGISTRATION)
    }


@pytest.fixture
def ledger(small_world: Any, tmp_path: Path) -> Iterator[Ledger]:
    """A copy of the ledger of a finished campaign with a support, three rounds and several instruments."""
    shutil.copytree(small_world.finished(), tmp_path / "copy")
    with Ledger.open(tmp_path / "copy" / "ledger.sqlite") as opened:
        yield opened


def sound(ledger: Ledger) -> bool:
    return verify(ledger).problems == () and verify_decisions(ledger, deep=True) == []


EXPECTED: dict[str, Callable[[Node, Plan], bool]] = {
    "model": lambda node, plan: plan.model_sha256 == node.sha256,
    "cells": lambda node, plan: plan.cells_sha256 == node.sha256,
    "families": lambda node, plan: plan.families_sha256 == node.sha256,
    "split": lambda node, plan: plan.block.split_sha256 == node.sha256,
    "tool": lambda node, plan: plan.hypothesis.tool == node.name if node.sha256 else "main" in plan.fitted,
    "catalogue": lambda node, plan: plan.catalogue == node.name,
    "fit": lambda node, plan: node.sha256 in plan.fitted.values(),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_nodes_of_every_kind_turn_exactly_what_rests_on_them(ledger: Ledger, kind: str) -> None:
    node = next(item for item in dependence(ledger).nodes() if item.kind == kind)
    expected = {subject for subject, plan in plans(ledger).items() if EXPECTED[kind](node, plan)}
    assert set(fall(ledger, str(node))) == expected != set()
    for row in hypothesis_rows(ledger):
        turned = row.subject in expected
        assert (row.verdict is Verdict.INVALID and row.invalid_because is not None) == turned
        assert row.recorded_verdict == (row.verdict if not turned else row.recorded_verdict)
    assert sound(ledger)


@pytest.mark.parametrize("kind", ["reference", "job", "gate", "coexpression", "source"])
def test_what_few_tests_rest_on_turns_those_alone(ledger: Ledger, kind: str) -> None:
    known = dependence(ledger)
    for node, verdicts in known.nodes().items():
        if node.kind == kind:
            assert len(list(known.dependents([node]))) == verdicts > 0
    some = [node for node in known.nodes() if node.kind == kind]
    if kind in ("reference", "job"):
        assert any(len(list(known.dependents([node]))) < len(known.tests) for node in some)
    assert len(fall(ledger, str(some[-1]))) == known.nodes()[some[-1]]
    assert sound(ledger)


def test_rows_are_added_and_none_is_changed(ledger: Ledger) -> None:
    before = list(ledger.entries())
    fallen = fall(ledger, f"tool:{AXIS}")
    after = list(ledger.entries())
    assert after[: len(before)] == before
    first, *rest = after[len(before) :]
    assert (first.kind, first.payload["reason"], first.payload["person"]) == (EntryKind.INVALIDATION, WHY, "Ada")
    assert first.payload["verdicts"] == sorted(fallen)
    assert [(entry.kind, entry.subject) for entry in rest] == [(EntryKind.INVALIDATED, subject) for subject in fallen]
    recorded = {entry.subject: entry.payload["settlement"]["verdict"] for entry in before if entry.kind == "verdict"}
    assert all(entry.payload["was"] == recorded[entry.subject] for entry in rest)
    assert "supported" in {entry.payload["was"] for entry in rest}


def test_a_second_call_writes_nothing_and_the_first_reason_stands(ledger: Ledger) -> None:
    fall(ledger, f"tool:{AXIS}")
    head = ledger.head()
    assert fall(ledger, f"tool:{AXIS}@1", reason="another reason") == []
    assert ledger.head() == head
    nodes = named_nodes(f"tool:{AXIS}", dependence(ledger).nodes())
    found = invalidation_of(ledger, nodes, f"tool:{AXIS}")
    assert (found.reason, found.person, found.missing) == (WHY, "Ada", ())
    assert "supported" in {item.verdict for item in found.falling}


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_call_that_was_killed_between_rows_wrote_none_and_is_made_again(
    ledger: Ledger, small_world: Any, tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In part it would leave supports that later levels count."""
    append, written = Ledger.append_once, []

    def die(self: Ledger, kind: Any, *given: Any) -> Any:
        if kind is EntryKind.INVALIDATED:
            if len(written) == rows:
                raise KeyboardInterrupt
            written.append(given)
        return append(self, kind, *given)

    head = ledger.head()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Ledger, "append_once", die)
        fall(ledger, f"tool:{AXIS}")
    assert (ledger.head(), invalidated_rows(ledger), verify_decisions(ledger)) == (head, [], [])
    assert fall(ledger, f"tool:{AXIS}")
    assert sound(ledger)
    # The chain is the one of a call that nothing cut short.
    shutil.copytree(small_world.finished(), tmp_path / "whole")
    with Ledger.open(tmp_path / "whole" / "ledger.sqlite") as whole:
        fall(whole, f"tool:{AXIS}")
        assert whole.head().hash == ledger.head().hash


def test_two_reasons_to_fall_are_both_kept_and_the_first_is_shown(ledger: Ledger) -> None:
    fall(ledger, f"tool:{AXIS}")
    fall(ledger, "catalogue:2", reason="its resolution gate was wrong")
    assert sound(ledger)
    both = [row for row in invalidated_rows(ledger) if row.subject == invalidated_rows(ledger)[0].subject]
    assert [row.was for row in both][1:] == ["invalid"]
    (row,) = hypothesis_rows(ledger, subject=both[0].subject)
    assert row.invalid_because is not None and WHY in row.invalid_because


def test_levels_stay_spent_blocks_stay_retired_and_no_fallen_support_counts(ledger: Ledger) -> None:
    supported = [row for row in hypothesis_rows(ledger) if row.recorded_verdict is Verdict.SUPPORTED]
    assert supported
    stream, block = str(supported[0].stream), str(supported[0].block_id)
    before = stream_use(ledger, stream), block_use(ledger, block), block_rows(ledger)
    fall(ledger, "catalogue:2")
    assert stream_use(ledger, stream) == (before[0].t, 0)
    assert stream_state(ledger, stream) == (before[0].t, frozenset())
    assert block_use(ledger, block) == before[1]
    assert block_rows(ledger) == before[2]
    assert {row.t: row.alpha for row in hypothesis_rows(ledger, stream=stream) if row.t}.keys() == set(
        range(1, before[0].t + 1)
    )
    assert [row.supports for row in stream_rows(ledger)] == [0] * len(stream_rows(ledger))


def test_agents_are_told_of_no_support_and_may_try_again(ledger: Ledger) -> None:
    (campaign,) = [row.campaign for row in campaign_rows(ledger)]
    fallen = [row for row in hypothesis_rows(ledger) if row.tool == f"{AXIS}@1" and row.prereg_sha256]
    before = agent_view(ledger, campaign)
    assert any(bit.supported and bit.family == AXIS for bit in before.bits)
    fall(ledger, f"tool:{AXIS}")
    view = agent_view(ledger, campaign)
    assert not any(bit.family == AXIS for bit in view.bits)
    assert [bit for bit in view.bits if bit.family != AXIS] == [bit for bit in before.bits if bit.family != AXIS]
    assert not {row.hypothesis_id for row in fallen} & set(view.tried_hypotheses)
    (use,) = [use for use in view.families if use.family == AXIS]
    assert (use.supported, use.registered) == (0, len(fallen))
    told = [item for item in view.released if item.family == AXIS]
    assert told
    for item in told:
        assert (item.verdict, item.effect, item.p, item.unmet) == (Verdict.INVALID, None, None, ())
        assert item.next_step is not None and WHY in item.next_step
    assert AXIS not in view.retired_families
    rebuild(ledger)
    with Ledger.open(str(ledger.path), read_only=True) as again:
        assert agent_view(again, campaign) == view


def test_tables_of_verdicts_show_the_verdict_in_force_and_what_it_was(ledger: Ledger) -> None:
    was = {line.subject: line.outcome for line in verdict_lines(ledger)}
    fallen = set(fall(ledger, f"tool:{AXIS}"))
    for line in verdict_lines(ledger):
        if line.subject in fallen:
            assert (line.outcome, line.first_unmet) == ("invalid", "invalidated")
            assert line.unmet_sentence is not None and WHY in line.unmet_sentence
            assert line.next_step is not None and f"It was {was[line.subject]}" in line.next_step
        else:
            assert line.outcome == was[line.subject]


def test_what_to_run_again_is_a_command_or_a_reason_why_not(ledger: Ledger) -> None:
    known = dependence(ledger)
    (tool,) = named_nodes(f"tool:{AXIS}", known.nodes())
    (model,) = [node for node in known.nodes() if node.kind == "model"]
    for item in run_again(ledger, invalidation_of(ledger, [tool], str(tool))):
        assert item.command is not None
        assert item.command.startswith(f"theodolite propose finished.yaml --tool {AXIS} --reference ")
        assert "--place '" in item.command and "--direction " in item.command
        assert "raise its version" in item.first
    for item in run_again(ledger, invalidation_of(ledger, [model], str(model))):
        assert item.command is None
        assert f"the claim names {model} by its content" in item.first


# --- a campaign that goes on


@pytest.fixture
def with_another(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put another version of an instrument in the place of the registered one."""

    def put(name: str, **changes: Any) -> None:
        changed = dataclasses.replace(get_tool(name), **changes)
        monkeypatch.setattr(registry, "_REGISTRY", {**registry._REGISTRY, name: changed})

    return put


def test_nothing_that_rests_on_it_is_registered_until_another_takes_its_place(
    open_campaign: Callable[..., Any],
    strongest: Callable[..., Any],
    go_round: Callable[..., None],
    with_another: Callable[..., None],
) -> None:
    run = open_campaign()
    first = strongest(run, "program_1")
    go_round(run, 1, [first])
    (row,) = hypothesis_rows(run.ledger)
    assert row.verdict is Verdict.SUPPORTED
    fall(run.ledger, f"tool:{AXIS}")
    run.propose(2, 1, first)
    run.propose(2, 2, strongest(run, "program_2"))
    run.register(2)
    refused = {item.subject[-4:]: item for item in refusal_rows(run.ledger)}
    assert {item.code for item in refused.values()} == {"invalidated"}
    assert f"it rests on tool:{AXIS}@1" in refused["s001"].reason
    assert f"which Ada invalidated: {WHY}; correct the instrument and raise its version" in refused["s001"].reason
    run.close_round(2)
    assert sound(run.ledger)

    with_another(AXIS, version="2", source_sha256="2" * 64)
    later = open_campaign("later", error={"n_max": 12})
    again = first.model_copy(update={"tool": f"{AXIS}@2"})
    assert again.id == first.id
    later.propose(1, 1, again)
    later.register(1)
    plan = later.plan(1, 1)
    assert plan is not None and plan.block.reused and plan.tool_sha256 == "2" * 64
    assert verify_decisions(run.ledger) == []


def test_a_test_that_was_locked_before_is_settled_and_then_turned(
    open_campaign: Callable[..., Any], strongest: Callable[..., Any], go_round: Callable[..., None]
) -> None:
    run = open_campaign(**{"round_size": 2})
    go_round(run, 1, [strongest(run, "decoy_1")])
    for slot, reference in enumerate(("program_1", "program_2"), start=1):
        run.propose(2, slot, strongest(run, reference))
    run.register(2)
    run.run_jobs(2)
    run.judge(2)
    (first,) = fall(run.ledger, f"tool:{AXIS}")
    assert first.endswith("r01.s001")
    found = invalidation_of(run.ledger, named_nodes(f"tool:{AXIS}", dependence(run.ledger).nodes()), "")
    assert [subject[-8:] for subject in found.locked] == ["r02.s001", "r02.s002"]
    run.record(2)
    run.close_round(2)
    rows = hypothesis_rows(run.ledger, round=2)
    assert [row.recorded_verdict for row in rows] == [Verdict.SUPPORTED, Verdict.SUPPORTED]
    assert [row.verdict for row in rows] == [Verdict.INVALID, Verdict.INVALID]
    # The second drew its level after the first had fallen: it counted none.
    settled = [entry.payload["settlement"] for entry in run.ledger.entries(kind=EntryKind.VERDICT)]
    assert [item["supports_before"] for item in settled] == [0, 0, 0]
    # Levels are spent and the block is retired, for it gave its bits.
    assert stream_use(run.ledger, "main") == (3, 0)
    assert [row.retired_in_round for row in block_rows(run.ledger)] == [2]
    assert sound(run.ledger)


def test_a_round_that_was_locked_before_a_support_fell_gets_the_lower_level(
    open_campaign: Callable[..., Any], strongest: Callable[..., Any], go_round: Callable[..., None], small_world: Any
) -> None:
    run = open_campaign(**small_world.two_blocks)
    go_round(run, 1, [strongest(run, "program_1")])
    (first,) = hypothesis_rows(run.ledger)
    assert first.verdict is Verdict.SUPPORTED
    run.propose(2, 1, strongest(run, "program_2"))
    run.register(2)
    plan = run.plan(2, 1)
    assert plan is not None and not plan.block.reused
    (reference,) = [node for node in dependence(run.ledger).nodes() if node.name == "program_1"]
    assert fall(run.ledger, str(reference)) == [first.subject]
    run.run_jobs(2)
    run.judge(2)
    run.record(2)
    run.close_round(2)
    (second,) = hypothesis_rows(run.ledger, round=2)
    assert second.alpha == pytest.approx(plan.level.provisional_alpha / 2)
    assert sound(run.ledger)


def test_a_support_whose_level_counted_one_that_falls_is_named_and_stands(tmp_path: Path) -> None:
    """Five supports of the kept ledger of the first version, three of them of the instrument that falls."""
    kept = Path(__file__).parents[1] / "ledgers" / "pbmc-demo-0.1.0"
    shutil.copytree(kept, tmp_path / "kept")
    with Ledger.open(tmp_path / "kept" / "ledger.sqlite") as old:
        fallen = set(fall(old, f"tool:{AXIS}"))
        found = leaning(old, fallen)
        assert [(item.subject[-4:], item.holds) for item in found] == [("s004", True), ("s009", True)]
        assert leaning(old, set()) == found  # whether what fell is named or written makes no difference
        row = hypothesis_rows(old, subject=found[1].subject)[0]
        # It counted four supports before it, of which one stands: two fifths of the level are left.
        assert row.alpha is not None
        assert _holds(dataclasses.replace(row, p=0.39 * row.alpha), 2 / 5)
        assert not _holds(dataclasses.replace(row, p=0.41 * row.alpha), 2 / 5)
        assert _holds(dataclasses.replace(row, e=1 / (0.39 * row.alpha)), 2 / 5)
        assert not _holds(dataclasses.replace(row, e=1 / (0.41 * row.alpha)), 2 / 5)
        assert verify_decisions(old) == []


def test_a_campaign_killed_while_it_records_has_no_verdict_and_turns_all_when_it_goes_on(
    open_campaign: Callable[..., Any], strongest: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from theodolite.experiments import rounds

    run = open_campaign()
    run.propose(1, 1, strongest(run, "program_1"))
    run.propose(1, 2, strongest(run, "decoy_1"))
    run.register(1)
    run.run_jobs(1)
    run.judge(1)
    for name in ("settle", "turn_recorded"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(rounds, name, _dying(getattr(rounds, name), after=1))
            run.record(1)
        # The verdicts of a round and their turning are recorded together, or not at all.
        assert [row.verdict for row in hypothesis_rows(run.ledger)] == [None, None]
        if name == "settle":
            assert not fall(run.ledger, f"tool:{AXIS}")
    run.record(1)
    assert [row.verdict for row in hypothesis_rows(run.ledger)] == [Verdict.INVALID, Verdict.INVALID]
    run.close_round(1)
    assert sound(run.ledger)


def _dying(function: Callable[..., Any], *, after: int) -> Callable[..., Any]:
    calls = []

    def call(*given: Any, **named: Any) -> Any:
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(given)
        return function(*given, **named)

    return call


# --- what verification finds


Change = Callable[[Entry, dict[str, Any], str], bool]


def told_again(original: Ledger, folder: Path, change: Change) -> list[str]:
    """Write a chain anew, leaving out the rows for which a change says so; return what verification says."""
    shutil.copytree(original.artefacts.folder, folder / "artefacts")
    fallen = invalidated_rows(original)[0].subject
    with Ledger.create(folder / "ledger.sqlite") as forged:
        for entry in original.entries():
            payload = copy.deepcopy(entry.payload)
            if change(entry, payload, fallen):
                forged.append(entry.kind, entry.id, entry.subject, payload)
        return [problem.what for problem in verify_decisions(forged)]


def first_left_out(entry: Entry, payload: dict[str, Any], fallen: str) -> bool:
    return not (entry.kind is EntryKind.INVALIDATED and entry.subject == fallen)


def not_listed(entry: Entry, payload: dict[str, Any], fallen: str) -> bool:
    if entry.kind is EntryKind.INVALIDATION:
        del payload["verdicts"][0]
    return True


def of_another_node(entry: Entry, payload: dict[str, Any], fallen: str) -> bool:
    if entry.kind is EntryKind.INVALIDATION:
        payload["nodes"][0]["sha256"] = "9" * 64
    return True


def another_way(entry: Entry, payload: dict[str, Any], fallen: str) -> bool:
    if entry.kind is EntryKind.INVALIDATED and entry.subject == fallen:
        payload["path"] = ["model:another"]
    return True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (first_left_out, "rests on tool:geometry.axis_separation@1#"),
        (not_listed, "it leaves out "),
        (of_another_node, "it turns what does not rest on what was invalidated"),
        (of_another_node, "it invalidates what no test before it rests on"),
        (another_way, "path is ['model:another'], it follows as"),
    ],
)
def test_a_forged_or_partial_invalidation_is_named(ledger: Ledger, tmp_path: Path, change: Change, said: str) -> None:
    fall(ledger, f"tool:{AXIS}")
    found = told_again(ledger, tmp_path / "forged", change)
    assert any(said in what for what in found), found


def test_a_plan_that_was_locked_on_something_bad_is_named(ledger: Ledger, tmp_path: Path) -> None:
    """The row that invalidates an instrument, put before the last plan that locks it."""
    fall(ledger, f"tool:{AXIS}")
    (bad,) = ledger.entries(kind=EntryKind.INVALIDATION)
    last = [subject for subject, plan in plans(ledger).items() if plan.hypothesis.tool == f"{AXIS}@1"][-1]
    shutil.copytree(ledger.artefacts.folder, tmp_path / "artefacts")
    with Ledger.create(tmp_path / "ledger.sqlite") as forged:
        for entry in ledger.entries():
            if entry.kind is EntryKind.REGISTRATION and entry.subject == last:
                forged.append(bad.kind, bad.id, bad.subject, bad.payload)
            if entry.kind not in (EntryKind.INVALIDATION, EntryKind.INVALIDATED):
                forged.append(entry.kind, entry.id, entry.subject, entry.payload)
        found = [problem for problem in verify_decisions(forged) if "it was locked although" in problem.what]
    assert [str(problem.id) for problem in found] == [f"{last}/registration"]
