"""Writing activations: the trunk once a batch, shard by shard, to go on with where it was broken off."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from theodolite.canonical import canonical_json
from theodolite.files import write_atomically
from theodolite.measurements import Variant, VariantKind
from theodolite.models.activations.errors import ActivationError, ActivationsDamaged, HalfOverflowError
from theodolite.models.activations.keys import StoreOf, tokens_sha256
from theodolite.models.activations.reading import MANIFEST, Activations, open_activations
from theodolite.models.activations.shards import (
    HALF,
    RowIndex,
    ShardBuffer,
    ShardRecord,
    file_sha256,
    shard_names,
)
from theodolite.models.batches import batch_of, in_batches
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.running import Pass, run
from theodolite.models.sites import Site, SiteKind, residual
from theodolite.models.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LARGEST_HALF", "write_activations"]

LARGEST_HALF = 65504.0
"""The largest number that half precision holds."""
_INDEX_BYTES_A_ROW = 16
_STORED = (SiteKind.EMBEDDING, SiteKind.RESIDUAL, SiteKind.MLP_PRE, SiteKind.MLP_POST)


def write_activations(
    model: FoundationModel,
    tokens: Tokens,
    cell_names: Sequence[str],
    folder: Path,
    *,
    cells_sha256: str,
    tokeniser: Mapping[str, Any],
    variant: Variant = Variant(VariantKind.MAIN),  # noqa: B008  frozen
    sites: Sequence[Site] | None = None,
    cells_a_shard: int = 32,
    batch_size: int = 4,
    said: Callable[[str], None] = lambda text: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Activations:
    """Write hidden states of every token of every cell to a folder, in half precision.

    A shard that is there, whole and of the same store is not made again; one that is damaged is, and ``said`` is told.
    Memory is that of one shard and one batch, whatever the number of cells.

    Parameters
    ----------
    model
        The model; ``variant`` is taken of it here.
    tokens
        Cells as the model reads them.
    cell_names
        One a cell, for the index.
    folder
        Where; a folder of its own for each store.
    cells_sha256, tokeniser
        Content hash of the cells, and the tokeniser's settings as plain data: parts of the key.
    variant
        Which variant of the model.
    sites
        Embedding, residual streams, hidden units of MLPs; embedding and all residual streams where not given.
    cells_a_shard
        Cells in each shard but the last.
    batch_size
        Cells in a batch at most.
    said, progress
        Told in words what was made anew or halved; told cells done and cells in all.

    Raises
    ------
    HalfOverflowError
        If a number is too large for half precision, or not finite; nothing of its shard is written.
    ActivationError
        If the folder holds another store, or its disk has no room.
    ValueError
        If names, sites or sizes make no sense.
    """
    wanted = tuple(residual(layer) for layer in range(model.n_layers + 1)) if sites is None else tuple(sites)
    if wrong := [site for site in wanted if site.kind not in _STORED]:
        raise ValueError(
            f"{wrong[0]} is not stored: attention is added up (attention_sums), outputs are not activations"
        )
    if not wanted or len(set(wanted)) != len(wanted):
        raise ValueError(f"{len(wanted)} sites, of which {len(set(wanted))} differ; give each once, and at least one")
    if len(cell_names) != len(tokens) or len(tokens) == 0:
        raise ValueError(f"{len(cell_names)} names for {len(tokens)} cells; give at least one cell, and one name each")
    if cells_a_shard < 1 or batch_size < 1:
        raise ValueError(f"cells_a_shard={cells_a_shard!r}, batch_size={batch_size!r}: give 1 or more")
    taken = model.variant(variant)
    of = StoreOf(
        model.sha256,
        str(variant),
        cells_sha256,
        tokens_sha256(tokens),
        tokeniser,
        tuple(map(str, wanted)),
        _arithmetic(taken, tokens),
        cells_a_shard,
    )
    _refuse_another(folder, of)
    spans = [range(start, min(start + cells_a_shard, len(tokens))) for start in range(0, len(tokens), cells_a_shard)]
    found = [_found(folder, of.key, number, span, said) for number, span in enumerate(spans)]
    missing = [span for span, record in zip(spans, found, strict=True) if record is None]
    if missing:
        widths = _widths(taken, tokens, wanted)
        _check_room(folder, missing, tokens, widths)
        _write_plain(folder / MANIFEST, {"of": of.plain(), "key": of.key, "shards": None})
        buffer = ShardBuffer(widths)
    records = []
    for number, (span, record) in enumerate(zip(spans, found, strict=True)):
        if record is None:
            record = _write_shard(taken, tokens, cell_names, folder, of.key, number, span, buffer, batch_size, said)
        records.append(record.plain())
        progress(span.stop, len(tokens))
    manifest = {"of": of.plain(), "key": of.key, "shards": records}
    if _manifest(folder) != json.loads(canonical_json(manifest)):
        _write_plain(folder / MANIFEST, manifest)
    return open_activations(folder, key=of.key)


def _arithmetic(model: FoundationModel, tokens: Tokens) -> str:
    with torch.inference_mode():
        return str(model.embed(batch_of(model, tokens.take([0]), np.array([0]))).dtype).removeprefix("torch.")


def _widths(model: FoundationModel, tokens: Tokens, sites: tuple[Site, ...]) -> dict[Site, int]:
    if all(site.kind in (SiteKind.EMBEDDING, SiteKind.RESIDUAL) for site in sites):
        return dict.fromkeys(sites, model.width)
    shortest = int(np.argmin(tokens.lengths))
    read = run(model, batch_of(model, tokens, np.array([shortest])), read=sites).read
    return {site: int(read[site].shape[-1]) for site in sites}


def _manifest(folder: Path) -> Any:
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write_plain(path: Path, plain: Any) -> None:
    write_atomically(path, canonical_json(plain).encode())


def _refuse_another(folder: Path, of: StoreOf) -> None:
    found = _manifest(folder)
    if found is not None:
        if found.get("key") != of.key:
            try:
                other = of.differs(StoreOf.read(found["of"]))
            except (KeyError, TypeError):
                other = "something that cannot be read"
            raise ActivationError(f"{folder} holds activations of something else ({other}); name another folder")
    elif folder.is_dir() and any(path for path in folder.iterdir() if not path.name.startswith(".part-")):
        raise ActivationError(f"{folder} is no store of activations and is not empty; name another folder")


def _found(folder: Path, key: str, number: int, span: range, said: Callable[[str], None]) -> ShardRecord | None:
    tensors, _, name = shard_names(number)
    if not (folder / name).exists():
        if (folder / tensors).exists():
            said(f"shard {number} was broken off and is made anew")
        return None
    try:
        record = ShardRecord.load(folder / name)
        if (record.key, record.number, record.first, record.cells) != (key, number, span.start, len(span)):
            raise ActivationsDamaged(f"{folder / name} is of another store")
        record.check(folder)
    except ActivationsDamaged as error:
        said(f"shard {number} is made anew: {error}")
        return None
    return record


def _check_room(folder: Path, missing: list[range], tokens: Tokens, widths: dict[Site, int]) -> None:
    from theodolite.store.room import folder_concerns

    rows = sum(int(tokens.lengths[span.start : span.stop].sum()) for span in missing)
    needed = rows * (sum(widths.values()) * HALF.itemsize + _INDEX_BYTES_A_ROW)
    for concern in folder_concerns(folder, needed=needed, files=3 * len(missing), what="storing activations"):
        if concern.fatal:
            raise ActivationError(concern.said)


def _write_shard(
    model: FoundationModel,
    tokens: Tokens,
    cell_names: Sequence[str],
    folder: Path,
    key: str,
    number: int,
    span: range,
    buffer: ShardBuffer,
    batch_size: int,
    said: Callable[[str], None],
) -> ShardRecord:
    cells = np.arange(span.start, span.stop)
    part = tokens.take(cells)
    lengths = part.lengths
    rows = int(lengths.sum())
    buffer.lay_out(rows, {"key": key, "shard": str(number)})
    sites = tuple(buffer.tensors)

    def compute(batch: Batch) -> Pass:
        return run(model, batch, read=sites)

    for within, batch, done in in_batches(model, part, batch_size, compute, said):
        start, stop = int(part.indptr[within[0]]), int(part.indptr[within[-1] + 1])
        for site in sites:
            value = done.read[site]
            flat = value.reshape(-1, value.shape[-1]) if batch.full else value[batch.present]
            _fill(buffer.tensors[site][start:stop], flat, site, [cell_names[span.start + cell] for cell in within])
    tensors, index, record_name = shard_names(number)
    # The record comes last and vouches for both files; an older one must not vouch for a file that is not its own.
    (folder / record_name).unlink(missing_ok=True)
    tensors_sha256 = buffer.save(folder / tensors)
    position = np.arange(rows) - np.repeat(part.indptr[:-1], lengths)
    row_index = RowIndex(np.repeat(cells, lengths).astype(np.int32), part.genes, position.astype(np.int32))
    row_index.save(folder / index, cell_names, model.genes)
    record = ShardRecord(key, number, span.start, len(span), rows, tensors_sha256, file_sha256(folder / index))
    _write_plain(folder / record_name, record.plain())
    return record


def _fill(into: Any, values: Tensor, site: Site, names: list[str]) -> None:
    if values.numel() == 0:
        return
    low, high = (float(each) for each in torch.aminmax(values))
    # A number that is not one fails both comparisons.
    if not (-LARGEST_HALF <= low and high <= LARGEST_HALF):
        said = f"{low:.3g} to {high:.3g}" if np.isfinite([low, high]).all() else "numbers that are not finite"
        raise HalfOverflowError(
            f"{site} holds {said} in cells {names[0]} to {names[-1]}, and half precision holds ±{LARGEST_HALF:.0f}; "
            "leave this site out, or use gene_means, which adds up in double precision"
        )
    torch.from_numpy(into).copy_(values)
