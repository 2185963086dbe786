"""Where each baseline does best, which a claim is held against."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["BaselineLoci"]


@dataclass(frozen=True)
class BaselineLoci:
    """Where a baseline does best for each reference, on discovery genes.

    Attributes
    ----------
    artefact
        Hash of the document that says so.
    params
        Parameters of the tool by reference.
    effects
        AUROC - 0.5 by reference there, of either sign.
    """

    artefact: str
    params: dict[str, dict[str, int | str | None]]
    effects: dict[str, float] = field(default_factory=dict)
