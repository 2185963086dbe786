"""The examples of the page of instruments run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite import tl
from theodolite.descriptions import descriptions
from theodolite.experiments import fitted_features
from theodolite.saes import DictionaryRecipe
from theodolite.tools import tools


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def ran(checkout: Path) -> dict[str, Any]:
    """Return what the page's blocks leave behind, run one after another on every twentieth of the packaged cells."""
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        whole = tl.pbmc
        patch.setattr(tl, "pbmc", lambda: whole()[::20].copy())
        for block in blocks(checkout / "docs" / "instruments" / "README.md"):
            exec(compile(block, "README.md", "exec"), names)
    return names


def test_every_example_leaves_its_result(ran: dict[str, Any]) -> None:
    adata = ran["adata"]
    assert adata.var["geometry_axis_separation"].notna().all()
    assert adata.varp["near"].shape == (765, 765) and "attention_edges" in adata.varp
    assert sorted(adata.varm["geometry_regulator_proximity"].columns) == ["IRF8", "SPI1", "SPIB"]
    assert np.isfinite(adata.varm["hidden_L3"]).all()
    assert np.isfinite(ran["described"].varp["attention_edges"]).sum() == 6
    assert list(adata.uns["geometry_effective_rank"]["profile"].columns) == ["present", "shuffled", "with zero rows"]
    assert (
        len([name for name in ran["facts"] if name.endswith("p_any")]) == 3 and "SPIB" in adata.uns["spib"]["sentence"]
    )


def test_the_example_of_depth_runs(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tl.pbmc
    monkeypatch.setattr(tl, "pbmc", lambda: whole()[::20].copy())
    names: dict[str, Any] = {}
    (block,) = blocks(checkout / "docs" / "instruments" / "depth.md")
    exec(compile(block, "depth.md", "exec"), names)
    references = names["adata"].uns["depth_attention_trend"]["references"]
    assert 0.0 < references.loc["b_lineage_marks_pairs", "auroc"] < 1.0


def test_the_examples_of_autoencoders_run(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # A thousand steps a block would be waited for.
    monkeypatch.setattr(fitted_features, "recipe_of", lambda layer, variant: DictionaryRecipe(layer, steps=20))
    for block in blocks(checkout / "docs" / "instruments" / "saes.md"):
        exec(compile(block, "saes.md", "exec"), {})
    assert (tmp_path / "sae" / "sae_weights.safetensors").is_file()
    printed = capsys.readouterr().out
    assert "active features at layer 2 have top genes enriched in one of" in printed


def test_the_page_shows_every_built_in_instrument(checkout: Path) -> None:
    page = (checkout / "docs" / "instruments" / "README.md").read_text(encoding="utf-8")
    for tool in tools():
        if tool.built_in:
            assert f"`{tool.name}`" in page


def test_the_pages_show_every_built_in_description_and_what_it_is_held_against(checkout: Path) -> None:
    pages = [path.read_text(encoding="utf-8") for path in (checkout / "docs" / "instruments").glob("*.md")]
    rows = [line for page in pages for line in page.splitlines() if line.startswith("| `")]
    for found in descriptions():
        if found.built_in:
            (row,) = [row for row in rows if row.startswith(f"| `{found.name}`")]
            assert (found.references.replace("none", "nothing")) in row
