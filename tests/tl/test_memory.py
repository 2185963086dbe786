"""What cannot fit is refused before anything runs; what runs stays near its estimate."""

from __future__ import annotations

import tracemalloc
from typing import Any

import anndata
import numpy as np
import pytest
from pydantic import ValidationError
from toy_models import ToyModel

from theodolite import tl
from theodolite.experiments.machine import memory_bytes
from theodolite.experiments.needs import capture_bytes
from theodolite.models.compact import CompactConfig, CompactTransformer
from theodolite.models.compact_model import CompactModel
from theodolite.tl import MemoryLimitError, captures
from theodolite.tl.memory import adjusting_bytes, measuring_bytes, refuse_beyond
from theodolite.tools import BenchSize, ModelShape, get_tool

SIZE = BenchSize(genes=300, regulators=0, cells=40, width=16, shape=ModelShape(2, 2, read_out=True))


def test_a_measurement_that_cannot_fit_is_refused_before_the_model_is_loaded(
    adata: Any, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theodolite.tl.choosing.find_model", None)
    tl.settings.max_memory_gb = 0.002
    said = r"attention.edges on 300 genes in 2 layers of 2 heads of model 'planted-model' would take .*" \
        r"max_memory_gb allows 0.002; name fewer genes \(genes=...; of 300, about \d+ fit\), or raise"  # fmt: skip
    with pytest.raises(MemoryLimitError, match=said):
        tl.attention_edges(adata, model=model, layer=1)
    assert not adata.uns and not adata.varp


def test_the_number_of_genes_that_is_advised_fits(adata: Any, model: str) -> None:
    with pytest.raises(MemoryLimitError) as caught:
        tl.attention_edges(adata, model=model, layer=1, max_memory_gb=0.004)
    fits = int(str(caught.value).split("about ")[1].split()[0])
    assert 20 < fits < 300
    # What does not grow with the square of the genes is not in the advice: results over all rows of var are 0.36 MB.
    tl.attention_edges(adata, model=model, layer=1, max_memory_gb=0.004, genes=list(adata.var_names[: fits * 9 // 10]))
    assert "attention_edges" in adata.varp


def test_a_call_may_allow_more_than_the_setting_and_the_default_is_a_share_of_the_machine() -> None:
    assert tl.Settings().limit() == int(0.75 * memory_bytes())
    assert tl.Settings(max_memory_gb=2).limit() == 2 * 10**9 and tl.Settings(max_memory_gb=2).limit(3) == 3 * 10**9


@pytest.mark.parametrize(
    ("name", "value"), [("max_memory_gb", 0), ("max_memory_gb", "much"), ("dtype", "int8"), ("x", 1)]
)
def test_a_setting_that_cannot_be_is_refused_when_it_is_set(name: str, value: object) -> None:
    with pytest.raises((ValidationError, ValueError), match=name):
        setattr(tl.settings, name, value)


def test_the_estimate_of_a_capture_by_hand() -> None:
    taking, held = capture_bytes(SIZE, saved=False)
    maps, vectors = 2 * 2 * 300**2, 4 * 300 * 16
    assert held == 4 * (maps + vectors)
    assert taking == held + 8 * (maps + vectors) + 8 * 300**2
    assert capture_bytes(SIZE, saved=False, with_attention=False)[1] == 4 * vectors
    assert capture_bytes(SIZE, saved=True)[0] == max(taking, 3 * held)
    assert capture_bytes(SIZE, saved=False, gaps=True) == (taking + 44 * 300**2, held + 4 * 300**2)


def test_what_an_instrument_says_of_its_memory_is_part_of_the_estimate() -> None:
    edges = get_tool("attention.edges")
    params = edges.params(layer=1)
    plain = measuring_bytes(edges, params, SIZE, 300)
    assert edges.memory is not None and plain == edges.memory(SIZE, params) + 36 * 300**2 + 4 * 300**2
    assert measuring_bytes(edges, params, SIZE, 3_000) - plain == 4 * (3_000**2 - 300**2)
    assert adjusting_bytes("GeneScores", SIZE) == 0
    assert adjusting_bytes("PairScores", SIZE) == 20 * 40 * 300 + 85 * 300**2 + 1_450 * 300**2


def test_adjusted_aurocs_may_be_left_out_where_they_do_not_fit(adata: Any, model: str) -> None:
    reference, allowed = list(adata.var_names[:20]), 0.05
    with pytest.raises(MemoryLimitError, match=r"adjusted AUROCs \(adjust=False leaves them out\) 0.138 GB"):
        tl.attention_edges(adata, model=model, layer=1, reference=reference, max_memory_gb=allowed)
    tl.attention_edges(adata, model=model, layer=1, reference=reference, max_memory_gb=allowed, adjust=False)
    found = adata.uns["attention_edges"]["references"].iloc[0]
    assert np.isfinite(found["auroc"]) and np.isnan(found["auroc_adjusted"])


def test_parts_are_told_largest_by_name() -> None:
    refuse_beyond(10**9, {"a": 5 * 10**8, "b": 5 * 10**8}, 10, "it")
    with pytest.raises(MemoryLimitError, match=r"it would take 4 GB \(a 4 GB\), and .* allows 1; .*of 10, about 5 fit"):
        refuse_beyond(10**9, {"a": 4 * 10**9, "b": 0}, 10, "it")
    with pytest.raises(MemoryLimitError, match="even two do not fit"):
        refuse_beyond(1, {"a": 4 * 10**9}, 10, "it")


@pytest.mark.parametrize("compared", [False, True])
def test_the_peak_stays_within_the_estimate_and_is_no_small_part_of_it(compared: bool) -> None:
    """Arrays of NumPy only: torch keeps its own, of a few cells."""
    n = 500
    genes = tuple(f"G{place}" for place in range(n))
    transformer = CompactTransformer(
        CompactConfig(genes=genes, width=9, n_layers=2, n_heads=3, feedforward=8, dropout=0.0), seed=1
    ).eval()
    data = anndata.AnnData(X=np.random.default_rng(0).poisson(2.0, (8, n)).astype(np.float32))
    data.var_names = list(genes)
    model = CompactModel("hand", "0" * 64, transformer)
    reference = list(genes[:40]) if compared else None
    tl.attention_edges(
        data, model=model, layer=1, genes=list(genes[:50]), reference=reference
    )  # compiles what it needs
    edges, size = get_tool("attention.edges"), BenchSize(n, 0, 8, 9, ModelShape(2, 3, True))
    taking, held = capture_bytes(size, saved=False)
    beside = measuring_bytes(edges, edges.params(layer=1), size, n)
    beside += adjusting_bytes("PairScores", size) if compared else 0
    tracemalloc.start()
    try:
        tl.attention_edges(data, model=model, layer=1, reference=reference)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    estimate = max(taking, held + beside)
    assert 0.5 * estimate < peak < 1.1 * estimate


def test_earlier_captures_go_where_all_together_would_be_too_much(adata: Any, model: str) -> None:
    for first in (0, 10, 20, 30, 40):
        tl.axis_separation(adata, model=model, layer=1, axis=1, genes=list(adata.var_names[first : first + 30]))
    assert len(captures._KEPT) == captures.MOST_KEPT
    tl.axis_separation(adata, model=model, layer=1, axis=1, genes=list(adata.var_names[:31]), max_memory_gb=0.00008)
    assert len(captures._KEPT) < captures.MOST_KEPT


def test_the_fit_for_pairs_of_no_cell_is_counted(token_cells: Any, token_model: ToyModel) -> None:
    tl.settings.max_memory_gb = 1e-6
    with pytest.raises(MemoryLimitError, match="model 'toy' would take"):
        tl.attention_edges(token_cells, model=token_model, layer=1)
