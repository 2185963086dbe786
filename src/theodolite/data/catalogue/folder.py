"""The user's data folder: files of resources, each with a note beside it of what it is.

A file is written under a name that holds its hash, then the note that names it. So at every moment the note stands for
a whole file, the old one or the new one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from theodolite.canonical import sha256_bytes
from theodolite.data.catalogue.entries import CATALOGUE, resource_called
from theodolite.data.catalogue.resources import CatalogueError, PublishedFile, Resource
from theodolite.files import write_atomically

__all__ = ["DATA", "SHARED", "Held", "data_folder", "find_held", "held_in", "how_to_get", "keep", "kept"]

DATA = "THEODOLITE_DATA"
"""The environment variable that names another data folder than the user's usual one."""
SHARED = "THEODOLITE_SHARED_DATA"
"""The environment variable that names the developers' folder, with published files in its ``references/``."""


@dataclass(frozen=True)
class Held:
    """A file that is here, and the note beside it.

    Attributes
    ----------
    resource, path
        Of which resource, and where.
    file
        Its name as it was published or given.
    sha256, size
        Of its content in bytes.
    licence, version, date
        As the catalogue, or the user, says.
    url
        Where it was fetched; empty for the user's own.
    """

    resource: str
    path: Path
    file: str
    sha256: str
    size: int
    licence: str
    version: str
    date: str
    url: str

    def content(self) -> bytes:
        """Return the content, checked against the note.

        Raises
        ------
        CatalogueError
            If it is gone or another one.
        """
        try:
            found = self.path.read_bytes()
        except FileNotFoundError:
            found = b""
        if sha256_bytes(found) != self.sha256:
            raise CatalogueError(
                f"{self.path} is not the file that was noted for {self.resource!r} (SHA-256 {self.sha256[:16]}…): it "
                f"was changed or lost; {how_to_get(resource_called(self.resource))}"
            )
        return found


def data_folder() -> Path:
    """Return the user's data folder, or the one that ``THEODOLITE_DATA`` names; it need not exist."""
    named = os.environ.get(DATA)
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_path("theodolite"))


def how_to_get(resource: Resource) -> str:
    """Return the remedy for a resource that is not here."""
    if resource.published is not None:
        return f"`theodolite data fetch {resource.name}` gets it"
    return f"get it from {resource.page}, then `theodolite data add {resource.name} FILE`"


def _folder_of(resource: Resource) -> Path:
    return data_folder() / "references" / resource.name


def keep(
    resource: Resource, content: bytes, *, file: str, licence: str, version: str, date: str, url: str = ""
) -> Held:
    """Write a file of a resource and its note to the data folder; an older one stays, and is not read any more.

    Raises
    ------
    OSError
        Naming the file, if the folder cannot be written to.
    """
    folder = _folder_of(resource)
    sha256 = sha256_bytes(content)
    name = f"{sha256[:12]}-{re.sub(r'[^A-Za-z0-9._-]+', '-', file)[-80:]}"
    held = Held(resource.name, folder / name, file, sha256, len(content), licence, version, date, url)
    write_atomically(held.path, content)
    note = {**asdict(held), "path": name}
    write_atomically(folder / "note.json", (json.dumps(note, indent=2, ensure_ascii=False) + "\n").encode())
    return held


def kept() -> Iterator[Held]:
    """Yield what the data folder holds, in the order of the catalogue."""
    for resource in CATALOGUE.values():
        held = held_in(resource)
        if held is not None:
            yield held


def held_in(resource: Resource) -> Held | None:
    """Return what the data folder holds of a resource, by its note; None if there is none.

    Raises
    ------
    CatalogueError
        If the note cannot be read.
    """
    folder = _folder_of(resource)
    note = folder / "note.json"
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        place = said.pop("path")
        held = Held(path=folder / Path(place).name, **said)
        for field in fields(Held):
            if field.name not in ("path", "size") and not isinstance(getattr(held, field.name), str):
                raise TypeError(field.name)
        return held
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CatalogueError(f"{note} is no note of a file ({error!r}); {how_to_get(resource)}") from error


def find_held(resource: Resource) -> Held:
    """Return the file of a resource: from the data folder, else from the developers' folder.

    Raises
    ------
    CatalogueError
        If it is in neither, with what to do.
    """
    held = held_in(resource) or _shared(resource)
    if held is None:
        raise CatalogueError(f"{resource.name!r} ({resource.title}) is not here; {how_to_get(resource)}")
    return held


def _shared(resource: Resource) -> Held | None:
    named = os.environ.get(SHARED)
    for published in resource.files if named else ():
        path = Path(named or "") / "references" / published.file
        if path.is_file():
            return _as_published(resource, published, path)
    return None


def _as_published(resource: Resource, file: PublishedFile, path: Path) -> Held:
    return Held(
        resource.name,
        path,
        file.file,
        file.sha256,
        file.size,
        resource.licence,
        file.version,
        file.date,
        file.url or "",
    )
