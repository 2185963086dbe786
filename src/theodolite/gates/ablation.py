"""Ablations: one safeguard switched off, for calibration only, to show what it is there for.

No campaign file can name one. A setting that carries one is made by :mod:`theodolite.calibration` alone, on ledgers
that vanish, and a plan that was locked under one is no evidence of anything but of what the safeguard prevents.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Ablation"]


class Ablation(StrEnum):
    """Which safeguard is off; None, wherever an ablation may stand, is the product as it is."""

    NO_LOCK = "no_lock"
    """Claims, their references included, are made after the statistics of the hold-out were seen."""
    NO_DEDUP = "no_dedup"
    """Registration takes an identity again and again (G17)."""
    NO_FAMILY_BLOCK = "no_family_block"
    """The null panel is without ``family_block_swap``: paralogues count as if they were independent. Nobody objects."""
    NO_CONFOUND_GATE = "no_confound_gate"
    """Scores are adjusted neither for hubs nor for co-expression, no null keeps degrees, G4 is off. Nobody objects."""
    NO_ASSAY_GATE = "no_assay_gate"
    """The planted controls G7+ and G7- are off: an insensitive or miscalibrated test is judged like another."""
    NO_REVIEWER = "no_reviewer"
    """Nobody objects (G13)."""
