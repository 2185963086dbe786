"""Pages of hypotheses are those that going through all of them gives, in every order, from both ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from large_ledgers import COMMON, HALF, RARE, make_large_ledger

from theodolite.store import (
    CHOICES,
    SORTS,
    Count,
    Cursor,
    Find,
    Ledger,
    LedgerQueryError,
    choices,
    count_found,
    find,
    gate_rows,
    hypothesis_rows,
    neighbours,
    slot_id,
)
from theodolite.store import finding as finding_module
from theodolite.store import found_sets as sets_module

COLUMNS = {"cells": "context", "block": "block_id"}
TEXTS = ("claim_text", "rationale", "reference", "object", "failure_reason", "next_step", "refusal_reason")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "ledger.sqlite"
    make_large_ledger(path, 240, seed=3)
    with Ledger.open(path, read_only=True) as ledger:
        unmet = {}
        for gate in gate_rows(ledger):
            if gate.passed is False:
                unmet.setdefault(gate.subject, set()).add(gate.gate)
        yield ledger, hypothesis_rows(ledger), unmet


def wanted(rows, unmet, what: Find):
    """The oracle: what a filter leaves of rows."""

    def fits(row):
        for name, value in what.given().items():
            if name == "tag":
                fit = value in row.tags
            elif name == "unmet":
                fit = value in unmet.get(row.subject, ())
            elif name == "cost_from":
                fit = row.cost is not None and row.cost >= value
            elif name == "cost_to":
                fit = row.cost is not None and row.cost <= value
            elif name == "since":
                fit = row.proposed_at >= value
            elif name == "until":
                fit = row.proposed_at[: len(value)] <= value
            elif name == "text":
                said = " ".join(getattr(row, text) or "" for text in TEXTS).lower().replace("_", " ")
                fit = all(word in said.replace(".", " ").split() for word in value.lower().split())
            else:
                fit = getattr(row, COLUMNS.get(name, name)) == value
            if not fit:
                return False
        return True

    return [row for row in rows if fits(row)]


def ordered(rows, sort, descending):
    column = SORTS[sort]
    valued = [row for row in rows if getattr(row, column) is not None]
    return [
        *sorted(valued, key=lambda row: (getattr(row, column), row.seq), reverse=descending),
        *sorted((row for row in rows if row not in valued), key=lambda row: row.seq, reverse=descending),
    ]


def pages(ledger, what, limit, **order):
    """All pages from the first on, and then back from the last one."""
    forward, page = [], find(ledger, what, limit=limit, **order)
    while True:
        forward.append(page.rows)
        if page.next is None:
            break
        page = find(ledger, what, limit=limit, cursor=page.next, **order)
    back = []
    while True:
        back.insert(0, page.rows)
        if page.previous is None:
            break
        page = find(ledger, what, limit=limit, cursor=page.previous, backwards=True, **order)
    return [row for rows in forward for row in rows], [row for rows in back for row in rows]


@st.composite
def filters(draw, rows, unmet):
    """A filter of values that occur, which may or may not come together."""
    of = st.sampled_from(rows)
    fields = draw(st.lists(st.sampled_from([*CHOICES, "layer", "block", "cost", "dates", "text"]), max_size=3))
    given: dict = {}
    for field in fields:
        row = draw(of)
        if field == "tag":
            given["tag"] = draw(st.sampled_from(["[one block]", "[these cells]", "[reused hold-out]", "[never]"]))
        elif field == "unmet":
            given["unmet"] = draw(st.sampled_from(["G2", "G5", "G11", "G99"]))
        elif field == "cost":
            given["cost_from" if draw(st.booleans()) else "cost_to"] = row.cost or 0.02
        elif field == "dates":
            whole = draw(st.booleans())
            name = "since" if draw(st.booleans()) else "until"
            given[name] = row.proposed_at[:10] if whole else row.proposed_at
        elif field == "text":
            said = f"{row.claim_text} {row.rationale} {row.refusal_reason or ''}".replace("_", " ").replace(".", " ")
            words = [word for word in said.split() if word.isalnum()]
            given["text"] = " ".join(draw(st.lists(st.sampled_from([*words, HALF, RARE, "nowhere"]), max_size=3)))
        else:
            given[field] = getattr(row, COLUMNS.get(field, field))
    return Find(**given)


@settings(max_examples=40)
@given(data=st.data())
@pytest.mark.parametrize("small", [True, False], ids=["small sets", "large sets"])
def test_pages_counts_and_neighbours_are_those_of_all_rows(large, small, data):
    ledger, rows, unmet = large
    what = data.draw(filters(rows, unmet))
    order = {"sort": data.draw(st.sampled_from(list(SORTS))), "descending": data.draw(st.booleans())}
    with pytest.MonkeyPatch.context() as patched:
        if not small:  # as where no set is small: everything is walked
            patched.setattr(sets_module, "SMALL", 3)
            patched.setattr(finding_module, "_SORTED", 3)
            patched.setattr(finding_module, "_NEAR", 20)
        expected = ordered(wanted(rows, unmet, what), **order)
        forward, back = pages(ledger, what, data.draw(st.sampled_from([1, 7, 50, 500])), **order)
        assert forward == back == expected
        assert count_found(ledger, what) == (len(expected), False)
        most = data.draw(st.integers(0, 20))
        number, more = count_found(ledger, what, most)
        assert number == (min(most, len(expected)) if more else len(expected))
        if expected:
            at = data.draw(st.integers(0, len(expected) - 1))
            names = [None, *(row.subject for row in expected), None]
            found = neighbours(ledger, what, expected[at].subject, **order)
            assert found == (names[at], names[at + 2])


def test_the_last_page_is_found_from_the_end(large):
    ledger, rows, _ = large
    page = find(ledger, Find(), backwards=True, limit=10)
    assert [row.seq for row in page.rows] == [row.seq for row in reversed(rows[:10])]
    assert page.next is None
    assert find(ledger, Find(), cursor=page.previous, backwards=True, limit=10).rows[-1].seq == rows[10].seq


def test_neighbours_of_a_slot_that_the_filter_leaves_out_are_around_its_place(large):
    ledger, rows, _ = large
    at, here = next((at, row) for at, row in enumerate(rows) if at > 50 and row.family == "geometry")
    before = [row.subject for row in rows[:at] if row.family == "attention"]
    after = [row.subject for row in rows[at:] if row.family == "attention"]
    found = neighbours(ledger, Find(family="attention"), here.subject, descending=False)
    assert found == (before[-1], after[0])
    with pytest.raises(LedgerQueryError, match="holds no slot 'nobody'"):
        neighbours(ledger, Find(), "nobody")


@pytest.mark.parametrize(
    "text",
    [
        '"', '""', '"unbalanced', "*", "gen*", "NEAR(genes attention)", "genes AND attention", "genes OR", "NOT",
        "^genes", "claim_text:genes", "-genes", "+genes", "(", "{genes}", "genes\0attention", "\0",
        "'; DROP TABLE entry; --",
        "\ud800", "é", "_", "%", "genes " * 200, "🧬", "a" * 10_000, "rationale : genes", "genes\\", "<>", "::",
    ],
)  # fmt: skip
def test_no_text_is_a_query(large, text):
    ledger, rows, _ = large
    page = find(ledger, Find(text=text))
    count_found(ledger, Find(text=text, family="geometry"))
    find(ledger, Find(text=text, outcome="inconclusive"), sort="effect")
    if not any(sign.isalnum() for sign in text):
        assert len(page.rows) == 50, "without a word nothing is looked for"
    assert count_found(ledger, Find()).number == len(rows)


@given(st.text())
def test_any_text_is_harmless(large, text):
    find(large[0], Find(text=text))


def test_operators_are_words(large):
    ledger, rows, _ = large
    both = count_found(ledger, Find(text=f"{COMMON} {HALF}"))
    assert both == count_found(ledger, Find(text=f"{HALF.upper()}  {COMMON}\t"))
    assert 0 < both.number < len(rows)
    assert count_found(ledger, Find(text=f"{COMMON} AND {HALF}")).number == 0, "no text says and"
    assert count_found(ledger, Find(text=f"{COMMON[:-1]}*")).number == 0, "no sign has a meaning"


def test_too_many_words_are_refused_by_name(large):
    with pytest.raises(LedgerQueryError, match="60 words are looked for; give 50 at most"):
        find(large[0], Find(text=" ".join(f"word{number}" for number in range(60))))


@pytest.mark.parametrize("text", ["x", "ä", "e30", "AAAA", "=" * 5, "W10", " ", "\0", "a b"])
def test_a_damaged_cursor_says_what_to_do(large, text):
    with pytest.raises(LedgerQueryError, match="is damaged .*; leave it out to begin at the first page"):
        find(large[0], Find(), cursor=text)


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_cursor_with_any_sign_changed_is_damaged(large, place, change):
    text = find(large[0], Find(), sort="effect").next
    place %= len(text)
    changed = text[:place] + chr((ord(text[place]) + change) % 256) + text[place + 1 :]
    try:
        found = Cursor.read(changed, "effect", descending=True)
    except LedgerQueryError:
        return
    assert found == Cursor.read(text, "effect", descending=True), "another spelling of the same bytes"


def test_a_cursor_of_another_order_is_refused(large):
    cursor = find(large[0], Find(), sort="effect").next
    with pytest.raises(LedgerQueryError, match="is of the order 'effect', descending True, not of 'p'"):
        find(large[0], Find(), sort="p", cursor=cursor)
    with pytest.raises(LedgerQueryError, match="not of 'effect', descending False"):
        find(large[0], Find(), sort="effect", descending=False, cursor=cursor)


@pytest.mark.parametrize(
    ("what", "options", "message"),
    [
        (Find(since="yesterday"), {}, "'yesterday' is no date .*; write 2026-03-01"),
        (Find(until="2026-13-01"), {}, "is no date"),
        (Find(since="0001-01-01T00:00:00+23:00"), {}, "is no date"),
        (Find(layer=2**70), {}, "there is no layer"),
        (Find(), {"sort": "taste"}, "not sorted by 'taste'; sort them by one of proposed, decided, effect"),
        (Find(), {"limit": 0}, "a page of 0 rows"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(large, what, options, message):
    with pytest.raises(LedgerQueryError, match=message):
        find(large[0], what, **options)


def test_days_are_whole_and_in_utc(told):
    moments = [datetime(2026, 3, 1, 23, 59, 59, 999999), datetime(2026, 3, 2), datetime(2026, 3, 2, 12)]
    with proposed_at(told, moments) as ledger:
        on = [count_found(ledger, Find(since=day, until=day)).number for day in ("2026-03-01", "2026-03-02")]
        assert on == [1, 2]
        assert count_found(ledger, Find(since="2026-03-02T13:00:00+01:00")).number == 1
        assert count_found(ledger, Find(until="2026-03-02T00:00")).number == 2
        assert count_found(ledger, Find(since="2026-03-03")) == Count(0, False)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(0, 5), st.integers(0, 5))
def test_a_clock_that_was_set_back_loses_no_row(told, days, first, last):
    moments = [datetime(2026, 3, 1, 12) + timedelta(days=days_on) for days_on in days]
    since, until = (str(date(2026, 3, 1) + timedelta(days=days_on)) for days_on in (first, last))
    with proposed_at(told, moments) as ledger:
        expected = [slot_id(told.CAMPAIGN, 1, n) for n, day in enumerate(days, start=1) if first <= day <= last]
        for sort in ("proposed", "effect"):
            page = find(ledger, Find(since=since, until=until), descending=False, sort=sort)
            assert [row.subject for row in page.rows] == expected
        assert count_found(ledger, Find(since=since, until=until)) == (len(expected), False)
        assert count_found(ledger, Find(since=since, until=until, layer=3)) == (len(expected), False)


def proposed_at(told, moments):
    """A ledger with a hypothesis of each moment."""
    now = moments[0]
    ledger = Ledger.in_memory(clock=lambda: now.replace(tzinfo=UTC))
    story = told.Story(ledger).begin()
    for slot, now in enumerate(moments, start=1):  # noqa: B007  the clock reads it
        story.propose(1, slot, told.Outcome(locus=slot))
    return ledger


def test_every_value_of_a_menu_finds_as_many_as_it_says(large):
    ledger, rows, unmet = large
    for field in CHOICES:
        for value, number in choices(ledger, field).items():
            assert number == len(wanted(rows, unmet, Find(**{field: value}))), (field, value)
