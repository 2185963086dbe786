"""The network against an independent restatement on ``torch.nn.TransformerEncoder``, and behind the protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from theodolite.data import CellSet
from theodolite.measurements import Variant
from theodolite.models.batches import batch_of
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.running import Resumption, run
from theodolite.models.scgpt.model import ScGPTModel, load_scgpt
from theodolite.models.sites import EMBEDDING, OUTPUT, attention, forward_order, mlp_post, mlp_pre, residual

CLOSE: dict[str, Any] = {"rtol": 0.0, "atol": 1e-5}


class Restated:
    """scGPT from a state dict, written from its description, on PyTorch's own encoder."""

    def __init__(self, folder: Path, n_layers: int, n_heads: int) -> None:
        self.state = torch.load(folder / "best_model.pt", weights_only=True)
        width = self.state["encoder.embedding.weight"].shape[1]
        hidden = self.state["transformer_encoder.layers.0.linear1.weight"].shape[0]
        layer = nn.TransformerEncoderLayer(width, n_heads, hidden, batch_first=True, norm_first=False)
        self.encoder = nn.TransformerEncoder(layer, n_layers, enable_nested_tensor=False).eval()
        prefix = "transformer_encoder."
        own = {name.removeprefix(prefix): t for name, t in self.state.items() if name.startswith(prefix)}
        self.encoder.load_state_dict(own)
        self.n_heads = n_heads

    def linear(self, name: str, value: Tensor) -> Tensor:
        bias = self.state.get(f"{name}.bias")
        found = value @ self.state[f"{name}.weight"].T
        return found if bias is None else found + bias

    def norm(self, name: str, value: Tensor) -> Tensor:
        centred = value - value.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def genes(self, ids: Tensor) -> Tensor:
        return self.norm("encoder.enc_norm", self.state["encoder.embedding.weight"][ids])

    def embed(self, ids: Tensor, values: Tensor) -> Tensor:
        capped = torch.minimum(values, torch.tensor(512.0))[..., None]
        inner = torch.relu(self.linear("value_encoder.linear1", capped))
        return self.genes(ids) + self.norm("value_encoder.norm", self.linear("value_encoder.linear2", inner))

    def trace(self, ids: Tensor, values: Tensor, padding: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            hidden, maps = [self.embed(ids, values)], []
            for layer in self.encoder.layers:
                maps.append(
                    layer.self_attn(
                        hidden[-1],
                        hidden[-1],
                        hidden[-1],
                        key_padding_mask=padding,
                        need_weights=True,
                        average_attn_weights=False,
                    )[1]
                )
                hidden.append(layer(hidden[-1], src_key_padding_mask=padding))
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
        return hidden, maps

    def decode(self, hidden: Tensor) -> Tensor:
        for place in (0, 2):
            hidden = nn.functional.leaky_relu(self.linear(f"decoder.fc.{place}", hidden), 0.01)
        return self.linear("decoder.fc.4", hidden)[..., 0]

    def mvc(self, hidden: Tensor, ids: Tensor) -> Tensor:
        query = torch.sigmoid(self.linear("mvc_decoder.gene2query", self.genes(ids)))
        return torch.einsum("btd,bd->bt", self.linear("mvc_decoder.W", query), hidden[:, 0])

    def classify(self, hidden: Tensor) -> Tensor:
        cell = hidden[:, 0]
        for place in (0, 3):
            cell = torch.relu(self.linear(f"cls_decoder._decoder.{place}", cell))
            cell = self.norm(f"cls_decoder._decoder.{place + 2}", cell)
        return self.linear("cls_decoder.out_layer", cell)


@pytest.fixture(scope="module")
def batch(model: ScGPTModel, cells: CellSet) -> Batch:
    found = batch_of(model, model.tokenise(cells), np.arange(len(cells.cells)))
    assert not found.full
    return found


@pytest.fixture(scope="module")
def restated(small_scgpt: Path, model: ScGPTModel) -> Restated:
    return Restated(small_scgpt, model.n_layers, model.n_heads)


def test_the_model_keeps_the_protocol(model: ScGPTModel) -> None:
    assert isinstance(model, FoundationModel)


def test_every_site_agrees_with_the_restatement(model: ScGPTModel, batch: Batch, restated: Restated) -> None:
    with torch.no_grad():
        hidden, maps = restated.trace(batch.ids, batch.values, ~batch.present)
        read = run(model, batch, read=forward_order(model.n_layers)).read
        there = batch.present
        for layer, expected in enumerate(hidden):
            torch.testing.assert_close(read[residual(layer)][there], expected[there], **CLOSE)
        for layer, expected in enumerate(maps, start=1):
            found = read[attention(layer)]
            rows = there[:, None, :].expand(found.shape[:3])
            torch.testing.assert_close(found[rows], expected[rows], **CLOSE)
            torch.testing.assert_close(found.sum(-1), torch.ones(found.shape[:3]), **CLOSE)
            assert not found.masked_select(~there[:, None, None, :]).any()
            torch.testing.assert_close(read[mlp_post(layer)], read[mlp_pre(layer)].relu())
        torch.testing.assert_close(read[OUTPUT][there], restated.decode(hidden[-1])[there], **CLOSE)


def test_the_decoders_of_cells_agree_with_the_restatement(model: ScGPTModel, batch: Batch, restated: Restated) -> None:
    with torch.no_grad():
        hidden, _ = restated.trace(batch.ids, batch.values, ~batch.present)
        found = run(model, batch).hidden
        cell = model.cell_embedding(found)
        torch.testing.assert_close(cell, hidden[-1][:, 0] / hidden[-1][:, 0].norm(dim=-1, keepdim=True), **CLOSE)
        there = batch.present
        expected = restated.mvc(hidden[-1], batch.ids)
        torch.testing.assert_close(model.predict_from_cell(found, batch)[there], expected[there], **CLOSE)
        torch.testing.assert_close(model.classify(found), restated.classify(hidden[-1]), **CLOSE)


def test_the_read_out_gives_the_values_that_mvc_predicts(model: ScGPTModel, batch: Batch) -> None:
    hidden = run(model, batch).hidden
    expected = model.predict_from_cell(hidden, batch)
    read_out = torch.from_numpy(model.read_out)
    assert read_out.shape == (len(model.genes), model.width)
    of_genes = batch.genes >= 0
    found = torch.einsum("btd,bd->bt", read_out[batch.genes.clamp_min(0)], hidden[:, 0])
    torch.testing.assert_close(found[of_genes], expected[of_genes], **CLOSE)


def test_padding_changes_nothing(model: ScGPTModel, cells: CellSet, batch: Batch) -> None:
    tokens = model.tokenise(cells)
    sites = forward_order(model.n_layers)
    together = run(model, batch, read=sites).read
    for cell in (0, 1, 5):
        alone = batch_of(model, tokens, np.array([cell]))
        assert alone.full
        length = alone.ids.shape[1]
        for site, value in run(model, alone, read=sites).read.items():
            found = together[site][cell]
            found = found[:, :length, :length] if found.ndim == 3 else found[:length]
            torch.testing.assert_close(found, value[0], **CLOSE)


def test_a_pass_that_reads_no_attention_is_the_same(model: ScGPTModel, batch: Batch) -> None:
    last = residual(model.n_layers)
    fused = run(model, batch, read=[last]).read[last]
    written_out = run(model, batch, read=[last, *(attention(layer) for layer in (1, 2, 3))]).read[last]
    torch.testing.assert_close(fused, written_out, **CLOSE)


def test_a_pass_resumes_from_any_layer(model: ScGPTModel, batch: Batch) -> None:
    whole = run(model, batch, read=[EMBEDDING, residual(1), residual(2), OUTPUT]).read
    for layer in (1, 2):
        resumed = run(model, batch, read=[OUTPUT], resume=Resumption(layer, whole[residual(layer)])).read
        torch.testing.assert_close(resumed[OUTPUT], whole[OUTPUT])


def test_the_same_weights_come_out_of_every_layout(tmp_path: Path, settings: Any) -> None:
    from theodolite.models.scgpt.checkpoint import write_random_checkpoint

    states = []
    for flash in ("", "Wqkv", "_impl"):
        write_random_checkpoint(tmp_path / f"layout{flash}", ("A", "B"), settings, seed=9, flash=flash)
        names = torch.load(tmp_path / f"layout{flash}" / "best_model.pt", weights_only=True)
        assert any(flash in name for name in names)
        states.append(load_scgpt(tmp_path / f"layout{flash}").module.state_dict())
    for other in states[1:]:
        assert other.keys() == states[0].keys()
        assert all(torch.equal(other[name], tensor) for name, tensor in states[0].items())


def test_an_untrained_variant_has_other_weights_of_its_seed(model: ScGPTModel, batch: Batch) -> None:
    first, again, other = (model.variant(Variant.parse(f"untrained({seed})")) for seed in (1, 1, 2))
    assert first.name == "scgpt-small untrained(1)" and first.sha256 == model.sha256
    outputs = [run(each, batch, read=[OUTPUT]).read[OUTPUT] for each in (first, again, other, model)]
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2]) and not torch.allclose(outputs[0], outputs[3])
    assert model.variant(Variant.parse("main")) is model


