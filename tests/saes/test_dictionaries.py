"""A dictionary knows the tokens of its genes alone, comes back from its file, and goes on where it was broken off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_models import N_GENES, PAD, WIDTH, ReadingToy, toy_cells, toy_model

from theodolite.models.activations import Activations, write_activations
from theodolite.models.mapped import mapped_arrays
from theodolite.models.protocol import Batch
from theodolite.models.sites import residual
from theodolite.saes import StoredRows, dictionaries, train_sae
from theodolite.saes.dictionaries import (
    Dictionary,
    DictionaryRecipe,
    dictionary_key,
    load_dictionary,
    make_dictionary,
)
from theodolite.saes.reading import read_features

GENES = tuple(f"G{place}" for place in (14, 3, 22, 9, 27, 0, 18))
PLACES = tuple(int(gene[1:]) for gene in GENES)
RECIPE = DictionaryRecipe(layer=2, features=16, k=2, steps=30, rows=64)
ARRAYS = ("encoder", "decoder", "encoder_bias", "decoder_bias")
READ = ("by_gene", "gene_tokens", "by_cell", "cell_tokens", "active", "together", "values")


def make(path: Path, recipe: DictionaryRecipe = RECIPE, model: ReadingToy | None = None, **more: Any) -> Dictionary:
    make_dictionary(path, model or toy_model(kind=ReadingToy), toy_cells(), GENES, recipe, **more)
    return load_dictionary(path)


def assert_same(found: Path, wanted: Path) -> None:
    """Compare what two files hold; the order in which a file names what it says of itself is left to chance."""
    (arrays, said), (others, said_there) = mapped_arrays(found), mapped_arrays(wanted)
    assert said == said_there and set(arrays) == set(others)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dictionary") / "one.safetensors"


@pytest.fixture(scope="module")
def made(path: Path) -> Dictionary:
    return make(path, of=("m" * 64, "c" * 64, "main"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Activations:
    """The activations that the dictionary was made of, made again."""
    model, cells = toy_model(kind=ReadingToy), toy_cells()
    return write_activations(
        model, model.tokenise(cells), cells.cells, tmp_path_factory.mktemp("stored") / "activations",
        cells_sha256=cells.sha256, tokeniser={"context": model.context}, sites=[residual(2)],
    )  # fmt: skip


def place_of() -> np.ndarray:
    found = np.full(N_GENES, -1, dtype=np.int64)
    found[list(PLACES)] = np.arange(len(PLACES))
    return found


def test_what_was_written_comes_back(made: Dictionary, path: Path, store: Activations) -> None:
    assert (made.genes, made.sae.k, made.sae.features, made.sae.width) == (GENES, 2, 16, WIDTH)
    again = load_dictionary(path)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again.sae, name), getattr(made.sae, name))
    wanted = read_features(store, residual(2), again.sae, place_of(), len(GENES), coactivation=True, histograms=True)
    for name in READ:
        np.testing.assert_array_equal(getattr(again.reading, name), getattr(wanted, name))
        assert getattr(again.reading, name).dtype == getattr(wanted, name).dtype
    assert again.report == made.report
    assert (made.report["rows"]["genes"], made.report["rows"]["site"]) == (len(GENES), "residual.2")
    assert made.report["settings"]["steps"] == 30
    assert not [each for each in path.parent.iterdir() if each != path]


def test_the_moments_are_those_of_the_tokens_of_these_genes(made: Dictionary, store: Activations) -> None:
    found = [store.by_cell(residual(2), cell) for cell in range(store.n_cells)]
    rows = np.concatenate([each.values[np.isin(each.gene, PLACES)] for each in found]).astype(np.float64)
    assert len(rows) == made.reading.tokens < store.n_rows / 2
    np.testing.assert_allclose(made.mean, rows.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(made.covariance, np.cov(rows.T, bias=True), rtol=1e-8, atol=1e-12)


def test_no_row_of_another_gene_or_of_a_special_token_is_drawn(
    tmp_path: Path, store: Activations, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[np.ndarray] = []
    draws = StoredRows.draws

    def spy(self: StoredRows, *given: Any, **named: Any) -> Any:
        for rows in draws(self, *given, **named):
            drawn.append(rows)
            yield rows

    monkeypatch.setattr(StoredRows, "draws", spy)
    make(tmp_path / "one.safetensors")
    seen = {row.tobytes() for rows in drawn for row in rows}
    every = [store.by_cell(residual(2), cell) for cell in range(store.n_cells)]
    own = {row.astype(np.float32).tobytes() for each in every for row in each.values[np.isin(each.gene, PLACES)]}
    assert seen == own, "all of theirs, with those that are held out for the score, and nothing else"


def embedded(change: Callable[[torch.Tensor], None]) -> ReadingToy:
    model = toy_model(kind=ReadingToy)
    with torch.no_grad():
        change(model.embedding.weight)
    return model


def test_what_other_tokens_hold_changes_nothing(tmp_path: Path) -> None:
    """At the embedding a token holds its own gene's vector alone, so that those of others can be changed alone."""
    recipe = replace(RECIPE, layer=0)
    others = [place for place in range(PAD) if place not in PLACES]  # CLS is among them

    def change_others(weight: torch.Tensor) -> None:
        weight[others] *= -7.0

    def change_one(weight: torch.Tensor) -> None:
        weight[PLACES[0]] *= 2.0

    plain, _, of_one = (
        make(tmp_path / f"{name}.safetensors", recipe, embedded(change))
        for name, change in (("plain", lambda weight: None), ("others", change_others), ("one", change_one))
    )
    assert_same(tmp_path / "others.safetensors", tmp_path / "plain.safetensors")
    assert not np.array_equal(plain.sae.encoder, of_one.sae.encoder)


