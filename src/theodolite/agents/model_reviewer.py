"""A language model as reviewer, behind the lints of code: it objects, orders controls, and only lowers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from theodolite.agents.budgets import BudgetSpent
from theodolite.agents.context import lean_view
from theodolite.agents.llm.answers import ActionDef
from theodolite.agents.llm.calls import Caller
from theodolite.agents.llm.conversation import Conversation, NoAnswer, Sampling
from theodolite.agents.reviewer import LintReviewer
from theodolite.canonical import digest
from theodolite.claims import ReviewerCap, Verdict
from theodolite.experiments.standing import lowest
from theodolite.judgements import GateId, Judgement, Objection, ObjectionCode, Review
from theodolite.plans import Plan
from theodolite.prompts import Prompts, clean_text, fence
from theodolite.store import AgentView, ControlName

__all__ = ["CODES", "CONTROLS", "ModelReviewer"]

_MOST_CONTROLS: Final = 2
_MOST_OBJECTIONS: Final = 8
_MOST: Final = {"supported": 40, "tried": 40, "refused": 0}

CODES: Final[dict[ObjectionCode, str]] = {
    "label_leak": "a feature or covariate derives from the reference that it is tested against",
    "wrong_null": "a null does not keep what must be kept, or one that matters is missing from the panel",
    "metric_switch": "what was computed is not the statistic, unit or direction that was locked",
    "double_dipping": "what was chosen or fitted was chosen or fitted on the genes that it is tested on",
    "degenerate_statistic": "the statistic cannot say anything: constant scores, one class, an invariance",
    "sign_flip": "the sign of the effect does not fit the claimed direction",
    "too_few_draws": "so few draws that the p-value or e-value could not reach the level",
    "own_embedding_covariate": "co-expression is not from counts, but from the model's own vectors",
    "donor_leakage": "the claim speaks of donors or batches that discovery and confirmation share",
    "tie_artefact": "ties or zero vectors make the result",
    "wrong_unit": "nulls or intervals take cells or pairs for independent that are not",
    "cherry_picked_locus": "the place was chosen after looking where it comes out best on the tested genes",
    "hash_mismatch": "the result belongs to another plan than the one that was locked",
}
"""The closed menu of objections, in words."""

CONTROLS: Final[dict[ControlName, str]] = {
    "untrained_again": "the architecture with yet another set of initial weights",
    "random_embedding_again": "the trained model with other random directions for its gene vectors",
    "shuffled_input": "the trained model on cells whose values were permuted within each gene",
}
"""The closed menu of controls, in words."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Objecting(_Closed):
    code: ObjectionCode = Field(description="from the menu of codes")
    gate: GateId = Field(description="the gate that the defect concerns")
    cite: Literal["plan", "record"] = Field(description="where one sees it")
    note: str = Field(min_length=1, max_length=400, description="what is wrong, in one sentence")


class _Lowering(_Closed):
    objections: list[_Objecting] = Field(max_length=_MOST_OBJECTIONS, description="empty where nothing is wrong")
    cap: ReviewerCap = Field(description="highest verdict that may stand; 'none' leaves it as it is")

    @model_validator(mode="after")
    def _cited(self) -> _Lowering:
        if self.cap != "none" and not self.objections:
            raise ValueError(f"cap is {self.cap!r} and nothing is objected; a downgrade cites a gate")
        return self


class _First(_Lowering):
    likely_confound: str = Field(min_length=1, max_length=300, description="the single most likely confound")
    predicted_verdict: Literal["supported", "refuted", "inconclusive", "invalid"] = Field(description="what will come")
    confidence: float = Field(gt=0, lt=1, description="probability of the predicted verdict")
    controls: list[ControlName] = Field(max_length=_MOST_CONTROLS, description="controls to run; often none")

    @field_validator("objections")
    @classmethod
    def _of_the_plan(cls, objections: list[_Objecting]) -> list[_Objecting]:
        if any(item.cite == "record" for item in objections):
            raise ValueError("there is no record yet; cite 'plan'")
        return objections


_FIRST = ActionDef("review_plan", "Review the locked plan, before anything was measured.", _First)
_SECOND = ActionDef("review_record", "Review the record of the test.", _Lowering)


