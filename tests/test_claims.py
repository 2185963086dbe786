"""Identity: what makes two claims the same, and what never does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from theodolite.canonical import digest
from theodolite.claims import (
    Author,
    Claim,
    Covariate,
    Direction,
    Hypothesis,
    Locus,
    LocusKind,
    Named,
    Relation,
    Verdict,
)


def named(name: str) -> Named:
    return Named(name=name, sha256=digest(name))


def claim(**changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "object": "axis_coordinate",
        "relation": Relation.SEPARATES,
        "reference": named("secreted"),
        "model": named("compact"),
        "context": named("pbmc"),
        "adjustment": (Covariate.DROPOUT, Covariate.MEAN),
    }
    return Claim(**(fields | changes))


def hypothesis(**changes: Any) -> Hypothesis:
    fields: dict[str, Any] = {
        "claim": claim(),
        "locus": Locus(kind=LocusKind.AXIS, layer=2, index=(1,)),
        "direction": Direction.GREATER,
        "tool": "geometry.axis_separation@1",
        "rationale": "the axis separates them on discovery genes",
        "parents": ("look-1",),
    }
    return Hypothesis(**(fields | changes))


def test_names_are_for_people_and_hashes_are_the_identity() -> None:
    renamed = Named(name="another-name", sha256=digest("secreted"))
    assert claim(reference=renamed).key == claim().key
    changed = Named(name="secreted", sha256=digest("secreted, one gene more"))
    assert claim(reference=changed).key != claim().key


@pytest.mark.parametrize(
    "change",
    [
        {"object": "attention_weight"},
        {"relation": Relation.RANKS_ABOVE},
        {"reference": named("cytosolic")},
        {"model": named("larger")},
        {"context": named("marrow")},
        {"adjustment": (Covariate.MEAN,)},
        {"adjustment": ()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_the_typed_tuple_counts(change: dict[str, Any]) -> None:
    assert claim(**change).key != claim().key


@given(
    direction=st.sampled_from(Direction),
    rationale=st.text(max_size=200),
    version=st.integers(1, 99),
    parents=st.lists(st.text(min_size=1, max_size=8), max_size=3).map(tuple),
    author=st.sampled_from(Author),
)
def test_a_paraphrase_is_never_a_new_hypothesis(
    direction: Direction, rationale: str, version: int, parents: tuple[str, ...], author: Author
) -> None:
    other = hypothesis(
        direction=direction,
        rationale=rationale,
        tool=f"geometry.axis_separation@{version}",
        parents=parents,
        author=author,
    )
    assert other.id == hypothesis().id
    assert other.claim.key == hypothesis().claim.key


def test_another_place_in_the_model_is_another_hypothesis_of_the_same_claim() -> None:
    elsewhere = hypothesis(locus=Locus(kind=LocusKind.AXIS, layer=2, index=(2,)))
    assert elsewhere.id != hypothesis().id
    assert elsewhere.claim.key == hypothesis().claim.key


@given(st.sets(st.sampled_from(Covariate)))
def test_adjustment_has_one_spelling(chosen: set[Covariate]) -> None:
    assert claim(adjustment=tuple(sorted(chosen))).adjustment == tuple(sorted(chosen))
    if len(chosen) > 1:
        with pytest.raises(ValidationError, match="sorted and free of repeats"):
            claim(adjustment=tuple(sorted(chosen, reverse=True)))


def test_a_repeated_covariate_is_refused() -> None:
    with pytest.raises(ValidationError, match="free of repeats"):
        claim(adjustment=(Covariate.MEAN, Covariate.MEAN))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "any"}, "any place"),
        ({"kind": "layer", "layer": 0}, "layer 0"),
        ({"kind": "head", "layer": 3, "index": (2,)}, "layer 3 head 2"),
        ({"kind": "axis", "layer": 0, "index": (6,)}, "layer 0 axis 6"),
        ({"kind": "window", "layer": 1, "index": (1, 3)}, "layer 1 axes 1-3"),
        ({"kind": "read_out_axis", "index": (2,)}, "read-out axis 2"),
        ({"kind": "read_out_window", "index": (4, 6)}, "read-out axes 4-6"),
    ],
)
def test_places_of_the_closed_list(fields: dict[str, Any], words: str) -> None:
    assert str(Locus(**fields)) == words


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"kind": "any", "layer": 1}, "'any' has no layer"),
        ({"kind": "layer"}, "'layer' needs a layer"),
        ({"kind": "axis", "index": (1,)}, "'axis' needs a layer"),
        ({"kind": "read_out_axis", "layer": 3, "index": (1,)}, "'read_out_axis' has no layer"),
        ({"kind": "read_out_window"}, "has 2 indices"),
        ({"kind": "layer", "layer": -1}, "counted from 0"),
        ({"kind": "axis", "layer": 1}, "has 1 indices"),
        ({"kind": "head", "layer": 1, "index": (0,)}, "counted from 1"),
        ({"kind": "window", "layer": 1, "index": (3, 1)}, "ascend"),
        ({"kind": "window", "layer": 1, "index": (1,)}, "has 2 indices"),
        ({"kind": "neuron", "layer": 1}, "'any', 'layer', 'head', 'mlp', 'axis'"),
    ],
)
def test_no_other_place_exists(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Locus(**fields)


@pytest.mark.parametrize("value", ["", "not a name", "-dash", "x" * 81])
def test_a_name_is_short_and_plain(value: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        Named(name=value, sha256="0" * 64)


@pytest.mark.parametrize("value", ["", "0" * 63, "A" * 64, "g" * 64])
def test_a_hash_is_64_hexadecimal_digits(value: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        Named(name="x", sha256=value)


def test_records_are_closed_and_frozen() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        claim(metric="accuracy")
    with pytest.raises(ValidationError, match="frozen"):
        claim().object = "other"  # type: ignore[misc]


def test_a_rationale_is_a_sentence_not_a_book() -> None:
    with pytest.raises(ValidationError, match="at most 2000"):
        hypothesis(rationale="x" * 2001)


def test_verdicts_are_ordered_as_results() -> None:
    ranks = {verdict: verdict.rank for verdict in Verdict}
    assert ranks[Verdict.SUPPORTED] == ranks[Verdict.REFUTED] > ranks[Verdict.INCONCLUSIVE] > ranks[Verdict.INVALID]
