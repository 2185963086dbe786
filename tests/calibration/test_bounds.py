from __future__ import annotations

from math import ceil, e, exp, log, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import beta, binom, binomtest
from sklearn.metrics import cohen_kappa_score

from theodolite.calibration import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    cohen_kappa,
    d_prime,
    hoeffding_bentkus_upper,
)

# --- Hoeffding-Bentkus -----------------------------------------------------------------------------------------------


def bentkus_end(count: int, n: int, delta: float) -> float:
    return brentq(lambda a: e * binom.cdf(count, n, a) - delta, count / n, 1 - 1e-15, xtol=1e-14)


def hoeffding_end(mean: float, n: int, delta: float) -> float:
    def exponent(a: float) -> float:
        return n * (mean * log(mean / a) + (1 - mean) * log((1 - mean) / (1 - a))) + log(delta)

    return brentq(exponent, mean, 1 - 1e-15, xtol=1e-14)


@pytest.mark.parametrize(
    ("total", "n"), [(1, 40), (8, 200), (20, 200), (99.95, 200), (100, 200), (150, 500), (150.1, 500), (49, 50)]
)
@pytest.mark.parametrize("delta", [0.05, 0.01, 1e-6])
def test_it_is_the_smaller_end_of_the_two_p_values_it_combines(total, n, delta):
    """A total that is not whole, as of false-discovery proportions, is counted up for the binomial."""
    expected = min(bentkus_end(ceil(total), n, delta), hoeffding_end(total / n, n, delta))
    assert hoeffding_bentkus_upper(total / n, n, delta) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n", [1, 30, 200, 5_000])
def test_after_no_failure_at_all_it_has_a_closed_form(n):
    assert hoeffding_bentkus_upper(0.0, n) == pytest.approx(1 - 0.05 ** (1 / n))


def test_a_mean_of_one_excludes_nothing():
    assert hoeffding_bentkus_upper(1.0, 50) == 1.0


@pytest.mark.parametrize("n", [5, 50, 200])
@pytest.mark.parametrize("true", [0.01, 0.1, 0.3, 0.5, 0.9])
def test_it_covers_a_proportion_as_often_as_it_says(n, true):
    """Exactly, over all counts that can occur."""
    counts = np.arange(n + 1)
    covered = np.array([hoeffding_bentkus_upper(count / n, n) >= true for count in counts])
    assert binom.pmf(counts, n, true)[covered].sum() >= 0.95


@pytest.mark.parametrize(
    ("values", "true"),
    [
        (lambda rng, size: rng.beta(0.1, 0.9, size), 0.1),
        (lambda rng, size: rng.choice([0.0, 0.25, 1.0], size=size, p=[0.9, 0.08, 0.02]), 0.04),
        (lambda rng, size: rng.random(size), 0.5),
    ],
    ids=["beta", "few false discoveries", "uniform"],
)
def test_it_covers_the_mean_of_values_that_are_no_proportions(values, true):
    samples = values(np.random.default_rng(4), (1_000, 100))
    assert np.mean([hoeffding_bentkus_upper(float(mean), 100) >= true for mean in samples.mean(axis=1)]) >= 0.95


@given(st.floats(0, 1), st.integers(1, 2_000), st.floats(0.001, 0.5))
def test_it_lies_between_the_mean_and_the_bound_of_hoeffding(mean, n, delta):
    bound = hoeffding_bentkus_upper(mean, n, delta)
    assert mean <= bound <= min(1.0, mean + sqrt(log(1 / delta) / (2 * n)) + 1e-12)


@given(st.integers(0, 200), st.integers(0, 200))
def test_it_rises_with_the_mean(count, other):
    low, high = sorted((count, other))
    assert hoeffding_bentkus_upper(low / 200, 200) <= hoeffding_bentkus_upper(high / 200, 200)


def test_a_mean_that_is_whole_but_for_rounding_is_not_counted_up():
    """0.1 + 0.2 is a little above 0.3, so ten times it has the ceiling 4."""
    assert hoeffding_bentkus_upper(0.1 + 0.2, 10) == pytest.approx(hoeffding_bentkus_upper(0.3, 10))


def test_the_p_value_of_bentkus_carries_the_factor_e():
    """Where it decides, the bound is that of Clopper and Pearson at delta / e."""
    assert hoeffding_bentkus_upper(0.1, 200) == pytest.approx(
        min(clopper_pearson_upper(20, 200, 0.05 / e), hoeffding_end(0.1, 200, 0.05))
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((-0.1, 10), "mean"), ((1.1, 10), "mean"), ((0.5, 0), "0 values"), ((0.5, 10, 0.0), "delta")],
)
def test_bounds_of_nothing_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        hoeffding_bentkus_upper(*arguments)


# --- Clopper-Pearson -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("successes", "trials", "lower"), [(114, 120, 0.904), (30, 30, 0.905)])
def test_published_lower_bounds(successes, trials, lower):
    assert round(clopper_pearson_lower(successes, trials), 3) == lower


