"""The store of activations: what was computed comes back, in half precision, by shard, cell, gene and at random."""

from __future__ import annotations

import itertools
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open
from toy_models import LAYERS, N_GENES, WIDTH, ToyModel, toy_model, toy_tokens

from theodolite.measurements import Variant
from theodolite.models.activations import (
    ActivationError,
    Activations,
    ActivationsDamaged,
    HalfOverflowError,
    open_activations,
    write_activations,
)
from theodolite.models.batches import batch_of
from theodolite.models.protocol import Batch
from theodolite.models.running import run
from theodolite.models.sites import EMBEDDING, OUTPUT, attention, mlp_post, residual

CELLS = 11


def write(folder: Path, model: ToyModel | None = None, cells: int = CELLS, **more: Any) -> Activations:
    given: dict[str, Any] = {"cells_sha256": "c" * 64, "tokeniser": {"context": 64, "share": 0.5}, "cells_a_shard": 4}
    names = [f"cell {index}" for index in range(cells)]
    return write_activations(model or toy_model(), toy_tokens(cells), names, folder, **{**given, **more})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Activations:
    return write(tmp_path_factory.mktemp("stored") / "activations", sites=[EMBEDDING, residual(2), mlp_post(3)])


def stored_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_rows_of_a_cell_are_what_the_model_computes(store: Activations) -> None:
    model, tokens = toy_model(), toy_tokens()
    assert (store.n_cells, store.n_rows) == (CELLS, tokens.indptr[-1])
    for cell in (0, 5, CELLS - 1):
        batch = batch_of(model, tokens, np.array([cell]))
        done = run(model, batch, read=store.sites)
        for site in store.sites:
            rows = store.by_cell(site, cell)
            np.testing.assert_allclose(rows.values, done.read[site][0].numpy(), rtol=2e-3, atol=1e-4)
            np.testing.assert_array_equal(rows.gene, batch.genes[0])
            np.testing.assert_array_equal(rows.position, np.arange(tokens.lengths[cell]))
            assert (rows.cell == cell).all()


def test_rows_of_a_gene_come_from_every_cell_that_has_it(store: Activations) -> None:
    tokens = toy_tokens()
    rows = store.by_gene(residual(2), 7)
    assert rows.cell.tolist() == [
        cell for cell in range(CELLS) if 7 in tokens.genes[tokens.indptr[cell] : tokens.indptr[cell + 1]]
    ]
    for cell, position, value in zip(rows.cell, rows.position, rows.values, strict=True):
        np.testing.assert_array_equal(store.by_cell(residual(2), int(cell)).values[position], value)
    assert len(store.by_gene(residual(2), 10_000).values) == 0


def test_shards_can_be_read_without_theodolite(store: Activations) -> None:
    with safe_open(store.folder / "shard-00001.safetensors", framework="np") as file:
        assert set(file.keys()) == {"embedding", "residual.2", "mlp_post.3"}
        assert file.metadata()["key"] == store.key
        values = file.get_tensor("residual.2")
    assert (values.dtype, values.shape[1]) == (np.float16, WIDTH)
    index = pq.read_table(store.folder / "shard-00001.parquet").to_pandas()
    assert index.row.tolist() == list(range(len(values)))
    gene = index[(index.cell_name == "cell 6") & (index.position == 3)].iloc[0]
    np.testing.assert_array_equal(values[gene.row], store.by_cell(residual(2), 6).values[3])
    assert gene.gene_name == f"G{gene.gene}"
    assert index[index.position == 0].gene_name.isna().all()


def test_shards_come_in_order_and_stay_on_disk(store: Activations) -> None:
    shards = list(store.shards())
    assert [shard.record.first for shard in shards] == [0, 4, 8]
    assert sum(len(shard.index.cell) for shard in shards) == store.n_rows
    assert all(not shard.tensors[EMBEDDING].flags.owndata for shard in shards)


