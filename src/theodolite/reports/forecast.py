"""What a campaign could find and what it would cost, before anything of it is written or run.

Power is blinded: nothing here reads a score of the model. Times and memory are estimates: the passes over the cells
are extrapolated from a short measurement of this machine, the draws of the nulls from those of the power analysis.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theodolite.data import DISCOVERY
from theodolite.experiments import Power, Registrar, Setting
from theodolite.experiments.needs import bytes_of, job_memory_bytes, memory_conflict, size_conflict
from theodolite.experiments.registration import block_spent
from theodolite.experiments.wanted_descriptions import Wanted, description_conflicts, wanted_descriptions
from theodolite.gates import BASELINES, PANELS, REFITS, StreamExhausted, b_max, margin_for, power_gate
from theodolite.models.capture import CELLS_PER_STEP
from theodolite.plans import LevelRule
from theodolite.store import Ledger, stream_rows

__all__ = [
    "DescriptionForecast",
    "Detectable",
    "Forecast",
    "NotTestable",
    "ToolForecast",
    "forecast",
    "stream_conflicts",
]

Progress = Callable[[int, int, str], None]

_PASSES = sum(not variant.startswith("counts") for variant in ("main", *BASELINES))
"""Passes over the cells: the model, and the baselines that are models."""
_MEASURED = 1 + len(BASELINES)
"""Each claim is measured in the model and in every baseline."""
_NULLS = max(map(len, PANELS.values()))
_POWER_DRAWS = 8 * 500 * _NULLS
"""Draws that one blinded spread takes (``gates.power``: worlds, draws, nulls)."""
_SHARE_OF_DRAWS = 0.5
"""Share of the time of a blinded spread that its draws take; the rest makes its random scores."""
_START_S = 15.0
"""Start of the coordinator and of a worker, libraries included."""
_JOB_S = 0.1
"""A tool on captured averages, result file included."""
_DICTIONARY_S = 15.0
"""A dictionary of a block, and what it does at all tokens; a guess from small models, as nothing ran yet."""
_LIBRARIES_BYTES = 900 * 2**20
"""Coordinator and worker with their libraries loaded."""
_COPIES = 3
"""Arrays of the size of a step's attention that torch holds at once: scores, weights, and a temporary."""


UNITS = {"GeneScores": "genes", "AnchorLatents": "anchors"}
"""What claims on a shape are about; pairs else."""


@dataclass(frozen=True)
class Detectable:
    """Smallest effects that a test of one reference by one instrument would find, nine times in ten.

    Attributes
    ----------
    first, last
        As AUROC, of anchors as a correlation, at the level of the next test and at that of the last test of the budget.
    limit
        The largest that is still worth a level (gate G12b).
    worth_first, worth_last
        Whether ``first`` and ``last`` are.
    """

    reference: str
    title: str
    units: int
    first: float
    last: float
    limit: float
    worth_first: bool
    worth_last: bool


@dataclass(frozen=True)
class ToolForecast:
    """What one instrument could be asked: ``claims`` is loci times references that can be tested, of ``units``."""

    tool: str
    units: str
    loci: int
    claims: int
    detectable: tuple[Detectable, ...]


@dataclass(frozen=True)
class NotTestable:
    """A reference that cannot be tested on this block, and what would make it testable."""

    reference: str
    title: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class DescriptionForecast:
    """A description that would be made: of which variant, against how many references, and bytes it takes.

    ``fits`` says whether a job may hold so many; one that does not is not begun, and its row says so.
    """

    description: str
    variant: str
    references: int
    memory_bytes: int
    fits: bool


@dataclass(frozen=True)
class Forecast:
    """A campaign before it runs.

    Attributes
    ----------
    block, blocks_left, blocks
        Hold-out block in use; blocks not yet retired: so many rounds can still return a support on fresh genes.
    stream, spent, n_max, level_first, level_last
        Error stream, tests that it has spent, and levels of the next test and of the budget's last one if nothing
        more were supported.
    conflicts
        Where the campaign file contradicts what the stream was locked with, what would not fit into memory, and what
        descriptions name that is not there; such a campaign cannot run.
    descriptions
        What would be described of the model, which spends nothing.
    jobs, seconds, memory_bytes
        Estimates; how long a description draws its nulls nobody can say beforehand, and it is counted as any job.
    """

    campaign: str
    budget: int
    round_size: int
    block: str
    blocks_left: int
    blocks: int
    stream: str
    spent: int
    n_max: int
    level_first: float
    level_last: float
    tools: tuple[ToolForecast, ...]
    not_testable: tuple[NotTestable, ...]
    conflicts: tuple[str, ...]
    descriptions: tuple[DescriptionForecast, ...]
    jobs: int
    seconds: float
    memory_bytes: int


