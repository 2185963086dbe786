"""The locked plan of a test: everything that decides a verdict, fixed before any confirmatory number exists."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Literal

from pydantic import Field

from theodolite.canonical import digest
from theodolite.claims import Hypothesis, Locus, Sha256
from theodolite.records import Record

__all__ = ["Block", "EvidenceKind", "LevelRule", "NullName", "Params", "Plan", "PlannedPlace", "Places", "reading_name"]

EvidenceKind = Literal["p", "e"]
"""What a tool's nulls give: a permutation p-value, or an e-value that may be stopped at any time."""

Params = dict[str, int | str | None]
"""Parameters of a tool, as plain data."""

NullName = Literal[
    "family_block_swap", "stratified_labels", "curveball", "coexpression_strata", "swap_in_donor", "swap_in_branch",
    "swap_in_depth",
]  # fmt: skip
"""The nulls of the catalogues. A verdict needs all of a plan's panel: the hardest one counts."""


class LevelRule(Record):
    """The error stream that the test draws its level from.

    Attributes
    ----------
    stream
        Name of the error budget. ``<name>`` for open blocks, ``<name>/reused`` for retired ones.
    rule
        ``r-lond``: level ``q * gamma_t * (R + 1) / H_t`` for p (Zrnic, Ramdas and Jordan 2021). ``e-lond``: level
        ``q * gamma_t * (R + 1)`` for e, into which p enters through the grid calibrator (Xu and Ramdas 2024).
    q
        Target false-discovery rate of the stream.
    n_max
        Number of tests over which gamma sums to one.
    provisional_t, provisional_alpha
        Index and level if every earlier claim of the round spends and nothing of the round is supported; used for
        resolution and power. The level at record is smaller only where a support was invalidated in between.
    supports_per_block
        Economy mode: supports after which a block is retired, each paid for by a larger required e. None is strict
        mode, in which the first round with a support retires the block.
    """

    later: ClassVar[frozenset[str]] = frozenset({"supports_per_block"})

    stream: str
    rule: Literal["r-lond", "e-lond"]
    q: float
    n_max: int
    provisional_t: int
    provisional_alpha: float
    supports_per_block: int | None = None


class Block(Record):
    """The confirmation units that the test will see.

    Attributes
    ----------
    id
        ``<split hash prefix>/block-1``.
    split_sha256
        Hash of the partition of families and cell units.
    reused
        True if the block was retired before this round: a support then carries ``[reused hold-out]``.
    """

    id: str
    split_sha256: Sha256
    reused: bool


class PlannedPlace(Record):
    """One place of a closed list: the locus, and the parameters with which the tool reads it."""

    locus: Locus
    params: Params


class Places(Record):
    """The closed list of places over which the statistic of a claim about "any" place takes its maximum.

    Attributes
    ----------
    n_layers, n_heads, read_out
        Size of the model, from which the tool's closed list follows.
    listed
        Every place that the tool admits in such a model, in its order.
    """

    n_layers: int
    n_heads: int
    read_out: bool
    listed: tuple[PlannedPlace, ...] = Field(min_length=2)


def reading_name(variant: str, locus: Locus) -> str:
    """Return the name of a variant's measurement at one of several places."""
    return f"{variant}@{locus}"


