"""What every function of this room begins with: cells read, a model found, genes chosen, and a workbench of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import theodolite
from theodolite.experiments.needs import capture_bytes
from theodolite.experiments.workbench import COVARIATES, GeneWorkbench, fit_layer_axes
from theodolite.tl.captures import capture_key, captured, features, interventions, remembered, runs_on
from theodolite.tl.choosing import AnyModel, Genes, any_model, choose_genes, families_of_genes
from theodolite.tl.errors import MeasureError
from theodolite.tl.memory import refuse_beyond
from theodolite.tl.reading import ReadAnnData, read_anndata
from theodolite.tl.settings import settings
from theodolite.tools import N_FEATURES, BenchSize, ModelShape
from theodolite.tools.geometry import N_AXES

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Cells, a model and genes, before the model runs.

    Attributes
    ----------
    read
        The AnnData as it was read.
    model
        The model, not yet loaded.
    genes
        The genes that are measured.
    families
        Their families.
    alone
        How many of them are a family of their own because the table has no entry for them.
    cache
        Folder of captures, None for memory only.
    limit
        Bytes that a measurement may take.
    """

    read: ReadAnnData
    model: AnyModel
    genes: Genes
    families: tuple[str, ...]
    alone: int
    cache: Path | None
    limit: int

    @property
    def shape(self) -> ModelShape:
        """Size of the model."""
        facts = self.model.facts
        return ModelShape(facts.n_layers, facts.n_heads, read_out=facts.read_out)

    def size(self, regulators: Sequence[str] = ()) -> BenchSize:
        """Return the sizes of a workbench."""
        return BenchSize(
            genes=len(self.genes.names),
            regulators=len(regulators),
            cells=len(self.read.cells.cells),
            width=self.model.facts.width,
            shape=self.shape,
        )

    def check_memory(self, doing: str, beside: Mapping[str, int], *, with_attention: bool = True) -> None:
        """Refuse what would not fit, before the model is loaded.

        Parameters
        ----------
        doing
            What it is, in words.
        beside
            Bytes that are taken beside the capture, once it is there, by what takes them.
        with_attention
            Whether attention is captured too.

        Raises
        ------
        MemoryLimitError
            With the estimate and the remedy.
        """
        taking, held = capture_bytes(
            self.size(),
            saved=self.cache is not None,
            with_attention=with_attention,
            gaps=self.model.facts.tokenise is not None,
        )
        key = capture_key(self.model, self.read.cells, self.genes, with_attention=with_attention)
        there = remembered(key, self.cache)
        what = "gene vectors and attention" if with_attention else "gene vectors"
        if there or held + sum(beside.values()) >= taking:
            parts = {what: held, **beside}
        else:
            parts = {f"{what} while they are captured": taking}
        refuse_beyond(self.limit, parts, len(self.genes.names), doing)

    def bench(
        self, regulators: Sequence[str] = (), *, axes: bool, seeded: bool = False, with_attention: bool = True
    ) -> GeneWorkbench:
        """Return the workbench that instruments see; the model runs now if its capture is not there.

        Parameters
        ----------
        regulators
            Those of the genes that are scored as regulators.
        axes
            Whether axes are fitted. They are fitted on all genes of the workbench, once a capture.
        seeded
            Whether features can be asked for; a dictionary of a block is trained on all genes when they are.
        with_attention
            Whether attention is captured too.

        Raises
        ------
        MeasureError
            If there are too few genes, or the model is too narrow, to fit axes.
        """
        if seeded and len(self.genes.names) < N_FEATURES:
            raise MeasureError(
                f"{len(self.genes.names)} genes tell {N_FEATURES} features apart no better than chance does; name more "
                f"genes, {N_FEATURES} at the least"
            )
        if axes and len(self.genes.names) <= N_AXES:
            raise MeasureError(
                f"{len(self.genes.names)} genes cannot fix {N_AXES} axes; name more genes, {N_AXES + 1} at the least"
            )
        taken = captured(
            self.model, self.read.cells, self.genes, cache=self.cache, limit=self.limit, with_attention=with_attention
        )
        statistics = self.read.cells.gene_statistics()
        place = {gene: row for row, gene in enumerate(statistics.genes)}
        covariates = statistics.matrix(COVARIATES)[[place[gene] for gene in self.genes.names]]
        covariates.setflags(write=False)
        fields = (self.genes.names, self.families, covariates, taken.capture)
        if axes and not taken.fitted:
            try:
                taken.fitted = fit_layer_axes(GeneWorkbench(*fields, ()))
            except ValueError as error:
                raise MeasureError(f"no axes can be fitted: {error}") from error
            for found in taken.fitted:
                for array in (found.centre, found.components, found.singular_values):
                    array.setflags(write=False)
        effects = interventions(self.model, self.read.cells, self.genes, taken, self.cache)
        encoded = features(self.model, self.read.cells, self.genes, taken, self.cache) if seeded else None
        return GeneWorkbench(*fields, taken.fitted if axes else (), tuple(regulators), effects, encoded=encoded)

    def facts(self) -> dict[str, Any]:
        """Return what a result is of, to be kept beside it."""
        facts, cells = self.model.facts, self.read.cells
        return {
            "model": facts.name,
            "model_sha256": facts.sha256,
            "runs_on": runs_on(),
            "cells_sha256": cells.sha256,
            "n_cells": len(cells.cells),
            "n_genes": len(self.genes.names),
            "genes_left_out": self.genes.left_out,
            "genes_without_family": self.alone,
            "theodolite": theodolite.__version__,
        }


def prepare(
    adata: Any,
    model: Any,
    *,
    counts: str = "X",
    cells: Mapping[str, Any] | None = None,
    genes: Any = None,
    families: Any = None,
    cache: str | Path | None = None,
    max_memory_gb: float | None = None,
) -> Prepared:
    """Read an AnnData, find a model, choose genes; the arguments are those of :func:`theodolite.tl.measure`.

    Raises
    ------
    MeasureError
        Naming what was given and what to do about it.
    CellDataError, ModelNotFoundError, CheckpointError, FamilyTableError, CampaignError
        If cells, model or table of families cannot be had.
    """
    if max_memory_gb is not None and not (np.isfinite(max_memory_gb) and max_memory_gb > 0):
        raise MeasureError(f"max_memory_gb is {max_memory_gb!r}; give gigabytes above 0, or None for the setting")
    found = any_model(model)
    read = read_anndata(adata, counts=counts, cells=cells)
    chosen = choose_genes(found, adata, read, genes)
    named, alone = families_of_genes(families, chosen.names)
    folder = settings.cache if cache is None else Path(cache).expanduser()
    return Prepared(read, found, chosen, named, alone, folder, settings.limit(max_memory_gb))
