"""Manifold search: where a fitter puts anchors by what a model holds of their cells (arXiv 2603.10261)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.manifolds.dimension import donor_dimension
from theodolite.manifolds.embedding import Fitter
from theodolite.manifolds.fitters import READS_RULER, FitterChoice
from theodolite.manifolds.placing import place_all, placements_of
from theodolite.manifolds.trust import trustworthiness
from theodolite.measurements import AnchorLatents
from theodolite.tools.anchor_bench import AnchorBench
from theodolite.tools.registry import ToolError, ToolParams, tool
from theodolite.tools.workbench import BenchSize, ModelShape

__all__ = ["Featurizer", "FitterName", "Follows", "GraphSize", "follows"]

Floats = NDArray[np.float64]
Featurizer = Literal["residual", "drift", "mixture", "attention_drift", "operator"]
FitterName = Literal["isomap", "landmark_isomap", "geodesic_mds", "diffusion_map", "let"]
GraphSize = Literal[10, 15]

_COMPONENTS: Final = 20
_DIMENSIONS: Final = (3,)


class Follows(ToolParams):
    """Parameters of :func:`follows`."""

    features: Featurizer = Field(
        description="residual: the stream after a block; drift: its change to the next; mixture: both side by side, "
        "with equal shares of the variance; attention_drift: change of the attention that genes receive from one block "
        "to a later one; operator: expression carried over by a block's mean attention between genes"
    )
    layer: int = Field(ge=0, description="residual stream after this many blocks; of attention the block, from 1")
    to: int | None = Field(default=None, ge=1, description="the later layer or block of a drift or a mixture")
    fitter: FitterName = Field(description="who makes the latent space; let reads the ruler of rows that it fits")
    dimension: int = Field(default=3, ge=1, le=10, description="latent dimensions")
    size: int = Field(ge=2, description="neighbours of a graph or a bandwidth; of let, components of the features")

    @model_validator(mode="after")
    def _two_ends(self) -> Self:
        ends = self.features in ("drift", "mixture", "attention_drift")
        if ends is (self.to is None) or (self.to is not None and self.to <= self.layer):
            raise ValueError(f"features {self.features!r} from layer {self.layer} to {self.to}: give a later layer, "
                             "or none for what reads one layer")  # fmt: skip
        return self

    def locus(self) -> Locus:
        """Return the layer, or the span of layers."""
        if self.to is None:
            return Locus(kind=LocusKind.LAYER, layer=self.layer)
        return Locus(kind=LocusKind.SPAN, layer=self.layer, index=(self.to,))

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield featurizers of every layer, each with every fitter and its settings."""
        for (features, layer, to), dimension in product(_places(shape), _DIMENSIONS):
            for fitter in get_args(FitterName):
                for size in (_COMPONENTS,) if fitter == "let" else get_args(GraphSize):
                    yield cls(features=features, layer=layer, to=to, fitter=fitter, dimension=dimension, size=size)

    def chosen_fitter(self) -> Fitter:
        """Return the fitter with its settings."""
        setting = "components" if self.fitter == "let" else "neighbours"
        return FitterChoice(self.fitter, (*sorted({"dimension": self.dimension, setting: self.size}.items()),)).fitter()


def _places(shape: ModelShape) -> Iterator[tuple[Featurizer, int, int | None]]:
    for layer in range(shape.n_layers + 1):
        yield "residual", layer, None
    for layer in range(shape.n_layers):
        yield "drift", layer, layer + 1
        yield "mixture", layer, layer + 1
    # Early to middle and middle to late, as in the paper, whatever the depth.
    middle = (1 + shape.n_layers) // 2
    for first, last in dict.fromkeys(((1, middle), (middle, shape.n_layers))):
        if first < last:
            yield "attention_drift", first, last
    for layer in range(1, shape.n_layers + 1):
        yield "operator", layer, None


def _rows(bench: AnchorBench, params: Follows) -> Floats:
    """Return the features (n, width) that are fitted."""
    match params.features:
        case "residual":
            return bench.residual(params.layer)
        case "operator":
            return bench.operated(params.layer)
    assert params.to is not None
    if params.features == "attention_drift":
        return bench.attention(params.to) - bench.attention(params.layer)
    before = bench.residual(params.layer)
    drift = bench.residual(params.to) - before
    if params.features == "drift":
        return drift
    parts = []
    for rows in (before, drift):
        # The scale is that of rows that may be read, so that no other row has a say in it.
        seen = rows[bench.readable]
        size = float(np.sqrt(seen.var(axis=0).sum()))
        if not size > 0.0:
            raise ToolError("a part of the mixture is the same in all anchors; leave the mixture out")
        parts.append((rows - seen.mean(axis=0)) / size)
    return np.hstack(parts)


def _memory(size: BenchSize, params: Follows) -> int:
    # Distances between anchors, of which a fitter holds a few at once; there are at most as many anchors as cells / 5.
    return 8 * 6 * min(size.cells // 5 + 1, 5_000) ** 2


@tool(
    family="manifold",
    shape=AnchorLatents,
    object="anchor_manifold",
    relation=Relation.FOLLOWS,
    unit="Euclidean distance in the latent space, of which only ranks count",
    version="1",
    memory=_memory,
)
def follows(bench: AnchorBench, params: Follows) -> AnchorLatents:
    """Where a fitter puts anchors, for every way of holding some of them out.

    Anchors are centroids of the cells of one donor, tissue and stage. Features are read of a layer of the model, and a
    fitter makes a latent space of the rows that it may read: of donors of the search. Others are placed without being
    read. Candidates of the closed list are tried on discovery donors; what is claimed is measured on others. A ruler is
    attached when the gates judge; LET alone reads it before, of rows that it fits. Baselines stand in the place of the
    model: principal components and a random projection of expression, the model's vectors of genes without the model,
    and untrained models. Source: arXiv 2603.10261.

    Returns
    -------
    AnchorLatents
        Coordinates of each placement, the trustworthiness of judged rows and the intrinsic dimension of their features.

    Raises
    ------
    ToolError
        If the features cannot be had, or a fitter cannot fit them: too few rows, a graph in parts.
    """
    substitute = bench.instead(params.dimension)
    rows, fitter = (_rows(bench, params), params.chosen_fitter()) if substitute is None else substitute
    reads_ruler = substitute is None and params.fitter in READS_RULER
    ruler = bench.ruler() if reads_ruler else None
    if reads_ruler and ruler is None:
        raise ToolError(f"{params.fitter} reads a ruler, and this job names none; choose another fitter")
    judged, seed = bench.judged, bench.seed
    try:
        placements = placements_of(bench.donors, bench.branches, bench.tips, bench.readable, judged, seed)
        latent = place_all(rows, fitter, ruler, placements).latent
        first = latent[: len(rows)]
        trust = trustworthiness(rows[judged], first[judged])
        donors = [donor for donor, counts in zip(bench.donors, judged, strict=True) if counts]
        found = donor_dimension(rows[judged], donors)
    except (ValueError, np.linalg.LinAlgError) as error:
        raise ToolError(str(error)) from error
    return AnchorLatents(
        anchors=bench.anchors,
        donor=bench.donors,
        block=bench.blocks,
        branch=bench.branches,
        judged=judged,
        placements=tuple(placement.name for placement in placements),
        read=np.array([placement.read for placement in placements]),
        held=np.array([placement.held for placement in placements]),
        latent=latent,
        trust=np.array([trust]),
        dimension=np.array([found.whole.dimension, found.low, found.high]),
        unit=follows.unit,
    )
