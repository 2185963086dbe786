"""What can go wrong with a ledger; every message names the value and the remedy."""

from __future__ import annotations

__all__ = [
    "ArtefactCorrupt",
    "ArtefactError",
    "ArtefactMissing",
    "LedgerBusy",
    "LedgerConflict",
    "LedgerDamaged",
    "LedgerDiskError",
    "LedgerError",
    "LedgerExists",
    "LedgerFormatError",
    "LedgerFull",
    "LedgerNetworkFolder",
    "LedgerNotFound",
    "LedgerPayloadError",
    "LedgerQueryError",
    "LedgerReadOnly",
    "LedgerRefused",
    "LedgerUnreachable",
    "PlaceError",
    "UpkeepError",
]


class LedgerError(Exception):
    """Base of all errors of the ledger."""


class LedgerNotFound(LedgerError):
    """There is no file at the path."""


class LedgerExists(LedgerError):
    """A new ledger was asked for where one already is."""


class LedgerFormatError(LedgerError):
    """The file is no ledger, or one written by a newer version of the code."""


class LedgerNetworkFolder(LedgerError):
    """The folder is on a network file system, on which SQLite's write-ahead log does not work."""


class LedgerConflict(LedgerError):
    """The ledger already holds something else under this id, level or name."""


class LedgerRefused(LedgerError):
    """A trigger of the ledger refused the row: it would break the chain or run before it was registered."""


class LedgerPayloadError(LedgerError):
    """The payload, kind or subject is not what an entry of this kind holds."""


class LedgerQueryError(LedgerError, ValueError):
    """A question that cannot be asked: an unknown field or order, a date that is none, a damaged cursor."""


class LedgerReadOnly(LedgerError):
    """A ledger was asked to write that was opened for reading, or whose file or folder cannot be written."""


class LedgerFull(LedgerError):
    """The disk has no room for what was to be written; nothing of it was."""


class LedgerDiskError(LedgerError):
    """The disk, a quota or a limit of the process refused a read or a write of the ledger's file."""


class LedgerUnreachable(LedgerError):
    """The file is there, and cannot be opened."""


class LedgerDamaged(LedgerError):
    """SQLite finds the file damaged."""


class PlaceError(LedgerError):
    """A folder has no room for what is to be written, or cannot be written at all."""


class UpkeepError(LedgerError):
    """A backup, a restore, an anchor or a collection that cannot be made as asked."""


class LedgerBusy(LedgerError):
    """Another live process coordinates this ledger."""


class ArtefactError(LedgerError):
    """Base of errors of the artefact folder."""


class ArtefactMissing(ArtefactError):
    """No file holds the content of this hash."""


class ArtefactCorrupt(ArtefactError):
    """The file's content no longer has the hash that it is filed under."""
