"""Regulons in gene vectors: planted edges, signs and residuals are told, and an empty world has none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from planted_vectors import World, plant
from small_subjects import reference, subject

from theodolite.descriptions import DescriptionError, Subject
from theodolite.descriptions.geometry_edges import edge_recovery, signed_edge_recovery, similarity_residuals

FEW: dict[str, Any] = {"draws": 99}


def given(world: World, *more: Any, **options: Any) -> Subject:
    references = more or (reference("regulon", world.edges),)
    return subject(world.vectors[:3], world.genes, *references, statistics=world.statistics, **options)


def test_planted_edges_are_told_by_every_null_and_those_of_an_empty_world_are_not() -> None:
    params = edge_recovery.params(windows=((2, 4), (5, 7)), **FEW)
    found = edge_recovery.run(given(plant(1, edges=0.7)), params)
    assert found.facts["known.p_any"] == 0.01 and np.array(found.facts["known.auroc_centred"])[:, 0].min() > 0.6
    assert np.array(found.facts["known.auroc_centred"])[:, 1].max() < 0.6, "nothing is planted in axes 5 to 7"
    assert (
        "in axes 2-4" in found.sentence and "p for the best place is 0.01, the largest over 3 nulls" in found.sentence
    )
    assert edge_recovery.run(given(plant(2)), params).facts["known.p_any"] > 0.05


def by_sign(world: World, activated: set[str]) -> tuple[Any, Any]:
    kept = [edge for edge in world.edges if edge[1] in activated]
    return (
        reference("regulon", kept, "toy.activation"),
        reference("regulon", [edge for edge in world.edges if edge not in kept], "toy.repression"),
    )


def test_activation_and_repression_are_told_apart() -> None:
    """Activated targets lie where their regulators are; repressed ones anywhere."""
    world, other = plant(3, edges=0.8, n_regulators=12), plant(4, n_regulators=12)
    half = set(world.targets[::2])
    rows = [row for row, gene in enumerate(world.genes) if gene not in half and gene in world.targets]
    world.vectors[:, rows] = other.vectors[:, rows]
    found = signed_edge_recovery.run(
        given(world, *by_sign(world, half)), signed_edge_recovery.params(windows=((2, 4),), **FEW)
    )
    assert found.facts["activation.p_any"] <= 0.05 < found.facts["repression.p_any"]
    assert found.sentence.startswith("Activation: AUROC of its") and ". Repression: AUROC" in found.sentence


def test_without_regulons_by_sign_there_is_nothing_to_tell_apart() -> None:
    with pytest.raises(
        DescriptionError, match="no edge is known for activation in the references known; give regulons"
    ):
        signed_edge_recovery.run(given(plant(3)), signed_edge_recovery.params())


def test_edges_beyond_co_expression_count_and_co_expression_alone_does_not() -> None:
    params = similarity_residuals.params(first=2, last=4, **FEW)
    beyond, alone = plant(3, edges=0.7, modules=0.3), plant(1, modules=0.7)
    found = similarity_residuals.run(given(beyond, coexpression=beyond.coexpression), params)
    assert all(found.facts["known.signal"]) and found.facts["known.expression_and_genes.counts"] is True
    facts = similarity_residuals.run(given(alone, coexpression=alone.coexpression), params).facts
    assert min(facts["known.raw.effect"]) > 0.1 and min(facts["known.own_cosine.effect"]) > 0.05
    assert not any(facts["known.signal"]) and facts["known.own_cosine.counts"] is False
    assert "without co-expression and gene statistics" in found.sentence


def test_residuals_need_counts() -> None:
    with pytest.raises(DescriptionError, match="no counts to take co-expression from"):
        similarity_residuals.run(given(plant(3)), similarity_residuals.params())


def test_a_window_that_is_empty_is_refused_with_its_name() -> None:
    with pytest.raises(DescriptionError, match="geometry.similarity_residuals got .*window 6-2 is empty"):
        similarity_residuals.parsed({"first": 6, "last": 2})
