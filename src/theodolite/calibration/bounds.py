"""What a finite study says at 95 %: bounds on means and proportions, and how well a reviewer detects and agrees.

A mean of proportions, such as the false-discovery proportion of a campaign, is not binomial: its bound is that of
Hoeffding and Bentkus. A count of successes in independent trials has the exact bound of Clopper and Pearson.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import ceil, e, exp, inf, log

from scipy.special import bdtr, betaincinv, ndtri

__all__ = ["clopper_pearson_lower", "clopper_pearson_upper", "cohen_kappa", "d_prime", "hoeffding_bentkus_upper"]

_ROUNDING = 1e-9
_HALVINGS = 60


def hoeffding_bentkus_upper(mean: float, n: int, delta: float = 0.05) -> float:
    """Return the upper confidence bound of the mean of a variable in [0, 1].

    Parameters
    ----------
    mean
        Mean of the values, in [0, 1].
    n
        Number of independent values.
    delta
        Chance of a bound below the true mean, at most.

    Returns
    -------
    float
        The largest a that the p-value ``min(exp(-n h(mean, a)), e P(Bin(n, a) <= ceil(n mean)))`` of "the true mean is
        at least a" does not reject at delta, with h the Kullback-Leibler divergence of two Bernoulli variables (Bates
        et al. 2021, after Hoeffding 1963 and Bentkus 2004; Angelopoulos et al. 2021, "Learn then test").

    Raises
    ------
    ValueError
        If a number is out of its range.
    """
    if not 0.0 <= mean <= 1.0:
        raise ValueError(f"the mean is {mean!r}; the bound is for values between 0 and 1")
    _check_n(n, "values")
    _check_delta(delta)
    low, high = mean, 1.0
    # The p-value falls from 1 at the mean itself; the end that is returned is the one already rejected.
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _hoeffding_bentkus_p(mean, n, middle) > delta:
            low = middle
        else:
            high = middle
    return high


def _hoeffding_bentkus_p(mean: float, n: int, a: float) -> float:
    # A mean of whole numbers times n is whole up to rounding; without the allowance ceil would add one.
    count = min(n, ceil(n * mean - _ROUNDING))
    return float(min(exp(-n * _divergence(min(mean, a), a)), e * bdtr(count, n, a)))


def _divergence(a: float, b: float) -> float:
    def term(x: float, y: float) -> float:
        return 0.0 if x == 0.0 else inf if y == 0.0 else x * log(x / y)

    return term(a, b) + term(1.0 - a, 1.0 - b)


def clopper_pearson_lower(successes: int, trials: int, delta: float = 0.05) -> float:
    """Return the exact one-sided lower bound of a probability, at confidence ``1 - delta`` (Clopper and Pearson 1934).

    Raises
    ------
    ValueError
        If a number is out of its range.
    """
    _check_counts(successes, trials, "successes")
    _check_delta(delta)
    return 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, delta))


def clopper_pearson_upper(successes: int, trials: int, delta: float = 0.05) -> float:
    """Return the exact one-sided upper bound of a probability, at confidence ``1 - delta`` (Clopper and Pearson 1934).

    Raises
    ------
    ValueError
        If a number is out of its range.
    """
    _check_counts(successes, trials, "successes")
    return 1.0 - clopper_pearson_lower(trials - successes, trials, delta)


def d_prime(hits: int, trials: int, false_alarms: int, shams: int) -> float:
    """Return the sensitivity index ``z(hit rate) - z(false-alarm rate)``.

    Half a response and one trial are added on either side (log-linear correction, Hautus 1995), so rates of 0 and 1
    stay finite.

    Parameters
    ----------
    hits, trials
        Flaws found, of the flaws that were planted.
    false_alarms, shams
        Flaws reported, of the clean items.

    Raises
    ------
    ValueError
        If there is no trial or no sham, or a count exceeds its total.
    """
    _check_counts(hits, trials, "hits")
    _check_counts(false_alarms, shams, "false alarms")
    return float(ndtri((hits + 0.5) / (trials + 1)) - ndtri((false_alarms + 0.5) / (shams + 1)))


def cohen_kappa(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Return the agreement of two raters of the same items beyond chance (Cohen 1960): 1 is full, 0 is chance.

    Raises
    ------
    ValueError
        If the raters rated different numbers of items, none, or gave one and the same label throughout, where chance
        alone makes them agree and kappa is undefined.
    """
    if len(a) != len(b) or len(a) == 0:
        raise ValueError(f"{len(a)} and {len(b)} ratings; both raters need to rate the same items, at least one")
    n = len(a)
    agreed = sum(x == y for x, y in zip(a, b, strict=True))
    second = Counter(b)
    by_chance = sum(count * second[label] for label, count in Counter(a).items())
    if by_chance == n * n:
        raise ValueError(f"both raters said {a[0]!r} of all {n} items; kappa is undefined, report the agreement itself")
    return (n * agreed - by_chance) / (n * n - by_chance)


def _check_counts(count: int, total: int, what: str) -> None:
    _check_n(total, "trials")
    if not 0 <= count <= total:
        raise ValueError(f"{count!r} {what} in {total!r} trials; there can be 0 to {total!r}")


def _check_n(n: int, what: str) -> None:
    if n < 1:
        raise ValueError(f"{n!r} {what}; a bound needs at least one")


def _check_delta(delta: float) -> None:
    if not 0.0 < delta < 1.0:
        raise ValueError(f"delta is {delta!r}; a chance of error lies between 0 and 1")