class ModelReviewer:
    """Reviews by language model and by lint; stateless: the same plan or record makes the same request.

    Lints come first and always stand. Where the model gives no usable answer on the plan, or none may be asked for any
    more, both reviews are the lints' alone and say so by their reviewer's name. Where it gives none on the record, what
    it said of the plan stands under its own name, for that is what it is measured by.

    Parameters
    ----------
    caller, prompts
        Who sends, and what is said.
    model, sampling
        Which model, and how it writes.
    view
        Returns what agents know now.
    """

    def __init__(
        self, caller: Caller, prompts: Prompts, model: str, sampling: Sampling, view: Callable[[], AgentView | None]
    ) -> None:
        self._caller = caller
        self._prompts = prompts
        self._sampling = sampling
        self._view = view
        self._lint = LintReviewer()
        self.model = model
        self.name = f"model reviewer 1 ({model}, prompts {prompts.sha256[:8]})"

    def review_plan(self, plan: Plan) -> Review:
        """Stage I: the plan and what agents know of the campaign; commits to objections, confound and prediction."""
        lint = self._lint.review_plan(plan)
        talk = self._conversation(f"review1-{plan.sha256[:16]}")
        try:
            talk.open(self._system(), lambda: (self._plan_message(plan), None))
            said: _First = talk.act([_FIRST]).arguments
        except (NoAnswer, BudgetSpent):
            return lint
        found = tuple(_objection(item, plan.sha256) for item in said.objections)
        return Review(
            stage=1,
            objections=_together(lint.objections, found),
            likely_confound=clean_text(said.likely_confound, 300) or lint.likely_confound,
            predicted_verdict=Verdict(said.predicted_verdict),
            confidence=said.confidence,
            cap=lowest((lint.cap, said.cap)),
            reviewer=self.name,
            controls=tuple(dict.fromkeys(said.controls)) or None,
            code_cap=lint.cap,
        )

    def review_record(self, plan: Plan, first: Review, judgement: Judgement, result_prereg: str) -> Review:
        """Stage II: the machine record, and after that the executor's words; what was objected before stands."""
        if first.reviewer != self.name:
            # The model committed to nothing on the plan, so it may not see the record.
            return self._lint.review_record(plan, first, judgement, result_prereg)
        # What code finds by itself: what the model said of the plan is the model's, and counts under its name alone.
        lint = self._lint.review_record(plan, self._lint.review_plan(plan), judgement, result_prereg)
        record = digest(judgement.model_dump(mode="json"))
        talk = self._conversation(f"review2-{digest([plan.sha256, record, result_prereg])[:16]}")
        said: list[_Lowering] = []
        try:
            talk.open(self._system(), lambda: (self._record_message(plan, first, judgement, result_prereg), None))
            said.append(talk.act([_SECOND]).arguments)
            talk.say(self._prompts.render("prose", prose=fence("rationale", plan.hypothesis.rationale)))
            said.append(talk.act([_SECOND]).arguments)
        except (NoAnswer, BudgetSpent):
            pass  # what it committed to on the plan stands, under its name
        found = tuple(
            _objection(item, plan.sha256 if item.cite == "plan" else record)
            for answer in said
            for item in answer.objections
        )
        return Review(
            stage=2,
            objections=_together(lint.objections, (*first.objections, *found)),
            likely_confound=first.likely_confound,
            predicted_verdict=first.predicted_verdict,
            confidence=first.confidence,
            cap=lowest((first.cap, lint.cap, *(answer.cap for answer in said))),
            reviewer=self.name,
            code_cap=lint.cap,
        )

    def _conversation(self, name: str) -> Conversation:
        return Conversation(self._caller, self._prompts, "reviewer", self.model, name, self._sampling)

    def _system(self) -> str:
        codes = "\n".join(f"- `{code}`: {meaning}" for code, meaning in CODES.items())
        return self._prompts.render("reviewer", codes=codes)

    def _plan_message(self, plan: Plan) -> str:
        view = self._view()
        known = None if view is None else lean_view(view, _MOST)
        campaign = {} if known is None else {"supported": known.supported, "tried": known.tried}
        return self._prompts.render(
            "plan",
            plan=fence("plan", _shown(plan)),
            campaign=fence("what agents know", campaign),
            controls="\n".join(f"- `{name}`: {meaning}" for name, meaning in CONTROLS.items()),
            controls_most=_MOST_CONTROLS,
        )

    def _record_message(self, plan: Plan, first: Review, judgement: Judgement, result_prereg: str) -> str:
        mine = first.model_dump(mode="json", include={"objections", "likely_confound", "predicted_verdict", "cap"})
        record = {**judgement.model_dump(mode="json"), "result_names_plan": result_prereg, "plan_hash": plan.sha256}
        return self._prompts.render(
            "record",
            plan=fence("plan", _shown(plan)),
            first=fence("your review of the plan", mine),
            record=fence("record", record),
        )


def _shown(plan: Plan) -> dict[str, Any]:
    """Return the plan as a reviewer sees it: whole, but for what the executor wrote."""
    shown = plan.model_dump(mode="json")
    shown["hypothesis"] = {key: value for key, value in shown["hypothesis"].items() if key != "rationale"}
    if shown.get("places") is not None:
        shown["places"]["listed"] = [place["locus"] for place in shown["places"]["listed"]]
    return shown


def _objection(item: _Objecting, evidence: str) -> Objection:
    return Objection(code=item.code, gate=item.gate, evidence=evidence, note=clean_text(item.note, 400) or "(no note)")


def _together(lint: tuple[Objection, ...], found: tuple[Objection, ...]) -> tuple[Objection, ...]:
    return tuple(dict.fromkeys((*lint, *found)))
