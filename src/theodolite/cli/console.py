"""Where output goes: results to standard output, progress and messages to standard error."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["json_line", "messages", "print_json", "program", "results", "say"]

_UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
"""Characters that move the cursor, turn the direction of text or cannot be seen; a line break is none of them."""


def results() -> Console:
    """Return the console of standard output; without a terminal it prints plain text."""
    return _console(sys.stdout)


def messages() -> Console:
    """Return the console of standard error."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    from rich.console import Console
    from rich.segment import Segment

    class Plain(Console):
        """Names and words come from files and models: none of them may steer the terminal or hide on it."""

        def render(self, *given: Any, **named: Any) -> Iterable[Segment]:
            for segment in super().render(*given, **named):
                text, style, control = segment
                yield segment if control else Segment(_UNSEEN.sub("\ufffd", text), style)

    return Plain(file=file, highlight=False, markup=False, emoji=False)


def say(text: str, style: str | None = None) -> None:
    """Print a message to standard error; a long path stays on its line."""
    messages().print(text, style=style, soft_wrap=True)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def print_json(value: Any) -> None:
    """Print plain data, dataclasses included, as JSON to standard output; what cannot be seen is escaped."""
    sys.stdout.write(_json(value, indent=2) + "\n")


def json_line(value: Any) -> str:
    """Return plain data, dataclasses included, as JSON on one line; what cannot be seen is escaped."""
    return _json(value, indent=None)


def _json(value: Any, *, indent: int | None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=_plain)
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def program() -> str:
    """Return how this program is called from here, for commands that are shown to people."""
    return "theodolite" if shutil.which("theodolite") else os.path.relpath(Path(sys.executable).with_name("theodolite"))
