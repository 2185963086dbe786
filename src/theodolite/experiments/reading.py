"""Reading a file of keys and values so that every mistake is told with its line, its value and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

__all__ = ["CampaignError", "Document", "read_document"]

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value."""


class CampaignError(ValueError):
    """A campaign file that cannot run; says line, value and what is allowed."""


@dataclass(frozen=True)
class Document:
    """A file of keys and values.

    Attributes
    ----------
    path, content
        Where it lies, and what it says.
    node
        The same with the line of every value.
    """

    path: Path
    content: dict[str, Any]
    node: yaml.Node | None

    def line_of(self, place: Place) -> int:
        """Return the 1-based line at which a value sits, as deep as the file goes along the keys that lead to it."""
        node = self.node
        if node is None:
            return 1
        line = node.start_mark.line + 1
        for part in place:
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == str(part):
                        line, node = key.start_mark.line + 1, value
                        break
                else:
                    return line
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                return line
        return line

    def mistake(self, place: Place, what: str) -> CampaignError:
        """Return an error about a value, with its line before the words."""
        return CampaignError(f"{self.path}, line {self.line_of(place)}: {what}")

    def mistakes(self, error: ValidationError, root: type[BaseModel], below: Place = ()) -> CampaignError:
        """Return an error with one line for everything that a part of the file got wrong.

        Parameters
        ----------
        error
            What the check of that part said.
        root
            What the part was checked as.
        below
            The keys that lead to the part.
        """
        return CampaignError("\n".join(self._explain(item, root, below) for item in error.errors()))

    def _explain(self, error: Any, root: type[BaseModel], below: Place) -> str:
        location: Place = tuple(error["loc"])
        place = (*below, *location)
        where = f"{self.path}, line {self.line_of(place)}: {'.'.join(map(str, place)) or 'file'}"
        match error["type"]:
            case "extra_forbidden":
                # A matrix is read apart, from a key beside those of a campaign.
                keys = [
                    *_section(root, location[:-1]).model_fields,
                    *(["matrix"] if len(location) == 1 and not below else []),
                ]
                close = difflib.get_close_matches(str(location[-1]), keys, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else "."
                return f"{where} is no key of a campaign{hint} Allowed here: {', '.join(keys)}."
            case "missing" if location == ("name",):
                return f"{where} is missing; a campaign needs a name, such as `name: my-campaign`."
            case "model_type":
                inside = ", ".join(_section(root, location).model_fields)
                return f"{where} is {error['input']!r}; it is a section, give its keys on lines of their own: {inside}."
            case _:
                said = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
                return f"{where} is {error['input']!r}: {said}{_meaning(root, location)}."


def _section(root: type[BaseModel], place: Place) -> type[BaseModel]:
    """Return the section of a file that a path of keys leads to."""
    model = root
    for part in place:
        if isinstance(part, int):
            continue  # an item of a list has the keys that the list's items have
        field = model.model_fields.get(part)
        section = next(_sections(getattr(field, "annotation", None)), None)
        if section is None:
            break
        model = section
    return model


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections in an annotation: of itself, of one that may be left out, of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inside in get_args(annotation):
        yield from _sections(inside)


def _meaning(root: type[BaseModel], place: Place) -> str:
    """Return what a key is for, in the words of its description."""
    keys = [part for part in place if isinstance(part, str)]
    field = _section(root, place[:-1]).model_fields.get(keys[-1]) if keys else None
    return f" ({keys[-1]}: {field.description})" if field is not None and field.description else ""


def read_document(path: Path) -> Document:
    """Read a file of keys and values.

    Raises
    ------
    CampaignError
        If it cannot be read, is no YAML, holds something else than keys, or one of them twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CampaignError(f"{path}: cannot be read ({error}); `theodolite init` writes a campaign file") from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise CampaignError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(content, dict):
        raise CampaignError(f"{path}: a campaign file is a list of `key: value` lines, found {content!r}")
    repeated = _repeated_key(node)
    if repeated is not None:
        raise CampaignError(f"{path}, line {repeated[1]}: {repeated[0]!r} is given twice; keep one of them")
    return Document(path, content, node)


def _repeated_key(node: yaml.Node | None) -> tuple[str, int] | None:
    if isinstance(node, yaml.SequenceNode):
        return next((found for item in node.value if (found := _repeated_key(item)) is not None), None)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                return key.value, key.start_mark.line + 1
            seen.add(key.value)
            inner = _repeated_key(value)
            if inner is not None:
                return inner
    return None
