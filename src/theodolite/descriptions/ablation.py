"""Description of heads taken out together, read at the output and at the layer that is analysed (arXiv 2602.17532)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.analysis.attention import EdgeLabels, edge_labels, edge_recovery
from theodolite.data import Reference
from theodolite.descriptions.attention_scores import asked_of, maps_bytes, one_reference
from theodolite.descriptions.described import Described, facts_of
from theodolite.descriptions.registry import DescriptionParams, description
from theodolite.descriptions.subject import DescriptionError, Subject
from theodolite.gates.confounds.crossfit import family_folds
from theodolite.measurements import UnitEffects
from theodolite.models.ablated import LEAST_TURN, MEMORY_BYTES
from theodolite.models.components import How
from theodolite.tools import BenchSize

if TYPE_CHECKING:
    from theodolite.analysis.ablation import Dose, DoseResponse

__all__ = ["HeadSets", "head_sets"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class HeadSets(DescriptionParams):
    """Parameters of :func:`head_sets`."""

    sizes: tuple[int, ...] | None = Field(
        default=None,
        min_length=1,
        description="heads that are taken out together, rising; null doubles from 1 to a quarter of all",
    )
    how: How = Field(default="zero", description="what stands in place of a head: nothing, its mean, or even attention")
    read: Literal["specific", "effect"] = Field(
        default="specific",
        description="what is read at the output: AUROC - 0.5 of the change of the reference's genes against other "
        "genes, or the mean logarithm of the change of all of them",
    )
    layer: int | None = Field(
        default=None,
        ge=1,
        description="block whose attention is read beside the output; that of the best head where null",
    )
    draws: int = Field(
        default=19,
        ge=1,
        description="distinct random sets of each size, and sets of like entropy; fewer where there are no more",
    )
    cells_at_most: int = Field(
        default=64, ge=1, description="cells that are read, evenly over those there are, at the most"
    )
    against: str | None = Field(
        default=None, description="id of the set among several that were given; the first of them where null"
    )


def _memory(size: BenchSize, params: HeadSets) -> int:
    heads = size.shape.n_layers * size.shape.n_heads
    # Attention of all heads with its entropy, sums of one layer, and a step of an ablation.
    return maps_bytes(size, 2 * heads + 2 * size.shape.n_heads) + MEMORY_BYTES


@description(
    family="ablation",
    shape=UnitEffects,
    unit="AUROC - 0.5 of the change of predictions, or its mean logarithm",
    reads=("attention", "model"),
    references="sets",
    memory=_memory,
)
def head_sets(subject: Subject, params: HeadSets) -> Described:
    """Loss of predictions with the best heads of a ranking, the worst, or a layer, beside random sets of equal size.

    Heads are ranked by the AUROC of their attention for pairs of the reference's genes in one half of the families;
    what their loss does is read in the other half: at the output, where every ablation can show, and as attention of
    the analysed layer, where only what lies before it, or in it, can. An ablation that turns no token's last stream by
    a cosine distance of 0.02 tested nothing: of such a best set no p is given. Random sets that turn no token stay
    among the others, and ``top 1.random_faithful`` says how many do turn one. Source: arXiv 2602.17532 §head ablation.

    Returns
    -------
    Described
        Units are ``top 1``, ``bottom 1``, ... and ``layer``; controls are the random sets of the unit's size, as many
        as every size has: a small model has few distinct heads. Facts hold all of them.

    Raises
    ------
    DescriptionError
        If there is no such reference or layer, or no model at hand.
    ValueError
        If either half has too few genes of the reference, or a size is out of range.
    InterventionError
        If an edit does not do what it says.
    """
    from theodolite.analysis.ablation import dose_response, head_conditions, head_entropy

    model, cells = subject.model(), subject.cells
    n_layers, n_heads = subject.shape.n_layers, subject.shape.n_heads
    if (params.layer or 1) > n_layers:
        raise DescriptionError(f"layer {params.layer!r}: this model has layers 1 to {n_layers}")
    reference = one_reference(subject, params.against)
    half = family_folds(subject.families, 2, subject.seed, "genes") == 0
    maps = subject.attention()
    ranking = _by_head(_pairs(subject, reference, half, "ranked"), maps[:, :, half][:, :, :, half])
    wanted = _sizes(params.sizes, n_layers * n_heads)
    # A whole layer is held against random sets too, where there are others of its size.
    sizes = sorted({*wanted, n_heads}) if n_layers > 1 else wanted
    conditions = head_conditions(ranking, sizes, draws=params.draws, seed=subject.seed, entropy=head_entropy(maps))
    read = _pairs(subject, reference, ~half, "read")
    found = dose_response(
        model, cells, conditions, reference.gene_set, params.how, read.genes, cells_at_most=params.cells_at_most
    )
    kinds = ("top", "bottom", "layer") if n_layers > 1 else ("top", "bottom")
    units = {_name(dose): dose for dose in found.doses if dose.condition.kind in kinds}
    layer = params.layer or int(ranking.argmax()) // n_heads + 1
    facts = asked_of(subject, reference.id) | {"how": params.how, "ranking": ranking, "draws": params.draws}
    for name, dose in units.items():
        drawn = found.of("random", dose.condition.size)
        facts |= {f"{name}.heads": [str(head) for head in dose.condition.heads], f"{name}.faithful": dose.faithful}
        facts |= facts_of(dose, name, without=("condition",))
        facts |= {f"{name}.random_{what}": [getattr(other, what) for other in drawn] for what in ("effect", "specific")}
        facts |= {f"{name}.random_sets": len(drawn), f"{name}.random_faithful": sum(other.faithful for other in drawn)}
    for size in sizes:
        for kind in ("random", "entropy_matched"):
            difference, p, _ = found.against(kind, size, params.read)
            tested = units[f"top {size}"].faithful
            facts |= {f"top {size}.beyond_{kind}": difference if tested else None}
            facts |= {f"top {size}.p_{kind}": p if tested else None}
    facts["rises"] = found.rises(params.read) if all(dose.faithful for dose in found.of("top")) else None
    facts |= _at_layer(subject, read, layer, found, params)
    least = min(facts[f"{name}.random_sets"] for name in units)
    measured = UnitEffects(
        units=tuple(units),
        effect=np.array([getattr(dose, params.read) for dose in units.values()]),
        control=np.array([facts[f"{name}.random_{params.read}"][:least] for name in units]),
        unit=head_sets.unit,
    )
    return Described(measured, facts, _said(reference.id, wanted, facts, params))


def _said(reference: str, wanted: list[int], facts: dict[str, Any], params: HeadSets) -> str:
    """Return what was seen: first that a best set tested nothing, where one did, and of such a set nothing else."""
    idle = [key.removesuffix(".faithful") for key, value in facts.items() if key.endswith(".faithful") and not value]
    tested = [size for size in wanted if facts[f"top {size}.faithful"]]
    said = []
    if tested:
        what = {
            "specific": f"the change of predictions singles {reference} out by an AUROC - 0.5 of",
            "effect": "the mean logarithm of the change of predictions is",
        }[params.read]
        told = "; ".join(_beside_random(f"top {size}", size, facts, params) for size in tested)
        said.append(f"With heads ranked on half of the gene families, in the other half {what} {told}")
        said.append(_said_at_layer(tested[-1], facts))
    if idle:
        nothing = f"{', '.join(idle)} turned no token by {LEAST_TURN}, and so tested nothing"
        said.insert(0 if any(name.startswith("top ") for name in idle) else len(said), nothing)
    return f"{'. '.join(said)}."


def _beside_random(name: str, size: int, facts: dict[str, Any], params: HeadSets) -> str:
    sets, faithful = facts[f"{name}.random_sets"], facts[f"{name}.random_faithful"]
    every = ", all others that there are" if sets < params.draws else ""
    return (
        f"{facts[f'{name}.{params.read}']:+.3f} without the best {size}, beside "
        f"{np.mean(facts[f'{name}.random_{params.read}']):+.3f} for {sets} distinct random sets of as many{every}, "
        f"of which {faithful} turned a token by {LEAST_TURN} or more (p {facts[f'{name}.p_random']:.2g})"
    )


def _said_at_layer(size: int, facts: dict[str, Any]) -> str:
    """Return what attention of the layer shows without the best and without random sets, and which cannot show."""
    best, shown = facts[f"at_layer.top {size}"], facts[f"at_layer.random {size}"]
    sets = facts[f"top {size}.random_sets"]
    text = f"Attention of layer {facts['read_layer']} has an AUROC of {facts['at_layer.whole']:.3f}; the best {size} "
    text += "cannot show there, for nothing behind a layer can" if best is None else f"taken out, {best:.3f}"
    if shown:
        text += f"; random sets taken out, {np.mean(shown):.3f} on average"
    if len(shown) < sets:
        text += f"; {sets - len(shown)} of {sets} random sets cannot show there and are in no average"
    return text


def _name(dose: Dose) -> str:
    return "layer" if dose.condition.kind == "layer" else f"{dose.condition.kind} {dose.condition.size}"


def _sizes(wanted: tuple[int, ...] | None, heads: int) -> list[int]:
    if wanted is not None:
        return list(wanted)
    return [2**power for power in range(heads.bit_length()) if 2**power <= max(heads // 4, 1)]


def _pairs(subject: Subject, reference: Reference, there: Bools, what: str) -> EdgeLabels:
    """Return the pairs of a set's genes among some of the genes, (n,), that cells hold together."""
    names = np.array(subject.genes)[there].tolist()
    try:
        edges = edge_labels(reference, names, families=np.array(subject.families)[there].tolist())
        together = subject.together()
        return edges if together is None else edges.seen_together(together[np.ix_(there, there)])
    except ValueError as error:
        raise ValueError(f"in the half of the families in which heads are {what}, {error}") from error


