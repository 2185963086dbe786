"""The closed list of places of an instrument."""

from __future__ import annotations

import pytest

from theodolite.claims import Locus, LocusKind
from theodolite.tools import ModelShape, ToolError, closed_list, closed_list_defect, tools

SHAPE = ModelShape(n_layers=3, n_heads=2, read_out=True)
OF_GENES = [tool for tool in tools() if not tool.relation.of_cells]
"""Of anchors a search names the place, and tries several fitters at each."""


@pytest.mark.parametrize("tool", OF_GENES, ids=lambda tool: tool.name)
def test_every_tool_lists_each_of_its_places_once_and_in_its_order(tool) -> None:
    places = closed_list(tool, SHAPE)
    admitted = list(tool.params.enumerate(SHAPE))
    assert [place.locus for place in places.listed] == [params.locus() for params in admitted]
    assert [tool.params(**place.params) for place in places.listed] == admitted
    assert len({str(place.locus) for place in places.listed}) == len(admitted), "measurements are named by them"
    assert closed_list_defect(tool, places) is None


@pytest.mark.parametrize("tool", OF_GENES, ids=lambda tool: tool.name)
def test_another_list_is_a_defect(tool) -> None:
    places = closed_list(tool, SHAPE)
    strange = places.listed[0].model_copy(update={"locus": Locus(kind=LocusKind.LAYER, layer=99)})
    for listed, words in (
        (places.listed[1:], "1 are missing"),
        ((*places.listed, strange), "1 are not the tool's"),
        ((strange, *places.listed[1:]), "layer 99"),
        (tuple(reversed(places.listed)), "order or number"),
    ):
        assert words in (closed_list_defect(tool, places.model_copy(update={"listed": listed})) or "")


def test_the_list_is_that_of_the_size_that_the_plan_names() -> None:
    tool = tools()[0]
    small = closed_list(tool, SHAPE)
    claimed = small.model_copy(update={"n_layers": 4})
    assert "are missing" in (closed_list_defect(tool, claimed) or "")
    assert closed_list_defect(tool, None) == "the claim is about any place and the plan lists none"


def test_an_instrument_with_one_place_has_no_largest() -> None:
    class Single:
        @staticmethod
        def enumerate(shape):
            return iter(list(tools()[0].params.enumerate(shape))[:1])

    single = type("Tool", (), {"name": "single", "params": Single})()
    with pytest.raises(ToolError, match="a claim about any place needs two"):
        closed_list(single, SHAPE)
    assert "needs two" in (closed_list_defect(single, closed_list(tools()[0], SHAPE)) or "")
