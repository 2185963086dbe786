"""Descriptions of attention and of sets of heads on the packaged cells and model, in three lines each."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_subjects import reference

from theodolite import tl
from theodolite.analysis.attention import incremental
from theodolite.data import load_programs
from theodolite.descriptions import descriptions
from theodolite.tl import MeasureError, MemoryLimitError

EDGES = [
    ("SPI1", "LYZ"), ("SPI1", "CST3"), ("SPI1", "FCER1G"), ("SPI1", "AIF1"), ("SPI1", "TYROBP"), ("SPI1", "CD74"),
    ("IRF8", "HLA-DRA"), ("IRF8", "CD74"), ("IRF8", "CST3"), ("IRF8", "LYZ"), ("IRF8", "HLA-DRB1"),
    ("SPIB", "CD79A"), ("SPIB", "MS4A1"), ("SPIB", "CD79B"), ("SPIB", "CD74"), ("SPIB", "HLA-DRA"),
]  # fmt: skip

REGULON = reference("regulon", EDGES, "given")


@pytest.fixture(scope="module")
def whole() -> Any:
    return tl.pbmc()[::20].copy()


@pytest.fixture
def adata(whole: Any) -> Any:
    return whole.copy()


@pytest.fixture(scope="module")
def genes(whole: Any) -> list[str]:
    named = {gene for edge in EDGES for gene in edge}
    marks = next(item for item in load_programs() if item.id == "b_cell").gene_set
    known = [gene for gene in whole.var_names if gene in named | marks]
    return [*known, *[gene for gene in whole.var_names if gene not in known][:30]]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("captures")


@pytest.fixture(autouse=True)
def quick_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer trees that learn faster."""
    monkeypatch.setattr(incremental, "_TREES", {**incremental._TREES, "max_iter": 20, "learning_rate": 0.2})


RUNS: list[tuple[Callable[..., Any], str, dict[str, Any]]] = [
    (tl.depth_profile, "attention_depth_profile", {"resamples": 10}),
    (tl.attention_edge_recovery, "attention_edge_recovery", {"shuffles": 9, "rewirings": 9, "top_k": [10]}),
    (tl.layer_choice, "attention_layer_choice", {"folds": 2, "resamples": 10}),
    (tl.attention_retention, "attention_retention", {"learners": ["ols"], "folds": 2, "resamples": 10, "rewirings": 9}),
    (tl.perturbation_ranking, "attention_perturbation_ranking", {"layer": 2, "resamples": 10}),
    (tl.attention_matched, "attention_matched", {"layer": 2, "resamples": 10}),
    (
        tl.attention_stratified,
        "attention_stratified",
        {"layer": 2, "least_in_state": 5, "draws": 3, "cells": {"cell_type": "cell_type"}},
    ),
]


@pytest.mark.parametrize(("see", "key", "params"), RUNS, ids=[key for _, key, _ in RUNS])
def test_each_description_of_attention_runs_in_three_lines(
    adata: Any, genes: list[str], cache: Path, see: Callable[..., Any], key: str, params: dict[str, Any]
) -> None:
    see(adata, model="compact-pbmc", reference=REGULON, genes=genes, cache=cache, **params)
    stored = adata.uns[key]
    assert stored["sentence"].endswith(".") and "given" in stored["sentence"]
    assert stored["standing"].startswith("description: makes no claim")
    assert stored["references"] == {"given": REGULON.sha256}


def test_incremental_value_runs_and_says_what_is_added(adata: Any, genes: list[str], cache: Path) -> None:
    quick = {"folds": 2, "joint_folds": 2, "resamples": 5, "top_k": [5]}
    tl.incremental_value(adata, model="compact-pbmc", reference=EDGES, genes=genes, cache=cache, layer=2, **quick)
    facts = adata.uns["attention_incremental_value"]["facts"]
    assert "attention.accepted" in facts and "attention.boosting.both.d_auroc.low" in facts


def test_sets_of_heads_are_taken_out_and_stored_beside_random_sets(
    adata: Any, genes: list[str], cache: Path, tmp_path: Path
) -> None:
    import anndata

    tl.head_sets(
        adata, model="compact-pbmc", reference="b_cell", genes=genes, cache=cache, sizes=[1], draws=2, cells_at_most=4
    )
    stored = adata.uns["ablation_head_sets"]
    assert list(stored["measurement"]["units"][:2]) == ["top 1", "bottom 1"]
    assert stored["measurement"]["control"].shape == (5, 2)
    adata.write_h5ad(tmp_path / "cells.h5ad")
    again = anndata.read_h5ad(tmp_path / "cells.h5ad").uns["ablation_head_sets"]
    assert again["sentence"] == stored["sentence"] and again["facts"]["at_layer.whole"] == pytest.approx(
        stored["facts"]["at_layer.whole"]
    )


def test_the_same_seed_gives_the_same_bytes(adata: Any, genes: list[str], cache: Path) -> None:
    for key in ("one", "two"):
        tl.depth_profile(
            adata, model="compact-pbmc", reference=EDGES, genes=genes, cache=cache, resamples=5, seed=4, key_added=key
        )
    assert adata.uns["one"]["sha256"] == adata.uns["two"]["sha256"]
    np.testing.assert_array_equal(adata.uns["one"]["profile"], adata.uns["two"]["profile"])


def test_what_would_not_fit_or_has_no_edges_is_refused_before_the_model_runs(adata: Any) -> None:
    with pytest.raises(MemoryLimitError, match=r"attention.stratified on 765 genes .* name fewer genes"):
        tl.attention_stratified(adata, model="compact-pbmc", reference=EDGES, max_memory_gb=0.05)
    with pytest.raises(MeasureError, match="held against regulons, and reference is None"):
        tl.perturbation_ranking(adata, model="compact-pbmc")
    with pytest.raises(MeasureError, match="held against references of kind regulons; give such a one"):
        tl.perturbation_ranking(adata, model="compact-pbmc", reference="b_cell")


@pytest.fixture
def few_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = tl.pbmc
    monkeypatch.setattr(tl, "pbmc", lambda: everything()[::20].copy())


def blocks(page: Path, word: str) -> str:
    """Return those blocks of a page that run something of ``tl``, one behind the other."""
    found = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return "\n".join(block for block in found if word in block)


@pytest.mark.parametrize(("page", "family"), [("attention.md", "attention"), ("ablation.md", "ablation")])
def test_the_examples_of_the_pages_run_and_each_description_has_a_row(
    checkout: Path, few_cells: None, page: str, family: str
) -> None:
    path = checkout / "docs" / "instruments" / page
    names: dict[str, Any] = {}
    exec(compile(blocks(path, "tl."), page, "exec"), names)
    for item in descriptions():
        if item.family == family and item.built_in:
            assert f"| `{item.name}` |" in path.read_text(encoding="utf-8")
            assert names["adata"].uns[item.name.replace(".", "_")]["sentence"].endswith(".")
