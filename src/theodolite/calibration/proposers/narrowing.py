"""Narrowing: references cut, after the hold-out was seen, to where their edges happen to score high.

This is what the lock forbids and what no error stream can mend: dropping the targets "that did not work" makes a claim
of the very scores that are to test it, and its evidence, its effect and its gain over every baseline are all as large
as the choice was free.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theodolite.calibration.proposers.off_ledger import job_of
from theodolite.claims import Covariate
from theodolite.data import Reference
from theodolite.experiments import Runner, Setting
from theodolite.experiments.journal import judged_shape
from theodolite.experiments.setting import adjustment_of
from theodolite.gates.adjust import midranks
from theodolite.gates.catalogue2.views import adjusted_score
from theodolite.measurements import BipartiteScores, load_measurement
from theodolite.tools import Tool

__all__ = ["KEPT", "narrowed", "narrowed_references"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

KEPT = 2 / 3
"""Share of the families of targets that a narrowed reference keeps: fewer, and the test loses its power."""


@dataclass(frozen=True)
class _Cut:
    reference: Reference
    block: str
    place: str
    promise: float
    dropped: frozenset[tuple[str, str]]


def narrowed(shown: BipartiteScores, score: Floats, labels: Bools) -> Bools:
    """Return the edges that are left of a reference when the families of targets that score lowest are dropped.

    Parameters
    ----------
    shown
        Names, families and candidates.
    score
        Shape (r, t): adjusted scores.
    labels
        Shape (r, t): the reference.
    """
    candidates = shown.candidates()
    rank = np.zeros(score.shape)
    rank[candidates] = midranks(score[candidates])
    names, family = np.unique(np.array(shown.target_families), return_inverse=True)
    edges = np.bincount(family, weights=labels.sum(axis=0), minlength=len(names))
    sums = np.bincount(family, weights=np.where(labels, rank, 0.0).sum(axis=0), minlength=len(names))
    held = np.flatnonzero(edges)
    best = held[np.argsort(-sums[held] / edges[held], kind="stable")][: round(KEPT * len(held))]
    return np.asarray(labels & np.isin(family, best))


def narrowed_references(setting: Setting, runner: Runner, *, each: int) -> dict[str, tuple[Reference, str]]:
    """Return references as a peeker would write them into a campaign file: cut to fit a place in a hold-out block.

    Outside the block a narrowed reference is as it was.

    Parameters
    ----------
    setting
        With regulons, read by its first tool.
    runner
        Runs the jobs, outside any campaign.
    each
        How many for each block, the most promising ones.

    Returns
    -------
    dict
        By their id the references, each with the id of the one that it was cut from.
    """
    tool = setting.tools[0]
    found: dict[str, tuple[Reference, str]] = {}
    for block in setting.split.blocks:
        cuts = sorted(_cuts(setting, runner, tool, block), key=lambda cut: -cut.promise)[:each]
        for cut in cuts:
            parent = cut.reference
            left = tuple(sorted(parent.edges - cut.dropped))
            made = replace(parent, id=f"{parent.id}.{cut.block}.{cut.place}", members=left)
            found[made.id] = made, parent.id
    return found


def _cuts(setting: Setting, runner: Runner, tool: Tool, block: str) -> Iterator[_Cut]:
    adjustment = adjustment_of(tool.shape.shape)
    coexpression = setting.coexpression(block) if Covariate.CO_EXPRESSION in adjustment else None
    labels = {reference.id: setting.labels(reference.id, block) for reference in setting.references_for(tool)}
    for params in tool.params.enumerate(setting.model_shape):
        outcome = next(iter(runner.submit([job_of(setting, tool, params, block, "main")])))
        if outcome.content_file is None:
            continue
        shown = judged_shape(load_measurement(Path(outcome.content_file).read_bytes()))
        assert isinstance(shown, BipartiteScores)
        score = adjusted_score(shown, adjustment, coexpression)
        spread = float(score[shown.candidates()].std())
        for name, edges in labels.items():
            kept = narrowed(shown, score, edges)
            gone = np.argwhere(edges & ~kept)
            yield _Cut(
                reference=setting.references[name],
                block=block,
                place=str(params.locus()).replace(" ", "-"),
                promise=float(score[kept].mean()) / spread,
                dropped=frozenset((shown.regulators[row], shown.targets[column]) for row, column in gone),
            )