def _by_head(edges: EdgeLabels, maps: Floats) -> Floats:
    """Return the AUROC of each head, (layers, heads), from attention (layers, heads, n, n)."""
    found = edge_recovery(maps, [edges], heads=True, top_k=(), shuffles=0, rewirings=0)
    return np.array([row.auroc for row in found.of(edges.name, heads=True)]).reshape(maps.shape[:2])


def _at_layer(subject: Subject, edges: EdgeLabels, layer: int, found: DoseResponse, params: HeadSets) -> dict[str, Any]:
    """Return the AUROC of a layer's attention for the pairs that are read, whole and without each set of heads.

    A set whose heads all lie behind the layer cannot show there, and is not run: ``at_layer.blind`` names these, random
    ones with their draw, counted from 0 as in ``top 1.random_specific``, and their heads. None stands for their AUROC,
    and ``at_layer.random 1`` holds those of the random sets that can show.
    """
    from theodolite.analysis.ablation import attentions_without

    doses = [dose for dose in found.doses if dose.condition.kind != "entropy_matched"]
    blind = [min(head.layer for head in dose.condition.heads) > layer for dose in doses]
    shown = [dose.condition.heads for dose, hidden in zip(doses, blind, strict=True) if not hidden]
    maps = attentions_without(
        subject.model(), subject.cells, layer, [(), *shown], params.how, edges.genes, cells_at_most=params.cells_at_most
    )
    whole = next(maps).mean(axis=0)
    # Fewer cells are read than were captured; where none of them holds a pair, its attention is 0.
    known = edges.seen_together((whole > 0).astype(np.int64))

    def auroc(score: Floats) -> float:
        return edge_recovery(score[None], [known], top_k=(), shuffles=0, rewirings=0).rows[0].auroc

    told: dict[str, Any] = {"read_layer": layer, "at_layer.whole": auroc(whole)}
    told["at_layer.blind"] = [_blind(dose) for dose, hidden in zip(doses, blind, strict=True) if hidden]
    for dose, hidden in zip(doses, blind, strict=True):
        value = None if hidden else auroc(next(maps).mean(axis=0))
        if dose.condition.kind != "random":
            told[f"at_layer.{_name(dose)}"] = value
            continue
        shows = told.setdefault(f"at_layer.{_name(dose)}", [])
        if value is not None:
            shows.append(value)
    return told


def _blind(dose: Dose) -> str:
    heads = ", ".join(map(str, dose.condition.heads))
    return f"{_name(dose)} draw {dose.condition.draw} ({heads})" if dose.condition.kind == "random" else _name(dose)