def forecast(setting: Setting, ledger: Ledger | None = None, progress: Progress | None = None) -> Forecast:
    """Return what a campaign could find and what it would cost.

    Parameters
    ----------
    setting
        The campaign with its inputs resolved.
    ledger
        The ledger that it would run on, None for a new one.
    progress
        Called with references done, all references and the reference's title.

    Raises
    ------
    StreamExhausted
        If the error stream has no level left.
    """
    if ledger is None:
        with Ledger.in_memory() as empty:
            return forecast(setting, empty, progress)
    fresh = [block for block in setting.split.blocks if not block_spent(setting, ledger, block)]
    block = fresh[0] if fresh else setting.split.blocks[-1]
    power = Power(setting)
    registrar = Registrar(setting, ledger, power, block, reused=not fresh)
    first, last = registrar.level(0), _last_level(registrar, setting.spec.budget.experiments)
    started = time.perf_counter()
    tools = _tools(setting, power, block, (first, last), progress)
    power_s = time.perf_counter() - started
    spreads = {
        (tool.shape.shape, item.reference)
        for tool, told in zip(setting.tools, tools, strict=True)
        for item in told.detectable
    }
    described = wanted_descriptions(setting)
    measured = _MEASURED * (1 + sum(tool.loci for tool in tools) + setting.spec.budget.experiments)
    # Places that hang on a seed are looked at, and tested, with other seeds too.
    seeded = sum(told.loci for tool, told in zip(setting.tools, tools, strict=True) if tool.seeded)
    again = len(REFITS) * (seeded + setting.spec.budget.experiments) if seeded else 0
    jobs = measured + again + len(described)
    draw_s = _SHARE_OF_DRAWS * power_s / max(len(spreads), 1) / _POWER_DRAWS
    return Forecast(
        campaign=setting.campaign_id,
        budget=setting.spec.budget.experiments,
        round_size=setting.round_size,
        block=setting.split.block_id(block),
        blocks_left=len(fresh),
        blocks=setting.split.k,
        stream=first.stream,
        spent=first.provisional_t - 1,
        n_max=first.n_max,
        level_first=first.provisional_alpha,
        level_last=last.provisional_alpha,
        tools=tools,
        not_testable=_not_testable(setting, block),
        conflicts=(
            *stream_conflicts(setting, ledger),
            *filter(None, [size_conflict(setting), memory_conflict(setting)]),
            *description_conflicts(setting),
        ),
        descriptions=tuple(_described(setting, wanted) for wanted in described),
        jobs=jobs,
        seconds=_seconds(setting, jobs, power_s, draw_s * _NULLS * _draws(registrar, setting.spec.budget.experiments)),
        memory_bytes=_memory_bytes(setting),
    )


def _described(setting: Setting, wanted: Wanted) -> DescriptionForecast:
    known = wanted.description
    needed = bytes_of(setting, known, wanted.params, DISCOVERY)
    return DescriptionForecast(
        known.name, wanted.variant, len(wanted.references), needed, needed <= job_memory_bytes(setting.spec)
    )


def _draws(registrar: Registrar, budget: int) -> int:
    """Return the draws that each null of all tests of the budget takes together."""
    draws = 0
    for earlier in range(budget):
        try:
            draws += b_max("p", registrar.level(earlier))
        except StreamExhausted:
            break
    return draws


def _last_level(registrar: Registrar, budget: int) -> LevelRule:
    for earlier in range(budget - 1, 0, -1):
        try:
            return registrar.level(earlier)
        except StreamExhausted:
            continue
    return registrar.level(0)


