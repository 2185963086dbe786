"""Published files are read to the last tensor, or not at all."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from theodolite.models.facts import CheckpointError
from theodolite.models.scgpt import recognises, scgpt_facts
from theodolite.models.scgpt.checkpoint import read_checkpoint, write_random_checkpoint
from theodolite.models.scgpt.model import ScGPTModel, load_scgpt
from theodolite.models.scgpt.settings import ScGPTSettings


@pytest.fixture
def folder(tmp_path: Path, small_scgpt: Path) -> Path:
    """Return a folder that a test may break."""
    return Path(shutil.copytree(small_scgpt, tmp_path / "scgpt-small"))


def change(folder: Path, how: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    state = torch.load(folder / "best_model.pt", weights_only=True)
    how(state)
    torch.save(state, folder / "best_model.pt")


FIRST = "transformer_encoder.layers.0."


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (lambda state: state.pop("encoder.enc_norm.bias"), r"'encoder.enc_norm.bias' \(16,\) is missing"),
        (lambda state: state.pop(f"{FIRST}self_attn.in_proj_weight"), "in_proj_weight.* is missing"),
        (lambda state: state.pop("decoder.fc.4.bias"), "'decoder.fc.4.bias'.* is missing"),
        (lambda state: state.pop("cls_decoder._decoder.0.bias"), "'cls_decoder._decoder.0.bias'.* is missing"),
        (lambda state: state.update({"encoder.more": torch.zeros(2)}), r"'encoder.more' \(2,\) is unexpected"),
        (lambda state: state.update({"module.more": torch.zeros(2)}), "'module.more'.* is unexpected"),
        (
            lambda state: state.update({"transformer_encoder.layers.3.linear1.weight": torch.zeros(24, 16)}),
            "layers.3.linear1.weight' .* is unexpected",
        ),
        (
            lambda state: state.update({f"{FIRST}linear1.weight": torch.zeros(16, 24)}),
            r"linear1.weight' is torch.float32 \(16, 24\) where the configuration asks for torch.float32 \(24, 16\)",
        ),
        (
            lambda state: state.update({f"{FIRST}linear1.bias": torch.zeros(24, dtype=torch.int64)}),
            "linear1.bias' is torch.int64",
        ),
        (
            lambda state: state["decoder.fc.0.weight"].fill_(torch.nan),
            "'decoder.fc.0.weight' holds a number that is not",
        ),
        (
            lambda state: state.update({"decoder.fc.0.bias": torch.full((16,), 1e300, dtype=torch.float64)}),
            "'decoder.fc.0.bias' holds a number that is not finite",
        ),
        (
            lambda state: state.update({f"{FIRST}self_attn.Wqkv.bias": torch.zeros(48)}),
            "in_proj_bias' stands there under two names",
        ),
        (
            lambda state: state.update({"encoder.embedding.weight": torch.zeros(44, 16)}),
            "embeddings of 44 tokens, and vocab.json has 43: the two files belong to different models",
        ),
        (lambda state: state.update({"encoder.sparse": torch.eye(2).to_sparse()}), "asks for torch._utils"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    folder: Path, how: Callable[[dict[str, torch.Tensor]], Any], says: str
) -> None:
    change(folder, how)
    with pytest.raises(CheckpointError, match=f"{says}.*get the whole folder"):
        load_scgpt(folder)


def test_parts_of_other_models_are_left_out_and_said(folder: Path) -> None:
    extra = {
        "batch_encoder.embedding.weight": torch.zeros(3, 16),
        "dsbn.bns.0.weight": torch.ones(16),
        "bn.running_mean": torch.zeros(16),
        "grad_reverse_discriminator.out_layer.bias": torch.zeros(3),
        "decoder.zero_logit.0.weight": torch.zeros(16, 16),
        "pert_encoder.weight": torch.zeros(3, 16),
    }
    change(folder, lambda state: state.update(extra))
    found = load_scgpt(folder)
    assert found.left_out == tuple(sorted(extra))


def test_a_checkpoint_without_decoders_of_cells_is_read(tmp_path: Path, settings: ScGPTSettings) -> None:
    write_random_checkpoint(tmp_path, ("A", "B"), settings, seed=1, n_classes=None, mvc=False)
    found = load_scgpt(tmp_path)
    assert found.read_out is None and scgpt_facts(tmp_path).read_out is False
    hidden = torch.zeros(1, 2, 16)
    with pytest.raises(ValueError, match="has no cls_decoder; take a checkpoint"):
        found.classify(hidden)
    with pytest.raises(ValueError, match="has no mvc_decoder; take a checkpoint"):
        found.predict_from_cell(hidden, None)  # type: ignore[arg-type]


def test_another_decoder_of_cells_is_left_out_and_said(folder: Path) -> None:
    change(folder, lambda state: state.pop("mvc_decoder.W.weight"))
    found = load_scgpt(folder)
    assert found.left_out == ("mvc_decoder.gene2query.bias", "mvc_decoder.gene2query.weight")
    assert found.read_out is None


def test_weights_of_half_width_are_widened(folder: Path) -> None:
    change(folder, lambda state: state.update({name: tensor.half() for name, tensor in state.items()}))
    assert load_scgpt(folder).module.decoder.fc[0].weight.dtype == torch.float32


@pytest.mark.parametrize("name", ["args.json", "vocab.json", "best_model.pt"])
def test_an_absent_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    for read in (load_scgpt, scgpt_facts):
        with pytest.raises(CheckpointError, match=f"{name}.*get the whole folder"):
            read(folder)


def test_sizes_that_are_merely_claimed_cost_nothing(folder: Path) -> None:
    args = json.loads((folder / "args.json").read_text())
    huge = {"embsize": 16_384, "d_hid": 65_536, "nlayers": 256}
    (folder / "args.json").write_text(json.dumps({**args, **huge}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match="where the configuration asks for"):
        load_scgpt(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_facts_agree_with_the_loaded_model(small_scgpt: Path, model: ScGPTModel) -> None:
    facts = scgpt_facts(small_scgpt)
    for name in ("name", "sha256", "genes", "n_layers", "n_heads", "width", "context", "expects"):
        assert getattr(facts, name) == getattr(model, name), name
    assert facts.read_out is (model.read_out is not None)
    assert recognises(small_scgpt) and not recognises(small_scgpt.parent)


def test_facts_and_tokens_need_no_torch(small_scgpt: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from theodolite.models.scgpt import scgpt_facts; "
        "import theodolite.models.scgpt.tokeniser; "
        f"print(scgpt_facts(Path({str(small_scgpt)!r})).n_layers, 'torch' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["3", "False"]


def test_the_hash_covers_every_file(folder: Path) -> None:
    before = scgpt_facts(folder).sha256
    args = folder / "args.json"
    args.write_text(args.read_text().replace("-2.0", "-3.0"))
    assert scgpt_facts(folder).sha256 != before


def test_reading_leaves_the_random_numbers_of_others_alone(small_scgpt: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    read_checkpoint(small_scgpt)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.slow
def test_a_checkpoint_of_the_published_size_loads_with_every_tensor(tmp_path: Path) -> None:
    genes = tuple(f"GENE{index}" for index in range(60_694))
    settings = ScGPTSettings(embsize=512, nheads=8, d_hid=512, nlayers=12)
    write_random_checkpoint(tmp_path / "whole-human", genes, settings, seed=1, flash="Wqkv")
    written = torch.load(tmp_path / "whole-human" / "best_model.pt", weights_only=True)
    assert written["encoder.embedding.weight"].shape == (60_697, 512)
    found = load_scgpt(tmp_path / "whole-human")
    assert found.left_out == () and len(found.genes) == 60_694 and found.context == 1200
    assert sum(tensor.numel() for tensor in written.values()) == sum(
        parameter.numel() for parameter in found.module.parameters()
    )
    own = found.module.state_dict()
    for name, tensor in written.items():
        assert torch.equal(own[name.replace("Wqkv.", "in_proj_")], tensor), name
