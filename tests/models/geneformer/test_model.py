"""Geneformer behind the protocol: the same numbers as ``transformers``, and every site in reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertForMaskedLM

from theodolite.data import CellSet
from theodolite.measurements import Variant, VariantKind
from theodolite.models.batches import batch_of
from theodolite.models.edits import AddDirection, Patch, Where, Zero
from theodolite.models.geneformer.model import GeneformerModel, load_geneformer
from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.running import Resumption, run
from theodolite.models.sites import EMBEDDING, OUTPUT, attention, forward_order, mlp_post, mlp_pre, residual


@pytest.fixture
def model(folder: Path) -> GeneformerModel:
    return load_geneformer(folder)


@pytest.fixture(params=[(0, 1, 2), (0, 3, 4, 5)], ids=["full", "padded"])
def batch(request: pytest.FixtureRequest, model: GeneformerModel, cells: CellSet) -> Batch:
    made = batch_of(model, model.tokenise(cells), np.array(request.param))
    assert made.full == (request.param == (0, 1, 2))
    return made


def as_transformers_has_it(folder: Path, batch: Batch) -> Any:
    reference = BertForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.inference_mode():
        return reference(
            batch.ids, attention_mask=batch.present.long(), output_hidden_states=True, output_attentions=True
        )


def test_it_is_a_foundation_model(model: GeneformerModel) -> None:
    assert isinstance(model, FoundationModel)
    assert (model.n_layers, model.n_heads, model.width, model.context) == (3, 4, 32, 24)
    assert (model.pad_id, model.mask_id, model.expects, len(model.genes)) == (0, 1, "counts", 40)


@pytest.mark.parametrize("with_attention", [False, True], ids=["sdpa", "eager"])
def test_hidden_states_attentions_and_logits_are_those_of_transformers(
    folder: Path, model: GeneformerModel, batch: Batch, with_attention: bool
) -> None:
    expected = as_transformers_has_it(folder, batch)
    layers = range(model.n_layers + 1)
    read = [*map(residual, layers), OUTPUT, *(attention(layer) for layer in layers[1:] if with_attention)]
    found = run(model, batch, read=read).read
    for layer in layers:
        mine, theirs = found[residual(layer)], expected.hidden_states[layer]
        torch.testing.assert_close(mine[batch.present], theirs[batch.present], atol=1e-5, rtol=0)
    torch.testing.assert_close(found[OUTPUT][batch.present], expected.logits[batch.present], atol=1e-5, rtol=0)
    for layer in layers[1:] if with_attention else ():
        mine, theirs = found[attention(layer)], expected.attentions[layer - 1]
        rows = batch.present[:, None, :].expand(mine.shape[:3])
        torch.testing.assert_close(mine[rows], theirs[rows], atol=1e-5, rtol=0)
        assert not mine.masked_select(~batch.present[:, None, None, :].expand_as(mine)).any()
        torch.testing.assert_close(mine.sum(-1), torch.ones(mine.shape[:3]))


def test_padding_changes_no_cell(model: GeneformerModel, cells: CellSet) -> None:
    tokens = model.tokenise(cells)
    together = batch_of(model, tokens, np.arange(6))
    last = residual(model.n_layers)
    for cell in range(6):
        alone = run(model, batch_of(model, tokens, np.array([cell])), read=[last]).read[last][0]
        torch.testing.assert_close(
            run(model, together, read=[last]).read[last][cell, : len(alone)], alone, atol=1e-5, rtol=0
        )


def test_every_site_is_handed_over_and_reading_changes_nothing(model: GeneformerModel, batch: Batch) -> None:
    alone = run(model, batch, read=[OUTPUT]).read[OUTPUT]
    sites = forward_order(model.n_layers)
    found = run(model, batch, read=sites).read
    torch.testing.assert_close(found[OUTPUT], alone, atol=1e-5, rtol=0)
    n_cells, n_tokens = batch.ids.shape
    assert found[EMBEDDING].shape == (n_cells, n_tokens, 32)
    assert found[attention(2)].shape == (n_cells, 4, n_tokens, n_tokens)
    assert found[mlp_pre(2)].shape == (n_cells, n_tokens, 48)
    assert torch.equal(found[mlp_post(2)], torch.relu(found[mlp_pre(2)]))


def test_an_edit_that_changes_nothing_is_the_identity(model: GeneformerModel, batch: Batch) -> None:
    last = residual(model.n_layers)
    plain = run(model, batch, read=forward_order(model.n_layers))
    for site in forward_order(model.n_layers)[:-1]:
        if site.kind.value == "attention":
            nothing: Any = Zero(where=Where(genes=[]))
        else:
            nothing = AddDirection(torch.ones(plain.read[site].shape[-1]), scale=0.0)
        edited = run(model, batch, read=[last], edits=[(site, nothing)]).read[last]
        torch.testing.assert_close(edited, plain.read[last], atol=1e-5, rtol=0)


def test_edits_reach_what_comes_after_them(model: GeneformerModel, batch: Batch) -> None:
    last = residual(model.n_layers)
    plain = run(model, batch, read=forward_order(model.n_layers)).read
    for site in (EMBEDDING, attention(1), mlp_pre(2), mlp_post(2), residual(2)):
        edited = run(model, batch, read=[residual(1), last], edits=[(site, Zero())]).read
        assert not torch.allclose(edited[last], plain[last], atol=1e-4)
        before = site.layer > 1
        assert torch.allclose(edited[residual(1)], plain[residual(1)], atol=1e-5) == before


def test_an_mlp_whose_units_are_zero_adds_its_bias_alone(model: GeneformerModel, batch: Batch) -> None:
    zeroed = run(model, batch, read=[residual(1)], edits=[(mlp_post(1), Zero())]).read[residual(1)]
    block: Any = model.network.bert.encoder.layer[0]
    with torch.inference_mode():
        hidden = model.embed(batch)
        mask = torch.where(batch.present, 0.0, torch.finfo(torch.float32).min)[:, None, None, :]
        attended = block.attention(hidden, mask)[0]
        expected = block.output.LayerNorm(attended + block.output.dense.bias)
    torch.testing.assert_close(zeroed[batch.present], expected[batch.present], atol=1e-5, rtol=0)


def test_patching_the_whole_of_a_site_gives_the_other_run(model: GeneformerModel, batch: Batch) -> None:
    direction = torch.linspace(-1, 1, 32)
    last = residual(model.n_layers)
    other = run(model, batch, read=[residual(1), last], edits=[(EMBEDDING, AddDirection(direction))])
    patch = Patch(other.read[residual(1)], batch.genes)
    patched = run(model, batch, read=[last], edits=[(residual(1), patch)]).read[last]
    if model.dictionary.specials.cls is None:
        genes = batch.genes >= 0
        torch.testing.assert_close(patched[genes], other.read[last][genes], atol=1e-5, rtol=0)
    else:  # special tokens keep their own
        assert not torch.allclose(patched, other.read[last], atol=1e-4)


def test_a_resumed_pass_ends_where_a_whole_one_does(model: GeneformerModel, batch: Batch) -> None:
    whole = run(model, batch, read=[residual(1), residual(3), OUTPUT]).read
    resumed = run(model, batch, read=[residual(3), OUTPUT], resume=Resumption(1, whole[residual(1)])).read
    for site in (residual(3), OUTPUT):
        assert torch.equal(resumed[site], whole[site])


def test_the_read_out_orders_genes_as_the_logits_do(model: GeneformerModel, cells: CellSet) -> None:
    batch = batch_of(model, model.tokenise(cells), np.array([0]))
    out = run(model, batch, read=[OUTPUT])
    head = model.network.cls.predictions
    with torch.inference_mode():
        state = head.transform.transform_act_fn(head.transform.dense(out.hidden))[0, 5].double()
    normed = (state - state.mean()) / state.std(unbiased=False)
    tokens = model.dictionary.token_ids.astype(np.int64)
    bias = (head.decoder.weight @ head.transform.LayerNorm.bias + head.bias).detach()[torch.from_numpy(tokens)]
    expected = normed.numpy() @ model.read_out.T.astype(np.float64) + bias.numpy()
    np.testing.assert_allclose(out.read[OUTPUT][0, 5, tokens].numpy(), expected, atol=1e-4)


def test_the_untrained_variant_has_the_weights_of_its_seed_alone(model: GeneformerModel, batch: Batch) -> None:
    before = torch.random.get_rng_state()
    fresh, again = (model.variant(Variant(VariantKind.UNTRAINED, 3)) for _ in range(2))
    other = model.variant(Variant(VariantKind.UNTRAINED, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    words = [each.network.bert.embeddings.word_embeddings.weight for each in (fresh, again, other, model)]
    assert torch.equal(words[0], words[1])
    assert not torch.equal(words[0], words[2]) and not torch.equal(words[0], words[3])
    assert words[0].std().item() == pytest.approx(0.02, rel=0.1)
    assert fresh.network.cls.predictions.decoder.weight is words[0]
    assert not fresh.network.training
    assert (fresh.name, fresh.sha256) == (f"{model.name} untrained(3)", model.sha256)


def test_a_random_embedding_keeps_norms_special_tokens_and_all_else(model: GeneformerModel) -> None:
    changed = model.variant(Variant(VariantKind.RANDOM_EMBEDDING, 7))
    genes = torch.from_numpy(model.dictionary.token_ids).long()
    old, new = (each.network.state_dict() for each in (model, changed))
    for name, tensor in old.items():
        if name in ("bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"):
            torch.testing.assert_close(new[name].norm(dim=1), tensor.norm(dim=1))
            first = int(genes[0])
            assert torch.equal(new[name][:first], tensor[:first])
            cosine = torch.cosine_similarity(new[name][genes], tensor[genes])
            assert cosine.abs().mean() < 0.3
        else:
            assert torch.equal(new[name], tensor), name
    assert changed.network.cls.predictions.decoder.weight is changed.network.bert.embeddings.word_embeddings.weight
    assert not np.allclose(changed.read_out, model.read_out)
    assert model.variant(Variant(VariantKind.SHUFFLED_INPUT, 1)) is model


def test_placing_a_model_leaves_the_first_one_alone(model: GeneformerModel, cells: CellSet) -> None:
    assert model.placed(torch.device("cpu"), torch.float32) is model
    double = model.placed(torch.device("cpu"), torch.float64)
    assert model.network.bert.embeddings.word_embeddings.weight.dtype is torch.float32
    batch = batch_of(model, model.tokenise(cells), np.arange(6))
    plain, fine = (run(each, batch, read=[OUTPUT]).read[OUTPUT] for each in (model, double))
    assert fine.dtype is torch.float64
    torch.testing.assert_close(fine.float()[batch.present], plain[batch.present], atol=1e-5, rtol=0)
