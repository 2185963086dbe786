"""The loop as a LangGraph graph: one thread a round, whose state is numbers; the ledger is the truth.

Every node first looks for its recorded result, so that deleting the checkpoint file and resuming loses nothing and
pays for nothing twice. Checkpoints say where a round stood, no more.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from theodolite.claims import Hypothesis
from theodolite.experiments import CampaignRun, Look
from theodolite.gates import StreamExhausted
from theodolite.judgements import Judgement, Review
from theodolite.plans import Plan

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

__all__ = ["NODES", "Executor", "Reviewer", "RoundState", "Trials", "exhausted", "run_campaign"]

# Read once when langgraph's serialiser is imported: state holds plain data only, whatever else turns up is refused.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")


class Executor(Protocol):
    """Whoever proposes."""

    def propose(self, run: CampaignRun, looks: list[Look], slots: int) -> list[Hypothesis]:
        """Return up to ``slots`` hypotheses for a round."""
        ...


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
    number = state["round"]
    looks = list(run.explore())
    slots = min(run.setting.round_size, run.setting.spec.budget.experiments - run.registered())
    # A round that has gone on to registration keeps its hypotheses; an unfinished proposal step is made again.
    if not run.proposals_complete(number):
        proposals = runtime.context["executor"].propose(run, looks, slots)[:slots]
        for slot, hypothesis in enumerate(proposals, start=1):
            run.propose(number, slot, hypothesis)
    return {"slots": len(run.proposed(number))}


def _register(state: RoundState, runtime: Any) -> dict[str, int]:
    runtime.context["run"].register(state["round"])
    return {}


def _review_plans(state: RoundState, runtime: Any) -> dict[str, int]:
    run: CampaignRun = runtime.context["run"]
    for slot, plan in run.plans(state["round"]).items():
        if run.reviewed(1, state["round"], slot) is None:
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
    for slot, plan in run.plans(number).items():
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
    "review_plans": _review_plans,
    "run_jobs": _run_jobs,
    "judge": _judge,
    "review_records": _review_records,
    "record": _record,
    "steer": _steer,
}
"""The nodes of a round, in order."""


def _graph(checkpointer: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
    from langgraph.graph import END, START, StateGraph

    builder = StateGraph(RoundState, context_schema=_Context)
    names = list(NODES)
    for name, node in NODES.items():
        builder.add_node(name, node)
    builder.add_edge(START, names[0])
    builder.add_conditional_edges(names[0], lambda state: names[1] if state["slots"] else END, [names[1], END])
    for before, after in zip(names[1:], names[2:], strict=False):
        builder.add_edge(before, after)
    builder.add_edge(names[-1], END)
    return builder.compile(checkpointer=checkpointer)


def run_campaign(run: CampaignRun, executor: Executor, reviewer: Reviewer, *, trials: Trials | None = None) -> str:
    """Run a campaign, or continue it, until its budget, its claims or its levels are spent.

    Parameters
    ----------
    run
        The campaign on its ledger.
    executor, reviewer
        Who proposes and who objects.
    trials
        Measures the reviewer on sealed plants in every round; None measures nothing.

    Returns
    -------
    str
        Why it stopped; also a row of the ledger.
    """
    from langgraph.checkpoint.sqlite import SqliteSaver

    run.open()
    with SqliteSaver.from_conn_string(str(run.setting.workspace.checkpoints)) as saver:
        graph = _graph(saver)
        # Checkpoints are expendable: none is worth waiting for the disk, as SQLite would after every node.
        saver.conn.execute("PRAGMA synchronous=NORMAL")
        while run.stopped() is None:
            number = run.rounds_closed() + 1
            # A round that was begun is finished whatever is spent: its levels are owed.
            reason = None if run.proposed(number) else exhausted(run)
            if reason is not None:
                run.stop(*reason)
                break
            thread = f"{run.setting.campaign_id}/r{number:02d}"
            config: Any = {"configurable": {"thread_id": thread}}
            start: Any = {"campaign": run.setting.campaign_id, "round": number, "slots": 0}
            context: Any = {"run": run, "executor": executor, "reviewer": reviewer, "trials": trials}
            resumed = bool(graph.get_state(config).next)
            graph.invoke(None if resumed else start, config, context=context, durability="sync")
            saver.delete_thread(thread)
            if not run.plans(number):
                run.stop("no_candidates", "nothing testable, powered and untried is left")
    return run.stopped() or "unfinished"


def exhausted(run: CampaignRun) -> tuple[str, str] | None:
    """Return why no further round can be opened, in a word and a sentence; None if one can."""
    budget = run.setting.spec.budget.experiments
    if run.registered() >= budget:
        return "budget", f"all {budget} experiments are registered"
    if run.blocks_spent() and run.setting.spec.spent_blocks == "stop":
        return "blocks_spent", "every hold-out block is spent and the campaign says to stop there"
    try:
        run.registrar().level(0)
    except StreamExhausted as error:
        return "exhausted", str(error)
    return None
