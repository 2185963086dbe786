"""What the gates may read of a test: its measurements with labels attached, and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from theodolite.measurements import Measurement, Variant

__all__ = ["Dossier"]


@dataclass(frozen=True)
class Dossier:
    """All inputs of a judgement apart from the plan.

    Attributes
    ----------
    measurements
        By variant, with the reference attached.
    provenance_ok
        Whether every hash that the result names was found equal to the plan's.
    coexpression
        Co-expression of the block's genes from counts of the same cells; None where the plan names none.
    places
        For a claim about "any" place the measurements by variant, one mapping for each place of the plan's list, in its
        order; ``measurements`` is empty then.
    """

    measurements: Mapping[Variant, Measurement]
    provenance_ok: bool
    coexpression: Measurement | None = None
    places: tuple[Mapping[Variant, Measurement], ...] = ()
