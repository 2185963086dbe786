"""What would change a verdict, in one sentence, reckoned from recorded numbers.

How many more genes, pairs or donors a test needs follows from two rules: the effect that can be found, and the width of
an interval, shrink with the square root of their number. Both suppose that what is added is like what is there, so that
every such number is "about".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from theodolite.claims import Relation, Verdict
from theodolite.gates.catalogue2.baselines import GAIN
from theodolite.gates.catalogue2.discipline import margin_for
from theodolite.judgements import Effect
from theodolite.plans import Plan
from theodolite.reports.plain_terms import (
    covariates_said,
    donors,
    factor_said,
    listed,
    lowered,
    more_needed,
    number_said,
    plainly,
)
from theodolite.reports.slot_lives import SlotLife
from theodolite.reports.verdict_table import VerdictLine
from theodolite.store import GateRow

__all__ = ["remedy"]

_NOUNS: Final = {
    "GeneScores": ("member gene", "member genes"),
    "PairScores": ("reference pair", "reference pairs"),
    "BipartiteScores": ("regulator-target edge", "regulator-target edges"),
}
"""What an interval narrows with; of anchors it is one over what their cells are divided by."""
_BEST: Final = re.compile(r"The best of \d+ baselines, (?P<name>.+?), gives (?P<value>-?\d+) %")
_UNBEATEN: Final = re.compile(r"not clear of (?P<names>[^;]+);")
_POWER: Final = re.compile(
    r"(?:an effect|a correlation) of (?P<found>[\d.]+) would be found nine times in ten, (?P<asked>[\d.]+)"
)
_COUNTS: Final = (
    re.compile(
        r"(?P<n>\d+) (?P<what>.+?) in (?P<m>\d+) (?P<of>families) in \S+ \(at least (?P<least>\d+) in "
        r"(?P<of_least>\d+)\)"
    ),
    re.compile(
        r"The block holds (?P<n>\d+) (?P<what>.+?) (?:in|of) (?P<m>\d+) (?P<of>[a-z ]+?); a test needs (?P<least>\d+) "
        r"(?:in|of) (?P<of_least>\d+)"
    ),
)
_REFUSED: Final = {
    "duplicate": "It may come back on an unused hold-out block if it was inconclusive; otherwise it stands as it is",
    "not_testable": "A larger reference, or more genes measured, would make it testable",
    "leak": "A reference that does not derive from what the score reads would make it testable",
    "underpowered": "A larger reference in the block, or pooled blocks, would make it testable",
    "resolution": "More draws, or a reference that can be arranged in more ways, would make it testable",
    "exhausted": "Only another ledger with an error stream of its own would: this stream has no level left",
    "retired": "Another instrument would: this one had its tries in this campaign",
    "invalid_locus": "A place that the instrument can read, fixed on discovery units, would make it testable",
    "mismatch": "A proposal that names tool, reference, model and cells of this campaign would be taken",
    "hold_out": "An unused hold-out block would: this one is spent, and the campaign stops at that",
    "unfit_tool": "An instrument that passes its check on planted worlds would",
    "invalidated": "Inputs that nobody has found to be bad would make it testable",
}
_STATUS: Final = {
    "proposed": "The next step is to lock its plan, or to refuse it",
    "registered": "The next step is to measure it",
    "ran": "The next step is to judge what was measured",
    "failed": "The next step is to record how it failed",
    "judged": "The next step is the review, an approval where people asked for one, and the verdict at its round's end",
}
_TAGS: Final = {
    "[one block]": "two halves of a block that agree would take away the tag “one block”",
    "[these cells]": "cells that discovery did not read would take away the tag “these cells”",
    "[reused hold-out]": "only an unused block would give it a guarantee, for this one was used before",
    "[unverified model]": "a model that was shown to do what it was trained for would take away “unverified model”",
    "[no expected-fail panel]": "cells in which the claim must fail would show that it can",
}


def remedy(life: SlotLife, line: VerdictLine, genes_in_block: int | None = None) -> str:
    """Return what would change how a slot stands; ``genes_in_block`` as in ``plain_words``."""
    said = _Remedy(life, line, genes_in_block).sentence()
    return f"{said[0].upper()}{said[1:].rstrip().removesuffix('.')}."


class _Remedy:
    def __init__(self, life: SlotLife, line: VerdictLine, genes_in_block: int | None) -> None:
        self.life, self.line, self.row = life, line, life.hypothesis
        self.plan: Plan | None = life.locked
        self.genes_in_block = genes_in_block
        self.gates: dict[str, GateRow] = {gate.gate: gate for gate in life.gates}

    def sentence(self) -> str:
        """Return the sentence, with or without its full stop."""
        row, outcome = self.row, self.line.outcome
        if row.invalid_because is not None:
            return "It would have to be registered anew without what was found to be bad"
        if outcome == "refused":
            return self._refused()
        if outcome == "pending":
            return _STATUS.get(row.status.value, "The next step of its campaign")
        if row.failure_reason is not None:
            return self._step() or "It would have to be registered again once what failed is mended"
        if row.machine_verdict is not None and row.machine_verdict is not row.recorded_verdict:
            return self._capped()
        if outcome == "supported":
            return self._supported()
        if outcome == "refuted":
            return self._refuted()
        return self._unmet()

    def _step(self) -> str:
        return plainly(self.row.next_step or "")

    # --- what is settled

    def _supported(self) -> str:
        tags = [said for tag, said in _TAGS.items() if tag in self.row.tags]
        step = self._step() or "Test the same claim in another model or other cells"
        return f"{step}; {'; '.join(tags)}" if tags else step

    def _refuted(self) -> str:
        rest = self._step().partition("95 %. ")[2] or "Look at another place in the model, or let it rest"
        if self.line.of_no_effect:
            return f"Nothing would here, for a change that counts was seen; {lowered(rest)}"
        return f"Nothing would here, for an effect that counts could have been seen and is ruled out; {lowered(rest)}"

    def _capped(self) -> str:
        """Return whose objection stands between the gates' verdict and the one that was recorded."""
        row = self.row
        was = row.machine_verdict.value if row.machine_verdict is not None else "another"
        why = [
            f"{review.reviewer} objects to the {'plan' if review.stage == 1 else 'record'} "
            f"({item['code'].replace('_', ' ')}, {item['gate']}): {plainly(str(item['note']))}"
            for review in self.life.reviews
            for item in review.objections
        ]
        why += [
            f"the control “{str(control['control']).replace('_', ' ')}”, which the reviewer ordered, was not met: "
            f"{plainly(str(control['sentence']))}"
            for control in self.life.controls
            if control["passed"] is False
        ]
        why += [
            f"{said.person} rejected the {said.of}{f': {said.reason}' if said.reason else ''}"
            for said in self.life.approvals
            if not said.approved
        ]
        halves = self.gates.get("G10")
        if not why and was == Verdict.SUPPORTED and (halves is None or not halves.passed):
            return (
                "Two independent halves of the block that agree would: under a reviewer whose own record is weak a "
                "support needs them"
            )
        if not why:
            why = [self._step() or f"the verdict was capped at {row.cap or 'this'}"]
        return f"The gates alone said {was}; an answer to this would change it: {'; '.join(why[:3])}"

    # --- what never ran

    def _refused(self) -> str:
        code, _, reason = (self.life.refusal or "").partition(": ")
        counts = self._missing(reason)
        if counts is not None:
            return counts
        power = _POWER.search(reason)
        if power is not None:
            return self._power(float(power["found"]), float(power["asked"]), rounded=True)
        return _REFUSED.get(code, plainly(reason) or "What its refusal names would have to change")

    def _missing(self, reason: str) -> str | None:
        """Return what is missing to the least counts that a reason names; None where it names none."""
        match = next((found for pattern in _COUNTS if (found := pattern.search(reason))), None)
        if match is None:
            return None
        short = [
            f"{int(match[least]) - int(match[count]):,} more {what}"
            for count, least, what in (("n", "least", match["what"]), ("m", "of_least", f"{match['of']} among them"))
            if int(match[least]) > int(match[count])
        ]
        return f"It needs {listed(short)} in the block, by a larger reference or more genes measured" if short else None

    def _power(self, found: float, asked: float, *, rounded: bool = False) -> str:
        anchors = Relation(self.row.relation).of_cells
        ratio = found / asked
        # Correlations over pairs of anchors gain as their number does, not as its root (catalogue manifold-1).
        factor = ratio if anchors else ratio**2
        have = self.genes_in_block if self.plan is None else self.plan.reference_in_block
        one, several = ("anchor", "anchors") if anchors else self._nouns()
        needs = f"{factor_said(factor)} as many {several}" if not have else more_needed(have, factor, one, several)
        return (
            f"It needs {needs} in the block: an effect of {found:.2f} would be found nine times in ten, and one of "
            f"{asked:.2f} must be"
        )

    def _nouns(self) -> tuple[str, str]:
        relation = Relation(self.row.relation)
        if relation.of_cells:
            return donors(None if self.plan is None else self.plan.unit)
        if self.plan is not None:
            return _NOUNS[self.plan.shape]
        return _NOUNS["GeneScores"] if relation is Relation.SEPARATES else ("pair", "pairs")

    # --- the first gate that was not met

    def _unmet(self) -> str:
        gate = self.gates.get(self.row.first_unmet or "")
        if gate is None:
            return self._step() or "The ledger names no gate that was not met"
        by_gate: dict[str, Callable[[GateRow], str | None]] = {
            "G1": lambda found: self._missing(found.sentence),
            "G3": self._level,
            "G4": self._confounds,
            "G5": self._baseline,
            "G6": self._resolution,
            "G7+": self._planted,
            "G7-": self._planted,
            "G8": self._level,
            "G9": self._size,
            "G12b": self._gate_of_power,
        }
        tell = by_gate.get(gate.gate)
        told = None if tell is None else tell(gate)
        if told is not None:
            return told
        step = self._step()
        return f"{plainly(gate.sentence)}{f'; {lowered(step)}' if step else ''}"

    def _gate_of_power(self, gate: GateRow) -> str | None:
        plan = self.plan
        if plan is not None:
            asked = margin_for(plan.hypothesis.claim.relation) * plan.sesoi
            return self._power(plan.minimum_detectable_effect, asked)
        return None if gate.number is None or not gate.threshold else self._power(gate.number, gate.threshold)

    def _resolution(self, gate: GateRow) -> str | None:
        if gate.number is None or not gate.threshold or gate.number <= 0:
            return None
        # Catalogue 1 holds the least p against the level, later ones the largest e against what is asked.
        factor = gate.number / gate.threshold if gate.number < 1 else gate.threshold / gate.number
        step = self._step() or "raise the draws, or choose a reference that can be arranged in more ways"
        return f"What its level asks for is {factor_said(factor)} what its draws and labels can show; {lowered(step)}"

    def _level(self, gate: GateRow) -> str:
        effect, plan = self._measured(), self.plan
        far = self._distance()
        if plan is None or effect is None:
            return f"{far}; {lowered(self._step()) or 'a larger reference would decide'}"
        one, several = self._nouns()
        if plan.hypothesis.claim.relation.of_no_effect:
            return f"{far}; {self._narrower(effect) or lowered(self._step())}"
        if effect.estimate >= plan.sesoi:
            detectable = plan.minimum_detectable_effect
            if plan.shape != "AnchorLatents" and detectable > effect.estimate > 0:
                needs = more_needed(plan.reference_in_block, (detectable / effect.estimate) ** 2, one, several)
                return f"{far}: it needs {needs} for an effect of this size to be found nine times in ten"
            return f"{far}, though the effect is large enough: replicate it on an unused block"
        return f"{far}; {self._narrower(effect) or lowered(self._step())}"

    def _distance(self) -> str:
        """Return how far the evidence is from the level."""
        line = self.line
        if line.e is not None and line.required is not None:
            if line.e <= 0:
                return f"The evidence is e = 0 where {number_said(line.required)} is asked for"
            return (
                f"The evidence of e = {number_said(line.e)} would have to be {factor_said(line.required / line.e)} as "
                f"large to reach {number_said(line.required)}"
            )
        if line.p is not None and line.level:
            return (
                f"The p of {number_said(line.p)} is {factor_said(line.p / line.level)} the {number_said(line.level)} "
                "that its level asks for"
            )
        return "The evidence does not reach its level"

    def _measured(self) -> Effect | None:
        judged = self.life.judgement
        return None if judged is None or not judged.evidence else judged.effect

    def _narrower(self, effect: Effect) -> str | None:
        """Return how many more would put the interval on one side of the least effect that counts."""
        plan = self.plan
        if plan is None:
            return None
        one, several = self._nouns()
        have = plan.families_in_block if plan.shape == "AnchorLatents" else plan.reference_in_block
        bound = effect.high if effect.upper is None or plan.shape == "AnchorLatents" else effect.upper
        if plan.hypothesis.claim.relation.of_no_effect:
            room, width = (
                plan.sesoi - abs(effect.estimate),
                max(effect.high - effect.estimate, effect.estimate - effect.low),
            )
            what = "put the whole interval between the bounds"
        elif effect.estimate < plan.sesoi:
            room, width = plan.sesoi - effect.estimate, bound - effect.estimate
            what = "rule out an effect that counts"
        else:
            room, width = effect.estimate, effect.estimate - effect.low
            what = "put the whole interval above nothing"
        if room <= 0 or width <= room:
            return None
        return f"{more_needed(have, (width / room) ** 2, one, several)} would {what}, if the estimate stays where it is"

    def _size(self, gate: GateRow) -> str | None:
        effect, plan = self._measured(), self.plan
        if effect is None or plan is None:
            return None
        narrower = self._narrower(effect)
        start = "The effect is beyond chance"
        if plan.hypothesis.claim.relation.of_no_effect:
            if narrower is None:
                return "It changes by too much to be called none; claim the change itself, in its direction"
            return f"The change is too uncertain to be called none: {narrower}"
        if effect.estimate < plan.sesoi:
            small = f"{start} but smaller than what counts ({effect.estimate:.2f}, {plan.sesoi:.2f} counts)"
            return f"{small}; {narrower or 'only a larger effect elsewhere in the model would count'}"
        return f"{start} but uncertain; {narrower or lowered(self._step())}"

    def _confounds(self, gate: GateRow) -> str:
        plan = self.plan
        fixed = [] if plan is None else [item.value for item in plan.hypothesis.claim.adjustment]
        fixed = fixed or list(self.row.adjustment)
        left = plainly(gate.sentence)
        _, colon, rest = left.partition(" fixed: ")
        return (
            f"It is explained at least in part by {covariates_said(fixed)}: once these are taken out, "
            f"{rest if colon else left}; claim the part that is left, or leave it"
        )

    def _baseline(self, gate: GateRow) -> str | None:
        gain = None if self.life.judgement is None else self.life.judgement.gain
        best, unbeaten = _BEST.search(gate.sentence), _UNBEATEN.search(gate.sentence)
        if unbeaten is not None:
            who = plainly(unbeaten["names"])
        elif best is not None:
            who = best["name"]
        elif "untrained model" in gate.sentence:
            who = "an untrained model"
        else:
            return None
        if gain is None:
            return f"nearly as much is shown by {who}: ask where training makes the difference"
        much = (
            "at least as much"
            if gain.estimate <= 0
            else "nearly as much"
            if gain.estimate < GAIN
            else "perhaps as much"
        )
        said = (
            f"{much} is shown by {who} (the model's gain is {gain.estimate:.2f}, 95 % interval {gain.low:.2f} to "
            f"{gain.high:.2f})"
        )
        plan = self.plan
        if plan is not None and gain.estimate >= GAIN and gain.low <= 0:
            one, several = self._nouns()
            have = plan.families_in_block if plan.shape == "AnchorLatents" else plan.reference_in_block
            needs = more_needed(have, ((gain.estimate - gain.low) / gain.estimate) ** 2, one, several)
            return f"{said}; {needs} would put the whole interval above nothing, if the gain stays where it is"
        return f"{said}: ask where training makes the difference"

    def _planted(self, gate: GateRow) -> str:
        step = self._step()
        missed = "What was planted was missed" if gate.gate == "G7+" else "What must fail did not"
        return f"{missed}: {plainly(gate.sentence)}{f'; {lowered(step)}' if step else ''}"