def test_a_random_embedding_keeps_norms_and_special_tokens(model: ScGPTModel) -> None:
    changed = model.variant(Variant.parse("random_embedding(1)"))
    assert isinstance(changed, ScGPTModel)
    old, new = (each.module.encoder.embedding.weight for each in (model, changed))
    rows = torch.from_numpy(model.vocabulary.gene_ids.astype(np.int64))
    torch.testing.assert_close(old.norm(dim=1), new.norm(dim=1))
    assert not torch.isclose(old[rows], new[rows]).all(dim=1).any()
    special = [model.vocabulary.pad_id, model.vocabulary.cls_id]
    assert torch.equal(old[special], new[special])
    rest = [name for name in model.module.state_dict() if name != "encoder.embedding.weight"]
    assert all(torch.equal(model.module.state_dict()[name], changed.module.state_dict()[name]) for name in rest)
    assert not np.allclose(model.read_out, changed.read_out)


def test_weights_can_be_placed_in_another_type(model: ScGPTModel, batch: Batch) -> None:
    double = model.placed(torch.device("cpu"), torch.float64)
    assert run(double, batch, read=[OUTPUT]).read[OUTPUT].dtype == torch.float64
    assert model.module.encoder.embedding.weight.dtype == torch.float32
    torch.testing.assert_close(
        run(double, batch, read=[OUTPUT]).read[OUTPUT].float(), run(model, batch, read=[OUTPUT]).read[OUTPUT], **CLOSE
    )
