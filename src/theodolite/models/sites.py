"""Sites: where in a forward pass something is captured or edited."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["EMBEDDING", "OUTPUT", "Site", "SiteKind", "attention", "forward_order", "mlp_post", "mlp_pre", "residual"]


class SiteKind(StrEnum):
    """What is found at a site; B cells, T tokens, H heads, d the width of the residual stream, f of the MLP."""

    EMBEDDING = "embedding"
    """The residual stream before the first block, [B, T, d]."""
    ATTENTION = "attention"
    """Attention probabilities of a block, [B, H, T, T], queries before keys; each row sums to one."""
    MLP_PRE = "mlp_pre"
    """Hidden units of a block's MLP before the activation, [B, T, f]."""
    MLP_POST = "mlp_post"
    """Hidden units of a block's MLP after the activation, [B, T, f]."""
    RESIDUAL = "residual"
    """The residual stream after a block, [B, T, d]."""
    OUTPUT = "output"
    """What the model predicts: a value a token [B, T], or logits over the vocabulary [B, T, V]."""


_OF_A_BLOCK = (SiteKind.ATTENTION, SiteKind.MLP_PRE, SiteKind.MLP_POST, SiteKind.RESIDUAL)


@dataclass(frozen=True)
class Site:
    """One place in a forward pass.

    Attributes
    ----------
    kind
        What is found there.
    layer
        Block, counted from 1; 0 for the embedding and the output.

    Raises
    ------
    ValueError
        If a site of a block names none, or another site names one.
    """

    kind: SiteKind
    layer: int = 0

    def __post_init__(self) -> None:
        if (self.kind in _OF_A_BLOCK) != (self.layer > 0):
            wanted = "a block, counted from 1" if self.kind in _OF_A_BLOCK else "no block (layer 0)"
            raise ValueError(f"site {self.kind.value!r} with layer {self.layer!r}: it belongs to {wanted}")

    def __str__(self) -> str:
        return f"{self.kind.value}.{self.layer}" if self.layer else self.kind.value

    @classmethod
    def parse(cls, text: str) -> Site:
        """Read ``residual.3`` or ``embedding`` back.

        Raises
        ------
        ValueError
            If the text names no site.
        """
        found = re.fullmatch(r"([a-z_]+)(?:\.([1-9][0-9]*))?", text)
        if found is None or found[1] not in tuple(SiteKind):
            kinds = ", ".join(kind.value for kind in SiteKind)
            raise ValueError(f"{text!r} is no site; give one of {kinds}, with the block after a point (residual.3)")
        return cls(SiteKind(found[1]), int(found[2] or 0))

    @property
    def depth(self) -> tuple[int, int]:
        """Order in the forward pass: of two sites the one with the smaller depth is computed first."""
        if self.kind is SiteKind.OUTPUT:
            return (1 << 30, 0)
        return (self.layer, _OF_A_BLOCK.index(self.kind) if self.layer else 0)


EMBEDDING = Site(SiteKind.EMBEDDING)
OUTPUT = Site(SiteKind.OUTPUT)


def residual(layer: int) -> Site:
    """Return the site of the residual stream after ``layer`` blocks; after none of them it is the embedding."""
    return Site(SiteKind.RESIDUAL, layer) if layer else EMBEDDING


def attention(layer: int) -> Site:
    """Return the site of a block's attention probabilities."""
    return Site(SiteKind.ATTENTION, layer)


def mlp_pre(layer: int) -> Site:
    """Return the site of a block's MLP before the activation."""
    return Site(SiteKind.MLP_PRE, layer)


def mlp_post(layer: int) -> Site:
    """Return the site of a block's MLP after the activation."""
    return Site(SiteKind.MLP_POST, layer)


def forward_order(n_layers: int) -> tuple[Site, ...]:
    """Return every site of a model in the order of its forward pass."""
    blocks = (Site(kind, layer) for layer in range(1, n_layers + 1) for kind in _OF_A_BLOCK)
    return (EMBEDDING, *blocks, OUTPUT)
