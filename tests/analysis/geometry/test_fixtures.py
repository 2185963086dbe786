"""Published artefacts (arXiv 2602.22247) through the project's own functions; they lie outside the project."""

from __future__ import annotations

import csv
import json
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.analysis.exact import spearman_exact
from theodolite.analysis.geometry import (
    RankBiserial,
    bin_trend,
    class_profile,
    confidence_gradient,
    depth_signals,
    depth_trend,
    pole_enrichment,
    score_bins,
    spectrum_shape,
)


@pytest.fixture(scope="module")
def published(shared_data: Path) -> Path:
    folder = shared_data.parent / "fixtures" / "geometry"
    if not folder.is_dir():
        pytest.skip(f"needs published artefacts in {folder}, which are not part of the project")
    return folder


def table(path: Path) -> dict[str, list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def numbers(column: list[str]) -> np.ndarray:
    return np.array([float(value) for value in column])


def document(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_quintile_edges_of_the_scored_pairs(published):
    scored = document(published / "iter_0015_string_ppi_score04_cache.json")["pairs"]
    cut = score_bins([pair["score"] for pair in scored])
    told = document(published / "iter_0015_h02_string_confidence_gradient.json")
    assert len(scored) == 3_092
    assert [round(edge, 3) for edge in cut.edges.tolist()] == [0.400, 0.459, 0.533, 0.640, 0.796, 0.999]
    assert cut.edges == pytest.approx(told["quintile_edges"]) and cut.middles == pytest.approx(told["quintile_mids"])
    assert cut.counts.tolist() == [quintile["n"] for quintile in told["layers"][0]["quintiles"]]


def test_f6_the_gradient_over_five_quintiles_has_the_exact_p(published):
    told = document(published / "iter_0015_h02_string_confidence_gradient.json")
    z = np.array([[quintile["z"] for quintile in layer["quintiles"]] for layer in told["layers"]])
    assert z.mean(axis=0) == pytest.approx(told["quintile_mean_z_across_layers"])
    found = bin_trend(z.mean(axis=0))
    assert found.rho == pytest.approx(told["spearman_rho"]) == pytest.approx(1.0)
    assert told["spearman_p"] < 1e-23, "what the t-approximation makes of five points"
    assert found.p == pytest.approx(2 / 120) == found.floor


def test_the_gradient_is_there_in_the_published_loadings_without_the_equal_rows(published):
    """Loadings of 209 genes on three axes: the genes without a vector share one row, and are left out."""
    told = table(published / "iter_0006_h02_svd_gene_projections.csv")
    loadings = np.array([numbers(told[f"sv{axis}_loading"]) for axis in (1, 2, 3)])
    _, row, count = np.unique(loadings.round(9), axis=1, return_inverse=True, return_counts=True)
    kept = count[row.ravel()] == 1
    assert 14 <= (~kept).sum() <= 25
    genes = [gene for gene, here in zip(told["gene"], kept.tolist(), strict=True) if here]
    pairs = document(published / "iter_0015_string_ppi_score04_cache.json")["pairs"]
    scored = [(pair["g1"], pair["g2"], pair["score"]) for pair in pairs]
    found = confidence_gradient(loadings[1, kept], genes, scored, draws=199)
    assert found.trend.rho >= 0.9 and found.mean_z[-1] > 3.0
    assert found.rank_correlation > 0.0 and found.nulls[0].p[0] <= 0.05


def orders_within(n: int, most: int) -> int:
    """How many orders of n ranks have a sum of squared rank differences of at most ``most``, by pruned enumeration."""

    def count(place: int, used: int, left: int) -> int:
        if place == n:
            return 1
        return sum(
            count(place + 1, used | 1 << value, left - (value - place) ** 2)
            for value in range(n)
            if not used >> value & 1 and (value - place) ** 2 <= left
        )

    return count(0, 0, most)


def test_the_edge_auroc_falls_with_depth_and_its_p_is_exact(published):
    told = table(published / "iter_0062_m1_edge_auroc_cycle4.csv")
    auroc = numbers([a for a, window in zip(told["auroc"], told["subspace"], strict=True) if window == "SV5-7"])
    found = depth_trend(auroc).spearman
    assert found is not None and found.method == "exact" and found.orders == factorial(12)
    assert found.rho == pytest.approx(-0.958, abs=5e-4)
    distance = round((1.0 + found.rho) * 12 * 143 / 6)
    assert found.p == pytest.approx(2 * orders_within(12, distance) / factorial(12))
    summary = document(published / "iter_0062_iter62_summary.json")
    assert found.rho == pytest.approx(summary["M2_r_auroc_layer"])
    assert found.p != pytest.approx(summary["M2_p_auroc_layer"], rel=0.05), "theirs is the t-approximation"


def test_f5_the_mean_auroc_is_of_gene_class_and_edges_lie_far_below(published):
    told = table(published / "iter_0056_h01_joint_sv27_auroc.csv")
    found = class_profile(numbers(told["auroc_joint"]), int(told["n_tf"][0]), int(told["n_tgt"][0]))
    assert round(found.auroc.mean, 4) == 0.7437
    assert found.estimand == "gene class" and (found.regulators, found.targets) == (73, 222)
    assert (found.auroc.peak, found.auroc.lowest) == (3, 11)
    assert [round(value, 4) for value in (found.auroc.values.max(), found.auroc.values.min())] == [0.7895, 0.6875]
    edge = table(published / "iter_0062_m1_edge_auroc_cycle4.csv")
    auroc = numbers([a for a, window in zip(edge["auroc"], edge["subspace"], strict=True) if window == "SV5-7"])
    beside = depth_signals(auroc, found.auroc.values)
    assert (round(beside.edges.first, 3), round(beside.edges.last, 3)) == (0.602, 0.498)
    assert (beside.gap.values > 0.15).all()


def test_f4_what_the_own_cosine_leaves_has_three_signs(published):
    told = table(published / "iter_0052_h03_sv57_regulatory_signal.csv")
    effect = numbers(told["rbc_residual_sv57"])
    found = RankBiserial("own embedding cosine", False, effect, numbers(told["p_residual_sv57"]), np.full(12, np.nan))
    assert [round(value, 3) for value in effect[:3].tolist()] == [0.148, 0.119, 0.083]
    assert found.directions == ("above",) * 3 + ("none",) * 2 + ("below",) * 7
    assert (np.abs(effect[3:5]) < 0.025).all() and (effect[5:] < -0.07).all()
    assert not found.counts, "the covariate was the model's own cosine"


def test_f4_one_of_twelve_layers_is_above_in_the_other_window(published):
    told = table(published / "iter_0051_h01_coexpr_regression_residual.csv")
    found = RankBiserial(
        "own embedding cosine",
        False,
        numbers(told["rbc_residual"]),
        numbers(told["pval_residual"]),
        np.full(12, np.nan),
    )
    assert [layer for layer, direction in enumerate(found.directions) if direction == "above"] == [8]
    assert found.directions[:5] == ("below",) * 5


def test_f3_the_effective_rank_with_and_without_zero_rows(published):
    padded = document(published / "iter_0046_h02_sv_spectrum.json")
    clean = table(published / "iter_0048_h02_spectral_decay.csv")
    with_zeros = depth_trend([padded[str(layer)]["effective_rank"] for layer in range(12)])
    without = depth_trend(numbers(clean["eff_rank"]))
    assert [round(value, 1) for value in (with_zeros.first, with_zeros.last, with_zeros.fold)] == [23.6, 1.6, 14.4]
    assert [round(value, 1) for value in (without.first, without.last, without.fold)] == [236.9, 48.7, 4.9]
    assert without.spearman is not None and without.spearman.p == pytest.approx(2 / factorial(12))
    first = depth_trend([padded[str(layer)]["top1_var_frac"] for layer in range(12)])
    assert [round(100 * value, 1) for value in (first.first, first.last)] == [53.7, 93.4]


def test_f3_the_first_share_is_that_of_the_singular_values(published):
    """Five singular values and the norm of the rest are published: the share of the first one follows."""
    told = table(published / "iter_0048_h02_spectral_decay.csv")
    for norm, top, share in zip(told["frob_norm"], told["top5_sv"], told["var1"], strict=True):
        five = np.array(json.loads(top))
        rest = np.full(2_000, np.sqrt((float(norm) ** 2 - np.square(five).sum()) / 2_000))
        assert spectrum_shape([*five, *rest], 2_039).first_share == pytest.approx(float(share), rel=1e-4)


def test_ranks_near_the_centroid_fall_and_random_genes_do_not(published):
    told = document(published / "iter_0042_h03_gc_tf_convergence.json")
    expected = {"BATF": (1_510, 189, -0.972), "BACH2": (611, 146, -0.844)}
    for gene, (first, last, rho) in expected.items():
        ranks, distances = (told[gene][name] for name in ("ranks_near_bcell_centroid", "dists_to_pax5"))
        found = depth_trend(ranks)
        assert (found.first, found.last) == (first, last) and found.slope < -25.0
        assert found.spearman is not None and found.spearman.rho == pytest.approx(rho, abs=5e-4)
        assert found.spearman.method == "exact" and found.spearman.p < 0.002
        assert depth_trend(distances).fold > 3.0, "distances shrink for every gene, with the norm"
    null = depth_trend([layer["mean"] for layer in told["null_random_gene_ranks_by_layer"]])
    assert abs(null.slope) < 6.0 and null.fold < 1.05


def test_the_exact_p_of_tied_ranks_agrees_with_sampling(published):
    """BACH2 has the same rank at two layers, which the t-approximation passes over."""
    ranks = document(published / "iter_0042_h03_gc_tf_convergence.json")["BACH2"]["ranks_near_bcell_centroid"]
    assert len(set(ranks)) == 11
    found = spearman_exact(range(12), ranks)
    rng = np.random.default_rng(0)
    order = np.argsort(np.argsort(ranks, kind="stable")).astype(float)
    for value in set(ranks):
        tied = np.array(ranks) == value
        order[tied] = order[tied].mean()
    drawn = rng.permuted(np.tile(order, (200_000, 1)), axis=1) @ (np.arange(12) - 5.5)
    share = float(np.mean(np.abs(drawn) >= abs(order @ (np.arange(12) - 5.5)) - 1e-9))
    assert found.p == pytest.approx(share, abs=4 * np.sqrt(found.p / 200_000))


def test_the_published_odds_of_compartments_follow_from_whole_counts(published):
    """Fifty-two genes at a pole of 209, genes without a vector among them: every odds ratio and p is of some count."""
    told = table(published / "iter_0009_h02_layer_compartment_map.csv")
    genes = [f"G{place}" for place in range(209)]
    axis = np.arange(209, dtype=float)
    known: dict[int, list[tuple[float, float]]] = {}
    for members, odds, p in zip(told["n_ann"], told["OR"], told["p"], strict=True):
        size = int(members)
        if not size:
            continue
        if size not in known:
            known[size] = []
            for inside in range(min(size, 52) + 1):
                chosen = [*genes[209 - inside :], *genes[52 : 52 + size - inside]]
                found = pole_enrichment(axis, genes, chosen, k=52, draws=1)
                known[size].append((float(found.odds_top[0]), float(found.p_top[0])))
        assert any(pair == pytest.approx((float(odds), float(p)), rel=1e-6) for pair in known[size]), (size, odds)
