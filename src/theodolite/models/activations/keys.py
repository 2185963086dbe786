"""What a store of activations is of, and the hash of it: another model, other cells or settings are another store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from theodolite.canonical import digest
from theodolite.models.tokens import Tokens

__all__ = ["StoreOf", "tokens_sha256"]


@dataclass(frozen=True)
class StoreOf:
    """What activations are of.

    Attributes
    ----------
    model_sha256, variant
        Content hash of the model, and which of its variants.
    cells_sha256, tokens_sha256
        Content hashes of the cells, and of what the tokeniser made of them.
    tokeniser
        Settings of the tokeniser, plain data.
    sites
        Written out, in the order of the files.
    dtype
        Of the model's arithmetic; on disk all is half precision.
    cells_a_shard
        Cells in each shard but the last.
    """

    model_sha256: str
    variant: str
    cells_sha256: str
    tokens_sha256: str
    tokeniser: Mapping[str, Any]
    sites: tuple[str, ...]
    dtype: str
    cells_a_shard: int

    @property
    def key(self) -> str:
        """Hash of all of it."""
        return digest(["activations-1", self.plain()])

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**self.__dict__, "tokeniser": dict(self.tokeniser), "sites": list(self.sites)}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> StoreOf:
        """Read :meth:`plain` back."""
        return cls(**{**plain, "sites": tuple(plain["sites"])})

    def differs(self, other: StoreOf) -> str:
        """Return in words where another store is of something else."""
        mine, theirs = self.plain(), other.plain()
        return ", ".join(
            f"{name} {theirs[name]!r:.40} in place of {mine[name]!r:.40}" for name in mine if mine[name] != theirs[name]
        )


def tokens_sha256(tokens: Tokens) -> str:
    """Return the content hash of tokenised cells."""
    found = hashlib.sha256()
    for name in ("indptr", "ids", "genes", "values"):
        array = getattr(tokens, name)
        found.update(f"{name} {'none' if array is None else f'{array.dtype.str} {len(array)}'}\n".encode())
        if array is not None:
            found.update(np.ascontiguousarray(array).data.cast("B"))
    return found.hexdigest()
