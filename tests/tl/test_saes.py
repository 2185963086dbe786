"""Dictionaries of a model on an AnnData: three lines each, trained once, and the same again for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest

from theodolite import tl
from theodolite.descriptions import STANDING, descriptions
from theodolite.experiments import fitted_features
from theodolite.saes import DictionaryRecipe, dictionaries
from theodolite.tl import DescriptionError, MeasureError, MemoryLimitError, captures

QUICK: dict[str, Any] = {"steps": 5, "features": 32, "k": 3}
RUNS: list[tuple[Callable[..., Any], str, dict[str, Any]]] = [
    (tl.dictionary_quality, "saes_dictionary_quality", {"seeds": 2}),
    (tl.feature_annotation, "saes_feature_annotation", {"reference": "programs", "draws": 19}),
    (tl.feature_alignment, "saes_feature_alignment", {"draws": 99}),
    (tl.feature_specificity, "saes_feature_specificity", {"cells": {"cell_type": "cell_type"}, "exchanges": 3}),
    (tl.feature_persistence, "saes_feature_persistence", {"reference": "programs", "layer": 2, "draws": 2}),
    (tl.feature_highways, "saes_feature_highways", {"draws": 2, "cells_at_most": 16}),
]


@pytest.fixture(scope="module")
def whole() -> Any:
    return tl.pbmc()[:120].copy()


@pytest.fixture
def adata(whole: Any) -> Any:
    return whole.copy()


@pytest.fixture
def few(whole: Any) -> Any:
    """Return thirty of the cells, where several dictionaries are trained."""
    return whole[::4].copy()


@pytest.fixture(scope="module")
def genes(whole: Any) -> list[str]:
    return list(whole.var_names[:150])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("captures")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the files of the dictionaries that are trained from here on."""
    paths: list[Path] = []
    make = dictionaries.make_dictionary

    def noted(path: Path, *given: Any, **named: Any) -> None:
        paths.append(path)
        make(path, *given, **named)

    monkeypatch.setattr(dictionaries, "make_dictionary", noted)
    return paths


@pytest.mark.parametrize(("see", "key", "params"), RUNS, ids=[key for _, key, _ in RUNS])
def test_three_lines_describe_a_dictionary_and_what_they_leave_is_written_and_read_back(
    adata: Any, genes: list[str], cache: Path, tmp_path: Path, see: Callable[..., Any], key: str, params: dict[str, Any]
) -> None:
    see(adata, model="compact-pbmc", genes=genes, cache=cache, **QUICK, **params)
    kept = adata.uns[key]
    assert kept["standing"] == STANDING and kept["description"] == key.replace("_", ".", 1)
    assert kept["sentence"].endswith(".") and "layer 2" in kept["sentence"]
    assert (kept["params"]["steps"], kept["n_genes"]) == (5, 150)
    assert (
        kept["measurement"]["control"].shape[0]
        == len(kept["measurement"]["effect"])
        == len(kept["measurement"]["units"])
    )
    adata.write_h5ad(tmp_path / "cells.h5ad")
    again = anndata.read_h5ad(tmp_path / "cells.h5ad").uns[key]
    assert again["sentence"] == kept["sentence"] and set(again["facts"]) == set(kept["facts"])


def test_all_three_share_the_dictionary_of_a_recipe_and_a_cache_spares_training(
    few: Any, genes: list[str], tmp_path: Path, trained: list[Path]
) -> None:
    options = {"model": "compact-pbmc", "genes": genes, "cache": tmp_path, **QUICK}
    tl.dictionary_quality(few, seeds=2, **options)
    assert len(trained) == 2 and {path.parent for path in trained} == {tmp_path}
    first = few.uns["saes_dictionary_quality"]["sha256"]
    tl.forget()
    tl.dictionary_quality(few, seeds=2, **options)
    tl.feature_alignment(few, draws=99, **options)
    tl.feature_annotation(few, reference="programs", draws=9, **options)
    assert len(trained) == 2
    assert few.uns["saes_dictionary_quality"]["sha256"] == first
    # Another gene, layer or size is another dictionary.
    tl.feature_alignment(few, draws=99, **(options | {"genes": genes[:-1]}))
    tl.feature_alignment(few, draws=99, layer=1, **options)
    assert len(set(trained)) == 4
    assert not list(tmp_path.glob("*.work"))


