"""Collection: artefacts, results and captures that no row of the ledger names, and removing them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from theodolite.experiments.workspace import Workspace
from theodolite.measurements import Variant
from theodolite.models.capture import CAPTURE_SUFFIX, captured_of
from theodolite.store import Ledger, UpkeepError, campaign_rows, named_hashes, verify_chain

__all__ = ["Leftover", "Leftovers", "leftovers", "remove"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = ".part-"
"""How the name of a file begins that was not finished: see :func:`theodolite.files.write_atomically`."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that no row names.

    Attributes
    ----------
    what
        ``artefact``, ``result``, ``capture`` or ``unfinished file``.
    path, size
        Where, and its bytes.
    """

    what: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What a collection would remove, and why it leaves something out.

    Attributes
    ----------
    files
        The files.
    kept
        How many files the ledger names.
    shared
        The cache, where it is not this workspace's own and was therefore left alone; None where it was looked at.
    """

    files: tuple[Leftover, ...]
    kept: int
    shared: Path | None = None


def leftovers(ledger: Ledger, workspace: Workspace, *, captures: bool = False) -> Leftovers:
    """Return the files of a workspace that its ledger does not name; the caller holds the ledger's lease.

    Parameters
    ----------
    ledger
        The ledger of the workspace, and its artefacts.
    workspace
        Where results and captures lie.
    captures
        Whether captures of models are looked at as well, and results where the cache lies outside of the workspace:
        other workspaces may use them.

    Raises
    ------
    UpkeepError
        If the chain is broken: a row that was changed no longer says what it named.
    """
    report = verify_chain(ledger)
    if not report.ok:
        raise UpkeepError(
            f"nothing is collected, because the ledger does not verify: {report.problems[0]}; a damaged row no longer "
            "says what it named, restore a backup first"
        )
    named = named_hashes(ledger)
    files: list[Leftover] = []
    kept = 0
    for path, sha256 in _artefact_files(ledger.artefacts.folder):
        kept += _judge(files, "artefact", path, sha256 in named)
    own = workspace.cache.resolve().is_relative_to(workspace.folder.resolve())
    if own or captures:
        for path in _files(workspace.results):
            kept += _judge(files, "result", path, _SHA256.fullmatch(path.name) is None or path.name in named)
    if captures:
        useful = _captures(ledger)
        for path in sorted(workspace.cache.glob(f"*{CAPTURE_SUFFIX}")):
            kept += _judge(files, "capture", path, captured_of(path) in useful)
    return Leftovers(tuple(files), kept, None if own or captures else workspace.cache)


def remove(found: Leftovers) -> None:
    """Remove the files of a collection; one that is gone already is no error."""
    for item in found.files:
        item.path.unlink(missing_ok=True)


def _judge(files: list[Leftover], what: str, path: Path, named: bool) -> bool:
    """Note a file that may go; return whether it stays."""
    unfinished = path.name.startswith(_PART)
    if named and not unfinished:
        return True
    files.append(Leftover("unfinished file" if unfinished else what, path, path.stat().st_size))
    return False


def _artefact_files(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in _files(folder):
        sha256 = path.parent.name + path.name
        # What the store did not write is none of its business.
        if path.name.startswith(_PART) or _SHA256.fullmatch(sha256):
            yield path, sha256


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def _captures(ledger: Ledger) -> set[tuple[str, ...]]:
    """Return model, cells and variant of the captures that the campaigns of a ledger would read again.

    Whichever genes were surveyed, and wherever the model ran, is no matter here: such captures are kept too.
    """
    variants = {"main"} | {text for entry in ledger.entries() for text in _variants(entry.payload)}
    inputs = {(row.model_sha256, row.cells_sha256) for row in campaign_rows(ledger)}
    return {(*of, variant) for of, variant in product(inputs, variants)}


def _variants(value: Any) -> Iterator[str]:
    """Yield every word of a payload that is the name of a variant, wherever it stands."""
    if isinstance(value, str):
        if len(value) <= 80:
            try:
                yield str(Variant.parse(value))
            except ValueError:
                pass
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _variants(key)
            yield from _variants(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _variants(item)
