"""Manifold search on an AnnData: whether groups of cells lie in a model's latent space as a known order has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from theodolite.analysis import manifold
from theodolite.analysis.manifold import Drift, Layer, ManifoldGates, ManifoldSearch, Mixture, PanelSplit
from theodolite.data.rulers import LEAST_CELLS
from theodolite.experiments.manifold_spec import ManifoldSpec
from theodolite.tl.anchoring import Anchored, anchored
from theodolite.tl.captures import states, states_path
from theodolite.tl.errors import MeasureError
from theodolite.tl.memory import refuse_beyond, searching_bytes, states_bytes
from theodolite.tl.preparing import Prepared, prepare
from theodolite.tl.reading import check_anndata
from theodolite.tl.rulers import GivenRuler, columns_of, given_rulers, said_wrong
from theodolite.tl.searched import Searched
from theodolite.tl.storing import check_key, into, put_facts, put_names

__all__ = ["manifold_search"]

_VERSION: Final = "1"
_FEATURES: Final = {"residual": Layer, "drift": Drift, "mixture": Mixture}
_STANDING: Final = {
    False: "description: the best of many candidates on the donors that searched; nothing was registered, tested or "
    "judged on others, no level was spent, and this is no claim",
    True: "description: gates were fixed before the search and read other donors, but nothing was registered and no "
    "level was spent; after another look at these donors they are fresh no more, and this is no claim",
}


def manifold_search(
    adata: Any,
    *,
    model: Any,
    stage: str,
    donor: str | None,
    rulers: Any,
    tissue: str | None = None,
    branch: str | None = None,
    tips: Sequence[str] | None = None,
    confirm: bool = False,
    key_added: str = "manifold_search",
    copy: bool = False,
    features: Sequence[str] = tuple(_FEATURES),
    fitters: Sequence[str] = ("isomap", "landmark_isomap", "geodesic_mds", "diffusion_map", "let"),
    sizes: Sequence[int] = (10, 15),
    candidates: int = 200,
    least_cells: int = LEAST_CELLS,
    replicates: int = 12,
    counts: str = "X",
    cells: Mapping[str, Any] | None = None,
    genes: str | Sequence[str] | np.ndarray[Any, Any] | None = None,
    cache: str | Path | None = None,
    max_memory_gb: float | None = None,
    seed: int = 0,
) -> Any:
    """Search a model's residual streams for a latent space in which anchors lie as a ruler has them (arXiv 2603.10261).

    Anchors are centroids of the cells of one donor, tissue and stage. Half of the donors search: every candidate,
    features by fitter by ruler, is scored on rows, donors and branches that its fits did not see. With ``confirm`` the
    first candidate is fitted on these donors and judged on the others by gates that were fixed before. Halves, search
    and gates are those of :mod:`theodolite.analysis.manifold`; attention and operators are searched in campaigns only.

    Parameters
    ----------
    adata, model, counts, cells, genes, cache, max_memory_gb
        As for :func:`theodolite.tl.measure`. Of the genes' tokens streams are averaged; with ``cache`` what was read of
        the model is kept from one session to the next, and a search that was stopped goes on.
    stage, donor, tissue
        Columns of ``adata.obs``. Twelve donors or more; None deals the cells of each stage into groups instead, and
        what is found speaks of these cells only.
    rulers
        Known distances, one or a list: a packaged stage graph by name (``hematopoiesis``) or the path of a table of
        one; steps between stages, a list of pairs, the earlier stage first; a column of numbers of ``adata.obs``, of
        which means over cells are compared; or a mapping as under ``rulers:`` in a campaign file, such as
        ``{"rank": {...}}`` or ``{"graph": "hematopoiesis", "stages": {"HSC": "hematopoietic stem cell"}}``.
    branch
        Column of branches; those of the first stage graph where not given. Of steps the trunk goes down to the first
        fork, and each stage behind it begins a branch.
    tips
        Branches that are left out of fits whole; all but the root's where not given (all, of a column).
    confirm
        Whether the first candidate is judged on the other donors. They are fresh once: choose all else before.
    key_added
        Where the result is kept.
    copy
        Whether to leave ``adata`` as it is and return a copy with the result.
    features
        Of ``residual`` (the stream after each block), ``drift`` (its change to the next) and ``mixture`` (both).
    fitters
        Of ``isomap``, ``landmark_isomap``, ``geodesic_mds``, ``diffusion_map`` and ``let``, which reads the ruler of
        rows that it fits.
    sizes
        Neighbours of a graph, of 10 and 15.
    candidates
        Most candidates of each ruler; of more a seeded choice is tried.
    least_cells
        Fewest cells of an anchor.
    replicates
        Groups of cells where there are no donors.
    seed
        Of halves, hold-outs and nulls: the same seed gives the same bytes.

    Returns
    -------
    AnnData or None
        The copy, or None where ``adata`` itself was changed. ``uns[key]`` holds ``sentence`` (what was seen, beside
        which baseline and control), ``candidates`` (a table, best first, refused fits last with their reason),
        ``gates`` (a table with name, value, threshold, passed; empty without ``confirm``), ``anchors`` (a table with
        donor, tissue, stage, branch, cells, half and the coordinates x, y, z by the first candidate; NaN for donors
        that do not search, until they judge), ``facts``, ``params``, ``seed``, ``version``, ``standing``, and hashes of
        model, cells and rulers. ``obs[key]`` is the anchor of each cell, missing where it has none. Correlations are
        Spearman's, of distances between anchors; coordinates have no unit.

    Raises
    ------
    MeasureError
        For a ruler, a column or a choice that is not there, and donors or branches that are too few; before the model
        is loaded, with the value and the remedy.
    MemoryLimitError
        If the estimate exceeds the memory that is allowed; nothing has run then.
    CellDataError, ModelNotFoundError, CheckpointError, ActivationError
        If cells or model cannot be had, or the model cannot read the cells.
    """
    key = check_key(key_added)
    wrong = [name for name in features if name not in _FEATURES]
    if wrong:
        raise MeasureError(
            f"features holds {wrong[0]!r}; on an AnnData there are {', '.join(_FEATURES)}, others in campaigns"
        )
    check_anndata(adata)
    columns = [str(column) for column in adata.obs.columns]
    given = given_rulers(rulers, columns, branched=branch is not None)
    said = _said(
        stage=stage, donor=donor, tissue=tissue, branch=branch, tips=tips, rulers=[one.item for one in given],
        features=features, fitters=fitters, sizes=sizes, candidates=candidates, least_cells=least_cells,
        replicates=replicates,
    )  # fmt: skip
    known = _labelled(cells, said, columns)
    if key in known["labels"]:
        raise MeasureError(f"key_added is {key!r}, a column that is read; give another key, or it would be lost")
    ready = prepare(adata, model, counts=counts, cells=known, genes=genes, cache=cache, max_memory_gb=max_memory_gb)
    grouped = anchored(ready.read.cells, said, given, seed)
    _check_memory(ready, grouped)

    taken = states(ready.model, ready.read.cells, ready.genes, ready.cache)
    splits = grouped.splits(ready.read.cells, taken)
    gates = ManifoldGates()
    found = {name: _search(split, said, gates, ready, seed) for name, split in splits.items()}
    seen = Searched(grouped, splits, found, gates, seed)
    if confirm:
        seen = seen.confirmed()

    facts = {
        "version": _VERSION,
        "seed": seed,
        "params": _params(said, given, confirm=confirm),
        "sentence": seen.sentence,
        "facts": seen.facts,
        "candidates": seen.candidates,
        "gates": seen.gates,
        "anchors": seen.anchors,
        "rulers_sha256": {name: ruler.sha256 for name, ruler in grouped.rulers.items()},
        "gates_sha256": gates.sha256,
        **ready.facts(),
        "standing": _STANDING[seen.confirmation is not None],
    }
    target = into(adata, copy=copy)
    put_names(target, key, grouped.table.anchors, grouped.table.rows)
    put_facts(target, key, facts)
    return target if copy else None


def _said(**fields: Any) -> ManifoldSpec:
    try:
        return ManifoldSpec(**fields)
    except ValidationError as error:
        raise said_wrong(error, "manifold_search") from None


def _labelled(cells: Mapping[str, Any] | None, said: ManifoldSpec, columns: Sequence[str]) -> dict[str, Any]:
    """Return what is to be known of the cells, the columns of anchors and rulers among it."""
    named = {"stage": said.stage, "donor": said.donor, "tissue": said.tissue, "branch": said.branch}
    for what, column in named.items():
        if column is not None and column not in columns:
            raise MeasureError(
                f"{what} names the column {column!r}, and adata.obs has {', '.join(map(repr, columns)) or 'none'}"
            )
    options = dict(cells or {})
    read = [*options.get("labels", ()), *(column for column in named.values() if column is not None)]
    read += [column for item in said.rulers for column in columns_of(item)]
    return {**options, "labels": list(dict.fromkeys(read))}


def _check_memory(ready: Prepared, grouped: Anchored) -> None:
    """Refuse what would not fit, before the model is loaded."""
    size, cells = ready.size(), ready.read.cells
    taking, held = states_bytes(size)
    anchors = len(grouped.table.anchors)
    beside = searching_bytes(size, anchors=anchors, rulers=len(grouped.rulers), stored=cells.counts.nnz)
    there = states_path(ready.model, cells, ready.genes, ready.cache).is_file()
    what = "residual streams of cells"
    if there or held + sum(beside.values()) >= taking:
        parts = {what: held, **beside}
    else:
        parts = {f"{what} while they are captured": taking}
    doing = f"a manifold search over {anchors:,} anchors of {size.cells:,} cells in model {ready.model.facts.name!r}"
    refuse_beyond(ready.limit, parts, size.genes, doing, cells=size.cells)


def _search(split: PanelSplit, said: ManifoldSpec, gates: ManifoldGates, ready: Prepared, seed: int) -> ManifoldSearch:
    listed = manifold.candidates(
        split.whole, fitters=said.fitters, neighbours=said.sizes, mixtures=(0.5,) if "mixture" in said.features else ()
    )
    kinds = tuple(_FEATURES[name] for name in said.features)
    tried = [candidate for candidate in listed if isinstance(candidate.features, kinds)]
    if not tried:
        raise MeasureError(
            f"features {', '.join(said.features)} need a block, and {ready.model.facts.name!r} has none; add 'residual'"
        )
    # Beside the streams, by the content of what is searched: rows that are there are not measured again.
    folder = states_path(ready.model, ready.read.cells, ready.genes, ready.cache).parent
    journal = folder / f"manifold-search-{split.discovery.sha256[:32]}.jsonl"
    return manifold.search(split.discovery, tried, gates, journal=journal, budget=said.candidates, seed=seed)


def _params(said: ManifoldSpec, given: Sequence[GivenRuler], *, confirm: bool) -> dict[str, Any]:
    fields = said.model_dump(mode="json", exclude={"rulers", "expected_fail"})
    return {**fields, "rulers": json.dumps([one.said for one in given], sort_keys=True), "confirm": confirm}
