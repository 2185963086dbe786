"""What a hypothesis costs outside tools, gates and model calls: with 10,000 hypotheses in the ledger, and with none.

Run ``python benchmarks/overhead.py``. It tells earlier campaigns to a ledger file, which ``verify`` must accept, and
then runs real campaigns on it and on an empty one, through the graph and its checkpoints, in rounds of one slot and of
eight. Whoever proposes asks ``agent_view`` once for every slot, as a language model does. Prints median and largest
wall time a hypothesis, and where the time goes. What a process pays once, before its first hypothesis, is apart:
opening the campaign, looking at the discovery split, and reading the ledger for the first view. The same campaign then
runs with language models in both roles, whose server answers at once: six calls a hypothesis, with their contexts,
rows and budgets, count as ours; what the server takes does not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

# set before NumPy is imported: a gate must not use a second thread
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

from langgraph.checkpoint.sqlite import SqliteSaver
from parts.clock import Clock
from parts.history import tell

from theodolite.agents import NODES, LintReviewer, ModelSettings, assemble, loop, run_campaign
from theodolite.agents.llm import Reply
from theodolite.calibration.planted_setting import PlantedWorld, SharedStructure, planted_setting
from theodolite.calibration.plants import clean, seal_round
from theodolite.claims import Author, Direction, Hypothesis
from theodolite.data.planted import PlantedActivations, WorldKind, WorldKnobs, plant_structure
from theodolite.experiments import (
    CampaignRun,
    CampaignSpec,
    JobOutcome,
    JobSpec,
    Look,
    Setting,
    Workspace,
    registration,
    rounds,
)
from theodolite.prompts import load_prompts
from theodolite.store import CallStatus, Ledger, agent_view, hypothesis_rows, verify
from theodolite.store.artefacts import ArtefactStore
from theodolite.store.ops import Ops

HYPOTHESES, LIMIT_MS, SEED = 10_000, 100, 5
ROUNDS = ((1, 24, False), (8, 3, False), (1, 8, True), (8, 1, True))
"""Slots a round, rounds, and whether language models take part."""
NOT_OURS = ("tools", "gates", "model calls")
GATES = {
    rounds: ("judge", "settle", "settle_failure", "spends"),
    clean: ("judge",),
    registration: ("identity_gate", "level_rule", "minimum_detectable_effect", "panel_for", "power_gate", "preflight"),
}
QUERIES = ("block_returned", "block_retired", "block_seen_before", "block_supports", "block_use", "hypothesis_rows",
           "is_advisory_now", "stream_use")  # fmt: skip


@contextmanager
def instrumented(clock: Clock) -> Iterator[None]:
    """Let a clock see tools, gates, queries, appends and artefacts while it is entered."""
    places: list[tuple[Any, str, str]] = [(room, name, "gates") for room, names in GATES.items() for name in names]
    places += [(room, name, name) for room in GATES for name in QUERIES]
    places += [(registration, "agent_view", "agent_view"), (Setting, "blinded_spread", "gates")]
    places += [(rounds, "dossier_of", "read measurements"), (ArtefactStore, "put", "write artefacts")]
    places += [(Ledger, "append", "append"), (Ledger, "append_once", "append"), (Ledger, "get", "read entries")]
    places += [(Ops, "record_timings", "write timings"), (CampaignRun, "proposed", "slots of a round")]
    places += [(CampaignRun, "registered", "count"), (CampaignRun, "rounds_closed", "count")]
    places += [(SqliteSaver, "delete_thread", "graph and checkpoints")]
    before = [(place, name, getattr(place, name)) for place, name, _ in places if hasattr(place, name)]
    nodes = dict(NODES)
    try:
        for place, name, label in places:
            with suppress(AttributeError):
                setattr(place, name, clock.timed(label, getattr(place, name)))
        loop.NODES.update({name: clock.timed("steps", node) for name, node in nodes.items()})
        yield
    finally:
        loop.NODES.update(nodes)
        for place, name, function in before:
            setattr(place, name, function)


class TimedRunner:
    """A runner whose work counts as that of tools."""

    def __init__(self, runner: Any, clock: Clock) -> None:
        self._runner, self._clock = runner, clock

    def submit(self, jobs: Iterable[JobSpec]) -> Iterator[JobOutcome]:
        """Run jobs one by one."""
        for job in list(jobs):
            with self._clock.during("tools"):
                (outcome,) = self._runner.submit([job])
            yield outcome

    def close(self) -> None:
        """Do nothing: there is no worker."""


class TimedReviewer(LintReviewer):
    """A reviewer of code whose time counts as that of a model."""

    def __init__(self, clock: Clock) -> None:
        self.review_plan = clock.timed("model calls", super().review_plan)  # type: ignore[method-assign]
        self.review_record = clock.timed("model calls", super().review_record)  # type: ignore[method-assign]


def proposal(run: CampaignRun, look: Look, reference: str) -> Hypothesis:
    """Return the hypothesis that a reference stands out at the place of a look."""
    return Hypothesis(
        claim=run.setting.claim(look.tool, reference),
        locus=look.params.locus(),
        direction=Direction.GREATER,
        tool=f"{look.tool.name}@{look.tool.version}",
        rationale="the next that was not tried",
        parents=(look.id,),
        author=Author.EXECUTOR,
    )


class AskingExecutor:
    """Proposes one hypothesis at a time, each from a view of its own, and stops after so many."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock, self._left = clock, most

    def propose(self, run: CampaignRun, looks: list[Look], slots: int) -> list[Hypothesis]:
        """Return up to ``slots`` hypotheses."""
        with self._clock.during("model calls"):
            found: list[Hypothesis] = []
            for _ in range(min(slots, self._left)):
                with self._clock.during("agent_view"):
                    view = agent_view(run.ledger, run.setting.campaign_id)
                closed = {*view.tried_hypotheses, *(item.hypothesis_id for item in view.refusals)}
                closed.update(item.id for item in found)
                found += self._next(run, looks, closed)
            self._left -= len(found)
            return found

    @staticmethod
    def _next(run: CampaignRun, looks: Sequence[Look], closed: set[str]) -> list[Hypothesis]:
        for look in looks:
            for reference in look.effects:
                chosen = proposal(run, look, reference)
                if chosen.id not in closed:
                    return [chosen]
        return []


