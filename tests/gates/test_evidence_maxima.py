from __future__ import annotations

import numpy as np
import pytest

from theodolite.gates.evidence import (
    exceedances,
    maximum_draws,
    monte_carlo_p,
    null_moments,
    observed_places,
)
from theodolite.gates.nulls import Contrast, contrast_genes

LOCI, DRAWS = 12, 199


def loci(seed: int, *, signal: float = 0.0, place: int = 7, n: int = 120, size: int = 20) -> list[Contrast]:
    """Contrasts of one set with twelve scores that have a part in common; the signal is at one place."""
    rng = np.random.default_rng(seed)
    member = np.isin(np.arange(n), rng.choice(n, size, replace=False))
    families = [f"F{gene // 2}" for gene in range(n)]
    mean, variance = rng.gamma(2.0, 1.0, (2, n))
    common = rng.standard_normal(n)
    scores = [0.6 * common + 0.8 * rng.standard_normal(n) + signal * member * (locus == place) for locus in range(LOCI)]
    design = contrast_genes(scores[0], member, families, mean, variance)
    return [design.replaced(score) for score in scores]


def p_of_any(contrasts: list[Contrast], seed: int) -> float:
    moments = null_moments(contrasts, "family_block_swap", seed)
    drawn = maximum_draws(contrasts, "family_block_swap", DRAWS, seed, moments)
    return monte_carlo_p(exceedances(drawn, observed_places(contrasts, moments).max()), DRAWS)


def p_of_best(contrasts: list[Contrast], seed: int) -> float:
    """The mistake: choose the best place by the observed statistic, then test it as if it had been named before."""
    best = max(contrasts, key=lambda contrast: contrast.observed())
    return monte_carlo_p(exceedances(best.draw("family_block_swap", DRAWS, seed), best.observed()), DRAWS)


def test_a_choice_inside_the_draws_keeps_p_uniform_and_a_choice_before_them_does_not():
    worlds = 300
    inside, before = np.array([(p_of_any(world, 1), p_of_best(world, 1)) for world in map(loci, range(worlds))]).T
    ordered = np.sort(inside)
    distance = np.abs(ordered - np.arange(1, worlds + 1) / worlds).max()
    assert distance < 1.63 / worlds**0.5 + 1 / (DRAWS + 1), "Kolmogorov and Smirnov at 0.01, p has steps of 1 / 200"
    assert np.mean(before <= 0.05) > 0.2


def test_a_signal_at_one_of_twelve_places_is_found():
    found = [p_of_any(loci(seed, signal=1.2), seed) <= 0.01 for seed in range(30)]
    assert np.mean(found) >= 0.9


def test_places_count_in_standard_deviations_of_their_own():
    contrasts = loci(0)
    moments = null_moments(contrasts, "stratified_labels", 3)
    drawn = np.stack([contrast.draw("stratified_labels", 4_000, 9) for contrast in contrasts])
    standard = moments.standardise(drawn)
    assert standard.mean(axis=1) == pytest.approx(0.0, abs=0.15)
    assert standard.std(axis=1) == pytest.approx(1.0, abs=0.1)
    assert maximum_draws(contrasts, "stratified_labels", 4_000, 9, moments) == pytest.approx(standard.max(axis=0))


def test_a_place_whose_statistic_never_moves_is_never_the_maximum():
    alive = loci(1, signal=1.0)
    flat = alive[0].replaced(np.zeros(120))
    moments = null_moments([flat, alive[7]], "family_block_swap", 2)
    alone = null_moments([alive[7]], "family_block_swap", 2)
    assert observed_places([flat, alive[7]], moments).max() == observed_places([alive[7]], alone).max()
    assert observed_places([flat], null_moments([flat], "family_block_swap", 2)).max() == 0.0


def test_a_draw_is_found_by_its_number():
    contrasts = loci(2)
    moments = null_moments(contrasts, "family_block_swap", 5)
    whole = maximum_draws(contrasts, "family_block_swap", 300, 5, moments)
    assert np.array_equal(whole[250:], maximum_draws(contrasts, "family_block_swap", 50, 5, moments, start=250))


def test_places_of_different_references_have_no_maximum():
    with pytest.raises(ValueError, match="share reference and nulls"):
        null_moments([loci(0)[0], loci(1)[0]], "family_block_swap", 1)
    with pytest.raises(ValueError, match="a contrast or more"):
        null_moments([], "family_block_swap", 1)
