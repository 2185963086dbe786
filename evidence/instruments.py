"""Power and error of every built-in instrument in worlds whose truth is known, in one table.

R1, worlds made of what is captured of a model. Each instrument is checked as a plug-in is (``theodolite tools check``):
the place that the discovery genes suggest is tested against every null on genes of other families, at a level of 5 %,
in worlds whose model knows the reference and in worlds whose model knows only what reference and model both owe to
expression, hubs, co-expression and families.

R2, small transformers that were trained on the counts of planted worlds, which is what
``evidence/planted_transformer.py`` trains. Claims go through a campaign's own registration (blinded power and counts
among it), jobs, gates and settlement, each as the first test of a stream that grants it the level of 5 %; evidence is p
for every instrument, as in R1. A claim is made where discovery genes suggest it, and every claim has a reference of its
own, so that in one world claims of one instrument are independent draws.

- Error: references that mean nothing. Sets are whole families by lot, strongly expressed ones rather than others; lists
  of pairs are the pairs inside such sets; regulons are the generator's graph, its edges rewired at the same degrees or
  the targets of its regulator families exchanged. The share of claims with p of 0.05 or less, of those whose statistic
  was computed.
- Power: the first of the same references, raised in the measured scores of a place drawn by lot by twice the smallest
  effect of interest (AUROC 0.9 for sets, 0.7 for pairs and regulons), on discovery and confirmation genes alike. The
  share of registered claims, which are those that blinded power admits, with p of 0.05 or less; claims that another
  gate ended before the statistic count as not found. Verdicts are counted beside it: baselines stand in the way of a
  support, too. The same claims are made with the smallest effect of interest itself, which blinded power does not
  promise to find; this was added when a first run had found every effect of twice that size.

Criterion, written before the first run, for R1 and R2 alike: for no instrument is the error shown to exceed its level,
that is, the exact one-sided 95 % lower bound of the share that passes where there is nothing is at most 0.05. Power is
reported.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

# Small arrays: threads of linear algebra would only get in one another's way.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
from lib.in_process import InProcessRunner
from lib.record import write_evidence
from lib.shams import sham_references
from lib.trained import Claimant, Ending, tally
from planted_transformer import FULL, Scale, campaign, write_cells, write_inputs

from theodolite.calibration.toolcheck import EMPTY, LEVEL, PLANTED, check_record, check_tool
from theodolite.data.planted import WorldKind, plant_structure
from theodolite.experiments import CampaignRun, CampaignSpec, Setting, Workspace, prepare
from theodolite.experiments.bench import Bench
from theodolite.store import Ledger, ToolCheckRecord
from theodolite.tools import Tool, ToolError, tools


@dataclass(frozen=True)
class Trained:
    """How large the part on trained models is.

    Attributes
    ----------
    scale
        Worlds and models.
    cells
        Cells that are surveyed, of those that were made.
    shams
        References that mean nothing, a world, by the shape of the scores; no fewer of sets than of pairs.
    members
        Genes of a set, about; a third of them are discovery genes.
    spiked
        Of these references, how many are raised at some place, of each instrument in each world.
    strengths
        By how much, in smallest effects of interest; the first is that of the table.
    """

    scale: Scale
    cells: int
    shams: Mapping[str, int]
    members: int
    spiked: int
    strengths: tuple[float, ...] = (2.0, 1.0)


TRAINED = Trained(
    replace(FULL, steps=1_200),
    cells=120,
    shams={"GeneScores": 200, "PairScores": 100, "BipartiteScores": 200},
    members=70,
    spiked=12,
)
"""Cut to what half an hour of one core allowed for eight instruments; those of depth came later and add to it."""


def row(rung: str, record: ToolCheckRecord, beside: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a row of the table as plain data, and print it."""
    bounds = f"{record.error_low:.3f} to {record.error_high:.3f}"
    print(
        f"{rung} {record.tool:30} {record.power:6.2f} {record.power_low:9.2f} {record.planted:6} "
        f"{record.error:6.3f} {bounds:>15} {record.empty:6}",
        flush=True,
    )
    return {"rung": rung, **record.model_dump(mode="json"), **(beside or {})}


@dataclass
class Claims:
    """What became of the claims of one instrument.

    Attributes
    ----------
    places
        Where it could be read.
    shams
        On references that mean nothing.
    spiked
        On some of these with an effect, by its size in smallest effects of interest; that of the table first.
    """

    places: list[str] = field(default_factory=list)
    shams: list[Ending] = field(default_factory=list)
    spiked: dict[float, list[Ending]] = field(default_factory=dict)

    def add(self, more: Claims) -> None:
        """Take in the claims on another model."""
        self.places = list(dict.fromkeys([*self.places, *more.places]))
        self.shams += more.shams
        for strength, endings in more.spiked.items():
            self.spiked.setdefault(strength, []).extend(endings)

    @property
    def counts(self) -> dict[str, Any]:
        """Counts of either sort."""
        spiked = {f"{strength:g}": tally(endings) for strength, endings in self.spiked.items()}
        return {"shams": tally(self.shams), "spiked": spiked}

    def record(self, tool: Tool, worlds: str) -> ToolCheckRecord:
        """Return what the counts say.

        Raises
        ------
        ValueError
            If no sham claim came to its statistic, or no other one was registered.
        """
        empty, planted = tally(self.shams), tally(next(iter(self.spiked.values())))
        return check_record(
            tool,
            tuple(self.places),
            worlds=worlds,
            planted=planted["registered"],
            found=planted["passed"],
            empty=empty["judged"],
            passed_empty=empty["passed"],
            unmeasured=empty["refused"].get("unmeasured", 0) + planted["refused"].get("unmeasured", 0),
        )


