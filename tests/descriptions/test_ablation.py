"""Sets of heads taken out: a planted head is found by its ranking beside random sets, at the output and at a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from planted_heads import HEAD, LAYER, model_with_a_head
from small_subjects import reference

from theodolite.data import CellSet, planted_cells
from theodolite.descriptions import Described, DescriptionError, Subject
from theodolite.descriptions.ablation import head_sets
from theodolite.experiments.workbench import GeneWorkbench
from theodolite.models.capture import Capture
from theodolite.models.compact_model import CompactModel

LAYERS, HEADS = 2, 4


@pytest.fixture(scope="module")
def cells() -> CellSet:
    return planted_cells(24, 120, 2, seed=3).cells


@pytest.fixture(scope="module")
def members(cells: CellSet) -> tuple[str, ...]:
    return tuple(np.random.default_rng(1).choice(cells.genes, 40, replace=False).tolist())


@pytest.fixture(scope="module")
def model(cells: CellSet, members: tuple[str, ...]) -> CompactModel:
    values = torch.from_numpy(cells.log1p_cp10k())
    network = model_with_a_head(cells.genes, members, values.mean(dim=0), values.std(dim=0).clamp_min(0.1))
    return CompactModel("planted", "0" * 64, network)


def maps(genes: tuple[str, ...], members: tuple[str, ...], layer: int, head: int) -> np.ndarray:
    """Return attention in which members attend to one another in one head, so that a ranking finds that head."""
    inside = np.array([gene in members for gene in genes])
    found = np.random.default_rng(0).random((LAYERS, HEADS, len(genes), len(genes)))
    found[layer - 1, head - 1] += 1.0 * np.outer(inside, inside)
    return found


def see(model: Any, cells: CellSet, members: tuple[str, ...], at: tuple[int, int], **params: Any) -> Described:
    genes = cells.genes
    capture = Capture(genes, np.zeros((LAYERS + 1, len(genes), 2)), maps(genes, members, *at))
    bench = GeneWorkbench(genes, genes, np.ones((len(genes), 3)), capture, ())
    subject = Subject.of(bench, cells, [reference("set", members)], seed=2, model=lambda: model)
    return head_sets.run(subject, head_sets.parsed({"sizes": [1], "draws": 9, "cells_at_most": 12, **params}))


@pytest.fixture(scope="module")
def found(model: CompactModel, cells: CellSet, members: tuple[str, ...]) -> Described:
    return see(model, cells, members, (LAYER, HEAD))


def test_the_planted_head_is_ranked_first_and_needed_more_than_random_heads_are(found: Described) -> None:
    facts = found.facts
    assert facts["top 1.heads"] == [f"layer {LAYER} head {HEAD}"]
    assert facts["top 1.specific"] > 0.35 and facts["top 1.faithful"]
    assert facts["top 1.beyond_random"] > 0.2
    # Of eight heads seven are others, none of which does as much.
    assert max(facts["top 1.random_specific"]) < facts["top 1.specific"]
    assert (facts["top 1.p_random"], facts["top 1.random_sets"]) == (1 / 8, 7)
    assert facts["bottom 1.specific"] < 0.3
    faithful = facts["top 1.random_faithful"]
    assert (
        f"for 7 distinct random sets of as many, all others that there are, of which {faithful} turned a token by 0.02 "
        "or more (p 0.12)" in found.sentence
    )


def test_each_unit_is_paired_with_random_sets_of_its_own_size(found: Described) -> None:
    measured = found.measurement
    assert measured.units == ("top 1", "bottom 1", f"top {HEADS}", f"bottom {HEADS}", "layer")
    assert measured.control.shape == (5, 7)  # there are no more heads to hold one against
    assert len(found.facts[f"top {HEADS}.random_specific"]) == found.facts["layer.random_sets"] == 9
    np.testing.assert_array_equal(measured.control[0], measured.control[1])
    np.testing.assert_array_equal(measured.control[2], measured.control[4])
    assert measured.effect[0] == found.facts["top 1.specific"]
    assert found.facts["layer.heads"] == [f"layer {LAYER} head {head}" for head in range(1, HEADS + 1)]


def test_a_ranking_that_is_wrong_about_the_head_is_no_better_than_chance(
    model: CompactModel, cells: CellSet, members: tuple[str, ...]
) -> None:
    wrong = see(model, cells, members, (1, 1))
    assert wrong.facts["top 1.heads"] == ["layer 1 head 1"]
    assert wrong.facts["top 1.p_random"] > 0.1 and wrong.facts["top 1.specific"] < 0.3


def test_f_layer_l13_a_layer_that_is_read_is_blind_to_what_is_taken_out_behind_it(
    model: CompactModel, cells: CellSet, members: tuple[str, ...], found: Described
) -> None:
    """Attention of layer 1 stays as it is, to the last digit, without heads of layer 2; the output sees it."""
    seen = see(model, cells, members, (LAYER, HEAD), layer=1)
    before, blind = seen.facts, seen.facts["at_layer.blind"]
    assert "top 1" in blind and before["at_layer.top 1"] is None
    assert "the best 1 cannot show there" in seen.sentence and "taken out, None" not in seen.sentence
    # Three random heads lie in layer 2 beside the best: each is named, and the mean is that of the four that can show.
    drawn = [name for name in blind if name.startswith("random 1 draw ")]
    others = {f"(layer {LAYER} head {head})" for head in range(1, HEADS + 1) if head != HEAD}
    assert {name.split(" ", 4)[4] for name in drawn} == others
    assert len(before["at_layer.random 1"]) == HEADS
    assert f"random sets taken out, {np.mean(before['at_layer.random 1']):.3f} on average; 3 of 7" in seen.sentence
    assert before["top 1.specific"] == found.facts["top 1.specific"] > 0.35
    assert found.facts["read_layer"] == LAYER and found.facts["at_layer.blind"] == []
    assert found.facts["at_layer.top 1"] != found.facts["at_layer.whole"]


def test_an_ablation_that_does_nothing_is_no_null_result(
    model: CompactModel, cells: CellSet, members: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from theodolite.analysis.ablation import doses

    monkeypatch.setattr(doses, "LEAST_TURN", 5.0)  # more than any cosine distance
    idle = see(model, cells, members, (LAYER, HEAD), draws=1)
    facts = idle.facts
    assert not facts["top 1.faithful"] and facts["top 1.random_faithful"] == 0
    assert facts["top 1.p_random"] is facts["top 1.p_entropy_matched"] is facts["rises"] is None
    assert idle.sentence.startswith("top 1, ") and idle.sentence.endswith("and so tested nothing.")
    assert "AUROC" not in idle.sentence and "(p" not in idle.sentence


def test_random_sets_that_do_nothing_are_counted_and_a_best_set_that_does_something_keeps_its_p(
    model: CompactModel, cells: CellSet, members: tuple[str, ...], found: Described, monkeypatch: pytest.MonkeyPatch
) -> None:
    from theodolite.analysis.ablation import doses

    monkeypatch.setattr(doses, "LEAST_TURN", found.facts["top 1.turn"])  # none of less turn tests anything
    seen = see(model, cells, members, (LAYER, HEAD)).facts
    assert seen["top 1.random_faithful"] < found.facts["top 1.random_sets"] == len(seen["top 1.random_specific"])
    assert seen["top 1.p_random"] == found.facts["top 1.p_random"]


def test_the_mean_change_of_all_genes_can_be_read_and_equal_seeds_give_equal_bytes(
    model: CompactModel, cells: CellSet, members: tuple[str, ...]
) -> None:
    first, second = (see(model, cells, members, (LAYER, HEAD), read="effect", draws=2, sizes=[1, 2]) for _ in range(2))
    assert first.to_bytes() == second.to_bytes()
    assert first.measurement.effect[0] == first.facts["top 1.effect"]


def test_what_cannot_be_taken_out_is_refused(model: CompactModel, cells: CellSet, members: tuple[str, ...]) -> None:
    with pytest.raises(DescriptionError, match="layer 3: this model has layers 1 to 2"):
        see(model, cells, members, (LAYER, HEAD), layer=3)
    with pytest.raises(DescriptionError, match="give rising numbers from 1 to 7; the model has 8 heads"):
        see(model, cells, members, (LAYER, HEAD), sizes=[8])
    with pytest.raises(DescriptionError, match="in the half of the families in which heads are ranked"):
        see(model, cells, (cells.genes[0], "nobody"), (LAYER, HEAD))
