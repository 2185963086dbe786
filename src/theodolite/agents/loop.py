"""The loop as a LangGraph graph: one thread a round, whose state is numbers; the ledger is the truth.

Every node first looks for its recorded result, so that deleting the checkpoint file and resuming loses nothing and
pays for nothing twice. Checkpoints say where a round stood, no more.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, runtime_checkable

from theodolite.agents.budgets import Meter
from theodolite.agents.halting import CampaignPaused, Halt
from theodolite.agents.people import approve_plans, approve_verdicts, pause_for_people
from theodolite.claims import Hypothesis
from theodolite.experiments import CampaignRun, Event, Look, StepError
from theodolite.experiments.approvals import withdrawn
from theodolite.experiments.proposals import conversing, of_people_alone, proposals_wait, take_up_proposals
from theodolite.gates import StreamExhausted
from theodolite.judgements import Judgement, Review
from theodolite.plans import Plan
from theodolite.store import LedgerError, StopReason, free_words

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph.state import CompiledStateGraph

__all__ = [
    "NODES",
    "Conversing",
    "Executor",
    "Reviewer",
    "RoundState",
    "Surveying",
    "Trials",
    "exhausted",
    "run_campaign",
]

_log = logging.getLogger(__name__)

# Read once when langgraph's serialiser is imported: state holds plain data only, whatever else turns up is refused.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")


class Surveying(Protocol):
    """Whoever proposes a whole round at once, from looks at every place."""

    def propose(self, run: CampaignRun, looks: list[Look], slots: int) -> list[Hypothesis]:
        """Return up to ``slots`` hypotheses for a round."""
        ...


@runtime_checkable
class Conversing(Protocol):
    """Whoever looks where it chooses, and proposes slot by slot.

    Attributes
    ----------
    barren_rounds
        Rounds in a row without a registration after which the campaign ends.
    """

    barren_rounds: int

    def converse(self, run: CampaignRun, round_number: int, free: range) -> Iterator[Hypothesis]:
        """Yield a hypothesis for each of the free slots, or fewer."""
        ...


Executor = Surveying | Conversing
"""Whoever proposes."""


class Reviewer(Protocol):
    """Whoever objects."""

    def review_plan(self, plan: Plan) -> Review:
        """Stage I."""
        ...

    def review_record(self, plan: Plan, first: Review, judgement: Judgement, result_prereg: str) -> Review:
        """Stage II."""
        ...


class RoundState(TypedDict):
    """State of a round: which campaign, which round, how many slots were filled."""

    campaign: str
    round: int
    slots: int


Trials = Callable[[CampaignRun, int, Reviewer], None]
"""Slips sealed plants and shams among what a reviewer is given in a round, and records what it made of them."""


class _Context(TypedDict):
    run: CampaignRun
    executor: Executor
    reviewer: Reviewer
    trials: Trials | None


def _propose(state: RoundState, runtime: Any) -> dict[str, int]:
    run: CampaignRun = runtime.context["run"]
    executor: Executor = runtime.context["executor"]
    number = state["round"]
    # A round that has gone on to registration keeps its hypotheses; an unfinished proposal step is made again.
    if not run.proposals_complete(number):
        slots = min(run.setting.round_size, run.setting.spec.budget.experiments - run.registered())
        people = take_up_proposals(run, number, slots)
        free = range(people.taken + 1, people.taken + 1 if people.alone else slots + 1)
        proposals: Iterable[Hypothesis] = ()
        if free:
            proposals = (
                executor.converse(run, number, free)
                if isinstance(executor, Conversing)
                else executor.propose(run, list(run.explore()), len(free))
            )
        # Each is written before the next is asked for.
        for slot, hypothesis in zip(free, proposals, strict=False):
            run.propose(number, slot, hypothesis)
    found = len(run.proposed(number))
    if not found and isinstance(executor, Conversing):
        run.close_round(number)  # one that had nothing to say is asked again in the next round, a few times
    return {"slots": found}


def _register(state: RoundState, runtime: Any) -> dict[str, int]:
    runtime.context["run"].register(state["round"])
    return {}


def _review_plans(state: RoundState, runtime: Any) -> dict[str, int]:
    run: CampaignRun = runtime.context["run"]
    plans = run.plans(state["round"])
    for done, (slot, plan) in enumerate(plans.items()):
        run.notify(Event("review plans", done, len(plans), plan.claim_text))
        if run.reviewed(1, state["round"], slot) is None and not withdrawn(run, state["round"], slot):
            run.review(state["round"], slot, runtime.context["reviewer"].review_plan(plan))
    return {}


def _run_jobs(state: RoundState, runtime: Any) -> dict[str, int]:
    runtime.context["run"].run_jobs(state["round"])
    return {}


def _judge(state: RoundState, runtime: Any) -> dict[str, int]:
    runtime.context["run"].judge(state["round"])
    return {}


def _review_records(state: RoundState, runtime: Any) -> dict[str, int]:
    run: CampaignRun = runtime.context["run"]
    number = state["round"]
    plans = run.plans(number)
    for done, (slot, plan) in enumerate(plans.items()):
        run.notify(Event("review records", done, len(plans), plan.claim_text))
        first = run.reviewed(1, number, slot)
        judgement = run.judgement(number, slot)
        prereg = run.result_prereg(number, slot)
        if run.reviewed(2, number, slot) is None and first and judgement and prereg:
            reviewer: Reviewer = runtime.context["reviewer"]
            run.review(number, slot, reviewer.review_record(plan, first, judgement, prereg))
    trials: Trials | None = runtime.context["trials"]
    if trials is not None:
        trials(run, number, runtime.context["reviewer"])
    return {}


def _record(state: RoundState, runtime: Any) -> dict[str, int]:
    runtime.context["run"].record(state["round"])
    return {}


def _steer(state: RoundState, runtime: Any) -> dict[str, int]:
    runtime.context["run"].close_round(state["round"])
    return {}


NODES = {
    "propose": _propose,
    "register": _register,
    "approve_plans": approve_plans,
    "review_plans": _review_plans,
    "run_jobs": _run_jobs,
    "judge": _judge,
    "review_records": _review_records,
    "approve_verdicts": approve_verdicts,
    "record": _record,
    "steer": _steer,
}
"""The nodes of a round, in order."""


def _told(name: str, node: Callable[[Any, Any], dict[str, int]]) -> Any:
    """Return a node that says in the log that it begins."""

    def step(state: RoundState, runtime: Any) -> dict[str, int]:
        where = {"campaign": state["campaign"], "round": state["round"]}
        _log.info("step %s", name, extra={"event": "step_begins", "step": name, **where})
        return node(state, runtime)

    return step


def _graph(checkpointer: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
    from langgraph.graph import END, START, StateGraph

    builder = StateGraph(RoundState, context_schema=_Context)
    names = list(NODES)
    for name, node in NODES.items():
        builder.add_node(name, _told(name, node))
    builder.add_edge(START, names[0])
    builder.add_conditional_edges(names[0], lambda state: names[1] if state["slots"] else END, [names[1], END])
    for before, after in zip(names[1:], names[2:], strict=False):
        builder.add_edge(before, after)
    builder.add_edge(names[-1], END)
    return builder.compile(checkpointer=checkpointer)


def run_campaign(
    run: CampaignRun,
    executor: Executor,
    reviewer: Reviewer,
    *,
    trials: Trials | None = None,
    meter: Meter | None = None,
    closed: Callable[[], None] = lambda: None,
    halt: Halt | None = None,
) -> str:
    """Run a campaign, or continue it, until its budget, its claims or its levels are spent.

    Parameters
    ----------
    run
        The campaign on its ledger.
    executor, reviewer
        Who proposes and who objects.
    trials
        Measures the reviewer on sealed plants in every round; None measures nothing.
    meter
        Counts what is spent; one of its own where not given.
    closed
        Called at the end of every round.
    halt
        Asked before every round whether it is to be begun.

    Returns
    -------
    str
        Why it stopped; also a row of the ledger.

    Raises
    ------
    CampaignPaused
        If it waits: for the same command after an interrupt, for a server, or for people.
    StepError
        If the checkpoint file cannot be written.
    """
    meter, halt = meter or Meter(run), halt or Halt()
    meter.begin()
    try:
        run.open()
        _rounds(run, meter, halt, {"run": run, "executor": executor, "reviewer": reviewer, "trials": trials}, closed)
    except CampaignPaused as paused:
        meter.end(paused.reason.value, paused.detail)
        raise
    except KeyboardInterrupt:
        meter.end(StopReason.INTERRUPTED.value, halt.broken_off())
        raise
    except BaseException as error:
        # On a full disk the note cannot be written either, and what went wrong is more important than the note.
        with suppress(LedgerError):
            meter.end("error", f"{type(error).__name__}: {error}"[:500])
        raise
    reason = run.stopped() or "unfinished"
    word, _, detail = reason.partition(": ")
    meter.end(word, detail)
    return reason


@contextmanager
def _checkpoints(file: Path) -> Iterator[SqliteSaver]:
    """Open the checkpoint file; what SQLite says of it becomes words, for the ledger's own errors come typed."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    try:
        with SqliteSaver.from_conn_string(str(file)) as saver:
            yield saver
    except sqlite3.Error as error:
        raise StepError(
            f"{file}, which says where a round stood, could not be used: {error} ({free_words(file)}); make room, or "
            "remove that file, which nothing else depends on; the same command continues"
        ) from error


