"""Which language models take which role in a campaign, and how they are asked."""

from __future__ import annotations

from pydantic import Field, model_validator

from theodolite.records import Closed

__all__ = ["LINT", "PLANNER", "AgentsSpec"]

PLANNER = "planner"
"""What a campaign file calls the offline planner."""
LINT = "lint"
"""What a campaign file calls the offline reviewer."""

_HOSTED = ("gpt-4.1", "gpt-5.1")
"""Hosted models of which the first that is not the executor reviews, where a file names no reviewer."""


class AgentsSpec(Closed):
    """The roles."""

    executor: str = Field(default=PLANNER, min_length=1, description="name of a model, or 'planner'")
    reviewer: str = Field(default="", description="name of a model, or 'lint'; another model where not given")
    temperature: float | None = Field(default=None, ge=0, le=2, description="of both; the server's own where not given")
    answer_tokens: int = Field(default=2000, ge=100, description="longest answer")
    context_tokens: int = Field(default=6000, ge=1000, description="longest context of an executor, about")
    looks_a_claim: int = Field(default=8, ge=0, description="looks that an executor may take before one claim")
    prompts: str | None = Field(default=None, description="folder with prompts that replace the packaged ones")

    @model_validator(mode="before")
    @classmethod
    def _another_reviewer(cls, given: object) -> object:
        if isinstance(given, dict) and not given.get("reviewer"):
            executor = given.get("executor", PLANNER)
            other = LINT if executor == PLANNER else next(name for name in _HOSTED if name != executor)
            return {**given, "reviewer": other}
        return given

    @property
    def models(self) -> dict[str, str]:
        """Names of models by role, without roles that need none."""
        roles = {"executor": (self.executor, PLANNER), "reviewer": (self.reviewer, LINT)}
        return {role: name for role, (name, offline) in roles.items() if name != offline}
