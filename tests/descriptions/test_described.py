"""What a description returns: plain facts, deterministic bytes, and records of analyses by their own names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_vectors import plant
from small_subjects import reference, subject

from theodolite.analysis.geometry import layer_spectra
from theodolite.descriptions import ABOUT, Described, Description, Subject, facts_of, get_description, load_described
from theodolite.measurements import CurveFit, MeasurementError

CURVE = CurveFit([0.0, 1.0], [2.0, 3.0], ("a", "a"), "depth", "axes")


def test_numpy_values_become_plain_and_what_is_no_number_becomes_none() -> None:
    found = Described(CURVE, {"p": np.float64(0.5), "by layer": np.array([1.0, np.nan]), "fold": np.inf}, "Seen.")
    assert found.facts == {"p": 0.5, "by layer": [1.0, None], "fold": None}
    assert type(found.facts["p"]) is float


def test_a_fact_that_is_no_plain_data_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="the fact 'nulls' is of type dict"):
        Described(CURVE, {"nulls": {"p": 1.0}}, "Seen.")


facts = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | st.lists(st.floats(-1, 1), max_size=3),
    max_size=4,
)


@given(facts, st.text(max_size=20))
def test_it_is_read_back_as_it_was_and_equal_ones_have_equal_bytes(told, sentence) -> None:
    found = Described(CURVE, told, sentence)
    again = load_described(found.to_bytes())
    assert again.facts == found.facts and again.sentence == sentence and again.measurement.sha256 == CURVE.sha256
    assert again.to_bytes() == found.to_bytes() == Described(CURVE, dict(reversed(told.items())), sentence).to_bytes()
    assert again.sha256 == found.sha256


@pytest.mark.parametrize("content", [b"", b"nothing", CURVE.to_bytes()])
def test_bytes_that_are_no_description_are_refused(content: bytes) -> None:
    with pytest.raises(MeasurementError, match="are no description"):
        load_described(content)


@dataclass(frozen=True)
class Null:
    null: str
    p: float


@dataclass(frozen=True)
class Layer:
    rank: float
    rows: int


@dataclass(frozen=True)
class Record:
    nulls: tuple[Null, ...]
    layers: tuple[Layer, ...]
    trend: Layer | None
    genes: tuple[str, ...]


def test_a_record_is_told_by_its_own_names() -> None:
    record = Record((Null("labels", 0.1), Null("strata", 0.2)), (Layer(1.0, 5), Layer(2.0, 5)), None, ("A", "B"))
    assert facts_of(record, without=("genes",)) == {
        "nulls.labels.p": 0.1,
        "nulls.strata.p": 0.2,
        "layers.rank": [1.0, 2.0],
        "layers.rows": [5, 5],
        "trend": None,
    }
    assert facts_of({"one": record}, "of")["of.one.nulls.labels.p"] == 0.1


def test_a_record_of_an_analysis_makes_facts() -> None:
    vectors = np.random.default_rng(0).standard_normal((3, 20, 4))
    told = Described(CURVE, facts_of(layer_spectra(vectors, [f"G{i}" for i in range(20)], shuffles=2)), "Seen.").facts
    assert len(told["present.k90"]) == 3 and told["effective_rank.spearman.n"] == 3


FEW = {"draws": 9}
PICKING: dict[str, dict[str, Any]] = {
    "geometry.co_pole": FEW,
    "geometry.compartment_progression": FEW,
    "geometry.edge_recovery": FEW,
    "geometry.similarity_residuals": FEW,
    "geometry.gene_class": {"draws": 3},
    "geometry.depth_signals": {"draws": 3, "edge_draws": 9},
    "geometry.lineage_convergence": {"followed": ["T0", "T1"]},
    "attention.edge_recovery": {"shuffles": 2, "rewirings": 4},
}
"""Descriptions whose sentence is about one of several references, or genes, with parameters that take no time."""


def picking_from(known: Description) -> Subject:
    """Return a planted world whose edges, or genes, are told by two references."""
    world = plant(1, edges=0.7)
    if known.references == "sets":
        held = [reference("set", world.genes[first : first + 20], f"set_{first}") for first in (0, 20)]
    else:
        held = [reference("regulon", world.edges[first::2], f"half_{first}") for first in (0, 1)]
    n = len(world.genes)
    return subject(
        world.vectors[:2], world.genes, *held, statistics=world.statistics, coexpression=world.coexpression,
        attention=np.random.default_rng(0).random((1, 2, n, n)),
    )  # fmt: skip


@pytest.mark.parametrize("name", PICKING)
def test_a_sentence_is_about_what_was_picked_in_the_model_beside_it_where_that_is_said(name: str) -> None:
    known = get_description(name)
    params, read = known.parsed(PICKING[name]), picking_from(known)
    own = known.run(read, params)
    two = PICKING[name]["followed"] if name == "geometry.lineage_convergence" else [item.id for item in read.references]
    picked = own.facts[ABOUT]
    (other,) = set(two) - {picked}
    beside = known.run(replace(read, about=other), params)
    assert beside.sentence.startswith(f"{other!r}, which was picked of 2 ")
    # The sentence is another one, and what was found is the same.
    assert beside.facts == {**own.facts, ABOUT: other}
    assert beside.measurement.to_bytes() == own.measurement.to_bytes()
    assert known.run(replace(read, about="nobody"), params).sentence == own.sentence
