from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from theodolite.analysis.geometry import edge_recovery, layer_coordinates, signed_edge_recovery, sliding_windows
from theodolite.analysis.geometry.edges import window_cosine

WINDOW = (2, 4)


def test_the_auroc_is_that_of_all_pairs_of_the_reference_s_regulators_and_targets(planted):
    world = planted(0, edges=0.5)
    found = edge_recovery(world.vectors, world.genes, world.edges, windows=[WINDOW], draws=19)
    coordinates = layer_coordinates(world.vectors, 4)[1][:, 1:]
    unit = coordinates / np.linalg.norm(coordinates, axis=1, keepdims=True)
    place = {gene: row for row, gene in enumerate(world.genes)}
    score, label = [], []
    for regulator in found.regulators:
        for target in found.targets:
            score.append(unit[place[regulator]] @ unit[place[target]])
            label.append((regulator, target) in world.edges)
    assert found.auroc[1, 0] == pytest.approx(roc_auc_score(label, score))
    assert (found.edges, found.pairs) == (sum(label), len(label)) and found.estimand == "edges"


def test_planted_edges_are_found_in_their_window_by_every_null(planted):
    world = planted(1, edges=0.7)
    found = edge_recovery(
        world.vectors, world.genes, world.edges, windows=[WINDOW, (5, 7)], statistics=world.statistics, draws=199
    )
    assert [null.null for null in found.nulls] == ["family_block_swap", "curveball", "stratified_labels"]
    assert (found.auroc_centred[:, 0] > 0.6).all() and (found.p[:, 0] <= 0.01).all() and found.p_any <= 0.01
    assert (np.abs(found.auroc_centred[:, 1] - 0.5) < 0.1).all()
    assert all(null.moved > 0.5 for null in found.nulls)


def test_hubs_raise_the_raw_auroc_and_not_the_centred_one(planted):
    """Genes with many partners lie together, so partners look near; which are partners says nothing."""
    raw, centred, rejected = [], [], 0
    for seed in range(20):
        world = planted(seed, hubs=1.5)
        found = edge_recovery(world.vectors[:1], world.genes, world.edges, windows=[WINDOW], draws=99, seed=seed)
        raw.append(found.auroc[0, 0])
        centred.append(found.auroc_centred[0, 0])
        rejected += found.p[0, 0] <= 0.05
    assert np.mean(raw) > 0.55, "the published statistic takes hubs for edges"
    # What hubs multiply is left by taking out their sums; the nulls, which hold degrees, answer for that.
    assert abs(np.mean(centred) - 0.5) < 0.03 and np.mean(centred) - 0.5 < (np.mean(raw) - 0.5) / 2
    # A binomial of 20 at 0.05 stays at or below 5 in all but about 1 of 1,000 runs.
    assert rejected <= 5


def test_a_scan_pays_for_its_best_window(planted):
    best, paid = 0, 0
    for seed in range(20):
        world = planted(seed)
        found = edge_recovery(
            world.vectors[:2], world.genes, world.edges, windows=sliding_windows(8), draws=99, seed=seed
        )
        best += found.p.min() <= 0.05
        paid += found.p_any <= 0.05
    assert paid <= 5 and best >= paid


def test_activation_and_repression_are_told_apart(planted):
    """Activated targets lie where their regulators are; repressed ones anywhere."""
    world, other = planted(3, edges=0.8, n_regulators=12), planted(4, n_regulators=12)
    half = set(world.targets[::2])
    vectors = world.vectors.copy()
    rows = [row for row, gene in enumerate(world.genes) if gene in half]
    vectors[:, rows] = other.vectors[:, rows]
    signs = {edge: "repression" if edge[1] in half else "activation" for edge in world.edges}
    found = signed_edge_recovery(vectors, world.genes, signs, windows=[WINDOW], draws=99)
    assert found.activation.auroc_centred.mean() > 0.6 > found.repression.auroc_centred.mean()
    assert found.activation.p_any <= 0.05 < found.repression.p_any
    assert found.activation.edges + found.repression.edges == len(world.edges)


def test_edges_of_the_other_sign_are_candidates_of_neither(planted):
    world = planted(5)
    signs = {edge: "activation" if place % 2 else "repression" for place, edge in enumerate(world.edges)}
    found = signed_edge_recovery(world.vectors[:1], world.genes, signs, windows=[WINDOW], draws=9)
    recovered = found.activation
    inside = [e for e in signs if e[0] in recovered.regulators and e[1] in recovered.targets]
    others = sum(signs[edge] == "repression" for edge in inside)
    assert recovered.pairs == len(recovered.regulators) * len(recovered.targets) - others


def test_pairs_inside_a_family_are_no_candidates_and_families_move_whole(planted):
    world = planted(6)
    families = {gene: f"f{place // 3}" for place, gene in enumerate(world.regulators)}
    families[world.targets[0]] = "f0"
    found = edge_recovery(world.vectors[:1], world.genes, world.edges, windows=[WINDOW], families=families, draws=9)
    inside = sum(regulator in found.regulators for regulator in world.regulators[:3])
    assert found.pairs == len(found.regulators) * len(found.targets) - inside


def test_f3_zero_rows_are_dropped_before_axes_are_fitted(planted):
    world = planted(7, edges=0.6)
    padded = np.concatenate([world.vectors, np.zeros_like(world.vectors)], axis=1)
    names = (*world.genes, *(f"Z{gene}" for gene in world.genes))
    one, two = (
        edge_recovery(vectors, genes, world.edges, windows=[WINDOW], draws=9)
        for vectors, genes in ((world.vectors, world.genes), (padded, names))
    )
    assert one.auroc == pytest.approx(two.auroc) and one.nulls[0].p == pytest.approx(two.nulls[0].p)


def test_a_cosine_of_a_gene_at_the_centre_is_nil():
    cosine = window_cosine(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]), (1, 2), np.array([0, 1]), np.array([1, 2]))
    assert cosine[0].tolist() == [0.0, 0.0] and cosine[1] == pytest.approx([1.0, np.sqrt(0.5)])


def test_windows_and_references_that_give_no_auroc_are_refused(planted):
    world = planted(8)
    with pytest.raises(ValueError, match="window 4-3 is empty"):
        edge_recovery(world.vectors, world.genes, world.edges, windows=[(4, 3)])
    with pytest.raises(ValueError, match="no window was given"):
        edge_recovery(world.vectors, world.genes, world.edges, windows=[])
    with pytest.raises(ValueError, match="an AUROC needs edges and other pairs"):
        edge_recovery(world.vectors, world.genes, [("R0", "T1"), ("R0", "T2")], windows=[WINDOW])
    with pytest.raises(ValueError, match="a window of 5 axes does not fit into 3"):
        sliding_windows(3, 5)
    assert sliding_windows(5) == ((1, 3), (2, 4), (3, 5))


def test_statistics_of_every_gene_are_asked_for(planted):
    world = planted(9)
    short = replace(
        world.statistics,
        genes=world.statistics.genes[1:],
        mean_expression=world.statistics.mean_expression[1:],
        variance=world.statistics.variance[1:],
        dropout=world.statistics.dropout[1:],
    )
    with pytest.raises(ValueError, match="1 genes have no statistics, among them R0"):
        edge_recovery(world.vectors, world.genes, world.edges, windows=[WINDOW], statistics=short)
