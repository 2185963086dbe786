"""Claims of depth go through a campaign as others do, beside every baseline that has layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from theodolite.claims import Author, Direction, Hypothesis, Locus, LocusKind, Relation
from theodolite.experiments import CampaignRun, Look
from theodolite.experiments.menus import directions_of, places_of
from theodolite.experiments.replay import verify_decisions
from theodolite.gates import BASELINES, preflight
from theodolite.gates.catalogue2.discipline import selection_discipline
from theodolite.plans import Plan
from theodolite.store import EntryKind, Ledger, refusal_rows, verify
from theodolite.tools import get_tool

TOOLS = ("depth.proximity_trend", "depth.proximity_peak", "depth.attention_trend", "depth.proximity_stability")
REFERENCE = "program_1_pairs"


class Depths:
    """An executor that makes one claim an instrument, and then claims a trend, and stability, of any span."""

    name = "depths"

    def propose(self, run: CampaignRun, looks: Sequence[Look], slots: int) -> list[Hypothesis]:
        found = []
        for name in (*TOOLS, TOOLS[0], TOOLS[-1]):
            tool = get_tool(name)
            look = next(item for item in looks if item.tool.name == name and REFERENCE in item.effects)
            anywhere = len(found) >= len(TOOLS)
            rises = look.effects[REFERENCE][0] > 0 or tool.relation.of_no_effect
            found.append(
                Hypothesis(
                    claim=run.setting.claim(tool, REFERENCE),
                    locus=Locus(kind=LocusKind.ANY) if anywhere else look.params.locus(),
                    direction=Direction.GREATER if rises else Direction.LESS,
                    tool=f"{name}@{tool.version}",
                    rationale="layers may differ",
                    parents=() if anywhere else (look.id,),
                    author=Author.EXECUTOR,
                )
            )
        return found[:slots]


@pytest.fixture(scope="module")
def finished(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("depth")
    spec = small_world.spec("depth", tools=list(TOOLS), budget={"experiments": 6}, round_size=6)
    small_world.run_in_process(folder, spec, executor=Depths())
    return folder


@pytest.fixture
def plans(finished: Path) -> list[Plan]:
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        return [Plan.model_validate(entry.payload["plan"]) for entry in ledger.entries(kind=EntryKind.REGISTRATION)]


def test_every_claim_ends_in_a_verdict_that_its_measurements_give_again(finished: Path, small_world: Any) -> None:
    rows = small_world.rows(finished)
    tested = [row for row in rows if row.verdict is not None]
    assert len(tested) == 5
    assert all(row.verdict in ("supported", "refuted", "inconclusive", "invalid") for row in tested)
    assert {row.relation for row in tested} == {"changes_with_depth", "peaks_earlier", "stable_with_depth"}
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=True) == []
        reviews = [entry.payload for entry in ledger.entries(kind=EntryKind.PLAN_REVIEW)]
    assert all(not review["objections"] for review in reviews)


def test_counts_have_no_depth_and_stand_beside_no_claim_of_it(plans: list[Plan]) -> None:
    for plan in plans:
        assert plan.hypothesis.claim.relation.of_depth
        expected = {"main"} if plan.hypothesis.claim.relation.of_no_effect else {"main", *BASELINES} - {"counts"}
        assert set(plan.variants) == expected
        assert plan.loci is None or set(plan.loci) == set(plan.variants) - {"main"}
        assert all(gate.passed for gate in preflight(plan) if gate.gate == "G2")


def test_a_trend_on_axes_needs_a_fit_for_every_variant(plans: list[Plan]) -> None:
    on_axes = next(plan for plan in plans if plan.hypothesis.claim.object == "axis_window_proximity")
    bare = on_axes.model_copy(update={"fitted": {"main": "0" * 64}})
    failed = selection_discipline(bare)
    assert failed.passed is False and "no artefact fitted on discovery units is named for" in failed.sentence
    in_attention = next(plan for plan in plans if plan.hypothesis.claim.object == "attention_weight")
    assert selection_discipline(in_attention).passed


def test_any_span_is_the_largest_of_all_of_them(plans: list[Plan]) -> None:
    anywhere = next(plan for plan in plans if plan.places is not None)
    layers = anywhere.places.n_layers
    assert len(anywhere.places.listed) == layers * (layers + 1) // 2
    assert anywhere.claim_text.endswith("more than that of other pairs, somewhere in the model")


def test_stability_of_any_span_is_refused_and_is_not_on_the_menu(
    finished: Path, settings_of: Callable[..., Any]
) -> None:
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        refusal = refusal_rows(ledger)[0]
    assert refusal.code == "invalid_locus" and "name one, such as the span of all layers" in refusal.reason
    setting = settings_of(tools=list(TOOLS))
    stability, trend = (get_tool(f"depth.proximity_{kind}") for kind in ("stability", "trend"))
    assert list(places_of(setting, trend))[-1] == "any place" not in places_of(setting, stability)
    assert directions_of(stability) == (Direction.GREATER,)


def test_the_planner_claims_either_direction_of_a_trend(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec("planned", tools=list(TOOLS), budget={"experiments": 6})
    small_world.run_in_process(tmp_path, spec)
    rows = small_world.rows(tmp_path)
    assert rows and all(Relation(row.relation).of_depth for row in rows)
    assert all(row.verdict != "error" for row in rows)
    moving = [row for row in rows if Relation(row.relation).two_sided]
    assert {row.direction for row in moving} == {"greater", "less"}
    assert {row.direction for row in rows if row not in moving} == {"greater"}


def test_a_claim_of_no_effect_asks_more_of_a_reference(open_campaign: Any) -> None:
    run = open_campaign()
    level, name = run.registrar().level(0), "program_1_pairs"
    of_a_trend, of_none = (
        run.power.minimum_detectable_effect("PairScores", name, run.block, level, "p", relation=relation)
        for relation in (Relation.CHANGES_WITH_DEPTH, Relation.STABLE_WITH_DEPTH)
    )
    assert of_a_trend < of_none < 1.2 * of_a_trend
    assert of_a_trend == run.power.minimum_detectable_effect("PairScores", name, run.block, level, "p")
    # What is asked for is one smallest effect of interest in place of one and a half.
    sesoi = run.setting.sesoi("PairScores")
    assert run.power.sufficient("PairScores", name, run.block, level, "p", Relation.STABLE_WITH_DEPTH) == (
        of_none <= sesoi
    )
