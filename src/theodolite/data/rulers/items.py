"""What a campaign file may say of a ruler: exactly one way to measure, and what it needs."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from theodolite.records import Closed

__all__ = ["RulerItem"]

_WAYS = ("graph", "rank", "column", "mixture", "spatial", "cycle", "program", "ligand_receptor")


class RulerItem(Closed):
    """A ruler: give ``id`` and one of graph, rank, column, mixture, spatial, cycle, program and ligand_receptor."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,79}$", description="short name, which claims bear")
    title: str | None = Field(default=None, description="name for people; made from the id where not given")
    graph: str | None = Field(
        default=None, description="a packaged stage graph (hematopoiesis, ...), or the path of a table of them"
    )
    stages: dict[str, str] = Field(
        default_factory=dict, description="of a graph: the node of each stage that is called otherwise there"
    )
    lengths: Literal["hops", "sqrt_hops"] = Field(
        default="hops", description="of a graph: distances count steps, or square roots of steps"
    )
    rank: dict[str, float] | None = Field(default=None, description="a number for each stage")
    column: str | None = Field(default=None, description="a column of numbers of cells, such as a time or a dose")
    mixture: tuple[str, ...] | None = Field(default=None, description="columns of proportions, which add up to 1")
    spatial: tuple[str, ...] | None = Field(default=None, description="columns of coordinates, of one unit")
    cycle: tuple[str, ...] | None = Field(
        default=None, description="stages in the order in which they go round, such as G1, S, G2M"
    )
    program: tuple[str, ...] | None = Field(
        default=None,
        description="genes whose mean expression is the ruler, such as those of a metabolic state; from the counts "
        "that the model reads, so that it is searched by and no claim of it is registered",
    )
    ligand_receptor: str | None = Field(
        default=None,
        description="table of ligands and receptors: stages are near that have many pairs expressed; from the counts, "
        "like a program",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [way for way in _WAYS if getattr(self, way) is not None]
        if len(given) != 1:
            raise ValueError(f"ruler {self.id!r} is measured by {', '.join(given) or 'nothing'}; give one of "
                             f"{', '.join(_WAYS)}")  # fmt: skip
        if self.graph is None and (self.stages or self.lengths != "hops"):
            raise ValueError(f"ruler {self.id!r}: stages and lengths are of a graph, and it is measured by {given[0]}")
        for way, least in (("mixture", 2), ("spatial", 1), ("cycle", 3), ("program", 2)):
            value = getattr(self, way)
            if value is not None and (len(value) < least or len(set(value)) != len(value)):
                raise ValueError(
                    f"ruler {self.id!r}: {way} needs {least} names or more, each once; got {list(value)!r}"
                )
        return self

    @property
    def from_counts(self) -> bool:
        """Whether it is computed from the counts that a model reads."""
        return self.program is not None or self.ligand_receptor is not None
