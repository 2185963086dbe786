"""What an instrument reads is found by trying it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import pytest
from pydantic import Field

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import GeneScores
from theodolite.tools import ModelShape, Tool, ToolError, ToolParams, Workbench, get_tool, tool, tools
from theodolite.tools.registry import _REGISTRY
from theodolite.tools.trying import READABLE, what_it_reads

SHAPE = ModelShape(3, 2, read_out=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("geometry.axis_separation", ("hidden", "axes")),
        ("geometry.pair_proximity", ("hidden", "axes")),
        ("geometry.regulator_proximity", ("hidden", "axes", "regulators")),
        ("attention.edges", ("attention",)),
        ("ablation.zero_ablation", ("ablated",)),
        ("attention.regulation", ("attention", "regulators")),
    ],
)
def test_built_in_instruments_read_what_their_families_do(name: str, expected: tuple[str, ...]) -> None:
    found = get_tool(name)
    assert what_it_reads(found, next(found.params.enumerate(SHAPE)), SHAPE) == expected
    assert set(expected) <= set(READABLE)


def test_every_built_in_instrument_can_be_tried_and_declares_axes_if_it_reads_them() -> None:
    for found in [item for item in tools() if item.built_in]:
        reads = what_it_reads(found, next(found.params.enumerate(SHAPE)), SHAPE)
        assert reads and ("axes" in reads) == ("axes" in found.fits)


class Nothing(ToolParams):
    """Parameters of a tool that fails."""

    layer: int = Field(default=0, description="layer")

    def locus(self) -> Locus:
        return Locus(kind=LocusKind.LAYER, layer=self.layer)

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        yield cls()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Tool:
    monkeypatch.setattr("theodolite.tools.registry._REGISTRY", dict(_REGISTRY))

    @tool(family="odd", shape=GeneScores, object="none", relation=Relation.SEPARATES, unit="none", version="1")
    def picky(bench: Workbench, params: Nothing) -> GeneScores:
        """Refuse what is no real model."""
        raise ToolError("give me a real model")

    return picky


def test_of_one_that_fails_on_random_numbers_nothing_is_said(failing: Tool) -> None:
    assert what_it_reads(failing, Nothing(), SHAPE) is None
