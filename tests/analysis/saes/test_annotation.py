from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, fisher_exact, hypergeom

from theodolite.analysis.saes import annotate, top_genes
from theodolite.data import Reference
from theodolite.sources import Source

N = 600
GENES = [f"G{i:03d}" for i in range(N)]
Sets = dict[str, list[str]]


def random_sets(rng: np.random.Generator, count: int = 60, sizes: tuple[int, int] = (8, 60)) -> Sets:
    drawn = rng.integers(*sizes, count).tolist()
    return {f"set {i}": rng.choice(GENES, size, replace=False).tolist() for i, size in enumerate(drawn)}


def random_activation(rng: np.random.Generator, features: int = 80) -> np.ndarray:
    return rng.gamma(0.5, 1.0, (N, features))


def scipy_tests(activation: np.ndarray, sets: Sets, background: set[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return overlaps and p, (features, sets), with the genes of sets and features cut to a background."""
    overlaps, p = [], []
    for chosen in top_genes(activation, GENES):
        names = {GENES[i] for i in chosen if i >= 0}
        members = [set(each) & background for each in sets.values()]
        overlaps.append([len(names & each) for each in members])
        p.append(
            [hypergeom.sf(len(names & each) - 1, len(background), len(each), len(names)).item() for each in members]
        )
    return np.array(overlaps), np.array(p)


def published_rate(activation: np.ndarray, sets: Sets) -> float:
    """Annotated share as published: union of top genes for background, and no test with an overlap below two."""
    union = {GENES[i] for chosen in top_genes(activation, GENES) for i in chosen}
    overlaps, p = scipy_tests(activation, sets, union)
    kept = overlaps >= 2
    q = np.ones(p.shape)
    q[kept] = false_discovery_control(p[kept])
    return float((q <= 0.05).any(axis=1).mean())


def test_planted_sets_are_found_on_their_features_and_no_others():
    rng = np.random.default_rng(0)
    activation, sets = random_activation(rng), random_sets(rng)
    for feature in range(10):
        places = [GENES.index(gene) for gene in sets[f"set {feature}"][:8]]
        activation[places, feature] += 10.0
    degree = {gene: float(place % 97) for place, gene in enumerate(GENES)}
    found = annotate(activation, GENES, sets, degree=degree, draws=49)
    pairs = set(zip(found.feature.tolist(), found.gene_set, strict=True))
    assert {(i, f"set {i}") for i in range(10)} <= pairs and len(pairs) <= 12
    assert (found.fold > 2.0).all() and (found.inside > found.outside).all() and found.tests == 80 * 60
    assert found.rate >= 10 / 80
    for null in found.nulls:
        assert null.p == 1 / 50 and null.interval[1] < found.rate and null.mean < 0.03 and null.moved > 0.9
    table = found.frame()
    assert len(table) == len(pairs) and table["feature"].is_monotonic_increasing


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_p_and_q_are_those_of_scipy_over_every_feature_and_every_set(seed: int) -> None:
    rng = np.random.default_rng(seed)
    activation, sets = random_activation(rng, 8), random_sets(rng, 10)
    activation[rng.random(activation.shape) < 0.97] = 0.0  # some features have fewer than twenty genes
    activation[:12, 0] += 1.0
    sets["set 0"] = GENES[:12]
    found = annotate(activation, GENES, sets, level=0.5, least_overlap=1, draws=1)
    alive = np.flatnonzero(activation.any(axis=0))
    overlaps, p = scipy_tests(activation[:, alive], sets, set(GENES))
    q = false_discovery_control(p.ravel()).reshape(p.shape)
    expected = (q <= 0.5) & (overlaps >= 1)
    assert len(found.p) == expected.sum() > 0
    rows = np.searchsorted(alive, found.feature)
    columns = [list(sets).index(name) for name in found.gene_set]
    assert found.p == pytest.approx(p[rows, columns], rel=1e-9)
    assert found.q == pytest.approx(q[rows, columns], rel=1e-9)
    assert found.overlap.tolist() == overlaps[rows, columns].tolist()


def test_effect_sizes_are_those_of_the_table_and_of_the_means():
    activation = np.zeros((N, 1))
    activation[:20, 0] = 2.0
    found = annotate(activation, GENES, {"planted": GENES[10:40]}, draws=1)
    expected = fisher_exact([[10, 10], [20, 560]], alternative="greater")
    assert found.odds_ratio == pytest.approx(expected.statistic) and found.p == pytest.approx(expected.pvalue)
    assert found.fold[0] == pytest.approx(10 / (20 * 30 / 600))
    assert found.inside[0] == pytest.approx(20 / 30) and found.outside[0] == pytest.approx(20 / 570)


def test_f10_a_family_without_small_overlaps_annotates_features_that_mean_nothing():
    """F10 (a): of small sets only those with a small p have an overlap of two, and the correction sees no others."""
    published, ours = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        activation, sets = random_activation(rng, 50), random_sets(rng, 40, (5, 9))
        published.append(published_rate(activation, sets))
        ours.append(annotate(activation, GENES, sets, draws=1).rate)
    assert min(published) > 0.2, "in every world features of nothing are annotated"
    assert np.mean(np.array(ours) > 0) <= 0.25 and max(ours) <= 0.05


def test_f10_the_union_of_top_genes_as_background_hides_what_features_share():
    """F10 (c): where features look at the same program, the program is the background and can be no finding."""
    rng = np.random.default_rng(0)
    activation = 0.01 * rng.random((N, 30))
    activation[:40] += 1.0 + rng.random((40, 30))
    sets = {"program": GENES[:40], **random_sets(rng, 20)}
    assert published_rate(activation, sets) == 0.0
    found = annotate(activation, GENES, sets, draws=19)
    assert found.rate == 1.0 and set(found.gene_set) == {"program"} and found.nulls[0].p == 1 / 20


def test_expression_that_features_and_sets_share_fools_gene_labels_but_not_strata():
    """Features that follow expression are annotated by sets of expressed genes, whatever these have in common."""
    beaten = np.zeros(2)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        level = rng.lognormal(0.0, 1.0, N)
        activation = level[:, None] * rng.gamma(1.0, 1.0, (N, 40))
        chance = level / level.sum()
        sets = {f"set {i}": rng.choice(GENES, 12, replace=False, p=chance).tolist() for i in range(30)}
        degree = dict(zip(GENES, level.tolist(), strict=True))
        found = annotate(activation, GENES, sets, degree=degree, draws=39, seed=seed)
        beaten += [null.p <= 0.05 for null in found.nulls]
    assert [null.null for null in found.nulls] == ["gene_labels", "degree_strata"]
    assert found.rate > 0.9 and found.nulls[0].mean < 0.01, "nearly all features, and by permuted labels nearly none"
    assert beaten[0] == 10 and beaten[1] <= 2


def test_paralogues_fool_gene_labels_but_not_blocks_of_families():
    """Sets and features made of whole families match by chance more often than sets and features of single genes."""
    beaten = np.zeros(2)
    for seed in range(15):
        rng = np.random.default_rng(seed)
        family = np.arange(N) // 10
        activation = rng.gamma(0.5, 1.0, (60, 40))[family] + 0.01 * rng.random((N, 40))
        sets = {
            f"set {i}": [GENES[g] for f in rng.choice(60, 3, replace=False) for g in range(10 * f, 10 * f + 10)]
            for i in range(30)
        }
        names = {gene: f"f{number}" for gene, number in zip(GENES, family.tolist(), strict=True)}
        found = annotate(activation, GENES, sets, families=names, draws=39, seed=seed)
        beaten += [null.p <= 0.05 for null in found.nulls]
    assert beaten[0] >= 12 and beaten[1] <= 3


def test_the_rate_of_features_that_mean_nothing_is_one_of_its_null():
    found = np.zeros(40)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        activation, sets = random_activation(rng, 40), random_sets(rng, 30)
        # A lenient level and single genes, so that rates are not all zero.
        found[seed] = annotate(activation, GENES, sets, level=0.9, least_overlap=1, draws=19, seed=seed).nulls[0].p
    # A binomial of 40 at 0.05 stays at or below 7 in all but about 1 of 1,000 runs.
    assert (found <= 0.05).sum() <= 7 and 0.35 < found.mean() < 0.75


def test_sets_may_be_references_and_those_of_other_sizes_are_named():
    made = [
        Reference(name, name, "set", tuple(members), "planted", (Source(name="test"),))
        for name, members in {"small": GENES[:4], "fits": GENES[:10] + ["ABSENT"], "large": GENES}.items()
    ]
    activation = np.zeros((N, 3))
    activation[:10, 0] = 1.0
    found = annotate(activation, GENES, made, draws=1)
    assert found.sets == ("fits",) and found.left_out == ("small", "large") and found.size.tolist() == [10]
    assert found.features == 1, "a feature that is active on no gene is no feature to be annotated"
    assert found.rate == 1.0 and found.q[0] == found.p[0]


def test_what_cannot_be_tested_is_refused_with_a_remedy():
    activation = np.ones((N, 2))
    with pytest.raises(ValueError, match="none of 1 sets has 5 to 500 of the 600 genes; check that gene names agree"):
        annotate(activation, GENES, {"other species": ["g1", "g2"]})
    with pytest.raises(ValueError, match="none of 2 features is active"):
        annotate(0.0 * activation, GENES, {"set": GENES[:9]})
    with pytest.raises(ValueError, match="0 draws, level 0.05"):
        annotate(activation, GENES, {"set": GENES[:9]}, draws=0)
