"""Gene sets in the GMT format: a name, a description that may be empty, and genes, with tabs between them."""

from __future__ import annotations

import re

from theodolite.canonical import sha256_bytes
from theodolite.data.ancestry import databases
from theodolite.data.catalogue.naming import Group, sets_of
from theodolite.data.columns import checked_gene, lines
from theodolite.data.references import Reference, ReferenceTableError
from theodolite.sources import Source

__all__ = ["read_gmt"]

_GO = re.compile(r"(?P<title>.*\S)\s*\((?P<accession>GO:\d{7})\)")


def read_gmt(
    text: str,
    *,
    name: str,
    made_from: tuple[str, ...],
    where: str = "GMT",
    strip: str = "",
) -> tuple[Reference, ...]:
    """Read gene sets, as MSigDB writes them (a description or an address) or Enrichr (none; ``GENE,1.0``).

    Parameters
    ----------
    text
        The file.
    name
        Begins the ids: ``NAME.SET``; a GO term goes by its accession.
    made_from
        Databases that the sets come from; see :mod:`theodolite.data.ancestry`.
    where
        What errors call the file.
    strip
        Beginning of the names of sets that ids leave out, such as ``HALLMARK_``.

    Returns
    -------
    tuple of Reference
        In the order of the file. Of sets with the same genes the first only.

    Raises
    ------
    ReferenceTableError
        For a line without genes, a set or a gene of a set that is named twice, an empty field between genes, and a
        date in place of a gene.
    """
    groups: list[Group] = []
    seen: dict[str, int] = {}
    for number, line in lines(text):
        if not line.strip():
            continue
        at = f"{where}:{number}"
        fields = line.rstrip("\t").split("\t")
        label = fields[0].strip()
        if len(fields) < 3 or not label:
            raise ReferenceTableError(
                f"{at}: {line!r:.80} is no gene set; a line holds name, description and genes, with tabs between them"
            )
        if label in seen:
            raise ReferenceTableError(f"{at}: the set {label!r:.80} is on line {seen[label]} too; delete one of them")
        seen[label] = number
        # Enrichr weights some of its genes, all alike.
        genes = [checked_gene(field.removesuffix(",1.0"), at) for field in fields[2:]]
        if len(set(genes)) != len(genes):
            twice = next(gene for gene in genes if genes.count(gene) > 1)
            raise ReferenceTableError(f"{at}: the set {label!r:.80} names {twice} twice; name each gene once")
        term = _GO.fullmatch(label)
        title = term["title"] if term else label.removeprefix(strip).replace("_", " ")
        groups.append(
            Group(term["accession"] if term else label.removeprefix(strip), title, f"genes of {label} in {name}", genes)
        )
    if not groups:
        raise ReferenceTableError(f"{where}: no gene set in it; give a file with one set a line")
    return sets_of(name, groups, (Source(f"table:{name}", sha256_bytes(text.encode()), databases(*made_from)),))
