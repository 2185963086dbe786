"""A small campaign told to a ledger, with every number in the test's hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from theodolite.canonical import digest
from theodolite.claims import Claim, Direction, Hypothesis, Locus, LocusKind, Named, Relation, Verdict
from theodolite.judgements import Effect, GateResult, Judgement, NullEvidence, Objection, Review, Settlement
from theodolite.plans import Block, LevelRule, Plan
from theodolite.store import EntryKind, Ledger, entry_id, slot_id

CAMPAIGN = "pbmc-1a2b3c4d"
BLOCK = "5p11t/block-1"
STREAM = "main"


def ticking_clock(start=datetime(2026, 1, 1, tzinfo=UTC)):
    ticks = count()
    return lambda: start + timedelta(seconds=next(ticks))


@dataclass(frozen=True)
class Outcome:
    """What happens to one hypothesis."""

    verdict: Verdict = Verdict.INCONCLUSIVE
    p: float = 0.31
    effect: float = 0.04
    refusal: str | None = None
    failure: str | None = None
    observed: bool = False
    objection: str | None = None
    locus: int = 1
    reference: str = "myeloid"


class Story:
    """Writes a campaign into a ledger, entry by entry."""

    def __init__(self, ledger: Ledger, campaign: str = CAMPAIGN, *, q: float = 0.1) -> None:
        self.ledger, self.campaign, self.q = ledger, campaign, q
        self.t = 0
        self.keys: set[str] = set()

    def campaign_level(self, kind: EntryKind, payload: dict, *, round=None, name=None):
        return self.ledger.append(kind, entry_id(self.campaign, kind, round, name=name), self.campaign, payload)

    def begin(self) -> Story:
        axes = self.ledger.artefacts.put(b"axes fitted on discovery cells")
        self.axes = axes
        self.split_sha256 = digest("split")
        self.campaign_level(
            EntryKind.CAMPAIGN,
            {
                "name": "pbmc",
                "spec": {"budget": 40, "tolerance": 0.5},
                "model": Named(name="planted", sha256=digest("model")),
                "cells": Named(name="pbmc3k", sha256=digest("cells")),
                "references": [
                    {
                        "name": name,
                        "sha256": digest(name),
                        "title": f"{name} genes",
                        "genes_in_block": 30,
                        "families_in_block": 12,
                        "testable": True,
                    }
                    for name in ("myeloid", "ribosomal")
                ],
                "catalogue": "1",
                "decision": "1",
                "seed": 2**100 + 7,
            },
        )
        self.campaign_level(
            EntryKind.STREAM, {"stream": STREAM, "rule": "r-lond", "q": self.q, "n_max": 400}, name=STREAM
        )
        self.campaign_level(
            EntryKind.SPLIT,
            {
                "split_sha256": self.split_sha256,
                "block_id": BLOCK,
                "k": 1,
                "discovery_genes": 400,
                "confirmation_genes": 365,
                "artefact": self.ledger.artefacts.put(b"split"),
            },
        )
        self.campaign_level(EntryKind.FIT, {"variant": "main", "artefact": axes, "what": "axes"}, name="main")
        self.look()
        return self

    def look(self, name: str = "geometry.axis-0a1b2c3d", effect: float = 0.21) -> None:
        self.campaign_level(
            EntryKind.LOOK,
            {
                "job": "axis_coordinate layer 3",
                "job_sha256": digest(name),
                "tool": "axis_coordinate@1",
                "params": {"layer": 3, "axis": 1},
                "split": "discovery",
                "measurement": self.ledger.artefacts.put(name.encode()),
                "effects": {"myeloid": {"effect": effect, "n": 40}},
            },
            name=name,
        )

    def describe(self, name: str = "geometry.effective_rank-0a1b2c3d", **changes) -> None:
        self.campaign_level(
            EntryKind.DESCRIPTION,
            {
                "description": "geometry.effective_rank",
                "version": "1",
                "source_sha256": digest("source"),
                "params": {"draws": 20},
                "references": {"myeloid": digest("myeloid")},
                "variant": "main",
                "split": "discovery",
                "job_sha256": digest(name),
                "artefact": self.ledger.artefacts.put(b"myeloid, on discovery genes"),
                "measurement": self.ledger.artefacts.put(name.encode()),
                "shape": "CurveFit",
                "unit": "effective rank",
                "facts": {"rank_of_layer_3": 12.5},
                "sentence": "12.5 directions carry layer 3.",
                "status": "done",
                "reason": "",
                "standing": "description: makes no claim, spends no level",
                **changes,
            },
            name=name,
        )

    def hypothesis(self, outcome: Outcome) -> Hypothesis:
        return Hypothesis(
            claim=Claim(
                object="axis_coordinate",
                relation=Relation.SEPARATES,
                reference=Named(name=outcome.reference, sha256=digest(outcome.reference)),
                model=Named(name="planted", sha256=digest("model")),
                context=Named(name="pbmc3k", sha256=digest("cells")),
            ),
            locus=Locus(kind=LocusKind.AXIS, layer=3, index=(outcome.locus,)),
            direction=Direction.GREATER,
            tool="axis_coordinate@1",
            rationale="a look at discovery cells",
        )

    def plan(self, outcome: Outcome, round: int, slot: int, reused: bool = False) -> Plan:
        return Plan(
            hypothesis=self.hypothesis(outcome),
            claim_text=f"axis {outcome.locus} of layer 3 separates {outcome.reference} genes",
            campaign=self.campaign,
            round=round,
            slot=slot,
            estimand="AUROC - 0.5",
            statistic="auroc",
            shape="GeneScores",
            params={"layer": 3},
            variants=("main", "untrained(1)"),
            fitted={"main": self.axes},
            reference_sha256=digest(outcome.reference),
            families_sha256=digest("families"),
            cells_sha256=digest("cells"),
            model_sha256=digest("model"),
            block=Block(id=BLOCK, split_sha256=self.split_sha256, reused=reused),
            level=LevelRule(
                stream=STREAM, rule="r-lond", q=self.q, n_max=400, provisional_t=slot, provisional_alpha=0.001
            ),
            null_panel=("family_block_swap",),
            draws=999,
            seed=11,
            sesoi=0.2,
            minimum_detectable_effect=0.15,
            reference_in_block=30,
            families_in_block=12,
            catalogue="1",
            decision="1",
        )

    def add(self, kind: EntryKind, round: int, slot: int, payload, name=None):
        return self.ledger.append(
            kind, entry_id(self.campaign, kind, round, slot, name), slot_id(self.campaign, round, slot), payload
        )

    def propose(self, round: int, slot: int, outcome: Outcome) -> None:
        hypothesis = self.hypothesis(outcome)
        plan = self.plan(outcome, round, slot)
        self.add(
            EntryKind.HYPOTHESIS,
            round,
            slot,
            {
                "hypothesis": hypothesis,
                "hypothesis_id": hypothesis.id,
                "claim_key": hypothesis.claim.key,
                "family": "geometry",
                "claim_text": plan.claim_text,
                "round": round,
                "slot": slot,
            },
        )

    def register(self, round: int, slot: int, outcome: Outcome) -> None:
        hypothesis = self.hypothesis(outcome)
        if outcome.refusal is not None:
            self.add(
                EntryKind.REFUSAL,
                round,
                slot,
                {
                    "hypothesis_id": hypothesis.id,
                    "claim_key": hypothesis.claim.key,
                    "code": outcome.refusal,
                    "reason": "12 genes in 5 families; needs 10 genes in 8 families",
                },
            )
            return
        plan = self.plan(outcome, round, slot)
        self.add(EntryKind.REGISTRATION, round, slot, {"plan": plan, "prereg_sha256": plan.sha256})
        self.add(EntryKind.PLAN_REVIEW, round, slot, self.review(1))

    def review(self, stage: int, code: str | None = None) -> Review:
        objections = () if code is None else (Objection(code=code, gate="G4", evidence=self.axes, note="look again"),)
        return Review(
            stage=stage,
            objections=objections,
            likely_confound="mean expression",
            predicted_verdict=Verdict.INCONCLUSIVE,
            cap="none",
            reviewer="rules",
        )

    def run(self, round: int, slot: int, outcome: Outcome) -> None:
        prereg = self.plan(outcome, round, slot).sha256
        if outcome.failure is not None:
            self.add(
                EntryKind.FAILURE,
                round,
                slot,
                {
                    "prereg_sha256": prereg,
                    "phase": "run",
                    "code": outcome.failure,
                    "reason": "the worker was killed",
                    "observed": outcome.observed,
                },
            )
            return
        measurement = self.ledger.artefacts.put(json.dumps([round, slot, outcome.effect]).encode())
        self.add(
            EntryKind.RESULT,
            round,
            slot,
            {"prereg_sha256": prereg, "jobs": {"main": digest("job")}, "measurements": {"main": measurement}},
        )

    def gates(self, outcome: Outcome) -> tuple[GateResult, ...]:
        return (
            GateResult(
                gate="G3",
                title="beats its nulls",
                number=outcome.p,
                threshold=0.05,
                passed=outcome.p <= 0.05,
                sentence="p of the panel",
            ),
        )

    def judge(self, round: int, slot: int, outcome: Outcome) -> None:
        if outcome.failure is not None:
            return
        interval = Effect(
            estimate=outcome.effect, low=outcome.effect - 0.1, high=outcome.effect + 0.1, unit="AUROC - 0.5"
        )
        judgement = Judgement(
            effect=interval,
            baseline=None,
            gain=None,
            evidence=(
                NullEvidence(
                    null="family_block_swap",
                    exceedances=exceedances(outcome.p),
                    draws=999,
                    p=outcome.p,
                    seed=2**80,
                    moved=0.93,
                    log10_arrangements=11.5,
                    spread=0.06,
                ),
            ),
            p=outcome.p,
            gates=self.gates(outcome),
        )
        prereg = self.plan(outcome, round, slot).sha256
        self.add(EntryKind.JUDGEMENT, round, slot, {"prereg_sha256": prereg, "judgement": judgement})
        self.add(EntryKind.RECORD_REVIEW, round, slot, self.review(2, outcome.objection))

    def record(self, round: int, slot: int, outcome: Outcome) -> bool:
        failed = outcome.failure is not None
        spent = not failed or outcome.observed
        self.t += spent
        verdict = Verdict.ERROR if failed else outcome.verdict
        hypothesis = self.hypothesis(outcome)
        settlement = Settlement(
            stream=STREAM,
            t=self.t if spent else None,
            supports_before=len(self.keys) if spent else None,
            gamma=0.01 if spent else None,
            harmonic=1.0 if spent else None,
            alpha=0.001 if spent else None,
            gates=() if failed else self.gates(outcome),
            machine_verdict=verdict,
            cap="none",
            verdict=verdict,
            tags=(),
            first_unmet=None if verdict is Verdict.SUPPORTED or failed else "G3",
            next_step="test more families",
            catalogue="1",
            decision="1",
        )
        prereg = self.plan(outcome, round, slot).sha256
        self.add(
            EntryKind.VERDICT,
            round,
            slot,
            {
                "prereg_sha256": prereg,
                "hypothesis_id": hypothesis.id,
                "claim_key": hypothesis.claim.key,
                "settlement": settlement,
            },
        )
        if verdict is Verdict.SUPPORTED:
            self.keys.add(hypothesis.claim.key)
        return verdict is Verdict.SUPPORTED

    def rejudge(self, round: int, slot: int, outcome: Outcome) -> None:
        """What catalogue 2 says of a slot that catalogue 1 settled: that controls are missing."""
        hypothesis = self.hypothesis(outcome)
        unknown = Effect(estimate=0.0, low=-0.5, high=0.5, unit="AUROC - 0.5")
        settlement = Settlement(
            stream=STREAM,
            t=None,
            supports_before=None,
            gamma=None,
            harmonic=None,
            alpha=None,
            gates=(),
            machine_verdict=Verdict.INVALID,
            cap="none",
            verdict=Verdict.INVALID,
            tags=(),
            first_unmet="G2",
            next_step="register it anew",
            catalogue="2",
            decision="1",
        )
        self.add(
            EntryKind.REJUDGEMENT,
            round,
            slot,
            {
                "prereg_sha256": self.plan(outcome, round, slot).sha256,
                "hypothesis_id": hypothesis.id,
                "catalogue": "2",
                "judgement": Judgement(effect=unknown, baseline=None, gain=None, evidence=(), p=1.0, gates=()),
                "settlement": settlement,
            },
            name="catalogue-2",
        )

    def invalidate(self, round: int, slot: int, outcome: Outcome, was: str = "inconclusive") -> None:
        """A person finds the instrument bad, and the one verdict that this story gives to it falls."""
        slot_of = slot_id(self.campaign, round, slot)
        node = {"kind": "tool", "name": "axis_coordinate@1", "sha256": None}
        said = {"node": "tool:axis_coordinate@1", "nodes": [node], "reason": "it reads rows by position"}
        self.ledger.append(
            EntryKind.INVALIDATION,
            f"invalidation/{digest([node])[:16]}",
            "tool:axis_coordinate@1",
            {**said, "person": "Ada", "verdicts": [slot_of]},
        )
        self.add(
            EntryKind.INVALIDATED,
            round,
            slot,
            {
                "prereg_sha256": self.plan(outcome, round, slot).sha256,
                "hypothesis_id": self.hypothesis(outcome).id,
                "invalidation": f"invalidation/{digest([node])[:16]}",
                "was": was,
                "verdict": "invalid",
                "path": ["tool:axis_coordinate@1"],
            },
            name=digest([node])[:16],
        )

    def trial(self, name: str = "t1", reviewer: str = "somebody", **changes) -> None:
        self.campaign_level(
            EntryKind.REVIEW_TRIAL,
            {
                "trial": "t1",
                "reviewer": reviewer,
                "item": "plant",
                "item_sha256": digest("an item"),
                "defect": "wrong_null",
                "stage": 1,
                "caught": True,
                "objections": [{"code": "wrong_null", "gate": "G3", "evidence": digest("plan"), "note": "no families"}],
                "cap": "invalid",
                "predicted_verdict": "inconclusive",
                "confidence": 0.6,
                "verdict": "supported",
                **changes,
            },
            round=1,
            name=name,
        )

    def talk(self) -> None:
        """What the agents and people of a campaign leave behind: a call, a silence, a repeat, a wish, a budget."""
        request = self.ledger.artefacts.put(b'{"messages":[]}')
        talk, turn = "r01.c01-executor", "r01.c01-executor.t01"
        call = {
            "conversation": talk,
            "turn": 1,
            "attempt": 1,
            "role": "executor",
            "model": "some-model",
            "rung": "tools",
            "request_sha256": digest("request"),
            "request": request,
            "response": None,
            "http_status": 500,
            "status": "server_error",
            "detail": "500: no",
            "tokens_in": 0,
            "tokens_out": 0,
            "estimated": False,
            "cost": 0.0,
            "priced": True,
            "prompts_sha256": digest("prompts"),
            "context": {"view": "agent_view"},
        }
        self.campaign_level(EntryKind.MODEL_CALL, call, name=f"{turn}.a01")
        silence = {"conversation": talk, "role": "executor", "model": "some-model", "code": "refused", "calls": [turn]}
        self.campaign_level(EntryKind.MALFORMED, {**silence, "problems": ["no"]}, name=talk)
        repeat = {"conversation": talk, "turn": 1, "action": "look_axis", "signature": digest("again")}
        self.campaign_level(EntryKind.REPEAT, repeat, name=turn)
        wish = {"conversation": talk, "what": "tool", "name": "circuits", "reason": "to follow an edge"}
        self.campaign_level(EntryKind.WISH, wish, name=turn)
        budget = {"budget": "tokens", "limit": 100.0, "percent": 65, "spent": 70.0}
        self.campaign_level(EntryKind.BUDGET, budget, name="tokens-65")

    def order(self, round: int, slot: int, outcome: Outcome) -> None:
        """A control that a reviewer ordered and that failed, and a person who approves of the plan all the same."""
        prereg = self.plan(outcome, round, slot).sha256
        control = {
            "prereg_sha256": prereg,
            "control": "shuffled_input",
            "variant": "shuffled_input(0)",
            "jobs": {},
            "measurements": {},
            "status": "timeout",
            "reason": "no answer",
            "baseline": None,
            "gain": None,
            "low": None,
            "threshold": 0.03,
            "passed": None,
            "sentence": "The control could not be measured.",
        }
        self.add(EntryKind.CONTROL, round, slot, control, name="shuffled_input")
        approval = {"prereg_sha256": prereg, "of": "registration", "approved": True, "person": "Ada", "reason": ""}
        self.add(EntryKind.APPROVAL, round, slot, approval, name="registration")
        drawn = self.ledger.artefacts.put(b"{}")
        figure = {"prereg_sha256": prereg, "title": "a figure", "view": "two dimensions", "measurement": drawn}
        self.add(EntryKind.FIGURE, round, slot, {**figure, "artefact": drawn}, name="two-dimensions")

    def check(self, name: str = "own.first-1", **changes) -> None:
        self.ledger.append(
            EntryKind.TOOL_CHECK,
            f"tool_check/{name}",
            "own.first@1",
            {
                "tool": "own.first",
                "version": "1",
                "source_sha256": digest("source"),
                "shape": "GeneScores",
                "worlds": "1",
                "catalogue": "2",
                "places": ["layer 0", "layer 1"],
                "planted": 40,
                "found": 38,
                "power": 0.95,
                "power_low": 0.85,
                "empty": 200,
                "passed_empty": 6,
                "error": 0.03,
                "error_low": 0.013,
                "error_high": 0.06,
                "unmeasured": 0,
                "level": 0.05,
                "fit": True,
                **changes,
            },
        )

    def end_round(self, round: int, bits: dict[str, bool], *, retired: bool | None = None) -> None:
        self.campaign_level(
            EntryKind.ROUND,
            {
                "round": round,
                "bits": bits,
                "block_id": BLOCK,
                "retired": any(bits.values()) if retired is None else retired,
                "stream_t": self.t,
                "supports": len(self.keys),
            },
            round=round,
        )

    def open_round(self, round: int, outcomes: list[Outcome]) -> dict[str, bool]:
        """All phases of a round but its end; returns the bits."""
        slots = list(enumerate(outcomes, start=1))
        for phase in (self.propose, self.register):
            for slot, outcome in slots:
                phase(round, slot, outcome)
        registered = [(slot, outcome) for slot, outcome in slots if outcome.refusal is None]
        for phase in (self.run, self.judge):
            for slot, outcome in registered:
                phase(round, slot, outcome)
        return {self.hypothesis(outcome).id: self.record(round, slot, outcome) for slot, outcome in registered}

    def round(self, round: int, outcomes: list[Outcome], *, retired: bool | None = None) -> None:
        self.end_round(round, self.open_round(round, outcomes), retired=retired)

    def stop(self) -> None:
        self.campaign_level(EntryKind.STOP, {"reason": "budget", "detail": "40 of 40 slots used"})


def exceedances(p: float) -> int:
    return max(0, round(p * 1000) - 1)


class Told:
    """What tests need of this module, since a test cannot import its conftest by name."""

    Outcome = Outcome
    Story = Story
    CAMPAIGN = CAMPAIGN
    BLOCK = BLOCK
    STREAM = STREAM
    ticking_clock = staticmethod(ticking_clock)

    @staticmethod
    def whole(ledger: Ledger) -> Story:
        """A campaign of three rounds with every way in which a hypothesis can end."""
        story = Story(ledger).begin()
        story.round(
            1,
            [
                Outcome(locus=1),
                Outcome(locus=2, refusal="not_testable"),
                Outcome(locus=3, verdict=Verdict.INVALID, p=0.6, objection="wrong_null"),
                Outcome(locus=4, failure="timeout"),
            ],
        )
        story.trial()
        story.talk()
        story.describe()
        story.order(1, 1, Outcome(locus=1))
        story.check()
        story.rejudge(1, 1, Outcome(locus=1))
        story.invalidate(1, 1, Outcome(locus=1))
        story.round(
            2,
            [
                Outcome(locus=5, verdict=Verdict.SUPPORTED, p=0.001, effect=0.3),
                Outcome(locus=6, verdict=Verdict.REFUTED, p=0.9, effect=-0.1),
                Outcome(locus=7, failure="crash", observed=True),
            ],
        )
        story.round(3, [Outcome(locus=8, verdict=Verdict.SUPPORTED, p=0.002, effect=0.28, reference="ribosomal")])
        story.stop()
        return story


@pytest.fixture(scope="session")
def told() -> type[Told]:
    return Told


@pytest.fixture
def ledger(tmp_path):
    with Ledger.create(tmp_path / "ledger.sqlite", clock=ticking_clock()) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def campaign_file(tmp_path_factory):
    """The file of a closed ledger with a whole campaign; tests copy it before they break it."""
    path = tmp_path_factory.mktemp("campaign") / "ledger.sqlite"
    with Ledger.create(path, clock=ticking_clock()) as ledger:
        Told.whole(ledger)
    return path
