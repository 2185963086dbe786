"""Gene vectors of a model on an AnnData."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from theodolite.tl.captures import captured
from theodolite.tl.errors import MeasureError
from theodolite.tl.preparing import Prepared, prepare
from theodolite.tl.storing import check_key, into, put_column, put_facts, put_vectors

__all__ = ["capture"]

_STANDING = "description: means over cells of what the model holds at each gene's token; no null was drawn"


def capture(
    adata: Any,
    *,
    model: Any,
    key_added: str = "hidden",
    copy: bool = False,
    layers: Sequence[int | None] | None = None,
    counts: str = "X",
    cells: Mapping[str, Any] | None = None,
    genes: str | Sequence[str] | np.ndarray[Any, Any] | None = None,
    cache: str | Path | None = None,
    max_memory_gb: float | None = None,
) -> Any:
    """Store a model's vector of each gene, averaged over the cells in which the gene is a token.

    Attention is not captured, so that memory grows with the genes and not with their square, and all genes of a large
    vocabulary can be had at once.

    Parameters
    ----------
    adata, model, copy, counts, cells, genes, cache, max_memory_gb
        As for :func:`theodolite.tl.measure`.
    key_added
        How keys begin.
    layers
        Which sites: 0 is the embedding, L the residual stream after L blocks, None the vectors with which predictions
        are read out. All that the model has where not given.

    Returns
    -------
    AnnData or None
        The copy, or None where ``adata`` itself was changed. ``varm["hidden_L3"]`` holds vectors (n_vars, width) after
        three blocks, in residual-stream units, and ``varm["hidden_read_out"]`` those of the read-out; NaN where a gene
        was not captured. ``var["hidden_cells"]`` is the number of cells in which a gene is a token, and
        ``uns["hidden"]`` says of which model and cells.

    Raises
    ------
    MeasureError, MemoryLimitError
        As for :func:`theodolite.tl.measure`; also for a layer that the model does not have.
    CellDataError, ModelNotFoundError, CheckpointError, CampaignError
        If cells or model cannot be had.
    """
    key = check_key(key_added)
    ready = prepare(adata, model, counts=counts, cells=cells, genes=genes, cache=cache, max_memory_gb=max_memory_gb)
    sites = _sites(ready, layers)
    width, n_genes = ready.model.facts.width, len(ready.genes.names)
    spread = 4 * len(sites) * width * adata.n_vars
    ready.check_memory(
        f"capturing {n_genes:,} genes at {ready.shape.n_layers + 1} layers of width {width}",
        {"results": spread},
        with_attention=False,
    )
    taken = captured(
        ready.model, ready.read.cells, ready.genes, cache=ready.cache, limit=ready.limit, with_attention=False
    ).capture
    target = into(adata, copy=copy)
    names = {site: f"{key}_read_out" if site is None else f"{key}_L{site}" for site in sites}
    for site, name in names.items():
        vectors = taken.read_out if site is None else taken.hidden[site]
        assert vectors is not None
        put_vectors(target, name, ready.read.rows, ready.genes.names, vectors)
    presence = np.full(n_genes, len(ready.read.cells.cells)) if taken.presence is None else taken.presence
    put_column(target, f"{key}_cells", ready.read.rows, ready.genes.names, presence)
    put_facts(
        target,
        key,
        {**ready.facts(), "standing": _STANDING, "stored_in": "varm", "keys": list(names.values()), "width": width},
    )
    return target if copy else None


def _sites(ready: Prepared, layers: Sequence[int | None] | None) -> tuple[int | None, ...]:
    there = ready.shape.sites
    chosen = there if layers is None else tuple(layers)
    wrong = [site for site in chosen if site not in there]
    if wrong or not chosen:
        raise MeasureError(
            f"layers holds {wrong[0] if wrong else 'nothing'}; model {ready.model.facts.name!r} has 0 (the embedding) "
            f"to {ready.shape.n_layers}{', and None (the read-out)' if ready.shape.read_out else ''}"
        )
    return chosen
