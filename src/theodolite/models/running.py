"""A forward pass: run a model on a batch, read any site, edit any site, begin and end at any layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch

from theodolite.models.protocol import Batch, FoundationModel, Sink
from theodolite.models.sites import EMBEDDING, OUTPUT, Site, SiteKind, residual

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Edit", "NotHandedOverError", "Pass", "Resumption", "SilentEdit", "run"]


class NotHandedOverError(ValueError):
    """A model whose blocks did not hand over a site that is read or edited."""


class Edit(Protocol):
    """A change of what is found at a site."""

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        """Return what stands in place of ``value``; ``value`` itself is left as it is."""
        ...


@runtime_checkable
class SilentEdit(Edit, Protocol):
    """An edit that is the identity wherever what it edits does not occur, such as a feature that is not active."""

    def silent(self, value: Tensor, batch: Batch) -> bool:
        """Return whether it is the identity on this value."""
        ...


@dataclass(frozen=True)
class Resumption:
    """Where a pass goes on from: the residual stream after ``layer`` blocks, [B, T, d], of the same batch."""

    layer: int
    hidden: Tensor


@dataclass(frozen=True)
class Pass:
    """What a forward pass left.

    Attributes
    ----------
    read
        What was found at each site that was asked for, after its edits.
    hidden
        The last residual stream that was computed.
    layer
        How many blocks it has been through.
    """

    read: Mapping[Site, Tensor]
    hidden: Tensor
    layer: int


@dataclass
class _Taps:
    reads: frozenset[Site]
    edits: Mapping[Site, tuple[Edit, ...]]
    sinks: Mapping[Site, Sink]
    batch: Batch
    found: dict[Site, Tensor] = field(default_factory=dict)
    edited: set[Site] = field(default_factory=set)
    streamed: set[Site] = field(default_factory=set)

    def wants(self, site: Site) -> bool:
        return site in self.reads or site in self.edits or site in self.sinks

    def sink(self, site: Site) -> Sink | None:
        if site in self.reads or site in self.edits or site not in self.sinks:
            return None
        self.streamed.add(site)
        return self.sinks[site]

    def __call__(self, site: Site, value: Tensor) -> Tensor:
        for edit in self.edits.get(site, ()):
            changed = edit(value, self.batch)
            if changed.shape != value.shape:
                raise ValueError(
                    f"an edit at {site} made {tuple(changed.shape)} of {tuple(value.shape)}; it must keep the shape"
                )
            value = changed
            self.edited.add(site)
        if site in self.reads:
            self.found[site] = value
        if site in self.sinks:
            self.streamed.add(site)
            for cell, map_ in enumerate(value):
                self.sinks[site](map_, cell, 0, 0)
        return value


def run(
    model: FoundationModel,
    batch: Batch,
    *,
    read: Iterable[Site] = (),
    edits: Iterable[tuple[Site, Edit]] = (),
    sinks: Mapping[Site, Sink] | None = None,
    resume: Resumption | None = None,
    until: int | None = None,
) -> Pass:
    """Run a model on a batch without gradients.

    Only what is asked for is computed: blocks up to the deepest site that is read or to ``until``, and the prediction
    only where :data:`OUTPUT` is read.

    Parameters
    ----------
    model, batch
        The model, and cells as it reads them, on the model's device.
    read
        Sites to keep.
    edits
        Changes by site, applied in the order given; several at one site compose.
    sinks
        Who takes the attention of a block as it is computed, after its edits, in parts where the model can.
    resume
        Where to go on from, in place of the embedding.
    until
        Blocks to run; as many as are needed for what is read where not given.

    Raises
    ------
    ValueError
        If a site is not of the model, lies before the point that the pass resumes from, or lies beyond ``until``; or
        if a sink is not at a site of attention.
    NotHandedOverError
        If the model's blocks do not hand over what is read or edited.
    """
    reads, streams = frozenset(read), dict(sinks or {})
    if wrong := [site for site in streams if site.kind is not SiteKind.ATTENTION]:
        raise ValueError(f"a sink at {wrong[0]}: only attention is handed over in parts; read {wrong[0]} instead")
    changes: dict[Site, tuple[Edit, ...]] = {}
    for site, edit in edits:
        changes[site] = (*changes.get(site, ()), edit)
    first = 0 if resume is None else resume.layer
    last = _last_block(model, reads | streams.keys(), changes, first, until)
    taps = _Taps(reads, changes, streams, batch)
    with torch.inference_mode():
        hidden = model.embed(batch) if resume is None else resume.hidden
        if resume is None:
            hidden = taps(EMBEDDING, hidden)
        for layer in range(first + 1, last + 1):
            hidden = taps(residual(layer), model.block(layer, hidden, batch, taps))
        if OUTPUT in reads or OUTPUT in changes:
            taps(OUTPUT, model.predict(hidden, batch))
    missing = (reads - taps.found.keys()) | (streams.keys() - taps.streamed)
    # An edit beyond the last block that is run changes nothing that is read.
    missing |= {site for site in changes.keys() - taps.edited if site.layer <= last}
    if missing:
        sites = ", ".join(sorted(map(str, missing)))
        raise NotHandedOverError(f"model {model.name} gave nothing at {sites}; its blocks must hand these to the tap")
    return Pass(taps.found, hidden, last)


def _last_block(
    model: FoundationModel,
    reads: frozenset[Site],
    edits: Mapping[Site, tuple[Edit, ...]],
    first: int,
    until: int | None,
) -> int:
    if until is not None and not first <= until <= model.n_layers:
        raise ValueError(f"until={until!r}: give {first} to {model.n_layers} blocks, those of {model.name}")
    for site in (*reads, *edits):
        if site.layer > model.n_layers:
            raise ValueError(f"{site} is no site of {model.name}, which has {model.n_layers} blocks")
        if first > 0 and site != OUTPUT and site.layer <= first:
            raise ValueError(
                f"{site} lies before layer {first}, from which the pass resumes; resume from an earlier one"
            )
    if until is None and (not reads or OUTPUT in reads or OUTPUT in edits):
        return model.n_layers
    deepest = max((site.layer for site in reads if site != OUTPUT), default=0)
    if until is None:
        return max(deepest, first)
    if deepest > until or (OUTPUT in reads and until < model.n_layers):
        raise ValueError(f"until={until!r} ends before what is read; leave it out")
    return until