def built_in() -> list[Tool]:
    """Return the instruments of the table: all whose claims are of an effect, which a sham reference does not have.

    Those of features, which would train nine dictionaries a world and block, are checked in R1 and on permuted gene
    names (``feature_claims.py``); that of anchors is measured in whole campaigns (``manifold_campaigns.py``).
    """
    return [
        tool
        for tool in tools()
        if tool.built_in and not (tool.relation.of_no_effect or tool.relation.of_cells or tool.seeded)
    ]


def world_setting(seed: int, folder: Path, trained: Trained) -> tuple[Setting, dict[str, Any]]:
    """Plant a world, train on it, and return a campaign of one test on the model, and how training went."""
    structure = plant_structure(seed, WorldKind.STANDARD, trained.scale.knobs)
    training = write_inputs(structure, folder, trained.scale)
    del training["held_out_cells"]
    write_cells(structure, folder / "surveyed.h5ad", trained.cells)
    usual = campaign(folder, "trained", 1).model_dump(mode="json")
    changed = {
        "name": f"instruments-{seed}",
        "cells": usual["cells"] | {"source": str(folder / "surveyed.h5ad")},
        "tools": [tool.name for tool in built_in()],
        "error": {"q": LEVEL, "n_max": 1},
    }
    spec = CampaignSpec.model_validate(usual | changed)
    shams = trained.shams
    references = sham_references(structure, shams["GeneScores"], trained.members, shams["BipartiteScores"])
    return prepare(spec, Workspace.at(folder / "run", folder / "cache"), references=references), training


def world_claims(setting: Setting, seed: int, trained: Trained) -> Iterator[tuple[Tool, Claims]]:
    """Make the claims of each instrument on one model.

    Raises
    ------
    ToolError
        If an instrument can measure nowhere, as ablations of a model that has learned nothing.
    """
    materials = setting.materials()
    runner = InProcessRunner(Bench(materials), Path(materials.results))
    with Ledger.open(setting.workspace.ledger, create=True) as ledger:
        run = CampaignRun(setting, ledger, runner)
        run.open()
        claimant = Claimant(run, runner)
        for number, tool in enumerate(setting.tools):
            places, shape = claimant.places(tool), tool.shape.shape
            if not places:
                raise ToolError(f"{tool.name} can measure nowhere in the model of seed {seed}; train it longer")
            references = [reference.id for reference in setting.references_for(tool)][: trained.shams[shape]]
            by_lot = np.random.default_rng([seed, number]).integers(len(places), size=trained.spiked).tolist()
            raised = list(zip(references[: trained.spiked], (places[place] for place in by_lot), strict=True))
            yield (
                tool,
                Claims(
                    [str(params.locus()) for params in places],
                    [claimant.sham(tool, reference) for reference in references],
                    {
                        strength: [
                            claimant.spiked(tool, reference, params, strength * setting.sesoi(shape))
                            for reference, params in raised
                        ]
                        for strength in trained.strengths
                    },
                ),
            )


def trained_rows(trained: Trained) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of R2, and how training went."""
    found: dict[str, Claims] = {}
    trainings = {}
    for seed in trained.scale.structures:
        with tempfile.TemporaryDirectory() as scratch:
            setting, trainings[str(seed)] = world_setting(seed, Path(scratch), trained)
            for tool, claims in world_claims(setting, seed, trained):
                print(seed, tool.name, claims.counts, flush=True)
                found.setdefault(tool.name, Claims()).add(claims)
    worlds = f"R2, seeds {', '.join(map(str, trained.scale.structures))}"
    rows = [row("R2", found[tool.name].record(tool, worlds), found[tool.name].counts) for tool in built_in()]
    return rows, trainings


def main() -> None:
    """Check every instrument on both rungs and write the table."""
    import torch

    torch.set_num_threads(1)
    started = time.monotonic()
    print(
        f"{'':2} {'instrument':30} {'power':>6} {'at least':>9} {'of':>6} {'error':>6} {'bounds':>15} {'of':>6}   "
        f"(R1: {PLANTED} and {EMPTY} worlds)"
    )
    rows = [row("R1", check_tool(tool)) for tool in built_in()]
    minutes = {"R1": round((time.monotonic() - started) / 60, 1)}
    more, trainings = trained_rows(TRAINED)
    minutes["both"] = round((time.monotonic() - started) / 60, 1)
    rows += more
    criteria = {"no instrument is shown to be above its level": all(row["fit"] for row in rows)}
    result = {
        "checks": rows,
        "trained": {**asdict(TRAINED), "training": trainings},
        "minutes": minutes,
        "criteria": criteria,
    }
    passed = all(criteria.values())
    write_evidence("instruments", "power and error of every instrument", result, passed)
    raise SystemExit(not passed)


if __name__ == "__main__":
    sys.exit(main())
