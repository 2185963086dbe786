"""Measurement shapes: what each admits, and bytes that are the same for the same measurement."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from theodolite.measurements import (
    SHAPES,
    AnchorLatents,
    BipartiteScores,
    CellScores,
    Coexpression,
    CurveFit,
    DistanceMatch,
    GeneScores,
    GraphEdges,
    Measurement,
    MeasurementError,
    PairScores,
    PredictionGain,
    UnitEffects,
    Variant,
    VariantKind,
    load_measurement,
)

GENES = ("A1", "A2", "B", "C")
FAMILIES = ("A", "A", "B", "C")
SYMMETRIC = np.add.outer(np.arange(4.0), np.arange(4.0))


def gene_scores(**changes: Any) -> GeneScores:
    values: dict[str, Any] = {
        "genes": GENES,
        "score": [0.1, -2.0, 3.5, 0.0],
        "families": FAMILIES,
        "covariate_names": ("mean_expression",),
        "covariates": [[1.0], [2.0], [3.0], [4.0]],
        "unit": "axis units",
    }
    return GeneScores(**(values | changes))


def pair_scores(**changes: Any) -> PairScores:
    values: dict[str, Any] = {
        "genes": GENES,
        "score": SYMMETRIC,
        "families": FAMILIES,
        "covariate_names": (),
        "covariates": np.empty((4, 0)),
        "unit": "nats",
    }
    return PairScores(**(values | changes))


def bipartite_scores(**changes: Any) -> BipartiteScores:
    values: dict[str, Any] = {
        "regulators": ("A1", "B"),
        "targets": ("A1", "A2", "C"),
        "score": [[9.0, 0.5, 0.25], [-1.0, 2.0, 0.1]],
        "regulator_families": ("A", "B"),
        "target_families": ("A", "A", "C"),
        "covariate_names": ("mean_expression",),
        "regulator_covariates": [[1.0], [2.0]],
        "target_covariates": [[1.0], [3.0], [4.0]],
        "unit": "nats",
    }
    return BipartiteScores(**(values | changes))


def cell_scores(**changes: Any) -> CellScores:
    values: dict[str, Any] = {
        "cells": ("c1", "c2", "c3"),
        "value": [1.0, 2.0, 3.0],
        "label": ("early", "late", "late"),
        "block": ("d1", "d1", "d2"),
        "unit": "axis units",
    }
    return CellScores(**(values | changes))


def distance_match(**changes: Any) -> DistanceMatch:
    distance = [[0.0, 1.0], [1.0, 0.0]]
    values: dict[str, Any] = {
        "anchors": ("HSC", "B cell"),
        "model_distance": distance,
        "reference_distance": distance,
        "block": ("d1", "d2"),
        "unit": "hops",
    }
    return DistanceMatch(**(values | changes))


def unit_effects(**changes: Any) -> UnitEffects:
    values: dict[str, Any] = {
        "units": ("d1", "d2"),
        "effect": [0.5, 0.4],
        "control": [[0.1, 0.0, -0.1], [0.0, 0.2, 0.1]],
        "unit": "standard deviations",
    }
    return UnitEffects(**(values | changes))


def prediction_gain(**changes: Any) -> PredictionGain:
    values: dict[str, Any] = {
        "baseline": np.ones((3, 2)),
        "signal": np.ones((3, 1)),
        "outcome": [0.0, 1.0, 1.0],
        "groups": ("F1", "F2", "F2"),
        "unit": "AUROC",
    }
    return PredictionGain(**(values | changes))


def graph_edges(**changes: Any) -> GraphEdges:
    values: dict[str, Any] = {
        "nodes": ("f1", "f2", "f3"),
        "layer": [1, 1, 2],
        "annotation": ("ribosome", "", "ribosome"),
        "source": [0, 1],
        "target": [2, 2],
        "weight": [0.5, -0.5],
        "unit": "standard deviations",
    }
    return GraphEdges(**(values | changes))


def curve_fit(**changes: Any) -> CurveFit:
    values: dict[str, Any] = {
        "x": [1.0, 2.0],
        "y": [3.0, 2.5],
        "groups": ("seed1", "seed2"),
        "curve": "power law with floor",
        "unit": "nats",
    }
    return CurveFit(**(values | changes))


def coexpression(**changes: Any) -> Coexpression:
    matrix = np.array([[0.0, 0.5, -0.25], [0.5, 0.0, 0.125], [-0.25, 0.125, 0.0]])
    values: dict[str, Any] = {
        "genes": ("A1", "B", "C"),
        "pearson": matrix,
        "robust": matrix / 2.0,
        "half_a": matrix,
        "half_b": -matrix,
    }
    return Coexpression(**(values | changes))


def anchor_latents(**changes: Any) -> AnchorLatents:
    values: dict[str, Any] = {
        "anchors": ("d1|a", "d1|b", "d2|a"),
        "donor": ("d1", "d1", "d2"),
        "block": ("d1", "d1", "d2"),
        "branch": ("trunk", "left", "trunk"),
        "judged": [False, False, True],
        "placements": ("fit",),
        "read": [[True, True, False]],
        "held": [[False, False, True]],
        "latent": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        "trust": [0.9],
        "dimension": [3.0, 2.0, 5.0],
        "unit": "steps",
    }
    return AnchorLatents(**(values | changes))


MAKERS = {
    "AnchorLatents": anchor_latents,
    "GeneScores": gene_scores,
    "PairScores": pair_scores,
    "BipartiteScores": bipartite_scores,
    "CellScores": cell_scores,
    "DistanceMatch": distance_match,
    "UnitEffects": unit_effects,
    "PredictionGain": prediction_gain,
    "GraphEdges": graph_edges,
    "CurveFit": curve_fit,
    "Coexpression": coexpression,
}


def test_the_closed_list_of_shapes_is_all_tried_here() -> None:
    assert set(SHAPES) == set(MAKERS)


@pytest.mark.parametrize("name", MAKERS)
def test_equal_measurements_give_equal_bytes_and_come_back(name: str) -> None:
    first, second = MAKERS[name](), MAKERS[name]()
    assert first.to_bytes() == second.to_bytes()
    assert first.sha256 == second.sha256
    back = load_measurement(first.to_bytes())
    assert type(back) is type(first)
    for field in fields(first):
        before, after = getattr(first, field.name), getattr(back, field.name)
        if isinstance(before, np.ndarray):
            np.testing.assert_array_equal(before, after)
            assert before.dtype == after.dtype
        else:
            assert before == after


@given(
    scores=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6),
    unit=st.text(max_size=12),
    data=st.data(),
)
def test_bytes_survive_a_round_trip_whatever_the_numbers(scores: list[float], unit: str, data: st.DataObject) -> None:
    n = len(scores)
    members = data.draw(st.none() | st.lists(st.booleans(), min_size=n, max_size=n))
    measured = GeneScores(
        genes=tuple(f"gene {index} β" for index in range(n)),
        score=np.array(scores),
        families=("F",) * n,
        covariate_names=(),
        covariates=np.empty((n, 0)),
        unit=unit,
        members=None if members is None else np.array(members),
    )
    content = measured.to_bytes()
    assert load_measurement(content).to_bytes() == content


@pytest.mark.parametrize(
    ("make", "change", "complaint"),
    [
        (gene_scores, {"genes": ("A1", "A1", "B", "C")}, "genes repeats 'A1'"),
        (gene_scores, {"score": [1.0, 2.0]}, "score has 2 entries for 4 genes"),
        (gene_scores, {"families": ("A",)}, "families has 1 entries for 4 genes"),
        (gene_scores, {"members": [True]}, "members has 1 entries for 4 genes"),
        (gene_scores, {"covariates": np.ones((4, 2))}, r"covariates has shape \(4, 2\), expected \(4, 1\)"),
        (gene_scores, {"score": [1.0, np.nan, np.inf, 0.0]}, "score holds 2 values that are not finite"),
        (gene_scores, {"covariates": [[1.0], [np.nan], [1.0], [1.0]]}, "covariates holds 1 values"),
        (pair_scores, {"genes": ("A1", "A1", "B", "C")}, "genes repeats 'A1'"),
        (pair_scores, {"score": np.ones((4, 3))}, "symmetric 4 x 4"),
        (pair_scores, {"score": np.arange(16.0).reshape(4, 4)}, "average a directed score with its transpose"),
        (pair_scores, {"edges": np.triu(np.ones((4, 4)))}, "edges must be a symmetric"),
        (pair_scores, {"families": ("A",)}, "families has 1 entries"),
        (pair_scores, {"covariates": np.ones((4, 1))}, "covariates has shape"),
        (bipartite_scores, {"regulators": ("B", "B")}, "regulators repeats 'B'"),
        (bipartite_scores, {"targets": ("A1", "C", "C")}, "targets repeats 'C'"),
        (bipartite_scores, {"score": np.ones((3, 2))}, r"score has shape \(3, 2\), expected \(2, 3\)"),
        (bipartite_scores, {"edges": np.ones((3, 2))}, r"edges has shape \(3, 2\), expected \(2, 3\)"),
        (bipartite_scores, {"score": [[1.0, 1.0, np.nan], [0.0, 0.0, 0.0]]}, "score holds 1 values that are not"),
        (bipartite_scores, {"score": np.full((2, 3), 1e300)}, "not finite in single precision"),
        (bipartite_scores, {"regulator_families": ("A",)}, "regulator_families has 1 entries for 2 regulators"),
        (bipartite_scores, {"target_families": ("A", "A")}, "target_families has 2 entries for 3 targets"),
        (bipartite_scores, {"regulator_covariates": np.ones((2, 2))}, r"shape \(2, 2\), expected \(2, 1\)"),
        (bipartite_scores, {"target_covariates": np.ones((2, 1))}, r"shape \(2, 1\), expected \(3, 1\)"),
        (bipartite_scores, {"target_families": ("Z", "A", "C")}, "gives 'A1' the family 'A' as a regulator and 'Z'"),
        (coexpression, {"genes": ("A1", "B", "B")}, "genes repeats 'B'"),
        (coexpression, {"robust": np.ones((3, 2))}, "robust must be a symmetric 3 x 3 matrix"),
        (coexpression, {"half_a": np.arange(9.0).reshape(3, 3) / 9.0}, "half_a must be a symmetric 3 x 3 matrix"),
        (coexpression, {"pearson": np.full((3, 3), 1.5)}, "pearson holds 1.5; a correlation lies between -1 and 1"),
        (coexpression, {"half_b": np.full((3, 3), np.nan)}, "half_b holds 9 values that are not finite"),
        (cell_scores, {"cells": ("c1", "c1", "c3")}, "cells repeats 'c1'"),
        (cell_scores, {"value": [1.0]}, "value has 1 entries for 3 cells"),
        (cell_scores, {"label": ("early",)}, "label has 1 entries"),
        (cell_scores, {"block": ()}, "block has 0 entries"),
        (distance_match, {"anchors": ("HSC", "HSC")}, "anchors repeats 'HSC'"),
        (distance_match, {"block": ("d1",)}, "block has 1 entries"),
        (distance_match, {"model_distance": [[0.0, 1.0], [2.0, 0.0]]}, "model_distance must be a symmetric"),
        (distance_match, {"reference_distance": [[0.0, -1.0], [-1.0, 0.0]]}, "reference_distance must be"),
        (distance_match, {"model_distance": [[0.0]]}, "model_distance must be a symmetric, non-negative 2 x 2"),
        (unit_effects, {"units": ("d1", "d1")}, "units repeats 'd1'"),
        (unit_effects, {"effect": [1.0]}, "effect has 1 entries for 2 units"),
        (unit_effects, {"control": [0.1, 0.2]}, "it is a matrix"),
        (unit_effects, {"control": np.empty((2, 0))}, "one draw or more"),
        (prediction_gain, {"outcome": [1.0]}, "outcome has 1 entries for 3 rows"),
        (prediction_gain, {"signal": np.ones((2, 1))}, "signal has 2 entries for 3 rows"),
        (prediction_gain, {"baseline": np.ones(3)}, "it is a matrix"),
        (graph_edges, {"nodes": ("f1", "f1", "f3")}, "nodes repeats 'f1'"),
        (graph_edges, {"layer": [1]}, "layer has 1 entries for 3 nodes"),
        (graph_edges, {"source": [0]}, "source has 1 entries for 2 edges"),
        (graph_edges, {"target": [2, 3]}, "target points outside the 3 nodes"),
        (graph_edges, {"source": [-1, 1]}, "source points outside"),
        (curve_fit, {"x": [1.0]}, "x has 1 entries for 2 points"),
        (curve_fit, {"y": [1.0, np.inf]}, "y holds 1 values that are not finite"),
    ],
)  # fmt: skip
def test_each_shape_says_what_is_wrong(make: Any, change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MeasurementError, match=complaint):
        make(**change)


def test_arrays_are_copied_and_read_only() -> None:
    score = np.zeros(4)
    measured = gene_scores(score=score)
    score[0] = 99.0
    assert measured.score[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        measured.score[0] = 1.0


def test_a_score_of_single_precision_is_stored_as_double() -> None:
    assert gene_scores(score=np.ones(4, dtype=np.float32)).score.dtype == np.float64


def test_a_pair_score_is_judged_as_it_is_stored() -> None:
    measured = pair_scores(score=SYMMETRIC / 3)
    off = ~np.eye(4, dtype=bool)
    np.testing.assert_array_equal(measured.score[off], (SYMMETRIC / 3).astype(np.float32)[off])
    assert not measured.score.diagonal().any()
    assert pair_scores(score=SYMMETRIC / 3 + 1e-12).to_bytes() == measured.to_bytes()


def test_a_pair_score_that_single_precision_cannot_hold_is_refused() -> None:
    with pytest.raises(MeasurementError, match="finite"):
        pair_scores(score=np.full((4, 4), 1e300))


def test_members_are_attached_by_name_and_strangers_are_ignored() -> None:
    labelled = gene_scores().with_members(frozenset({"B", "elsewhere"}))
    assert labelled.members is not None
    assert labelled.members.tolist() == [False, False, True, False]
    assert gene_scores().members is None


def test_a_pair_inside_a_family_is_no_candidate_and_no_edge() -> None:
    measured = pair_scores()
    assert not measured.candidates()[0, 1]
    assert not measured.candidates().diagonal().any()
    labelled = measured.with_edges(frozenset({("A1", "A2"), ("C", "A1"), ("B", "elsewhere")}))
    assert labelled.edges is not None
    assert np.argwhere(np.triu(labelled.edges)).tolist() == [[0, 3]]
    np.testing.assert_array_equal(labelled.edges, labelled.edges.T)


def test_labels_change_the_content_hash() -> None:
    assert gene_scores().with_members(frozenset({"B"})).sha256 != gene_scores().sha256
    assert replace(gene_scores(), unit="other").sha256 != gene_scores().sha256


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no measurement"),
        (b"not a measurement at all", "no measurement"),
        (save({"score": np.zeros(1)}), "no measurement"),
        (save({"score": np.zeros(1)}, metadata={"measurement": "{"}), "no measurement"),
        (save({"score": np.zeros(1)}, metadata={"measurement": '{"shape":"Opinion"}'}), "unknown measurement shape"),
        (save({"score": np.zeros(1)}, metadata={"measurement": '{"shape":"GeneScores"}'}), "GeneScores: .*missing"),
    ],
)
def test_what_is_no_measurement_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(MeasurementError, match=complaint):
        load_measurement(content)


def test_a_measurement_that_was_tampered_with_is_checked_again() -> None:
    content = gene_scores(score=[0.0, 0.0, 0.0, 1.0]).to_bytes()
    one, not_a_number = np.array([1.0]).tobytes(), np.array([np.nan]).tobytes()
    with pytest.raises(MeasurementError, match="not finite"):
        load_measurement(content.replace(np.zeros(3).tobytes() + one, np.zeros(3).tobytes() + not_a_number))


SEEDLESS = ("main", "counts", "static_embedding", "panel")


@pytest.mark.parametrize("kind", VariantKind)
@given(seed=st.integers(0, 2**31))
def test_a_variant_reads_back_from_its_text(kind: VariantKind, seed: int) -> None:
    variant = Variant(kind, 0 if kind.value in SEEDLESS else seed)
    assert Variant.parse(str(variant)) == variant


@pytest.mark.parametrize("text", ["", "retrained", "untrained(x)", "untrained()"])
def test_an_unknown_variant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="VariantKind|invalid literal"):
        Variant.parse(text)


@pytest.mark.parametrize(
    ("make", "field"),
    [(gene_scores, "score"), (gene_scores, "members"), (cell_scores, "value"), (unit_effects, "effect"),
     (prediction_gain, "outcome"), (curve_fit, "x"), (curve_fit, "y"), (graph_edges, "weight")],
)  # fmt: skip
def test_a_vector_with_a_second_axis_is_refused(make: Any, field: str) -> None:
    whole: Measurement = make()
    value = getattr(whole, field)
    length = 4 if value is None else len(value)
    with pytest.raises(MeasurementError, match=field):
        make(**{field: np.ones((length, 2))})
