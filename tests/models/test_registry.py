"""Models by name or folder, and the controls of a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from theodolite.data import CellSet
from theodolite.measurements import Variant, VariantKind
from theodolite.models import registry
from theodolite.models.capture import capture
from theodolite.models.compact import CompactConfig, CompactTransformer, save_checkpoint
from theodolite.models.facts import CheckpointError

GENES = tuple(f"GENE{index}" for index in range(12))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = CompactConfig(genes=GENES, width=8, n_layers=2, n_heads=2, feedforward=16)
    draw = torch.Generator().manual_seed(1)
    model = CompactTransformer(config, torch.rand(12, generator=draw), torch.rand(12, generator=draw) + 0.5, seed=4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=draw))
    path = tmp_path_factory.mktemp("models") / "my-model"
    save_checkpoint(path, model, {})
    return path


def some_cells() -> CellSet:
    counts = np.random.default_rng(0).poisson(3.0, (20, 12))
    return CellSet.from_counts("drawn", counts, GENES, [f"c{row}" for row in range(20)], species="human", origin="here")


def test_a_model_is_loaded_by_folder_under_the_folders_name(folder: Path) -> None:
    model = registry.load_model(str(folder))
    assert (model.name, model.genes) == ("my-model", GENES)
    assert (model.n_layers, model.n_heads, model.width, model.expects) == (2, 2, 8, "log1p_cp10k")
    assert not model.transformer.training


def test_the_read_out_is_what_the_normalised_residual_stream_is_multiplied_with(folder: Path) -> None:
    model = registry.load_model(str(folder))
    network = model.transformer
    hidden = torch.randn(4, 12, 8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        predicted = network.read_out(hidden, torch.arange(12))
        offset = network.read_out(torch.zeros_like(hidden), torch.arange(12))
        normalised = torch.nn.functional.layer_norm(hidden, (8,))
    expected = (normalised * torch.from_numpy(model.read_out)).sum(dim=-1) * network.gene_sd
    torch.testing.assert_close(predicted - offset, expected, rtol=1e-4, atol=1e-5)


def test_a_model_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(FileNotFoundError, match=r"no model 'compact-heart'.*a folder with config.json"):
        registry.load_model("compact-heart")


def test_weights_that_were_changed_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "changed"
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    content = bytearray((copy / "model.safetensors").read_bytes())
    content[-1] ^= 0x01
    (copy / "model.safetensors").write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match="sha256"):
        registry.load_model(str(copy))


def test_variants_that_change_the_input_leave_the_model_as_it_is(folder: Path) -> None:
    model = registry.load_model(str(folder))
    for kind in VariantKind:
        if kind not in (VariantKind.UNTRAINED, VariantKind.RANDOM_EMBEDDING):
            assert model.variant(Variant(kind, 1)) is model


@pytest.mark.parametrize("kind", [VariantKind.UNTRAINED, VariantKind.RANDOM_EMBEDDING])
def test_variants_of_the_weights_are_other_models_under_the_same_hash(folder: Path, kind: VariantKind) -> None:
    model = registry.load_model(str(folder))
    before = capture(model, some_cells())
    changed = model.variant(Variant(kind, 1))
    after = capture(changed, some_cells())
    assert not np.allclose(after.hidden, before.hidden)
    np.testing.assert_array_equal(capture(model.variant(Variant(kind, 1)), some_cells()).hidden, after.hidden)
    assert not np.allclose(capture(model.variant(Variant(kind, 2)), some_cells()).hidden, after.hidden)
    # The variant is named beside the hash in every job; the hash says which weights it was made from.
    assert changed.sha256 == model.sha256
    assert changed.name == f"my-model {kind.value}(1)"
    np.testing.assert_array_equal(capture(model, some_cells()).hidden, before.hidden)


def test_an_untrained_model_keeps_the_normalisation_of_the_trained_one(folder: Path) -> None:
    model = registry.load_model(str(folder))
    untrained = model.variant(Variant(VariantKind.UNTRAINED, 3))
    torch.testing.assert_close(untrained.transformer.gene_mean, model.transformer.gene_mean)
    torch.testing.assert_close(untrained.transformer.gene_sd, model.transformer.gene_sd)
