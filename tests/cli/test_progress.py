"""Without a terminal, progress is a few plain lines; nothing that lasts is silent."""

from __future__ import annotations

import re

import pytest

from theodolite.cli.progress import WORDS, CampaignProgress, counted, waiting
from theodolite.experiments import Event


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def told(capsys):
    clock = Clock()

    def tell(*events):
        """Tell events, each with the second at which it happens, and return the lines that were printed."""
        with CampaignProgress(clock) as progress:
            for at, event in events:
                clock.now = at
                progress(event)
        return capsys.readouterr().err.splitlines()

    return tell


def test_each_phase_is_announced_and_timed(told):
    lines = told(
        (0, Event("read the model", 0, 2)),
        (40, Event("read the model", 2, 2)),
        (40, Event("register", 0, 4)),
        (40.2, Event("register", 4, 4)),
    )
    assert lines == [
        f"  {WORDS['read the model']} ...",
        "    done in 40 s",
        f"  {WORDS['register']} ...",
    ]


def test_a_long_phase_says_how_far_it_is(told):
    lines = told(*((second, Event("measure", second, 60)) for second in range(61)))
    assert [line.strip() for line in lines[1:-1]] == [f"{n} of 60 after {n} s" for n in (15, 30, 45)]


def test_choosing_is_shown_although_it_reports_nothing(told):
    lines = told((0, Event("explore", 0, 5)), (3, Event("explore", 5, 5)), (50, Event("register", 0, 4)))
    assert f"  {WORDS['choose']} ..." in lines and "    done in 47 s" in lines


def test_later_rounds_announce_nothing_twice(told):
    one = [(0, Event("explore", 5, 5)), (0.1, Event("register", 4, 4)), (0.2, Event("measure", 4, 4))]
    assert len(told(*one, *one)) == 4


def test_nothing_but_plain_text(told):
    lines = told((0, Event("explore", 0, 5)), (20, Event("explore", 3, 5)), (30, Event("a new phase", 1, 1)))
    assert not re.search(r"[\x00-\x1f\x7f]", "".join(lines))
    assert "  a new phase ..." in lines


def test_waiting_and_counting_say_what_for(capsys):
    with waiting("Loading"):
        pass
    with counted("Training", 3) as update:
        for done in (1, 2, 3):
            update(done, "(R² 0.1)")
    assert capsys.readouterr().err.splitlines() == ["Loading ...", "Training: 3 of 3 after 0 s (R² 0.1)"]
