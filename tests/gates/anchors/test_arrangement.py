"""A ruler's arrangement of stages against other arrangements of the same stages."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.gates.anchors.arrangement import arrangement_test
from theodolite.gates.anchors.permutation import blocked_permutation
from theodolite.gates.catalogue_manifold.shape import arrangement_gate
from theodolite.manifolds.distances import latent_distances

DONORS, STAGES = 6, 8


def donors_alike(seed: int, stages: int = STAGES) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Stages at random points, alike in every donor: their latent distances, blocks, and the points of stages."""
    draw = np.random.default_rng(seed)
    points = draw.standard_normal((stages, 3))
    rows = np.concatenate([points + 0.05 * draw.standard_normal(points.shape) for _ in range(DONORS)])
    return latent_distances(rows), [f"d{donor}" for donor in range(DONORS) for _ in range(stages)], points


def laid(stages: np.ndarray) -> np.ndarray:
    """The ruler of all rows, from that between stages."""
    return np.tile(stages, (DONORS, DONORS))


def test_the_arrangement_that_the_space_has_is_found() -> None:
    distance, _, points = donors_alike(0)
    found = arrangement_test(distance, laid(latent_distances(points).round(6)), 1)
    assert found.rho is not None and found.rho > 0.95 and found.p < 0.001 and found.places == STAGES


def test_a_wrong_arrangement_beats_exchanges_within_donors_and_not_other_arrangements() -> None:
    """Exchanges within donors ask whether stages can be told apart, which a wrong ruler passes half the time."""
    told_apart, arranged = 0, 0
    for seed in range(40):
        distance, blocks, _ = donors_alike(seed)
        line = np.random.default_rng([seed, 1]).permutation(STAGES).astype(float)
        ruler = laid(np.abs(line[:, None] - line))
        told_apart += blocked_permutation(distance, ruler, blocks, draws=199).p <= 0.05
        arranged += arrangement_test(distance, ruler, seed).p <= 0.05
    assert told_apart >= 12
    assert arranged <= 6  # 99.9 % of a binomial of 40 and 0.05


@pytest.mark.parametrize("stages", [3, 5, 7])
def test_few_places_are_arranged_in_every_way(stages: int) -> None:
    distance, _, points = donors_alike(3, stages)
    known = np.tile(latent_distances(points).round(6), (DONORS, DONORS))
    found = arrangement_test(distance, known, 0)
    assert found.p >= 1 / np.prod(np.arange(1, stages + 1))
    assert found.log10_arrangements == pytest.approx(np.log10(np.prod(np.arange(1.0, stages + 1))))


def test_two_places_cannot_be_arranged() -> None:
    distance, _, _ = donors_alike(4, 2)
    found = arrangement_test(distance, laid(np.array([[0.0, 1.0], [1.0, 0.0]])), 0)
    assert (found.rho, found.p) == (None, 1.0)
    assert arrangement_gate(found, "isomap", 0.05).passed is False


def test_a_fitter_that_was_given_the_arrangement_answers_nothing() -> None:
    distance, _, points = donors_alike(0)
    found = arrangement_test(distance, laid(latent_distances(points).round(6)), 1)
    assert arrangement_gate(found, "isomap", 0.05).passed is True
    assert arrangement_gate(found, "isomap", 1e-5).passed is False, "the stream asks for less"
    gate = arrangement_gate(found, "let", 0.05)
    assert gate.passed is False and "would follow another one too" in gate.sentence
