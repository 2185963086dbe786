"""Values fall into fixed bins of a quarter of an octave, and each active feature of a row into one of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from theodolite.saes import Codes
from theodolite.saes.histograms import VALUE_EDGES, count_values


def codes(rows: list[dict[int, float]], features: int) -> Codes:
    return Codes(
        start=np.cumsum([0, *(len(row) for row in rows)]),
        feature=np.array([each for row in rows for each in sorted(row)], dtype=np.int32),
        value=np.array([row[each] for row in rows for each in sorted(row)], dtype=np.float32),
        features=features,
    )


def test_edges_are_quarters_of_octaves() -> None:
    assert VALUE_EDGES[0] == 2.0**-12 and VALUE_EDGES[-1] == 2.0**12 and len(VALUE_EDGES) == 97
    np.testing.assert_allclose(VALUE_EDGES[1:] / VALUE_EDGES[:-1], 2.0**0.25)


def test_a_value_is_in_the_bin_that_begins_at_it_and_what_is_beyond_is_in_the_last() -> None:
    found = count_values(codes([{0: 1.0, 2: 1.18}, {0: 1.2}, {2: 1e-9}, {2: 1e9}, {}], 3))
    at = VALUE_EDGES.tolist().index(1.0)
    assert found.shape == (3, 96)
    assert {(int(row), int(place)): int(found[row, place]) for row, place in np.argwhere(found)} == {
        (0, at): 1, (0, at + 1): 1, (2, at): 1, (2, 0): 1, (2, 95): 1,
    }  # fmt: skip


ROWS = st.lists(st.dictionaries(st.integers(0, 4), st.floats(1e-6, 1e6), max_size=5), max_size=20)


@given(ROWS)
def test_counts_are_those_of_active_rows_and_of_a_plain_loop(rows: list[dict[int, float]]) -> None:
    found, given_codes = count_values(codes(rows, 5)), codes(rows, 5)
    np.testing.assert_array_equal(found.sum(axis=1), given_codes.active_rows())
    wanted = np.zeros_like(found)
    for feature, value in zip(given_codes.feature.tolist(), given_codes.value.tolist(), strict=True):
        wanted[feature, min(max(sum(edge <= value for edge in VALUE_EDGES) - 1, 0), 95)] += 1
    np.testing.assert_array_equal(found, wanted)
