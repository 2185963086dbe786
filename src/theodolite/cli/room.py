"""Before a campaign runs: whether its disks can take it. While it runs: what a full disk means, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from theodolite.cli.console import say

if TYPE_CHECKING:
    from theodolite.experiments import Setting

__all__ = ["naming_the_disk", "refuse_unfit", "room_warnings"]


def refuse_unfit(setting: Setting) -> None:
    """Warn where a disk is nearly full, and refuse a campaign that it cannot take; nothing is written.

    Raises
    ------
    PlaceError
        With everything that stands in the way, and the remedies.
    """
    from theodolite.experiments.room import place_concerns
    from theodolite.store import PlaceError

    concerns = place_concerns(setting)
    for concern in concerns:
        if not concern.fatal:
            say(f"Warning: {concern.said}.", style="bold yellow")
    fatal = [concern.said for concern in concerns if concern.fatal]
    if fatal:
        raise PlaceError("; and ".join(fatal))


def room_warnings(setting: Setting) -> list[str]:
    """Return what speaks against the disks of a campaign, in sentences."""
    from theodolite.experiments.room import place_concerns

    return [f"{'Cannot run' if concern.fatal else 'Warning'}: {concern.said}." for concern in place_concerns(setting)]


@contextmanager
def naming_the_disk() -> Iterator[None]:
    """Turn an error of a file into the end of a campaign that goes on once it is mended.

    Raises
    ------
    StepError
        Naming the file, the room that is left and the remedy.
    """
    from theodolite.experiments import StepError
    from theodolite.store import file_words

    try:
        yield
    except OSError as error:
        raise StepError(file_words(error)) from error
