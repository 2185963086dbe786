"""Collections that are asked for in order again and again agree with ones that are made anew."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from theodolite.store.ordered import InOrder, WordCounts

NUMBERS = st.integers(0, 6)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1, -1]))))
def test_words_that_were_counted_are_given_sorted(changes: list[tuple[str, int]]) -> None:
    words, counts = WordCounts(), Counter[str]()
    for word, times in changes:
        if counts[word] + times >= 0:
            words.add(word, times)
            counts[word] += times
        assert words.all() == tuple(sorted(word for word, count in counts.items() if count))
        assert (word in words) == (counts[word] > 0)


@given(st.lists(st.tuples(NUMBERS, st.booleans(), st.booleans())))
def test_items_are_given_by_number_however_they_came(changes: list[tuple[int, bool, bool]]) -> None:
    items, known = InOrder[str](), dict[int, str]()
    for turn, (number, put, ask) in enumerate(changes):
        if put:
            items.put(number, f"{number} {turn}")
            known[number] = f"{number} {turn}"
        else:
            assert items.drop(number) == known.pop(number, None)
        assert (number in items) == (number in known)
        if ask:
            assert items.all() == tuple(known[number] for number in sorted(known))
    assert items.all() == tuple(known[number] for number in sorted(known))
