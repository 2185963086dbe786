"""References: gene sets, pair lists and regulons that a claim is about, each with its source and its content hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from theodolite.canonical import digest
from theodolite.claims import Named
from theodolite.sources import Source

__all__ = ["Pair", "Reference", "ReferenceTableError", "load_programs", "member_pairs", "read_programs", "within_sizes"]

Pair = tuple[str, str]
_KEYS = ("id", "title", "kind", "definition", "source", "members")


class ReferenceTableError(ValueError):
    """A table of references that cannot be read; the message names file and line."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A gene set, a list of unordered gene pairs, or a regulon: a list of regulator-target edges.

    Attributes
    ----------
    id, title, definition
        Short name, name for people, and what makes a gene (or pair, or edge) a member.
    kind
        ``set``, ``pairs`` or ``regulon``; a ``ruler`` is one of anchors (:class:`theodolite.data.rulers.Ruler`).
    members
        Genes; pairs with the two genes in alphabetical order; or edges, each a regulator followed by its target.
        Sorted, unique. The edges A to B and B to A are two edges.
    origins
        What it was made from: databases, papers, other references.
    sizes
        The fewest and the most of its members that may be among the genes of a campaign's cells for it to be one of
        the campaign's; None for any number. No part of its content.

    Raises
    ------
    ValueError
        If members repeat, are not of the kind, or a pair joins a gene with itself.
    """

    id: str
    title: str
    kind: Literal["set", "pairs", "regulon", "ruler"]
    members: tuple[str, ...] | tuple[Pair, ...]
    definition: str
    origins: tuple[Source, ...]
    sizes: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        members: list[Any] = []
        for member in self.members:
            if isinstance(member, str) != (self.kind == "set"):
                raise ValueError(f"reference {self.id!r} is of kind {self.kind!r}, but has the member {member!r}")
            if not isinstance(member, str):
                if len(member) != 2 or member[0] == member[1]:
                    raise ValueError(f"reference {self.id!r} has the pair {member!r}; a pair has two different genes")
                if self.kind == "pairs":
                    member = (min(member), max(member))
            members.append(member)
        if not members:
            raise ValueError(f"reference {self.id!r} has no member")
        repeated = sorted(repr(member) for member, times in Counter(members).items() if times > 1)
        if repeated:
            raise ValueError(f"reference {self.id!r} repeats {', '.join(repeated[:5])}; name each member once")
        object.__setattr__(self, "members", tuple(sorted(members)))

    @cached_property
    def sha256(self) -> str:
        """Content hash of kind and sorted members; id, title and source do not count."""
        return digest({"kind": self.kind, "members": self.members})

    @cached_property
    def member_set(self) -> frozenset[str] | frozenset[Pair]:
        """The members, whatever their kind."""
        return self.gene_set if self.kind == "set" else self.edges if self.kind == "regulon" else self.pairs

    @property
    def source(self) -> Source:
        """The reference as a source, its origins as parents."""
        return Source(name=f"reference:{self.id}", sha256=self.sha256, parents=self.origins)

    @property
    def named(self) -> Named:
        """Id and content hash, as a claim names it."""
        return Named(name=self.id, sha256=self.sha256)

    @cached_property
    def genes(self) -> frozenset[str]:
        """Every gene in it."""
        return frozenset(gene for member in self.members for gene in ((member,) if isinstance(member, str) else member))

    @cached_property
    def gene_set(self) -> frozenset[str]:
        """The members of a set.

        Raises
        ------
        ValueError
            For a list of pairs or edges.
        """
        if self.kind != "set":
            asked = ".pairs" if self.kind == "pairs" else ".edges"
            raise ValueError(f"reference {self.id!r} holds {asked[1:]}; ask for {asked}, or for .genes")
        return frozenset(member for member in self.members if isinstance(member, str))

    @cached_property
    def pairs(self) -> frozenset[Pair]:
        """The members of a list of pairs.

        Raises
        ------
        ValueError
            For a set, and for a regulon, whose edges have a direction.
        """
        if self.kind == "set":
            raise ValueError(f"reference {self.id!r} is a gene set; member_pairs() makes pairs of it")
        if self.kind == "regulon":
            raise ValueError(f"reference {self.id!r} is a regulon, whose edges have a direction; ask for .edges")
        return frozenset(member for member in self.members if not isinstance(member, str))

    @cached_property
    def edges(self) -> frozenset[Pair]:
        """The members of a regulon, each (regulator, target).

        Raises
        ------
        ValueError
            For a set or a list of pairs.
        """
        if self.kind != "regulon":
            raise ValueError(f"reference {self.id!r} is of kind {self.kind!r}; only a regulon has regulators")
        return frozenset(member for member in self.members if not isinstance(member, str))

    @cached_property
    def regulators(self) -> frozenset[str]:
        """The genes of a regulon that regulate another.

        Raises
        ------
        ValueError
            For a set or a list of pairs.
        """
        return frozenset(regulator for regulator, _ in self.edges)


def within_sizes(references: Iterable[Reference], genes: Iterable[str]) -> tuple[Reference, ...]:
    """Return the references whose members among some genes are as many as they may be; a pair counts with both genes.

    References that name no sizes all stay.
    """
    known = frozenset(genes)

    def fits(reference: Reference) -> bool:
        if reference.sizes is None:
            return True
        if reference.kind == "set":
            inside = len(reference.gene_set & known)
        else:
            inside = sum(known.issuperset(member) for member in reference.member_set)
        return reference.sizes[0] <= inside <= reference.sizes[1]

    return tuple(reference for reference in references if fits(reference))


def member_pairs(reference: Reference) -> Reference:
    """Return all unordered pairs of a set's members; the set is an ancestor of the pairs.

    Raises
    ------
    ValueError
        If the reference is no set.
    """
    return Reference(
        id=f"{reference.id}_pairs",
        title=reference.title,
        kind="pairs",
        members=tuple(combinations(sorted(reference.gene_set), 2)),
        definition=f"every unordered pair of two members of {reference.id}",
        origins=(reference.source,),
    )


def read_programs(text: str, *, where: str = "table") -> tuple[Reference, ...]:
    """Read gene sets from YAML: a list of mappings with id, title, kind, definition, source and members.

    Every scalar is read as text, so that a gene symbol is never taken for a number, a date or a truth value.

    Raises
    ------
    ReferenceTableError
        For bad YAML, an unknown or missing key, a repeated id, a repeated member or another kind than ``set``.
    """
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ReferenceTableError(f"{where}: not YAML: {error}") from error
    if not isinstance(root, yaml.SequenceNode):
        raise ReferenceTableError(f"{where}: expected a list of references at the top level")
    found: dict[str, tuple[Reference, int]] = {}
    for item in root.value:
        line = item.start_mark.line + 1
        reference = _one_program(_as_text(item), f"{where}:{line}")
        if reference.id in found:
            raise ReferenceTableError(
                f"{where}:{line}: id {reference.id!r} is taken by the reference on line {found[reference.id][1]}"
            )
        found[reference.id] = (reference, line)
    return tuple(reference for reference, _ in found.values())


def _as_text(node: Any) -> Any:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return {_as_text(key): _as_text(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_as_text(value) for value in node.value]
    return node.value


def _one_program(item: Any, where: str) -> Reference:
    if not isinstance(item, dict):
        raise ReferenceTableError(f"{where}: {item!r} is no mapping with the keys {', '.join(_KEYS)}")
    unknown = sorted(set(item) - set(_KEYS))
    missing = [key for key in _KEYS if not item.get(key)]
    if unknown or missing:
        raise ReferenceTableError(
            f"{where}: reference {item.get('id')!r} has unknown keys {unknown!r} and lacks {missing!r}; "
            f"the keys are {', '.join(_KEYS)}"
        )
    if item["kind"] != "set":
        raise ReferenceTableError(f"{where}: kind is {item['kind']!r}; the table holds sets, pairs are made from them")
    if not isinstance(item["members"], list) or not all(isinstance(member, str) for member in item["members"]):
        raise ReferenceTableError(f"{where}: members of {item['id']!r} must be a list of gene symbols")
    try:
        return Reference(
            id=item["id"],
            title=item["title"],
            kind="set",
            members=tuple(item["members"]),
            definition=item["definition"],
            origins=(Source(name=item["source"]),),
        )
    except ValueError as error:
        raise ReferenceTableError(f"{where}: {error}") from error


def load_programs(path: str | Path | None = None) -> tuple[Reference, ...]:
    """Read gene programs: the packaged table, or a file of the same format.

    Raises
    ------
    ReferenceTableError
        If the table cannot be read; see :func:`read_programs`.
    """
    if path is None:
        packaged = files("theodolite.data").joinpath("tables", "gene_programs.yaml")
        return read_programs(packaged.read_text(encoding="utf-8"), where="gene_programs.yaml")
    return read_programs(Path(path).read_text(encoding="utf-8"), where=str(path))
