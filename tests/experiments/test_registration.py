"""Registration: what is locked, and what is refused before anything is spent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theodolite.claims import Author, Direction, Hypothesis
from theodolite.data import DISCOVERY, Reference
from theodolite.experiments import CampaignRun, StepError
from theodolite.gates import BASELINES
from theodolite.gates.exploration import exploratory_effects
from theodolite.gates.stream import e_lond_level
from theodolite.measurements import load_measurement
from theodolite.plans import Plan
from theodolite.sources import Source
from theodolite.store import EntryKind, hypothesis_rows, refusal_rows, stream_state
from theodolite.tools import get_tool

Open = Callable[..., CampaignRun]
Make = Callable[..., Hypothesis]
Go = Callable[..., None]


def register(run: CampaignRun, *hypotheses: Hypothesis, number: int = 1) -> list[str]:
    """Propose and register a round; return for each slot the code of its refusal or ``registered``."""
    for slot, hypothesis in enumerate(hypotheses, start=1):
        run.propose(number, slot, hypothesis)
    run.register(number)
    codes = {row.subject: row.code for row in refusal_rows(run.ledger)}
    return [codes.get(run.subject(number, slot), "registered") for slot in range(1, len(hypotheses) + 1)]


def reason(run: CampaignRun) -> str:
    return refusal_rows(run.ledger)[-1].reason


def test_a_plan_locks_everything_that_decides(open_campaign: Open, make_hypothesis: Make) -> None:
    run = open_campaign()
    assert register(run, make_hypothesis(run)) == ["registered"]
    plan = run.plans(1)[1]
    setting = run.setting
    assert plan.params == {"layer": 0, "axis": 1}
    assert plan.variants == ("main", *BASELINES) == setting.variants_of("axes")
    assert set(plan.fitted) == {*plan.variants, *(f"loci of {variant}" for variant in BASELINES)}
    assert plan.reference_sha256 == setting.references["program_1"].sha256
    assert (plan.cells_sha256, plan.model_sha256) == (setting.cells.sha256, setting.model.sha256)
    assert (plan.catalogue, plan.evidence, plan.unit, plan.selected_on) == ("2", "p", "homology family", "discovery")
    assert plan.null_panel == ("family_block_swap", "stratified_labels")
    assert plan.ablation is None
    assert plan.block.id == setting.split.block_id("block-1")
    assert (plan.level.rule, plan.level.supports_per_block) == ("e-lond", None)
    assert plan.level.provisional_alpha == e_lond_level(1, 0, 0.10, 12).alpha
    assert plan.minimum_detectable_effect <= 1.5 * plan.sesoi
    entry = next(run.ledger.entries(kind=EntryKind.REGISTRATION))
    assert entry.payload["prereg_sha256"] == plan.sha256


def test_a_tool_that_fits_nothing_names_no_axes(open_campaign: Open, make_hypothesis: Make) -> None:
    run = open_campaign()
    assert register(run, make_hypothesis(run, "program_2_pairs", tool="attention.edges")) == ["registered"]
    plan = run.plans(1)[1]
    assert set(plan.fitted) == {f"loci of {variant}" for variant in BASELINES}
    assert not set(plan.fitted) & set(plan.variants)


@pytest.mark.parametrize("tool", ["geometry.axis_separation", "geometry.pair_proximity", "attention.edges"])
def test_every_plan_names_each_baseline_at_its_own_best_place(
    open_campaign: Open, make_hypothesis: Make, small_world: Any, tool: str
) -> None:
    run = open_campaign()
    reference = "program_2" if tool == "geometry.axis_separation" else "program_2_pairs"
    assert register(run, make_hypothesis(run, reference, tool=tool)) == ["registered"]
    plan, setting = run.plans(1)[1], run.setting
    assert plan.loci is not None
    assert set(plan.loci) == set(BASELINES)
    places = [params.model_dump(mode="json") for params in get_tool(tool).params.enumerate(setting.model_shape)]
    labels = setting.labels(reference, DISCOVERY)
    for variant, own in plan.loci.items():
        # The recorded choice, made again from what the baseline shows on discovery genes at every place.
        shown = {}
        for number, place in enumerate(places):
            job = run._tool_job(get_tool(tool), place, DISCOVERY, variant)
            (outcome,) = small_world.runner(setting).submit([job])
            measured = load_measurement(Path(str(outcome.content_file)).read_bytes())
            shared = None if reference == "program_2" else setting.coexpression(DISCOVERY)
            adjustment = plan.hypothesis.claim.adjustment
            effect, _ = exploratory_effects(measured, {reference: labels}, adjustment, shared)[reference]
            shown[number] = abs(effect) if reference == "program_2" else effect
        assert own == places[max(shown, key=lambda number: shown[number])]
        stored = json.loads(run.ledger.artefacts.get(plan.fitted[f"loci of {variant}"]))
        assert stored[reference]["params"] == own


def test_what_a_pair_claim_holds_fixed_and_what_it_derives_from_are_locked(
    open_campaign: Open, make_hypothesis: Make
) -> None:
    run = open_campaign()
    pairs, genes = make_hypothesis(run, "program_2_pairs", tool="attention.edges"), make_hypothesis(run, "program_2")
    assert register(run, pairs, genes) == ["registered", "registered"]
    of_pairs, of_genes = run.plans(1)[1], run.plans(1)[2]
    assert of_genes.coexpression_sha256 is None
    assert of_pairs.null_panel == ("family_block_swap", "stratified_labels", "coexpression_strata")
    assert of_pairs.coexpression_sha256 == run.setting.coexpressed["block-1"]
    content = run.ledger.artefacts.get(str(of_pairs.coexpression_sha256))
    assert load_measurement(content).sha256 == run.setting.coexpression("block-1").sha256
    model, cells = f"model:{run.setting.model.name}", f"cells:{run.setting.cells.name}"
    for plan in (of_pairs, of_genes):
        assert plan.sources is not None
        assert plan.sources["score"] == (model, cells)
        # Hubs are a property of the scores; every other covariate is counted in the cells.
        counted = {item.value for item in plan.hypothesis.claim.adjustment} - {"degree"}
        assert {
            name: made for name, made in plan.sources.items() if name not in ("score", "reference")
        } == dict.fromkeys(counted, (cells,))


@pytest.mark.parametrize(
    "change",
    [
        {"direction": Direction.LESS},
        {"rationale": "quite another reason", "parents": ()},
        {"author": Author.PERSON},
        {},
    ],
    ids=str,
)
def test_a_paraphrase_is_a_duplicate(open_campaign: Open, make_hypothesis: Make, change: dict[str, Any]) -> None:
    run = open_campaign()
    first = make_hypothesis(run)
    assert register(run, first, make_hypothesis(run, **change)) == ["registered", "duplicate"]
    assert "does not make it new" in reason(run)


def test_a_duplicate_is_found_over_rounds_and_campaigns(
    open_campaign: Open, make_hypothesis: Make, go_round: Go
) -> None:
    run = open_campaign()
    go_round(run, 1, [make_hypothesis(run, "decoy_1")])
    assert register(run, make_hypothesis(run, "decoy_1"), number=2) == ["duplicate"]
    later = open_campaign("later", seed=2)
    assert register(later, make_hypothesis(later, "decoy_1")) == ["duplicate"]


def test_what_was_inconclusive_may_come_back_on_an_unused_block(
    open_campaign: Open, make_hypothesis: Make, strongest: Make, go_round: Go, small_world: Any
) -> None:
    # A decoy that leans towards what counts on the first block: neither supported nor ruled out.
    terms = {"sesoi": {"GeneScores": 0.22}, "error": {"q": 0.4}}
    run = open_campaign(**small_world.two_blocks | terms)
    undecided = make_hypothesis(run, "decoy_1", direction=Direction.LESS)
    go_round(run, 1, [strongest(run, "program_1"), undecided])
    first = hypothesis_rows(run.ledger, hypothesis_id=undecided.id)[0]
    assert (run.block, first.verdict) == ("block-2", "inconclusive")
    # On another block it is tested anew and spends anew; on the same block, or a reused one, it is a duplicate.
    go_round(run, 2, [undecided, undecided, strongest(run, "program_2")])
    assert [row.status for row in hypothesis_rows(run.ledger, round=2)] == ["verdict", "refused", "verdict"]
    again = hypothesis_rows(run.ledger, hypothesis_id=undecided.id)[1]
    assert (again.block_id, again.t) == (run.setting.split.block_id("block-2"), 3)
    assert run.blocks_spent()
    assert register(run, undecided, strongest(run, "program_1"), number=3) == ["duplicate", "duplicate"]


def test_whether_a_hypothesis_may_come_back_tells_an_agent_nothing_of_an_open_block(
    open_campaign: Open, make_hypothesis: Make, go_round: Go, small_world: Any
) -> None:
    """A claim that was refuted is a duplicate; were an inconclusive one none, the answer would be a second bit."""
    terms = small_world.two_blocks | {"sesoi": {"GeneScores": 0.22}, "error": {"q": 0.4}}
    run = open_campaign(**terms)
    undecided = make_hypothesis(run, "decoy_1", direction=Direction.LESS)
    go_round(run, 1, [undecided])
    assert hypothesis_rows(run.ledger, hypothesis_id=undecided.id)[0].verdict == "inconclusive"
    assert run.block == "block-1", "no support: its block is open"
    later = open_campaign("later", **terms | {"seed": 2})
    assert later.block == "block-2", "who wrote its file may have seen the first"
    by_person = undecided.model_copy(update={"author": Author.PERSON})
    assert register(later, undecided, by_person) == ["duplicate", "registered"], "people can read how it ended"


def test_a_place_that_the_tool_does_not_have_is_refused(open_campaign: Open, make_hypothesis: Make) -> None:
    run = open_campaign()
    places = [
        {"kind": "axis", "layer": 3, "index": (1,)},
        {"kind": "axis", "layer": 0, "index": (7,)},
        {"kind": "head", "layer": 1, "index": (1,)},
    ]
    answers = register(run, *(make_hypothesis(run, locus=place) for place in places))
    assert answers == ["invalid_locus"] * 3
    assert "geometry.axis_separation has no layer 1 head 1 in planted-model" in reason(run)


def test_a_place_without_an_axis_is_refused_too(open_campaign: Open, make_hypothesis: Make) -> None:
    run = open_campaign()
    assert register(run, make_hypothesis(run, locus={"kind": "layer", "layer": 1})) == ["invalid_locus"]


def test_a_reference_that_the_campaign_does_not_have_is_refused(open_campaign: Open, make_hypothesis: Make) -> None:
    run = open_campaign()
    sound = make_hypothesis(run)
    unknown = sound.claim.reference.model_copy(update={"name": "elsewhere"})
    absent = sound.model_copy(update={"claim": sound.claim.model_copy(update={"reference": unknown})})
    assert register(run, absent) == ["mismatch"]


def test_a_reference_that_is_too_small_is_not_testable(open_campaign: Open, make_hypothesis: Make) -> None:
    run = open_campaign()
    answers = register(
        run,
        make_hypothesis(run, "too_small"),
        make_hypothesis(run, "too_small_pairs", tool="geometry.pair_proximity"),
    )
    assert answers == ["not_testable"] * 2
    assert "at least 30 in 8" in reason(run)
    assert "larger reference" in reason(run)


def test_a_claim_that_does_not_follow_from_its_tool_and_reference_is_refused(
    open_campaign: Open, make_hypothesis: Make
) -> None:
    run = open_campaign()
    sound = make_hypothesis(run)
    unadjusted = sound.model_copy(update={"claim": sound.claim.model_copy(update={"adjustment": ()})})
    other = sound.claim.reference.model_copy(update={"sha256": "0" * 64})
    elsewhere = sound.model_copy(update={"claim": sound.claim.model_copy(update={"reference": other})})
    borrowed = sound.model_copy(update={"tool": "geometry.pair_proximity@1"})
    assert register(run, unadjusted, elsewhere, borrowed) == ["mismatch"] * 3
    assert "follow from tool, reference, model and cells" in reason(run)


def test_a_set_tool_makes_no_claim_about_pairs(open_campaign: Open, make_hypothesis: Make) -> None:
    run = open_campaign()
    assert register(run, make_hypothesis(run, "program_1_pairs")) == ["mismatch"]


@pytest.mark.parametrize("ancestor", ["cells", "model"])
@pytest.mark.parametrize("declared", ["by content", "by name"])
def test_a_reference_that_was_made_from_what_the_score_reads_is_a_leak(
    open_campaign: Open,
    make_hypothesis: Make,
    small_world: Any,
    settings_of: Callable[..., Any],
    ancestor: str,
    declared: str,
) -> None:
    setting = settings_of()
    clean = next(item for item in small_world.planted.references if item.id == "program_1")
    used = getattr(setting, ancestor)
    source = Source("renamed input", used.sha256) if declared == "by content" else Source(f"{ancestor}:{used.name}")
    markers = Reference(
        id="markers",
        title="markers of clusters of these very cells",
        kind="set",
        members=clean.members,
        definition="found by clustering",
        origins=(Source("clustering", "1" * 64, (source,)),),
    )
    run = open_campaign(sets=[clean, markers])
    answers = register(
        run,
        make_hypothesis(run, "markers"),
        make_hypothesis(run, "markers_pairs", tool="geometry.pair_proximity"),
        make_hypothesis(run, "program_1", locus={"kind": "axis", "layer": 0, "index": (2,)}),
    )
    assert answers == ["leak", "leak", "registered"]
    assert "derives from" in refusal_rows(run.ledger)[0].reason


def test_a_test_that_could_not_find_what_counts_is_underpowered(open_campaign: Open, make_hypothesis: Make) -> None:
    run = open_campaign(sesoi={"GeneScores": 0.1})
    assert register(run, make_hypothesis(run)) == ["underpowered"]
    assert "would be found nine times in ten, 0.15 or less is asked for" in reason(run)


def test_power_is_asked_at_the_level_the_test_may_get(open_campaign: Open, make_hypothesis: Make) -> None:
    run = open_campaign(sesoi={"GeneScores": 0.15})
    proposals = [
        make_hypothesis(run, "program_2", locus={"kind": "axis", "layer": layer, "index": (axis,)})
        for layer in (0, 1)
        for axis in range(1, 6)
    ]
    answers = register(run, *proposals)
    # Levels fall within a round, so what is powered early is not powered later; refusals cost nobody a level.
    assert answers[0] == "registered"
    first = answers.index("underpowered")
    assert answers[first:] == ["underpowered"] * (len(answers) - first)
    assert [plan.level.provisional_t for plan in run.plans(1).values()] == list(range(1, first + 1))


def test_a_stream_without_levels_is_exhausted(open_campaign: Open, make_hypothesis: Make, go_round: Go) -> None:
    run = open_campaign(error={"n_max": 2})
    answers = register(run, *(make_hypothesis(run, name) for name in ("decoy_1", "decoy_2", "program_1")))
    assert answers == ["registered", "registered", "exhausted"]
    assert "stream of 2" in reason(run)
    run.run_jobs(1)
    run.judge(1)
    run.record(1)
    run.close_round(1)
    assert stream_state(run.ledger, "main").t == 2
    assert register(run, make_hypothesis(run, "program_2"), number=2) == ["exhausted"]


def test_a_spent_hold_out_stops_a_campaign_that_says_so(
    open_campaign: Open, make_hypothesis: Make, strongest: Make, go_round: Go
) -> None:
    run = open_campaign(spent_blocks="stop")
    go_round(run, 1, [strongest(run, "program_1")])
    assert run.blocks_spent()
    assert register(run, make_hypothesis(run, "program_2"), number=2) == ["hold_out"]


def test_refusals_spend_nothing_and_leave_no_plan(open_campaign: Open, make_hypothesis: Make, go_round: Go) -> None:
    run = open_campaign()
    refused = [
        make_hypothesis(run, "too_small"),
        make_hypothesis(run, locus={"kind": "head", "layer": 1, "index": (1,)}),
    ]
    go_round(run, 1, [*refused, make_hypothesis(run, "decoy_1")])
    assert list(run.plans(1)) == [3]
    assert run.plans(1)[3].level.provisional_t == 1
    assert stream_state(run.ledger, "main").t == 1
    assert run.registered() == 1
    statuses = [row.status for row in hypothesis_rows(run.ledger)]
    assert statuses == ["refused", "refused", "verdict"]


@pytest.mark.parametrize(("field", "value"), [("q", 0.2), ("n_max", 13)])
def test_a_locked_stream_refuses_other_terms(open_campaign: Open, field: str, value: float) -> None:
    head = open_campaign().ledger.head()
    with pytest.raises(StepError, match=rf"'main' was locked with {field} = .*asks for {value}.*another stream"):
        open_campaign("later", error={"n_max": 12, field: value})
    assert open_campaign().ledger.head() == head


def test_another_stream_has_terms_of_its_own(open_campaign: Open, make_hypothesis: Make) -> None:
    open_campaign()
    later = open_campaign("later", error={"stream": "second", "q": 0.2, "n_max": 5})
    register(later, make_hypothesis(later, "decoy_2"))
    level = later.plans(1)[1].level
    assert (level.stream, level.q, level.n_max, level.provisional_t) == ("second", 0.2, 5, 1)


def test_a_file_written_after_a_judged_round_cannot_use_its_block(
    open_campaign: Open, make_hypothesis: Make, go_round: Go
) -> None:
    # Whoever wrote the later file could have seen what the earlier campaign found, supported or not.
    run = open_campaign()
    go_round(run, 1, [make_hypothesis(run, "decoy_1"), make_hypothesis(run, "decoy_2")])
    assert stream_state(run.ledger, "main").t > 0
    assert not run.blocks_spent()
    for name, stream in (("later", "main"), ("elsewhere", "second")):
        later = open_campaign(name, error={"stream": stream})
        register(
            later, make_hypothesis(later, "program_2", locus={"kind": "axis", "layer": 0, "index": [len(name) % 3 + 1]})
        )
        plan = later.plans(1)[1]
        assert plan.block.reused
        assert plan.level.stream == f"{stream}/reused"


def test_a_later_campaign_continues_the_stream_of_reused_blocks(
    open_campaign: Open, make_hypothesis: Make, go_round: Go
) -> None:
    run = open_campaign()
    go_round(run, 1, [make_hypothesis(run, "decoy_1")])
    later = open_campaign("later", seed=99)
    go_round(later, 1, [make_hypothesis(later, "decoy_2")])
    spent = stream_state(run.ledger, "main/reused").t
    assert spent > 0
    third = open_campaign("third", seed=98)
    register(third, make_hypothesis(third, "program_2"))
    assert third.plans(1)[1].level.provisional_t == spent + 1


def test_a_ledger_keeps_one_split(open_campaign: Open) -> None:
    open_campaign()
    with pytest.raises(StepError, match="would change sides"):
        open_campaign("later", split={"seed": 2})


def test_plans_of_a_round_are_locked_before_any_of_them_runs(open_campaign: Open, make_hypothesis: Make) -> None:
    run = open_campaign()
    register(run, make_hypothesis(run), make_hypothesis(run, "decoy_1"))
    plans: list[Plan] = list(run.plans(1).values())
    # What an earlier slot of the round will show plays no part in the later slot's provisional level.
    assert [plan.level.provisional_t for plan in plans] == [1, 2]
    assert plans[1].level.provisional_alpha == e_lond_level(2, 0, 0.10, 12).alpha
