from __future__ import annotations

import networkx as nx
import numpy as np
from scipy.spatial.distance import cdist

from theodolite.analysis.manifold import landmark_isomap, neighbour_graph


def sheet(n: int, seed: int) -> np.ndarray:
    """Evenly drawn rows of a bent sheet in three dimensions."""
    draw = np.random.default_rng(seed)
    across, along = draw.random(n), 3.0 * draw.random(n)
    return np.column_stack([np.cos(along), np.sin(along), across])


def test_paths_are_those_of_networkx_for_fitted_rows_and_for_others():
    rows, others = sheet(60, 0), sheet(5, 1)
    graph = neighbour_graph(rows, 5)
    known = nx.Graph()
    distance = cdist(rows, rows)
    for row in range(60):
        for near in np.argsort(distance[row])[1:6]:
            known.add_edge(row, int(near), weight=distance[row, near])
    expected = dict(nx.all_pairs_dijkstra_path_length(known))
    paths = graph.paths_from(np.array([7, 31]))
    np.testing.assert_allclose(paths, [[expected[source][row] for row in range(60)] for source in (7, 31)])
    away = cdist(others, rows)
    for number, other in enumerate(others):
        near = np.argsort(np.linalg.norm(rows - other, axis=1))[:5]
        ways = [min(away[number, row] + expected[source][row] for row in near) for source in (7, 31)]
        np.testing.assert_allclose(graph.paths_of_others(others, paths)[:, number], ways)


def test_equal_rows_are_one_place_and_not_two_parts():
    rows = np.concatenate([sheet(40, 5), sheet(40, 5)])
    found = landmark_isomap(rows, dimension=2, neighbours=12, landmarks=20)
    np.testing.assert_allclose(found.latent[:40], found.latent[40:], atol=1e-12)