def _rounds(run: CampaignRun, meter: Meter, halt: Halt, context: Any, closed: Callable[[], None]) -> None:
    checkpoints = run.setting.workspace.checkpoints(run.setting.campaign_id)
    checkpoints.parent.mkdir(exist_ok=True)
    with _checkpoints(checkpoints) as saver:
        graph = _graph(saver)
        # Checkpoints are expendable: none is worth waiting for the disk, as SQLite would after every node.
        saver.conn.execute("PRAGMA synchronous=NORMAL")
        while run.stopped() is None:
            number = run.rounds_closed() + 1
            # A round that was begun is finished whatever is spent: its levels are owed, and its answers are paid for.
            begun = bool(run.proposed(number)) or conversing(run, number)
            reason = None if begun else _after(run, number - 1, meter, context["executor"]) or exhausted(run, meter)
            if reason is not None:
                run.stop(*reason)
                break
            if not begun:
                halt.check_between_rounds(number)
            _log.info("round %d", number, extra={"event": "round_begins", "round": number, "resumed": begun})
            thread = f"{run.setting.campaign_id}/r{number:02d}"
            config: Any = {"configurable": {"thread_id": thread}}
            start: Any = {"campaign": run.setting.campaign_id, "round": number, "slots": 0}
            resumed = bool(graph.get_state(config).next)
            found = graph.invoke(None if resumed else start, config, context=context, durability="sync")
            if found and found.get("__interrupt__"):
                raise pause_for_people(run, found["__interrupt__"][0].value)
            saver.delete_thread(thread)
            closed()
            reason = _after(run, number, meter, context["executor"])
            if reason is not None:
                run.stop(*reason)
    # Nobody takes up a campaign that has stopped; its file would only grow the folder.
    with suppress(OSError):
        for left in checkpoints.parent.glob(f"{checkpoints.name}*"):
            left.unlink()


