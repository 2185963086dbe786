"""What a campaign file may say under ``references:``: a name, a path, a resource with options, or a list of these."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator, ValidationError

from theodolite.records import Closed

__all__ = ["MEANING", "ReferenceItem", "References", "each_of", "in_short", "names_in"]

MEANING = (
    "'programs' (packaged), a name that a plug-in offers, a resource of `theodolite data list` or a reference of one "
    "(string.experimental), the path of a YAML of gene sets, {resource: NAME, file: PATH, ...}, or a list of these"
)


class ReferenceItem(Closed):
    """A resource of the catalogue with options."""

    resource: str = Field(description="a resource of `theodolite data list`, or a reference of one")
    file: str | None = Field(default=None, description="path of its file; the data folder's where not given")
    min_size: int | None = Field(default=None, ge=1, description="fewest members among the genes of the cells")
    max_size: int | None = Field(default=None, ge=1, description="most members among the genes of the cells")
    threshold: float | None = Field(default=None, gt=0, le=1, description="least score of a pair of string")
    classes: bool = Field(default=False, description="cut regulons by the DNA-binding class of the regulator too")
    orthologues: str | None = Field(
        default=None, description="'orthologues' (the data folder's) or a table's path: carry to another species"
    )


def _checked(given: Any) -> Any:
    if isinstance(given, list | tuple):
        if not given:
            raise ValueError("name at least one, or leave the key out")
        items = tuple(_one(item) for item in given)
        twice = next((item for place, item in enumerate(items) if item in items[:place]), None)
        if twice is not None:
            raise ValueError(f"{in_short(twice)!r} is listed twice; delete one of them")
        # A list of one is that one.
        return items[0] if len(items) == 1 else items
    return _one(given)


def _one(given: Any) -> str | ReferenceItem:
    if isinstance(given, ReferenceItem) or (isinstance(given, str) and given):
        return given
    if not isinstance(given, dict):
        raise ValueError(f"{given!r} is no name, no path and no mapping such as {{resource: trrust, file: PATH}}")
    try:
        return ReferenceItem.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise ValueError(f"{key!r} is no key here; there are {', '.join(ReferenceItem.model_fields)}") from None
        if first["type"] == "missing":
            raise ValueError(
                f"{key} is missing; say what the file is, such as {{resource: trrust, file: PATH}}"
            ) from None
        meaning = ReferenceItem.model_fields[key].description
        raise ValueError(f"{key} is {first['input']!r}: {first['msg'].removeprefix('Input ')} ({meaning})") from None


def _plain(given: Any) -> Any:
    if isinstance(given, tuple):
        return [_plain(item) for item in given]
    return given.model_dump(exclude_defaults=True) if isinstance(given, ReferenceItem) else given


References = Annotated[
    str | ReferenceItem | tuple[str | ReferenceItem, ...],
    PlainValidator(_checked),
    PlainSerializer(_plain, return_type=Any),
]
"""The type of the key."""


def each_of(given: str | ReferenceItem | tuple[str | ReferenceItem, ...]) -> tuple[str | ReferenceItem, ...]:
    """Return what is named, one or several, as several."""
    return given if isinstance(given, tuple) else (given,)


def in_short(given: str | ReferenceItem | tuple[str | ReferenceItem, ...]) -> str:
    """Return what tables call it: names with a plus sign between them."""
    return "+".join(item.resource if isinstance(item, ReferenceItem) else item for item in each_of(given))


def names_in(item: str | ReferenceItem) -> tuple[str, ...]:
    """Return the names and paths that an error about an item may quote."""
    if isinstance(item, str):
        return (item,)
    return tuple(name for name in (item.resource, item.file, item.orthologues) if name is not None)
