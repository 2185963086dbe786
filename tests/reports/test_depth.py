"""Places in words sort as they follow one another in a model; every place of the closed list has its depth."""

from __future__ import annotations

import pytest

from theodolite.claims import Locus, LocusKind
from theodolite.reports.depth import ANY, ELSEWHERE, READ_OUT, depth_of, level_title
from theodolite.tools import ModelShape, tools

IN_ORDER = [
    Locus(kind=LocusKind.AXIS, layer=0, index=(2,)),
    Locus(kind=LocusKind.WINDOW, layer=0, index=(1, 3)),
    Locus(kind=LocusKind.LAYER, layer=2),
    Locus(kind=LocusKind.MLP, layer=2),
    Locus(kind=LocusKind.HEAD, layer=2, index=(3,)),
    Locus(kind=LocusKind.HEAD, layer=2, index=(11,)),
    Locus(kind=LocusKind.FEATURE, layer=2, index=(7,)),
    Locus(kind=LocusKind.SPAN, layer=2, index=(4,)),
    Locus(kind=LocusKind.BOUNDARY, layer=2),
    Locus(kind=LocusKind.LAYER, layer=10),
    Locus(kind=LocusKind.READ_OUT_AXIS, index=(1,)),
    Locus(kind=LocusKind.READ_OUT_AXIS, index=(12,)),
    Locus(kind=LocusKind.READ_OUT_WINDOW, index=(1, 3)),
    Locus(kind=LocusKind.ANY),
]


def test_places_sort_by_depth_and_by_number() -> None:
    words = [str(locus) for locus in IN_ORDER]
    assert sorted(set(words), key=lambda locus: depth_of(locus).order) == words
    assert {locus.kind for locus in IN_ORDER} == set(LocusKind)


def test_the_level_of_a_place_is_the_layer_that_the_ledger_filters_by() -> None:
    for locus in IN_ORDER:
        if locus.layer is not None:
            assert depth_of(str(locus)).level == str(locus.layer)
    assert depth_of("read-out axes 4-6").level == READ_OUT
    assert depth_of("any place").level == ANY


def test_every_place_of_every_instrument_has_a_level() -> None:
    for tool in tools():
        for params in tool.params.enumerate(ModelShape(3, 2)):
            assert depth_of(str(params.locus())).level != ELSEWHERE, params


@pytest.mark.parametrize("odd", ["", "nowhere", "layer", "layer -1", "\0", "layer ٣", "layer 3\nhead 2"])
def test_other_names_lie_elsewhere(odd: str) -> None:
    assert depth_of(odd).level in (ELSEWHERE, "3")


def test_a_layer_of_many_digits_is_no_trouble() -> None:
    assert depth_of(f"layer {'9' * 5000} head 1").order[0] < 2**31


def test_levels_are_named() -> None:
    assert [level_title(level) for level in ("0", "3", READ_OUT, ANY, ELSEWHERE)] == [
        "Layer 0 (embedding)", "Layer 3", "Read-out", "Any place", "Other places",
    ]  # fmt: skip
