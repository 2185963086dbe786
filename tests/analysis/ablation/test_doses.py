"""Dose response on a model with a planted head, and where the read-out lies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from planted_heads import HEAD, LAYER, model_with_a_head
from toy_models import HEADS, LAYERS, ReadingToy, toy_cells, toy_model

from theodolite.analysis.ablation import attention_without, dose_response, head_conditions
from theodolite.data import CellSet, planted_cells
from theodolite.models.capture import capture
from theodolite.models.compact_model import CompactModel
from theodolite.models.components import Component

RANKING = np.zeros((2, 4))
RANKING[LAYER - 1, HEAD - 1] = 1.0
RANKING[LAYER - 1, 0] = 0.5


@pytest.fixture(scope="module")
def cells() -> CellSet:
    return planted_cells(24, 120, 2, seed=3).cells


@pytest.fixture(scope="module")
def members(cells: CellSet) -> frozenset[str]:
    return frozenset(np.random.default_rng(1).choice(cells.genes, 30, replace=False).tolist())


@pytest.fixture(scope="module")
def model(cells: CellSet, members: frozenset[str]) -> CompactModel:
    values = torch.from_numpy(cells.log1p_cp10k())
    network = model_with_a_head(cells.genes, members, values.mean(dim=0), values.std(dim=0).clamp_min(0.1))
    return CompactModel("planted", "0" * 64, network)


@pytest.fixture(scope="module")
def found(model: CompactModel, cells: CellSet, members: frozenset[str]) -> Any:
    conditions = head_conditions(RANKING, [1, 2], draws=19, seed=2)
    return dose_response(model, cells, conditions, members)


def test_the_planted_head_is_needed_by_its_genes_more_than_random_heads_are(found: Any) -> None:
    (best,) = found.of("top", 1)
    assert best.specific > 0.35
    assert best.faithful
    difference, p, draws = found.against("random", 1, "specific")
    assert difference > 0.2
    # Of eight heads seven are others, none of which does as much; 19 were asked for.
    assert (p, draws) == (1 / 8, 7)
    assert found.against("random", 2, "specific")[2] == 19
    assert found.sizes == (1, 2)


def test_a_ranking_that_knows_nothing_is_no_better_than_chance(
    model: CompactModel, cells: CellSet, members: frozenset[str]
) -> None:
    draw = np.random.default_rng(7)
    aurocs = []
    for seed in range(6):
        ranking = draw.random((2, 4))
        ranking[LAYER - 1, HEAD - 1] = -1.0  # a ranking that is wrong about the head that matters
        conditions = head_conditions(ranking, [1], draws=9, seed=seed)
        aurocs.append(dose_response(model, cells, conditions, members).against("random", 1, "specific")[1])
    assert np.mean(aurocs) > 0.2


def test_f_layer_l13_a_layer_that_is_read_is_blind_to_what_is_taken_out_behind_it() -> None:
    """Masking heads in deeper layers leaves the analysed layer as it was; the output sees it (methods, 1.7)."""
    toy, cells = toy_model(seed=4, kind=ReadingToy), toy_cells()
    whole = attention_without(toy, cells, 1, [])
    deeper = attention_without(toy, cells, 1, [Component("head", 2, 1), Component("head", 3, 2)])
    np.testing.assert_array_equal(deeper, whole)
    earlier = attention_without(toy, cells, 2, [Component("head", 1, 1)])
    assert np.abs(earlier - attention_without(toy, cells, 2, [])).max() > 1e-4
    conditions = head_conditions(np.eye(LAYERS, HEADS)[::-1], [1], draws=2, seed=0)
    genes = [f"G{index}" for index in range(10)]
    response = dose_response(toy, cells, conditions, genes)
    assert all(dose.faithful for dose in response.doses)


def test_attention_of_the_whole_model_is_that_of_its_capture(model: CompactModel, cells: CellSet) -> None:
    genes = cells.genes[:40]
    whole = attention_without(model, cells, 2, [], genes=genes)
    np.testing.assert_allclose(whole, capture(model, cells, genes).attention[1], rtol=1e-4, atol=1e-7)


def test_more_heads_do_more_where_all_matter(found: Any) -> None:
    doses = found.of("random")
    small, large = (np.mean([dose.effect for dose in doses if dose.condition.size == size]) for size in (1, 2))
    assert large > small
    flat = replace(found, doses=tuple(replace(dose, effect=0.0) for dose in found.doses))
    assert not flat.rises()


def test_an_ablation_that_does_nothing_is_no_null_result(found: Any) -> None:
    assert not replace(found.doses[0], turn=0.004).faithful


def test_too_few_genes_of_the_reference_are_refused(model: CompactModel, cells: CellSet) -> None:
    conditions = head_conditions(RANKING, [1], draws=1, seed=2)
    with pytest.raises(ValueError, match="1 genes of the reference"):
        dose_response(model, cells, conditions, [cells.genes[0], "nobody"])
    with pytest.raises(ValueError, match="blocks 1 to 2"):
        attention_without(model, cells, 3, [])


def test_what_was_not_drawn_cannot_be_compared(found: Any) -> None:
    with pytest.raises(ValueError, match="no 'entropy_matched' sets of 1 heads"):
        found.against("entropy_matched", 1)
