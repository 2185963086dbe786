"""What the catalogue says of a resource: where it is published, under which terms, and how its file is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from theodolite.data.ancestry import MADE_FROM
from theodolite.data.families import GeneFamilies
from theodolite.data.references import Reference

__all__ = ["CatalogueError", "Options", "PublishedFile", "Resource"]


class CatalogueError(ValueError):
    """A resource that is not there, cannot be fetched or is not what it was; names it and the remedy."""


@dataclass(frozen=True)
class Options:
    """How references are made of a file.

    Attributes
    ----------
    threshold
        Least score of a pair, of a resource with scores; its own where None.
    classes
        DNA-binding classes by gene, to cut regulons by; None for no cut.
    names
        Symbols by protein id, for a file that names proteins.
    """

    threshold: float | None = None
    classes: Mapping[str, tuple[str, ...]] | None = None
    names: Mapping[str, str] | None = None


@dataclass(frozen=True)
class PublishedFile:
    """A file whose content is known by its hash.

    Attributes
    ----------
    file
        Its name.
    sha256, size
        Of its content in bytes, unpacked where it is published as ``.gz``.
    version, date
        As its authors give them.
    url
        Where it is published; None where no address of exactly this content is known.
    """

    file: str
    sha256: str
    size: int
    version: str
    date: str
    url: str | None = None

    def __post_init__(self) -> None:
        if re.fullmatch(r"[0-9a-f]{64}", self.sha256) is None:
            raise ValueError(f"{self.file}: {self.sha256!r} is no SHA-256")


@dataclass(frozen=True)
class Resource:
    """One resource.

    Attributes
    ----------
    name
        What commands and campaign files call it; begins the ids of its references.
    title, gives
        Name for people, and what is made of it.
    page, licence
        Where its authors publish it, and its terms.
    made_from
        Databases that its references descend from; see :mod:`theodolite.data.ancestry`.
    files
        Those whose content is known. A file of other content has to be the user's own.
    references, families
        How a file is read, of text, a name for errors and options; one of the two, or none for a table that serves
        others.
    sizes
        Of its gene sets, the fewest and the most genes among those of a campaign (:attr:`Reference.sizes`).
    drops
        What is not taken from the file, in words.
    own
        Why the file is always the user's own; empty where it is not.
    check
        Reads a file of a table that serves others, to see whether it is one.
    """

    name: str
    title: str
    gives: str
    page: str
    licence: str
    made_from: tuple[str, ...]
    files: tuple[PublishedFile, ...] = ()
    references: Callable[[str, str, Options], tuple[Reference, ...]] | None = None
    families: Callable[[str, str], GeneFamilies] | None = None
    sizes: tuple[int, int] | None = None
    drops: str = "nothing"
    own: str = ""
    check: Callable[[str, str], object] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,29}", self.name) is None:
            raise ValueError(f"a resource cannot be called {self.name!r}; take lower-case letters, digits and hyphens")
        unknown = [name for name in self.made_from if name not in MADE_FROM]
        if unknown:
            raise ValueError(f"{self.name} is made from {unknown[0]!r}, which is not in MADE_FROM of data/ancestry.py")

    @property
    def published(self) -> PublishedFile | None:
        """The file that can be fetched, None if there is none."""
        return next((file for file in self.files if file.url is not None), None)

    def known(self, sha256: str) -> PublishedFile | None:
        """Return the file with a content, None if it is none that the catalogue knows."""
        return next((file for file in self.files if file.sha256 == sha256), None)

    def read(self, text: str, where: str, options: Options | None = None) -> object:
        """Read a file of the resource, whatever it gives.

        Raises
        ------
        ReferenceTableError
            If it is none; names file, line, value and remedy.
        """
        if self.references is not None:
            return self.references(text, where, options or Options())
        reader = self.families or self.check
        assert reader is not None, f"{self.name} has no reader"
        return reader(text, where)
