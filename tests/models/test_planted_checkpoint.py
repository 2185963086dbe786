"""A model that is trained on the counts of a planted world."""

from __future__ import annotations

from pathlib import Path

import pytest

from theodolite.data.planted import plant_structure
from theodolite.models.planted_checkpoint import r2_checkpoint
from theodolite.models.registry import model_facts


@pytest.mark.slow
def test_training_on_a_world_leaves_a_model_of_its_genes_and_is_not_repeated(tmp_path: Path) -> None:
    structure = plant_structure(22)
    folder = tmp_path / "r2"
    assert r2_checkpoint(structure, folder, 2).steps == 2
    facts = model_facts(str(folder))
    assert facts.genes == structure.cells.genes
    written = (folder / "model.safetensors").read_bytes()
    r2_checkpoint(structure, folder, 2)
    assert (folder / "model.safetensors").read_bytes() == written
