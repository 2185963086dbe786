"""Where a datum comes from: named sources with ancestry, so that a leaked label is refused before a run.

A feature that derives from the reference which also serves as the label beats every null that destroys it. The only
defence is to know the ancestry of both and to compare them at registration.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from theodolite.canonical import digest

__all__ = ["Source", "leaked_ancestors"]


@dataclass(frozen=True)
class Source:
    """A datum and what it was made from.

    Attributes
    ----------
    name
        The name a person knows it by, such as ``reference:myeloid`` or ``cells:pbmc``.
    sha256
        Content hash; empty only for an abstract origin (a textbook, a database).
    parents
        The sources that this one derives from.
    """

    name: str
    sha256: str = ""
    parents: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a source needs a name, such as 'reference:myeloid'")

    @property
    def identity(self) -> str:
        """Content hash where there is one, otherwise the hash of the name."""
        return self.sha256 or digest(self.name)

    def ancestry(self) -> dict[str, Source]:
        """Return this source and all its ancestors, by identity."""
        found = {self.identity: self}
        for parent in self.parents:
            found.update(parent.ancestry())
        return found


def leaked_ancestors(features: Iterable[Source], label: Source) -> list[Source]:
    """Return what the features share with the ancestry of the label; anything here refuses the registration.

    Two derivations of one database (an edge list and a pathway set from it) share that database as an ancestor, so
    each counts as leaked into the other.
    """
    of_label = label.ancestry()
    shared: dict[str, Source] = {}
    for feature in features:
        shared.update({key: source for key, source in feature.ancestry().items() if key in of_label})
    return sorted(shared.values(), key=lambda source: source.name)
