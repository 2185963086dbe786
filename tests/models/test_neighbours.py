"""Nearest neighbours of genes among vectors with planted groups."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.models.neighbours import check_neighbours, nearest_genes

GENES = tuple(f"G{row}" for row in range(60))


def planted(noise: float) -> np.ndarray:
    """Vectors of three groups of ten and thirty loose genes, all far along one common direction."""
    draw = np.random.default_rng(0)
    vectors = noise * draw.standard_normal((60, 16)) + 20.0
    for group in range(3):
        vectors[10 * group : 10 * group + 10] += 3 * draw.standard_normal(16)
    return vectors


GROUPS = {name: GENES[10 * row : 10 * row + 10] for row, name in enumerate("abc")}


def test_the_nearest_genes_are_those_of_the_group() -> None:
    found = nearest_genes(planted(0.1), GENES, "G13", k=9)
    assert {name for name, _ in found} == set(GROUPS["b"]) - {"G13"}
    cosines = [cosine for _, cosine in found]
    assert cosines == sorted(cosines, reverse=True) and 0.9 < cosines[-1] <= cosines[0] <= 1


def test_planted_groups_are_found_and_random_vectors_stay_at_chance() -> None:
    found = check_neighbours(planted(0.1), GENES, GROUPS, k=5)
    assert (found.n_genes, found.k, found.share) == (30, 5, 1.0)
    assert found.chance == pytest.approx(9 / 59)
    assert found.by_group == {"a": 1.0, "b": 1.0, "c": 1.0}
    nothing = check_neighbours(np.random.default_rng(1).standard_normal((60, 16)), GENES, GROUPS, k=5)
    assert nothing.share == pytest.approx(nothing.chance, abs=0.1)


def test_genes_and_groups_that_the_model_does_not_know_are_passed_over() -> None:
    found = check_neighbours(planted(0.1), GENES, {"a": [*GROUPS["a"], "other"], "tiny": ["G40", "other"]}, k=5)
    assert found.n_genes == 10 and set(found.by_group) == {"a"}


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="gene 'TP53' is not in the vocabulary of 60"):
        nearest_genes(planted(1.0), GENES, "TP53")
    with pytest.raises(ValueError, match="k=60: there are 59 other genes"):
        nearest_genes(planted(1.0), GENES, "G1", k=60)
    with pytest.raises(ValueError, match="none of 1 groups has two genes of the model"):
        check_neighbours(planted(1.0), GENES, {"x": ["G1", "other"]})
