"""What a measurement is of: a model by name, folder or object; genes; their families; and regulators among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.data import CellSet, GeneFamilies, Reference
from theodolite.models.facts import ModelFacts
from theodolite.models.protocol import FoundationModel
from theodolite.plugins import find_facts, find_model
from theodolite.tl.errors import MeasureError
from theodolite.tl.reading import ReadAnnData

__all__ = [
    "ALONE",
    "AnyModel",
    "Genes",
    "any_model",
    "choose_genes",
    "families_of_genes",
    "given_once",
    "regulators_among",
]

LEAST_CELLS = 20
MOST_GENES = 2_000
"""As a campaign chooses the genes of a model that reads expressed genes, where it says nothing else."""
ALONE = " (no family known)"
"""Stands behind a gene's name where it is a family of its own for want of an entry in the table."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AnyModel:
    """A model before it is loaded.

    Attributes
    ----------
    facts
        Name, hash and size.
    places
        For each gene of cells its position in the model's vocabulary, -1 where it is unknown.
    load
        Returns the model.
    as_given
        Whether it was given as an object, whose name then tells its variants apart: they share one hash.
    """

    facts: ModelFacts
    places: Callable[[CellSet], NDArray[np.intp]]
    load: Callable[[], FoundationModel]
    as_given: bool

    def presence(self, cells: CellSet) -> Ints | None:
        """Return in how many cells each gene of the vocabulary is a token; None for a model that reads them all."""
        if self.facts.tokenise is None:
            return None
        presence = self.facts.tokenise(cells).presence(len(self.facts.genes))
        return None if (presence == len(cells.cells)).all() else presence


def any_model(model: Any) -> AnyModel:
    """Return a model that was given by name, by folder, or as an object.

    Raises
    ------
    MeasureError
        If it is none of these.
    ModelNotFoundError, CheckpointError, PluginError
        If there is none of that name or folder, or it cannot be read.
    """
    if isinstance(model, (str, Path)):
        name = str(model)
        facts = find_facts(name)
        return AnyModel(facts, facts.places, lambda: find_model(name)[1], as_given=False)
    if not isinstance(model, FoundationModel):
        raise MeasureError(
            f"model is of type {type(model).__name__}; give a name that `theodolite models list` prints, a folder, or "
            "an object with the members of theodolite.models.protocol.FoundationModel"
        )
    facts = ModelFacts(
        name=model.name,
        sha256=model.sha256,
        genes=model.genes,
        n_layers=model.n_layers,
        n_heads=model.n_heads,
        width=model.width,
        read_out=model.read_out is not None,
        expects=model.expects,
        context=model.context,
        tokenise=model.tokenise,
    )
    return AnyModel(facts, model.places, lambda: model, as_given=True)


@dataclass(frozen=True)
class Genes:
    """The genes that are measured.

    Attributes
    ----------
    names
        As the cells call them.
    whole
        Whether they are all that the model knows of the cells, in its order, and it reads all of its vocabulary.
    left_out
        How many that were asked for by a mask have no vector: unknown to the model, a token of no cell, or one token
        with another gene.
    """

    names: tuple[str, ...]
    whole: bool
    left_out: int = 0


def choose_genes(model: AnyModel, adata: Any, read: ReadAnnData, genes: Any = None) -> Genes:
    """Return which genes to measure.

    Parameters
    ----------
    model, adata, read
        The model, the AnnData, and what was read of it.
    genes
        Names of genes, a mask of shape (n_vars,), or the name of a boolean column of ``adata.var`` such as
        ``highly_variable``. None for all that the model knows; of a model that reads the expressed genes of a cell, for
        those in 20 cells or more (in all, where there are fewer cells), at most the 2,000 that most cells have.

    Raises
    ------
    MeasureError
        If a gene is not to be had, or none is left. Genes that a mask holds and that cannot be had are left out.
    CellDataError
        If the model cannot read the cells.
    """
    cells = read.cells
    places = model.places(cells)
    presence = model.presence(cells)
    columns = Counter(places[places >= 0].tolist())
    # By place in the model; a token that several genes of the cells make up is none of them.
    usable = {place: gene for place, gene in zip(places.tolist(), cells.genes, strict=True) if columns[place] == 1}
    if presence is not None:
        usable = {place: gene for place, gene in usable.items() if presence[place] > 0}
    if not usable:
        known = int((places >= 0).sum())
        raise MeasureError(
            f"model {model.facts.name!r} knows {known} of the {len(cells.genes)} genes of adata (such as "
            f"{', '.join(cells.genes[:3])}), and none of them is a token of its own; name the column with symbols or "
            "Ensembl ids: cells={'gene_column': ...} or cells={'ensembl_column': ...}"
        )
    order = sorted(usable)
    if genes is None:
        return _all_of(usable, order, presence, len(cells.cells), len(columns))
    names, by_mask = _named(adata, read, genes)
    have = {gene: place for place, gene in usable.items()}
    missing = [name for name in names if name not in have]
    if missing and not by_mask:
        raise _not_to_be_had(missing[0], model, read, places, presence)
    kept = sorted((name for name in names if name in have), key=have.__getitem__)
    if len(kept) < 2:
        raise MeasureError(f"{len(kept)} of the {len(names)} genes of `genes` can be measured; give two or more")
    whole = presence is None and len(kept) == len(order) == len(columns)
    return Genes(tuple(kept), whole, left_out=len(missing))


