"""Replay: recorded levels, verdicts and gate numbers follow from what came before them, or are reported."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.canonical import digest
from theodolite.experiments.replay import verify_decisions
from theodolite.measurements import load_measurement
from theodolite.store import Entry, EntryKind, Ledger, verify

Change = Callable[[Entry, dict[str, Any]], None]


@pytest.fixture(params=[1, 2], ids=["one block", "two blocks"])
def finished(request: pytest.FixtureRequest, small_world: Any) -> Path:
    return small_world.finished(request.param)


def test_a_finished_campaign_replays(finished: Path) -> None:
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        assert verify(ledger).ok
        assert verify_decisions(ledger) == []


def test_a_finished_campaign_replays_from_its_measurements(small_world: Any) -> None:
    with Ledger.open(small_world.finished(2) / "ledger.sqlite", read_only=True) as ledger:
        assert verify_decisions(ledger, deep=True) == []


@dataclass
class Forgery:
    """A second ledger with some payloads altered: an attacker who can write the whole chain anew."""

    original: Path
    folder: Path
    changed: list[str] = field(default_factory=list)

    def write(self, change: Change, order: Callable[[list[Entry]], list[Entry]] = list) -> Ledger:
        shutil.copytree(self.original / "artefacts", self.folder / "artefacts")
        forged = Ledger.create(self.folder / "ledger.sqlite")
        with Ledger.open(self.original / "ledger.sqlite", read_only=True) as ledger:
            for entry in order(list(ledger.entries())):
                payload = copy.deepcopy(entry.payload)
                change(entry, payload)
                if payload != entry.payload:
                    self.changed.append(entry.id)
                forged.append(entry.kind, entry.id, entry.subject, payload)
        return forged


@pytest.fixture
def forgery(small_world: Any, tmp_path: Path) -> Forgery:
    return Forgery(small_world.finished(2), tmp_path / "forged")


def first(kind: EntryKind, change: Callable[[dict[str, Any]], None]) -> Change:
    done: list[str] = []

    def apply(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.kind is kind and not done:
            before = copy.deepcopy(payload)
            change(payload)
            if payload != before:
                done.append(entry.id)

    return apply


def test_an_unchanged_copy_is_no_forgery(forgery: Forgery) -> None:
    with forgery.write(lambda entry, payload: None) as ledger:
        assert verify_decisions(ledger) == []
        assert forgery.changed == []


def _swapped(entries: list[Entry], first: int, second: int) -> list[Entry]:
    swapped = list(entries)
    swapped[first], swapped[second] = entries[second], entries[first]
    return swapped


def _of_kind(entries: list[Entry], kind: EntryKind) -> list[int]:
    return [place for place, entry in enumerate(entries) if entry.kind is kind]


@pytest.mark.parametrize("which", [0, 2, 4], ids=lambda number: f"verdicts {number + 1} and {number + 2}")
def test_two_verdicts_in_another_order_do_not_follow(forgery: Forgery, which: int) -> None:
    """Levels depend on what was spent and supported before: two neighbours of one stream cannot change places."""

    def order(entries: list[Entry]) -> list[Entry]:
        places = _of_kind(entries, EntryKind.VERDICT)[which : which + 2]
        assert len({entries[place].payload["settlement"]["stream"] for place in places}) == 1
        return _swapped(entries, *places)

    with forgery.write(lambda entry, payload: None, order) as ledger:
        assert verify(ledger).ok
        problems = verify_decisions(ledger)
    assert any("its settlement does not follow from the rows before it: " in problem.what for problem in problems)
    assert len({problem.id for problem in problems}) >= 2


def test_levels_that_no_rule_gives_are_reported_and_do_not_break_the_replay(forgery: Forgery) -> None:
    names: dict[str, str] = {}

    def shorten(entry: Entry, payload: dict[str, Any]) -> None:
        """Say of every plan that its stream had one level only, and make all hashes fit."""
        if entry.kind is EntryKind.REGISTRATION:
            payload["plan"]["level"]["n_max"] = 1
            names[payload["prereg_sha256"]] = digest(payload["plan"])
        if "prereg_sha256" in payload:
            payload["prereg_sha256"] = names[payload["prereg_sha256"]]

    with forgery.write(shorten) as ledger:
        problems = verify_decisions(ledger)
        verdicts = {entry.id for entry in ledger.entries(kind=EntryKind.VERDICT)}
    assert {problem.id for problem in problems} & verdicts
    assert any("stream" in problem.what for problem in problems)


def _exchanged(kind: EntryKind, fields: tuple[str, ...]) -> tuple[Change, Callable[[list[Entry]], list[Entry]]]:
    """Return how to give two slots of a round each other's content, row by row; the order of rows stays."""
    content: dict[str, dict[str, Any]] = {}

    def order(entries: list[Entry]) -> list[Entry]:
        one, two = (entries[place] for place in _of_kind(entries, kind)[:2])
        content[one.id], content[two.id] = two.payload, one.payload
        return entries

    def change(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.id in content:
            payload |= {field: copy.deepcopy(content[entry.id][field]) for field in fields}

    return change, order


@pytest.mark.parametrize(
    ("kind", "fields", "deep"),
    [
        (EntryKind.RESULT, ("measurements",), True),
        (EntryKind.JUDGEMENT, ("judgement",), False),
        (EntryKind.VERDICT, ("settlement",), False),
    ],
    ids=["results", "judgements", "verdicts"],
)
def test_two_rows_that_exchanged_their_content_are_reported(
    forgery: Forgery, kind: EntryKind, fields: tuple[str, ...], deep: bool
) -> None:
    if kind is EntryKind.VERDICT:
        # Their indices stay, so that no level is spent twice: only what was found changes hands.
        change, order = _exchanged(kind, fields)

        def keep_index(entry: Entry, payload: dict[str, Any]) -> None:
            own = payload["settlement"]["t"] if entry.kind is kind else None
            change(entry, payload)
            if entry.kind is kind:
                payload["settlement"]["t"] = own

        forged = forgery.write(keep_index, order)
    else:
        forged = forgery.write(*_exchanged(kind, fields))
    with forged as ledger:
        assert verify(ledger).ok
        problems = verify_decisions(ledger, deep=deep)
    assert len(forgery.changed) == 2
    slots = {identifier.rpartition("/")[0] for identifier in forgery.changed}
    assert slots <= {problem.id.rpartition("/")[0] for problem in problems}


def set_verdict(payload: dict[str, Any]) -> None:
    if payload["settlement"]["verdict"] == "supported":
        payload["settlement"]["verdict"] = "refuted"


def raise_verdict(payload: dict[str, Any]) -> None:
    if payload["settlement"]["verdict"] in {"inconclusive", "invalid", "refuted"}:
        payload["settlement"]["verdict"] = "supported"


def set_alpha(payload: dict[str, Any]) -> None:
    if payload["settlement"]["alpha"] is not None:
        payload["settlement"]["alpha"] = repr(float(payload["settlement"]["alpha"]) * (1 + 1e-12))


def set_supports(payload: dict[str, Any]) -> None:
    if payload["settlement"]["supports_before"] is not None:
        payload["settlement"]["supports_before"] += 1


def drop_tag(payload: dict[str, Any]) -> None:
    payload["settlement"]["tags"] = []


def pass_gate(payload: dict[str, Any]) -> None:
    for gate in payload["settlement"]["gates"]:
        if gate["passed"] is False:
            gate["passed"] = True
            return


def soften(payload: dict[str, Any]) -> None:
    payload["settlement"]["next_step"] = "Publish."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_verdict, "verdict is 'refuted'"),
        (raise_verdict, "verdict is 'supported'"),
        (set_alpha, "alpha"),
        (set_supports, "supports_before"),
        (drop_tag, "tags"),
        (pass_gate, "passed is True"),
        (soften, "next_step is 'Publish.'"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_verdict_row_that_does_not_follow_is_reported(forgery: Forgery, change: Any, said: str) -> None:
    with forgery.write(first(EntryKind.VERDICT, change)) as ledger:
        # The chain itself is sound: only recomputation tells.
        assert verify(ledger).ok
        problems = verify_decisions(ledger)
    assert [problem.id for problem in problems][:1] == forgery.changed
    assert any(said in problem.what for problem in problems)


def better_p(payload: dict[str, Any]) -> None:
    judged = payload["judgement"]
    if judged["evidence"]:
        judged["p"] = "0.00001"


def fewer_exceedances(payload: dict[str, Any]) -> None:
    judged = payload["judgement"]
    if judged["evidence"]:
        judged["evidence"][0]["exceedances"] += 1


def larger_effect(payload: dict[str, Any]) -> None:
    effect = payload["judgement"]["effect"]
    if float(effect["estimate"]) > 0:
        effect["estimate"] = repr(float(effect["estimate"]) + 1e-6)


def gate_number(payload: dict[str, Any]) -> None:
    for gate in payload["judgement"]["gates"]:
        if gate["gate"] == "G9":
            gate["number"] = repr(float(gate["number"]) + 1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (better_p, "p is"),
        (fewer_exceedances, "evidence[0].exceedances"),
        (larger_effect, "effect.estimate"),
        (gate_number, "number"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_gate_number_that_the_measurements_do_not_give_is_reported(forgery: Forgery, change: Any, said: str) -> None:
    with forgery.write(first(EntryKind.JUDGEMENT, change)) as ledger:
        assert verify(ledger).ok
        problems = verify_decisions(ledger, deep=True)
    assert forgery.changed
    told = [problem.what for problem in problems if problem.id == forgery.changed[0]]
    assert any("judged again from its measurements" in what and said in what for what in told)


def test_a_difference_within_the_tolerance_of_floats_is_none(forgery: Forgery) -> None:
    def nudge(payload: dict[str, Any]) -> None:
        effect = payload["judgement"]["effect"]
        if float(effect["low"]) != 0:
            effect["low"] = repr(float(effect["low"]) * (1 + 1e-13))

    with forgery.write(first(EntryKind.JUDGEMENT, nudge)) as ledger:
        assert forgery.changed
        told = [problem for problem in verify_decisions(ledger, deep=True) if problem.id == forgery.changed[0]]
    assert told == []


def test_another_measurement_in_place_of_the_recorded_one_is_reported(forgery: Forgery) -> None:
    stored = forgery.folder / "artefacts"

    def swap(payload: dict[str, Any]) -> None:
        with Ledger.open(forgery.original / "ledger.sqlite", read_only=True) as ledger:
            measured = load_measurement(ledger.artefacts.get(payload["measurements"]["main"]))
        better = type(measured)(**{**vars(measured), "score": np.asarray(vars(measured)["score"]) * -1.0})
        with Ledger.in_memory(artefacts=stored) as scratch:
            payload["measurements"]["main"] = scratch.artefacts.put(better.to_bytes())

    with forgery.write(first(EntryKind.RESULT, swap)) as ledger:
        assert verify(ledger).ok
        assert verify_decisions(ledger) == []
        assert any("judged again" in problem.what for problem in verify_decisions(ledger, deep=True))


def test_another_reference_in_place_of_the_recorded_one_is_reported(forgery: Forgery) -> None:
    stored = forgery.folder / "artefacts"

    def swap(payload: dict[str, Any]) -> None:
        with Ledger.open(forgery.original / "ledger.sqlite", read_only=True) as ledger:
            text = ledger.artefacts.get(payload["artefact"]).decode()
        with Ledger.in_memory(artefacts=stored) as scratch:
            payload["artefact"] = scratch.artefacts.put(
                text.replace("decoy_1", "spare").replace("program_1", "decoy_1").replace("spare", "program_1").encode()
            )

    with forgery.write(first(EntryKind.CAMPAIGN, swap)) as ledger:
        assert verify(ledger).ok
        assert any("judged again" in problem.what for problem in verify_decisions(ledger, deep=True))


def test_a_lost_measurement_is_reported_by_deep_replay(forgery: Forgery) -> None:
    with forgery.write(lambda entry, payload: None) as ledger:
        result = next(ledger.entries(kind=EntryKind.RESULT))
        for file in (forgery.folder / "artefacts").rglob(f"*{result.payload['measurements']['main'][4:]}*"):
            file.unlink()
        problems = verify_decisions(ledger, deep=True)
    assert any("a measurement cannot be read" in problem.what for problem in problems)


def test_a_record_review_that_was_softened_no_longer_explains_the_verdict(small_world: Any, tmp_path: Path) -> None:
    class Strict:
        """Caps every verdict at inconclusive."""

        def __init__(self) -> None:
            from theodolite.agents import LintReviewer

            self._inner = LintReviewer()

        def review_plan(self, plan: Any) -> Any:
            return self._inner.review_plan(plan)

        def review_record(self, *record: Any) -> Any:
            return self._inner.review_record(*record).model_copy(update={"cap": "inconclusive"})

    spec = small_world.spec(budget={"experiments": 2})
    small_world.run_in_process(tmp_path / "capped", spec, reviewer=Strict())
    forgery = Forgery(tmp_path / "capped", tmp_path / "forged")

    def soften(payload: dict[str, Any]) -> None:
        payload["cap"] = "none"

    with forgery.write(first(EntryKind.RECORD_REVIEW, soften)) as ledger:
        problems = verify_decisions(ledger)
    assert any("verdict is 'inconclusive', recomputed 'supported'" in problem.what for problem in problems)


def test_a_chain_written_anew_is_found_by_a_head_that_was_noted(forgery: Forgery) -> None:
    with Ledger.open(forgery.original / "ledger.sqlite", read_only=True) as ledger:
        noted = ledger.head().hash
        assert verify(ledger, expected_head=noted).ok
    with forgery.write(first(EntryKind.VERDICT, set_verdict)) as ledger:
        assert not verify(ledger, expected_head=noted).ok
