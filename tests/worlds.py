"""A small world with a known truth, on which a whole campaign takes seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import torch
import yaml

from theodolite.agents import LintReviewer, Planner, run_campaign
from theodolite.calibration.plants import seal_round
from theodolite.data import CellSet, GeneFamilies, PlantedCells, Reference, planted_cells
from theodolite.experiments import (
    CampaignRun,
    CampaignSpec,
    JobOutcome,
    JobSpec,
    Materials,
    Setting,
    Workspace,
    prepare,
)
from theodolite.experiments.bench import Bench
from theodolite.files import write_atomically
from theodolite.models.compact import CompactConfig, CompactTransformer, save_checkpoint
from theodolite.models.sanity import InterventionError
from theodolite.store import HypothesisRow, Ledger, hypothesis_rows
from theodolite.tools import ToolError

REAL_STRENGTHS = {"program_1": 6.0, "program_2": 4.5}
"""Length of the direction that the members of a real program share in the model's gene embedding, in units of noise."""


class InProcessRunner:
    """Runs jobs in this process with the worker's own code, each once a workspace; ``ran`` counts what it ran."""

    def __init__(self, materials: Materials) -> None:
        self._materials = materials
        self._bench: Bench | None = None
        self.ran: Counter[str] = Counter()

    def submit(self, jobs: Iterable[JobSpec]) -> Iterator[JobOutcome]:
        for job in jobs:
            result = Path(self._materials.results) / job.sha256
            if not result.is_file():
                self._bench = self._bench or Bench(self._materials)
                self.ran[job.sha256] += 1
                try:
                    write_atomically(result, self._bench.run(job))
                except InterventionError as error:
                    yield JobOutcome(job_sha256=job.sha256, status="unsound", reason=str(error))
                    continue
                except ToolError as error:
                    yield JobOutcome(job_sha256=job.sha256, status="tool_error", reason=str(error))
                    continue
            yield JobOutcome(job_sha256=job.sha256, status="done", content_file=str(result))

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class SmallWorld:
    """Cells, families, references and a checkpoint on disk, and the truth about them.

    The members of a real program share a direction of the checkpoint's gene embedding; those of a decoy share nothing.
    One reference is too small to be tested. With ``pools`` there is one reference that only one hold-out block holds
    enough of, so that the split has one block; without, it has two.
    """

    folder: Path
    planted: PlantedCells
    real: frozenset[str]

    @property
    def model(self) -> Path:
        return self.folder / "planted-model"

    @property
    def cells(self) -> Path:
        return self.folder / "planted.h5ad"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def content(self, name: str = "small", **overrides: Any) -> dict[str, Any]:
        """Return a campaign file's content; nested keys of ``overrides`` join those that are there."""
        base: dict[str, Any] = {
            "name": name,
            "model": str(self.model),
            "cells": {"source": str(self.cells), "species": "planted"},
            "references": str(self.folder / "references.yaml"),
            "families": str(self.folder / "families.tsv"),
            "budget": {"experiments": 4, "job_timeout_s": 120},
            "round_size": 2,
            "error": {"n_max": 12},
            "threads": 1,
        }
        for key, value in overrides.items():
            base[key] = {**base[key], **value} if isinstance(base.get(key), dict) else value
        return base

    def spec(self, name: str = "small", **overrides: Any) -> CampaignSpec:
        return CampaignSpec.model_validate(self.content(name, **overrides))

    def campaign_file(self, path: Path, **overrides: Any) -> Path:
        """Write a campaign file named after its path and return the path."""
        path.write_text(yaml.safe_dump(self.content(path.stem, **overrides)), encoding="utf-8")
        return path

    def workspace(self, folder: Path) -> Workspace:
        """Return a workspace that shares the world's captures, so that the model is read once a test session."""
        return Workspace.at(folder, self.cache)

    def private_workspace(self, folder: Path) -> Workspace:
        """Return a workspace that holds a copy of the world's captures but no result of any job."""
        workspace = Workspace.at(folder)
        workspace.cache.mkdir(exist_ok=True)
        for taken in self.cache.glob("*.safetensors"):
            (workspace.cache / taken.name).write_bytes(taken.read_bytes())
        return workspace

    @contextmanager
    def opened(
        self,
        folder: Path | Workspace,
        spec: CampaignSpec,
        *,
        runner: Any = None,
        references: Iterable[Reference] | None = None,
    ) -> Iterator[CampaignRun]:
        """Yield a campaign on the ledger of a folder, to be driven step by step."""
        workspace = folder if isinstance(folder, Workspace) else self.workspace(folder)
        setting = prepare(spec, workspace, references=references)
        with Ledger.open(setting.workspace.ledger, create=True) as ledger:
            yield CampaignRun(setting, ledger, runner or InProcessRunner(setting.materials()))

    def run_in_process(
        self,
        folder: Path | Workspace,
        spec: CampaignSpec,
        *,
        executor: Any = None,
        reviewer: Any = None,
        runner: Any = None,
        references: Iterable[Reference] | None = None,
        trials: Any = seal_round,
    ) -> str:
        """Run a whole campaign as ``theodolite run`` does, or continue it, and return why it stopped."""
        with self.opened(folder, spec, runner=runner, references=references) as run:
            return run_campaign(run, executor or Planner(), reviewer or LintReviewer(), trials=trials)

    @staticmethod
    def runner(setting: Setting) -> InProcessRunner:
        return InProcessRunner(setting.materials())

    @staticmethod
    def rows(folder: Path) -> list[HypothesisRow]:
        with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
            return hypothesis_rows(ledger)

    def finished(self, blocks: int = 1) -> Path:
        """Return the workspace of a campaign of three rounds that has stopped; made once, never to be written to."""
        folder = self.folder / f"finished-{blocks}"
        if not folder.is_dir():
            self.run_in_process(folder, self.finished_spec(blocks))
        return folder

    def finished_spec(self, blocks: int = 1) -> CampaignSpec:
        """Return the campaign of :meth:`finished`."""
        return self.spec("finished", budget={"experiments": 6}, **({} if blocks == 1 else self.two_blocks))

    @property
    def two_blocks(self) -> dict[str, Any]:
        """What makes a campaign of this world split its confirmation units into two blocks."""
        return {"references": str(self.folder / "references-two-blocks.yaml"), "sesoi": {"GeneScores": 0.25}}


