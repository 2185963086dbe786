"""From the name of a resource, or of one of its references, to the references themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from theodolite.data.catalogue.entries import CATALOGUE, resource_called
from theodolite.data.catalogue.folder import find_held
from theodolite.data.catalogue.orthologues import Orthologues, carry, read_orthologues
from theodolite.data.catalogue.resources import CatalogueError, Options, Resource
from theodolite.data.catalogue.string_channels import COMBINED, read_string_names
from theodolite.data.columns import decoded
from theodolite.data.families import GeneFamilies
from theodolite.data.references import Reference
from theodolite.data.regulons import read_tf_classes

__all__ = ["is_resource", "load_resource", "load_resource_families", "options_for"]

ORTHOLOGUES = "orthologues"


def is_resource(name: str) -> bool:
    """Return whether a name is that of a resource, or of a reference of one: ``string``, ``string.experimental``."""
    return name.partition(".")[0] in CATALOGUE


def load_resource(
    name: str,
    *,
    file: Path | None = None,
    sizes: tuple[int | None, int | None] = (None, None),
    threshold: float | None = None,
    classes: bool = False,
    orthologues: str | Path | None = None,
) -> tuple[Reference, ...]:
    """Return the references of a resource.

    Parameters
    ----------
    name
        Of a resource (``string``: all but its combined score), of one of its references (``string.experimental``) or
        the beginning of several (``dorothea.A``).
    file
        Where its file lies; from the data folder where not given.
    sizes
        The fewest and the most members among the genes of a campaign, in place of the resource's own.
    threshold
        Least score of a pair; of STRING only.
    classes
        Whether to cut regulons by the DNA-binding class of the regulator, of the resource ``lambert``, too.
    orthologues
        A table to carry the references to another species by: a path, or ``orthologues`` for the data folder's.

    Raises
    ------
    CatalogueError
        If there is no such resource or reference, its file is not here, or a bound makes no sense.
    ReferenceTableError
        If the file cannot be read.
    """
    resource = resource_called(name.partition(".")[0])
    if resource.references is None:
        raise CatalogueError(f"{resource.name} gives {resource.gives}; it has no references")
    if threshold is not None and resource.name != "string":
        raise CatalogueError(f"{resource.name} has no scores; leave out `threshold`, which is for string")
    text, where = _text(resource, file)
    options = options_for(resource, text, threshold=threshold, classes=classes)
    found = _chosen(name, resource.references(text, where, options), classes)
    if orthologues is not None:
        table = _orthologues(orthologues)
        found = tuple(item for reference in found if (item := carry(reference, table).reference) is not None)
        if not found:
            raise CatalogueError(f"no gene of {name} has a counterpart in {orthologues}; give a table of these species")
    return tuple(replace(reference, sizes=_bounds(resource, reference, sizes)) for reference in found)


def options_for(resource: Resource, text: str, *, threshold: float | None = None, classes: bool = False) -> Options:
    """Return how a file is to be read, with the tables of other resources that this needs.

    Raises
    ------
    CatalogueError, ReferenceTableError
        If such a table is not here or cannot be read.
    """
    names = None
    if resource.name == "string" and text.startswith("protein1 "):
        named, where = _text(resource_called("string-names"))
        names = read_string_names(named, where=where)
    by_class = None
    if classes:
        factors, where = _text(resource_called("lambert"))
        by_class = read_tf_classes(factors, where=where)
    return Options(threshold, by_class, names)


def load_resource_families(name: str) -> GeneFamilies:
    """Return the gene families of a resource.

    Raises
    ------
    CatalogueError, ReferenceTableError
        If it gives none, its file is not here, or the file cannot be read.
    """
    resource = resource_called(name)
    if resource.families is None:
        able = ", ".join(entry.name for entry in CATALOGUE.values() if entry.families is not None)
        raise CatalogueError(f"{name} gives no gene families; {able} do")
    text, where = _text(resource)
    return resource.families(text, where)


def _text(resource: Resource, file: Path | None = None) -> tuple[str, str]:
    """Return the text of a resource's file, and what errors call it."""
    if file is None:
        held = find_held(resource)
        return decoded(held.content(), str(held.path)), str(held.path)
    if not file.is_file():
        raise CatalogueError(
            f"{file}: there is no such file of {resource.name}; leave `file` out for the data folder's"
        )
    return decoded(file.read_bytes(), str(file)), str(file)


def _chosen(name: str, references: Iterable[Reference], classes: bool) -> tuple[Reference, ...]:
    every = tuple(references)
    if "." in name:
        found = tuple(item for item in every if item.id == name or item.id.startswith(f"{name}."))
    else:
        found = tuple(item for item in every if item.id != f"string.{COMBINED}")
    if not found:
        some = ", ".join(item.id for item in every[:8])
        more = f" and {len(every) - 8} more" if len(every) > 8 else ""
        cut = "" if classes else "; regulons are cut by class with `{resource: ..., classes: true}`"
        raise CatalogueError(f"there is no reference {name!r} in its file, which gives {some}{more}{cut}")
    return found


def _orthologues(place: str | Path) -> Orthologues:
    if str(place) == ORTHOLOGUES:
        text, where = _text(resource_called(ORTHOLOGUES))
    else:
        text, where = _text(resource_called(ORTHOLOGUES), Path(place))
    return read_orthologues(text, where=where)


def _bounds(resource: Resource, reference: Reference, sizes: tuple[int | None, int | None]) -> tuple[int, int] | None:
    low, high = (resource.sizes or (None, None)) if reference.kind == "set" else (None, None)
    low, high = sizes[0] if sizes[0] is not None else low, sizes[1] if sizes[1] is not None else high
    if low is None and high is None:
        return None
    bounds = (1 if low is None else low, 10**9 if high is None else high)
    if not 1 <= bounds[0] <= bounds[1]:
        raise CatalogueError(
            f"{resource.name}: sizes from {bounds[0]} to {bounds[1]} hold nothing; give the lower first"
        )
    return bounds
