"""A plug-in of descriptions for tests of campaigns: one that tells what it was given, and some that come to nothing."""

from __future__ import annotations

import os
import time

import numpy as np
from pydantic import Field

from theodolite.descriptions import Described, DescriptionError, DescriptionParams, Subject, description
from theodolite.measurements import GeneScores, UnitEffects
from theodolite.tools import BenchSize


class NoParams(DescriptionParams):
    """None."""


class Drawing(DescriptionParams):
    """How much is drawn."""

    draws: int = Field(default=5, ge=1, description="numbers that are drawn")
    share: float = Field(default=0.5, gt=0, le=1, description="share of genes")


def _little(size: BenchSize, params: DescriptionParams) -> int:
    return 8 * size.genes * size.width


def _too_much(size: BenchSize, params: DescriptionParams) -> int:
    return 2**50


def _norms(subject: Subject) -> GeneScores:
    bench = subject.bench
    score = (bench.hidden(0) ** 2).sum(axis=1)
    return GeneScores(subject.genes, score, subject.families, bench.covariate_names, bench.covariates, "squared norm")


@description(family="odd", shape=GeneScores, unit="squared norm", reads=("vectors",), references="sets", memory=_little)
def tells(subject: Subject, params: NoParams) -> Described:
    """Tell every gene, and every member of a reference, that it was given."""
    members = sorted(gene for reference in subject.references for gene in reference.genes)
    norms = _norms(subject)
    mean = float(norms.score.mean())
    facts = {"genes": subject.genes, "members": members, "mean": mean, "seed": str(subject.seed), "nothing": np.nan}
    return Described(norms, facts, f"The mean squared norm of {len(subject.genes)} genes is {mean:.3g}.")


@description(family="odd", shape=UnitEffects, unit="draws", reads=("vectors",), memory=_little)
def draws(subject: Subject, params: Drawing) -> Described:
    """Draw numbers, from the seed that it is given."""
    random = np.random.RandomState(subject.seed)  # of those that take seeds of 32 bits
    effect = random.uniform(size=params.draws)
    units = tuple(f"draw {number}" for number in range(params.draws))
    measured = UnitEffects(units, effect, random.uniform(size=(params.draws, 3)), "draws")
    return Described(measured, {"mean": effect.mean(), "all": effect}, f"The mean of {params.draws} draws was taken.")


@description(family="odd", shape=GeneScores, unit="squared norm", reads=("vectors",), memory=_little)
def raises(subject: Subject, params: NoParams) -> Described:
    """Say that there is nothing to describe."""
    raise DescriptionError("there is nothing to describe here")


@description(family="odd", shape=GeneScores, unit="squared norm", reads=("vectors",), memory=_too_much)
def gapes(subject: Subject, params: NoParams) -> Described:
    """Say beforehand that no machine has the memory."""
    raise AssertionError("this was never to be begun")


@description(family="odd", shape=GeneScores, unit="squared norm", reads=("vectors",), memory=_little)
def sleeps(subject: Subject, params: NoParams) -> Described:
    """Take longer than anybody waits."""
    time.sleep(600)
    return Described(_norms(subject), {}, "It slept.")


@description(family="odd", shape=GeneScores, unit="squared norm", reads=("vectors",), memory=_little)
def dies(subject: Subject, params: NoParams) -> Described:
    """End its process, as one does that the kernel ends for want of memory."""
    os._exit(9)


@description(family="odd", shape=GeneScores, unit="squared norm", reads=("vectors",), memory=_little)
def whispers(subject: Subject, params: NoParams) -> Described:
    """Put a gene that it was not given among those that it measured."""
    norms = _norms(subject)
    others = sorted(set(subject.bench.capture.genes) - set(subject.genes))  # type: ignore[attr-defined]
    genes = (others[0], *norms.genes[1:])
    changed = GeneScores(genes, norms.score, norms.families, norms.covariate_names, norms.covariates, norms.unit)
    return Described(changed, {}, "It said what it was not to know.")
