"""A model that knows the programs of a tree: sound behind the protocol, and better than its untrained twin."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from theodolite.data import CellDataError
from theodolite.data.rulers import anchor_table
from theodolite.data.rulers.distances import graph_ruler
from theodolite.data.tree_world import TreeWorld, tree_world
from theodolite.measurements import Variant, VariantKind
from theodolite.models.batches import batch_of
from theodolite.models.cell_states import cell_states
from theodolite.models.edits import Zero
from theodolite.models.planted_tree import TreeModel, tree_facts, tree_model
from theodolite.models.protocol import FoundationModel
from theodolite.models.running import run
from theodolite.models.sanity import check_interventions
from theodolite.models.sites import OUTPUT, Site, SiteKind, forward_order, residual

HANDED_OVER = [site for site in forward_order(2) if site.kind not in (SiteKind.MLP_PRE, SiteKind.MLP_POST)]


@cache
def world() -> TreeWorld:
    return tree_world(7, donors=4, tissues=1, cells=5, genes=120)


@cache
def model() -> TreeModel:
    return tree_model(world(), 7)


def test_it_is_a_foundation_model_with_the_facts_of_its_world() -> None:
    found, facts = model(), tree_facts(world(), 7)
    assert isinstance(found, FoundationModel)
    assert (found.name, found.sha256, found.genes) == (facts.name, facts.sha256, facts.genes)
    assert (found.n_layers, found.n_heads, found.width) == (facts.n_layers, facts.n_heads, facts.width)
    assert tree_facts(tree_world(8, donors=2, cells=1, genes=120), 7).sha256 != facts.sha256
    assert torch.equal(tree_model(world(), 7).table, found.table)


@pytest.mark.parametrize("site", HANDED_OVER, ids=str)
def test_interventions_are_sound_at_every_site(site: Site) -> None:
    batch = batch_of(model(), model().tokenise(world().cells), np.arange(3))
    report = check_interventions(model(), batch, site, Zero())
    assert report.passed, report.said


def test_cells_are_read_alone_as_together_and_genes_by_name() -> None:
    cells = world().cells
    tokens = model().tokenise(cells)
    together = run(model(), batch_of(model(), tokens, np.arange(4)), read=[residual(2)]).read[residual(2)]
    alone = run(model(), batch_of(model(), tokens, np.array([2])), read=[residual(2)]).read[residual(2)]
    torch.testing.assert_close(together[2], alone[0], atol=1e-5, rtol=1e-5)
    turned = replace(cells, genes=cells.genes[::-1], counts=cells.counts[:, ::-1])
    np.testing.assert_array_equal(model().tokenise(turned).values, tokens.values)
    assert model().places(turned).tolist() == list(range(len(cells.genes)))[::-1]


def test_cells_that_lack_a_gene_are_refused() -> None:
    other = tree_world(7, donors=2, tissues=1, cells=2, genes=100).cells
    with pytest.raises(
        CellDataError, match="lack 20 genes of planted-tree-7, such as 'G0101'; give cells of its world"
    ):
        model().tokenise(other)


def test_an_untrained_twin_has_a_table_of_its_seed_and_the_same_blocks() -> None:
    first, again, other = (model().variant(Variant(VariantKind.UNTRAINED, seed)) for seed in (1, 1, 2))
    assert torch.equal(first.table, again.table) and not torch.equal(first.table, other.table)
    assert torch.equal(first.weights, model().weights)
    assert model().variant(Variant(VariantKind.MAIN)) is model()
    half = model().placed(torch.device("cpu"), torch.float64).variant(Variant(VariantKind.UNTRAINED, 1))
    assert half.table.dtype == torch.float64


def follows(taken: TreeModel, layer: int) -> float:
    """Rank correlation of distances between centroids with steps on the tree, within donors."""
    found = world()
    hidden = cell_states(taken, found.cells, with_attention=False).hidden[:, layer]
    table = anchor_table(found.cells, stage="node", donor="donor", branch="branch")
    rows = np.stack([hidden[list(own)].mean(axis=0) for own in table.rows])
    ruler = graph_ruler(found.edges).between(table.stage)
    donor = np.asarray(table.donor)
    pair = np.triu(donor[:, None] == donor, 1)
    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    return float(spearmanr(apart[pair], ruler[pair]).statistic)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_trained_model_follows_the_tree_and_better_than_untrained_ones(layer: int) -> None:
    trained = follows(model(), layer)
    untrained = [follows(model().variant(Variant(VariantKind.UNTRAINED, seed)), layer) for seed in range(3)]
    assert trained > 0.6
    assert trained > max(untrained) + 0.1, (trained, untrained)


def test_the_prediction_is_the_first_coordinate() -> None:
    batch = batch_of(model(), model().tokenise(world().cells), np.arange(2))
    read = run(model(), batch, read=[OUTPUT, residual(2)]).read
    assert torch.equal(read[OUTPUT], read[residual(2)][..., 0])
