"""Stopping in good order: the step under way is finished, everything recorded stands, the same command continues."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from theodolite.agents.stop_requests import StopAt, StopRequests
from theodolite.store import StopReason

__all__ = ["BREAK_OFF", "CampaignPaused", "Halt", "halt_on_signals"]

_log = logging.getLogger(__name__)

BREAK_OFF = signal.SIGUSR1
"""What breaks a campaign off in the midst of a step; of two signals of one kind, a busy process may see one."""
_HEED_EVERY_S = 5.0
"""How often a pause between calls looks into the inbox, for requests that no signal announces."""


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
    """Whether somebody asked a campaign to stop; asked between steps, and waited on in place of sleeping.

    Attributes
    ----------
    who
        Who asked: a signal's name, or a person's.
    requests
        Where people ask from other processes; None where they cannot.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self.who = ""
        self.requests: StopRequests | None = None
        self._person = ""
        self._after_round = ""

    @property
    def asked(self) -> bool:
        """Whether it was asked for."""
        return self._asked.is_set()

    def ask(self, who: str) -> None:
        """Ask for a stop after the step under way."""
        self.who = self.who or who
        self._asked.set()

    def check(self) -> None:
        """Raise :class:`CampaignPaused` if a stop was asked for; called between two steps."""
        self._heed()
        if self.asked:
            # A signal that came while the inbox was read announces a request that lies in it now.
            self._heed()
            by = f"stopped by {self._person}" if self._person else f"{self.who} asked for it"
            raise CampaignPaused(StopReason.INTERRUPTED, f"{by}; the step under way was finished")

    def check_between_rounds(self, following: int) -> None:
        """Raise :class:`CampaignPaused` if a stop was asked for, at once or after a round; one is about to begin."""
        self.check()
        if self._after_round:
            when = "after the round" if following > 1 else "before the first round"
            raise CampaignPaused(StopReason.INTERRUPTED, f"stopped by {self._after_round} {when}")

    def broken_off(self) -> str:
        """Return who broke a step off, as the session's end names it."""
        self._heed()
        return f"stopped by {self._person} in the midst of a step" if self._person else "broken off in a step"

    def wait(self, seconds: float) -> None:
        """Wait so long, or until a stop is asked for."""
        left = seconds
        while left > 0 and not self._asked.wait(min(left, _HEED_EVERY_S)):
            left -= _HEED_EVERY_S
            self._heed()

    def _heed(self) -> None:
        """Take up what people have handed in."""
        for stop, person in self.requests.take() if self.requests is not None else ():
            _log.info(
                "%s asks to stop (%s)",
                person,
                stop.value,
                extra={"event": "stop_asked", "stop": stop, "person": person},
            )
            if stop is StopAt.ROUND:
                self._after_round = self._after_round or person
            else:
                self._person = self._person or person
                self.ask(person)


@contextmanager
def halt_on_signals(halt: Halt, say: Callable[[str], None]) -> Iterator[Halt]:
    """Let the first SIGTERM or Ctrl-C ask for a stop, and a second Ctrl-C or SIGUSR1 interrupt at once.

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

    def broken(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # Signals reach the main thread only; elsewhere (in a test, in a notebook) they stay as they are.
    if threading.current_thread() is not threading.main_thread():
        yield halt
        return
    handlers = {signal.SIGINT: heard, signal.SIGTERM: heard, BREAK_OFF: broken}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield halt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