@given(st.integers(1, 300), st.data())
def test_they_are_the_exact_interval_of_scipy(trials, data):
    successes = data.draw(st.integers(0, trials))
    low = binomtest(successes, trials, alternative="greater").proportion_ci(0.95, method="exact").low
    high = binomtest(successes, trials, alternative="less").proportion_ci(0.95, method="exact").high
    assert clopper_pearson_lower(successes, trials) == pytest.approx(low, abs=1e-9)
    assert clopper_pearson_upper(successes, trials) == pytest.approx(high, abs=1e-9)


@pytest.mark.parametrize(("successes", "trials"), [(3, 10), (114, 120)])
def test_at_the_bound_the_count_is_just_too_extreme(successes, trials):
    low, high = clopper_pearson_lower(successes, trials), clopper_pearson_upper(successes, trials)
    assert binom.sf(successes - 1, trials, low) == pytest.approx(0.05)
    assert binom.cdf(successes, trials, high) == pytest.approx(0.05)
    assert high == pytest.approx(beta.ppf(0.95, successes + 1, trials - successes))


def test_all_or_nothing():
    assert clopper_pearson_lower(0, 8) == 0.0
    assert clopper_pearson_upper(8, 8) == 1.0
    assert clopper_pearson_lower(8, 8) == pytest.approx(0.05 ** (1 / 8))
    assert clopper_pearson_upper(0, 8) == pytest.approx(1 - 0.05 ** (1 / 8))


@pytest.mark.parametrize("bound", [clopper_pearson_lower, clopper_pearson_upper])
@pytest.mark.parametrize(
    ("arguments", "message"), [((1, 0), "0 trials"), ((9, 8), "0 to 8"), ((-1, 8), "0 to 8"), ((1, 8, 1.0), "delta")]
)
def test_counts_out_of_range_are_refused(bound, arguments, message):
    with pytest.raises(ValueError, match=message):
        bound(*arguments)


# --- d' and kappa ----------------------------------------------------------------------------------------------------


@given(st.integers(1, 200), st.integers(1, 200), st.data())
def test_d_prime_is_the_distance_of_two_normal_quantiles(trials, shams, data):
    hits, false_alarms = data.draw(st.integers(0, trials)), data.draw(st.integers(0, shams))
    z = NormalDist().inv_cdf
    expected = z((hits + 0.5) / (trials + 1)) - z((false_alarms + 0.5) / (shams + 1))
    assert d_prime(hits, trials, false_alarms, shams) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("criterion", [0.0, 0.7, 1.5])
def test_d_prime_finds_a_planted_distance_wherever_the_criterion_lies(criterion):
    rng, size = np.random.default_rng(5), 200_000
    hits, false_alarms = (rng.normal(1.5, 1, size) > criterion).sum(), (rng.normal(0, 1, size) > criterion).sum()
    assert d_prime(int(hits), size, int(false_alarms), size) == pytest.approx(1.5, abs=0.02)


def test_d_prime_of_a_reviewer_who_answers_alike_is_zero_and_of_a_perfect_one_finite():
    assert d_prime(5, 20, 5, 20) == 0.0
    assert d_prime(20, 20, 20, 20) == 0.0
    assert d_prime(20, 20, 0, 20) == pytest.approx(2 * NormalDist().inv_cdf(20.5 / 21))


@pytest.mark.parametrize("counts", [(0, 0, 0, 5), (1, 5, 0, 0), (6, 5, 0, 5), (0, 5, 6, 5)])
def test_d_prime_of_impossible_counts_is_refused(counts):
    with pytest.raises(ValueError, match="trials"):
        d_prime(*counts)


def test_kappa_of_a_textbook_table():
    """Two readers of 50 proposals: both yes 20, both no 15, and 5 and 10 on which they differ."""
    a = ["yes"] * 25 + ["no"] * 25
    b = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(a, b) == pytest.approx(0.40)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=60))
def test_kappa_is_that_of_scikit_learn(pairs):
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    if len(set(a) | set(b)) > 1:
        assert cohen_kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))


def test_kappa_of_full_and_of_no_agreement():
    assert cohen_kappa("abab", "abab") == 1.0
    assert cohen_kappa("aabb", "abab") == 0.0
    assert cohen_kappa("abab", "baba") == -1.0


@pytest.mark.parametrize(
    ("a", "b", "message"), [("aa", "a", "2 and 1"), ("", "", "at least one"), ("aaa", "aaa", "undefined")]
)
def test_kappa_of_nothing_is_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        cohen_kappa(a, b)


def test_a_planted_rate_of_false_discoveries_shows_in_the_bound():
    """Two hundred campaigns with a mean proportion of 0.05 end below 0.12, and of 0.12 do not."""
    assert hoeffding_bentkus_upper(0.05, 200) < 0.12 < hoeffding_bentkus_upper(0.12, 200)
    assert exp(-200 * 2 * (0.12 - 0.05) ** 2) > 0.05  # Hoeffding's own inequality would not have shown it
