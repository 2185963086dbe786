"""Canonical JSON: one text for one record, and no number that a parser could alter."""

from __future__ import annotations

import hashlib
import json
import math
import random
from enum import Enum, StrEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.canonical import canonical_json, digest, sha256_bytes

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
RECORDS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


class Colour(StrEnum):
    RED = "red"


class Number(Enum):
    HALF = 0.5


def test_keys_are_sorted_and_there_is_no_white_space() -> None:
    assert canonical_json({"b": [1, 2], "a": {"d": None, "c": True}}) == '{"a":{"c":true,"d":null},"b":[1,2]}'


def test_a_float_is_the_text_of_its_shortest_decimal_so_that_no_parser_alters_it() -> None:
    assert canonical_json([0.1, 1e-300, 3.0]) == '["0.1","1e-300","3.0"]'


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back_bit_for_bit(value: float) -> None:
    (text,) = json.loads(canonical_json([value]))
    assert float(text) == value


def test_the_two_zeros_are_one_number() -> None:
    assert canonical_json(-0.0) == canonical_json(0.0) == '"0.0"'


def test_a_float_and_an_integer_of_the_same_size_differ() -> None:
    assert canonical_json(1.0) != canonical_json(1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_with_its_place(value: float) -> None:
    with pytest.raises(ValueError, match=r"\$\.gates\[1\]\.p is .*finite"):
        canonical_json({"gates": [{}, {"p": value}]})


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", np.float64(1.0).reshape(1), object(), np.int64(3)])
def test_other_types_are_refused_with_their_place(value: object) -> None:
    with pytest.raises(TypeError, match=r"\$\.inner is a "):
        canonical_json({"inner": value})


def test_a_key_must_be_text() -> None:
    with pytest.raises(TypeError, match="key 3"):
        canonical_json({3: "three"})


def test_unicode_is_written_as_itself_in_utf8() -> None:
    text = canonical_json({"gene": "β-actin", "note": "\u2028 and \U0001f9ec"})
    assert "β-actin" in text
    assert "\U0001f9ec" in text
    assert digest({"gene": "β"}) == hashlib.sha256('{"gene":"β"}'.encode()).hexdigest()


def test_an_enum_is_its_value_and_a_tuple_is_a_list() -> None:
    assert canonical_json((Colour.RED, Number.HALF)) == canonical_json(["red", 0.5])


@given(st.dictionaries(st.text(), RECORDS, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_keys_never_counts(record: dict[str, object], shuffled: random.Random) -> None:
    keys = list(record)
    shuffled.shuffle(keys)
    assert digest({key: record[key] for key in keys}) == digest(record)


@given(RECORDS, RECORDS)
def test_equal_texts_mean_equal_records(first: object, second: object) -> None:
    same = canonical_json(first) == canonical_json(second)
    # An independent oracle: JSON with floats spelled out as the same text.
    oracle = json.dumps(_spelled(first), sort_keys=True) == json.dumps(_spelled(second), sort_keys=True)
    assert same == oracle


def _spelled(value: object) -> object:
    match value:
        case bool() | None | str() | int():
            return value
        case float():
            return repr(0.0 if value == 0 else value)
        case list():
            return [_spelled(item) for item in value]
        case dict():
            return {key: _spelled(item) for key, item in value.items()}
    raise AssertionError(value)


@pytest.mark.parametrize("wrap", [list, tuple])
def test_lists_of_pairs_are_written_as_item_by_item(wrap: type) -> None:
    pairs = wrap([("A", "B"), ["C", None], (1, True)])
    assert canonical_json({"members": pairs}) == '{"members":[["A","B"],["C",null],[1,true]]}'
    # One number, or one list further down, and every item is looked at.
    assert canonical_json(wrap([("A", "B"), ("C", 0.5)])) == '[["A","B"],["C","0.5"]]'
    assert canonical_json(wrap([("A", ("B", 0.5)), ("C",)])) == '[["A",["B","0.5"]],["C"]]'
    with pytest.raises(TypeError, match=r"^\$\[1\]\[0\] is a bytes"):
        canonical_json(wrap([("A",), (b"B",)]))


def test_the_digest_is_sha256_of_the_text() -> None:
    assert digest({"a": 1}) == sha256_bytes(b'{"a":1}') == hashlib.sha256(b'{"a":1}').hexdigest()
