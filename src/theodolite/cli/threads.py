"""One thread for the linear algebra of the gates, whose arrays are small."""

from __future__ import annotations

import os

__all__ = ["one_thread"]

_POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def one_thread() -> None:
    """Keep thread pools at one thread, where the person has not chosen otherwise; before they are imported.

    Threads of small products mostly wait for one another, at full speed, and take the cores from the workers of a
    campaign. Models set their threads themselves
    (``threads:`` of a campaign file), whatever stands here.
    """
    for name in _POOLS:
        os.environ.setdefault(name, "1")
    # Models that a command itself runs have more threads; they must not spin while they wait for one another.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
