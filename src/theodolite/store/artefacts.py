"""Artefacts (measurements, fitted axes, splits) as files named by the hash of their content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from theodolite.canonical import sha256_bytes
from theodolite.files import write_atomically
from theodolite.store.errors import ArtefactCorrupt, ArtefactError, ArtefactMissing

__all__ = ["ArtefactStore"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


class ArtefactStore:
    """A folder of files ``ab/cdef...``, each named by the SHA-256 of its bytes.

    Parameters
    ----------
    folder
        Made on the first :meth:`put`.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def path(self, sha256: str) -> Path:
        """Return where the content of this hash is or would be.

        Raises
        ------
        ArtefactError
            If ``sha256`` is not 64 hexadecimal digits.
        """
        if _SHA256.fullmatch(sha256) is None:
            raise ArtefactError(f"{sha256!r} is not the SHA-256 of an artefact; give 64 lower-case hexadecimal digits")
        return self.folder / sha256[:2] / sha256[2:]

    def put(self, content: bytes) -> str:
        """Store bytes and return their SHA-256; storing the same bytes again changes nothing.

        The file appears under its name only once it is complete and on disk, so that a killed process leaves none
        that is torn. A file that was damaged under this name is replaced.
        """
        sha256 = sha256_bytes(content)
        path = self.path(sha256)
        if path.exists() and sha256_bytes(path.read_bytes()) == sha256:
            return sha256
        write_atomically(path, content)
        return sha256

    def get(self, sha256: str) -> bytes:
        """Return the bytes of this hash, verified.

        Raises
        ------
        ArtefactMissing
            If no file holds them.
        ArtefactCorrupt
            If the file's content has another hash.
        """
        path = self.path(sha256)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise ArtefactMissing(
                f"artefact {sha256} is missing: there is no file {path}; restore it from a copy of the workspace"
            ) from None
        found = sha256_bytes(content)
        if found != sha256:
            raise ArtefactCorrupt(
                f"artefact {sha256} is damaged: the content of {path} has the hash {found}; restore it from a copy or, "
                "where no row names it, remove it with `theodolite ledger collect`"
            )
        return content

    def __contains__(self, sha256: object) -> bool:
        return isinstance(sha256, str) and self.path(sha256).is_file()

    def names(self) -> Iterator[str]:
        """Yield the hashes of all stored artefacts, sorted."""
        if not self.folder.is_dir():
            return
        for folder in sorted(self.folder.iterdir()):
            if folder.is_dir():
                for file in sorted(folder.iterdir()):
                    if _SHA256.fullmatch(folder.name + file.name):
                        yield folder.name + file.name
