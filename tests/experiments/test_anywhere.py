"""A claim about any place goes through a campaign as every other does."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.canonical import digest
from theodolite.claims import Author, Direction, Hypothesis, Locus, LocusKind
from theodolite.experiments import CampaignRun, Look
from theodolite.experiments.rejudging import judged_again, under_catalogue
from theodolite.experiments.replay import verify_decisions
from theodolite.experiments.setting import Setting
from theodolite.gates import b_max, minimum_detectable_effect, p_level
from theodolite.gates.catalogue2 import case as cases
from theodolite.judgements import Judgement
from theodolite.measurements import load_measurement
from theodolite.plans import Plan
from theodolite.reports import slot_life
from theodolite.store import Entry, EntryKind, Ledger, hypothesis_rows, refusal_rows, verify
from theodolite.tools import ToolError, get_tool

ANY = Locus(kind=LocusKind.ANY)
PAIRS = "geometry.pair_proximity"


class Somewhere:
    """An executor that leaves places open, and takes from the looks no more than which tail is evidence."""

    name = "somewhere"

    def propose(self, run: CampaignRun, looks: Sequence[Look], slots: int) -> list[Hypothesis]:
        found = []
        for tool, reference in (("geometry.axis_separation", "program_1"), (PAIRS, "program_2_pairs")):
            effects = [look.effects[reference][0] for look in looks if look.tool.name == tool]
            instrument = get_tool(tool)
            found.append(
                Hypothesis(
                    claim=run.setting.claim(instrument, reference),
                    locus=ANY,
                    direction=Direction.GREATER if max(effects, key=abs) > 0 or tool == PAIRS else Direction.LESS,
                    tool=f"{tool}@{instrument.version}",
                    rationale="it may be anywhere",
                    author=Author.EXECUTOR,
                )
            )
        return found[:slots]


@dataclass
class Campaign:
    """A stopped campaign of claims about any place."""

    folder: Path

    def ledger(self) -> Ledger:
        return Ledger.open(self.folder / "ledger.sqlite", read_only=True)

    def plans(self) -> dict[str, Plan]:
        with self.ledger() as ledger:
            return {
                entry.subject: Plan.model_validate(entry.payload["plan"])
                for entry in ledger.entries(kind=EntryKind.REGISTRATION)
            }

    def forged(self, folder: Path, change: Callable[[Entry, dict[str, Any]], None]) -> Ledger:
        """Write the chain anew with some payloads altered, as an attacker could who owns the file."""
        shutil.copytree(self.folder / "artefacts", folder / "artefacts")
        forged = Ledger.create(folder / "ledger.sqlite")
        with self.ledger() as ledger:
            for entry in ledger.entries():
                payload = copy.deepcopy(entry.payload)
                change(entry, payload)
                forged.append(entry.kind, entry.id, entry.subject, payload)
        return forged


@pytest.fixture(scope="module")
def campaign(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = tmp_path_factory.mktemp("anywhere")
    small_world.run_in_process(folder, small_world.spec("anywhere", budget={"experiments": 2}), executor=Somewhere())
    return Campaign(folder)


def test_real_programs_are_found_without_naming_a_place(campaign: Campaign, small_world: Any) -> None:
    rows = small_world.rows(campaign.folder)
    supported = [row for row in rows if row.verdict == "supported"]
    assert {row.reference.removesuffix("_pairs") for row in supported} == small_world.real
    assert all(row.locus_kind == "any" and row.claim_text.endswith("somewhere in the model") for row in rows)


def test_the_lint_reviewer_has_no_objection(campaign: Campaign) -> None:
    with campaign.ledger() as ledger:
        reviews = [
            entry.payload
            for kind in (EntryKind.PLAN_REVIEW, EntryKind.RECORD_REVIEW)
            for entry in ledger.entries(kind=kind)
        ]
    assert reviews
    assert all(not review["objections"] and review["cap"] == "none" for review in reviews)


def test_the_plan_locks_the_list_and_the_result_names_every_measurement(campaign: Campaign) -> None:
    plans = campaign.plans()
    with campaign.ledger() as ledger:
        for result in ledger.entries(kind=EntryKind.RESULT):
            plan = plans[result.subject]
            assert plan.places is not None
            assert (plan.params, plan.loci) == ({}, None)
            assert len(plan.places.listed) == {"GeneScores": 24, "PairScores": 12}[plan.shape]
            assert set(result.payload["measurements"]) == set(result.payload["jobs"]) == set(plan.readings)
            assert f"counts@{plan.places.listed[3].locus}" in plan.readings


def test_the_record_names_the_place_that_was_found(campaign: Campaign) -> None:
    with campaign.ledger() as ledger:
        for row in hypothesis_rows(ledger):
            life = slot_life(ledger, row.subject)
            sentence = next(gate.sentence for gate in life.gates if gate.gate == "G9")
            assert life.found_at is not None
            assert f"at {life.found_at} than" in sentence or f"by axis_window_proximity at {life.found_at}" in sentence
            assert life.found_at not in row.claim_text


def test_every_number_is_found_again_from_its_measurements(campaign: Campaign) -> None:
    cases._known.clear()
    with campaign.ledger() as ledger:
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=True) == []


@pytest.fixture
def first_result(campaign: Campaign) -> Entry:
    with campaign.ledger() as ledger:
        return next(iter(ledger.entries(kind=EntryKind.RESULT)))


def problems(ledger: Ledger) -> list[str]:
    with ledger:
        assert verify(ledger).ok, "the forger made the chain fit"
        return [problem.what for problem in verify_decisions(ledger, deep=True)]


def test_another_place_on_record_is_noticed(campaign: Campaign, tmp_path: Path) -> None:
    def change(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.kind is EntryKind.JUDGEMENT:
            payload["judgement"]["place"] = {"kind": "axis", "layer": 0, "index": [6]}

    found = problems(campaign.forged(tmp_path, change))
    assert any("place" in problem for problem in found)


def test_a_measurement_of_another_place_is_noticed(campaign: Campaign, first_result: Entry, tmp_path: Path) -> None:
    """The strongest place is filled with what was measured at the weakest."""
    with campaign.ledger() as ledger:
        place = slot_life(ledger, first_result.subject).found_at
    other = next(
        name for name in first_result.payload["measurements"] if name.startswith("main@") and place not in name
    )

    def change(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.id == first_result.id:
            payload["measurements"][f"main@{place}"] = payload["measurements"][other]

    assert any(
        "judged again from its measurements" in problem for problem in problems(campaign.forged(tmp_path, change))
    )


def test_a_result_that_leaves_a_place_out_is_noticed(campaign: Campaign, first_result: Entry, tmp_path: Path) -> None:
    def change(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.id == first_result.id:
            payload["measurements"].pop(next(iter(payload["measurements"])))

    assert any("names no measurement of" in problem for problem in problems(campaign.forged(tmp_path, change)))


def test_a_shorter_list_is_another_plan_and_gives_other_numbers(campaign: Campaign, tmp_path: Path) -> None:
    """A forger who drops places and makes all hashes fit is caught by the gates and by the tool's own list."""
    names: dict[str, str] = {}

    def change(entry: Entry, payload: dict[str, Any]) -> None:
        if entry.kind is EntryKind.REGISTRATION:
            listed = payload["plan"]["places"]["listed"]
            payload["plan"]["places"]["listed"] = listed[: len(listed) // 2]
            names[payload["prereg_sha256"]] = digest(payload["plan"])
        if "prereg_sha256" in payload:
            payload["prereg_sha256"] = names[payload["prereg_sha256"]]

    assert any(
        "judged again from its measurements" in problem for problem in problems(campaign.forged(tmp_path, change))
    )


def test_a_changed_artefact_is_noticed(campaign: Campaign, first_result: Entry, tmp_path: Path) -> None:
    with campaign.forged(tmp_path, lambda entry, payload: None) as ledger:
        sha256 = first_result.payload["measurements"]["untrained(1)@layer 0 axis 1"]
        content = ledger.artefacts.get(sha256)
        assert load_measurement(content).sha256
        stored = next(path for path in (tmp_path / "artefacts").rglob(f"*{sha256[8:]}*"))
        stored.chmod(0o644)
        stored.write_bytes(content[:-8] + np.float64(1.0).tobytes())
        assert any("a measurement cannot be read" in item.what for item in verify_decisions(ledger, deep=True))


def test_judging_again_reads_the_same_measurements(campaign: Campaign, small_world: Any) -> None:
    plans = campaign.plans()
    with campaign.ledger() as ledger:
        result = next(iter(ledger.entries(kind=EntryKind.RESULT)))
        recorded = next(iter(ledger.entries(kind=EntryKind.JUDGEMENT, subject=result.subject)))
        plan = plans[result.subject]
        assert under_catalogue(plan) == plan
        name = plan.hypothesis.claim.reference.name
        reference = next(item for item in small_world.planted.references if item.id == name)
        again = judged_again(ledger, plan, result, frozenset(reference.genes))
    assert again == Judgement.model_validate(recorded.payload["judgement"])


def test_any_place_and_one_place_are_two_hypotheses_of_one_key(
    open_campaign: Any, make_hypothesis: Any, strongest: Any, go_round: Any
) -> None:
    run = open_campaign()
    here = strongest(run, "program_1_pairs", tool=PAIRS)
    anywhere = make_hypothesis(run, "program_1_pairs", tool=PAIRS, locus=ANY.model_dump())
    assert here.claim.key == anywhere.claim.key
    assert here.id != anywhere.id
    go_round(run, 1, [anywhere, here, anywhere])
    rows = hypothesis_rows(run.ledger)
    assert [row.verdict for row in rows[:2]] == ["supported", "supported"]
    assert [item.code for item in refusal_rows(run.ledger)] == ["duplicate"]
    closed = next(iter(run.ledger.entries(kind=EntryKind.ROUND)))
    assert closed.payload["supports"] == 1, "one key earns credit once"


def test_power_is_reckoned_at_the_level_of_one_place_among_all(open_campaign: Any, make_hypothesis: Any) -> None:
    run = open_campaign()
    run.propose(1, 1, make_hypothesis(run, "program_1_pairs", tool=PAIRS, locus=ANY.model_dump()))
    run.register(1)
    plan = run.plan(1, 1)
    spread = run.power.spread("PairScores", "program_1_pairs", run.block)
    held = plan.level.model_copy(update={"provisional_alpha": plan.null_alpha})
    assert plan.null_alpha == plan.level.provisional_alpha / 3
    assert plan.draws == b_max("p", held)
    alpha = p_level("p", held, plan.draws)
    assert plan.minimum_detectable_effect == pytest.approx(minimum_detectable_effect(spread, alpha / 12), abs=1e-6)


def test_a_list_that_is_not_the_closed_one_is_refused(
    open_campaign: Any, make_hypothesis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_campaign()
    whole = Setting.places
    changes: dict[str, Callable[[Any], Any]] = {
        "1 are missing": lambda places: places.model_copy(update={"listed": places.listed[1:]}),
        "order or number": lambda places: places.model_copy(update={"listed": places.listed[::-1]}),
        "a model of 1 layers": lambda places: places.model_copy(
            update={
                "n_layers": 1,
                "listed": tuple(item for item in places.listed if (item.locus.layer or 0) < 2),
            }
        ),
    }
    for number, (words, change) in enumerate(changes.items(), start=1):
        monkeypatch.setattr(Setting, "places", lambda self, tool, change=change: change(whole(self, tool)))
        run.propose(number, 1, make_hypothesis(run, "program_1_pairs", tool=PAIRS, locus=ANY.model_dump()))
        run.register(number)
        refusal = list(refusal_rows(run.ledger))[-1]
        assert refusal.code == "invalid_locus"
        assert words in refusal.reason


def test_an_instrument_with_one_place_is_asked_to_name_it(
    open_campaign: Any, make_hypothesis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lonely(self: Setting, tool: Any) -> Any:
        raise ToolError("one place; a claim about any place needs two")

    run = open_campaign()
    monkeypatch.setattr(Setting, "places", lonely)
    run.propose(1, 1, make_hypothesis(run, "program_1_pairs", tool=PAIRS, locus=ANY.model_dump()))
    run.register(1)
    assert next(iter(refusal_rows(run.ledger))).code == "invalid_locus"
