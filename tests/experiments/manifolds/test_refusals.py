"""What a campaign about manifolds refuses, before anything is run: the value and the remedy, and no folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from trees import rows_of

from theodolite.claims import Tag
from theodolite.data.counts import CellDataError
from theodolite.experiments import CampaignError
from theodolite.experiments.manifolds.setting import ManifoldSetting
from theodolite.store import EntryKind, Ledger, hypothesis_rows, refusal_rows
from theodolite.tools.workbench import ModelShape

FIRST = {"id": "tree", "graph": "tree.yaml"}


@pytest.mark.parametrize(
    ("overrides", "value", "remedy"),
    [
        ({"manifold": {"donor": "branch", "branch": None}}, "4 donors", "leave `donor` out"),
        ({"manifold": {"stage": "stages"}}, "'stages'", "node"),
        ({"manifold": {"rulers": [{"id": "tree", "graph": "oak"}], "branch": None}}, "'oak'", "hematopoiesis"),
        ({"manifold": {"rulers": [{"id": "tree", "graph": "oak"}]}}, "'oak'", "hematopoiesis"),
        ({"manifold": {"rulers": [{"id": "tree", "raph": "oak"}]}}, "raph", "graph"),
        ({"manifold": {"rulers": [{"id": "time", "column": "hours"}]}}, "'hours'", "node"),
        ({"manifold": {"rulers": [FIRST, FIRST]}}, "'tree'", "names of claims"),
        ({"manifold": {"rulers": [{"id": "p", "program": ["NO1", "NO2"]}]}}, "'NO1'", "give genes of theirs"),
        ({"manifold": {"tips": ["branch_9"]}}, "'branch_9'", "branch_1, branch_2, branch_3"),
        ({"manifold": {"expected_fail": {"column": "tissue", "values": ["liver"]}}}, "liver", "name values of some"),
        ({"manifold": {"expected_fail": {"column": "node", "values": ["trunk_1"]}}}, "6 anchors of 6", "leave it out"),
        ({"manifold": {"fitters": ["isomap", "isomap"]}}, "isomap", "lists one twice"),
        ({"manifold": {"features": ["residual", "residual"]}}, "residual", "lists one twice"),
        ({"manifold": {"fitters": ["umap"]}}, "umap", "isomap"),
        ({"manifold": {"sizes": [15, 3]}}, "sizes.1 is 3", "10 or 15"),
        ({"manifold": {"replicates": 4}}, "4", "12"),
        ({"tools": ["geometry.axis_separation"]}, "geometry.axis_separation", "leave `tools:` out"),
        ({"references": "programs"}, "references", "leave it out"),
        ({"agents": {"executor": "qwen3-32b"}}, "agents", "leave it out"),
        ({"families": "packaged"}, "families", "leave it out"),
        ({"manifold": None, "tools": ["manifold.follows"]}, "manifold.follows", "under `manifold:`"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_run_is_refused(
    trees: Any, tmp_path: Path, overrides: dict[str, Any], value: str, remedy: str
) -> None:
    file = trees.file("refused-file", **overrides)
    before = {path.name for path in file.parent.iterdir()}
    with pytest.raises((CampaignError, CellDataError)) as caught:
        trees.setting(file, tmp_path / "refused")
    assert value in str(caught.value)
    assert remedy in str(caught.value)
    assert {path.name for path in file.parent.iterdir()} == before


def test_a_model_of_one_block_has_no_drift_of_attention_to_search(
    trees: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ManifoldSetting, "model_shape", ModelShape(n_layers=1, n_heads=2, read_out=False))
    with pytest.raises(CampaignError, match=r"nothing is left to search.*attention_drift.*leave one of them out"):
        trees.setting(trees.file("one-block", manifold={"features": ["attention_drift"]}), tmp_path)


def test_a_ruler_of_counts_is_searched_by_and_never_claimed(trees: Any, tmp_path: Path) -> None:
    genes = [f"G{number:04d}" for number in range(1, 11)]
    file = trees.file("program", manifold={"rulers": [{"id": "state", "program": genes}]})
    trees.run(file, tmp_path / "program")
    assert all("state" in look.payload["scores"] for look in rows_of(tmp_path / "program", EntryKind.LOOK))
    with Ledger.open(tmp_path / "program" / "ledger.sqlite", read_only=True) as ledger:
        refusals = refusal_rows(ledger)
        assert refusals
        assert {row.code for row in refusals} == {"leak"}
        assert all(row.prereg_sha256 is None for row in hypothesis_rows(ledger))


def test_without_donors_a_verdict_speaks_of_these_cells_only(trees: Any, tmp_path: Path) -> None:
    file = trees.file("cells", manifold={"donor": None})
    trees.run(file, tmp_path / "cells")
    with Ledger.open(tmp_path / "cells" / "ledger.sqlite", read_only=True) as ledger:
        supported = [row for row in hypothesis_rows(ledger) if row.verdict == "supported"]
        assert supported
        assert all(Tag.THESE_CELLS in row.tags for row in supported)


def test_without_donors_another_seed_leaves_every_cell_on_its_side(trees: Any, tmp_path: Path) -> None:
    """Cells that one campaign searched are not dealt to the block that another is judged by."""
    sides = []
    for seed in (1, 2):
        file = trees.file(f"dealt-{seed}", seed=seed, manifold={"donor": None})
        setting = trees.setting(file, tmp_path / str(seed))
        kept = setting.table.of_donors(setting.genes("discovery"))
        sides.append({row for rows in kept.rows for row in rows})
    assert sides[0] == sides[1]


def test_donors_of_one_stage_each_can_test_nothing(trees: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No null can be drawn then; the ruler is told to be untestable, and no campaign breaks on it."""
    whole = trees.setting(trees.file("one-stage"), tmp_path)
    at = {donor: place for place, donor in enumerate(whole.table.donors)}
    stages = sorted(set(whole.table.stage))
    kept = [
        row
        for row, (donor, stage) in enumerate(zip(whole.table.donor, whole.table.stage, strict=True))
        if stage == stages[at[donor] % len(stages)]
    ]
    monkeypatch.setattr("theodolite.experiments.manifolds.setting.LEAST_ANCHORS", 1)
    setting = replace(whole, table=whole.table.of_anchors(kept), _testability={})
    found = setting.testability("block-1")["tree"]
    assert not found.testable
    assert found.remedy == "give donors of several stages each"
