"""Ten thousand hypotheses through one coordinator: its memory stays flat, its checkpoint file small, its ledger whole.

The loop is the real one, on a ledger in a file, through the graph and its checkpoints: proposals, registration,
review, judging, sealed trials of the reviewer, verdicts, rounds. Tools are empty: every job answers at once with the
same scores, so that what is measured is the coordinator. Memory is what the process holds (resident set) at the end of
each round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

# Set before NumPy is imported.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

from lib.record import write_evidence

from theodolite.agents import LintReviewer, run_campaign
from theodolite.calibration.planted_setting import PlantedRunner, PlantedSetting, SharedStructure, planted_setting
from theodolite.calibration.plants import seal_round
from theodolite.claims import Author, Direction, Hypothesis
from theodolite.data.planted import PlantedActivations, WorldKind, WorldKnobs, plant_structure
from theodolite.experiments import CampaignRun, CampaignSpec, JobOutcome, JobSpec, Workspace
from theodolite.store import Ledger, hypothesis_rows, verify

HYPOTHESES, ROUND, SEED = 10_000, 20, 5
CAMPAIGN = 500
"""Hypotheses of one campaign, and of one error stream: with more of them, and nothing found, the last levels ask for
more evidence than draws can give, and registration refuses them."""
LAYERS, HEADS, REFERENCES = 16, 16, 40
"""Places and references: together they make a few more claims than are tested."""
MOST_GROWTH = 0.10
"""How much more memory the last third may hold than the one before it, as a share."""
MOST_CHECKPOINT = 8 * 2**20
"""Bytes of the checkpoint file and its log, of which SQLite moves a part over at about 4 MB."""


class EmptyTools:
    """A runner whose jobs answer at once: whatever place is asked for, the scores are those of the first one."""

    def __init__(self, setting: PlantedSetting) -> None:
        self._runner = PlantedRunner(setting)
        self._known: dict[tuple[str, str], str] = {}

    def submit(self, jobs: Iterable[JobSpec]) -> Iterator[JobOutcome]:
        """Answer jobs in the order given."""
        for job in jobs:
            key = (job.variant, job.split)
            if key not in self._known:
                first = job.model_copy(update={"params": {**job.params, "layer": 1, "head": 1}})
                (outcome,) = self._runner.submit([first])
                self._known[key] = str(outcome.content_file)
            yield JobOutcome(job_sha256=job.sha256, status="done", content_file=self._known[key])

    def close(self) -> None:
        """Do nothing: there is no worker."""


class InOrder:
    """Claims one reference at one place after the other; what the ledger holds says which comes next.

    Attributes
    ----------
    barren_rounds
        Rounds without a registration after which the campaign ends.
    """

    barren_rounds = 1

    def __init__(self, setting: PlantedSetting, before: int) -> None:
        (tool,) = setting.tools
        self._tool = tool
        self._before = before
        places = list(tool.params.enumerate(setting.model_shape))
        self._claims = list(product(setting.references, places))

    def converse(self, run: CampaignRun, round_number: int, free: range) -> Iterator[Hypothesis]:
        """Yield the next claims."""
        # A round is full but for what was refused, which holds its slot all the same.
        start = self._before + (round_number - 1) * run.setting.round_size + free.start - 1
        for reference, place in islice(self._claims, start, start + len(free)):
            yield Hypothesis(
                claim=run.setting.claim(self._tool, reference),
                locus=place.locus(),
                direction=Direction.GREATER,
                tool=f"{self._tool.name}@{self._tool.version}",
                rationale="the next that was not tried",
                author=Author.EXECUTOR,
            )


@dataclass(frozen=True)
class Sample:
    """What there was at the end of a round: hypotheses, bytes in memory, bytes of checkpoints, seconds so far."""

    hypotheses: int
    memory: int
    checkpoints: int
    seconds: float


def resident() -> int:
    """Return the bytes that this process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def size_of(folder: Path) -> int:
    """Return the bytes of the files in a folder."""
    return sum(file.stat().st_size for file in folder.iterdir())


