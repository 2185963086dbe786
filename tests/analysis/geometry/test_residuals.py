from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from theodolite.analysis.geometry import rank_biserial, similarity_residuals

WINDOW = (2, 4)


def residuals(world, **options):
    options = {"window": WINDOW, "draws": 199, **options}
    return similarity_residuals(
        world.vectors[:2], world.genes, world.edges, world.coexpression, world.statistics, **options
    )


def test_rank_biserial_is_the_mann_whitney_statistic_on_its_scale():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(30) + 0.5, rng.standard_normal(40)
    effect, p = rank_biserial(a, b)
    assert effect == pytest.approx(np.mean(np.sign(a[:, None] - b[None, :])))
    assert p == pytest.approx(mannwhitneyu(a, b, alternative="greater").pvalue, abs=1e-3)
    with pytest.raises(ValueError, match="needs both"):
        rank_biserial([], [1.0])


def test_f4_the_models_own_cosine_is_named_so_and_never_counts(planted):
    found = residuals(planted(0), draws=19)
    steps = (found.raw, found.own_cosine, found.expression, found.expression_and_genes)
    assert [step.control for step in steps] == [
        "none",
        "own embedding cosine",
        "expression correlation",
        "expression correlation and gene statistics",
    ]
    assert [step.counts for step in steps] == [False, False, False, True]


def test_f4_what_co_expression_explains_survives_the_own_cosine_and_not_the_real_control(planted):
    """Modules are co-expressed, lie together and hold the edges: a similarity that is co-expression and no more."""
    survived, counted = 0, 0
    for seed in range(8):
        found = residuals(planted(seed, modules=0.7), draws=99, seed=seed)
        assert set(found.raw.directions) == {"above"}
        survived += set(found.own_cosine.directions) == {"above"}
        counted += bool(found.signal.any())
    assert survived >= 7, "the published control passes it"
    # Two layers of nearly equal vectors: about 1 false signal in 20 worlds.
    assert counted <= 2


def test_planted_edges_beyond_co_expression_count(planted):
    found = residuals(planted(3, edges=0.7, modules=0.3))
    assert found.signal.all() and (found.expression_and_genes.effect > 0.1).all()
    assert found.raw.explained == pytest.approx(np.zeros(2)) and (found.expression.explained > 0.0).all()
    assert max(null.p_any for null in found.nulls) <= 0.05


def test_nothing_planted_nothing_counts(planted):
    assert sum(residuals(planted(seed), draws=99).signal.any() for seed in range(10)) <= 2


def test_the_cosine_can_take_the_place_of_the_distance(planted):
    world = planted(4, edges=0.8)
    by_cosine = residuals(world, similarity="cosine", draws=19)
    assert (by_cosine.raw.effect > 0.1).all()
    with pytest.raises(ValueError, match="similarity is 'dot'"):
        residuals(world, similarity="dot")


def test_co_expression_of_another_shape_or_with_holes_is_refused(planted):
    world = planted(5)
    with pytest.raises(ValueError, match="in the order of genes"):
        similarity_residuals(world.vectors, world.genes, world.edges, np.eye(3), world.statistics)
    holes = np.full((120, 120), np.nan)
    with pytest.raises(ValueError, match="a gene that does not vary has correlation 0"):
        similarity_residuals(world.vectors, world.genes, world.edges, holes, world.statistics)
