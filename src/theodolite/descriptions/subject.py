"""What a description may read: of one set of genes the model, the counts and the references, and nothing of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from theodolite.claims import Covariate
from theodolite.data import CellSet, GeneStatistics, Reference, coexpression
from theodolite.measurements import Coexpression
from theodolite.models.components import Component, How
from theodolite.tools import ModelShape, ToolError, Workbench

if TYPE_CHECKING:
    from theodolite.models.protocol import FoundationModel
    from theodolite.saes import Dictionary, DictionaryRecipe

__all__ = ["READABLE", "DescriptionError", "Subject"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

READABLE: Final[Mapping[str, str]] = {
    "vectors": "gene vectors of every layer (the residual stream at each gene's token, averaged over cells)",
    "attention": "attention from gene to gene of every layer and head, averaged over cells",
    "ablated": "what the model's predictions lose at each gene's token with a component taken out",
    "coexpression": "co-expression of the genes, from counts of the same cells",
    "dictionary": "features of a sparse autoencoder of a layer, trained on the tokens of these genes only",
    "model": "the model itself on the same cells: attention of each cell, and predictions without several components",
}
"""What of a subject is read, in words; gene statistics, families and references every description may use."""


class DescriptionError(ToolError):
    """A description cannot describe what it was given; the message says why and what to do."""


@runtime_checkable
class _CountsPairs(Protocol):
    def together(self) -> Ints | None: ...


@dataclass(frozen=True, eq=False)
class Subject:
    """One set of genes with what the model and the counts say of them.

    Attributes
    ----------
    bench
        The workbench of these genes, as instruments see it: that of an AnnData, or of a campaign's discovery split.
    references
        What the description holds the model against.
    seed
        Seed of everything that is drawn; there is no other source of chance.
    counted
        Returns the co-expression of these genes; None where there are no counts.
    reads
        Which keys of :data:`READABLE` may be asked for: those that the description declares.
    read_cells
        The cells that the model read; None where nobody has them.
    loaded
        Returns the model; None where there is none at hand, but only what was captured of it.
    about
        What the sentence is about where a description picks one of several: a reference, or a gene, that was picked in
        the model beside this one. None for the one with the smallest p.
    trained
        Returns the dictionary of a recipe, trained on the tokens of these genes; None where there is no model at hand.
    """

    bench: Workbench
    references: tuple[Reference, ...] = ()
    seed: int = 0
    counted: Callable[[], Coexpression] | None = field(default=None, repr=False)
    reads: frozenset[str] = frozenset(READABLE)
    read_cells: CellSet | None = field(default=None, repr=False)
    loaded: Callable[[], FoundationModel] | None = field(default=None, repr=False)
    about: str | None = None
    trained: Callable[[DictionaryRecipe], Dictionary] | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        bench: Workbench,
        cells: CellSet,
        references: Sequence[Reference] = (),
        seed: int = 0,
        model: Callable[[], FoundationModel] | None = None,
        about: str | None = None,
        trained: Callable[[DictionaryRecipe], Dictionary] | None = None,
    ) -> Subject:
        """Return the subject of a workbench whose model read these cells.

        Nothing is counted, and no model loaded, before it is asked for.
        """
        counted = partial(coexpression, cells, bench.genes)
        references = tuple(references)
        return cls(bench, references, seed, counted, read_cells=cells, loaded=model, about=about, trained=trained)

    def limited(self, reads: Sequence[str]) -> Subject:
        """Return the same subject, of which only these keys of :data:`READABLE` can be read."""
        allowed = frozenset(reads)
        counted = self.counted if "coexpression" in allowed else None
        trained = self.trained if "dictionary" in allowed else None
        if "model" in allowed:
            return replace(self, reads=allowed, counted=counted, trained=trained)
        return replace(self, reads=allowed, counted=counted, trained=trained, read_cells=None, loaded=None)

    @property
    def genes(self) -> tuple[str, ...]:
        """Names of the n genes."""
        return self.bench.genes

    @property
    def families(self) -> tuple[str, ...]:
        """Homology family of each gene."""
        return self.bench.families

    @property
    def family_of(self) -> Mapping[str, str]:
        """Homology family by gene."""
        return dict(zip(self.genes, self.families, strict=True))

    @property
    def regulators(self) -> tuple[str, ...]:
        """Those of the genes that regulate another in a regulon that is known of."""
        return self.bench.regulators

    @property
    def shape(self) -> ModelShape:
        """Size of the model."""
        return self.bench.shape

    @property
    def statistics(self) -> GeneStatistics:
        """Mean, variance and dropout of the genes, from counts of the same cells.

        Raises
        ------
        DescriptionError
            If the workbench has none.
        """
        names = list(self.bench.covariate_names)
        wanted = [covariate.value for covariate in (Covariate.MEAN, Covariate.VARIANCE, Covariate.DROPOUT)]
        if missing := [name for name in wanted if name not in names]:
            raise DescriptionError(
                f"no {missing[0]} of the genes is known; count them in the cells that the model read"
            )
        mean, variance, dropout = (self.bench.covariates[:, names.index(name)] for name in wanted)
        return GeneStatistics(self.genes, mean, variance, dropout)

    def vectors(self) -> Floats:
        """Return the residual stream at each gene's token, (layers + 1, n, width): the embedding, then each block."""
        self._allow("vectors")
        return np.stack([self.bench.hidden(layer) for layer in range(self.shape.n_layers + 1)])

    def attention(self) -> Floats:
        """Return attention from row gene to column gene, (layers, heads, n, n)."""
        return np.stack(
            [
                np.stack([self.attention_of(layer, head) for head in range(1, self.shape.n_heads + 1)])
                for layer in range(1, self.shape.n_layers + 1)
            ]
        )

    def attention_of(self, layer: int, head: int | None = None) -> Floats:
        """Return attention (n, n) of one layer, counted from 1, of one head or averaged over heads."""
        self._allow("attention")
        return self.bench.attention(layer, head)

    def ablated(self, component: Component, how: How) -> Floats:
        """Return what taking a component out does to each gene (n,); see :meth:`theodolite.tools.Workbench.ablated`."""
        self._allow("ablated")
        return self.bench.ablated(component, how)

    def coexpression(self) -> Coexpression:
        """Return the co-expression of the genes, rows and columns in their order.

        Raises
        ------
        DescriptionError
            If there are no counts, or too few cells.
        """
        self._allow("coexpression")
        if self.counted is None:
            raise DescriptionError("there are no counts to take co-expression from; give the cells that the model read")
        try:
            return self.counted()
        except ValueError as error:
            raise DescriptionError(f"no co-expression: {error}") from error

    def together(self) -> Ints | None:
        """Return how many cells hold both genes of each pair, (n, n); None where every cell holds all of them.

        Where it is 0 there is no attention, and a fit to other pairs stands in the place of it.
        """
        self._allow("attention")
        return self.bench.together() if isinstance(self.bench, _CountsPairs) else None

    @property
    def cells(self) -> CellSet:
        """The cells that the model read.

        Raises
        ------
        DescriptionError
            If nobody has them.
        """
        self._allow("model")
        if self.read_cells is None:
            raise DescriptionError("the cells that the model read are not at hand; give them with the model")
        return self.read_cells

    def model(self) -> FoundationModel:
        """Return the model itself.

        Raises
        ------
        DescriptionError
            If there is only what was captured of it.
        """
        self._allow("model")
        if self.loaded is None:
            raise DescriptionError(
                "only what was captured of the model is at hand, and no model to run; give the model"
            )
        return self.loaded()

    def dictionary(self, recipe: DictionaryRecipe) -> Dictionary:
        """Return a sparse autoencoder of a layer, and what its features do over the tokens of these genes.

        It is trained when it is first asked for, and kept.

        Raises
        ------
        DescriptionError
            If there is no model at hand, or nothing to learn.
        """
        self._allow("dictionary")
        if self.trained is None:
            raise DescriptionError(
                "only what was captured of the model is at hand, and no model to train on; give the model"
            )
        return self.trained(recipe)

    def _allow(self, what: str) -> None:
        if what not in self.reads:
            raise DescriptionError(
                f"this description asks for {what} and declares reads={tuple(sorted(self.reads))}; add it there"
            )
