"""What a row says of the check of an instrument."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from theodolite.claims import Sha256

__all__ = ["ToolCheckRecord"]


class ToolCheckRecord(BaseModel):
    """What an instrument shows in worlds of known truth: how often it finds what is there, and what is not.

    Attributes
    ----------
    tool, version, source_sha256, shape
        The instrument, by exactly this source.
    worlds, catalogue
        Version of the worlds, and the catalogue whose nulls judged.
    places
        Where in the worlds' model it was read; the best on discovery genes is tested.
    planted, found, power, power_low
        Worlds with a signal, how many of their claims passed every null, that share, and its one-sided 95 % lower
        bound.
    empty, passed_empty, error, error_low, error_high
        Worlds with confounds only, how many of their claims passed, that share, and its one-sided 95 % bounds.
    unmeasured
        Worlds in which the instrument could not measure; they count as not found.
    level
        Of each test.
    fit
        Whether it may be used for verdicts: ``error_low`` is not above ``level``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    tool: str
    version: str
    source_sha256: Sha256
    shape: str
    worlds: str
    catalogue: str
    places: tuple[str, ...]
    planted: int = Field(ge=1)
    found: int = Field(ge=0)
    power: float
    power_low: float
    empty: int = Field(ge=1)
    passed_empty: int = Field(ge=0)
    error: float
    error_low: float
    error_high: float
    unmeasured: int = Field(ge=0)
    level: float = Field(gt=0, lt=1)
    fit: bool

    @model_validator(mode="after")
    def _consistent(self) -> ToolCheckRecord:
        if self.found > self.planted or self.passed_empty > self.empty:
            raise ValueError(
                f"{self.found} of {self.planted} planted and {self.passed_empty} of {self.empty} empty worlds passed"
            )
        if self.fit != (self.error_low <= self.level):
            raise ValueError(
                f"fit is {self.fit} with an error of at least {self.error_low} at level {self.level}; a tool is fit "
                "where the bound is not above the level"
            )
        return self
