"""One hypothesis in three sentences: what was tested, what came out, and what would change it.

Made by code from what is recorded, so that nobody chooses the wording of a result. What would change it is in
``plain_remedies.py``, words for codes in ``plain_terms.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from theodolite.claims import Relation, Verdict
from theodolite.plans import Plan
from theodolite.reports.plain_remedies import remedy
from theodolite.reports.plain_terms import (
    baselines_said,
    covariates_said,
    donors,
    listed,
    null_said,
    number_said,
    plainly,
    things,
    units,
)
from theodolite.reports.slot_lives import SlotLife
from theodolite.reports.verdict_table import VerdictLine, as_line
from theodolite.store import GateRow, HypothesisRow

__all__ = ["GLOSS", "PlainWords", "plain_words"]

GLOSS: Final = "the model encodes this, beyond the named controls; it does not say that biology does it"
"""What ``supported`` means, wherever it is said (statistics, rule 16)."""
_CAUSAL: Final = "; causal means causal inside the model"
_CLAIM: Final = re.compile(r"“(?P<title>.{1,400}?)”: (?P<said>.+)", re.DOTALL)
_WAITING: Final = {
    "proposed": "it is proposed, and no plan is locked yet",
    "registered": "its plan is locked, and it waits to be measured",
    "ran": "it was measured, and waits to be judged",
    "failed": "its run failed, and the verdict is not recorded yet",
    "judged": "the gates have judged it, and it waits for review, people or the end of its round",
}


@dataclass(frozen=True)
class PlainWords:
    """Three sentences about a slot.

    Attributes
    ----------
    tested
        Claim, place, model and cells; against what; on how many genes or donors that nobody had looked at.
    found
        Effect with interval and scale, evidence against the level, and the verdict; why there is none.
    change
        What would change it.
    """

    tested: str
    found: str
    change: str


def plain_words(life: SlotLife, genes_in_block: int | None = None) -> PlainWords:
    """Return the three sentences of a slot.

    Parameters
    ----------
    life
        From :func:`~theodolite.reports.slot_lives.slot_life`.
    genes_in_block
        Genes, pairs or anchors of its reference in a hold-out block, where the campaign recorded it; what is missing
        of a plan that was refused is reckoned from it.
    """
    told = _Told(life)
    return PlainWords(told.tested, told.found, remedy(life, told.line, genes_in_block))


class _Told:
    def __init__(self, life: SlotLife) -> None:
        self.life = life
        self.row: HypothesisRow = life.hypothesis
        self.line: VerdictLine = as_line(life.hypothesis, life.gates, life.refusal)
        self.plan: Plan | None = life.locked
        self.gates: dict[str, GateRow] = {gate.gate: gate for gate in life.gates}

    # --- what was tested

    @cached_property
    def tested(self) -> str:
        """Return the first sentence."""
        asked = {"refused": "It was proposed that", "pending": "It is asked whether"}.get(
            self.line.outcome, "It was asked whether"
        )
        match = _CLAIM.fullmatch(self.row.claim_text)
        if match is not None:
            claim = f"Of “{match['title']}” {asked[0].lower()}{asked[1:]} {_cut(match['said'])}"
        else:
            claim = f"{asked} this holds: {_cut(self.row.claim_text)}"
            claim = claim.replace("that this holds", "this")
        where = f"in the model {self.row.model} on the cells {self.row.context}"
        plan = self.plan
        if plan is None:
            return f"{claim}, {where}{self._untested()}."
        parts = [claim + self._places(plan), where]
        if plan.hypothesis.claim.adjustment:
            fixed = covariates_said(item.value for item in plan.hypothesis.claim.adjustment)
            parts.append(f"with {fixed} held fixed")
        nulls = listed([null_said(null) for null in plan.null_panel])
        parts.append(f"against {len(plan.null_panel)} null{'s' * (len(plan.null_panel) != 1)} ({nulls})")
        if said := baselines_said(plan.variants):
            parts.append(f"beside {said}")
        return f"{', '.join(parts)}, on {self._hold_out(plan)}."

    def _places(self, plan: Plan) -> str:
        if plan.places is None:
            return ""
        found = "" if self.life.found_at is None else f"; found at {self.life.found_at}"
        return f" (the best of {len(plan.places.listed)} places, chosen again in every draw{found})"

    def _untested(self) -> str:
        if self.line.outcome == "refused":
            return "; it was refused before anything was measured"
        return "" if self.plan is not None or self.row.prereg_sha256 else "; nothing is locked"

    @staticmethod
    def _hold_out(plan: Plan) -> str:
        on = f"{things(plan, plan.reference_in_block)} of {units(plan, plan.families_in_block)}"
        if plan.block.reused:
            return f"{on} of a hold-out block that had been used before"
        said = f"{on} that nobody had looked at before"
        if plan.shape != "AnchorLatents" and plan.shared_cell_units:
            said += ", in cells that had been looked at"
        return said

    # --- what came out

    @cached_property
    def found(self) -> str:
        """Return the second sentence."""
        row, line = self.row, self.line
        if row.invalid_because is not None:
            was = (
                f"It was {row.recorded_verdict.value} when it was recorded" if row.recorded_verdict else "It was judged"
            )
            return f"{was}, and is invalid since {plainly(row.invalid_because)}."
        if line.outcome == "refused":
            code, _, reason = (self.life.refusal or "").partition(": ")
            return f"It was refused before it ran ({code.replace('_', ' ')}): {_cut(plainly(reason or code), 600)}."
        if line.outcome == "pending":
            return f"There is no verdict yet: {_WAITING.get(row.status.value, 'it is under way')}."
        if row.failure_reason is not None:
            return self._failed()
        if line.effect is None:
            return self._unmeasured()
        evidence = self._evidence()
        return f"{self._effect()}{f', with {evidence}' if evidence else ''}: {self._ending()}."

    def _failed(self) -> str:
        row = self.row
        how = (
            "An intervention failed the checks that it runs on itself"
            if row.verdict is Verdict.INVALID
            else ("The run came to no result")
        )
        code = (row.failure_code or "no reason given").replace("_", " ")
        spent = "its level is spent" if row.t is not None else "nothing of the error stream was spent"
        reason = _cut((row.failure_reason or "").rstrip("."), 600)
        return f"{how} ({code}): {reason}; it ends as {self.line.outcome}, and {spent}."

    def _unmeasured(self) -> str:
        unmet = self.gates.get(self.row.first_unmet or "")
        why = (
            ""
            if unmet is None
            else f", for the gate “{unmet.title}” ({unmet.gate}) was not met: {plainly(unmet.sentence)}"
        )
        return f"No effect was measured{why}; it ends as {self.line.outcome}."

    def _effect(self) -> str:
        line, row = self.line, self.row
        assert line.effect is not None
        interval = "" if line.low is None or line.high is None else f", 95 % interval {line.low:.2f} to {line.high:.2f}"
        sesoi = None if self.plan is None else self.plan.sesoi
        if line.scale == "rho":
            counts = "" if sesoi is None else f" and {sesoi:.2f} the least that counts"
            several = donors(None if self.plan is None else self.plan.unit)[1]
            over = interval.replace("interval", f"interval over {several}")
            return f"Distances are in the ruler's order (rank correlation {line.effect:.2f}{over}; 0 is none{counts})"
        share = f"{100 * line.effect:.0f} %"
        pairs = Relation(row.relation) is not Relation.SEPARATES
        one, others = ("reference pair", "other pairs") if pairs else ("member gene", "other genes")
        if line.of_no_effect:
            bounds = "" if sesoi is None else f", {0.5 - sesoi:.2f} to {0.5 + sesoi:.2f} too little to count"
            return (
                f"A {one} changes by more than {share} of the {others} do, on average (AUROC {line.effect:.2f}"
                f"{interval}; 0.50 is no change of its own{bounds})"
            )
        counts = "" if sesoi is None else f" and {0.5 + sesoi:.2f} the least that counts"
        return (
            f"A {one} lies further in the claimed direction than {share} of the {others}, on average (AUROC "
            f"{line.effect:.2f}{interval}; 0.50 is chance{counts})"
        )

    def _evidence(self) -> str:
        line = self.line
        if line.e is not None:
            asked = "" if line.required is None else f", where {number_said(line.required)} or more is asked for"
            return f"evidence of e = {number_said(line.e)}{asked}"
        if line.p is None:
            return ""
        asked = "" if line.level is None else f", where {number_said(line.level)} or less is asked for"
        return f"evidence of p = {number_said(line.p)}{asked}"

    def _ending(self) -> str:
        row, line = self.row, self.line
        if line.outcome == "supported":
            causal = self.gates.get("G14")
            return f"supported, which says that {GLOSS}{_CAUSAL if causal is not None and causal.passed else ''}"
        if line.outcome == "refuted":
            return f"refuted, for {self._ruled_out()}"
        if row.machine_verdict is not None and row.recorded_verdict is not row.machine_verdict:
            reviewer = self.gates.get("G13")
            by = (
                ""
                if reviewer is None or reviewer.passed is not False
                else f", for the gate “{reviewer.title}” (G13) was not met"
            )
            return f"{line.outcome}{by}, though the other gates said {row.machine_verdict.value}"
        unmet = self.gates.get(row.first_unmet or "")
        if unmet is None:
            return line.outcome
        return f"{line.outcome}, for the gate “{unmet.title}” ({unmet.gate}) was not met"

    def _ruled_out(self) -> str:
        gate, plan = self.gates.get("G12"), self.plan
        bound = None if gate is None else gate.number
        sesoi = plan.sesoi if plan is not None else None if gate is None else gate.threshold
        if sesoi is None:
            return "an effect that counts is ruled out at 95 %"
        if self.line.scale == "rho":
            under = "" if bound is None else f": with 95 % confidence it is below {bound:.2f}"
            return f"a correlation of {sesoi:.2f} or more is ruled out, over all pairs or within branches{under}"
        if self.line.of_no_effect:
            beyond = "" if bound is None else f": with 95 % confidence it is beyond {0.5 + bound:.2f}"
            return f"the change counts{beyond}, where no more than {sesoi:.2f} from 0.50 was claimed"
        where = "" if plan is None or plan.places is None else ", at every place"
        under = "" if bound is None else f" (with 95 % confidence it is below {0.5 + bound:.2f})"
        return f"an AUROC of {0.5 + sesoi:.2f} or more, an effect of {sesoi:.2f}, is ruled out{where}{under}"


def _cut(text: str, length: int = 400) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
