"""What a workbench gives of ablations: nothing that was not done, but of a baseline whatever there is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from theodolite.experiments.workbench import GeneWorkbench
from theodolite.models.ablated import Ablated
from theodolite.models.capture import Capture
from theodolite.models.components import Component, How
from theodolite.tools import NothingMovedError, ToolError
from theodolite.tools.ablation import AblatedHead, uniform_attention

GENES = ("A", "B", "C")
HEADS = (Component("head", 1, 1), Component("head", 1, 2))
FIRST = HEADS[0]


def bench(turn: float, presence: tuple[int, ...] = (4, 4, 4)) -> GeneWorkbench:
    """Return a workbench of genes C and A whose ablations turn the last stream by ``turn``."""

    def interventions(component: Component, how: How) -> Ablated:
        change = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]])
        conditions = tuple((head,) for head in HEADS)
        largest = np.full((2, 2), turn)
        return Ablated(GENES, conditions, how, change, change, np.array(presence), largest)

    capture = Capture(GENES, np.zeros((2, 3, 2), np.float32), np.zeros((1, 2, 3, 3), np.float32))
    return GeneWorkbench(("C", "A"), ("F1", "F2"), np.ones((2, 3)), capture, (), interventions=interventions)


def test_changes_come_in_the_order_of_the_genes_of_the_split() -> None:
    np.testing.assert_array_equal(bench(0.3).ablated(FIRST, "zero"), [3.0, 1.0])


def test_an_ablation_that_does_nothing_is_refused_of_a_model_and_read_of_a_baseline() -> None:
    """An untrained model that attends evenly loses nothing by it; the claim that is held against it goes on."""
    idle = bench(3e-7)
    with pytest.raises(NothingMovedError, match="layer 1 head 1: no token's last residual stream turned .* 3e-07"):
        uniform_attention.measure(idle, AblatedHead(layer=1, head=1))
    measured = uniform_attention.measure(replace(idle, baseline=True), AblatedHead(layer=1, head=1))
    np.testing.assert_allclose(measured.score, np.log([3.0 / 2.0, 1.0 / 2.0]))


def test_a_gene_that_no_cell_has_is_named() -> None:
    with pytest.raises(ToolError, match="'A' and 0 other genes are tokens of none"):
        bench(0.3, presence=(0, 4, 4)).ablated(FIRST, "zero")


def test_without_a_model_nothing_is_taken_out() -> None:
    with pytest.raises(ToolError, match="no model to take a component out of"):
        replace(bench(0.3), interventions=None).ablated(FIRST, "zero")
    with pytest.raises(ToolError, match="layer 7 MLP is none of the 2 components"):
        bench(0.3).ablated(Component("mlp", 7), "zero")
