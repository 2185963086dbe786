"""One calibration campaign: the real steps on a ledger in memory, or through the graph on a file; then its replay."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

from theodolite.agents import NODES, Executor, LintReviewer, Reviewer, run_campaign
from theodolite.agents.loop import exhausted
from theodolite.calibration.proposers import (
    AliasMaker,
    ControlGamer,
    EarlyHammer,
    GreedyProposer,
    Padder,
    Peeker,
    Peep,
    PHacker,
    Proposer,
    RandomProposer,
)
from theodolite.calibration.proposers.narrowing import narrowed_references
from theodolite.calibration.records import CampaignResult, ProposerName, Terms, TestRecord, Truth
from theodolite.claims import Hypothesis, Verdict
from theodolite.data import Reference
from theodolite.experiments import CampaignRun, Runner, Setting, Workspace
from theodolite.experiments.replay import verify_decisions
from theodolite.gates.ablation import Ablation
from theodolite.judgements import Judgement, Review, Settlement
from theodolite.plans import Plan
from theodolite.store import EntryKind, Ledger, stream_state

__all__ = ["World", "identical_decisions", "run_full", "run_one", "step_through"]

_MEMORY = Path("/dev/shm")
_ALIAS = "-again"
_UNREVIEWED = frozenset({Ablation.NO_REVIEWER, Ablation.NO_FAMILY_BLOCK, Ablation.NO_CONFOUND_GATE})
"""Ablations under which nobody objects: a reviewer of code would see in the plan that a null is missing, and cap it."""


class World(Protocol):
    """A planted world as a campaign meets it, with the truth that only calibration knows."""

    @property
    def kind(self) -> str:
        """Which kind of world."""
        ...

    @property
    def structure(self) -> int:
        """Which graph, cells and references."""
        ...

    @property
    def activation(self) -> int:
        """Which draw of the model."""
        ...

    def setting(self, terms: Terms, workspace: Workspace, ablation: Ablation | None) -> Setting:
        """Return the setting of a campaign; the same for every proposer."""
        ...

    def runner(self, setting: Setting) -> Runner:
        """Return a runner that measures the planted activations in this process."""
        ...

    def truth(self, hypothesis: Hypothesis, block: str) -> Truth:
        """Return the truth of a hypothesis and its planted effect in a block."""
        ...


class _Silent(LintReviewer):
    """The reviewer of the ablation without one: never objects."""

    name = "nobody"

    def review_plan(self, plan: Plan) -> Review:
        return super().review_plan(plan).model_copy(update={"objections": (), "cap": "none"})

    def review_record(self, plan: Plan, first: Review, judgement: Judgement, result_prereg: str) -> Review:
        found = super().review_record(plan, first, judgement, result_prereg)
        return found.model_copy(update={"objections": (), "cap": "none"})


def run_one(
    world: World, proposer: ProposerName, ablation: Ablation | None = None, *, terms: Terms, seed: int
) -> CampaignResult:
    """Run one campaign on a ledger in memory, replay it, and hold every verdict against the planted truth.

    Parameters
    ----------
    world
        The planted world.
    proposer
        Who proposes.
    ablation
        The safeguard that is off, for what it shows.
    terms
        Tests, error rate and round size.
    seed
        Seed of the proposer.
    """
    with _scratch() as folder, Ledger.in_memory(artefacts=folder / "artefacts") as ledger:
        return _play(world, proposer, ablation, terms, seed, ledger, folder, step_through)


def run_full(
    world: World, proposer: ProposerName, ablation: Ablation | None = None, *, terms: Terms, seed: int
) -> CampaignResult:
    """Run the same campaign as :func:`run_one` through the graph, with its checkpoints, on a ledger file."""
    with (
        tempfile.TemporaryDirectory(prefix="theodolite-calibrate-") as name,
        Ledger.create(Path(name) / "ledger.sqlite") as ledger,
    ):
        return _play(world, proposer, ablation, terms, seed, ledger, Path(name), run_campaign)


def identical_decisions(first: CampaignResult, second: CampaignResult) -> bool:
    """Return whether two runs of a campaign wrote the same ledger, entry by entry, and so decided the same."""
    plain = (result.model_dump(mode="json", exclude={"seconds", "through_graph"}) for result in (first, second))
    return next(plain) == next(plain)


def step_through(run: CampaignRun, executor: Executor, reviewer: Reviewer) -> str:
    """Run a campaign through the nodes of the loop, in its order, without the graph and its checkpoints."""
    run.open()
    runtime = SimpleNamespace(context={"run": run, "executor": executor, "reviewer": reviewer, "trials": None})
    while run.stopped() is None:
        number = run.rounds_closed() + 1
        reason = exhausted(run)
        if reason is not None:
            run.stop(*reason)
            break
        state: dict[str, Any] = {"campaign": run.setting.campaign_id, "round": number, "slots": 0}
        for node in NODES.values():
            state |= node(state, runtime)
            if not state["slots"]:
                break
        if not run.plans(number):
            run.stop("no_candidates", "nothing testable, powered and untried is left")
    return run.stopped() or "unfinished"


def _play(
    world: World, name: ProposerName, ablation: Ablation | None, terms: Terms, seed: int, ledger: Ledger, folder: Path,
    drive: Callable[[CampaignRun, Executor, Reviewer], str],
) -> CampaignResult:  # fmt: skip
    started = time.process_time()
    setting = world.setting(terms, Workspace.at(folder), ablation)
    aliases: dict[str, str] = {}
    parents: dict[str, Reference] = {}
    if name is ProposerName.ALIAS_MAKER:
        setting, aliases = _with_aliases(setting)
    if name is ProposerName.PEEKER and ablation is Ablation.NO_LOCK:
        setting, parents = _with_narrowed(setting, world.runner(setting), terms.round_size)
    runner = world.runner(setting)
    run = CampaignRun(setting, ledger, runner)
    reviewer = _Silent() if ablation in _UNREVIEWED else LintReviewer()
    stopped = drive(run, _proposer(name, seed, runner, aliases, ablation), reviewer)
    tests = tuple(_tests(world, run, parents))
    refused = Counter(str(entry.payload["code"]) for entry in ledger.entries(kind=EntryKind.REFUSAL))
    return CampaignResult(
        world=world.kind,
        structure=world.structure,
        activation=world.activation,
        proposer=name,
        ablation=ablation,
        terms=terms,
        seed=seed,
        sesoi=setting.sesoi(setting.tools[0].shape.shape),
        tests=tests,
        refusals=dict(sorted(refused.items())),
        credits=len(stream_state(ledger, setting.spec.error.stream).supported_keys),
        stopped=stopped,
        head=ledger.head().hash,
        mismatches=len(verify_decisions(ledger)),
        seconds=time.process_time() - started,
    )


def _proposer(
    name: ProposerName, seed: int, runner: Runner, aliases: dict[str, str], ablation: Ablation | None
) -> Proposer:
    match name:
        case ProposerName.RANDOM:
            return RandomProposer(seed)
        case ProposerName.GREEDY:
            return GreedyProposer(seed)
        case ProposerName.P_HACKER:
            return PHacker(seed)
        case ProposerName.EARLY_HAMMER:
            return EarlyHammer(seed)
        case ProposerName.PADDER:
            return Padder(seed)
        case ProposerName.PEEKER:
            return Peeker(seed, Peep(runner), unlocked=ablation is Ablation.NO_LOCK)
        case ProposerName.ALIAS_MAKER:
            return AliasMaker(seed, aliases)
        case ProposerName.CONTROL_GAMER:
            return ControlGamer(seed)


@lru_cache(maxsize=64)
def _alias(reference: Reference, name: str) -> Reference:
    return replace(reference, id=name)


def _with_aliases(setting: Setting) -> tuple[Setting, dict[str, str]]:
    """List every reference once more under another name, equal in content, as an alias-maker would."""
    copies = {name: f"{name}{_ALIAS}" for name in setting.references}
    again = {copies[name]: _alias(reference, copies[name]) for name, reference in setting.references.items()}
    return replace(setting, references={**setting.references, **again}, _testability={}), copies


def _with_narrowed(setting: Setting, runner: Runner, each: int) -> tuple[Setting, dict[str, Reference]]:
    """List references that were cut after the hold-out was seen; return by their hash what each was cut from."""
    made = narrowed_references(setting, runner, each=each)
    parents = {reference.sha256: setting.references[parent] for reference, parent in made.values()}
    more = {name: reference for name, (reference, _) in made.items()}
    return replace(setting, references={**setting.references, **more}, _testability={}), parents


def _uncut(hypothesis: Hypothesis, parents: Mapping[str, Reference]) -> Hypothesis:
    """Return a hypothesis about the reference that its own was cut from: what is planted there is true of both."""
    claim = hypothesis.claim
    if claim.reference.sha256 not in parents:
        return hypothesis
    whole = claim.model_copy(update={"reference": parents[claim.reference.sha256].named})
    return hypothesis.model_copy(update={"claim": whole})


def _tests(world: World, run: CampaignRun, parents: Mapping[str, Reference]) -> Iterator[TestRecord]:
    plans: dict[str, Plan] = {}
    judged: dict[str, Judgement] = {}
    for entry in run.ledger.entries():
        match entry.kind:
            case EntryKind.REGISTRATION:
                plans[entry.subject] = Plan.model_validate(entry.payload["plan"])
            case EntryKind.JUDGEMENT:
                judged[entry.subject] = Judgement.model_validate(entry.payload["judgement"])
            case EntryKind.VERDICT:
                settled = Settlement.model_validate(entry.payload["settlement"])
                plan = plans[entry.subject]
                block = plan.block.id.rpartition("/")[2]
                truth = world.truth(_uncut(plan.hypothesis, parents), block)
                yield _record(run, plan, block, truth, judged.get(entry.subject), settled)
            case _:
                pass


def _record(
    run: CampaignRun, plan: Plan, block: str, truth: Truth, judgement: Judgement | None, settled: Settlement
) -> TestRecord:
    hypothesis = plan.hypothesis
    return TestRecord(
        round=plan.round,
        slot=plan.slot,
        hypothesis_id=hypothesis.id,
        claim_key=hypothesis.claim.key,
        reference=hypothesis.claim.reference.name,
        locus=str(hypothesis.locus),
        truth=truth.kind,
        planted=truth.effect,
        block_se=run.power.spread(plan.shape, hypothesis.claim.reference.name, block),
        effect=None if judgement is None else judgement.effect.estimate,
        p=None if judgement is None else judgement.p,
        e=settled.e,
        t=settled.t,
        alpha=settled.alpha,
        verdict=Verdict(settled.verdict),
        tags=tuple(tag.value for tag in settled.tags),
        first_unmet=settled.first_unmet,
        reused=plan.block.reused,
    )


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a folder that vanishes, in memory where the machine has such a place: every measurement is synced there."""
    place = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="theodolite-calibrate-", dir=place) as name:
        yield Path(name)
