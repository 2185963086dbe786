"""A ruler as a reference: a metric between anchors, with a content hash and a document of its own."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.data import CellSet, Reference
from theodolite.data.rulers import Ruler, RulerItem, anchor_table, make_ruler
from theodolite.sources import Source

numbers = st.floats(-1e4, 1e4).map(lambda value: round(value, 3))
BLOOD = {"a": "megakaryocyte", "b": "monocyte", "c": "reticulocyte"}
MUSCLE = {"a": "myoblast", "b": "myotube", "c": "quiescent satellite cell"}
items = st.sampled_from(
    [
        RulerItem(id="graph", graph="hematopoiesis", stages=BLOOD),
        RulerItem(id="roots", graph="myogenesis", stages=MUSCLE, lengths="sqrt_hops"),
        RulerItem(id="rank", rank={"a": -1.0, "b": 2.0, "c": 0.3}),
        RulerItem(id="column", column="x"),
        RulerItem(id="space", spatial=("x", "y")),
        RulerItem(id="mixture", mixture=("p", "q", "r")),
        RulerItem(id="cycle", cycle=("a", "b", "c", "d", "e")),
        RulerItem(id="program", program=("G1", "G2")),
    ]
)


@st.composite
def rulers(draw: st.DrawFn) -> Ruler:
    """Rulers of every way on three stages or more, with drawn numbers."""
    item = draw(items)
    stages = ["a", "b", "c", *draw(st.lists(st.sampled_from("abc"), max_size=9))]
    n = len(stages)
    seed = np.random.default_rng(draw(st.integers(0, 2**32)))
    shares = seed.dirichlet([0.3] * 3, n).round(4)
    columns = {"x": draw(st.lists(numbers, min_size=n, max_size=n)), "y": seed.normal(0, 10, n).tolist()}
    columns |= {"p": shares[:, 0].tolist(), "q": shares[:, 1].tolist(), "r": shares[:, 2].tolist()}
    columns["x"][0] += 1.0 if len(set(columns["x"])) == 1 else 0.0
    labels = {name: [repr(value) for value in values] for name, values in columns.items()}
    labels |= {"stage": stages, "donor": [f"d{row}" for row in range(n)]}
    counts = seed.poisson(4.0, (n, 3)) + np.arange(1, n + 1)[:, None] * [0, 1, 2] + 1
    names = [f"c{row}" for row in range(n)]
    cells = CellSet.from_counts("s", counts, ["G1", "G2", "G3"], names, labels=labels, species="x", origin="test")
    branches = dict.fromkeys(stages, "b")
    return make_ruler(item, anchor_table(cells, stage="stage", donor="donor", branch_of=branches, least_cells=1), cells)


@settings(max_examples=150)
@given(ruler=rulers())
def test_every_ruler_is_a_metric(ruler: Ruler) -> None:
    anchors = [anchor for anchor, _ in ruler.members]
    matrix = ruler.between(anchors)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert not matrix.diagonal().any() and (matrix >= 0.0).all() and matrix.any()
    detour = (matrix[:, :, None] + matrix[None]).min(axis=1)
    # Rounding to nine decimals may lengthen one way and shorten another.
    assert (matrix <= detour + 2e-9).all()
    assert len(ruler.depths(anchors)) == len(anchors)


@settings(max_examples=60)
@given(ruler=rulers())
def test_a_ruler_comes_back_from_its_document_with_the_same_hash(ruler: Ruler) -> None:
    again = Ruler.from_document(ruler.id, json.loads(json.dumps(ruler.document)))
    assert again.sha256 == ruler.sha256 and again.document == ruler.document
    assert again.named == ruler.named


def known(**changes: object) -> Ruler:
    fields: dict[str, object] = {
        "id": "known",
        "title": "A ruler",
        "kind": "ruler",
        "members": (("d1|a", "a"), ("d1|b", "b"), ("d2|a", "a")),
        "definition": "by hand",
        "origins": (),
        "nodes": ("a", "b"),
        "distances": ((0.0, 2.0), (2.0, 0.0)),
        "depth": ("0", "1"),
    }
    return Ruler(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_hash_is_of_content_and_not_of_id_title_or_source() -> None:
    ruler = known()
    other_words = known(id="other", title="B", definition="c", origins=(Source(name="a book"),))
    assert other_words.sha256 == ruler.sha256
    assert known(members=ruler.members[::-1]).sha256 == ruler.sha256
    for changed in (
        known(depth=("0", "2")),
        known(distances=((0.0, 2.5), (2.5, 0.0))),
        known(members=ruler.members[:2]),
        known(members=(("d1|a", "b"), *ruler.members[1:])),
    ):
        assert changed.sha256 != ruler.sha256
    assert replace(ruler, id="again").sha256 == ruler.sha256


def test_references_of_other_kinds_keep_the_hashes_that_ledgers_know() -> None:
    genes = Reference("s", "S", "set", ("LYZ", "CD14"), "d", ())
    pairs = Reference("p", "P", "pairs", (("LYZ", "CD14"),), "d", ())
    regulon = Reference("r", "R", "regulon", (("SPI1", "LYZ"),), "d", ())
    assert [each.sha256[:12] for each in (genes, pairs, regulon)] == ["3d874a9503fb", "05651d034387", "cdc404d6d73f"]


def test_distances_and_depths_are_of_the_anchors_asked_for() -> None:
    ruler = known()
    np.testing.assert_array_equal(ruler.between(["d1|b", "d2|a"]), [[0, 2], [2, 0]])
    assert ruler.depths(["d1|b", "d2|a", "d1|a"]) == ("1", "0", "0")
    with pytest.raises(KeyError):
        ruler.between(["d9|a"])
    with pytest.raises(KeyError):
        ruler.depths(["d9|a"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"distances": ((0.0, 2.0), (1.0, 0.0))}, "symmetric matrix of finite numbers of 0 or more"),
        ({"distances": ((0.0, -2.0), (-2.0, 0.0))}, "0 or more"),
        ({"distances": ((0.0, np.nan), (np.nan, 0.0))}, "finite"),
        ({"distances": ((0.0,),)}, r"shape \(1, 1\) between 2 nodes"),
        ({"depth": ("0",)}, "a depth for each node"),
        ({"nodes": ("a", "a")}, "between 2 nodes"),
        ({"distances": ((1.0, 2.0), (2.0, 0.0))}, "a node lies at a distance from itself"),
        ({"members": (("d1|a", "c"), ("d1|b", "b"))}, "'c' is none of its nodes"),
        ({"members": (("d1|a", "a"), ("d1|a", "b"))}, "an anchor has two nodes"),
        ({"members": ()}, "no member"),
    ],
)
def test_what_is_no_ruler_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        known(**changes)


def test_a_document_that_was_changed_is_refused() -> None:
    document = json.loads(json.dumps(known().document))
    document["distances"][0][1] = document["distances"][1][0] = 3.0
    with pytest.raises(ValueError, match="ruler 'known' is not the one that its hash names"):
        Ruler.from_document("known", document)
