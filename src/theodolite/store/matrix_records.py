"""What the row of a campaign says of the matrix that it came in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from theodolite.claims import Sha256

__all__ = ["InstrumentRecord", "MatrixRecord"]


class InstrumentRecord(BaseModel):
    """What an instrument of a campaign can be asked: its number of places, and the kind of reference it takes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    places: int = Field(ge=0)
    kind: str


class MatrixRecord(BaseModel):
    """Which child of which matrix of campaigns a campaign is.

    Attributes
    ----------
    name, sha256
        The matrix, and the hash of the ids of all its campaigns.
    place, children
        The campaign's place among them, from 1, and how many there are.
    axes
        What its ``model``, ``cells``, ``references`` and ``seed`` are called.
    instruments
        By tool.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    sha256: Sha256
    place: int = Field(ge=1)
    children: int = Field(ge=1)
    axes: dict[str, str]
    instruments: dict[str, InstrumentRecord]
