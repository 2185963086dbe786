"""Ablations against an independent way to do each: weights changed so that the component can do nothing."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from toy_models import HEADS, LAYERS, N_GENES, READ, WIDTH, ReadingToy, ToyModel, ValueToy, toy_cells, toy_model

from theodolite.data import CellSet
from theodolite.models.ablated import ablated_key, load_ablated, save_ablated
from theodolite.models.ablating import ablate, ablate_alike
from theodolite.models.batches import batch_of
from theodolite.models.capture import captured_of
from theodolite.models.components import Component, alike, components
from theodolite.models.protocol import Batch
from theodolite.models.running import run
from theodolite.models.sanity import InterventionError
from theodolite.models.sites import OUTPUT, mlp_post, residual


def model_of(kind: type[ToyModel] = ReadingToy) -> ToyModel:
    return toy_model(seed=4, kind=kind)


@pytest.fixture(scope="module")
def cells() -> CellSet:
    return toy_cells()


def by_hand(whole: ToyModel, without: ToyModel) -> tuple[np.ndarray, np.ndarray]:
    """Return change of prediction and of stream by gene, cell after cell, of a model whose weights were changed."""
    changed, turned, seen = np.zeros(N_GENES), np.zeros(N_GENES), np.zeros(N_GENES)
    last = residual(LAYERS)
    for cell in range(23):
        batch = batch_of(whole, READ, np.array([cell]))
        a, b = (run(each, batch, read=[last, OUTPUT]).read for each in (whole, without))
        step = (b[OUTPUT] - a[OUTPUT])[0].double().numpy()
        step = ((step - step.mean(axis=1, keepdims=True)) ** 2).mean(axis=1) if step.ndim == 2 else step**2
        first, second = (each[last][0].double().numpy() for each in (a, b))
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        cosine = (first * second).sum(axis=1) / lengths
        for token, gene in enumerate(batch.genes[0].tolist()):
            if gene >= 0:
                changed[gene] += step[token]
                turned[gene] += 1 - cosine[token]
                seen[gene] += 1
    return changed / seen, turned / seen


def without_head(model: ToyModel, layer: int, head: int) -> ToyModel:
    changed = copy.deepcopy(model)
    part = slice((head - 1) * WIDTH // HEADS, head * WIDTH // HEADS)
    with torch.no_grad():
        changed.blocks[layer - 1].output.weight[:, part] = 0.0  # type: ignore[union-attr, operator]
    return changed


def without_mlp(model: ToyModel, layer: int) -> ToyModel:
    changed = copy.deepcopy(model)
    with torch.no_grad():
        changed.blocks[layer - 1].contract.weight.zero_()  # type: ignore[union-attr, operator]
    return changed


def with_even_attention(model: ToyModel, layer: int, head: int) -> ToyModel:
    changed = copy.deepcopy(model)
    part = slice((head - 1) * WIDTH // HEADS, head * WIDTH // HEADS)
    block: Any = changed.blocks[layer - 1]
    with torch.no_grad():
        block.project.weight[part] = 0.0
        block.project.bias[part] = 0.0
    return changed


HEAD, MLP, LAYER = Component("head", 2, 1), Component("mlp", 2), Component("layer", 2)


@pytest.mark.parametrize("kind", [ReadingToy, ValueToy])
def test_what_is_zeroed_does_what_its_weights_at_zero_do(cells: CellSet, kind: type[ToyModel]) -> None:
    model = model_of(kind)
    every_head = without_head(without_head(model, 2, 1), 2, 2)
    found = ablate(model, cells, [[HEAD], [MLP], [LAYER], [HEAD, MLP]], "zero")
    expected = [
        without_head(model, 2, 1),
        without_mlp(model, 2),
        without_mlp(every_head, 2),
        without_mlp(without_head(model, 2, 1), 2),
    ]
    for row, without in enumerate(expected):
        changed, turned = by_hand(model, without)
        np.testing.assert_allclose(found.prediction[row], changed, rtol=2e-4, atol=1e-9)
        np.testing.assert_allclose(found.stream[row], turned, rtol=2e-3, atol=1e-6)
    assert found.genes == model.genes
    np.testing.assert_array_equal(found.presence, np.bincount(READ.genes[READ.genes >= 0], minlength=N_GENES))


def test_even_attention_is_that_of_a_head_without_queries(cells: CellSet) -> None:
    model = model_of()
    found = ablate(model, cells, [[HEAD]], "uniform")
    changed, turned = by_hand(model, with_even_attention(model, 2, 1))
    np.testing.assert_allclose(found.prediction[0], changed, rtol=2e-4, atol=1e-9)
    np.testing.assert_allclose(found.stream[0], turned, rtol=2e-3, atol=1e-6)


def test_a_mean_mlp_is_a_constant(cells: CellSet) -> None:
    model = model_of()
    batches = [batch_of(model, READ, np.array([cell])) for cell in range(23)]
    units = torch.cat([run(model, batch, read=[mlp_post(2)]).read[mlp_post(2)][0] for batch in batches]).mean(dim=0)
    constant = without_mlp(model, 2)
    block: Any = constant.blocks[1]
    with torch.no_grad():
        block.contract.bias += model.blocks[1].contract.weight @ units  # type: ignore[union-attr, operator]
    found = ablate(model, cells, [[MLP]], "mean")
    np.testing.assert_allclose(found.prediction[0], by_hand(model, constant)[0], rtol=2e-3, atol=1e-8)


def test_an_ablation_that_did_nothing_is_known_as_such(cells: CellSet) -> None:
    # A head whose queries all ask the same is its own mean: what changes is rounding.
    same = with_even_attention(model_of(), 2, 1)
    found = ablate(same, cells, [[HEAD], [MLP]], "mean")
    assert found.faithful.tolist() == [False, True]
    assert ablate(model_of(), cells, [[HEAD]], "mean").prediction.min() > 1e-6


@pytest.mark.parametrize("part", components(LAYERS, HEADS), ids=str)
def test_a_component_is_taken_out_beside_all_of_its_size_and_read_behind_it(cells: CellSet, part: Component) -> None:
    found = ablate_alike(model_of(), cells, part, "zero")
    assert [condition[0] for condition in found.conditions] == list(alike(part, LAYERS, HEADS))
    # Also what lies in the last layer moves the read-out: nothing is read before what is taken out.
    assert found.prediction.min() > 0
    assert found.largest.min() > 0


def test_a_gene_that_is_a_token_of_no_cell_is_known_by_its_presence(cells: CellSet) -> None:
    few = cells.take_cells(cells.cells[:1])
    found = ablate(model_of(), few, [[HEAD]], "zero")
    silent = found.presence == 0
    assert silent.any()
    assert (found.prediction[0][silent] == 0).all()


def test_cells_are_read_evenly_and_no_more_than_asked_for(cells: CellSet) -> None:
    found = ablate(model_of(), cells, [[HEAD]], "zero", cells_at_most=5)
    wanted = ablate(model_of(), cells.take_cells([f"c{row}" for row in (0, 6, 11, 16, 22)]), [[HEAD]], "zero")
    np.testing.assert_array_equal(found.prediction, wanted.prediction)


def test_how_many_cells_a_step_has_changes_nothing(cells: CellSet, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ablate(model_of(), cells, [[HEAD], [MLP]], "mean")
    monkeypatch.setattr("theodolite.models.editing.MEMORY_BYTES", 1)
    single = ablate(model_of(), cells, [[HEAD], [MLP]], "mean")
    np.testing.assert_allclose(single.prediction, whole.prediction, rtol=1e-3, atol=1e-9)


def test_genes_are_kept_in_the_order_that_is_asked_for(cells: CellSet) -> None:
    every = ablate(model_of(), cells, [[HEAD]], "zero")
    some = ablate(model_of(), cells, [[HEAD]], "zero", ["G7", "G2"])
    np.testing.assert_array_equal(some.prediction[0], every.prediction[0][[7, 2]])


@pytest.mark.parametrize(
    ("conditions", "how", "words"),
    [
        ([], "zero", "name one component"),
        ([[]], "zero", "name one component"),
        ([[Component("head", 9, 1)]], "zero", "layer 9 head 1 is not of toy: 3 layers of 2 heads"),
        ([[Component("head", 1, 3)]], "zero", "layer 1 head 3 is not of toy"),
        ([[Component("mlp", 1)]], "uniform", "only of heads"),
    ],
)
def test_what_cannot_be_taken_out_is_refused(cells: CellSet, conditions: Any, how: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ablate(model_of(), cells, conditions, how)


def test_no_cells_are_no_measurement(cells: CellSet) -> None:
    with pytest.raises(ValueError, match="one cell or more"):
        ablate(model_of(), cells, [[HEAD]], "zero", cells_at_most=0)


@dataclass(frozen=True, eq=False)
class DeafToy(ReadingToy):
    """Hands its attention over and goes on with its own: an intervention there does nothing."""

    def block(self, layer: int, hidden: Tensor, batch: Batch, tap: Any) -> Tensor:
        class Deaf:
            def wants(self, site: Any) -> bool:
                return bool(tap.wants(site))

            def sink(self, site: Any) -> Any:
                return tap.sink(site)

            def __call__(self, site: Any, value: Tensor) -> Tensor:
                tap(site, value)
                return value

        return super().block(layer, hidden, batch, Deaf())


def test_an_intervention_that_does_nothing_is_no_result(cells: CellSet) -> None:
    with pytest.raises(InterventionError, match=r"attention.2 of toy is not sound"):
        ablate(model_of(DeafToy), cells, [[HEAD]], "zero")


def test_what_was_measured_comes_back_from_disk(cells: CellSet, tmp_path: Path) -> None:
    found = ablate(model_of(), cells, [[HEAD, MLP], [LAYER]], "zero")
    save_ablated(tmp_path / "a.safetensors", found, ("m", "c", "main"))
    back = load_ablated(tmp_path / "a.safetensors")
    assert (back.genes, back.conditions, back.how) == (found.genes, found.conditions, found.how)
    for name in ("prediction", "stream", "presence", "largest"):
        np.testing.assert_array_equal(getattr(back, name), getattr(found, name))
    assert captured_of(tmp_path / "a.safetensors") == ("m", "c", "main")
    assert replace(back, how="mean").row == {found.conditions[0]: 0, found.conditions[1]: 1}


def test_what_is_measured_together_is_kept_together() -> None:
    every = components(LAYERS, HEADS)
    for part in every:
        together = [other for other in every if ablated_key(other, "zero") == ablated_key(part, "zero")]
        assert together == list(alike(part, LAYERS, HEADS))
        assert ablated_key(part, "zero") != ablated_key(part, "mean")
