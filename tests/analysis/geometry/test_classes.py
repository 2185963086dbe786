from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from theodolite.analysis.geometry import class_profile, class_separation, layer_coordinates

WINDOW = (1, 4)


def test_the_auroc_is_that_of_cross_validation_by_scikit_learn(planted):
    world = planted(0, gene_class=1.0)
    found = class_separation(world.vectors[:1], world.genes, world.edges, window=WINDOW, draws=1, seed=3)
    chosen = [row for row, gene in enumerate(world.genes) if any(gene in edge for edge in world.edges)]
    features = layer_coordinates(world.vectors[:1], 4)[0][chosen]
    label = np.array([world.genes[row] in world.regulators for row in chosen])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    folds = StratifiedKFold(5, shuffle=True, random_state=3)
    expected = cross_val_score(model, features, label, cv=folds, scoring="roc_auc").mean()
    assert found.profile.auroc.mean == pytest.approx(expected, abs=1e-3)


def test_f5_the_estimand_is_gene_class(planted):
    world = planted(0, gene_class=1.0)
    found = class_separation(world.vectors[:1], world.genes, world.edges, window=WINDOW, draws=9)
    assert found.profile.estimand == "gene class"
    assert found.profile.regulators == 24 and found.profile.targets == len({t for _, t in world.edges})
    assert class_profile([0.7, 0.8, 0.6], 73, 222).auroc.peak == 1


def test_a_planted_class_is_found_and_a_world_without_one_is_not(planted):
    with_class = planted(1, gene_class=1.5)
    without = planted(2)
    for world, there in ((with_class, True), (without, False)):
        found = class_separation(world.vectors[:2], world.genes, world.edges, window=WINDOW, draws=39)
        assert (found.profile.auroc.mean > 0.75) is there
        assert (found.null.p_any <= 0.05) is there
    assert found.null.mean == pytest.approx([0.5, 0.5], abs=0.06)


def test_f5_edges_alone_make_no_class(planted):
    """Each target lies beside its regulators: edges to the full, and no way to tell the two classes apart."""
    found = [
        class_separation(world.vectors[:1], world.genes, world.edges, window=(2, 4), draws=9).profile.auroc.mean
        for world in (planted(seed, edges=0.9) for seed in range(4))
    ]
    assert np.mean(found) < 0.62


def test_f5_what_expression_alone_does_stands_beside_and_takes_the_gain_away(planted):
    """The axis shows mean expression, in which regulators differ: a class AUROC with nothing of the model in it."""
    world = planted(3, class_by_expression=1.8)
    found = class_separation(
        world.vectors[:2], world.genes, world.edges, window=WINDOW, statistics=world.statistics, draws=39
    )
    assert found.null.p_any <= 0.05 and found.profile.auroc.mean > 0.75
    assert found.covariates is not None and found.covariates > 0.75
    assert found.gain_null is not None and found.gain_null.p_any > 0.05 and np.max(found.gain) < 0.05


def test_a_class_beyond_expression_is_a_gain(planted):
    world = planted(4, gene_class=2.0)
    found = class_separation(
        world.vectors[:2], world.genes, world.edges, window=WINDOW, statistics=world.statistics, draws=39
    )
    assert found.covariates is not None and found.both is not None and found.gain is not None
    assert found.both - found.covariates == pytest.approx(found.gain)
    assert (found.gain > 0.15).all() and found.gain_null is not None and found.gain_null.p_any <= 0.05


def test_families_stay_within_a_fold_and_move_whole(planted):
    """Paralogues share a vector: with families apart, a fold cannot learn a gene from its paralogue."""
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(30), 4)
    vectors = (5.0 * rng.standard_normal((30, 12)))[family][None] + 0.05 * rng.standard_normal((1, 120, 12))
    genes = [f"G{i}" for i in range(120)]
    regulator = np.isin(family, rng.choice(30, 12, replace=False))
    edges = [(genes[i], genes[j]) for i, j in zip(np.flatnonzero(regulator), np.flatnonzero(~regulator), strict=False)]
    edges += [(edges[0][0], genes[j]) for j in np.flatnonzero(~regulator)]
    families = {gene: f"f{number}" for gene, number in zip(genes, family, strict=True)}
    apart = class_separation(vectors, genes, edges, window=(1, 10), families=families, draws=39)
    together = class_separation(vectors, genes, edges, window=(1, 10), draws=39)
    assert together.null.p[0] <= 0.05 and together.profile.auroc.mean > 0.7
    assert apart.null.null == "family_block_swap" and apart.null.p[0] > 0.05
    assert apart.profile.auroc.mean < together.profile.auroc.mean - 0.15


def test_too_small_classes_are_refused(planted):
    world = planted(5)
    with pytest.raises(ValueError, match="1 regulators and 2 target-only genes cannot fill 5 folds"):
        class_separation(world.vectors, world.genes, [("R0", "T1"), ("R0", "T2")], window=WINDOW)