def soak(folder: Path, hypotheses: int, layers: int = LAYERS, heads: int = HEADS, references: int = REFERENCES) -> Any:
    """Run campaigns one after the other on one ledger; return samples, and why the last one stopped."""
    structure = plant_structure(SEED, WorldKind.STANDARD, WorldKnobs(layers=layers, heads=heads, references=references))
    activations, shared = PlantedActivations(structure, 0), SharedStructure(structure)
    workspace = Workspace.at(folder)
    samples: list[Sample] = []
    started = time.monotonic()
    reason = ""
    with Ledger.create(workspace.ledger) as ledger, ledger.coordinator("soak"):
        for number, before in enumerate(range(0, hypotheses, CAMPAIGN)):
            spec = words(structure.seed, number, min(CAMPAIGN, hypotheses - before))
            setting = planted_setting(activations, spec, workspace, shared=shared)
            run = CampaignRun(setting, ledger, EmptyTools(setting))

            def closed(run: CampaignRun = run, before: int = before) -> None:
                checkpoints, seconds = size_of(workspace.checkpoints("any").parent), time.monotonic() - started
                samples.append(Sample(before + run.registered(), resident(), checkpoints, seconds))
                if len(samples) % 10 == 1:
                    _say(samples[-1])

            proposer = InOrder(setting, before)
            reason = run_campaign(run, proposer, LintReviewer(), trials=seal_round, closed=closed)
    _say(samples[-1])
    return samples, reason


def words(seed: int, number: int, hypotheses: int) -> CampaignSpec:
    """Return the file of a campaign, with an error stream of its own."""
    return CampaignSpec.model_validate(
        {
            "name": f"soak-{number}",
            "seed": seed,
            "model": "planted",
            "cells": {"source": "planted", "species": "planted", "donor": "donor"},
            "references": "planted",
            "families": "planted",
            "tools": ("attention.regulation",),
            "budget": {"experiments": hypotheses, "retire_after": None},
            "round_size": ROUND,
            "error": {"stream": f"soak-{number}", "n_max": CAMPAIGN, "q": 0.49},
            # However small the levels become, none is refused for want of power.
            "sesoi": {"BipartiteScores": 0.33},
            "threads": 1,
        }
    )


def _say(sample: Sample) -> None:
    print(
        f"{sample.hypotheses:6,} hypotheses after {sample.seconds:5.0f} s: {sample.memory / 2**20:6.1f} MB in memory, "
        f"{sample.checkpoints / 1024:5.0f} KB of checkpoints",
        flush=True,
    )


def slope(samples: Sequence[Sample]) -> float:
    """Return bytes a hypothesis, by least squares."""
    return statistics.linear_regression([item.hypotheses for item in samples], [item.memory for item in samples]).slope


def summary(samples: Sequence[Sample]) -> dict[str, float]:
    """Return what decides: memory and its slope by thirds, and the largest checkpoint file."""
    third = len(samples) // 3
    parts = [samples[:third], samples[third : 2 * third], samples[2 * third :]]
    medians = [statistics.median(item.memory for item in part) for part in parts]
    return {
        "slope_first_third_bytes": slope(parts[0]),
        "slope_last_third_bytes": slope(parts[2]),
        "memory_first_third": medians[0],
        "memory_second_third": medians[1],
        "memory_last_third": medians[2],
        "growth_last_third": medians[2] / medians[1] - 1,
        "largest_checkpoint_bytes": max(item.checkpoints for item in samples),
        "seconds": samples[-1].seconds,
        "hypotheses_a_second": samples[-1].hypotheses / samples[-1].seconds,
    }


def main() -> None:
    """Run it, write the evidence where it is the whole run, and exit 1 if a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hypotheses", type=int, default=HYPOTHESES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="theodolite-soak-") as name:
        samples, reason = soak(Path(name), options.hypotheses)
        report = verify(Path(name) / "ledger.sqlite")
        with Ledger.open(Path(name) / "ledger.sqlite", read_only=True) as ledger:
            verdicts = sum(row.verdict is not None for row in hypothesis_rows(ledger))
    found = {**summary(samples), "hypotheses": verdicts, "entries": report.entries, "stopped": reason}
    for key, value in found.items():
        print(f"{key:28} {value:,.4g}" if isinstance(value, float) else f"{key:28} {value}")
    flat = found["growth_last_third"] <= MOST_GROWTH
    bounded = found["largest_checkpoint_bytes"] <= MOST_CHECKPOINT
    print(f"memory flat: {flat}; checkpoint file bounded: {bounded}; verify: {report.ok or report.problems[0]}")
    passed = flat and bounded and report.ok and verdicts == options.hypotheses
    if options.hypotheses == HYPOTHESES:
        write_evidence("soak", "Ten thousand hypotheses through one coordinator", found, passed)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
