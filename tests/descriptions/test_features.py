"""How features relate: pairs that are planted among top genes and modules that are planted are found, others not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_dictionaries import given, made
from small_subjects import reference, subject

from theodolite.data import member_pairs
from theodolite.descriptions import DescriptionError, Subject
from theodolite.descriptions.features import feature_modules, feature_pairs
from theodolite.saes import Dictionary

GENES = tuple(f"G{number}" for number in range(200))


def about(dictionary: Dictionary, *references: object) -> Subject:
    return replace(subject(np.zeros((3, len(GENES), 4)), GENES, *references), trained=given(dictionary))  # type: ignore[arg-type]


def values(features: int, seed: int = 0) -> np.ndarray:
    """Features that are each active on 40 random genes."""
    draw = np.random.default_rng(seed)
    found = np.zeros((len(GENES), features))
    for feature in range(features):
        found[draw.choice(len(GENES), 40, replace=False), feature] = draw.random(40) + 0.1
    return found


def pairs_of(seed: int, count: int, among: int) -> list[tuple[str, str]]:
    draw = np.random.default_rng(seed)
    found: set[tuple[str, str]] = set()
    while len(found) < count:
        one, other = sorted(draw.choice(among, 2, replace=False).tolist())
        found.add((GENES[one], GENES[other]))
    return sorted(found)


def test_a_feature_of_genes_with_many_pairs_is_found_and_the_others_are_not() -> None:
    by_gene = values(12)
    by_gene[:, 5] = 0.0
    by_gene[:20, 5] = 1.0  # its top genes are those that the pairs are among
    dense = reference("pairs", [*pairs_of(1, 120, 20), *pairs_of(2, 200, 200)][:300], "dense")
    dense = reference("pairs", sorted(set(dense.members)), "dense")
    found = feature_pairs.run(about(made(GENES, by_gene), dense), feature_pairs.parsed({"draws": 400}))
    assert found.measurement.units == ("dense",)
    assert found.measurement.effect[0] == pytest.approx(1 / 12)
    assert found.facts["dense.found"] == pytest.approx(1 / 12)
    assert "8.3% of 12 features at layer 1" in found.sentence


def test_one_pair_or_more_is_there_by_chance_in_most_features_and_says_nothing() -> None:
    sparse = reference("pairs", pairs_of(3, 400, 200), "sparse")
    found = feature_pairs.run(about(made(GENES, values(30)), sparse), feature_pairs.parsed({"draws": 200}))
    assert found.facts["sparse.with_a_pair"] > 0.8
    assert found.measurement.control[0, 0] > 0.8  # by chance as many
    assert found.measurement.effect[0] == 0.0


def test_a_null_that_moves_nothing_is_left_out_and_named() -> None:
    # All pairs of a set, rewired at the same degrees, are the same pairs.
    clique = member_pairs(reference("set", GENES[:20], "clique"))
    by_gene = values(12)
    by_gene[:, 5] = 0.0
    by_gene[:20, 5] = 1.0
    found = feature_pairs.run(about(made(GENES, by_gene), clique), feature_pairs.parsed({"draws": 400}))
    name = found.measurement.units[0]
    assert found.facts[f"{name}.degree_preserving.moved"] < 0.2
    assert "degree_preserving moves nothing here" in found.sentence
    assert found.measurement.effect[0] == pytest.approx(1 / 12)


def blocks(features: int, size: int) -> np.ndarray:
    """Counts of features that are active together within blocks only."""
    together = np.where(np.arange(features)[:, None] // size == np.arange(features) // size, 60, 1)
    np.fill_diagonal(together, 100)
    return together


def test_planted_modules_are_found_and_beat_rewired_graphs() -> None:
    found = feature_modules.run(
        about(made(GENES, values(24), together=blocks(24, 6))), feature_modules.parsed({"draws": 39})
    )
    assert found.facts["sizes"] == [6, 6, 6, 6] and found.facts["coverage"] == 1.0
    assert found.measurement.effect[0] > found.measurement.control[0].max()
    assert found.facts["p"] == pytest.approx(1 / 40)
    assert "4 modules, which cover 100.0% of the features" in found.sentence


def test_without_a_pair_that_is_active_together_there_is_no_module() -> None:
    alone = np.diag(np.full(8, 100))
    with pytest.raises(DescriptionError, match="no two features are active together in 50 tokens"):
        feature_modules.run(about(made(GENES, values(8), together=alone)), feature_modules.parsed({}))


@pytest.mark.parametrize("run", [feature_pairs, feature_modules], ids=["pairs", "modules"])
def test_without_a_model_there_is_no_dictionary(run: object) -> None:
    bare = subject(np.zeros((3, len(GENES), 4)), GENES, reference("pairs", pairs_of(0, 50, 200)))
    with pytest.raises(DescriptionError, match="no model to train on; give the model"):
        run.run(bare, run.parsed({}))  # type: ignore[attr-defined]
