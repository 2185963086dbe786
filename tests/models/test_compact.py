"""The compact transformer: what it computes, what it hides, and how it is stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch.nn import functional

from theodolite.models.compact import (
    CheckpointError,
    CompactConfig,
    CompactTransformer,
    checkpoint_sha256,
    load_checkpoint,
    random_embedding,
    save_checkpoint,
    untrained,
)

N_GENES = 12
CONFIG = CompactConfig(
    genes=tuple(f"GENE{i}" for i in range(N_GENES)), width=8, n_layers=2, n_heads=2, feedforward=16, dropout=0.3
)


def stirred(seed: int = 0) -> CompactTransformer:
    """Return a model whose every weight matters: biases and read-out are away from their initial zeros."""
    draw = torch.Generator().manual_seed(seed + 1)
    model = CompactTransformer(
        CONFIG, torch.rand(N_GENES, generator=draw), torch.rand(N_GENES, generator=draw) + 0.5, seed=seed
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=draw))
    return model.eval()


def some_cells(seed: int, n_cells: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    values = 3 * torch.rand(n_cells, N_GENES, generator=draw)
    return values, torch.rand(n_cells, N_GENES, generator=draw) < 0.3


ALL_GENES = torch.arange(N_GENES)


def test_forward_predicts_one_value_for_each_gene_of_each_cell() -> None:
    values, mask = some_cells(0)
    assert stirred()(values, ALL_GENES, mask).shape == (3, N_GENES)


def test_trace_holds_the_residual_stream_at_every_depth_and_ends_in_the_forward_pass() -> None:
    model = stirred()
    values, mask = some_cells(1)
    trace = model.trace(values, ALL_GENES, mask)
    assert [state.shape for state in trace.hidden] == [(3, N_GENES, CONFIG.width)] * (CONFIG.n_layers + 1)
    assert trace.attention == ()
    torch.testing.assert_close(trace.hidden[0], model.embed(values, ALL_GENES, mask))
    torch.testing.assert_close(trace.prediction, model(values, ALL_GENES, mask))
    torch.testing.assert_close(model.read_out(trace.hidden[-1], ALL_GENES), trace.prediction)


def test_each_block_does_what_its_equations_say() -> None:
    model = stirred()
    values, mask = some_cells(2)
    trace = model.trace(values, ALL_GENES, mask, attention=True)
    for block, before, probabilities, after in zip(
        model.blocks, trace.hidden[:-1], trace.attention, trace.hidden[1:], strict=True
    ):
        content = block.value(block.attention_norm(before)).view(3, N_GENES, CONFIG.n_heads, -1)
        mixed = torch.einsum("bhts,bshe->bthe", probabilities, content).reshape(before.shape)
        middle = before + block.output(mixed)
        expected = middle + block.contract(functional.gelu(block.expand(block.feedforward_norm(middle))))
        torch.testing.assert_close(after, expected, rtol=1e-4, atol=1e-5)


def test_attention_rows_are_probabilities() -> None:
    values, mask = some_cells(3)
    for probabilities in stirred().trace(values, ALL_GENES, mask, attention=True).attention:
        assert probabilities.shape == (3, CONFIG.n_heads, N_GENES, N_GENES)
        assert bool((probabilities >= 0).all())
        torch.testing.assert_close(probabilities.sum(dim=-1), torch.ones(3, CONFIG.n_heads, N_GENES))


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(N_GENES)), seed=st.integers(0, 1000))
def test_the_order_in_which_genes_are_presented_does_not_matter(order: list[int], seed: int) -> None:
    model = stirred()
    values, mask = some_cells(seed)
    shuffled = torch.tensor(order)
    torch.testing.assert_close(
        model(values[:, shuffled], shuffled, mask[:, shuffled]),
        model(values, ALL_GENES, mask)[:, shuffled],
        rtol=1e-4,
        atol=1e-5,
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), other=st.floats(-100, 100) | st.just(float("nan")))
def test_a_hidden_value_reaches_nothing(seed: int, other: float) -> None:
    model = stirred()
    values, mask = some_cells(seed)
    changed = torch.where(mask, torch.tensor(other), values)
    torch.testing.assert_close(model(changed, ALL_GENES, mask), model(values, ALL_GENES, mask), rtol=0, atol=0)


def test_a_seen_value_reaches_the_prediction_of_hidden_genes() -> None:
    model = stirred()
    values, _ = some_cells(4)
    mask = torch.zeros_like(values, dtype=torch.bool)
    mask[:, 0] = True
    changed = values.clone()
    changed[:, 5] += 2
    moved = (model(changed, ALL_GENES, mask) - model(values, ALL_GENES, mask))[:, 0].abs()
    assert bool((moved > 1e-3).all())


def test_cells_may_present_different_genes() -> None:
    model = stirred()
    values, mask = some_cells(5, n_cells=2)
    index = torch.stack([torch.tensor([3, 1, 7]), torch.tensor([2, 11, 0])])
    together = model(values[:, :3], index, mask[:, :3])
    for cell in range(2):
        alone = model(values[cell : cell + 1, :3], index[cell], mask[cell : cell + 1, :3])
        torch.testing.assert_close(together[cell : cell + 1], alone, rtol=1e-4, atol=1e-5)


def test_a_new_model_predicts_close_to_the_gene_mean() -> None:
    mean = torch.linspace(0, 3, N_GENES)
    model = CompactTransformer(CONFIG, mean, torch.full((N_GENES,), 0.1), seed=0).eval()
    values, mask = some_cells(6)
    torch.testing.assert_close(model(values, ALL_GENES, mask), mean.expand(3, -1), rtol=0, atol=0.1)


def test_shapes_that_do_not_agree_are_refused() -> None:
    model = stirred()
    values, mask = some_cells(7)
    with pytest.raises(ValueError, match="values must be"):
        model(values[0], ALL_GENES)
    with pytest.raises(ValueError, match=r"gene_index has shape \(11,\)"):
        model(values, ALL_GENES[1:])
    with pytest.raises(ValueError, match="mask must be bool"):
        model(values, ALL_GENES, mask.float())


def test_normalisation_that_divides_by_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="give 1 for a gene that is constant"):
        CompactTransformer(CONFIG, torch.zeros(N_GENES), torch.zeros(N_GENES))
    with pytest.raises(ValueError, match="gene_mean must be 12 finite numbers"):
        CompactTransformer(CONFIG, torch.zeros(N_GENES - 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"genes": ()}, "non-empty tuple"),
        ({"genes": ("A", "B", "A")}, "'A' is repeated"),
        ({"width": 9}, "multiple of n_heads"),
        ({"n_layers": 0}, "n_layers=0"),
        ({"dropout": 1.0}, r"dropout=1.0"),
    ],
)
def test_a_configuration_that_no_model_can_have_is_refused(change: dict[str, object], message: str) -> None:
    options = {"genes": ("A", "B"), "width": 8, "n_heads": 2} | change
    with pytest.raises(ValueError, match=message):
        CompactConfig(**options)  # type: ignore[arg-type]


def test_a_configuration_survives_its_dictionary() -> None:
    assert CompactConfig.from_dict(json.loads(json.dumps(CONFIG.to_dict()))) == CONFIG


def test_untrained_keeps_the_normalisation_and_nothing_learned() -> None:
    model = stirred()
    control = untrained(model, seed=7)
    assert torch.equal(control.gene_mean, model.gene_mean)
    assert torch.equal(control.gene_sd, model.gene_sd)
    initial = dict(untrained(CONFIG, seed=7).named_parameters())
    for name, parameter in control.named_parameters():
        assert torch.equal(parameter, initial[name]), name
    assert not torch.equal(untrained(CONFIG, seed=8).gene_embedding, control.gene_embedding)


def test_initial_weights_do_not_touch_the_global_generator() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    untrained(CONFIG, seed=7)
    assert torch.equal(torch.rand(3), expected)


def test_random_embedding_keeps_norms_and_everything_else() -> None:
    model = stirred()
    control, again, other = (random_embedding(model, seed=seed) for seed in (3, 3, 4))
    learned_for_each_gene = ("gene_embedding", "read_out_vectors")
    for name, tensor in control.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]) == (name not in learned_for_each_gene), name
        assert torch.equal(tensor, again.state_dict()[name]), name
    for name in learned_for_each_gene:
        drawn, learned = getattr(control, name), getattr(model, name)
        torch.testing.assert_close(drawn.norm(dim=1), learned.norm(dim=1))
        assert functional.cosine_similarity(drawn, learned).mean().abs().item() < 0.5, name
        assert not torch.equal(drawn, getattr(other, name)), name
    # Two draws of one generator, so that no gene is read in and out in one direction.
    assert functional.cosine_similarity(control.gene_embedding, control.read_out_vectors).mean().abs().item() < 0.5


def test_a_checkpoint_gives_the_same_model_back(tmp_path: Path) -> None:
    model = stirred()
    save_checkpoint(tmp_path, model, {"note": "by hand"})
    loaded = load_checkpoint(tmp_path)
    assert loaded.config == CONFIG
    assert not loaded.training
    values, mask = some_cells(8)
    assert torch.equal(loaded(values, ALL_GENES, mask), model(values, ALL_GENES, mask))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_the_checkpoint_hash_follows_content(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        save_checkpoint(tmp_path / name, stirred(seed), {})
    digests = [checkpoint_sha256(tmp_path / name) for name in "abc"]
    assert digests[0] == digests[1] != digests[2]


def drop_tensor(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["mask_token"]


def add_tensor(tensors: dict[str, torch.Tensor]) -> None:
    tensors["blocks.2.key.bias"] = torch.zeros(8)


def reshape_tensor(tensors: dict[str, torch.Tensor]) -> None:
    tensors["gene_embedding"] = tensors["gene_embedding"].T.contiguous()


def halve_precision(tensors: dict[str, torch.Tensor]) -> None:
    tensors["read_out_bias"] = tensors["read_out_bias"].half()


def spoil_number(tensors: dict[str, torch.Tensor]) -> None:
    tensors["blocks.1.expand.bias"][3] = float("nan")


def zero_sd(tensors: dict[str, torch.Tensor]) -> None:
    tensors["gene_sd"][0] = 0


def flip_number(tensors: dict[str, torch.Tensor]) -> None:
    tensors["gene_mean"][0] += 1


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [
        (drop_tensor, "'mask_token' is missing"),
        (add_tensor, "'blocks.2.key.bias' is unexpected"),
        (reshape_tensor, r"'gene_embedding' is torch.float32 \(8, 12\) where config.json asks for .* \(12, 8\)"),
        (halve_precision, "'read_out_bias' is torch.float16"),
        (spoil_number, "'blocks.1.expand.bias' holds a number that is not finite"),
        (zero_sd, "'gene_sd' holds a number that is not positive"),
        (flip_number, "is not the one config.json was written with"),
    ],
)
def test_corrupted_weights_are_refused_by_name(tmp_path: Path, corrupt: object, message: str) -> None:
    save_checkpoint(tmp_path, stirred(), {})
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    corrupt(tensors)  # type: ignore[operator]
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=message) as refusal:
        load_checkpoint(tmp_path)
    assert str(path) in str(refusal.value)
    assert "train it again with" in str(refusal.value)


def test_weights_that_are_absent_or_cut_short_are_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, stirred(), {})
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="not readable as safetensors"):
        load_checkpoint(tmp_path)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"model.safetensors: absent"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other-1"}, "format 'other-1' is not 'theodolite-compact-1'"),
        ({"depth": 3}, r"unknown fields \['depth'\]"),
        ({"width": None}, r"absent fields \['width'\]"),
        ({"n_heads": 3}, "multiple of n_heads=3"),
        ({"genes": "GENE0"}, "must be a list"),
        (
            {"genes": ["GENE0"]},
            r"'gene_embedding' is torch.float32 \(12, 8\) where config.json asks for torch.float32 \(1, 8\)",
        ),
    ],
)
def test_a_bad_config_file_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    save_checkpoint(tmp_path, stirred(), {})
    path = tmp_path / "config.json"
    document = json.loads(path.read_text()) | change
    path.write_text(json.dumps({name: value for name, value in document.items() if value is not None}))
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"), [("{", "not readable as JSON"), ("[]", "in place of an object"), (None, "absent")]
)
def test_a_config_file_that_is_no_document_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    save_checkpoint(tmp_path, stirred(), {})
    path = tmp_path / "config.json"
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path)
