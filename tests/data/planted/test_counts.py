"""Counts of a planted world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from theodolite.data.planted import STATES, PlantedStructure, WorldKind, plant_graph, plant_structure


def _correlation(structure: PlantedStructure) -> np.ndarray:
    found = np.corrcoef(structure.cells.log1p_cp10k().astype(np.float64).T)
    np.fill_diagonal(found, 0.0)
    return found


def test_cells_have_twelve_donors_and_a_tree_of_states(standard: PlantedStructure) -> None:
    cells = standard.cells
    assert cells.unit_kind == "donor"
    assert len(set(cells.units)) == 12
    labels = zip(cells.label("state"), cells.label("branch"), cells.label("lineage"), strict=True)
    for state, branch, lineage in labels:
        assert (STATES[state], STATES[branch], STATES[lineage]) == (branch, lineage, "root")


def test_expression_rises_and_dropout_falls_with_reference_degree(standard: PlantedStructure) -> None:
    statistics, bias = standard.cells.gene_statistics(), standard.graph.study_bias
    assert np.corrcoef(statistics.mean_expression, bias)[0, 1] > 0.2
    assert np.corrcoef(statistics.dropout, bias)[0, 1] < -0.2


def test_genes_of_a_module_are_coexpressed_as_much_as_the_world_says(standard: PlantedStructure) -> None:
    found, expected, module = _correlation(standard), standard.counts.coexpression, standard.graph.module
    upper = np.triu_indices(len(module), 1)
    inside = ((module[:, None] == module[None, :]) & (module[:, None] >= 0))[upper]
    assert found[upper][inside].mean() > 0.15
    assert abs(found[upper][~inside].mean()) < 0.05
    slope = np.polyfit(expected[upper], found[upper], 1)[0]
    assert 0.9 < slope < 1.1
    # What is left is the sampling error of a correlation over 480 cells.
    assert (found - expected)[upper].std() < 1.3 / np.sqrt(len(standard.cells.cells))


def test_the_same_seed_gives_the_same_cells() -> None:
    assert plant_structure(8).cells.sha256 == plant_structure(8).cells.sha256


def test_edges_are_in_the_counts_only_where_a_world_puts_them_there() -> None:
    """Beyond modules: pairs of one module and pairs of none are compared apart."""
    knobs = replace(WorldKind.STANDARD.knobs, edges=3_000, cells_per_donor=100)
    gains = []
    for regulation in (0.0, 0.6):
        structure = plant_structure(9, knobs=replace(knobs, regulation=regulation))
        graph = structure.graph
        found = structure.residual(_correlation(structure)[: graph.n_regulators]) * graph.sign
        gains.append(structure.contrasts(found)[0])
    assert abs(gains[0]) < 0.01
    assert gains[1] > 0.05


def test_counts_do_not_touch_the_graph() -> None:
    graph = plant_graph(11, WorldKind.STANDARD.knobs)
    assert np.array_equal(graph.edges, plant_structure(11).graph.edges)