def test_samples_are_seeded_rows_of_genes(store: Activations) -> None:
    def drawn(seed: int) -> list[Any]:
        return list(itertools.islice(store.samples(residual(2), 50, seed), 4))

    first, again, other = drawn(1), drawn(1), drawn(2)
    for rows, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(rows.values, same.values)
        assert (rows.gene >= 0).all()
        for place in (0, 30):
            expected = store.by_cell(residual(2), int(rows.cell[place])).values[rows.position[place]]
            np.testing.assert_array_equal(rows.values[place], expected)
    assert not np.array_equal(first[0].cell, other[0].cell)
    assert {int(cell) for rows in first for cell in rows.cell} == set(range(CELLS))
    held_out = np.arange(CELLS) % 3 == 0
    some = next(store.samples(residual(2), 200, 1, cells=~held_out, special=True))
    assert not held_out[some.cell].any()
    assert (some.gene < 0).any()


def test_samples_of_some_genes_are_rows_of_theirs_alone(store: Activations) -> None:
    wanted = np.isin(np.arange(N_GENES), [3, 7, 20])
    every = [store.by_cell(residual(2), cell) for cell in range(CELLS)]
    for cells in (None, np.arange(CELLS) % 2 == 0):
        chosen = [
            np.isin(each.gene, [3, 7, 20]) & (cells is None or bool(cells[number])) for number, each in enumerate(every)
        ]
        offered = {(number, int(place)) for number, mask in enumerate(chosen) for place in np.flatnonzero(mask)}
        rows = next(store.samples(residual(2), 400, 5, cells=cells, genes=wanted))
        drawn = set(zip(rows.cell.tolist(), rows.position.tolist(), strict=True))
        assert drawn == offered, "400 draws of a few rows: each comes, and no other"
        for place in (0, 399):
            expected = every[rows.cell[place]].values[rows.position[place]]
            np.testing.assert_array_equal(rows.values[place], expected)
    with_special = next(store.samples(residual(2), 400, 5, genes=wanted, special=True))
    assert set(with_special.gene.tolist()) == {-1, 3, 7, 20}
    with pytest.raises(ValueError, match="size=4 of 0 rows to draw from; give 1 or more of both"):
        store.samples(residual(2), 4, 5, genes=np.zeros(N_GENES, dtype=bool))


def test_samples_go_on_from_a_draw_as_if_they_had_not_been_broken_off(store: Activations) -> None:
    wanted = np.arange(N_GENES) < 20
    whole = list(itertools.islice(store.samples(residual(2), 30, 9, genes=wanted), 5))
    rest = list(itertools.islice(store.samples(residual(2), 30, 9, genes=wanted, first=3), 2))
    assert len({rows.values.tobytes() for rows in whole}) == 5
    for rows, same in zip(whole[3:], rest, strict=True):
        for name in ("values", "cell", "gene", "position"):
            np.testing.assert_array_equal(getattr(rows, name), getattr(same, name))


def test_the_same_again_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    heard: list[str] = []
    write(tmp_path / "a", said=heard.append)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    assert not heard


class Stopped(Exception):
    pass


def test_a_run_that_was_broken_off_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "whole")

    def stop(done: int, total: int) -> None:
        if done == 8:
            raise Stopped

    with pytest.raises(Stopped):
        write(tmp_path / "broken", progress=stop)
    with pytest.raises(ActivationError, match="was broken off"):
        open_activations(tmp_path / "broken")
    (tmp_path / "broken" / "shard-00002.safetensors").write_bytes(b"half")
    (tmp_path / "broken" / ".part-1-1-shard-00002.parquet").write_bytes(b"h")
    passes: list[int] = []

    class Counting(ToyModel):
        def embed(self, batch: Batch) -> torch.Tensor:
            passes.append(len(batch.ids))
            return super().embed(batch)

    heard: list[str] = []
    write(tmp_path / "broken", toy_model(kind=Counting), said=heard.append)
    assert passes == [1, 3]  # one look at the type of its numbers, then the third shard alone
    assert heard == ["shard 2 was broken off and is made anew"]
    (tmp_path / "broken" / ".part-1-1-shard-00002.parquet").unlink()
    assert stored_bytes(tmp_path / "broken") == stored_bytes(tmp_path / "whole")