class InstantModels:
    """A server that answers at once: one look and one claim a conversation, and a reviewer that finds nothing."""

    def __init__(self, clock: Clock, claims: Sequence[tuple[dict[str, Any], str]]) -> None:
        self.send = clock.timed("model calls", self._send)
        self._claims = iter(claims)

    def _send(self, call_id: str, body: dict[str, Any]) -> Reply:
        offered = {tool["function"]["name"] for tool in body["tools"]}
        if "review_plan" in offered:
            said = {"likely_confound": "hubs", "predicted_verdict": "inconclusive", "confidence": 0.5, "controls": []}
            return self._act("review_plan", objections=[], cap="none", **said)
        if "review_record" in offered:
            return self._act("review_record", objections=[], cap="none")
        if body["messages"][-1]["role"] == "user" and len(body["messages"]) == 2:
            return self._act("look_attention_regulation", layer=1, head=1)
        place, reference = next(self._claims)
        claim = {"place": place, "reference": reference, "direction": "greater", "rationale": "the next in the list"}
        return self._act("claim_attention_regulation", **claim)

    @staticmethod
    def _act(name: str, **arguments: Any) -> Reply:
        call = {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        usage = {"prompt_tokens": 2_000, "completion_tokens": 50}
        choice = {"finish_reason": "tool_calls", "message": message}
        return Reply(CallStatus.OK, 200, json.dumps({"choices": [choice], "usage": usage}))


class MarkedRun(CampaignRun):
    """A campaign that notes the clock at the top of every round, where the loop counts closed rounds."""

    clock: Clock

    def rounds_closed(self) -> int:
        """Return how many rounds are closed."""
        self.marks = [*getattr(self, "marks", ()), self.clock.read()]
        return super().rounds_closed()


def setting_of(
    world: PlantedWorld, folder: Path, name: str, slots: int, tests: int, *, models: bool = False
) -> Setting:
    """Return a campaign of the world on the error stream that its ledger holds already."""
    words = world.spec(terms(tests, slots)).model_dump() | {"name": name, "error": {"n_max": HYPOTHESES}}
    if models:
        words["agents"] = {"executor": "qwen", "reviewer": "llama"}
    spec = CampaignSpec.model_validate(words)
    setting = planted_setting(world.activations, spec, Workspace.at(folder), shared=world.shared)
    return replace(setting, prompts=load_prompts()) if models else setting


def terms(tests: int, slots: int) -> Any:
    """Return the terms of a campaign."""
    from theodolite.calibration.records import Terms

    return Terms(tests=tests, round_size=slots)


def measure(
    world: PlantedWorld, folder: Path, slots: int, count: int, profile: Any = None, *, models: bool = False
) -> tuple[list[float], Counter[str]]:
    """Run a campaign on the ledger of a folder; return milliseconds a hypothesis by round, and in all by part."""
    clock = Clock()
    name = f"{'models' if models else 'rounds'}-of-{slots}"
    setting = setting_of(world, folder, name, slots, slots * count, models=models)
    with Ledger.open(folder / "ledger.sqlite", create=True) as ledger, instrumented(clock):
        run = MarkedRun(setting, ledger, TimedRunner(world.runner(setting), clock))
        run.clock = clock
        run.open()
        looks = list(run.explore())
        started = time.perf_counter()
        agent_view(ledger, setting.campaign_id)
        first = 1000 * (time.perf_counter() - started)
        executor = AskingExecutor(clock, slots * count)
        sealed = clock.timed("sealed trials", seal_round)
        if profile is not None:
            profile.enable()
        if models:
            tried = set(agent_view(ledger, setting.campaign_id).tried_hypotheses)
            claims = [
                (look.params.model_dump(mode="json"), name)
                for look in looks
                for name in look.effects
                if proposal(run, look, name).id not in tried
            ]
            wire = InstantModels(clock, claims)
            team = assemble(run, settings=ModelSettings(base_url="http://localhost"), wire=wire)
            stopped = run_campaign(run, team.executor, team.reviewer, trials=sealed, meter=team.meter)
        else:
            stopped = run_campaign(run, executor, TimedReviewer(clock), trials=sealed)
        if profile is not None:
            profile.disable()
        rows = Counter(row.round for row in hypothesis_rows(ledger, setting.campaign_id))
        kinds = Counter(row.verdict is not None for row in hypothesis_rows(ledger, setting.campaign_id))
    each: list[float] = []
    total: Counter[str] = Counter()
    # The last mark stands at the top of the round that never came: the budget is spent.
    for number, (before, after) in enumerate(zip(run.marks, run.marks[1:], strict=False), start=1):
        part = Counter({name: after[name] - before[name] for name in after if name not in NOT_OURS})
        total.update({name: 1000 * value for name, value in part.items()})
        each.append(1000 * sum(part.values()) / rows[number])
    if kinds != {True: slots * count} or len(each) != count:
        raise SystemExit(f"{kinds} of {slots * count} hypotheses came to a verdict in {len(each)} rounds: {stopped}")
    print(
        f"  rounds of {slots}{', with models' if models else ''}: median {statistics.median(each):6.1f} ms, "
        f"largest {max(each):6.1f} ms a hypothesis ({slots * count} hypotheses); a process pays {first:.0f} ms once "
        "for its first view"
    )
    return each, Counter({name: value / (slots * count) for name, value in total.items()})


def planted() -> PlantedWorld:
    """Return a small planted world with more claims than the campaigns make."""
    structure = plant_structure(SEED, WorldKind.STANDARD, WorldKnobs(layers=2, heads=4))
    return PlantedWorld("standard", 0, 0, PlantedActivations(structure, 0), SharedStructure(structure))


def main() -> None:
    """Print both ledgers, and exit 1 if a median with 10,000 hypotheses is above the limit.

    With models in rounds of one slot the limit is not met; that number is printed and not held to it.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hypotheses", type=int, default=HYPOTHESES, help="of earlier campaigns")
    parser.add_argument("--profile", action="store_true", help="print what cProfile finds in the full ledger")
    options = parser.parse_args()
    world = planted()
    parts: dict[str, Counter[str]] = {}
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="theodolite-overhead-") as name:
        full, empty = Path(name) / "full", Path(name) / "empty"
        started = time.perf_counter()
        told = setting_of(world, full, "told", 8, 24)
        tell(told, world.runner(told), options.hypotheses)
        with Ledger.open(full / "ledger.sqlite") as ledger:
            found = len(hypothesis_rows(ledger))
            entries = ledger.count()
        print(f"{found:,} hypotheses in {entries:,} entries, told in {time.perf_counter() - started:.0f} s")
        for folder, what in ((empty, "empty ledger"), (full, f"{found:,} hypotheses")):
            print(what)
            for slots, count, models in ROUNDS:
                profile = None
                if options.profile and folder is full:
                    import cProfile

                    profile = cProfile.Profile()
                told_as = f"{what}, {'models' if models else 'rounds'} of {slots}"
                each, parts[told_as] = measure(world, folder, slots, count, profile, models=models)
                # A round of one slot gives the reviewer two sealed items beside it: eleven calls for one hypothesis.
                held = folder is full and not (models and slots == 1)
                worst = max(worst, statistics.median(each)) if held else worst
                if profile is not None:
                    import pstats

                    pstats.Stats(profile).sort_stats("tottime").print_stats(40)
        report = verify(full / "ledger.sqlite")
        if not report.ok:
            raise SystemExit(f"verify finds {len(report.problems)} problems: {report.problems[0]}")
        print(f"verify accepts all {report.entries:,} entries of the full ledger")
    print(f"{'ms a hypothesis':24}" + "".join(f"{what:>34}" for what in parts))
    names = sorted(set().union(*parts.values()), key=lambda part: -max(table[part] for table in parts.values()))
    for part in names:
        print(f"{part:24}" + "".join(f"{table[part]:34.2f}" for table in parts.values()))
    # Wall time is that of a shared machine: with more load than cores, all of it grows, the empty ledger's too.
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores over the last minute")
    print(f"at most {LIMIT_MS} ms: {'met' if worst <= LIMIT_MS else 'MISSED'}, largest median {worst:.1f} ms")
    sys.exit(worst > LIMIT_MS)


if __name__ == "__main__":
    main()
