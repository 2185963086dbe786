"""What a row says of a description: what was seen of a whole model on discovery genes, and that it claims nothing."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from theodolite.claims import Sha256

__all__ = ["DESCRIPTION_STANDING", "DescriptionRecord", "DescriptionStanding", "DescriptionStatus"]

DescriptionStanding = Literal["description: makes no claim, spends no level"]
"""What every such row says of itself, in the words that people read."""

(DESCRIPTION_STANDING,) = get_args(DescriptionStanding)

DescriptionStatus = Literal["done", "tool_error", "timeout", "memory", "crash", "unsound"]
"""How its job ended."""


class DescriptionRecord(BaseModel):
    """What one description saw of one variant of a model; it can only be of discovery units.

    Attributes
    ----------
    description, version, source_sha256, params
        What was run, by exactly this source.
    references
        Content hashes of what it was held against, by id; whole references, though it sees their discovery genes only.
    variant
        The model, or a baseline beside it.
    about
        What the sentence of a baseline is about where that of the model picked one of several references or genes; the
        same one, so that both can be compared.
    job_sha256
        The job that ran.
    artefact
        The part of the references on discovery genes, which the job was given; None without any.
    measurement, shape, unit
        Artefact of what was measured, its shape, and what one unit of it is; the artefact is None where the job failed.
    facts
        Numbers with their controls and p-values, rounded; empty where the job failed.
    sentence
        The same in words; None where the job failed.
    status, reason
        How the job ended, and why where it failed.
    standing
        That it is no claim.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    description: str = Field(min_length=1)
    version: str
    source_sha256: Sha256
    params: dict[str, Any]
    references: dict[str, Sha256]
    variant: str
    split: Literal["discovery"]
    job_sha256: Sha256
    artefact: Sha256 | None = None
    about: str | None = None
    measurement: Sha256 | None
    shape: str
    unit: str
    facts: dict[str, Any]
    sentence: str | None
    status: DescriptionStatus
    reason: str
    standing: DescriptionStanding

    @model_validator(mode="after")
    def _consistent(self) -> DescriptionRecord:
        done = self.status == "done"
        if done is (self.measurement is None) or done is (self.sentence is None) or (self.facts and not done):
            raise ValueError(
                f"a description that ended as {self.status!r} with the measurement {self.measurement!r} and the "
                f"sentence {self.sentence!r}; exactly those that are done have both"
            )
        if bool(self.references) is (self.artefact is None):
            raise ValueError(
                f"references {sorted(self.references)!r} with the artefact {self.artefact!r}; exactly a description "
                "that is held against references names the part of them that its job was given"
            )
        return self
