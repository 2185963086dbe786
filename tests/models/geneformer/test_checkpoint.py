"""Loading of checkpoints in the published format: strictly, from either file, at every published size."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from theodolite.models.facts import CheckpointError
from theodolite.models.geneformer.checkpoint import load_network, save_network
from theodolite.models.geneformer.facts import geneformer_facts, recognises
from theodolite.models.geneformer.model import load_geneformer
from theodolite.models.geneformer.sizes import SIZES, Size
from theodolite.models.geneformer.writing import tensor_shapes, write_random_checkpoint

WORDS = "bert.embeddings.word_embeddings.weight"


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint that a test may spoil."""
    return Path(shutil.copytree(folder, tmp_path / folder.name))


def change(folder: Path, **options: Any) -> None:
    document = json.loads((folder / "config.json").read_text()) | options
    (folder / "config.json").write_text(json.dumps({key: value for key, value in document.items() if value != "gone"}))


def respell(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Put an older ``pytorch_model.bin`` in the place of ``model.safetensors``."""
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")


def test_a_model_of_one_layer_has_26_tensors() -> None:
    assert len(tensor_shapes(Size("one", 2, 1, 8, 2, 16, 12, 30))) == 26


def test_every_tensor_of_the_file_is_in_the_network(folder: Path) -> None:
    network, left_out = load_network(folder)
    state = network.state_dict()
    tensors = load_file(folder / "model.safetensors")
    assert left_out == ()
    assert set(state) - set(tensors) == {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}
    for name, tensor in tensors.items():
        assert torch.equal(state[name], tensor), name
    assert torch.equal(state["cls.predictions.decoder.weight"], tensors[WORDS])
    assert not network.training


def test_facts_agree_with_the_loaded_model_and_need_no_torch(folder: Path) -> None:
    facts, model = geneformer_facts(folder), load_geneformer(folder)
    for name in ("name", "sha256", "genes", "n_layers", "n_heads", "width", "context", "expects"):
        assert getattr(facts, name) == getattr(model, name), name
    assert facts.name == folder.name and facts.read_out
    script = (
        "import sys; from pathlib import Path; from theodolite.models.geneformer.facts import geneformer_facts; "
        f"print(geneformer_facts(Path({str(folder)!r})).n_layers, 'torch' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["3", "False"]


def test_the_hash_is_of_configuration_weights_and_dictionaries(own: Path) -> None:
    seen = {geneformer_facts(own).sha256}
    change(own, hidden_dropout_prob=0.1)
    seen.add(geneformer_facts(own).sha256)
    tensors = load_file(own / "model.safetensors")
    tensors["cls.predictions.bias"][3] += 1
    save_file(tensors, own / "model.safetensors")
    seen.add(geneformer_facts(own).sha256)
    names = own / "gene_name_id_dict_random.pkl"
    names.write_bytes(names.read_bytes().replace(b"GENE7", b"GENE_"))
    seen.add(geneformer_facts(own).sha256)
    assert len(seen) == 4


def test_a_folder_is_recognised_by_its_configuration(own: Path, tmp_path: Path) -> None:
    assert recognises(own)
    change(own, model_type="gpt2")
    assert not recognises(own)
    (own / "config.json").write_text("[1")
    assert not recognises(own)
    assert not recognises(tmp_path / "nowhere")


def test_an_older_file_with_positions_and_a_tied_decoder_is_read(own: Path) -> None:
    expected = load_network(own)[0].state_dict()
    tensors = load_file(own / "model.safetensors")
    tensors["bert.embeddings.position_ids"] = torch.arange(24)[None]
    tensors["cls.predictions.decoder.weight"] = tensors[WORDS].clone()
    tensors["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"].clone()
    respell(own, tensors)
    network, left_out = load_network(own)
    assert left_out == ("bert.embeddings.position_ids",)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in network.state_dict().items())


def test_what_is_saved_is_in_the_published_format(own: Path) -> None:
    before = load_file(own / "model.safetensors")
    save_network(own / "model.safetensors", load_network(own)[0])
    after = load_file(own / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def spoiled(name: str) -> tuple[str, Any, str]:
    query = "bert.encoder.layer.1.attention.self.query.weight"
    return {
        "missing": (query, None, rf"tensor '{query}' \(32, 32\) is missing"),
        "unexpected": (
            "bert.pooler.dense.bias",
            torch.zeros(3),
            r"'bert.pooler.dense.bias' \(3,\) is unexpected",
        ),
        "mis-shaped": (query, torch.zeros(32, 31), rf"'{query}' is torch.float32 \(32, 31\) where .*\(32, 32\)"),
        "integer": (query, torch.zeros(32, 32, dtype=torch.int64), rf"'{query}' is torch.int64"),
        "infinite": (query, torch.full((32, 32), torch.inf), rf"'{query}' holds a number that is not finite"),
        "untied": (
            "cls.predictions.decoder.weight",
            torch.zeros(4, 4),
            "predictions.decoder.weight' differs from",
        ),
        "positions": ("bert.embeddings.position_ids", torch.ones(1, 24), "position_ids' is not 0, 1, 2"),
    }[name]


@pytest.mark.parametrize("fault", ["missing", "unexpected", "mis-shaped", "integer", "infinite", "untied", "positions"])
def test_a_tensor_that_does_not_belong_is_named(own: Path, fault: str) -> None:
    name, tensor, message = spoiled(fault)
    tensors = load_file(own / "model.safetensors")
    if tensor is None:
        del tensors[name]
    else:
        tensors[name] = tensor
    save_file(tensors, own / "model.safetensors")
    with pytest.raises(CheckpointError, match=message):
        load_geneformer(own)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model_type": "roberta"}, "model_type is 'roberta'; that of Geneformer is 'bert'"),
        ({"model_type": "gone"}, "model_type is absent"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key'"),
        ({"is_decoder": True}, "is_decoder is True"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings is False"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0; it is a positive integer"),
        ({"hidden_size": "32"}, "hidden_size is '32'"),
        ({"vocab_size": "gone"}, "vocab_size is None"),
        ({"num_attention_heads": 5}, "hidden_size 32 is no multiple of num_attention_heads 5"),
        ({"hidden_act": None}, "hidden_act is None"),
    ],
)
def test_a_configuration_of_another_model_is_refused(own: Path, options: dict[str, Any], message: str) -> None:
    change(own, **options)
    with pytest.raises(CheckpointError, match=f"config.json: {message}"):
        geneformer_facts(own)


def test_weights_with_the_dictionary_of_the_other_version_are_refused(tmp_path: Path) -> None:
    v1, v2 = Size("v1", 1, 1, 8, 2, 16, 12, 42), Size("v2", 2, 1, 8, 2, 16, 12, 30)
    write_random_checkpoint(tmp_path / "v1", v1)
    write_random_checkpoint(tmp_path / "v2", v2, corpus="other")
    for path in (tmp_path / "v1").glob("*.pkl"):
        path.unlink()
    for path in (tmp_path / "v2").glob("*.pkl"):
        shutil.copy(path, tmp_path / "v1")
    with pytest.raises(CheckpointError, match=r"42 tokens but token_dictionary_other.pkl has 30: another vocabulary"):
        load_geneformer(tmp_path / "v1")


def test_a_missing_or_torn_file_is_named(own: Path) -> None:
    weights = own / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-100])
    with pytest.raises(CheckpointError, match=r"model.safetensors: not readable as safetensors"):
        load_geneformer(own)
    weights.unlink()
    with pytest.raises(CheckpointError, match=r"neither model.safetensors nor pytorch_model.bin"):
        load_geneformer(own)
    (own / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"config.json: absent"):
        load_geneformer(own)


QUICK = ("gf-6L-30M-i2048", "gf-12L-38M-i4096")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in SIZES]
)
def test_each_published_size_is_loaded_from_a_file_with_every_tensor_accounted_for(tmp_path: Path, name: str) -> None:
    size = SIZES[name]
    write_random_checkpoint(tmp_path / name, size, seed=1)
    model = load_geneformer(tmp_path / name)
    expected = tensor_shapes(size)
    state = model.network.state_dict()
    assert model.left_out == ()
    assert {key: tuple(tensor.shape) for key, tensor in state.items() if "decoder" not in key} == expected
    tensors = load_file(tmp_path / name / "model.safetensors")
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(state[key], tensor) for key, tensor in tensors.items())
    assert (model.n_layers, model.n_heads, model.width, model.context) == (
        size.layers,
        size.heads,
        size.width,
        size.context,
    )
    assert len(model.genes) == size.vocabulary - (2 if size.version == 1 else 4)
    shutil.rmtree(tmp_path / name)
