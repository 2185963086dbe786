"""A matrix of campaigns: models x cells x references x seeds in one file, each combination an ordinary campaign.

All of them draw on one error stream, which is planned for all of their tests together, and stand on one partition of
gene families, so that what one of them explores is never what another one tests.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from theodolite.canonical import digest
from theodolite.experiments.campaign import MATRIX, CampaignSpec, CellsSpec, checked_campaign
from theodolite.experiments.reading import CampaignError, Document, read_document
from theodolite.experiments.references_spec import MEANING, ReferenceItem, References, in_short
from theodolite.records import Closed

__all__ = ["MOST_CHILDREN", "SINGLE", "Axis", "Child", "Matrix", "load_matrix"]

MOST_CHILDREN = 500
MOST_TESTS = 10_000
"""The largest number of tests that a stream can be planned for."""
LONGEST_NAME = 40
_HASH = 8

ShortName = Annotated[
    str | None,
    Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9-]{0,19}$",
        description="what names of campaigns and tables call it: lower-case letters, digits and hyphens, at most 20",
    ),
]


def _as_section(key: str) -> BeforeValidator:
    """Let an item of a list be written as one word in place of a section."""

    def section(given: Any) -> Any:
        if isinstance(given, dict) and "resource" in given:
            # A resource with options, which has no key of the campaign's, and perhaps a short name.
            return {
                **{word: given[word] for word in given if word == "name"},
                key: {word: value for word, value in given.items() if word != "name"},
            }
        return {key: given} if isinstance(given, str | list) else given

    return BeforeValidator(section)


class ModelItem(Closed):
    """One of the models."""

    name: ShortName
    model: str = Field(description="name of a packaged model or of a plug-in's, or folder of a checkpoint")


class CellsItem(CellsSpec):
    """One of the cell sets: a source, or all that a campaign file may say of cells."""

    name: ShortName


class ReferencesItem(Closed):
    """One of the collections of references."""

    name: ShortName
    references: References = Field(description=MEANING)


class MatrixSpec(Closed):
    """The lists whose combinations are the campaigns; what has no list is the same in all of them."""

    models: tuple[Annotated[ModelItem, _as_section("model")], ...] | None = Field(
        default=None, min_length=1, description="models, each a name or {name, model}"
    )
    cells: tuple[Annotated[CellsItem, _as_section("source")], ...] | None = Field(
        default=None, min_length=1, description="cell sets, each a source or the keys of a cells section"
    )
    references: tuple[Annotated[ReferencesItem, _as_section("references")], ...] | None = Field(
        default=None, min_length=1, description="references, each a name or {name, references}"
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        default=None, min_length=1, description="root seeds, whole numbers that are not negative"
    )


SINGLE = {"models": "model", "cells": "cells", "references": "references", "seeds": "seed"}
"""The key of a campaign that each list stands in place of."""


@dataclass(frozen=True)
class Axis:
    """One value of a list.

    Attributes
    ----------
    key
        The list: models, cells, references or seeds.
    place
        Its position in the list, None where the file has no list and the one value holds for all.
    name
        What names and tables call it.
    value
        The value of the single key.
    """

    key: str
    place: int | None
    name: str
    value: Any


@dataclass(frozen=True)
class Child:
    """One campaign of a matrix; ``axes`` are its values by list, all four."""

    name: str
    spec: CampaignSpec
    axes: dict[str, Axis]


@dataclass(frozen=True)
class Matrix:
    """A matrix as its file says it; nothing that the file points at has been read.

    Attributes
    ----------
    document
        The file, to name lines.
    name, base
        Name of the matrix, and what all of its campaigns share.
    children
        The campaigns in the order in which they run: models outermost, seeds innermost. Their number of hold-out
        blocks is not settled where it hangs on the cells and references (``experiments/matrix_preparing.py``).
    listed
        The lists that the file gives.
    """

    document: Document
    name: str
    base: CampaignSpec
    children: tuple[Child, ...]
    listed: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.document.path

    @property
    def experiments(self) -> int:
        """Hypotheses that all campaigns together may register."""
        return sum(child.spec.budget.experiments for child in self.children)

    @property
    def n_max(self) -> int:
        """Tests that the error stream is planned for."""
        return self.children[0].spec.n_max

    def mistake(self, axis: Axis, what: str) -> CampaignError:
        """Return an error about one value of a list, with its line."""
        place = (SINGLE[axis.key],) if axis.place is None else (MATRIX, axis.key, axis.place)
        return self.document.mistake(place, what)


def load_matrix(path: Path) -> Matrix | None:
    """Read and check the file of a matrix; None if the file is that of a single campaign.

    Raises
    ------
    CampaignError
        With one line for each mistake: line, value and what is allowed.
    """
    document = read_document(path)
    if MATRIX not in document.content:
        return None
    # What the lists stand in place of is not given, so the rest is a campaign.
    rest = Document(path, {key: value for key, value in document.content.items() if key != MATRIX}, document.node)
    try:
        lists = MatrixSpec.model_validate(document.content[MATRIX])
    except ValidationError as error:
        raise document.mistakes(error, MatrixSpec, (MATRIX,)) from error
    listed = tuple(key for key in SINGLE if getattr(lists, key) is not None)
    if not listed:
        raise document.mistake(
            (MATRIX,), f"matrix names no list; give one or more of {', '.join(SINGLE)}, or delete the key"
        )
    for key in listed:
        if SINGLE[key] in rest.content:
            raise document.mistake(
                (SINGLE[key],),
                f"{SINGLE[key]} is given beside matrix.{key}, which stands in its place; keep one of the two",
            )
    base = checked_campaign(rest)
    axes = {key: _axes(document, base, lists, key) for key in SINGLE}
    number = 1
    for values in axes.values():
        number *= len(values)
    if number > MOST_CHILDREN:
        sizes = " x ".join(str(len(axes[key])) for key in listed)
        raise document.mistake(
            (MATRIX,), f"{sizes} are {number:,} campaigns, at most {MOST_CHILDREN} run from one file; shorten a list"
        )
    tests = base.error.n_max or min(10 * number * base.budget.experiments, MOST_TESTS)
    children = tuple(_children(base, axes, listed, tests))
    _refuse_equal_names(document, children)
    return Matrix(document, base.name, base, children, listed)


def _axes(document: Document, base: CampaignSpec, lists: MatrixSpec, key: str) -> list[Axis]:
    items = getattr(lists, key)
    if items is None:
        value = getattr(base, SINGLE[key])
        return [Axis(key, None, _short(_words(value)), value)]
    found: list[Axis] = []
    for place, item in enumerate(items):
        axis = _axis(key, place, item)
        for earlier in found:
            if earlier.value == axis.value:
                raise document.mistake(
                    (MATRIX, key, place), f"matrix.{key} lists {_told(axis)} twice; delete one of them"
                )
            if earlier.name == axis.name:
                raise document.mistake(
                    (MATRIX, key, place),
                    f"matrix.{key} has two items called {axis.name!r}; give this one another name: "
                    f"`{{name: ..., {SINGLE[key] if key != 'cells' else 'source'}: {_told(axis, quoted=False)}}}`",
                )
        found.append(axis)
    return found


def _axis(key: str, place: int, item: Any) -> Axis:
    if isinstance(item, int):
        return Axis(key, place, f"s{item}", item)
    if isinstance(item, CellsItem):
        value: Any = CellsSpec.model_validate(item.model_dump(exclude={"name"}))
        return Axis(key, place, item.name or _short(item.source), value)
    value = getattr(item, SINGLE[key])
    return Axis(key, place, item.name or _short(_words(value)), value)


def _words(value: Any) -> str:
    """Return the value of a single key in words."""
    if isinstance(value, CellsSpec):
        return value.source
    return in_short(value) if isinstance(value, ReferenceItem | tuple) else str(value)


def _told(axis: Axis, *, quoted: bool = True) -> str:
    value = _words(axis.value) if not isinstance(axis.value, int) else axis.value
    return repr(value) if quoted else str(value)


def _short(value: str) -> str:
    """Return what names call a value that has no name of its own: the last part of a path, its signs made hyphens."""
    last = Path(value).name
    for suffix in (".h5ad", ".h5", ".yaml", ".yml", ".census"):
        last = last.removesuffix(suffix)
    name = re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-")
    return name[:20].rstrip("-") or digest(value)[:_HASH]


def _children(base: CampaignSpec, axes: dict[str, list[Axis]], listed: Iterable[str], tests: int) -> Iterator[Child]:
    shared: dict[str, Any] = {"error": base.error.model_copy(update={"n_max": tests})}
    if "cells" in listed:
        # Of several cell sets, only a partition that no cells play a part in is the same for all.
        shared["split"] = base.split.model_copy(update={"over": "families"})
    for values in itertools.product(*(axes[key] for key in SINGLE)):
        of_list = dict(zip(SINGLE, values, strict=True))
        name = _child_name(base.name, [of_list[key].name for key in listed])
        own = {SINGLE[key]: axis.value for key, axis in of_list.items()}
        spec = base.model_copy(update={**shared, **own, "name": name})
        yield Child(name, spec.in_folder(base.folder), of_list)


def _child_name(name: str, parts: list[str]) -> str:
    """Return the name of a child; one that would be too long ends in a hash of the whole."""
    whole = "-".join([name, *parts])
    if len(whole) <= LONGEST_NAME:
        return whole
    return f"{whole[: LONGEST_NAME - _HASH - 1].rstrip('-')}-{digest(whole)[:_HASH]}"


def _refuse_equal_names(document: Document, children: tuple[Child, ...]) -> None:
    by_name: dict[str, Child] = {}
    for child in children:
        first = by_name.setdefault(child.name, child)
        if first is not child:
            values = ["/".join(axis.name for axis in one.axes.values()) for one in (first, child)]
            raise document.mistake(
                (MATRIX,), f"{values[0]} and {values[1]} would both be called {child.name!r}; name the items otherwise"
            )
