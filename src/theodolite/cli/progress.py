"""Progress of a campaign: bars in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from theodolite.cli.console import messages

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_log = logging.getLogger(__name__)

__all__ = ["CampaignProgress", "Counter", "EventLike", "counted", "waiting"]

WORDS = {
    "count": "Counting co-expression",
    "check the tools": "Checking plug-ins in worlds of known truth",
    "read the model": "Reading the model, trained and untrained",
    "place the baselines": "Finding where each baseline does best",
    "describe": "Describing the model on the discovery genes",
    "explore": "Looking at the discovery genes",
    "choose": "Choosing hypotheses that have the power to be tested",
    "register": "Locking hypotheses before any result",
    "ask the executor": "Asking the executor for claims",
    "review plans": "Reviewing the plans",
    "search": "Trying candidates on the discovery donors",
    "measure": "Measuring what was held out",
    "control": "Running controls that the reviewer ordered",
    "judge": "Judging against the nulls",
    "review records": "Reviewing the records",
}
"""Phases of a campaign in words; a phase that is not here is shown under its own name."""

_LINE_EVERY_S = 15.0
_WORTH_A_LINE_S = 1.0


class EventLike(Protocol):
    """What a campaign reports of itself: :class:`theodolite.experiments.Event`."""

    @property
    def phase(self) -> str:
        """What is being done."""
        ...

    @property
    def done(self) -> int:
        """How much of it."""
        ...

    @property
    def total(self) -> int:
        """Of how much."""
        ...


def _bars() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    return Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=messages(),
    )


class CampaignProgress:
    """Shows the events of a campaign; use it as a context manager and call it with each event.

    Parameters
    ----------
    clock
        Seconds from any origin.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bars: Progress | None = None
        self._task: TaskID | None = None
        self._phase: str | None = None
        self._round = 0
        self._started = self._said = 0.0
        self._announced: set[str] = set()

    def __enter__(self) -> Self:
        if messages().is_terminal:
            self._bars = _bars()
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self._end()
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, event: EventLike) -> None:
        """Show one event."""
        if event.phase != self._phase:
            self._end()
            self._begin(event.phase, event.total)
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=event.done, total=event.total)
        elif self._clock() - self._said >= _LINE_EVERY_S and event.done < event.total:
            self._said = self._clock()
            messages().print(f"    {event.done} of {event.total} after {self._said - self._started:.0f} s")
        # Choosing hypotheses takes a while and reports nothing of its own.
        if event.phase == "explore" and event.done == event.total:
            self._end()
            self._begin("choose", None)

    @property
    def _title(self) -> str:
        words = WORDS.get(self._phase or "", self._phase or "")
        return f"{words}, round {self._round}" if self._round > 1 else words

    def _begin(self, phase: str, total: int | None) -> None:
        if phase == "explore":
            self._round += 1
        self._phase, self._started, self._said = phase, self._clock(), self._clock()
        _log.info("%s", self._title, extra={"event": "phase_begins", "phase": phase})
        if self._bars is not None:
            self._task = self._bars.add_task(self._title, total=total)
        elif phase not in self._announced:
            self._announced.add(phase)
            messages().print(f"  {self._title} ...")

    def _end(self) -> None:
        if self._phase is None:
            return
        seconds = self._clock() - self._started
        if self._bars is not None and self._task is not None:
            # What a later round only passes through again is not worth a line.
            if seconds < _WORTH_A_LINE_S:
                self._bars.remove_task(self._task)
            else:
                task = next(task for task in self._bars.tasks if task.id == self._task)
                self._bars.update(self._task, total=task.total or 1, completed=task.total or 1)
            self._task = None
        elif seconds >= _WORTH_A_LINE_S:
            messages().print(f"    done in {seconds:.0f} s")
        self._phase = None


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show that something of unknown length is under way: a spinner in a terminal, one line elsewhere."""
    console = messages()
    if console.is_terminal:
        with console.status(what):
            yield
    else:
        console.print(f"{what} ...", soft_wrap=True)
        yield


class Counter(Protocol):
    """What shows how far something has come."""

    def __call__(self, done: int, note: str, total: int | None = None) -> None:
        """Show that so many steps are done; ``total`` where it was not known before."""
        ...


@contextmanager
def counted(what: str, total: int) -> Iterator[Counter]:
    """Show progress over a number of steps; yields a function of (steps done, note, steps in all)."""
    console = messages()
    if not console.is_terminal:
        yield _sparse_lines(what, total)
        return
    with _bars() as bars:
        task = bars.add_task(what, total=total)

        def update(done: int, note: str, total: int | None = None) -> None:
            bars.update(task, completed=done, total=total, description=f"{what} {note}".rstrip())

        yield update


def _sparse_lines(what: str, expected: int) -> Counter:
    started = said = time.monotonic()

    def update(done: int, note: str, total: int | None = None) -> None:
        nonlocal said
        now = time.monotonic()
        if done == (total or expected) or now - said >= _LINE_EVERY_S:
            said = now
            line = f"{what}: {done} of {total or expected} after {now - started:.0f} s {note}"
            messages().print(line.rstrip(), soft_wrap=True)

    return update
