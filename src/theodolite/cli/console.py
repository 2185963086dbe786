"""Where output goes: results to standard output, progress and messages to standard error."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["messages", "print_json", "results", "say"]


def results() -> Console:
    """Return the console of standard output; without a terminal it prints plain text."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """Return the console of standard error."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def say(text: str, style: str | None = None) -> None:
    """Print a message to standard error; a long path stays on its line."""
    messages().print(text, style=style, soft_wrap=True)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def print_json(value: Any) -> None:
    """Print plain data, dataclasses included, as JSON to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n")
