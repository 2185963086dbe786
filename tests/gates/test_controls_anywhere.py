"""Planted controls through the maximum over places."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.gates.bipartite import contrast_bipartite
from theodolite.gates.controls import (
    MOST,
    planted_null,
    planted_null_anywhere,
    planted_positive,
    planted_positive_anywhere,
)
from theodolite.gates.evidence import Stopping
from theodolite.gates.nulls import contrast_genes, contrast_pairs

GENES = ("family_block_swap", "stratified_labels")
SHAPES = ["genes", "pairs", "regulators"]


def by_p(level: float) -> Stopping:
    return Stopping(kind="besag_clifford", b_max=5_000)


def by_e(level: float) -> Stopping:
    return Stopping(kind="betting", b_max=5_000, threshold=1.0 / level)


def places(shape: str, count: int, *, seed: int = 0, size: int = 40):
    """Places whose scores say nothing of the reference."""
    rng = np.random.default_rng(seed)
    n = 100 if shape == "pairs" else 240
    families = [f"F{gene // 2}" for gene in range(n)]
    mean, variance = rng.gamma(2.0, 1.0, (2, n))
    if shape == "genes":
        member = np.isin(np.arange(n), rng.choice(n, size, replace=False))
        design = contrast_genes(rng.standard_normal(n), member, families, mean, variance)
        return [design, *(design.replaced(rng.standard_normal(n)) for _ in range(count - 1))]
    if shape == "pairs":
        edge = np.triu(rng.random((n, n)) < 0.04, 1)
        edge = (edge | edge.T) & (np.array(families)[:, None] != np.array(families)[None, :])

        def symmetric():
            score = rng.standard_normal((n, n))
            return score + score.T

        design = contrast_pairs(symmetric(), edge, families, mean, variance)
        return [design, *(design.replaced(symmetric()) for _ in range(count - 1))]
    rows, columns = [f"R{index // 3}" for index in range(48)], [f"F{index}" for index in range(80)]
    edge = rng.random((48, 80)) < 0.05
    design = contrast_bipartite(rng.standard_normal((48, 80)), edge, rows, columns, mean[:80], variance[:80])
    return [design, *(design.replaced(rng.standard_normal((48, 80))) for _ in range(count - 1))]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_large_planted_effect_is_found_among_many_places_and_a_small_one_is_not(shape):
    contrasts = places(shape, 10)
    terms = {"alpha": 2e-3, "stopping_for": by_p, "panel": GENES, "seed": 5}
    assert planted_positive_anywhere(contrasts, sesoi=0.2, **terms).passed
    assert not planted_positive_anywhere(contrasts, sesoi=0.01, **terms).passed


def test_a_bettor_is_held_to_the_same():
    contrasts = places("regulators", 6)
    terms = {"alpha": 5e-3, "stopping_for": by_e, "panel": (*GENES, "curveball"), "seed": 5}
    assert planted_positive_anywhere(contrasts, sesoi=0.1, **terms).passed
    assert not planted_positive_anywhere(contrasts, sesoi=0.01, **terms).passed


def test_places_make_an_effect_harder_to_find():
    """At an effect that is found half of the time where the place is known it is found less often among many."""
    terms = {"sesoi": 0.075, "alpha": 0.01, "stopping_for": by_p, "panel": GENES, "seed": 5, "needed": 60}
    contrasts = places("genes", 30)
    alone = planted_positive(contrasts[0], replicates=60, **terms).detected
    among_some = planted_positive_anywhere(contrasts[:3], replicates=60, **terms).detected
    among_many = planted_positive_anywhere(contrasts, replicates=60, **terms).detected
    assert alone > among_some > among_many


def test_a_level_that_the_draws_cannot_reach_finds_nothing():
    found = planted_positive_anywhere(
        places("genes", 4), sesoi=0.25, alpha=1e-5, stopping_for=by_p, panel=GENES, seed=5
    )  # fmt: skip
    assert found.detected == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_references_that_mean_nothing_are_found_as_seldom_as_it_says(shape):
    small = [
        planted_null_anywhere(places(shape, 6, seed=seed), panel=GENES[:1], seed=seed).small for seed in range(6)
    ]  # fmt: skip
    assert 4.0 <= np.mean(small) <= 15.0
    assert np.mean(np.array(small) <= MOST) >= 5 / 6


def test_the_maximum_over_one_place_behaves_as_that_place():
    contrasts = places("genes", 1)
    one = planted_null(contrasts[0], panel=GENES[:1], seed=3)
    maximum = planted_null_anywhere(contrasts, panel=GENES[:1], seed=3)
    assert maximum.small == one.small
    assert maximum.mean_e == pytest.approx(one.mean_e)


def test_scores_that_break_the_nulls_fail_the_planted_null():
    """Single genes are moved, though families share scores: far too many references stand out somewhere."""
    rng = np.random.default_rng(1)
    n = 240
    family = np.arange(n) // 8
    mean, variance = rng.gamma(2.0, 1.0, (2, n))
    member = np.isin(family, rng.choice(n // 8, 6, replace=False))
    shared = [rng.standard_normal(n // 8)[family] + 0.2 * rng.standard_normal(n) for _ in range(4)]
    design = contrast_genes(shared[0], member, [f"F{item}" for item in family], mean, variance)
    contrasts = [design.replaced(score) for score in shared]
    # Moved by families, tested by single genes: the defect that the control is there to see.
    broken = planted_null_anywhere(
        contrasts, panel=("family_block_swap", "stratified_labels"), seed=2, references=100, draws=99, most=9
    )  # fmt: skip
    assert broken.passed, "the family null of the panel holds the single genes in check"
    assert broken.nulls[0] == "family_block_swap"


def test_what_cannot_be_planted_or_moved_is_refused():
    contrasts = places("genes", 2)
    with pytest.raises(ValueError, match="must lie between 0 and 0.5"):
        planted_positive_anywhere(contrasts, sesoi=0.4, alpha=0.01, stopping_for=by_p, panel=GENES, seed=1)
    with pytest.raises(ValueError, match="a null or more"):
        planted_positive_anywhere(contrasts, sesoi=0.2, alpha=0.01, stopping_for=by_p, panel=(), seed=1)
    with pytest.raises(ValueError, match="none can move references"):
        planted_null_anywhere(contrasts, panel=("curveball",), seed=1)
