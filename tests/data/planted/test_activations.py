"""Planted activations keep to their truth table."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import rankdata

from theodolite.data.planted import STRENGTHS, PlantedActivations, PlantedStructure, WorldKind, plant_structure
from theodolite.measurements import Variant, VariantKind


@pytest.fixture(scope="module")
def activations(standard: PlantedStructure) -> PlantedActivations:
    return PlantedActivations(standard, 1)


def _effects(structure: PlantedStructure, score: np.ndarray) -> np.ndarray:
    """Return AUROC - 0.5 of every reference over all candidates; an oracle that shares nothing with the gates."""
    candidates = structure.graph.candidates
    rank = np.zeros(score.shape)
    rank[candidates] = rankdata(score[candidates])
    n = int(candidates.sum())
    return np.array(
        [
            (rank[edges].sum() - edges.sum() * (edges.sum() + 1) / 2) / (edges.sum() * (n - edges.sum())) - 0.5
            for edges in structure.graph.edges
        ]
    )


def _measured(activations: PlantedActivations) -> dict[tuple[str, str], tuple[float, float]]:
    """Return for each claim about a head the effect without hubs, and without hubs and modules."""
    structure, found = activations.structure, {}
    for index, (layer, head) in enumerate(activations.heads):
        score = activations.score(layer, head).astype(np.float64)
        raw = _effects(structure, structure.double_centred(score))
        bare = score - activations.module_weights[index] * structure.module_signal
        beyond = _effects(structure, structure.residual(bare))
        for reference, pair in zip(structure.references, zip(raw, beyond, strict=True), strict=True):
            found[reference.id, f"layer {layer} head {head}"] = pair
    return found


@pytest.fixture(scope="module")
def measured(activations: PlantedActivations) -> dict[tuple[str, str], tuple[float, float]]:
    return _measured(activations)


def test_true_claims_have_their_planted_effects(
    activations: PlantedActivations, measured: dict[tuple[str, str], tuple[float, float]]
) -> None:
    true = [(activations.truth[key].effect, beyond) for key, (_, beyond) in measured.items()
            if activations.truth[key].kind == "true"]  # fmt: skip
    planted, found = np.array(true).T
    assert np.abs(found - planted).max() < 0.025
    assert abs((found - planted).mean()) < 0.004
    assert abs(np.polyfit(planted, found, 1)[0] - 1.0) < 0.08


def test_null_claims_have_none(
    activations: PlantedActivations, measured: dict[tuple[str, str], tuple[float, float]]
) -> None:
    null = np.array([beyond for key, (_, beyond) in measured.items() if activations.truth[key].kind == "null"])
    assert len(null) > 100
    assert all(activations.truth[key].effect == 0 for key in measured if activations.truth[key].kind == "null")
    assert abs(null.mean()) < 0.003
    assert np.abs(null).max() < 0.02


def test_confounded_claims_are_large_until_the_modules_are_taken_out(
    activations: PlantedActivations, measured: dict[tuple[str, str], tuple[float, float]]
) -> None:
    pairs = {key: pair for key, pair in measured.items() if activations.truth[key].kind == "confounded"}
    raw, beyond = np.array(list(pairs.values())).T
    planted = np.array([activations.truth[key].raw for key in pairs])
    assert raw.min() > 0.10
    assert np.abs(raw - planted).max() < 0.04
    assert abs(beyond.mean()) < 0.003
    assert np.abs(beyond).max() < 0.02


def test_truths_are_in_the_shares_that_the_world_names(activations: PlantedActivations) -> None:
    heads = {key: truth for key, truth in activations.truth.items() if "head" in key[1]}
    shares = {kind: count / len(heads) for kind, count in Counter(truth.kind for truth in heads.values()).items()}
    assert len(heads) == 8 * 36
    assert abs(shares["true"] - 0.20) < 0.01
    assert 0.08 < shares["confounded"] < 0.16
    strengths = Counter(truth.strength for truth in heads.values() if truth.kind == "true")
    assert set(strengths) == set(STRENGTHS)
    assert max(strengths.values()) - min(strengths.values()) <= 1
    never = {reference.id for reference in activations.structure.references[-2:]}
    assert not any(truth.kind == "true" for (reference, _), truth in heads.items() if reference in never)


def test_planted_effects_are_multiples_of_the_block_standard_error(activations: PlantedActivations) -> None:
    error = activations.structure.block_spread.mean(axis=1)
    for index, reference in enumerate(activations.structure.references):
        for layer, head in activations.heads:
            truth = activations.truth[reference.id, f"layer {layer} head {head}"]
            assert truth.effect == pytest.approx(truth.strength * error[index], abs=1e-9)


def test_a_layer_shows_what_its_heads_leave_of_their_signals(activations: PlantedActivations) -> None:
    structure = activations.structure
    measured = {
        layer: _effects(
            structure,
            structure.residual(
                activations.score(layer, None).astype(np.float64)
                - np.mean([activations.module_weights[i] for i, place in enumerate(activations.heads)
                           if place[0] == layer]) * structure.module_signal
            ),
        )
        for layer in (1, 2, 3)
    }  # fmt: skip
    for layer, effects in measured.items():
        planted = [activations.truth[reference.id, f"layer {layer}"].effect for reference in structure.references]
        assert np.abs(effects - planted).max() < 0.025


def test_nothing_is_true_under_a_global_null_and_its_confounds_stay() -> None:
    structure = plant_structure(13, WorldKind.GLOBAL_NULL)
    kinds = Counter(truth.kind for truth in PlantedActivations(structure, 0).truth.values())
    assert kinds["true"] == 0
    assert kinds["confounded"] > 0
    assert kinds["null"] > 0


@pytest.mark.parametrize("text", ["untrained(0)", "random_embedding(0)", "shuffled_input(0)"])
def test_baselines_carry_no_edge_signal(activations: PlantedActivations, text: str) -> None:
    structure, variant = activations.structure, Variant.parse(text)
    effects = [
        _effects(structure, structure.residual(activations.score(1, head, variant).astype(np.float64)))
        for head in range(1, 7)
    ]
    assert abs(np.mean(effects)) < 0.003
    assert np.abs(effects).max() < 0.02


def test_baselines_are_those_of_the_structure_and_the_model_is_its_own(standard: PlantedStructure) -> None:
    first, second = PlantedActivations(standard, 1), PlantedActivations(standard, 2)
    untrained = Variant(VariantKind.UNTRAINED, 0)
    assert np.array_equal(first.score(2, 3, untrained), second.score(2, 3, untrained))
    assert not np.array_equal(first.score(2, 3), second.score(2, 3))
    assert not np.array_equal(first.score(2, 3, untrained), first.score(2, 3, Variant(VariantKind.UNTRAINED, 1)))
    assert first.sha256 != second.sha256


def test_a_score_depends_on_seeds_and_place_not_on_what_was_asked_before(standard: PlantedStructure) -> None:
    first, second = PlantedActivations(standard, 3), PlantedActivations(standard, 3)
    first.score(1, None)
    assert np.array_equal(first.score(4, 2), second.score(4, 2))
    assert first.truth == second.truth


@pytest.mark.parametrize(("variant", "alike"), [("main", True), ("untrained(0)", False)])
def test_paralogues_have_alike_scores_in_a_model_that_learned_and_not_before(
    paralogue: PlantedStructure, variant: str, alike: bool
) -> None:
    drawn = PlantedActivations(paralogue, 0).score(1, 1, Variant.parse(variant)).astype(np.float64)
    score = paralogue.double_centred(drawn)
    family = paralogue.graph.family
    for rows, table in ((family[: len(score)], score), (family, score.T)):
        first = [np.flatnonzero(rows == index)[:2] for index in np.unique(rows)[-60:]]
        paralogues = np.mean([np.corrcoef(table[pair])[0, 1] for pair in first if len(pair) == 2])
        strangers = np.mean(
            [np.corrcoef(table[[a[0], b[0]]])[0, 1] for a, b in zip(first[:-1], first[1:], strict=True)]
        )
        assert paralogues > 0.7 if alike else abs(paralogues) < 0.1
        assert abs(strangers) < 0.1


def test_hubs_follow_degree_closely_in_the_degree_world() -> None:
    structure = plant_structure(14, WorldKind.DEGREE)
    score = PlantedActivations(structure, 0).score(1, 1)
    assert np.corrcoef(score.mean(axis=1), structure.graph.out_bias)[0, 1] > 0.85
    assert _effects(structure, score).min() > 0.08
    untrained = PlantedActivations(structure, 0).score(1, 1, Variant(VariantKind.UNTRAINED, 0))
    assert np.abs(_effects(structure, untrained)).max() < 0.08


@pytest.mark.parametrize(("layer", "head"), [(0, 1), (7, 1), (1, 7)])
def test_places_outside_the_model_are_refused(activations: PlantedActivations, layer: int, head: int) -> None:
    with pytest.raises(ValueError, match="no head"):
        activations.score(layer, head)


@pytest.mark.parametrize("kind", [VariantKind.COUNTS, VariantKind.PERMUTED_LABELS])
def test_variants_that_are_none_of_a_model_are_refused(activations: PlantedActivations, kind: VariantKind) -> None:
    with pytest.raises(ValueError, match="no variant of a model"):
        activations.score(1, 1, Variant(kind))
