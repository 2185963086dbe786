"""The journal of a search: one line of JSON a candidate, from which a search that was stopped goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from theodolite.files import sync_folder

__all__ = ["append_line", "read_lines"]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a journal, and cut off a last one that was not written to its end.

    One process writes a journal; nothing keeps a second one from it.

    Raises
    ------
    ValueError
        If a whole line is no mapping: something else wrote to the file.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    found = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            entry = error
        if not isinstance(entry, dict):
            raise ValueError(
                f"{path}:{number} is no line of a search, but {line[:40]!r}; give another file, or delete that line "
                "and its candidate is run again"
            )
        found.append(entry)
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    return found


def append_line(path: Path, entry: dict[str, Any]) -> None:
    """Add a line and wait until it is on disk; a line that was cut short is no line to :func:`read_lines`.

    Raises
    ------
    OSError
        If the file cannot be written to.
    """
    line = json.dumps(entry, sort_keys=True, allow_nan=False).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = not path.exists()
    with path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    if fresh:
        sync_folder(path.parent)
