"""The instrument of features: its places, its scores, and what it says where there is nothing to read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from theodolite.claims import Direction, Locus, LocusKind, Relation
from theodolite.experiments.wording import claim_text
from theodolite.measurements import GeneScores
from theodolite.tools import N_FEATURES, ModelShape, ToolRegistrationError, Workbench, saes, tool
from theodolite.tools.attention import AttentionEdges
from theodolite.tools.saes import FeatureValue, feature_value


def test_places_are_the_first_features_of_every_block_and_never_of_the_embedding() -> None:
    places = [str(params.locus()) for params in FeatureValue.enumerate(ModelShape(2, 4, read_out=True))]
    assert places[0] == "layer 1 feature 1" and places[-1] == f"layer 2 feature {N_FEATURES}"
    assert len(set(places)) == len(places) == 2 * N_FEATURES
    for wrong in ({"layer": 0, "feature": 1}, {"layer": 1, "feature": N_FEATURES + 1}):
        with pytest.raises(ValidationError):
            saes.FeatureValue(**wrong)


def test_scores_are_the_values_of_the_feature(make_bench: Callable[..., Any]) -> None:
    bench = make_bench()
    values = np.random.default_rng(0).standard_normal((3, len(bench.genes), N_FEATURES))
    measured = feature_value.measure(replace(bench, values=values), FeatureValue(layer=2, feature=5))
    assert isinstance(measured, GeneScores)
    np.testing.assert_array_equal(measured.score, values[2, :, 4])
    assert (measured.genes, measured.unit) == (bench.genes, feature_value.unit)


def test_a_claim_reads_as_a_sentence() -> None:
    class _Claim:
        object = "feature_value"
        relation = feature_value.relation

    locus = Locus(kind=LocusKind.FEATURE, layer=2, index=(7,))
    assert claim_text(_Claim(), locus, Direction.GREATER, "ribosome") == (  # type: ignore[arg-type]
        "\u201cribosome\u201d: genes score higher than others on feature 7 after block 2"
    )
    assert "score lower than others on feature 7" in claim_text(_Claim(), locus, Direction.LESS, "ribosome")  # type: ignore[arg-type]


def test_its_claims_hang_on_a_seed_and_name_a_place() -> None:
    assert feature_value.seeded and not feature_value.anywhere


def _of_heads(bench: Workbench, params: AttentionEdges) -> GeneScores:
    """Reads heads, which no other seed has."""
    raise AssertionError


def _of_features(bench: Workbench, params: FeatureValue) -> GeneScores:
    """Reads features."""
    raise AssertionError


@pytest.mark.parametrize(
    ("function", "relation", "said"),
    [
        (_of_heads, Relation.SEPARATES, "its places must be of the kind 'feature'"),
        (_of_features, Relation.STABLE_WITH_DEPTH, "claim an effect"),
    ],
)
def test_what_other_seeds_cannot_be_asked_is_refused_where_it_is_registered(
    function: Any, relation: Relation, said: str
) -> None:
    declared = tool(
        family="odd", shape=GeneScores, object="odd", relation=relation, unit="unit", version="1", fits=("features",)
    )
    with pytest.raises(ToolRegistrationError, match=said):
        declared(function)
