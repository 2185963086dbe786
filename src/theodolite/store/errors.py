"""What can go wrong with a ledger; every message names the value and the remedy."""

from __future__ import annotations

__all__ = [
    "ArtefactCorrupt",
    "ArtefactError",
    "ArtefactMissing",
    "LedgerBusy",
    "LedgerConflict",
    "LedgerError",
    "LedgerExists",
    "LedgerFormatError",
    "LedgerNetworkFolder",
    "LedgerNotFound",
    "LedgerPayloadError",
    "LedgerReadOnly",
    "LedgerRefused",
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


class LedgerReadOnly(LedgerError):
    """A ledger opened for reading was asked to write."""


class LedgerBusy(LedgerError):
    """Another live process coordinates this ledger."""


class ArtefactError(LedgerError):
    """Base of errors of the artefact folder."""


class ArtefactMissing(ArtefactError):
    """No file holds the content of this hash."""


class ArtefactCorrupt(ArtefactError):
    """The file's content no longer has the hash that it is filed under."""
