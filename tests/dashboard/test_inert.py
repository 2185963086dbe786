"""Foreign text changes nothing around it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from theodolite.dashboard.inert import inert, shortened


def test_marks_of_direction_and_controls_are_spelled_out() -> None:
    assert inert("a\u202eb\x00c") == "a⟨RLO⟩b␀c"


def test_lines_tabs_letters_and_mark_up_of_ours_stay() -> None:
    assert inert("é\n\tשלום") == "é\n\tשלום"
    assert inert(Markup("<b>\u200e</b>")) == Markup("<b>\u200e</b>")
    assert inert(3) == 3


@given(st.text())
def test_nothing_unseen_is_left(text: str) -> None:
    left = inert(text)
    assert all(character in "\n\t" or character.isprintable() or character.isspace() for character in left)
    assert not set(left) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\x00")


def test_long_names_are_cut() -> None:
    assert shortened("x" * 10_000, 20) == "x" * 19 + "…"
