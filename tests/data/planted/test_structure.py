"""What the models of a planted world have in common."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from theodolite.data import testability
from theodolite.data.planted import PlantedStructure


def _block(structure: PlantedStructure, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ranks of hub-free noise in the first block, the references' edges there, and the candidates."""
    graph = structure.graph
    position = {gene: index for index, gene in enumerate(graph.genes)}
    inside = np.array(sorted(position[gene] for gene in structure.split.genes("block-1")))
    rows = inside[inside < graph.n_regulators]
    candidates = graph.candidates[np.ix_(rows, inside)]
    score = structure.noise(rows, inside).draw(rng).astype(np.float64)
    score -= score.mean(axis=0)
    score -= score.mean(axis=1, keepdims=True)
    rank = np.full(score.shape, (candidates.sum() + 1) / 2)
    rank[candidates] = rankdata(score[candidates])
    return rank, graph.edges[:, rows][:, :, inside], candidates


def _effect(rank: np.ndarray, edges: np.ndarray, candidates: np.ndarray) -> float:
    m, n = edges.sum(), candidates.sum()
    return float((rank[edges].sum() - m * (m + 1) / 2) / (m * (n - m)) - 0.5)


def test_every_reference_is_testable_in_each_of_four_blocks(
    standard: PlantedStructure, paralogue: PlantedStructure
) -> None:
    for structure, fewest in ((standard, 230), (paralogue, 150)):
        assert structure.split.k == 4
        for reference in structure.references:
            for block in structure.split.blocks:
                found = testability(reference, structure.split, block)
                assert found.testable, found.reason
                assert found.in_block >= fewest


def test_blinded_power_is_enough_in_the_standard_world(standard: PlantedStructure) -> None:
    """At a level of 1e-4 and power 0.90 an effect of 1.5 x 0.10 is found: (3.72 + 1.28) x 0.03 = 0.15."""
    assert (standard.block_spread <= 0.03).mean() > 0.9


def test_paralogous_targets_deceive_whoever_moves_single_genes(paralogue: PlantedStructure) -> None:
    """The draws of a null that moves targets one by one spread half as wide as the effect does over models."""
    rng, effects, spreads = np.random.default_rng(4), [], []
    for _ in range(30):
        rank, edges, candidates = _block(paralogue, rng)
        effects += [_effect(rank, reference, candidates) for reference in edges]
        moved = [_effect(rank[:, rng.permutation(rank.shape[1])], edges[0], candidates) for _ in range(60)]
        spreads.append(np.std(moved))
    assert np.std(effects) > 1.7 * np.mean(spreads)
    assert 0.7 < np.std(effects) / paralogue.block_spread[:, 0].mean() < 1.3


def test_a_signal_moves_its_own_reference_and_no_other(standard: PlantedStructure) -> None:
    moved = np.array([standard.contrasts(signal) for signal in standard.edge_signals])
    assert np.allclose(moved, np.eye(len(moved)), atol=1e-4)


def test_a_signal_is_nothing_that_hubs_or_modules_could_show(standard: PlantedStructure) -> None:
    signal = standard.edge_signals[0].astype(np.float64)
    assert np.abs(signal - standard.residual(signal)).max() < 0.02
    assert np.abs(signal.mean(axis=1)).max() < 0.01


def test_modules_rank_the_edges_of_confounded_references_high(standard: PlantedStructure) -> None:
    marked = standard.graph.confounded
    assert standard.module_contrasts[marked].min() > 0.25
    assert np.abs(standard.module_contrasts[~marked]).max() < 0.05


def test_the_null_spread_is_that_of_the_effect_over_independent_models(standard: PlantedStructure) -> None:
    """An oracle: instead of swapping families, draw many models and look at one block."""
    rng, effects = np.random.default_rng(5), []
    for _ in range(60):
        rank, edges, candidates = _block(standard, rng)
        effects += [_effect(rank, reference, candidates) for reference in edges]
    assert 0.75 < np.std(effects) / standard.block_spread[:, 0].mean() < 1.25