@pytest.mark.parametrize("name", ["shard-00001.safetensors", "shard-00001.parquet", "shard-00001.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_damage_is_found_said_and_mended(tmp_path: Path, name: str, damage: str) -> None:
    whole = write(tmp_path / "a")
    path, before = tmp_path / "a" / name, stored_bytes(tmp_path / "a")
    content = path.read_bytes()
    damaged = {"cut": content[:-9], "flipped": content[:-1] + bytes([content[-1] ^ 1])}
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(damaged[damage])
    if not name.endswith(".json"):
        with pytest.raises(ActivationsDamaged, match=f"{name}.*write the activations again"):
            open_activations(tmp_path / "a").by_cell(residual(1), 5)
    assert len(open_activations(tmp_path / "a").by_cell(residual(1), 0).values)
    heard: list[str] = []
    write(tmp_path / "a", said=heard.append)
    assert len(heard) == 1 and heard[0].startswith("shard 1 ")
    assert stored_bytes(tmp_path / "a") == before
    assert len(whole.by_cell(residual(1), 5).values)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": replace(toy_model(), sha256="6" * 64)}, "model_sha256"),
        ({"variant": Variant.parse("untrained(1)")}, "variant"),
        ({"cells_sha256": "d" * 64}, "cells_sha256"),
        ({"tokeniser": {"context": 32}}, "tokeniser"),
        ({"sites": [EMBEDDING]}, "sites"),
        ({"cells_a_shard": 5}, "cells_a_shard"),
        ({"cells": 10}, "tokens_sha256"),
    ],
)
def test_another_store_is_never_mixed_in(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    first = write(tmp_path / "a")
    before = stored_bytes(tmp_path / "a")
    with pytest.raises(ActivationError, match=f"something else \\(.*{says}.*name another folder"):
        write(tmp_path / "a", **change)
    assert stored_bytes(tmp_path / "a") == before
    other = write(tmp_path / "b", **change)
    assert other.key != first.key
    with pytest.raises(ActivationError, match="are wanted"):
        open_activations(tmp_path / "b", key=first.key)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ActivationError, match="is not empty"):
        write(tmp_path)
    with pytest.raises(ActivationsDamaged, match="no manifest"):
        open_activations(tmp_path)


@pytest.mark.parametrize(("factor", "says"), [(1e6, r"residual\.1 holds .*cells cell"), (float("nan"), "not finite")])
def test_what_half_precision_cannot_hold_is_never_written(tmp_path: Path, factor: float, says: str) -> None:
    class Large(ToyModel):
        def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Any) -> torch.Tensor:
            return super().block(layer, hidden, batch, tap) * factor

    with pytest.raises(HalfOverflowError, match=says):
        write(tmp_path / "a", toy_model(kind=Large))
    assert not list((tmp_path / "a").glob("shard-*"))


def test_a_full_disk_is_seen_before_anything_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("theodolite.store.room.LEAST_BYTES", 2**62)
    with pytest.raises(ActivationError, match="storing activations needs about"):
        write(tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("site", [OUTPUT, attention(1)])
def test_sites_that_are_not_stored_are_refused(tmp_path: Path, site: Any) -> None:
    with pytest.raises(ValueError, match=f"{site} is not stored"):
        write(tmp_path, sites=[site])


def test_sites_that_were_not_stored_are_named(store: Activations) -> None:
    with pytest.raises(KeyError, match=r"residual\.1 is not stored; there are embedding"):
        store.by_cell(residual(1), 0)


def test_memory_is_that_of_a_shard(tmp_path: Path) -> None:
    def peak(cells: int) -> int:
        tracemalloc.start()
        write(tmp_path / str(cells), cells=cells, sites=[residual(LAYERS)])
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(8)
    # Some hundred bytes a cell stay: its name, and its share of a record.
    assert peak(200) < peak(20) + 180 * 600