def test_without_a_cache_it_is_kept_for_this_process_until_all_is_forgotten(
    few: Any, genes: list[str], trained: list[Path]
) -> None:
    def see() -> str:
        tl.feature_alignment(few, model="compact-pbmc", genes=genes, draws=99, **QUICK)
        return str(few.uns["saes_feature_alignment"]["sha256"])

    first = see()
    assert see() == first and len(trained) == 1
    (folder,) = {path.parent for path in trained}
    assert folder.is_dir() and captures._SCRATCH
    tl.forget()
    assert not folder.exists() and not captures._SCRATCH
    # Trained again it is the same, and so is what is seen in it.
    assert see() == first and len(trained) == 2
    assert trained[1].parent != folder


def test_the_same_seed_gives_equal_results_and_another_draws_otherwise(
    adata: Any, genes: list[str], cache: Path
) -> None:
    for key, seed in (("one", 4), ("two", 4), ("three", 5)):
        tl.feature_annotation(
            adata, model="compact-pbmc", reference="programs", genes=genes, cache=cache, draws=19, seed=seed,
            key_added=key, **QUICK,
        )  # fmt: skip
    one, two, three = (adata.uns[key] for key in ("one", "two", "three"))
    assert one["sha256"] == two["sha256"] != three["sha256"]
    np.testing.assert_array_equal(one["measurement"]["control"], two["measurement"]["control"])
    # The dictionary does not hang on the seed of the nulls.
    assert one["facts"]["rate"] == three["facts"]["rate"]


def test_cells_whose_types_nobody_named_are_refused_before_anything_is_trained(
    adata: Any, genes: list[str], trained: list[Path]
) -> None:
    with pytest.raises(DescriptionError, match=r"no label of these cells is said to hold their cell_type .*cells=\{"):
        tl.feature_specificity(adata, model="compact-pbmc", genes=genes, **QUICK)
    with pytest.raises(DescriptionError, match="earlier is 2 and the later layer is 2"):
        tl.feature_highways(adata, model="compact-pbmc", genes=genes, earlier=2, **QUICK)
    assert trained == [] and not adata.uns


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"steps": 0}, MeasureError, "got steps 0: Input should be greater than or equal to 1"),
        ({"depth": 2}, MeasureError, "saes.feature_alignment has no parameter 'depth'"),
        ({"layer": 4, **QUICK}, DescriptionError, r"layer 4: this model has the layers 0 \(the embedding\) to 3"),
        ({"features": 8, "k": 9}, DescriptionError, "k is 9 of 8 features"),
        ({"axes": 64}, DescriptionError, "axes is 64 of a width of 64"),
        ({"max_memory_gb": 0.002}, MemoryLimitError, "saes.feature_alignment on 150 genes"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(
    adata: Any, genes: list[str], trained: list[Path], options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        tl.feature_alignment(adata, model="compact-pbmc", genes=genes, **options)
    assert trained == [] and not adata.uns


def test_the_page_has_a_row_for_each_description(checkout: Path) -> None:
    page = (checkout / "docs" / "instruments" / "saes.md").read_text(encoding="utf-8")
    for found in descriptions():
        if found.family == "saes" and found.built_in:
            assert f"| `{found.name}` | `{found.name.partition('.')[2]}` |" in page


def test_a_feature_is_measured_on_the_genes_that_it_was_trained_on(
    few: Any, genes: list[str], trained: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        fitted_features, "recipe_of", lambda layer, variant: DictionaryRecipe(layer, features=32, k=3, steps=20)
    )
    tl.feature_value(few, model="compact-pbmc", genes=genes, layer=2, feature=1, reference="programs")
    kept = few.uns["saes_feature_value"]
    assert (kept["place"], kept["stored_in"]) == ("layer 2 feature 1", "var") and len(kept["references"])
    scores = few.var["saes_feature_value"]
    assert set(scores.index[scores.notna()]) == set(genes) and scores.dropna().is_unique
    # A dictionary of the block, which its next feature shares.
    assert len(trained) == 1
    tl.feature_value(few, model="compact-pbmc", genes=genes, layer=2, feature=16)
    assert len(trained) == 1
    tl.feature_value(few, model="compact-pbmc", genes=genes, layer=1, feature=16)
    assert len(trained) == 2
    assert not np.allclose(few.var["saes_feature_value"].dropna(), scores.dropna())
    with pytest.raises(MeasureError, match="3 genes tell 16 features apart no better"):
        tl.feature_value(few, model="compact-pbmc", genes=genes[:3], layer=1, feature=1)
