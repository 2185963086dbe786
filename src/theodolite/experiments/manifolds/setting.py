"""The setting of a campaign about manifolds: donors in place of gene families, rulers in place of gene sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Final, Literal

import numpy as np

from theodolite.canonical import canonical_json, digest
from theodolite.claims import Claim, Locus, Named
from theodolite.data import DISCOVERY, Testability
from theodolite.data.rulers import AnchorTable, Ruler
from theodolite.data.seeded import derive_seed
from theodolite.experiments.manifold_spec import ManifoldSpec
from theodolite.experiments.setting import Setting
from theodolite.gates.anchors.panel import JudgedRows, blinded_anchor_spread, drawable
from theodolite.gates.anchors.permutation import null_branch
from theodolite.gates.catalogue_manifold import CATALOGUE_VERSION
from theodolite.gates.catalogue_manifold.discipline import (
    LEAST_ANCHORS,
    LEAST_UNITS,
    NULL_BRANCH,
    PANEL,
    RANDOM_OPERATOR,
    REQUIRED,
)
from theodolite.gates.catalogue_manifold.shape import LEAST_RHO
from theodolite.plans import EvidenceKind, LevelRule, Params, Places
from theodolite.tools import Tool, ToolError, ToolParams
from theodolite.tools.manifold import Follows

__all__ = ["ManifoldSetting"]

DRAWS: Final = 9_999


@dataclass(frozen=True)
class ManifoldSetting(Setting):
    """A campaign about manifolds; equal to a :class:`Setting` in what the steps of a round ask of it.

    Attributes
    ----------
    table
        Anchors of the cells that claims are about.
    panel
        Anchors of cells in which every claim must fail; None where the file names none.
    tips
        Branches that are left out of fits.
    chosen
        By ruler and place in words, the candidate that the search put first there.
    """

    table: AnchorTable = field(kw_only=True, repr=False)
    panel: AnchorTable | None = field(kw_only=True, default=None, repr=False)
    tips: tuple[str, ...] = field(kw_only=True)
    chosen: dict[tuple[str, str], Follows] = field(kw_only=True, default_factory=dict, repr=False)
    catalogue: ClassVar[str] = CATALOGUE_VERSION
    statistic: ClassVar[Literal["auroc", "spearman"]] = "spearman"
    estimand: ClassVar[str] = (
        "Spearman's correlation of latent distances with the ruler, over anchors of confirmation donors"
    )

    @property
    def manifold(self) -> ManifoldSpec:
        """What the file says of anchors and rulers."""
        assert self.spec.manifold is not None
        return self.spec.manifold

    @cached_property
    def contents(self) -> dict[str, str]:
        """Names and content hashes of the inputs; part of the campaign's identity."""
        found = super().contents
        return {name: value for name, value in found.items() if name != "families"}

    @property
    def unit(self) -> str:  # type: ignore[override]
        """What the interval resamples: donors, or groups of cells that stand in for them."""
        return self.table.unit

    def draws(self, kind: EvidenceKind, level: LevelRule) -> int:
        """Return how many draws of each null are made: a draw of anchors costs more than one of genes."""
        return DRAWS

    def ruler(self, name: str) -> Ruler:
        """Return a ruler by its id."""
        found = self.references[name]
        assert isinstance(found, Ruler)
        return found

    def genes(self, split: str) -> tuple[str, ...]:
        """Return the units of a part: donors."""
        return self.split.cell_units(split)

    def anchors(self, split: str, table: AnchorTable | None = None) -> AnchorTable:
        """Return the anchors that a job of a part sees: those of discovery donors, and of the part's own."""
        donors = {*self.split.cell_units(DISCOVERY), *self.split.cell_units(split)}
        return (table or self.table).of_donors(donors)

    def testability(self, block: str) -> dict[str, Testability]:
        """Return for each ruler whether a block can test it, and why not."""
        if block not in self._testability:
            own = self.table.of_donors(self.split.cell_units(block))
            self._testability[block] = {name: self._testable(name, block, own) for name in self.references}
        return self._testability[block]

    def _testable(self, name: str, block: str, own: AnchorTable) -> Testability:
        places = len({node for anchor, node in self.ruler(name).member_set if anchor in set(own.anchors)})
        few = [
            (len(own.donors), LEAST_UNITS, "donors", "give cells of more donors, or leave `donor` out"),
            (len(own.anchors), LEAST_ANCHORS, "anchors", "give more cells, or a smaller least_cells"),
            (places, 3, "places of the ruler", "give a ruler that tells more stages apart"),
            (len(drawable(self._rows(name, own))), 1, "nulls that can be drawn", "give donors of several stages each"),
        ]
        lacking = next(((have, need, what, how) for have, need, what, how in few if have < need), None)
        reason, remedy = ("", "")
        if lacking is not None:
            have, need, what, remedy = lacking
            reason = f"the block holds {have} {what}, and a test needs {need}"
        return Testability(
            reference=name,
            part=block,
            in_universe=len(self.table.anchors),
            without_family=0.0,
            in_block=len(own.anchors),
            families=len(own.donors),
            testable=lacking is None,
            reason=reason,
            remedy=remedy,
        )

    def _rows(self, name: str, own: AnchorTable) -> JudgedRows:
        """Return what nulls of a ruler know of anchors."""
        ruler = self.ruler(name)
        depths, distance = ruler.depths(own.anchors), ruler.between(own.anchors)
        return JudgedRows(own.donor, own.block, own.branch, depths, distance)

    def sesoi(self, shape: str) -> float:
        """Return the smallest correlation of interest."""
        return LEAST_RHO

    def blinded_spread(self, shape: str, reference: str, block: str) -> float:
        """Return the null spread of correlations with a ruler in a block, from random latent spaces."""
        own = self.table.of_donors(self.split.cell_units(block))
        return blinded_anchor_spread(self._rows(reference, own), 3, self.seed("blinded-power"))

    @property
    def shared_cell_units(self) -> int:
        """Donors that discovery and confirmation have in common: none, but where cells stand in for them."""
        return 0 if self.table.unit == "donor" else len(self.table.donors)

    @property
    def paired(self) -> bool:
        """Whether any instrument scores pairs of genes."""
        return False

    def claim(self, tool: Tool, reference: str) -> Claim:
        """Return the one claim that the instrument can make of a ruler in this campaign."""
        return Claim(
            object=tool.object,
            relation=tool.relation,
            reference=self.references[reference].named,
            model=Named(name=self.model.name, sha256=self.model.sha256),
            context=Named(name=self.cells.name, sha256=self.cells.sha256),
        )

    def candidates(self) -> tuple[Follows, ...]:
        """Return what is tried: of the closed list what the file admits, and of that as many as it allows.

        Where these are fewer, the first by a hash with the campaign's seed are, so that a larger budget adds to them.
        """
        said = self.manifold
        listed = [
            params
            for params in Follows.enumerate(self.model_shape)
            if params.features in said.features
            and params.fitter in said.fitters
            and (params.fitter == "let" or params.size in said.sizes)
        ]
        if len(listed) <= said.candidates:
            return tuple(listed)
        order = sorted(listed, key=lambda params: digest([self.spec.seed, params.model_dump(mode="json")]))
        kept = set(order[: said.candidates])
        return tuple(params for params in listed if params in kept)

    def admitted(self, tool: Tool) -> Iterator[ToolParams]:
        """Yield the candidates."""
        return iter(self.candidates())

    def variants_for(self, tool: Tool) -> tuple[str, ...]:
        """Return what a claim is measured on."""
        return (*REQUIRED, *(() if self.panel is None else (PANEL,)))

    def measured_on(self, tool: Tool, params: Params) -> tuple[str, ...]:
        """Return the variants of a claim; an operator is held against a random one too (methods, F17)."""
        more = (RANDOM_OPERATOR,) if params.get("features") == "operator" else ()
        return (*self.variants_for(tool), *more)

    def params_of(self, reference: str, locus: Locus) -> Follows:
        """Return the candidate that the search put first at a place, for a ruler.

        Raises
        ------
        ToolError
            If it tried nothing there that could be fitted.
        """
        if (reference, str(locus)) not in self.chosen:
            raise ToolError(
                f"the search has no candidate at {locus} for {reference!r}; choose one of the places that it tried"
            )
        return self.chosen[reference, str(locus)]

    def places(self, tool: Tool) -> Places:
        """Refuse: a search names its place."""
        raise ToolError(f"{tool.name} makes no claim about any place: the search names one")

    def null_image(self, name: str, split: str) -> list[int]:
        """Return the permutation of a part's anchors that makes a ruler's paired null branch."""
        own = self.anchors(split)
        return [int(place) for place in null_branch(own.branch, donors=own.donor, seed=self.null_seed(name))]

    def null_seed(self, name: str) -> int:
        """Return the seed of a ruler's null branch and of every draw: that of the plans about it."""
        return self.seed("nulls", name)

    def read_ruler(self, name: str, split: str, variant: str) -> bytes:
        """Return the distances that a fitter may read: of rows of discovery donors, and of no other.

        The null branch has changed them; a panel has its own.
        """
        table = self.anchors(split, self.panel if variant == PANEL else None)
        distance = self.ruler(name).between(table.anchors)
        if variant == NULL_BRANCH:
            image = self.null_image(name, split)
            distance = distance[np.ix_(image, image)]
        known = np.isin(np.asarray(table.donor), self.split.cell_units(DISCOVERY))
        rows = [anchor for anchor, kept in zip(table.anchors, known, strict=True) if kept]
        return canonical_json({"anchors": rows, "distances": distance[np.ix_(known, known)].tolist()}).encode()

    @property
    def references_document(self) -> bytes:
        """All rulers as canonical JSON, kept as an artefact so that verdicts can be recomputed."""
        return canonical_json({name: self.ruler(name).document for name in self.references}).encode()

    @cached_property
    def split_document(self) -> bytes:
        """The split as canonical JSON: donors of every part, and the anchors with the rows of their cells."""
        parts = {part: self.genes(part) for part in (DISCOVERY, *self.split.blocks)}
        document: dict[str, object] = {
            "sha256": self.split.sha256,
            "parts": parts,
            "anchors": self.table.document,
            "panel": None if self.panel is None else self.panel.document,
            "tips": self.tips,
            "seed": derive_seed(self.spec.seed, "hold-outs"),
        }
        if self.model.tokenise is not None:
            document["captured"] = self.model.genes
        return canonical_json(document).encode()
