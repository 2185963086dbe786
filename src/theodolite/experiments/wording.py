"""Claims in words, made by code from the typed claim so that no agent chooses the wording of a result."""

from __future__ import annotations

from theodolite.claims import Claim, Direction, Locus, LocusKind, Relation

__all__ = ["claim_text", "place"]


def place(locus: Locus) -> str:
    """Return where in the model a locus is, as a phrase."""
    if locus.kind in (LocusKind.READ_OUT_AXIS, LocusKind.READ_OUT_WINDOW):
        return "in the read-out"
    if locus.layer is None:
        return "somewhere in the model"
    return "in the embedding" if locus.layer == 0 else f"after block {locus.layer}"


def claim_text(claim: Claim, locus: Locus, direction: Direction, title: str) -> str:
    """Return a claim as one sentence a biologist can read.

    Parameters
    ----------
    claim, locus, direction
        The typed claim and the tail that is evidence for it.
    title
        The reference in words (``mitochondrial proteins``).
    """
    name = f"\u201c{title}\u201d"
    if claim.relation.of_cells:
        return f"{name}: distances between groups of cells follow it, in what {_held(locus)}"
    if claim.relation.of_depth:
        return f"{name}: {_over_depth(claim, locus, direction)}"
    if locus.kind is LocusKind.ANY:
        return f"{name}: {_anywhere(claim, direction)} {place(locus)}"
    match claim.object, locus.index:
        case "axis_coordinate", (axis,):
            end = "upper" if direction is Direction.GREATER else "lower"
            return f"{name}: genes lie at the {end} end of axis {axis} {place(locus)}"
        case "axis_window_proximity", (first, last):
            return f"{name}: genes lie close together on axes {first}-{last} {place(locus)}"
        case "feature_value", (feature,):
            end = "higher" if direction is Direction.GREATER else "lower"
            return f"{name}: genes score {end} than others on feature {feature} {place(locus)}"
        case "attention_weight", (head,):
            return f"{name}: genes attend to one another, head {head} of block {locus.layer}"
        case "attention_weight", ():
            return f"{name}: genes attend to one another, {place(locus).removeprefix('after ')}"
        case other, _:
            return f"{name}: {other} {claim.relation.value.replace('_', ' ')}, {locus}"


_PAIRS = {
    "attention_weight": "attention between its genes",
    "attention_to_regulator": "attention of targets to their regulators",
    "axis_window_proximity": "nearness of its genes",
    "regulator_proximity": "nearness of targets to their regulators",
}
"""What of pairs of genes a claim of depth is about; another object keeps its own name."""


def _over_depth(claim: Claim, locus: Locus, direction: Direction) -> str:
    """Return what is claimed of layers that are compared with one another."""
    what = _PAIRS.get(claim.object, claim.object)
    greater, beyond = direction is Direction.GREATER, "more than that of other pairs"
    if claim.relation.of_no_effect:
        where = place(locus) if locus.kind is LocusKind.ANY else f"over {locus}"
        return f"{what} neither rises nor falls notably {beyond}, {where}"
    if claim.relation is Relation.CHANGES_WITH_DEPTH:
        doing, where = ("rises" if greater else "falls"), f"over {locus}"
    else:
        doing = "peaks"
        where = f"in {locus}" if greater else f"in the layers after {locus.layer}"
    if locus.kind is LocusKind.ANY:
        doing += "" if claim.relation is Relation.CHANGES_WITH_DEPTH else (" earlier" if greater else " later")
        return f"{what} {doing} {beyond}, {place(locus)}"
    return f"{what} {doing} {where} {beyond}"


def _held(locus: Locus) -> str:
    """Return where in the model cells are read, as a clause."""
    if locus.kind is LocusKind.SPAN:
        return f"changes from layer {locus.layer} to {locus.index[0]}"
    return f"the model holds of them {place(locus)}"


def _anywhere(claim: Claim, direction: Direction) -> str:
    """Return what is claimed of a place that is left open."""
    match claim.object:
        case "axis_coordinate":
            return f"genes lie at the {'upper' if direction is Direction.GREATER else 'lower'} end of an axis"
        case "axis_window_proximity":
            return "genes lie close together on a window of axes"
        case "attention_weight":
            return "genes attend to one another"
        case other:
            return f"{other} {claim.relation.value.replace('_', ' ')},"
