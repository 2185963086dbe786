"""What a campaign file may say under ``manifold:``: the anchors, the rulers, and what is searched."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from theodolite.data.rulers import LEAST_CELLS, RulerItem
from theodolite.records import Closed
from theodolite.tools.manifold import Featurizer, FitterName, GraphSize

__all__ = ["ExpectedFail", "ManifoldSpec"]


class ExpectedFail(Closed):
    """Cells in which every claim must fail, such as those of a tissue that does not go through the stages."""

    column: str = Field(description="column of labels")
    values: tuple[str, ...] = Field(min_length=1, description="its values that name these cells")


class ManifoldSpec(Closed):
    """Anchors are centroids of the cells of one donor, tissue and stage; rulers say how far apart they should be."""

    stage: str = Field(description="obs column with the stage, or type, of each cell")
    donor: str | None = Field(
        default=None,
        description="obs column with donors, half of which are kept for tests; where not given, cells of a stage are "
        "dealt at random into `replicates` groups, and verdicts speak of these cells only",
    )
    tissue: str | None = Field(default=None, description="obs column with tissues")
    branch: str | None = Field(
        default=None, description="obs column with branches; those of the first stage graph where not given"
    )
    tips: tuple[str, ...] | None = Field(
        default=None, description="branches that are left out of fits whole; all but that of the root where not given"
    )
    rulers: tuple[RulerItem, ...] = Field(min_length=1, description="rulers, each with an id and one way to measure")
    expected_fail: ExpectedFail | None = Field(default=None, description="cells in which every claim must fail")
    least_cells: int = Field(default=LEAST_CELLS, ge=1, description="fewest cells of an anchor")
    replicates: int = Field(default=12, ge=12, le=100, description="groups of cells where there are no donors")
    features: tuple[Featurizer, ...] = Field(
        default=("residual", "drift", "mixture", "attention_drift", "operator"), min_length=1
    )
    fitters: tuple[FitterName, ...] = Field(
        default=("isomap", "landmark_isomap", "geodesic_mds", "diffusion_map", "let"), min_length=1
    )
    sizes: tuple[GraphSize, ...] = Field(default=(10, 15), min_length=1, description="neighbours of a graph")
    candidates: int = Field(default=200, ge=1, le=5_000, description="most candidates that are tried")

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [item.id for item in self.rulers]
        if len(set(names)) != len(names):
            raise ValueError(f"two rulers are called {max(names, key=names.count)!r}; ids are names of claims")
        for field in ("features", "fitters", "sizes", "tips"):
            value = getattr(self, field)
            if value is not None and len(set(value)) != len(value):
                raise ValueError(f"manifold.{field} lists one twice in {list(value)!r}")
        if self.branch is None and not any(item.graph for item in self.rulers):
            raise ValueError("no branches are known: name their column by `branch:`, or give a ruler of a stage graph")
        return self
