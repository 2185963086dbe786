"""Transcription factors as gene sets: all of them, and those of each DNA-binding class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from theodolite.canonical import sha256_bytes
from theodolite.data.ancestry import database
from theodolite.data.catalogue.naming import Group, by_label, sets_of
from theodolite.data.references import Reference
from theodolite.data.regulons import read_tf_classes
from theodolite.sources import Source

__all__ = ["read_factors"]


def read_factors(text: str, *, where: str = "TF classes") -> tuple[Reference, ...]:
    """Read the catalogue of Lambert et al. (2018) as sets: ``lambert.factors``, ``lambert.bHLH`` and so on.

    Raises
    ------
    ReferenceTableError
        As :func:`theodolite.data.read_tf_classes` does.
    """
    classes = read_tf_classes(text, where=where)
    origin = Source("table:lambert", sha256_bytes(text.encode()), (database("Lambert 2018"),))
    return sets_of("lambert", _groups(classes), (origin,))


def _groups(classes: Mapping[str, tuple[str, ...]]) -> Iterator[Group]:
    yield Group("factors", "transcription factors", "human transcription factors by Lambert et al. 2018", set(classes))
    for label, genes in by_label((label, gene) for gene, labels in classes.items() for label in labels).items():
        definition = f"transcription factors with the DNA-binding domain {label!r} by Lambert et al. 2018"
        yield Group(label, f"{label} factors", definition, genes)