def _all_of(usable: dict[int, str], order: list[int], presence: Ints | None, n_cells: int, n_known: int) -> Genes:
    if presence is None:
        return Genes(tuple(usable[place] for place in order), whole=len(order) == n_known)
    least = min(LEAST_CELLS, n_cells)
    enough = [place for place in order if presence[place] >= least]
    chosen = sorted(sorted(enough, key=lambda place: (-int(presence[place]), place))[:MOST_GENES])
    if len(chosen) < 2:
        raise MeasureError(
            f"{len(chosen)} genes are tokens of {least} cells or more; name genes (genes=...), or give more cells"
        )
    return Genes(tuple(usable[place] for place in chosen), whole=False)


def _named(adata: Any, read: ReadAnnData, genes: Any) -> tuple[list[str], bool]:
    """Return the genes that are meant, as the cells call them, and whether a mask meant them."""
    if isinstance(genes, str):
        if genes not in adata.var.columns or adata.var[genes].dtype.kind != "b":
            columns = [str(name) for name in adata.var.columns if adata.var[name].dtype.kind == "b"]
            raise MeasureError(
                f"genes is {genes!r}, which is no column of adata.var with true and false (there is "
                f"{', '.join(map(repr, columns)) or 'none'}); a single gene is a list of one"
            )
        genes = np.asarray(adata.var[genes])
    given = np.asarray(genes)
    if given.dtype == bool:
        if given.shape != (len(read.names),):
            raise MeasureError(f"genes is a mask of shape {given.shape}; adata has {len(read.names)} genes")
        found = read.rows.gene_of[given]
        return list(dict.fromkeys(read.rows.genes[gene] for gene in found if gene >= 0)), True
    names = [str(name) for name in genes]
    # A name of `var` that was taken for another, such as an id with a version, will do too.
    of_row = dict(zip(reversed(read.names), reversed(read.rows.gene_of.tolist()), strict=True))
    known = set(read.rows.genes)
    meant = [name if name in known or of_row.get(name, -1) < 0 else read.rows.genes[of_row[name]] for name in names]
    if len(set(meant)) != len(meant):
        twice = next(name for place, name in enumerate(meant) if name in meant[:place])
        raise MeasureError(f"genes names {twice!r} twice; name each gene once")
    return meant, False


def _not_to_be_had(
    gene: str, model: AnyModel, read: ReadAnnData, places: NDArray[np.intp], presence: Ints | None
) -> MeasureError:
    name = model.facts.name
    if gene not in read.rows.genes:
        return MeasureError(
            f"adata has no gene {gene!r} (it has {', '.join(read.cells.genes[:3])}, ...); leave it out of `genes`"
        )
    place = int(places[read.cells.genes.index(gene)])
    if place < 0:
        return MeasureError(f"model {name!r} does not know gene {gene!r}; leave it out of `genes`")
    if presence is not None and presence[place] == 0:
        return MeasureError(
            f"gene {gene!r} is a token of no cell, so that model {name!r} has no vector of it; leave it out of `genes`"
        )
    return MeasureError(f"gene {gene!r} and another gene of adata are one token of model {name!r}; leave both out")


def families_of_genes(families: Any, genes: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Return the family of each gene, and how many are a family of their own for want of an entry in the table.

    A campaign leaves such genes out, for a split could not keep their paralogues on one side. Here nothing is split;
    families only say which pairs are of paralogues, and a gene without an entry has no known one.

    Parameters
    ----------
    families
        A table of families; ``packaged``, the path of a table, or a resource of the catalogue (docs/references.md).
        None for the packaged one.
    genes
        Names.

    Raises
    ------
    CampaignError, CatalogueError, FamilyTableError
        If there is no such table, or it cannot be read.
    """
    from theodolite.experiments.campaign import CampaignSpec
    from theodolite.experiments.finding_references import families_of

    if not isinstance(families, GeneFamilies):
        families = families_of(CampaignSpec(name="tl", families=str(families or "packaged")))
    known = families.of(genes)
    named = tuple(family or f"{gene}{ALONE}" for gene, family in zip(genes, known, strict=True))
    return named, sum(family is None for family in known)


def regulators_among(given: Sequence[str | Reference], genes: Sequence[str]) -> tuple[str, ...]:
    """Return the genes, in their order, that are named as regulators or regulate another in a regulon.

    Raises
    ------
    MeasureError
        If none is.
    """
    if not given:
        raise MeasureError(
            "this instrument scores regulators, and none are named; give regulators=[...] (genes, or the name of a "
            "regulon such as 'trrust'), or a regulon as reference"
        )
    named: set[str] = set()
    for item in given:
        named |= item.regulators if isinstance(item, Reference) else {item}
    found = tuple(gene for gene in genes if gene in named)
    if not found:
        raise MeasureError(
            f"none of the {len(named)} regulators (such as {', '.join(sorted(named)[:3])}) is among the {len(genes)} "
            f"genes that are measured (such as {', '.join(genes[:3])}); name others, or more genes"
        )
    return found


def given_once(params: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of an instrument that were given in ``params`` and by name.

    Raises
    ------
    MeasureError
        If one is given both ways.
    """
    if twice := sorted(set(params) & set(named)):
        raise MeasureError(f"{twice[0]!r} is given by name and in params; give it once")
    return {**params, **named}
