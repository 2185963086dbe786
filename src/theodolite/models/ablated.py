"""What ablations did to each gene, and the file that it is kept in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theodolite.files import write_atomically
from theodolite.models.components import Component, How
from theodolite.models.mapped import mapped_arrays

__all__ = ["LEAST_TURN", "MEMORY_BYTES", "Ablated", "ablated_key", "load_ablated", "save_ablated"]

LEAST_TURN = 0.02
"""Cosine distance by which an ablation must turn the last residual stream of some token, or it tested nothing: that
nothing is lost without a component is a finding only where the component did something (arXiv 2602.17532)."""

MEMORY_BYTES = 1 << 30
"""What predictions, streams and attention of a step may take; it decides how many cells a step has at most."""


@dataclass(frozen=True)
class Ablated:
    """What ablations do to each gene, averaged over the cells in which the gene is a token.

    Attributes
    ----------
    genes
        Names of n genes.
    conditions
        The k sets of components that were taken out, one at a time.
    how
        What stood in their place.
    prediction
        Shape (k, n): mean squared change of the prediction at the gene's token: of its value, or of its logits after
        their mean was taken out, averaged over the vocabulary.
    stream
        Shape (k, n): mean cosine distance of the last residual stream at the gene's token from the one of the whole
        model, from 0 to 2.
    presence
        Shape (n,): cells in which each gene is a token; where it is 0, so are the others.
    largest
        Shape (k, 2): largest cosine distance of the last residual stream at any token, and largest squared change of
        the prediction: whether the ablation did anything at all.
    """

    genes: tuple[str, ...]
    conditions: tuple[tuple[Component, ...], ...]
    how: How
    prediction: NDArray[np.float64]
    stream: NDArray[np.float64]
    presence: NDArray[np.int64]
    largest: NDArray[np.float64]

    @property
    def faithful(self) -> NDArray[np.bool_]:
        """Which ablations did anything, shape (k,): the last stream of some token turned by :data:`LEAST_TURN`."""
        return np.asarray(self.largest[:, 0] >= LEAST_TURN)

    @cached_property
    def row(self) -> dict[tuple[Component, ...], int]:
        """Row of each condition."""
        return {condition: row for row, condition in enumerate(self.conditions)}


def ablated_key(component: Component, how: How) -> str:
    """Return what of a model, cells and genes is kept together: a component and all others of its size, by how.

    The number is raised whenever what is measured could change.
    """
    return f"ablated-2 {how} {component.part}" + (f" of layer {component.layer}" if component.head else "")


def save_ablated(path: Path, found: Ablated, of: Sequence[str] = ()) -> None:
    """Write what ablations did, and hashes of model and cells and the variant that it is ``of``; all or nothing."""
    from safetensors.numpy import save

    arrays = {name: getattr(found, name) for name in ("prediction", "stream", "presence", "largest")}
    listed = ";".join(
        ",".join(f"{part.part} {part.layer} {part.head or 0}" for part in condition) for condition in found.conditions
    )
    metadata = {"genes": "\n".join(found.genes), "how": found.how, "conditions": listed, "of": "\n".join(of)}
    write_atomically(path, save(arrays, metadata=metadata))


def load_ablated(path: Path) -> Ablated:
    """Return what :func:`save_ablated` wrote, mapped into memory."""
    arrays, metadata = mapped_arrays(path)
    conditions = []
    for listed in metadata["conditions"].split(";"):
        fields = [part.split() for part in listed.split(",")]
        conditions.append(tuple(Component(kind, int(layer), int(head) or None) for kind, layer, head in fields))  # type: ignore[arg-type]
    how: How = metadata["how"]  # type: ignore[assignment]
    genes = tuple(metadata["genes"].split("\n"))
    return Ablated(
        genes, tuple(conditions), how, *(arrays[name] for name in ("prediction", "stream", "presence", "largest"))
    )
