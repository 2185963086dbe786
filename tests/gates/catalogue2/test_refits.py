"""G15 in a verdict: what hangs on a seed is asked for from four more, and one lucky dictionary supports nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from theodolite.claims import Locus, LocusKind, Relation, Verdict
from theodolite.gates import BASELINES, REFITS, Dossier, Place, judge, preflight, settle
from theodolite.judgements import GateResult, Judgement
from theodolite.measurements import GeneScores, Variant
from theodolite.plans import Places, Plan, PlannedPlace

FEATURE = Locus(kind=LocusKind.FEATURE, layer=2, index=(3,))
VARIANTS = ("main", *BASELINES, *REFITS)
FITTED = {name: f"{number:064x}" for number, name in enumerate(VARIANTS)}


@pytest.fixture
def feature_plan(plan_for: Callable[..., Plan]) -> Callable[..., Plan]:
    def build(**changes: Any) -> Plan:
        named = {"locus": FEATURE, "variants": VARIANTS, "fitted": FITTED, "claim": {"object": "feature_value"}}
        return plan_for(**named | changes)

    return build


@pytest.fixture
def feature_dossier(gene_dossier: Callable[..., Dossier]) -> Callable[..., Dossier]:
    """The model's own dictionary knows the reference; ``refits`` say how strongly each of four others does."""

    def build(signal: float, refits: tuple[float, ...]) -> Dossier:
        found = gene_dossier(signal)
        main = found.measurements[Variant.parse("main")]
        assert isinstance(main, GeneScores) and main.members is not None
        rng = np.random.default_rng(5)
        others = {
            Variant.parse(name): replace(
                main, score=rng.standard_normal(len(main.genes)) + effect * main.members, members=None
            )
            for name, effect in zip(REFITS, refits, strict=True)
        }
        return replace(found, measurements={**found.measurements, **others})

    return build


def gate_of(judgement: Judgement, name: str) -> GateResult | None:
    return next((gate for gate in judgement.gates if gate.gate == name), None)


def verdict(plan: Plan, judgement: Judgement) -> Verdict:
    return settle(plan, judgement, Place(t=1, supports_before=0), cap="none", block_reused=False).verdict


def test_a_claim_that_every_dictionary_shows_is_supported(
    feature_plan: Callable[..., Plan], feature_dossier: Callable[..., Dossier]
) -> None:
    plan = feature_plan()
    assert all(gate.passed for gate in preflight(plan))
    judgement = judge(plan, feature_dossier(2.0, (1.8, 2.2, 1.9, 2.1)))
    stable = gate_of(judgement, "G15")
    assert stable is not None and stable.passed and "Over 5 seeds the effect keeps its sign in 5" in stable.sentence
    assert verdict(plan, judgement) is Verdict.SUPPORTED
    margin = gate_of(judgement, "G5")
    assert margin is not None and margin.passed, "the same feature of another dictionary is no baseline"
    assert "The best of 5 baselines" in margin.sentence


@pytest.mark.parametrize("refits", [(2.0, 2.0, 2.0, -0.6), (0.0, 0.1, 0.0, 2.0)], ids=["one has it not", "two have it"])
def test_one_lucky_dictionary_supports_nothing(
    feature_plan: Callable[..., Plan], feature_dossier: Callable[..., Dossier], refits: tuple[float, ...]
) -> None:
    plan = feature_plan()
    judgement = judge(plan, feature_dossier(2.0, refits))
    failed = [gate.gate for gate in judgement.gates if gate.passed is False and gate.gate != "G12"]
    assert failed == ["G15"], "every other gate lets it pass"
    assert verdict(plan, judgement) is Verdict.INCONCLUSIVE


def test_without_the_other_dictionaries_nothing_is_registered(feature_plan: Callable[..., Plan]) -> None:
    fewer = VARIANTS[:-1]
    for changes, said in (
        ({"variants": fewer}, "refitted(1), refitted(2), refitted(3)"),
        ({"fitted": {name: FITTED[name] for name in fewer}}, "no artefact fitted on discovery units is named for refi"),
        ({"fitted": FITTED | {"refitted(2)": FITTED["main"]}}, "two of the dictionaries are one and the same"),
    ):
        gate = next(gate for gate in preflight(feature_plan(**changes)) if gate.gate == "G2")
        assert not gate.passed and said in gate.sentence


def test_what_is_not_fitted_from_a_seed_has_no_refits(plan_for: Callable[..., Plan]) -> None:
    gate = next(gate for gate in preflight(plan_for(variants=VARIANTS)) if gate.gate == "G2")
    assert not gate.passed and "nothing that was fitted anew" in gate.sentence


def test_a_feature_cannot_be_searched_for_on_the_genes_that_are_kept(feature_plan: Callable[..., Plan]) -> None:
    listed = tuple(
        PlannedPlace(locus=Locus(kind=LocusKind.FEATURE, layer=1, index=(each,)), params={"layer": 1, "feature": each})
        for each in (1, 2)
    )
    plan = feature_plan(
        locus=Locus(kind=LocusKind.ANY), places=Places(n_layers=1, n_heads=1, read_out=False, listed=listed), loci=None
    )
    gate = next(gate for gate in preflight(plan) if gate.gate == "G2")
    assert not gate.passed and "name a feature" in gate.sentence


def test_that_nothing_happens_at_a_feature_is_no_claim(plan_for: Callable[..., Plan]) -> None:
    claim = {"object": "feature_nearness", "relation": Relation.STABLE_WITH_DEPTH}
    plan = plan_for("PairScores", claim=claim, locus=FEATURE, variants=("main", *REFITS), fitted=FITTED, loci={})
    gate = next(gate for gate in preflight(plan) if gate.gate == "G2")
    assert not gate.passed and "claim an effect" in gate.sentence
