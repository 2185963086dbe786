"""The vocabulary of claims: what is claimed, where, under which identity, and how a claim may end.

A claim's identity is the typed tuple (object, relation, reference, model, context, adjustment); layer, metric, seed,
threshold and wording are not part of it, so that a paraphrase can never become a new claim. A hypothesis is a claim at
a locus. The stream of errors counts hypotheses; credit is earned once a claim key.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from theodolite.canonical import digest
from theodolite.records import Closed

__all__ = [
    "Author",
    "Claim",
    "Covariate",
    "Direction",
    "Hypothesis",
    "Locus",
    "LocusKind",
    "Named",
    "Relation",
    "Tag",
    "Verdict",
]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,79}$")]


class Named(Closed):
    """A thing known by a name to people and by a content hash to the ledger."""

    name: Name
    sha256: Sha256


class Relation(StrEnum):
    """What the object is claimed to do with the reference; a closed list."""

    SEPARATES = "separates"
    """The object's values of the reference's genes lie apart from those of the other genes."""
    RANKS_ABOVE = "ranks_above"
    """The object ranks the reference's gene pairs above the other pairs."""
    CHANGES_WITH_DEPTH = "changes_with_depth"
    """The standing of the reference's gene pairs rises, or falls, over a span of layers more than that of others."""
    PEAKS_EARLIER = "peaks_earlier"
    """The reference's gene pairs stand highest in the earlier layers, or the later ones, more than others do."""

    STABLE_WITH_DEPTH = "stable_with_depth"
    """The standing of the reference's gene pairs rises or falls over a span of layers by no effect of interest."""

    FOLLOWS = "follows"
    """Distances between anchors, which are centroids of cells, are in the order that the reference's have: a ruler."""

    @property
    def of_depth(self) -> bool:
        """Whether it compares layers with one another, so that what has no layers has nothing to say of it."""
        return self in (Relation.CHANGES_WITH_DEPTH, Relation.PEAKS_EARLIER, Relation.STABLE_WITH_DEPTH)

    @property
    def of_no_effect(self) -> bool:
        """Whether it claims that an effect lies between two bounds, and so is shown by ruling out what is beyond them.

        Such a claim has no tail, and no baseline could be beaten at it. It names its place: of many places that can be
        read there is nearly always one where nothing happens.
        """
        return self is Relation.STABLE_WITH_DEPTH

    @property
    def of_cells(self) -> bool:
        """Whether it speaks of cells and donors, where every other relation speaks of genes."""
        return self is Relation.FOLLOWS

    @property
    def two_sided(self) -> bool:
        """Whether either tail can be claimed: an axis has two ends, and a trend two directions."""
        return self not in (Relation.RANKS_ABOVE, Relation.STABLE_WITH_DEPTH, Relation.FOLLOWS)


class Covariate(StrEnum):
    """What a claim is adjusted for; computed from counts of the same cells, never from the model."""

    MEAN = "mean_expression"
    VARIANCE = "variance"
    DROPOUT = "dropout"
    CO_EXPRESSION = "co_expression"
    """Of two genes, over the same cells; a covariate of pairs."""
    DEGREE = "degree"
    """Of a gene in the score and in the reference: hubs."""


class Direction(StrEnum):
    """Which tail is evidence; chosen on discovery units and locked in the plan. No part of the identity."""

    GREATER = "greater"
    LESS = "less"


class LocusKind(StrEnum):
    """The closed list of places in a model at which a claim can be made."""

    ANY = "any"
    LAYER = "layer"
    HEAD = "head"
    MLP = "mlp"
    AXIS = "axis"
    WINDOW = "window"
    FEATURE = "feature"
    SPAN = "span"
    BOUNDARY = "boundary"
    READ_OUT_AXIS = "read_out_axis"
    READ_OUT_WINDOW = "read_out_window"


_INDEX_LENGTH = {
    LocusKind.ANY: 0,
    LocusKind.LAYER: 0,
    LocusKind.HEAD: 1,
    LocusKind.MLP: 0,
    LocusKind.AXIS: 1,
    LocusKind.WINDOW: 2,
    LocusKind.FEATURE: 1,
    LocusKind.SPAN: 1,
    LocusKind.BOUNDARY: 0,
    LocusKind.READ_OUT_AXIS: 1,
    LocusKind.READ_OUT_WINDOW: 2,
}
_WITHOUT_LAYER = (LocusKind.ANY, LocusKind.READ_OUT_AXIS, LocusKind.READ_OUT_WINDOW)