def _tools(
    setting: Setting, power: Power, block: str, levels: tuple[LevelRule, LevelRule], progress: Progress | None
) -> tuple[ToolForecast, ...]:
    testable = setting.testability(block)
    wanted = {
        tool.name: [reference for reference in setting.references_for(tool) if testable[reference.id].testable]
        for tool in setting.tools
    }
    total, done = sum(map(len, wanted.values())), 0
    found = []
    for tool in setting.tools:
        detectable = []
        chance = 0.0 if tool.relation.of_cells else 0.5
        for reference in wanted[tool.name]:
            if progress is not None:
                progress(done, total, reference.title)
            shape = tool.shape.shape
            sesoi = setting.sesoi(shape)
            effects = [
                power.minimum_detectable_effect(
                    shape, reference.id, block, level, tool.evidence, relation=tool.relation
                )
                for level in levels
            ]
            gates = [power_gate(effect, sesoi, margin_for(tool.relation)) for effect in effects]
            detectable.append(
                Detectable(
                    reference=reference.id,
                    title=reference.title,
                    units=testable[reference.id].in_block,
                    first=chance + effects[0],
                    last=chance + effects[1],
                    limit=chance + (gates[0].threshold or 0.0),
                    worth_first=bool(gates[0].passed),
                    worth_last=bool(gates[1].passed),
                )
            )
            done += 1
        loci = sum(1 for _ in setting.admitted(tool))
        units = UNITS.get(tool.shape.shape, "pairs")
        found.append(ToolForecast(tool.name, units, loci, loci * len(detectable), tuple(detectable)))
    if progress is not None:
        progress(total, total, "")
    return tuple(found)


def _not_testable(setting: Setting, block: str) -> tuple[NotTestable, ...]:
    used = {reference.id for tool in setting.tools for reference in setting.references_for(tool)}
    return tuple(
        NotTestable(name, setting.references[name].title, answer.reason, answer.remedy)
        for name, answer in setting.testability(block).items()
        if name in used and not answer.testable
    )


def stream_conflicts(setting: Setting, ledger: Ledger) -> tuple[str, ...]:
    """Return where a campaign file contradicts what the ledger's error stream was locked with."""
    asked = {"q": setting.spec.error.q, "n_max": setting.spec.n_max}
    locked = next((row for row in stream_rows(ledger) if row.stream == setting.spec.error.stream), None)
    if locked is None:
        return ()
    return tuple(
        f"error stream {locked.stream!r} was locked with {name} = {getattr(locked, name)}, this file asks for {value}; "
        f"set error.{name} to the locked value, or name another stream"
        for name, value in asked.items()
        if getattr(locked, name) not in (None, value)
    )


def _weights(setting: Setting) -> int:
    """Attention weights of one cell: layers, heads, genes squared."""
    model = setting.model
    return model.n_layers * model.n_heads * len(model.genes) ** 2


def _seconds(setting: Setting, jobs: int, power_s: float, draws_s: float) -> float:
    passes = _PASSES * len(setting.cells.cells) * _weights(setting) * _seconds_per_weight()
    trained = 0
    if "features" in setting.fits:
        trained = setting.model.n_layers * sum(variant != "counts" for variant in setting.variants_of("features"))
    return _START_S + passes + power_s + jobs * _JOB_S + draws_s + trained * _DICTIONARY_S


def _seconds_per_weight() -> float:
    """Measure what one attention weight costs here: an exponential, a division, two passes of sums, in float32."""
    block = np.linspace(-1.0, 1.0, 1_000_000, dtype=np.float32).reshape(1000, 1000)
    total = np.zeros_like(block, dtype=np.float64)
    best = np.inf
    for _ in range(3):
        started = time.perf_counter()
        weights = np.exp(block - block.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        total += weights
        best = min(best, time.perf_counter() - started)
    return float(best) / block.size


def _memory_bytes(setting: Setting) -> int:
    model = setting.model
    weights = _weights(setting)
    vectors = (model.n_layers + 1) * len(model.genes) * model.width
    step = CELLS_PER_STEP * weights * 4 * _COPIES
    # Sums in float64, then a float32 capture of every variant, then the bytes of one as it is written.
    kept = (weights + vectors) * (8 + 4 * _MEASURED + 4)
    return _LIBRARIES_BYTES + step + kept
