"""Gene vectors of every layer in ``varm``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from toy_models import ToyModel

from theodolite import tl
from theodolite.models.capture import capture
from theodolite.models.registry import load_model
from theodolite.tl import MeasureError, MemoryLimitError


def test_vectors_are_the_means_of_a_capture(adata: Any, model: str, tmp_path: Path) -> None:
    assert tl.capture(adata, model=model) is None
    taken = capture(load_model(model), tl.read_anndata(adata).cells)
    rows = [adata.var_names.get_loc(gene) for gene in taken.genes]
    for layer in range(3):
        np.testing.assert_allclose(adata.varm[f"hidden_L{layer}"][rows], taken.hidden[layer], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(adata.varm["hidden_read_out"][rows], taken.read_out)
    assert (adata.var["hidden_cells"] == 40).all()
    adata.write_h5ad(tmp_path / "out.h5ad")
    facts = anndata.read_h5ad(tmp_path / "out.h5ad").uns["hidden"]
    assert list(facts["keys"]) == ["hidden_L0", "hidden_L1", "hidden_L2", "hidden_read_out"]
    assert facts["model_sha256"] == load_model(model).sha256 and "no null was drawn" in facts["standing"]


def test_chosen_layers_keys_and_copy(adata: Any, model: str) -> None:
    changed = tl.capture(adata, model=model, layers=[1, None], key_added="h", copy=True)
    assert sorted(changed.varm) == ["h_L1", "h_read_out"] and not adata.varm


def test_f3_genes_without_a_token_are_nan_and_never_zero(token_cells: Any, token_model: ToyModel) -> None:
    tl.capture(token_cells, model=token_model, genes=np.ones(35, dtype=bool))
    missing = np.isnan(token_cells.varm["hidden_L2"]).all(axis=1)
    assert list(token_cells.var_names[missing]) == ["G3", *(f"other{place}" for place in range(5))]
    assert (np.linalg.norm(token_cells.varm["hidden_L2"][~missing], axis=1) > 0).all()
    assert token_cells.var.loc["G4", "hidden_cells"] <= 2 and np.isnan(token_cells.var.loc["G3", "hidden_cells"])


@pytest.mark.parametrize(
    ("layers", "said"),
    [([4], "layers holds 4; model 'planted-model' has 0 .* to 2, and None"), ([], "layers holds nothing")],
)
def test_a_layer_that_the_model_does_not_have_is_refused(adata: Any, model: str, layers: list[int], said: str) -> None:
    with pytest.raises(MeasureError, match=said):
        tl.capture(adata, model=model, layers=layers)


def test_a_model_without_a_read_out_has_none(token_cells: Any, token_model: ToyModel) -> None:
    with pytest.raises(MeasureError, match="has 0 .the embedding. to 3$"):
        tl.capture(token_cells, model=token_model, layers=[None])


def test_memory_grows_with_the_genes_and_not_with_their_square(adata: Any, model: str) -> None:
    allowed = 0.0005
    with pytest.raises(MemoryLimitError):
        tl.attention_edges(adata, model=model, layer=1, max_memory_gb=allowed)
    tl.capture(adata, model=model, max_memory_gb=allowed)
    with pytest.raises(MemoryLimitError, match="capturing 300 genes at 3 layers of width 16 would take"):
        tl.capture(adata, model=model, max_memory_gb=allowed / 20)
