"""A ruler as a reference: where each anchor stands, and how far places are from one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import digest
from theodolite.claims import Named
from theodolite.data.references import Reference

__all__ = ["DECIMALS", "Ruler"]

Floats = NDArray[np.float64]
DECIMALS = 9
"""Distances are rounded, so that two processors have one content hash."""


@dataclass(frozen=True, eq=False)
class Ruler(Reference):
    """Known distances between anchors.

    Members are pairs of an anchor and its node.

    Attributes
    ----------
    nodes
        Places on the ruler, m of them.
    distances
        Row by row, (m, m): how far they are from one another.
    depth
        How deep each lies, as text; empty where the ruler knows no depth.

    Raises
    ------
    ValueError
        If an anchor has two nodes or one that is not there, or distances are no symmetric matrix of numbers of 0 or
        more with 0 on its diagonal.
    """

    nodes: tuple[str, ...] = ()
    distances: tuple[tuple[float, ...], ...] = ()
    depth: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        matrix = np.asarray(self.distances, dtype=np.float64)
        m = len(self.nodes)
        good = matrix.shape == (m, m) and len(self.depth) == m and len(set(self.nodes)) == m
        if not good or not np.isfinite(matrix).all() or (matrix < 0).any() or not np.array_equal(matrix, matrix.T):
            raise ValueError(
                f"ruler {self.id!r}: distances of shape {matrix.shape} between {m} nodes must be a symmetric matrix of "
                "finite numbers of 0 or more, with a depth for each node"
            )
        if matrix.diagonal().any():
            raise ValueError(f"ruler {self.id!r}: a node lies at a distance from itself")
        if lost := sorted({node for _, node in self.member_set} - set(self.nodes)):
            raise ValueError(f"ruler {self.id!r}: {lost[0]!r} is none of its nodes")
        if len({anchor for anchor, _ in self.member_set}) < len(self.members):
            raise ValueError(f"ruler {self.id!r}: an anchor has two nodes")

    @cached_property
    def sha256(self) -> str:
        """Content hash of members, nodes, distances and depths; id, title and source do not count."""
        return digest({"kind": self.kind, **self._content})

    @cached_property
    def member_set(self) -> frozenset[tuple[str, str]]:
        """Pairs of an anchor and its node."""
        return frozenset((str(member[0]), str(member[1])) for member in self.members)

    @property
    def _content(self) -> dict[str, Any]:
        return {"members": self.members, "nodes": self.nodes, "distances": self.distances, "depth": self.depth}

    @property
    def named(self) -> Named:
        """Id and content hash, as a claim names it."""
        return Named(name=self.id, sha256=self.sha256)

    @property
    def document(self) -> dict[str, Any]:
        """Plain data, as the ledger keeps it."""
        return {"kind": self.kind, "title": self.title, "sha256": self.sha256, **self._content}

    @classmethod
    def from_document(cls, name: str, document: Mapping[str, Any]) -> Ruler:
        """Return the ruler of a document of the ledger."""
        return cls(
            id=name,
            title=str(document["title"]),
            kind="ruler",
            members=tuple((str(anchor), str(node)) for anchor, node in document["members"]),
            definition="",
            origins=(),
            nodes=tuple(document["nodes"]),
            distances=tuple(tuple(map(float, row)) for row in document["distances"]),
            depth=tuple(document["depth"]),
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        number = {node: place for place, node in enumerate(self.nodes)}
        return {anchor: number[node] for anchor, node in self.member_set}

    def between(self, anchors: Sequence[str]) -> Floats:
        """Return distances (n, n) between anchors.

        Raises
        ------
        KeyError
            If the ruler does not know an anchor.
        """
        at = [self._places[anchor] for anchor in anchors]
        return np.asarray(self.distances, dtype=np.float64)[np.ix_(at, at)]

    def depths(self, anchors: Sequence[str]) -> tuple[str, ...]:
        """Return how deep each anchor lies, as text.

        Raises
        ------
        KeyError
            If the ruler does not know an anchor.
        """
        return tuple(self.depth[self._places[anchor]] for anchor in anchors)