class BrokenOff(Exception):
    """Somebody pulled the plug."""


class Counting(ReadingToy):
    """Counts its forward passes."""

    passes = 0

    def embed(self, batch: Batch) -> torch.Tensor:
        type(self).passes += 1
        return super().embed(batch)


def test_it_goes_on_where_it_was_broken_off_and_leaves_no_folder_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, steps=230)  # the state is saved after 200
    monkeypatch.setattr(Counting, "passes", 0)
    make(tmp_path / "whole.safetensors", recipe, toy_model(kind=Counting))
    written, seen = Counting.passes, list[int]()

    def plugged(last: int) -> Any:
        def progress(done: int, total: int, latest: dict[str, Any]) -> None:
            seen.append(done)
            if done == last:
                raise BrokenOff

        return lambda rows, settings, out: train_sae(rows, settings, out, progress=progress)

    path = tmp_path / "broken.safetensors"
    with pytest.raises(BrokenOff), monkeypatch.context() as patch:
        patch.setattr(dictionaries, "train_sae", plugged(220))
        make(path, recipe, toy_model(kind=Counting))
    assert not path.exists() and path.with_suffix(".work").is_dir()
    with monkeypatch.context() as patch:
        patch.setattr(dictionaries, "train_sae", plugged(0))
        make(path, recipe, toy_model(kind=Counting))
    assert seen == [*range(1, 221), *range(201, 231)]
    # The model ran for one look at the type of its numbers, and not over the cells again.
    assert Counting.passes == 2 * written + 1
    assert_same(path, tmp_path / "whole.safetensors")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["broken.safetensors", "whole.safetensors"]


def test_activations_that_were_broken_off_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*given: Any, **named: Any) -> Any:
        def progress(done: int, total: int) -> None:
            if done == 16:
                raise BrokenOff

        return write_activations(*given, **named, cells_a_shard=8, progress=progress)

    def uncut(*given: Any, **named: Any) -> Any:
        return write_activations(*given, **named, cells_a_shard=8)

    monkeypatch.setattr(dictionaries, "write_activations", uncut)
    make(tmp_path / "whole.safetensors")
    path = tmp_path / "broken.safetensors"
    with pytest.raises(BrokenOff), monkeypatch.context() as patch:
        patch.setattr(dictionaries, "write_activations", cut)
        make(path)
    assert len(list((path.with_suffix(".work") / "activations").glob("shard-*.safetensors"))) == 2
    make(path)
    assert_same(path, tmp_path / "whole.safetensors")
    assert not path.with_suffix(".work").exists()


def test_the_same_seed_gives_the_same_and_another_seed_another(made: Dictionary, path: Path, tmp_path: Path) -> None:
    make(tmp_path / "again.safetensors", of=("m" * 64, "c" * 64, "main"))
    assert_same(tmp_path / "again.safetensors", path)
    other = make(tmp_path / "other.safetensors", replace(RECIPE, seed=1))
    assert not np.array_equal(other.sae.decoder, made.sae.decoder)


def test_each_choice_of_a_recipe_and_each_order_of_genes_has_a_key_of_its_own() -> None:
    changes: list[dict[str, Any]] = [{"layer": 1}, {"features": 17}, {"k": 3}, {"steps": 31}, {"rows": 65}, {"seed": 1}]
    keys = [dictionary_key(replace(RECIPE, **change), GENES) for change in [{}, *changes]]
    keys += [dictionary_key(RECIPE, genes) for genes in (GENES[:-1], GENES[::-1])]
    assert len(set(keys)) == len(changes) + 3
    assert dictionary_key(replace(RECIPE), list(GENES)) == keys[0]


def test_what_a_recipe_leaves_open_follows_from_the_width() -> None:
    settings = DictionaryRecipe(layer=1).settings(512, threads=2)
    assert (settings.features, settings.k, settings.threads) == (2048, 32, 2)
    assert DictionaryRecipe(layer=1).settings(4).k == 1
    assert (RECIPE.settings(512).features, RECIPE.settings(512).k) == (16, 2)


@pytest.mark.parametrize(
    ("layer", "genes", "said"),
    [
        (4, GENES, r"layer 4: toy has the layers 0 \(the embedding\) to 3"),
        (-1, GENES, r"layer -1: toy has the layers 0 \(the embedding\) to 3"),
        (1, ("G1", "G99"), "have no gene 'G99'"),
    ],
)
def test_a_layer_or_a_gene_that_is_not_there_is_refused(
    tmp_path: Path, layer: int, genes: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        make_dictionary(
            tmp_path / "one.safetensors", toy_model(kind=ReadingToy), toy_cells(), genes, replace(RECIPE, layer=layer)
        )
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_whole_is_refused(made: Dictionary, path: Path, tmp_path: Path) -> None:
    (tmp_path / "half.safetensors").write_bytes(path.read_bytes()[:-50])
    with pytest.raises((OSError, ValueError, KeyError)):
        load_dictionary(tmp_path / "half.safetensors")
