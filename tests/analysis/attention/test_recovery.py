from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from theodolite.analysis.attention import Place, each_place, edge_labels, edge_recovery, null_aurocs


def test_planted_edges_are_found_in_their_layer_and_head_and_nowhere_else(world) -> None:
    w = world("hubs", seed=3)
    attention = np.stack([[w.noise() for _ in range(2)] for _ in range(3)])
    attention[1, 0] = w.edge_score(2.0)
    found = edge_recovery(attention, [w.edges], heads=True, shuffles=200, rewirings=100)
    layers = {row.place: row for row in found.of("hubs")}
    assert [place.layer for place in layers] == [1, 2, 3]
    assert layers[Place(2)].auroc > 0.75 and layers[Place(2)].null("degree_preserving").z > 5
    for layer in (1, 3):
        assert abs(layers[Place(layer)].null("label_shuffle").z) < 3.5
    heads = {row.place: row.auroc for row in found.of("hubs", heads=True)}
    assert max(heads, key=heads.get) == Place(2, 1) and heads[Place(2, 1)] > layers[Place(2)].auroc
    assert abs(heads[Place(2, 2)] - 0.5) < 0.06


def test_the_numbers_are_those_of_scikit_learn_and_chance_stands_beside_them(world) -> None:
    w = world("hubs")
    score = w.edge_score()
    row = edge_recovery(score[None], [w.edges], shuffles=0, rewirings=0).rows[0]
    values = w.edges.matrix(score)[w.edges.candidates]
    assert row.auroc == pytest.approx(roc_auc_score(w.edges.truth, values))
    assert row.auprc == pytest.approx(average_precision_score(w.edges.truth, values))
    assert row.prevalence == pytest.approx(w.edges.truth.mean())
    order = np.argsort(-values)
    for top in row.top:
        assert top.precision == pytest.approx(w.edges.truth[order[: top.k]].mean())


def test_hub_degree_alone_beats_chance_and_the_label_shuffle_and_leaves_nothing_specific(world) -> None:
    """The trap of a score that knows who has many edges: AUROC far above 0.5, a huge z, and no edge in it."""
    w = world("hubs", seed=1)
    row = edge_recovery(w.hub_score()[None], [w.edges], shuffles=300, rewirings=200).rows[0]
    assert row.auroc > 0.7
    assert row.null("label_shuffle").z > 8 and row.null("label_shuffle").p == 1 / 301
    assert abs(row.null("degree_preserving").z) < 3
    parts = row.decomposition
    assert parts.chance + parts.degree + parts.specific == pytest.approx(row.auroc)
    assert abs(parts.specific) < 0.02 < 0.2 < parts.degree


