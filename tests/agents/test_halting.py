"""Stopping in good order: signals ask, steps finish, and the same command goes on."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from theodolite.agents import CampaignPaused, Halt, halt_on_signals
from theodolite.store import StopReason


def test_nothing_stops_before_it_is_asked_for() -> None:
    halt = Halt()
    halt.check()
    halt.ask("a person")
    halt.ask("somebody else")
    with pytest.raises(CampaignPaused, match="a person asked") as error:
        halt.check()
    assert error.value.reason is StopReason.INTERRUPTED
    assert not error.value.reason.final


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks(number: signal.Signals) -> None:
    said: list[str] = []
    halt = Halt()
    with halt_on_signals(halt, said.append):
        os.kill(os.getpid(), number)
        assert halt.asked
    assert "finishing the step" in said[0]
    assert signal.getsignal(number) != halt, "handlers are put back"


def test_a_second_ctrl_c_breaks_off() -> None:
    with halt_on_signals(Halt(), lambda said: None):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_pause_between_calls_ends_when_a_stop_is_asked_for() -> None:
    halt = Halt()
    threading.Timer(0.05, halt.ask, ["a test"]).start()
    began = time.monotonic()
    halt.wait(600)
    assert time.monotonic() - began < 300
