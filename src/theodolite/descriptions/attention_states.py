"""Description of attention within cell states, beside states of the same sizes that mean nothing (2602.17532)."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.analysis import attention as analysed
from theodolite.analysis.attention.strata import CellScore
from theodolite.data import CellDataError, CellSet
from theodolite.descriptions.attention_scores import (
    AttentionScore,
    ScoredReference,
    asked_of,
    one_reference,
    oriented,
    place_of,
    seen_edges,
)
from theodolite.descriptions.described import Described, facts_of
from theodolite.descriptions.registry import description
from theodolite.descriptions.subject import DescriptionError, Subject
from theodolite.measurements import CurveFit
from theodolite.tools import BenchSize

__all__ = ["Stratified", "mean_over_cells", "stratified"]

Ints = NDArray[np.int64]


class Stratified(ScoredReference):
    """Parameters of :func:`stratified`."""

    states: str | None = Field(
        default=None, description="label of the cells that names their state; that of cell types where null"
    )
    blocks: str | None = Field(
        default=None,
        description="label within which cells change states in a draw, so that its differences are in the draws too; "
        "that of donors where null and known",
    )
    aggregate: Literal["max", "mean"] = Field(
        default="max", description="of a pair's scores in all states, the highest or the mean"
    )
    least_in_state: int = Field(default=20, ge=1, description="cells of a state, at least; smaller ones are left out")
    draws: int = Field(default=99, ge=1, description="draws in which cells change states")


def _memory(size: BenchSize, params: Stratified) -> int:
    # Attention of each cell in single precision, with zeros for gaps, whether it is there, and the cells of a state.
    return 20 * size.cells * size.genes**2 + 8 * 6 * size.genes**2


@description(
    family="attention",
    shape=CurveFit,
    unit="AUROC",
    reads=("attention", "model"),
    references="pairs",
    memory=_memory,
    example='"b_lineage_marks", cells={"cell_type": "cell_type"}',
)
def stratified(subject: Subject, params: Stratified) -> Described:
    """AUROC of attention that is averaged within cell states and then put together, beside states drawn at random.

    The highest of several noisy scores is high by its noise, so a gain over all cells at once is no finding: cells
    change states, within donors where these are known, and the same is done. The model runs on all cells once more,
    and attention is kept cell by cell, so name few genes. Source: arXiv 2602.17532 §cell-state stratification.

    Returns
    -------
    Described
        Three points at 0, by group: ``pooled`` over all cells, ``stratified``, and ``shuffled``, the mean over draws.

    Raises
    ------
    DescriptionError
        If there is no such reference, place or label, or no model at hand.
    ValueError
        If fewer than two states have enough cells, or no edge is left.
    """
    reference, place = one_reference(subject, params.against), place_of(subject, params.layer, params.head)
    cells = subject.cells
    column = params.states or cells.cell_type
    if column is None:
        raise DescriptionError(
            "no label names the states of these cells; say which holds cell types when cells are read "
            "(cells={'cell_type': 'leiden'}), or which label of theirs does (states='leiden')"
        )
    states, within = _label(cells, column), params.blocks or cells.donor
    blocks = None if within is None else _label(cells, within)
    sizes = Counter(states)
    used = np.array([sizes[state] >= params.least_in_state for state in states])
    maps = oriented(_of_cells(subject, params), params)
    # A pair that only cells of states that are left out hold has no score in any other.
    edges = seen_edges(subject, reference, params).seen_together(_together(maps[used]), params.least_cells)
    found = analysed.stratified_recovery(
        edges,
        mean_over_cells(maps),
        states,
        aggregate=params.aggregate,
        blocks=blocks,
        least_cells=params.least_in_state,
        draws=params.draws,
        seed=subject.seed,
    )
    facts: dict[str, Any] = {
        **asked_of(subject, reference.id),
        "place": place,
        "states": column,
        "blocks": within,
        "edges": edges.size,
    }
    facts |= facts_of(found, without=("reference", "strata"))
    facts |= {f"cells.{name}": size for name, size in found.strata}
    facts |= {"gain": found.gain, "gain_over_shuffled": found.gain_over_shuffled}
    drawn = "" if within is None else f" within {within}"
    sentence = (
        f"Within {len(found.strata)} states ({column}), put together by their {params.aggregate}, attention of {place} "
        f"recovers {reference.id} with an AUROC of {found.stratified:.3f}, over all cells at once of "
        f"{found.pooled:.3f}, and within states of the same sizes drawn at random{drawn} of {found.shuffled:.3f} "
        f"(p {found.p:.2g} of {found.draws} draws)."
    )
    curves = {"pooled": found.pooled, "stratified": found.stratified, "shuffled": found.shuffled}
    measured = CurveFit(
        x=np.zeros(3), y=np.array(list(curves.values())), groups=tuple(curves), curve="strata", unit=stratified.unit
    )
    return Described(measured, facts, sentence)


def mean_over_cells(maps: NDArray[np.floating]) -> CellScore:
    """Return the score that averages attention (cells, n, n) over some cells, those that hold both genes of a pair."""
    value, there = np.nan_to_num(maps), ~np.isnan(maps)

    def score(cells: Ints) -> NDArray[np.float64]:
        total, count = value[cells].sum(axis=0, dtype=np.float64), there[cells].sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    return score


def _of_cells(subject: Subject, params: AttentionScore) -> NDArray[np.floating]:
    from theodolite.models.cell_attention import cell_attention

    return cell_attention(subject.model(), subject.cells, params.layer, params.head, subject.genes)


def _together(maps: NDArray[np.floating]) -> Ints:
    return np.asarray((~np.isnan(maps)).sum(axis=0), dtype=np.int64)


def _label(cells: CellSet, column: str) -> tuple[str, ...]:
    try:
        return cells.label(column)
    except CellDataError as error:
        raise DescriptionError(f"{error}; name it when cells are read (cells={{'labels': [{column!r}]}})") from error