def test_f22_a_null_that_relabels_uniformly_takes_hubs_for_edges_where_one_that_holds_degrees_does_not(world) -> None:
    w = world("hubs", seed=2)
    hubs = np.triu(np.outer(*[w.rng.lognormal(0.0, 1.0, 140)] * 2), 1)
    drawn = w.rng.choice(hubs.size, 400, replace=False, p=(hubs / hubs.sum()).ravel())
    pairs = edge_labels([(w.genes[k // 140], w.genes[k % 140]) for k in drawn.tolist()], w.genes, directed=False)
    degree = np.log1p((pairs.labels | pairs.labels.T).sum(axis=1))
    score = degree[:, None] + degree[None, :] + 0.5 * w.noise()
    row = edge_recovery(score[None], [pairs], shuffles=200, rewirings=200).rows[0]
    assert row.null("label_shuffle").z > 8 and abs(row.null("degree_preserving").z) < 3


def _pairs(w) -> list[tuple[str, str]]:
    rows, columns = np.nonzero(w.edges.labels)
    return [(w.genes[w.edges.rows[row]], w.genes[column]) for row, column in zip(rows, columns, strict=True)]


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("null", ["label_shuffle", "degree_preserving", "family_swap"])
def test_every_null_is_centred_on_chance_for_noise_and_moves_edges(world, directed: bool, null: str) -> None:
    w = world("nothing")
    families = [f"F{index // 2}" for index in range(len(w.genes))]
    edges = edge_labels(_pairs(w), w.genes, families=families, directed=directed)
    matrix = edges.matrix(w.noise())
    drawn, moved = null_aurocs(edges, matrix, null, 200, seed=4)
    assert abs(drawn.mean() - 0.5) < 0.02 and 0.005 < drawn.std() < 0.05
    assert moved is None if null == "family_swap" else moved > 0.5
    assert np.array_equal(drawn[:50], null_aurocs(edges, matrix, null, 50, seed=4)[0])
    assert not np.array_equal(drawn, null_aurocs(edges, matrix, null, 200, seed=5)[0])


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("null", ["degree_preserving", "family_swap"])
def test_nulls_do_not_take_pairs_that_were_never_seen_for_low_or_high_ones(world, directed: bool, null: str) -> None:
    w = world("nothing", seed=8)
    counts = w.rng.random((140, 140)) < 0.7
    counts = np.triu(counts) | np.triu(counts).T
    edges = edge_labels(_pairs(w), w.genes, directed=directed).seen_together(counts.astype(int))
    score = np.where(counts, w.noise(), np.nan)
    drawn, _ = null_aurocs(edges, edges.matrix(score), null, 200)
    # an edge that a swap puts where nothing was seen counts as middling, or as high, and never as low
    assert 0.48 < drawn.mean() < 0.52


def test_attention_summed_over_the_cells_of_a_model_is_held_against_a_reference() -> None:
    """The whole way: sums by pair of genes, pairs in no cell left out, keys of targets' tokens as regulators."""
    from toy_models import toy_model, toy_tokens

    from theodolite.models.activations import attention_sums

    model, tokens = toy_model(), toy_tokens(cells=6)
    sums = attention_sums(model, tokens)
    genes = [model.genes[place] for place in sums.genes.tolist()]
    attention = sums.means.swapaxes(-1, -2)
    pairs = [(genes[i], genes[(2 * i + 1) % len(genes)]) for i in range(len(genes)) if (2 * i + 1) % len(genes) != i]
    edges = edge_labels(pairs, genes, directed=True).seen_together(sums.counts)
    assert (sums.counts == 0).any() and edges.count < len(edges.rows) * (len(genes) - 1)
    found = edge_recovery(attention, [edges], heads=True, shuffles=20, rewirings=20, top_k=(3,))
    layer = found.of("edges")[0]
    mean = attention[0].mean(axis=0)[edges.rows]
    assert layer.auroc == pytest.approx(roc_auc_score(edges.truth, mean[edges.candidates]))
    assert len(found.rows) == model.n_layers * (1 + model.n_heads)


def test_the_label_shuffle_has_the_spread_that_mann_and_whitney_give(world) -> None:
    w = world("nothing")
    drawn, _ = null_aurocs(w.edges, w.edges.matrix(w.noise()), "label_shuffle", 2_000)
    m, k = w.edges.count, w.edges.size
    assert drawn.std() == pytest.approx(np.sqrt((m + 1) / (12 * k * (m - k))), rel=0.08)


def test_a_null_of_a_reference_that_cannot_move_says_so(world) -> None:
    """Every regulator regulates every target: there is one graph with these degrees."""
    genes = tuple("ABCDEFGH")
    edges = edge_labels([(a, b) for a in "AB" for b in "CDE"], genes, directed=True)
    score = np.random.default_rng(0).random((8, 8))
    row = edge_recovery(score[None], [edges], shuffles=0, rewirings=20).rows[0]
    null = row.null("degree_preserving")
    assert null.moved == 0.0 and np.isnan(null.z) and null.p == 1.0


def test_co_expression_stands_in_the_same_table_by_its_magnitude(world) -> None:
    w = world("coexpression")
    found = edge_recovery(
        np.stack([w.noise(), w.noise()]), [w.edges], coexpression=w.coexpression, shuffles=50, rewirings=0
    )
    rival = found.rival("coexpression")
    assert rival.signal == "coexpression" and rival.auroc > 0.65 and len(rival.nulls) == 1
    flipped = edge_recovery(w.noise()[None], [w.edges], coexpression=-w.coexpression, shuffles=50, rewirings=0)
    assert flipped.rival("coexpression").auroc == pytest.approx(rival.auroc)
    frame = found.frame()
    assert list(frame.signal) == ["coexpression", "attention", "attention"]
    assert {"auprc", "prevalence", "f1@20", "label_shuffle.z"} <= set(frame.columns)


def test_layers_are_passed_one_at_a_time_and_half_precision_is_averaged_in_double(tmp_path) -> None:
    rng = np.random.default_rng(0)
    whole = rng.random((2, 3, 5, 5)).astype(np.float16)
    mapped = np.lib.format.open_memmap(tmp_path / "a.npy", mode="w+", dtype=np.float16, shape=whole.shape)
    mapped[:] = whole
    places = dict(each_place(mapped, heads=True))
    assert list(map(str, places))[:3] == ["layer 1", "layer 1, head 1", "layer 1, head 2"]
    assert np.array_equal(places[Place(2)], whole[1].astype(float).mean(axis=0))
    assert all(matrix.dtype == np.float64 for matrix in places.values())


def test_what_cannot_be_recovered_is_refused(world) -> None:
    w = world()
    with pytest.raises(ValueError, match=r"attention has shape \(140, 140\)"):
        edge_recovery(w.noise(), [w.edges])
    with pytest.raises(ValueError, match="has no heads"):
        edge_recovery(w.noise()[None], [w.edges], heads=True)
    with pytest.raises(ValueError, match="each by a name of its own"):
        edge_recovery(w.noise()[None], [w.edges, w.edges])
    found = edge_recovery(w.noise()[None], [w.edges], shuffles=0, rewirings=0)
    with pytest.raises(KeyError, match="was not drawn"):
        _ = found.rows[0].decomposition
    with pytest.raises(KeyError, match="pass coexpression="):
        found.rival("nothing")
    with pytest.raises(ValueError, match="none can be exchanged"):
        edges = edge_labels([("A", "B"), ("A", "C")], "ABCD", families=list("aBCD"), directed=True)
        null_aurocs(edges, edges.matrix(np.ones((4, 4))), "family_swap", 5)
