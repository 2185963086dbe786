from __future__ import annotations

from collections import Counter
from itertools import permutations

from theodolite.data.seeded import seeded_bits, stable_permutation


def test_the_stream_is_pinned() -> None:
    assert stable_permutation(seeded_bits(1, 1), 8).tolist() == [5, 6, 3, 0, 7, 2, 1, 4]


def test_every_order_is_equally_likely() -> None:
    bits = seeded_bits(0, 1)
    seen = Counter(tuple(stable_permutation(bits, 3).tolist()) for _ in range(6000))
    assert set(seen) == set(permutations(range(3)))
    # Binomial(6000, 1/6): standard deviation 29.
    assert all(abs(count - 1000) < 150 for count in seen.values())


def test_purposes_under_one_seed_have_streams_of_their_own() -> None:
    orders = [tuple(stable_permutation(seeded_bits(1, stream), 50).tolist()) for stream in range(1, 5)]
    assert len(set(orders)) == 4
