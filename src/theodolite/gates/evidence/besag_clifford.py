"""The sequential Monte-Carlo p-value of Besag and Clifford (Biometrika 1991)."""

from __future__ import annotations

from typing import Final

from theodolite.gates.evidence.monte_carlo import monte_carlo_p

__all__ = ["H", "besag_clifford_p"]

H: Final = 10
"""Exceedances after which the drawing stops."""


def besag_clifford_p(exceedances: int, draws: int, h: int = H) -> float:
    """Return ``h / l`` if the h-th exceedance came with draw l, else ``(b + 1) / (B + 1)``.

    It is uniform on the values that it takes under a true null: P(p <= h / l) is the probability of fewer than h
    exceedances in l - 1 draws, which is h / l because the rank of the observed statistic among them is uniform.

    Parameters
    ----------
    exceedances, draws
        Their numbers when the drawing stopped, at the h-th exceedance or at the locked number of draws.
    h
        The locked number of exceedances.

    Raises
    ------
    ValueError
        If there are more exceedances than h, or the numbers are impossible.
    """
    if h < 1 or exceedances > h:
        raise ValueError(f"{exceedances!r} exceedances, but the drawing stops at h = {h!r} (h >= 1)")
    if exceedances == h:
        if draws < h:
            raise ValueError(f"{exceedances!r} exceedances in {draws!r} draws; need exceedances <= draws")
        return h / draws
    return monte_carlo_p(exceedances, draws)