class Locus(Closed):
    """A place in the model.

    Attributes
    ----------
    kind
        One of :class:`LocusKind`.
    layer
        Residual stream after ``layer`` blocks (0 is the embedding) for axes, windows and features; the block, counted
        from 1, for attention, heads and MLPs. Of a span the first layer, of a boundary the last one before it. None for
        ``any``, and for the read-out: the gene vectors that predictions are read out with.
    index
        ``(head,)``, ``(axis,)``, ``(first axis, last axis)``, ``(feature,)`` by rank or ``(last layer,)`` of a span,
        counted from 1; empty for ``any``, ``layer``, ``mlp`` and ``boundary``.
    """

    kind: LocusKind
    layer: int | None = None
    index: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Locus:
        wanted = _INDEX_LENGTH[self.kind]
        if len(self.index) != wanted:
            raise ValueError(f"a locus of kind {self.kind.value!r} has {wanted} indices, got {self.index!r}")
        if (self.layer is None) != (self.kind in _WITHOUT_LAYER):
            needs = "has no layer" if self.kind in _WITHOUT_LAYER else "needs a layer"
            raise ValueError(f"a locus of kind {self.kind.value!r} {needs}, got layer {self.layer!r}")
        if self.layer is not None and self.layer < 0:
            raise ValueError(f"layer is {self.layer!r}; layers are counted from 0 (the embedding)")
        if any(item < 1 for item in self.index) or list(self.index) != sorted(self.index):
            raise ValueError(f"locus index {self.index!r} must be counted from 1 and ascend")
        if self.kind is LocusKind.SPAN and self.layer is not None and self.index[0] <= self.layer:
            raise ValueError(f"a span from layer {self.layer} to layer {self.index[0]} holds no second layer")
        return self

    def __str__(self) -> str:
        match self.kind:
            case LocusKind.ANY:
                return "any place"
            case LocusKind.LAYER:
                return f"layer {self.layer}"
            case LocusKind.HEAD:
                return f"layer {self.layer} head {self.index[0]}"
            case LocusKind.MLP:
                return f"layer {self.layer} MLP"
            case LocusKind.AXIS:
                return f"layer {self.layer} axis {self.index[0]}"
            case LocusKind.WINDOW:
                return f"layer {self.layer} axes {self.index[0]}-{self.index[1]}"
            case LocusKind.FEATURE:
                return f"layer {self.layer} feature {self.index[0]}"
            case LocusKind.SPAN:
                return f"layers {self.layer} to {self.index[0]}"
            case LocusKind.BOUNDARY:
                return f"layers up to {self.layer}"
            case LocusKind.READ_OUT_AXIS:
                return f"read-out axis {self.index[0]}"
            case LocusKind.READ_OUT_WINDOW:
                return f"read-out axes {self.index[0]}-{self.index[1]}"


class Claim(Closed):
    """The typed tuple that a claim's identity is made of.

    Attributes
    ----------
    object
        What of the model is read, by the name that the measuring tool declares (``axis_coordinate``).
    relation
        What it is claimed to do.
    reference
        The gene set or pair list, by content hash.
    model, context
        The model (by weights) and the cells (by content) that it read.
    adjustment
        The covariates held fixed, sorted.
    """

    object: Name
    relation: Relation
    reference: Named
    model: Named
    context: Named
    adjustment: tuple[Covariate, ...] = ()

    @model_validator(mode="after")
    def _sorted_adjustment(self) -> Claim:
        if list(self.adjustment) != sorted(set(self.adjustment)):
            raise ValueError(f"adjustment {self.adjustment!r} must be sorted and free of repeats")
        return self

    @cached_property
    def key(self) -> str:
        """``claim_key``: SHA-256 of the typed tuple, names left out wherever a content hash stands for them."""
        return digest(
            {
                "object": self.object,
                "relation": self.relation,
                "reference": self.reference.sha256,
                "model": self.model.sha256,
                "context": self.context.sha256,
                "adjustment": list(self.adjustment),
            }
        )


class Author(StrEnum):
    """Who proposed a hypothesis."""

    PLANNER = "planner"
    EXECUTOR = "executor"
    PERSON = "person"


class Hypothesis(Closed):
    """A claim at a locus, with the reason it was proposed and the rows that led to it.

    Attributes
    ----------
    claim, locus
        The identity.
    direction
        The tail that counts as evidence, from discovery units.
    tool
        ``name@version`` of the tool that will measure it.
    rationale
        Why it was proposed, in one sentence; never read by a gate.
    parents
        Ids of ledger entries (looks, hypotheses) that it rests on.
    author
        Who proposed it.
    """

    claim: Claim
    locus: Locus
    direction: Direction
    tool: str
    rationale: str = Field(max_length=2000)
    parents: tuple[str, ...] = ()
    author: Author = Author.PLANNER

    @cached_property
    def id(self) -> str:
        """``hypothesis_id``: SHA-256 of (claim key, locus)."""
        return digest([self.claim.key, self.locus.model_dump(mode="json")])


class Verdict(StrEnum):
    """How a hypothesis may end."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Order of §0b rule 14: {supported, refuted} > inconclusive > invalid; an error has no result."""
        return {"supported": 2, "refuted": 2, "inconclusive": 1, "invalid": 0, "error": 0}[self.value]


class Tag(StrEnum):
    """What qualifies a verdict without changing it."""

    REUSED_HOLD_OUT = "[reused hold-out]"
    THESE_CELLS = "[these cells]"
    ONE_BLOCK = "[one block]"
    UNVERIFIED_MODEL = "[unverified model]"
    NO_PANEL = "[no expected-fail panel]"
    """No cells in which the claim must fail were there to show that it does."""


ReviewerCap = Literal["none", "inconclusive", "invalid"]