class Plan(Record):
    """What registration locks. ``sha256`` is the pre-registration hash that the result must name.

    Attributes
    ----------
    hypothesis
        Claim, locus, direction, tool.
    claim_text
        The claim in words, made by code from the typed claim.
    campaign, round, slot
        Where in the campaign it was registered.
    estimand, statistic
        What is estimated and the statistic of the nulls, from the closed list of its shape.
    shape
        Name of the measurement shape.
    params
        Parameters of the tool.
    variants
        The variants whose measurements the gates need, as text (``main``, ``untrained(1)``).
    fitted
        Hash of the artefact fitted on discovery units (axes, centre), by variant; empty where nothing is fitted.
    reference_sha256, families_sha256, cells_sha256, model_sha256
        Hashes of the inputs.
    block, level
        The hold-out block and the error stream.
    null_panel
        Nulls to beat, all of them.
    draws
        Monte-Carlo draws of each null.
    seed
        Root seed of every draw of this test.
    sesoi
        Smallest effect size of interest, in the unit of the effect.
    minimum_detectable_effect
        Effect found with power 0.90 at the provisional level, from the null's spread without the observed statistic.
    reference_in_block, families_in_block
        Member genes or pairs of the reference in the block, and families they span.
    catalogue, decision
        Versions of the gate catalogue and of the decision function.
    evidence
        What the nulls give, fixed by the tool; None is ``p``, as in catalogue 1.
    unit
        Unit of exchangeability that the nulls move and the interval resamples.
    selected_on
        The part of the split on which locus, tail and whatever is fitted were chosen.
    loci
        Parameters of the tool by baseline variant: each baseline's own best place, chosen on discovery units.
    coexpression_sha256
        Artefact with the co-expression of the block's genes, from counts of the same cells.
    sources
        What the scores derive from, and what each covariate derives from, by name.
    shared_cell_units
        Cell units (donors, batches, cells) that discovery and confirmation have in common; above 0 a support speaks of
        these cells only.
    ablation
        The defence that a calibration study switched off; None in every campaign.
    places
        For a claim about "any" place: the places, at each of which every variant is measured; ``params`` is empty then
        and ``loci`` None. None for a claim about one place.
    tool_sha256
        Source of the instrument, as the registry hashes it; what measures must be this source. None in plans that were
        locked before it was stated.
    runs_on
        Device and floating-point type that the model runs on, such as ``cuda float16``; None for ``cpu float32``.
    unverified_model
        True where the model was not shown to do what it was trained for; every verdict then says so.
    """

    later: ClassVar[frozenset[str]] = frozenset(
        {
            "evidence",
            "unit",
            "selected_on",
            "loci",
            "coexpression_sha256",
            "sources",
            "shared_cell_units",
            "ablation",
            "places",
            "tool_sha256",
            "runs_on",
            "unverified_model",
        }
    )

    hypothesis: Hypothesis
    claim_text: str
    campaign: str
    round: int = Field(ge=1)
    slot: int = Field(ge=1)
    estimand: str
    statistic: Literal["auroc", "spearman"]
    shape: Literal["GeneScores", "PairScores", "BipartiteScores", "AnchorLatents"]
    params: Params
    variants: tuple[str, ...]
    fitted: dict[str, Sha256]
    reference_sha256: Sha256
    families_sha256: Sha256
    cells_sha256: Sha256
    model_sha256: Sha256
    block: Block
    level: LevelRule
    null_panel: tuple[NullName, ...] = Field(min_length=1)
    draws: int = Field(ge=1)
    seed: int
    sesoi: float = Field(gt=0)
    minimum_detectable_effect: float
    reference_in_block: int
    families_in_block: int
    catalogue: str
    decision: str
    evidence: EvidenceKind | None = None
    unit: str | None = None
    selected_on: str | None = None
    loci: dict[str, Params] | None = None
    coexpression_sha256: Sha256 | None = None
    sources: dict[str, tuple[str, ...]] | None = None
    shared_cell_units: int | None = None
    ablation: str | None = None
    places: Places | None = None
    tool_sha256: Sha256 | None = None
    runs_on: str | None = None
    unverified_model: Literal[True] | None = None

    @property
    def explanations(self) -> int:
        """How many null hypotheses share the level: the panel's for a claim about "any" place, else one.

        At one place the nulls are one hypothesis, that one of them explains it, and no correction is due. Of several
        places each may have another explanation, and the chances of a finding add up.
        """
        return 1 if self.places is None else len(self.null_panel)

    @property
    def null_alpha(self) -> float:
        """The provisional level that the evidence against each null is held to."""
        return self.level.provisional_alpha / self.explanations

    @property
    def readings(self) -> dict[str, tuple[str, Params]]:
        """Variant and parameters of every measurement of the test, by the name that its result gives to it.

        That is the variant where the claim is about one place, and ``variant@place`` where it is about any.
        """
        if self.places is None:
            own = self.loci or {}
            return {variant: (variant, own.get(variant, self.params)) for variant in self.variants}
        return {
            reading_name(variant, place.locus): (variant, place.params)
            for place in self.places.listed
            for variant in self.variants
        }

    @cached_property
    def sha256(self) -> str:
        """Pre-registration hash: SHA-256 of the canonical JSON of the whole plan."""
        return digest(self.model_dump(mode="json"))
