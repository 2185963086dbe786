"""Stopping in good order: the step under way is finished, everything recorded stands, the same command continues."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from theodolite.store import StopReason

__all__ = ["CampaignPaused", "Halt", "halt_on_signals"]


class CampaignPaused(Exception):
    """A campaign that waits: for the same command, for a server, or for people. Nothing is lost.

    Attributes
    ----------
    reason, detail
        From the closed list, and in words.
    """

    def __init__(self, reason: StopReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class Halt:
    """Whether somebody asked a campaign to stop; asked between steps, and waited on in place of sleeping."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self.who = ""
        self.on_ask: Callable[[], None] = lambda: None

    @property
    def asked(self) -> bool:
        """Whether it was asked for."""
        return self._asked.is_set()

    def ask(self, who: str) -> None:
        """Ask for a stop after the step under way."""
        self.who = self.who or who
        self._asked.set()
        self.on_ask()

    def check(self) -> None:
        """Raise :class:`CampaignPaused` if a stop was asked for; called between two steps."""
        if self.asked:
            raise CampaignPaused(StopReason.INTERRUPTED, f"{self.who} asked for it; the step under way was finished")

    def wait(self, seconds: float) -> None:
        """Wait so long, or until a stop is asked for."""
        self._asked.wait(seconds)


@contextmanager
def halt_on_signals(halt: Halt, say: Callable[[str], None]) -> Iterator[Halt]:
    """Let the first SIGTERM or Ctrl-C ask for a stop, and a second Ctrl-C interrupt at once.

    Parameters
    ----------
    halt
        What is asked.
    say
        Tells people that it was heard.
    """

    def heard(number: int, frame: FrameType | None) -> None:
        if halt.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        again = " Press Ctrl-C again to break off at once." if number == signal.SIGINT else ""
        say(f"{name}: finishing the step under way, then stopping.{again}")
        halt.ask(name)

    # Signals reach the main thread only; elsewhere (in a test, in a notebook) they stay as they are.
    if threading.current_thread() is not threading.main_thread():
        yield halt
        return
    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield halt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
