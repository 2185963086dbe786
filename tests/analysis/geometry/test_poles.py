from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact

from theodolite.analysis.geometry import co_pole, pole_enrichment
from theodolite.analysis.geometry.poles import pole_size, poles

N = 120
GENES = [f"G{i}" for i in range(N)]

# A binomial of 100 at 0.05 stays at or below 13 in all but about 1 of 1,000 runs.
AT_MOST = 13


def random_pairs(rng: np.random.Generator, m: int = 150) -> list[tuple[str, str]]:
    return [tuple(GENES[i] for i in rng.choice(N, 2, replace=False)) for _ in range(m)]  # type: ignore[misc]


def test_poles_are_the_ends_of_the_axis():
    side = poles(np.array([0.1, -3.0, 2.0, 0.0, 5.0, -1.0]), 2)
    assert side.tolist() == [0, -1, 1, 0, 1, -1]
    assert pole_size(195, None) == 52
    with pytest.raises(ValueError, match="overlap; give k from 1 to 60"):
        pole_size(120, 61)


def test_planted_pairs_at_one_pole_are_found_by_every_null():
    rng = np.random.default_rng(0)
    axis = rng.standard_normal((3, N))
    order = np.argsort(axis[1])
    near = [(GENES[order[i]], GENES[order[i + 1]]) for i in (*range(0, 30, 2), *range(90, 118, 2))]
    found = co_pole(axis, GENES, near + random_pairs(rng, 30), draws=499)
    for null in found.nulls:
        assert null.p[1] == null.floor and null.p_any <= 0.01 and null.z[1] > 4.0
        assert null.p[0] > 0.01, "the other layers hold nothing"
    assert [null.null for null in found.nulls] == ["gene_labels", "degree_strata"]
    assert found.nulls[0].moved > 0.9


def test_random_pairs_are_found_no_more_often_than_the_level_says():
    found = np.zeros(2)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        result = co_pole(rng.standard_normal(N), GENES, random_pairs(rng), draws=99, seed=seed)
        found += [null.p[0] <= 0.05 for null in result.nulls]
    assert (found <= AT_MOST).all()


def test_hubs_that_gather_at_a_pole_fool_gene_labels_but_not_degree_strata():
    """Well-known genes have most of the pairs and lie at one end; which of them are partners says nothing."""
    found = np.zeros(2)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        fame = rng.lognormal(0.0, 1.0, N)
        chance = fame / fame.sum()
        pairs = [tuple(GENES[i] for i in rng.choice(N, 2, replace=False, p=chance)) for _ in range(150)]
        result = co_pole(np.log(fame) + 0.3 * rng.standard_normal(N), GENES, pairs, draws=99, seed=seed)
        found += [null.p[0] <= 0.05 for null in result.nulls]
    assert found[0] >= 30, "the published null takes fame for a signal"
    assert found[1] <= 12


def test_paralogues_fool_gene_labels_but_not_family_blocks():
    """Families share coordinates and are paired within themselves and with the same other families."""
    found = np.zeros(3)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        family = np.arange(N) // 6
        axis = rng.standard_normal(N // 6)[family] + 0.2 * rng.standard_normal(N)
        linked = [rng.choice(N // 6, 2, replace=False) for _ in range(15)]
        pairs = [(GENES[6 * a + i], GENES[6 * b + j]) for a, b in linked for i in range(6) for j in range(6)]
        names = {gene: f"f{number}" for gene, number in zip(GENES, family, strict=True)}
        result = co_pole(axis, GENES, pairs, families=names, draws=99, seed=seed)
        found += [null.p[0] <= 0.05 for null in result.nulls]
    assert result.nulls[2].null == "family_block_swap"
    assert found[0] >= 12, "thirty-six pairs of two families are one piece of evidence"
    assert found[2] <= 9


def test_a_planted_set_lies_at_the_top_and_its_odds_are_fishers():
    rng = np.random.default_rng(1)
    axis = rng.standard_normal((2, N))
    axis[0, :20] += 2.0
    found = pole_enrichment(axis, GENES, GENES[:20], k=30, draws=499)
    inside = int(found.top[0])
    table = [[inside, 20 - inside], [30 - inside, N - 20 - 30 + inside]]
    expected = fisher_exact(table, alternative="greater")
    assert found.odds_top[0] == pytest.approx(expected.statistic) and found.p_top[0] == pytest.approx(expected.pvalue)
    assert found.pole[0] == "top" and found.nulls[0].p[0] == found.nulls[0].floor
    assert found.nulls[0].p[1] > 0.01 and found.members == 20


def test_choosing_the_end_is_paid_for():
    counted, paid, of_null = 0, 0, []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found = pole_enrichment(
            rng.standard_normal(N), GENES, rng.choice(GENES, 40, replace=False), draws=199, seed=seed
        )
        counted += min(found.p_top[0], found.p_bottom[0]) <= 0.05
        paid += found.nulls[0].p[0] <= 0.05
        of_null.append(found.nulls[0].p[0])
    assert paid <= AT_MOST and paid <= counted
    assert np.mean(of_null) > 0.5, "p of a true null is uniform or larger, with the end chosen in every draw"


def test_a_set_of_hubs_is_no_finding_within_strata_of_degree():
    rng = np.random.default_rng(5)
    fame = rng.lognormal(0.0, 1.0, N)
    members = [GENES[i] for i in rng.choice(N, 30, replace=False, p=fame / fame.sum())]
    degree = dict(zip(GENES, fame.tolist(), strict=True))
    found = pole_enrichment(np.log(fame), GENES, members, degree=degree, draws=999)
    labels, strata = found.nulls
    assert labels.p[0] <= 0.01 and strata.p[0] > 0.05


def test_a_set_without_outsiders_and_coordinates_with_holes_are_refused():
    with pytest.raises(ValueError, match="120 of 120 genes are members"):
        pole_enrichment(np.arange(N, dtype=float), GENES, GENES)
    with pytest.raises(ValueError, match="a coordinate is not finite"):
        co_pole(np.full(N, np.nan), GENES, [("G0", "G1")])
    with pytest.raises(ValueError, match=r"give \(layers, genes\)"):
        co_pole(np.zeros(N - 1), GENES, [("G0", "G1")])


def beaten_by_degree_alone(worlds: int) -> int:
    """Return in how many worlds an axis and pairs that both follow degree, and nothing else, beat strata of degree."""
    beaten = 0
    for world in range(worlds):
        draw = np.random.default_rng(world)
        logs = draw.standard_normal(300)
        share = np.exp(logs) / np.exp(logs).sum()
        along = logs + 0.5 * draw.standard_normal(300)
        names = [f"G{number:03d}" for number in range(300)]
        pairs: set[tuple[str, str]] = set()
        while len(pairs) < 300:
            one, other = sorted(draw.choice(300, 2, replace=False, p=share).tolist())
            pairs.add((names[one], names[other]))
        found = co_pole(along[None], names, sorted(pairs), draws=99, seed=world)
        strata = next(null for null in found.nulls if null.null == "degree_strata")
        beaten += bool(strata.p[0] <= 0.05)
    return beaten


def test_what_only_follows_degree_seldom_beats_narrow_strata_and_often_beats_five(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert beaten_by_degree_alone(20) <= 5
    monkeypatch.setattr("theodolite.analysis.geometry.nulls._GENES_A_CLASS", 300)
    assert beaten_by_degree_alone(20) >= 7
