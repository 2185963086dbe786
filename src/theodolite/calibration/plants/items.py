"""Items: what a reviewer is shown of one claim, and how a defect is worked into it without any other change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from theodolite.canonical import digest
from theodolite.claims import Verdict
from theodolite.gates.decision import machine_verdict
from theodolite.gates.stream import harmonic
from theodolite.judgements import Effect, GateId, GateResult, Judgement, NullEvidence
from theodolite.plans import Plan

__all__ = ["Item"]


@dataclass(frozen=True)
class Item:
    """A plan, its record, and the pre-registration hash that the result names.

    Attributes
    ----------
    plan, judgement
        Of a test whose statistic was computed.
    result_prereg
        That of the plan, unless the defect is that it is another.
    verdict
        What the gates say of the clean item at its provisional level, before any reviewer.
    """

    plan: Plan
    judgement: Judgement
    result_prereg: str
    verdict: Verdict

    @classmethod
    def of(cls, plan: Plan, judgement: Judgement) -> Item:
        """Return the clean item of a plan and its record.

        Raises
        ------
        ValueError
            If nothing was tested, so that there is no record to review.
        """
        if not judgement.evidence:
            raise ValueError(f"the test of {plan.claim_text!r} spent nothing; an item needs evidence on record")
        return cls(plan, judgement, plan.sha256, _verdict(plan, judgement))

    @cached_property
    def sha256(self) -> str:
        """Hash of all that a reviewer is shown."""
        shown = (self.plan.model_dump(mode="json"), self.judgement.model_dump(mode="json"), self.result_prereg)
        return digest(list(shown))

    def with_plan(self, **changes: Any) -> Item:
        """Return the item of another plan, locked as that: the result names it."""
        plan = Plan.model_validate(self.plan.model_dump() | changes)
        return replace(self, plan=plan, result_prereg=plan.sha256)

    def with_hypothesis(self, **changes: Any) -> Item:
        """Return the item with parts of the hypothesis replaced."""
        return self.with_plan(hypothesis=self.plan.hypothesis.model_dump() | changes)

    def with_judgement(self, **changes: Any) -> Item:
        """Return the item with another record under the same plan."""
        return replace(self, judgement=Judgement.model_validate(self.judgement.model_dump() | changes))

    def with_evidence(self, evidence: Sequence[NullEvidence]) -> Item:
        """Return the item with another panel on record, its hardest null reported."""
        has_e = self.judgement.e is not None
        return self.with_judgement(
            evidence=tuple(item.model_dump() for item in evidence),
            p=max(item.p for item in evidence),
            e=min(item.e or 0.0 for item in evidence) if has_e else None,
        )

    def with_null(self, position: int, **changes: Any) -> Item:
        """Return the item with one null of the panel changed."""
        evidence = list(self.judgement.evidence)
        evidence[position] = NullEvidence.model_validate(evidence[position].model_dump() | changes)
        return self.with_evidence(evidence)

    def gate(self, gate: GateId) -> GateResult | None:
        """Return what a gate said, None where it said nothing."""
        return next((item for item in self.judgement.gates if item.gate == gate), None)

    def with_gate(self, gate: GateId, **changes: Any) -> Item:
        """Return the item with the answer of one gate changed."""
        gates = [
            item.model_dump() | changes if item.gate == gate else item.model_dump() for item in self.judgement.gates
        ]
        return self.with_judgement(gates=tuple(gates))

    def without_gate(self, gate: GateId) -> Item:
        """Return the item without one gate."""
        return self.with_judgement(gates=tuple(item for item in self.judgement.gates if item.gate != gate))

    def with_effect(self, effect: Effect) -> Item:
        """Return the item with another effect on record, told by gate G9 in the same words."""
        changed = self.with_judgement(effect=effect.model_dump())
        told = self.gate("G9")
        if told is None:
            return changed
        return changed.with_gate("G9", number=effect.estimate, sentence=_retold(told.sentence, effect))


def _retold(sentence: str, effect: Effect) -> str:
    share, low, high = (f"{100 * (value + 0.5):.0f}" for value in (effect.estimate, effect.low, effect.high))
    sentence = re.sub(r"-?\d+ % of the other", f"{share} % of the other", sentence, count=1)
    return re.sub(r"95 % interval -?\d+ to -?\d+ %", f"95 % interval {low} to {high} %", sentence, count=1)


def _verdict(plan: Plan, judgement: Judgement) -> Verdict:
    level = plan.level
    if judgement.e is not None:
        met = judgement.e * level.provisional_alpha >= 1.0
    else:
        alpha = level.provisional_alpha
        met = judgement.p <= (alpha / harmonic(level.provisional_t) if level.rule == "e-lond" else alpha)
    passed: dict[GateId, bool | None] = {item.gate: item.passed for item in judgement.gates}
    return machine_verdict({**passed, "G3": met, "G8": met})
