"""G11, scope: the same locked test in several models or training seeds. It widens the tag, never the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from theodolite.gates.stream import smallest_e
from theodolite.judgements import Effect, GateResult

__all__ = ["LEAST_AGREEMENT", "LEAST_E", "scope_gate"]

LEAST_E: Final = 20.0
"""Least e-value in the weakest of the models."""
LEAST_AGREEMENT: Final = 2 / 3


def scope_gate(e_values: Sequence[float], effects: Sequence[Effect]) -> GateResult:
    """Return G11 from the e-value and the effect of one claim in each of at least two models.

    The conjunction "in all of them" has the smallest e as its e-value (intersection-union); at least two thirds must
    agree in sign with an interval above zero.

    Raises
    ------
    ValueError
        If there is not one effect an e-value.
    """
    if len(e_values) != len(effects):
        raise ValueError(f"{len(e_values)} e-values and {len(effects)} effects; need one of each a model")
    weakest = smallest_e(e_values) if e_values else 0.0
    agree = sum(effect.estimate > 0 and effect.low > 0 for effect in effects)
    passed = len(effects) >= 2 and weakest >= LEAST_E and agree >= LEAST_AGREEMENT * len(effects)
    return GateResult(
        gate="G11",
        title="scope",
        number=weakest,
        threshold=LEAST_E,
        passed=passed if len(effects) >= 2 else None,
        sentence=f"Tested in {len(effects)} models: the weakest evidence is e = {weakest:.3g}, and {agree} of them "
        "show an effect above zero."
        if len(effects) >= 2
        else "Tested in one model only: what it says of others is unknown.",
    )