def _after(run: CampaignRun, round_number: int, meter: Meter, executor: Executor) -> tuple[StopReason, str] | None:
    """Return why nothing comes after a round; asked again when a campaign is taken up, which may have died before."""
    if round_number < 1 or run.plans(round_number):
        return None
    return meter.check() or barren(run, round_number, executor)


def barren(run: CampaignRun, round_number: int, executor: Executor) -> tuple[StopReason, str] | None:
    """Return why a round that locked no plan is the last, None if the executor is to be asked again."""
    if proposals_wait(run) or of_people_alone(run, round_number):
        return None
    if not isinstance(executor, Conversing):
        return StopReason.NO_CANDIDATES, "nothing testable, powered and untried is left"
    empty = run.barren_rounds()
    if empty < executor.barren_rounds:
        return None
    rounds = range(run.rounds_closed() - empty + 1, run.rounds_closed() + 1)
    if any(run.proposed(number) for number in rounds):
        return StopReason.NO_PROGRESS, f"nothing that was proposed in {empty} rounds could be registered"
    return StopReason.NO_CANDIDATES, f"the executor proposed nothing in {empty} rounds"


def exhausted(run: CampaignRun, meter: Meter | None = None) -> tuple[StopReason, str] | None:
    """Return why no further round can be opened, in a word and a sentence; None if one can."""
    budget = run.setting.spec.budget.experiments
    if run.registered() >= budget:
        return StopReason.BUDGET, f"all {budget} experiments are registered"
    if run.blocks_spent() and run.setting.spec.spent_blocks == "stop":
        return StopReason.BLOCKS_SPENT, "every hold-out block is spent and the campaign says to stop there"
    try:
        run.registrar().level(0)
    except StreamExhausted as error:
        return StopReason.EXHAUSTED, str(error)
    return None if meter is None else meter.check()