def _plant_model(folder: Path, planted: PlantedCells) -> None:
    values = torch.from_numpy(planted.cells.log1p_cp10k())
    config = CompactConfig(genes=planted.cells.genes, width=16, n_layers=2, n_heads=2, feedforward=16, dropout=0.0)
    model = CompactTransformer(config, values.mean(dim=0), values.std(dim=0).clamp_min(0.1), seed=3).eval()
    directions = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(5)))[0]
    with torch.no_grad():
        noise = float(model.gene_embedding.std())
        for column, (name, strength) in enumerate(REAL_STRENGTHS.items()):
            reference = next(item for item in planted.references if item.id == name)
            members = torch.tensor([gene in reference.genes for gene in planted.cells.genes])
            model.gene_embedding[members] += strength * noise * directions[:, column]
    save_checkpoint(folder, model, {"planted": REAL_STRENGTHS, "report": {"r2": 0.2}})


def _write_references(path: Path, references: Iterable[tuple[str, str, Sequence[str]]]) -> None:
    content = [
        {
            "id": name,
            "title": title,
            "kind": "set",
            "definition": "planted in the embedding or drawn without it",
            "source": "planted world",
            "members": list(members),
        }
        for name, title, members in references
    ]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def _renamed(planted: PlantedCells, prefix: str) -> PlantedCells:
    """Return the same cells with other names of genes, so that nothing of two worlds' splits is shared."""
    cells = planted.cells
    return PlantedCells(
        CellSet.from_counts(
            cells.name,
            cells.counts,
            [prefix + gene for gene in cells.genes],
            cells.cells,
            species=cells.species,
            origin=cells.origin,
        ),
        GeneFamilies({prefix + gene: family for gene, family in planted.families.family.items()}, "planted-2"),
        tuple(replace(item, members=tuple(prefix + str(gene) for gene in item.members)) for item in planted.references),
        planted.real,
    )


def make_small_world(folder: Path, prefix: str = "") -> SmallWorld:
    """Return a world of 96 cells and 300 genes in which program_1 and program_2 are real and two decoys are not.

    ``prefix`` goes before every gene's name: worlds with other names have no gene in common.
    """
    folder.mkdir(exist_ok=True)
    planted = planted_cells(96, 300, 2, seed=10)
    planted = _renamed(planted, prefix) if prefix else planted
    # Values shuffled within each gene: what the model was given, the counts do not show.
    cells = planted.cells.shuffled_within_gene(1)
    anndata.AnnData(
        X=cells.counts.astype(np.float32),
        obs=pd.DataFrame(index=list(cells.cells)),
        var=pd.DataFrame(index=list(cells.genes)),
    ).write_h5ad(folder / "planted.h5ad")
    rows = "\n".join(f"{gene}\t{family}" for gene, family in sorted(planted.families.family.items()))
    (folder / "families.tsv").write_text(f"# version: planted-1\ngene\tfamily\n{rows}\n", encoding="utf-8")
    named = [(item.id, item.title, sorted(item.genes)) for item in planted.references]
    small = ("too_small", "a set too small to test", named[0][2][:4])
    # Enough members for one block of the confirmation units, too few for each of two.
    medium = ("medium", "a set for one block only", named[3][2][:24])
    _write_references(folder / "references.yaml", [*named, small, medium])
    _write_references(folder / "references-two-blocks.yaml", [*named, small])
    _plant_model(folder / "planted-model", replace(planted, cells=cells))
    return SmallWorld(folder, planted, frozenset(REAL_STRENGTHS))
