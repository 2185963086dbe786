from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel, wilcoxon
from sklearn.metrics import roc_auc_score

from theodolite.analysis.attention import edge_labels, perturbation_labels, perturbation_ranking, row_aurocs
from theodolite.data import EffectTable

GENES = ("A", "B", "C", "D", "E")


def table(rows: dict[tuple[str, str], tuple[float, float]]) -> EffectTable:
    effect, q = zip(*rows.values(), strict=True)
    return EffectTable("screen", tuple(rows), effect, q)


SCREEN = table(
    {
        ("A", "A"): (-3.0, 0.0),
        ("A", "B"): (-1.0, 0.01),
        ("A", "C"): (0.9, 0.001),
        ("A", "D"): (0.4, 0.001),
        ("A", "E"): (1.2, 0.2),
        ("B", "A"): (0.1, 0.9),
        ("B", "C"): (0.1, 0.9),
        ("C", "A"): (2.0, 0.0),
        ("C", "B"): (0.0, 1.0),
        ("Z", "A"): (2.0, 0.0),
        ("Z", "B"): (0.0, 1.0),
    }
)


def test_a_target_is_affected_in_rate_and_size_and_what_has_no_row_was_not_tested() -> None:
    found = perturbation_labels(SCREEN, GENES)
    edges = found.edges
    assert edges.row_names == ("A", "C") and edges.directed
    assert edges.labels.tolist() == [[False, True, True, False, False], [True, False, False, False, False]]
    assert edges.candidates.tolist() == [[False, True, True, True, True], [True, True, False, False, False]]
    assert found.left_out == {
        "B": "0 of 2 tested genes are affected",
        "Z": "the perturbed gene is none of the genes of the score",
    }


def test_the_family_of_a_perturbed_gene_is_no_candidate_and_thresholds_are_checked() -> None:
    edges = perturbation_labels(SCREEN, GENES, families=("f", "f", "c", "d", "e")).edges
    assert edges.candidates[0].tolist() == [False, False, True, True, True]
    with pytest.raises(ValueError, match="least_positives 0"):
        perturbation_labels(SCREEN, GENES, least_positives=0)
    with pytest.raises(ValueError, match="no perturbation of screen can be ranked"):
        perturbation_labels(SCREEN, GENES, least_effect=5.0)


@pytest.fixture(scope="module")
def found(world):
    """Return rankings in a world whose effects follow hubs, with a score of edges, and one of hubs."""
    w = world("hubs", seed=4)
    hub = np.log1p(w.edges.labels.sum(axis=0))
    statistics = np.column_stack([hub, hub + w.rng.standard_normal(140), w.rng.random(140)])
    rank = {
        name: perturbation_ranking(
            w.edges, score, statistics, coexpression=w.coexpression, out_degree=w.rng.random(140), resamples=500
        )
        for name, score in {"edges": w.edge_score(2.0), "hubs": w.hub_score(), "noise": w.noise()}.items()
    }
    return w, statistics, rank


def test_a_score_of_edges_beats_every_ranking_and_noise_beats_none(found) -> None:
    _, _, rank = found
    edges, noise = rank["edges"], rank["noise"]
    assert edges.mean["attention"].low > 0.8 and set(edges.auroc) == {
        "attention", "coexpression", "mean", "variance", "detection", "out_degree"
    }  # fmt: skip
    for rival in ("coexpression", "out_degree", "detection"):
        assert edges.against(rival).difference.low > 0 and edges.against(rival).wilcoxon_q < 0.01
        assert noise.against(rival).wilcoxon_q > 0.05
    assert noise.against("mean").difference.high < 0


def test_a_score_of_hubs_does_no_better_than_a_target_only_ranking(found) -> None:
    """The trap: an AUROC far above 0.5, of which the targets' own numbers of edges give all."""
    _, _, rank = found
    hubs = rank["hubs"]
    assert hubs.mean["attention"].low > 0.6
    assert abs(hubs.against("mean").difference.estimate) < 0.03
    assert hubs.against("mean").difference.low < 0


def test_each_perturbation_is_ranked_among_its_own_targets_and_tests_are_paired_over_perturbations(found) -> None:
    w, statistics, rank = found
    ranking = rank["edges"]
    for row in (0, 5):
        inside = w.edges.candidates[row]
        expected = roc_auc_score(w.edges.labels[row][inside], statistics[inside, 0])
        assert ranking.auroc["mean"][row] == pytest.approx(expected)
    signal, rival = ranking.auroc["attention"], ranking.auroc["coexpression"]
    against = ranking.against("coexpression")
    assert against.wilcoxon_p == pytest.approx(wilcoxon(signal - rival).pvalue)
    assert against.t_p == pytest.approx(ttest_rel(signal, rival).pvalue)
    assert against.difference.estimate == pytest.approx((signal - rival).mean())
    assert against.difference.low < against.difference.estimate < against.difference.high
    assert against.wilcoxon_q >= against.wilcoxon_p
    assert list(ranking.frame().index) == list(ranking.perturbations)


def test_the_interval_over_perturbations_has_the_width_of_a_standard_error(found) -> None:
    _, _, rank = found
    values, mean = rank["noise"].auroc["attention"], rank["noise"].mean["attention"]
    assert (mean.high - mean.low) / 3.92 == pytest.approx(values.std() / len(values) ** 0.5, rel=0.2)


def test_a_score_that_equals_its_rival_differs_in_nothing(world) -> None:
    w = world()
    same = perturbation_ranking(
        w.edges, np.abs(w.coexpression), w.statistics, coexpression=w.coexpression, resamples=50
    )
    against = same.against("coexpression")
    assert (against.wilcoxon_p, against.t_p, against.wins) == (1.0, 1.0, 0.5)
    assert against.difference.estimate == against.difference.low == 0.0


def test_a_row_of_one_class_has_no_auroc_and_a_graph_without_direction_no_rows(world) -> None:
    genes = tuple("ABCD")
    edges = edge_labels([("A", "B"), ("A", "C"), ("A", "D"), ("B", "A")], genes, directed=True)
    assert np.isnan(row_aurocs(edges, edges.matrix(np.ones((4, 4))))).tolist() == [True, False]
    with pytest.raises(ValueError, match="1 perturbations of edges"):
        perturbation_ranking(edges, np.ones((4, 4)), np.ones((4, 3)))
    pairs = edge_labels([("A", "B")], genes, directed=False)
    with pytest.raises(ValueError, match="edges has no direction"):
        perturbation_ranking(pairs, np.ones((4, 4)), np.ones((4, 3)))
    w = world()
    with pytest.raises(ValueError, match="2 statistics a gene"):
        perturbation_ranking(w.edges, w.noise(), w.statistics[:, :2])
    with pytest.raises(ValueError, match=r"out_degree has shape \(3,\)"):
        perturbation_ranking(w.edges, w.noise(), w.statistics, out_degree=np.ones(3))
    with pytest.raises(KeyError, match="'string' is no rival"):
        perturbation_ranking(w.edges, w.noise(), w.statistics, resamples=20).against("string")
