"""Which genes a model knows, and how the genes of cells are found among them: by name, never by position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet

__all__ = ["Vocabulary"]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The genes of a model, in its order.

    Attributes
    ----------
    names
        Symbols for people, unique; the Ensembl id where a gene has no symbol of its own.
    ensembl
        Ensembl ids, without versions, where the model knows its genes by them; None where it knows them by symbol.
    aliases
        From ids and symbols in upper case to the Ensembl ids of the model's makers; they come before symbols.

    Raises
    ------
    ValueError
        If names or ids repeat, or there are not as many of the one as of the other.
    """

    names: tuple[str, ...]
    ensembl: tuple[str, ...] | None = None
    aliases: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for what, listed in (("names", self.names), ("Ensembl ids", self.ensembl or ())):
            if len(set(listed)) != len(listed):
                raise ValueError(f"{what} of the vocabulary repeat; a gene has one token")
        if self.ensembl is not None and len(self.ensembl) != len(self.names):
            raise ValueError(f"{len(self.ensembl)} Ensembl ids for {len(self.names)} names")

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def _by_key(self) -> dict[str, int]:
        keys = self.names if self.ensembl is None else self.ensembl
        return {key: place for place, key in enumerate(keys)}

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def places(self, cells: CellSet) -> NDArray[np.intp]:
        """Return for each gene of the cells its position here, -1 where it is not known.

        A model that knows symbols is asked for the gene's name as it stands. One that knows Ensembl ids is asked for
        the gene's id where the cells have one, else for its name, through the aliases of the model's makers. Several
        genes of the cells may have one place; their counts are to be summed.
        """
        if self.ensembl is None:
            return np.array([self._by_name.get(gene, -1) for gene in cells.genes], dtype=np.intp)
        ids = cells.ensembl or ("",) * len(cells.genes)
        return np.array([self._place(gene, known) for gene, known in zip(cells.genes, ids, strict=True)], dtype=np.intp)

    def _place(self, gene: str, ensembl: str) -> int:
        for key in (ensembl, gene):
            if not key:
                continue
            upper = key.upper()
            found = self._by_key.get(self.aliases.get(upper, upper))
            if found is not None:
                return found
            if key is ensembl:
                return -1
        return self._by_name.get(gene, -1)
