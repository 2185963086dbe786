"""A claim that a person puts together in a browser, checked by the command in a process of its own.

To check a claim takes the campaign's model, cells and references. They are read from the campaign file, for the ledger
keeps their hashes and not their places; and by another process, for they would stay in the memory of this one.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from theodolite.dashboard.failing import Refused
from theodolite.experiments.handed import HandedProposal
from theodolite.store import EntryKind, Ledger, entry_id

__all__ = ["CampaignFile", "CheckedClaim", "Claimed", "campaign_file", "check", "command_line"]

_LIMIT_S = 180
_LARGEST_FILE = 2**20
_SHOWN = 2_000
_ONE = threading.Lock()
"""Each check takes some hundred MB: one at a time."""


@dataclass(frozen=True)
class Claimed:
    """What a person has chosen; ``direction`` is empty where only one can be claimed."""

    tool: str
    reference: str
    place: str
    direction: str
    because: str

    @property
    def words(self) -> list[str]:
        """The choice as options of the command; a value that begins with a hyphen stays a value."""
        given = {
            "tool": self.tool, "reference": self.reference, "place": self.place, "direction": self.direction,
            "because": self.because,
        }  # fmt: skip
        return [f"--{name}={value}" for name, value in given.items() if value]


@dataclass(frozen=True)
class CampaignFile:
    """The file of a campaign; ``child`` says which campaign of a matrix it is, counted from 1."""

    path: Path
    child: int | None


@dataclass(frozen=True)
class CheckedClaim:
    """A claim that may be handed in, in words, and what a person should know of it."""

    proposal: HandedProposal
    claim: str
    notes: tuple[str, ...]


def campaign_file(ledger: Ledger, campaign: str) -> CampaignFile | None:
    """Return the file that a campaign was run from, where it still lies in its workspace or beside it."""
    opened = ledger.get(entry_id(campaign, EntryKind.CAMPAIGN))
    if opened is None or ledger.path is None:
        return None
    matrix = opened.payload.get("matrix")
    name = opened.payload["name"] if matrix is None else matrix["name"]
    for path in _candidates(ledger.path.resolve().parent):
        content = _content(path)
        if content.get("name") == name and ("matrix" in content) == (matrix is not None):
            return CampaignFile(path, None if matrix is None else int(matrix["place"]))
    return None


def command_line(file: CampaignFile | None, claimed: Claimed, folder: Path, person: str) -> str:
    """Return the command that hands the same claim in, to be typed where the campaign's file is."""
    words = ["theodolite", "propose", "FILE" if file is None else str(file.path), *claimed.words]
    words += ["-w", str(folder), f"--person={person}"]
    words += [] if file is None or file.child is None else ["--child", str(file.child)]
    return shlex.join(words)


def check(file: CampaignFile, campaign: str, folder: Path, claimed: Claimed) -> CheckedClaim:
    """Check a claim against the campaign's menus, and return it typed; nothing is written.

    Raises
    ------
    Refused
        If it is not on the menus, the file is another campaign's by now, another claim is being checked, or the check
        does not end.
    """
    # No folder that the server was started in may take the program's place.
    words = [sys.executable, "-P", "-m", "theodolite", "propose", str(file.path), *claimed.words, "--check"]
    words += ["--workspace", str(folder), *([] if file.child is None else ["--child", str(file.child)])]
    # Whoever waited here would keep a thread that answers others.
    if not _ONE.acquire(blocking=False):
        raise Refused(503, "Somebody else's claim is being checked; try again in a moment", "Then hand it in again.")
    try:
        code, out, err = _run(words)
    finally:
        _ONE.release()
    if code != 0:
        said = err.rpartition("Error: ")[2].strip()[-_SHOWN:] or f"the check ended with code {code}"
        raise Refused(400 if code == 2 else 503, said, "Go back and choose again; nothing was handed in.")
    try:
        found: dict[str, Any] = json.loads(out)
        proposal = HandedProposal.model_validate(found["proposal"])
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(503, f"The check gave no claim: {out[-200:]!r}", "Propose it by the command line.") from error
    if found["campaign"] != campaign:
        raise Refused(
            400,
            f"{file.path} was changed since the campaign began: it is campaign {found['campaign']} now, not {campaign}",
            "Put the file back as it was, or propose for the campaign that it is now.",
        )
    return CheckedClaim(proposal, str(found["claim"]), tuple(map(str, found["notes"])))


def _run(words: list[str]) -> tuple[int, str, str]:
    """Run a command to its end, or to the limit; return its code and what it said."""
    kept = {name: value for name, value in os.environ.items() if name != "THEODOLITE_DASHBOARD_TOKEN"}
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=kept,
            start_new_session=True,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, ValueError) as error:
        raise Refused(503, f"The check cannot be started: {error}", "Propose it by the command line.") from error
    try:
        out, err = process.communicate(timeout=_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Refused(
            503, f"The check took more than {_LIMIT_S} seconds and was ended", "Propose it by the command line."
        ) from error
    return process.returncode, out, err


def _candidates(folder: Path) -> Iterator[Path]:
    """Yield where a campaign file may lie: in the workspace, or beside a workspace that was named after it."""
    for ending in ("yaml", "yml"):
        yield from sorted(folder.glob(f"*.{ending}"))
        if folder.suffix == ".theodolite":
            yield folder.with_suffix(f".{ending}")


def _content(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return {}
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
