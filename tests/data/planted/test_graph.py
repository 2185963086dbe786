"""The graph of a planted world."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from theodolite.data.planted import PlantedGraph, PlantedStructure, WorldKind, plant_graph


@pytest.fixture(scope="module")
def graph(standard: PlantedStructure) -> PlantedGraph:
    return standard.graph


def _overlap(graph: PlantedGraph, reference: int, pairs: list[tuple[int, int]]) -> float:
    """Return the mean share of the smaller regulator's targets that another one has too."""
    rows = graph.edges[reference]
    return float(np.mean([(rows[a] & rows[b]).sum() / max(min(rows[a].sum(), rows[b].sum()), 1) for a, b in pairs]))


def test_a_seed_makes_one_graph_and_another_seed_another() -> None:
    first, again, other = (plant_graph(seed, WorldKind.STANDARD.knobs) for seed in (3, 3, 4))
    assert np.array_equal(first.edges, again.edges)
    assert first.family_names == again.family_names
    assert [reference.sha256 for reference in first.references] == [item.sha256 for item in again.references]
    assert not np.array_equal(first.edges, other.edges)


def test_regulators_form_at_least_64_families_and_no_edge_joins_a_family(graph: PlantedGraph) -> None:
    regulator_families = {graph.families.family[gene] for gene in graph.regulators}
    assert len(regulator_families) >= 64
    for reference in graph.references:
        assert reference.kind == "regulon"
        for regulator, target in reference.edges:
            assert regulator in graph.regulators
            assert graph.families.family[regulator] != graph.families.family[target]


def test_paralogues_share_most_targets_and_strangers_few(graph: PlantedGraph) -> None:
    family = graph.family[: graph.n_regulators]
    pairs = list(combinations(range(graph.n_regulators), 2))
    paralogues = [pair for pair in pairs if family[pair[0]] == family[pair[1]]]
    strangers = [pair for pair in pairs if family[pair[0]] != family[pair[1]]][:2000]
    assert 0.65 < _overlap(graph, 0, paralogues) < 0.85
    assert _overlap(graph, 0, strangers) < 0.25


def test_degrees_have_heavy_tails_and_references_share_them(graph: PlantedGraph) -> None:
    for degree in (graph.out_degree, graph.in_degree):
        assert degree.max() > 2.5 * np.median(degree)
    first, second = (graph.edges[index].sum(axis=1) for index in (0, 1))
    assert np.corrcoef(first, second)[0, 1] > 0.7


def test_only_confounded_references_are_enriched_within_modules(graph: PlantedGraph) -> None:
    module = graph.module
    inside = (module[: graph.n_regulators, None] == module[None, :]) & (module[: graph.n_regulators, None] >= 0)
    share = inside[graph.candidates].mean()
    for edges, confounded in zip(graph.edges, graph.confounded, strict=True):
        enrichment = inside[edges].mean() / share
        assert enrichment > 3 if confounded else 0.8 < enrichment < 1.25


def test_signs_are_those_of_the_family_and_mostly_activating(graph: PlantedGraph) -> None:
    assert set(np.unique(graph.sign)) == {-1, 1}
    assert 0.6 < (graph.sign == 1).mean() < 0.8
    first = graph.family[: graph.n_regulators]
    for index in np.unique(first)[:20]:
        assert (graph.sign[first == index] == graph.sign[first == index][0]).all()


@pytest.mark.parametrize("kind", list(WorldKind))
def test_every_kind_of_world_deals_regulators_evenly_to_the_parts_of_its_split(kind: WorldKind) -> None:
    from theodolite.data import UnitTable, make_split

    graph = plant_graph(5, kind.knobs)
    rows = tuple(sorted(graph.families.family.items()))
    split = make_split(UnitTable(rows, (), "cell"), k=4)
    regulating = {graph.families.family[gene] for gene in graph.regulators}
    counts = [len(regulating & set(split.families(block))) for block in split.blocks]
    assert max(counts) - min(counts) <= 1
    assert min(counts) >= 8
