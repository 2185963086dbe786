"""Three sentences say of every hypothesis what was tested, what came out, and what would change it."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from theodolite.claims import Tag, Verdict
from theodolite.gates import catalogue1, catalogue2, catalogue_manifold
from theodolite.gates.catalogue1.judging import GATE_ORDER as FIRST
from theodolite.gates.catalogue1.judging import power_gate
from theodolite.gates.catalogue2.words import GATE_ORDER as SECOND
from theodolite.gates.catalogue_manifold.words import GATE_ORDER as OF_MANIFOLDS
from theodolite.gates.lint import minimum_counts
from theodolite.judgements import GateId
from theodolite.reports.plain_terms import more_needed, number_said, plainly
from theodolite.reports.plain_words import GLOSS, PlainWords, plain_words
from theodolite.reports.slot_lives import SlotLife, Turned, slot_life
from theodolite.store import Ledger, RefusalCode, ReviewRow, SlotStatus, hypothesis_rows

LEDGERS = Path(__file__).parents[1] / "ledgers"
GATES = {
    catalogue1.CATALOGUE_VERSION: FIRST,
    catalogue2.CATALOGUE_VERSION: SECOND,
    catalogue_manifold.CATALOGUE_VERSION: OF_MANIFOLDS,
}


def readable(words: PlainWords, *names: str) -> PlainWords:
    """Refuse a sentence that is empty, holds a code or an absent value, or does not end."""
    for sentence in (words.tested, words.found, words.change):
        plain = sentence
        for name in names:
            plain = plain.replace(name, "Name")
        assert plain.strip(". ") and not plain[0].islower() and plain.endswith("."), sentence
        assert not re.search(r"\bNone\b|\bnan\b|[a-z]_[a-z]|\.\.|\{|\s\s|; [.;]|: \.| ,", plain), sentence
    return words


def told(life: SlotLife, **more: Any) -> PlainWords:
    """Return the sentences of a life, once they are found readable."""
    row = life.hypothesis
    return readable(plain_words(life, **more), row.model, row.context, row.locus)


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory, small_world: Any, trees: Any) -> dict[str, list[SlotLife]]:
    """Return the lives of all slots, by catalogue: of recorded ledgers and of small campaigns."""
    folders = [small_world.finished(), small_world.finished(2), trees.finished()]
    for kept in ("models-catalogue-2", "pbmc-demo-0.1.0"):
        folder = tmp_path_factory.mktemp("kept") / kept
        shutil.copytree(LEDGERS / kept, folder)
        Ledger.open(folder / "ledger.sqlite").close()
        folders.append(folder)
    found: dict[str, list[SlotLife]] = {}
    for folder in folders:
        with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
            for row in hypothesis_rows(ledger):
                life = slot_life(ledger, row.subject)
                assert life.plan is not None
                found.setdefault(life.plan["catalogue"], []).append(life)
    return found


def outcome_of(lives: dict[str, list[SlotLife]], verdict: Verdict, catalogue: str = "2") -> SlotLife:
    """Return a life that ended so, with the verdict that the gates gave."""
    return next(
        life
        for life in lives[catalogue]
        if life.hypothesis.verdict is verdict and life.hypothesis.machine_verdict is verdict
    )


def unmet(life: SlotLife, gate: str, **more: Any) -> SlotLife:
    """Return a life that ended inconclusive at a gate, whatever it met in truth."""
    named = {item.gate: item for item in life.gates}
    found = named.get(gate) or replace(life.gates[0], gate=gate, title="another", number=0.1, threshold=0.2)
    changed = replace(found, passed=False, **more)
    row = replace(
        life.hypothesis,
        verdict=Verdict.INCONCLUSIVE,
        recorded_verdict=Verdict.INCONCLUSIVE,
        machine_verdict=Verdict.INCONCLUSIVE,
        first_unmet=gate,
        next_step="Do this about it.",
        tags=(),
        cap="none",
    )
    gates = [changed if item.gate == gate else item for item in life.gates]
    return replace(life, hypothesis=row, gates=(*gates, *(() if gate in named else (changed,))))


def test_every_recorded_hypothesis_is_told(lives):
    assert set(lives) == set(GATES)
    for life in (life for some in lives.values() for life in some):
        words = told(life)
        row = life.hypothesis
        assert row.verdict is not None and row.verdict.value in words.found
        assert row.model in words.tested and row.context in words.tested
        assert ("nobody had looked at" in words.tested) is not bool(row.reused)


def test_support_is_told_with_its_gloss_and_scale(lives):
    words = told(outcome_of(lives, Verdict.SUPPORTED))
    assert GLOSS in words.found and "AUROC" in words.found and "95 % interval" in words.found
    assert "another model" in words.change
    of_anchors = told(outcome_of(lives, Verdict.SUPPORTED, "manifold-1"))
    assert GLOSS in of_anchors.found and "rank correlation" in of_anchors.found and "donors" in of_anchors.tested


def test_groups_that_cells_were_dealt_into_are_not_called_donors(lives):
    life = outcome_of(lives, Verdict.SUPPORTED, "manifold-1")
    dealt = told(replace(life, plan={**life.plan, "unit": "cells"}))
    assert "groups of cells" in dealt.tested and "interval over groups of cells" in dealt.found
    assert "donor" not in dealt.found


def test_every_tag_of_a_support_says_what_would_take_it_away(lives):
    life = outcome_of(lives, Verdict.SUPPORTED)
    tagged = replace(life, hypothesis=replace(life.hypothesis, tags=tuple(Tag)))
    assert told(tagged).change.count(";") == len(Tag)


def test_a_refutation_names_the_effect_that_is_ruled_out(lives):
    life = outcome_of(lives, Verdict.REFUTED)
    least = 0.5 + life.locked.sesoi
    words = told(life)
    assert f"an AUROC of {least:.2f} or more" in words.found and "is ruled out" in words.found
    assert "another place" in words.change


@pytest.mark.parametrize(("catalogue", "gate"), [(name, gate) for name, order in GATES.items() for gate in order])
def test_every_gate_that_may_be_unmet_is_named_with_a_remedy(lives, catalogue, gate):
    life = next(life for life in lives[catalogue] if life.hypothesis.effect is not None)
    changed = unmet(life, gate)
    words = told(changed)
    title = next(item.title for item in changed.gates if item.gate == gate)
    assert f"the gate “{title}” ({gate}) was not met" in words.found
    assert words.change != "Do this about it." and len(words.change) > 20


@pytest.mark.parametrize("gate", get_args(GateId))
def test_a_gate_that_stops_a_test_before_its_statistic_is_told_too(lives, gate):
    life = unmet(outcome_of(lives, Verdict.SUPPORTED), gate)
    row = replace(life.hypothesis, t=None, alpha=None, verdict=Verdict.INVALID, recorded_verdict=Verdict.INVALID,
                  machine_verdict=Verdict.INVALID)  # fmt: skip
    words = told(replace(life, hypothesis=row, judgement=None, nulls=()))
    assert "No effect was measured" in words.found and "invalid" in words.found


def test_power_says_how_many_more_are_needed(lives):
    life = outcome_of(lives, Verdict.SUPPORTED)
    plan = {**life.plan, "minimum_detectable_effect": str(2 * 1.5 * float(life.plan["sesoi"]))}
    words = told(unmet(replace(life, plan=plan), "G12b"))
    have = life.plan["reference_in_block"]
    # Twice the effect that may be needed takes four times as many: three times as many more.
    assert f"about {3 * have:,} more" in words.change and "nine times in ten" in words.change


def test_an_uncertain_effect_says_how_many_more_would_settle_it(lives):
    life = next(life for life in lives["2"] if life.hypothesis.first_unmet == "G5")
    words = told(life)
    gain = life.judgement.gain
    more = life.locked.reference_in_block * (((gain.estimate - gain.low) / gain.estimate) ** 2 - 1)
    assert f"about {int(more) + 1:,} more" in words.change
    assert "the counts alone" in words.change


def test_confounds_name_what_was_taken_out(lives):
    life = next(life for life in lives["2"] if life.locked.shape == "PairScores")
    sentence = "Holding co expression fixed: only 20 % of the raw effect is left (95 % interval 5 to 40 %)."
    words = told(unmet(life, "G4", sentence=sentence))
    assert "explained at least in part by co-expression" in words.change and "expression level" in words.change
    assert "only 20 % of the raw effect is left" in words.change


def test_evidence_says_how_far_it_is_from_its_level(lives):
    life = next(life for life in lives["2"] if life.hypothesis.e is not None and life.locked.evidence == "p")
    p_life = unmet(replace(life, hypothesis=replace(life.hypothesis, p=0.5)), "G3")
    assert re.search(r"The p of 0\.5 is [\d,.]+ times the [\d.]+ that its level asks for", told(p_life).change)
    betting = replace(life.hypothesis, evidence="e", e=10.0, alpha=0.01, multiplier=None)
    words = told(unmet(replace(life, hypothesis=betting), "G8"))
    assert "would have to be 10 times as large to reach 100" in words.change
    assert "e = 10" in words.found


def test_a_cap_names_whose_objection_it_is(lives):
    life = outcome_of(lives, Verdict.SUPPORTED)
    row = replace(life.hypothesis, verdict=Verdict.INCONCLUSIVE, recorded_verdict=Verdict.INCONCLUSIVE,
                  cap="inconclusive", first_unmet="G13")  # fmt: skip
    objection = {"code": "label_leak", "gate": "G4", "evidence": "x", "note": "the score was trained on these labels."}
    review = ReviewRow(row.subject, 2, 9, "a reviewer", "leak", "supported", 0.5, "inconclusive", [objection], None)
    words = told(replace(life, hypothesis=row, reviews=(review,)))
    assert "label leak" in words.change and "the score was trained on these labels" in words.change
    assert "said supported" in words.found and GLOSS not in words.found
    alone = told(replace(life, hypothesis=row, reviews=()))
    assert "supported" in alone.change
    capped = next(life for life in lives["2"] if life.controls and life.hypothesis.cap == "inconclusive")
    assert "which the reviewer ordered" in told(capped).change


REASONS = {
    "not_testable": "7 genes in 5 families in block-1 (at least 10 in 8); measure more genes of it",
    "underpowered": power_gate(0.60, 0.2).sentence,
}


@pytest.mark.parametrize("code", get_args(RefusalCode))
def test_every_refusal_gives_its_reason_and_a_remedy(lives, code):
    words = told(refused(lives, code, REASONS.get(code, "for a reason that is told")), genes_in_block=30)
    assert words.found.startswith("It was refused before it ran") and "was refused" in words.tested
    assert len(words.change) > 20


def test_refusals_by_count_and_power_say_how_many_more(lives):
    counts = told(refused(lives, "not_testable", REASONS["not_testable"]))
    assert "needs 3 more genes and 3 more families among them" in counts.change
    lint = minimum_counts("BipartiteScores", 20, 12)
    assert (
        "needs 10 more regulator-target pairs in the block"
        in told(refused(lives, "not_testable", lint.sentence)).change
    )
    power = told(refused(lives, "underpowered", REASONS["underpowered"]), genes_in_block=30)
    assert "about 90 more" in power.change and "(30 are there)" in power.change
    unknown = told(refused(lives, "underpowered", REASONS["underpowered"]))
    assert "4.0 times as many" in unknown.change


def refused(lives: dict[str, list[SlotLife]], code: str, reason: str) -> SlotLife:
    """Return a slot that was refused before it ran."""
    life = lives["2"][0]
    row = replace(
        life.hypothesis, status=SlotStatus.REFUSED, verdict=None, recorded_verdict=None, machine_verdict=None, t=None,
        effect=None, first_unmet=None, next_step=None, prereg_sha256=None, outcome="refused",
    )  # fmt: skip
    return SlotLife(row, None, f"{code}: {reason}", (), (), (), None, ())


@pytest.mark.parametrize("status", [status for status in SlotStatus if status.value not in ("refused", "verdict")])
def test_what_is_not_decided_says_what_it_waits_for(lives, status):
    life = lives["2"][0]
    row = replace(
        life.hypothesis, status=status, verdict=None, recorded_verdict=None, machine_verdict=None, t=None, effect=None,
        first_unmet=None, next_step=None,
    )  # fmt: skip
    plan = None if status is SlotStatus.PROPOSED else life.plan
    words = told(SlotLife(row, plan, None, (), (), (), None, ()))
    assert words.found.startswith("There is no verdict yet") and "next step" in words.change


@pytest.mark.parametrize(("verdict", "how"), [(Verdict.ERROR, "no result"), (Verdict.INVALID, "intervention failed")])
def test_a_failure_says_how_it_failed(lives, verdict, how):
    life = lives["2"][0]
    row = replace(
        life.hypothesis, verdict=verdict, recorded_verdict=verdict, machine_verdict=verdict, t=None, effect=None,
        first_unmet=None, next_step="Read why, and register it again; nothing was spent.", tags=(),
        failure_phase="measure", failure_code="tool_error", failure_reason="no answer within 5 s.",
    )  # fmt: skip
    words = told(replace(life, hypothesis=row, gates=(), nulls=(), judgement=None))
    assert how in words.found and "no answer within 5 s" in words.found and "nothing of the error stream" in words.found
    assert words.change.startswith("Read why")


def test_an_invalidation_says_what_was_found_to_be_bad(lives):
    life = outcome_of(lives, Verdict.SUPPORTED)
    why = "model:planted-model was invalidated by Ada: the weights are of another run"
    row = replace(life.hypothesis, verdict=Verdict.INVALID, invalid_because=why, tags=())
    turned = (Turned("model:planted-model", "the weights are of another run", "Ada", "supported", ("x",)),)
    words = told(replace(life, hypothesis=row, invalidations=turned))
    assert "It was supported when it was recorded" in words.found and "the weights are of another run" in words.found
    assert "registered anew" in words.change


def test_a_plan_that_this_version_cannot_read_leaves_the_rows(lives):
    for life in lives["2"]:
        words = told(replace(life, plan={"campaign": "x"}))
        assert life.hypothesis.verdict.value in words.found


def test_claims_of_any_form_are_told(lives):
    life = lives["2"][0]
    odd = replace(life.hypothesis, claim_text="x" * 10_000)
    assert len(told(replace(life, hypothesis=odd)).tested) < 1_500


def test_codes_are_put_into_words():
    assert plainly("the null stratified_labels is stuck.") == (
        "the null labels moved between genes of like expression is stuck"
    )
    assert plainly("not clear of untrained(1), static_embedding") == (
        "not clear of an untrained model, the model's gene vectors without the model"
    )
    assert plainly("mean_expression and an_unknown_code") == "expression level and an unknown code"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0"), (0.00002, "0.00002"), (0.0071, "0.0071"), (1e-9, "1.0e-09"), (97.5, "98"), (1234.0, "1,234")],
)
def test_numbers_are_written_as_people_write_them(value, said):
    assert number_said(value) == said


def test_what_no_number_could_mend_is_said_so():
    assert more_needed(10, 1e9, "edge", "edges") == "more than a hundred times as many edges"
    assert more_needed(40, 2.0, "edge", "edges") == "about 40 more edges (40 are there)"
