"""Kinds of planted world, and the numbers that make them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["WorldKind", "WorldKnobs"]


class WorldKind(StrEnum):
    """What a planted world is hard on."""

    STANDARD = "standard"
    """A fifth of the claims is true; hubs, paralogues and co-expression confound in measure."""
    GLOBAL_NULL = "global_null"
    """The standard world without any true claim; its confounds are kept."""
    PARALOGUE = "paralogue"
    """Large families of targets, and smaller ones of regulators, have near-identical scores and edges; few claims are
    true."""
    DEGREE = "degree"
    """The score's hubs follow expression and reference degree closely, and multiply; few claims are true."""
    COEXPRESSION = "coexpression"
    """Most references are enriched within modules, and most places of the model show the modules."""

    @property
    def knobs(self) -> WorldKnobs:
        """The numbers of this kind of world."""
        return _KNOBS[self]


@dataclass(frozen=True)
class WorldKnobs:
    """The numbers that make a world.

    Attributes
    ----------
    regulator_families, family_sizes
        Number of families of regulators, and the sizes that they take in turn.
    target_families, target_sizes
        Number of families that regulate nothing, and the sizes that they take in turn.
    references, edges
        Number of references and, about, edges of each; the edges of two references are drawn independently.
    null_references
        References, the last ones, of which no claim is true.
    confounded_references
        References, every second one, whose edges are enriched within modules.
    shared_targets
        Share of a regulator's targets that all paralogues of its family have.
    shared_regulators
        Chance that a target is taken or left with its paralogues.
    enrichment
        How much likelier a confounded reference takes a target within the regulator's module.
    modules, in_module
        Number of modules, and share of families that belong to one.
    degree_expression
        Log-units of mean expression for one standard deviation of log reference degree: study bias.
    donors, cells_per_donor
        Sizes of the count matrix.
    regulation
        Share of a target's log-rate variance that the regulators of the first reference cause; 0 but in worlds that
        a model is trained on, for what it puts into counts is co-expression.
    layers, heads
        Size of the model.
    true_share, confounded_places
        Share of (reference, head) that is true, and share of heads that show the modules.
    hub_spread, hub_degree, hub_product
        Standard deviation of additive hubs of regulators and targets, their correlation with log reference degree, and
        the weight of the product of both hubs, all in units of the residual noise.
    hub_of_gene
        Share of a hub's variance that is the gene's, whatever the place in the model.
    module_effect
        Mean score of a pair within a module where a head shows the modules, in units of the residual noise.
    row_sharing, column_sharing
        Shares of the residual noise that paralogous regulators have in common, and paralogous targets.
    model_sharing
        Share of the residual noise that all places of a model have in common.
    """

    regulator_families: int = 96
    family_sizes: tuple[int, ...] = (2, 3, 4)
    target_families: int = 500
    target_sizes: tuple[int, ...] = (1, 1, 1, 1, 2)
    references: int = 8
    edges: int = 13_000
    null_references: int = 2
    confounded_references: int = 3
    shared_targets: float = 0.7
    shared_regulators: float = 0.5
    enrichment: float = 10.0
    modules: int = 6
    in_module: float = 0.75
    degree_expression: float = 0.35
    donors: int = 12
    cells_per_donor: int = 40
    regulation: float = 0.0
    layers: int = 6
    heads: int = 6
    true_share: float = 0.20
    confounded_places: float = 0.40
    hub_spread: float = 1.0
    hub_degree: float = 0.6
    hub_product: float = 0.0
    hub_of_gene: float = 0.7
    module_effect: float = 2.5
    row_sharing: float = 0.5
    column_sharing: float = 0.5
    model_sharing: float = 0.2


_KNOBS = {
    WorldKind.STANDARD: WorldKnobs(),
    WorldKind.GLOBAL_NULL: WorldKnobs(true_share=0.0),
    # Large on the side of the targets: nulls that move single targets keep regulators, and what paralogues among them
    # share, in place, so that regulators alone would not show what those nulls lack.
    WorldKind.PARALOGUE: WorldKnobs(
        target_families=90,
        target_sizes=(6, 8),
        edges=10_500,
        shared_targets=0.9,
        shared_regulators=0.95,
        true_share=0.01,
        row_sharing=0.8,
        column_sharing=0.9,
    ),
    # Small families, so that many can change places: where few can, not even a pure hub stands out of its draws.
    WorldKind.DEGREE: WorldKnobs(
        regulator_families=192,
        family_sizes=(1, 2),
        true_share=0.03,
        hub_spread=2.0,
        hub_degree=0.98,
        hub_product=0.3,
        hub_of_gene=0.95,
        degree_expression=0.7,
    ),
    WorldKind.COEXPRESSION: WorldKnobs(confounded_references=6, confounded_places=0.8),
}
