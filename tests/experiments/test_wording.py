"""Claims in words: a place that is left open is named nowhere."""

from __future__ import annotations

import pytest

from theodolite.claims import Claim, Direction, Locus, LocusKind, Named, Relation
from theodolite.experiments.wording import claim_text
from theodolite.tools import tools

ANY = Locus(kind=LocusKind.ANY)


def claim(name: str, relation: Relation) -> Claim:
    thing = Named(name="thing", sha256="0" * 64)
    return Claim(object=name, relation=relation, reference=thing, model=thing, context=thing)


@pytest.mark.parametrize("tool", tools(), ids=lambda tool: tool.name)
def test_any_place_is_somewhere_in_the_model(tool) -> None:
    words = claim_text(claim(tool.object, tool.relation), ANY, Direction.GREATER, "T lineage")
    assert words.startswith("\u201cT lineage\u201d: ")
    assert words.endswith("somewhere in the model")
    assert not any(character.isdigit() for character in words)


def test_the_end_of_the_axis_stays_part_of_the_claim() -> None:
    of_axis = claim("axis_coordinate", Relation.SEPARATES)
    assert "lower end of an axis" in claim_text(of_axis, ANY, Direction.LESS, "x")
    assert "upper end of an axis" in claim_text(of_axis, ANY, Direction.GREATER, "x")
    here = Locus(kind=LocusKind.AXIS, layer=2, index=(3,))
    assert claim_text(of_axis, here, Direction.LESS, "x").endswith("lower end of axis 3 after block 2")


def test_a_claim_of_depth_names_what_is_compared() -> None:
    rises = claim("attention_weight", Relation.CHANGES_WITH_DEPTH)
    span = Locus(kind=LocusKind.SPAN, layer=1, index=(4,))
    assert claim_text(rises, span, Direction.LESS, "x") == (
        "\u201cx\u201d: attention between its genes falls over layers 1 to 4 more than that of other pairs"
    )
    peaks = claim("regulator_proximity", Relation.PEAKS_EARLIER)
    boundary = Locus(kind=LocusKind.BOUNDARY, layer=2)
    assert "peaks in layers up to 2" in claim_text(peaks, boundary, Direction.GREATER, "x")
    assert "peaks in the layers after 2" in claim_text(peaks, boundary, Direction.LESS, "x")
    assert "peaks later" in claim_text(peaks, ANY, Direction.LESS, "x")


def test_a_claim_of_no_change_has_no_direction() -> None:
    stable = claim("attention_weight", Relation.STABLE_WITH_DEPTH)
    span = Locus(kind=LocusKind.SPAN, layer=1, index=(4,))
    words = claim_text(stable, span, Direction.GREATER, "x")
    assert words == (
        "\u201cx\u201d: attention between its genes neither rises nor falls notably more than that of other pairs, "
        "over layers 1 to 4"
    )
    assert words == claim_text(stable, span, Direction.LESS, "x")
