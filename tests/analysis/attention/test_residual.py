from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from theodolite.analysis.attention import (
    EdgeLabels,
    Ranking,
    edge_labels,
    gene_features,
    residualised,
)
from theodolite.analysis.attention import residual as module
from theodolite.data import GeneStatistics


def auroc(edges: EdgeLabels, matrix: np.ndarray) -> float:
    return Ranking.of(matrix[edges.candidates]).auroc(edges.truth)


@pytest.fixture(autouse=True)
def fewer_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer trees that learn faster and come as far: 0.85**60 as 0.95**200 is nil. The last test sees the defaults."""
    monkeypatch.setattr(module, "_TREES", {**module._TREES, "max_iter": 60, "learning_rate": 0.15})


def test_a_score_of_expression_only_is_above_chance_and_its_residual_is_not(world) -> None:
    """The trap of a score that knows which genes are expressed: the reference is rich in these."""
    w = world("expression")
    score = w.expression_score()
    assert auroc(w.edges, w.edges.matrix(score)) > 0.65
    trees = residualised(w.edges, score, w.statistics, learner="boosting")
    assert abs(auroc(w.edges, trees.matrix) - 0.5) < 0.035
    assert trees.r2 > 0.85 and trees.disjoint
    line = residualised(w.edges, score, w.statistics, learner="ols")
    assert 0.5 < line.r2 < trees.r2, "a line leaves the curve of it"


def test_a_score_of_co_expression_only_survives_gene_statistics_and_not_co_expression(world) -> None:
    """The trap that the published adjustment leaves open: gene statistics know nothing of pairs."""
    w = world("coexpression")
    score = np.abs(w.coexpression) ** 2 + 0.1 * w.noise()
    raw = auroc(w.edges, w.edges.matrix(score))
    assert raw > 0.65
    for learner in ("ols", "boosting"):
        genes = residualised(w.edges, score, w.statistics, learner=learner, folds=3)
        assert auroc(w.edges, genes.matrix) > 0.5 + 0.8 * (raw - 0.5)
    both = residualised(w.edges, score, w.statistics, coexpression=w.coexpression, learner="boosting", folds=3)
    assert abs(auroc(w.edges, both.matrix) - 0.5) < 0.035
    splines = residualised(w.edges, score, w.statistics, coexpression=w.coexpression, learner="splines")
    assert abs(auroc(w.edges, splines.matrix) - 0.5) < 0.035


def test_f4_the_models_own_cosine_in_place_of_co_expression_takes_out_the_signal_itself(world) -> None:
    """Adjusted for what it is made of, a true signal is gone; adjusted for real co-expression, it stays."""
    w = world("nothing")
    score = w.edge_score(1.5)
    kept = residualised(w.edges, score, w.statistics, coexpression=w.coexpression, learner="boosting", folds=3)
    lost = residualised(w.edges, score, w.statistics, coexpression=score, learner="boosting", folds=3)
    assert auroc(w.edges, kept.matrix) > 0.75
    assert auroc(w.edges, lost.matrix) < 0.6


def test_f4_error_of_measurement_in_co_expression_is_allowed_for_by_two_halves(world) -> None:
    w = world("coexpression", seed=6)
    score = w.coexpression + 0.05 * w.noise()
    noisy = []
    for _ in range(2):
        error = np.triu(w.noise(), 1) * 0.35
        noisy.append(w.coexpression + error + error.T)
    edges = _high(w)
    measured = residualised(edges, score, w.statistics, coexpression=np.mean(noisy, axis=0), learner="splines")
    allowed = residualised(
        edges, score, w.statistics, coexpression=np.mean(noisy, axis=0), learner="splines", halves=np.stack(noisy)
    )
    assert auroc(edges, measured.matrix) > 0.56, "what was measured with error leaves a part of it"
    assert abs(auroc(edges, allowed.matrix) - 0.5) < 0.5 * (auroc(edges, measured.matrix) - 0.5)


def _high(w) -> EdgeLabels:
    """Return labels that follow signed co-expression."""
    chance = np.exp(3.0 * w.coexpression[:28])
    chance[np.arange(28), np.arange(28)] = 0.0
    drawn = np.random.default_rng(0).choice(chance.size, 500, replace=False, p=(chance / chance.sum()).ravel())
    n = len(w.genes)
    return edge_labels([(w.genes[k // n], w.genes[k % n]) for k in drawn.tolist()], w.genes, directed=True)


def test_every_pair_is_predicted_by_a_fit_that_saw_neither_of_its_families() -> None:
    """Each gene has a level of its own that its statistics name; a fit that saw the gene would take it out."""
    rng = np.random.default_rng(0)
    genes = [f"G{index}" for index in range(80)]
    statistics = rng.standard_normal((80, 3))
    level = rng.standard_normal(80)
    edges = edge_labels([(genes[i], genes[(7 * i + 3) % 80]) for i in range(80) if (7 * i + 3) % 80 != i], genes,
                        directed=True)  # fmt: skip
    found = residualised(edges, level[:, None] + level[None, :], statistics, learner="boosting")
    assert found.disjoint and found.r2 < 0.1, "levels that nothing foretells cannot be foretold for held-out genes"


@pytest.mark.parametrize("directed", [True, False])
def test_folds_share_no_family_on_either_side(world, directed: bool) -> None:
    w = world()
    families = [f"F{index // 3}" for index in range(len(w.genes))]
    pairs = [(w.genes[i], w.genes[(i + 5) % 140]) for i in range(60)]
    edges = edge_labels(pairs, w.genes, families=families, directed=directed)
    seen = np.zeros(edges.candidates.shape, dtype=int)
    rows, columns = np.array(edges.row_families), np.array(edges.column_families)
    for test, train, apart in module._cross_fits(edges, 5, 0):
        seen += test
        used = {*rows[train.any(axis=1)], *columns[train.any(axis=0)]}
        asked = {*rows[test.any(axis=1)], *columns[test.any(axis=0)]}
        assert apart and not used & asked
    assert np.array_equal(seen, edges.candidates.astype(int)), "every candidate is predicted once"


def test_two_regulators_that_are_targets_too_are_held_out_as_far_as_that_goes() -> None:
    genes = tuple("ABCDEFGH")
    edges = edge_labels([("A", "C"), ("B", "D")], genes, directed=True)
    found = residualised(edges, np.random.default_rng(0).random((8, 8)), np.random.default_rng(1).random((8, 1)))
    assert not found.disjoint and np.isfinite(found.matrix).all()


def test_undirected_scores_have_residuals_that_do_not_depend_on_the_order_of_a_pair(world) -> None:
    w = world()
    pairs = [(w.genes[i], w.genes[(i + 5) % 140]) for i in range(100)]
    score = w.expression_score()
    forwards = edge_labels(pairs, w.genes, directed=False)
    turned = np.arange(140)[::-1]
    backwards = edge_labels(pairs, [w.genes[k] for k in turned], directed=False)
    one = residualised(forwards, score, w.statistics, folds=10)
    assert one.r2 > 0.3
    # other folds, as genes come in another order: the two agree but for what folds do
    other = residualised(backwards, score[np.ix_(turned, turned)], w.statistics[turned], folds=10)
    back = other.matrix + other.matrix.T
    upper = forwards.candidates
    assert np.corrcoef(one.matrix[upper], back[np.ix_(turned, turned)][upper])[0, 1] > 0.999


def test_the_labels_are_not_looked_at(world) -> None:
    w = world()
    score = w.expression_score()
    others = replace(w.edges, labels=w.edges.candidates & ~w.edges.labels)
    for learner in ("ols", "boosting"):
        first, second = (
            residualised(edges, score, w.statistics, learner=learner, folds=3) for edges in (w.edges, others)
        )
        assert np.array_equal(first.matrix, second.matrix)


def test_statistics_are_found_by_name_and_what_is_missing_is_refused(world) -> None:
    table = GeneStatistics(("B", "A"), np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([0.1, 0.2]))
    assert gene_features(table, ("A", "B")).tolist() == [[2.0, 4.0, 0.2], [1.0, 3.0, 0.1]]
    with pytest.raises(ValueError, match="no statistics of 'C'"):
        gene_features(table, ("A", "C"))
    with pytest.raises(ValueError, match=r"shape \(2, 3\) for 3 genes"):
        gene_features(np.zeros((2, 3)), ("A", "B", "C"))
    w = world()
    with pytest.raises(ValueError, match="pass coexpression="):
        residualised(w.edges, w.noise(), w.statistics, learner="splines")
    with pytest.raises(ValueError, match="use 'splines' with halves"):
        residualised(w.edges, w.noise(), w.statistics, halves=np.zeros((2, 140, 140)))


def test_the_trees_are_those_of_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    model = module._learner("boosting", 0)
    assert (model.max_iter, model.max_depth, model.learning_rate) == (200, 6, 0.05)
