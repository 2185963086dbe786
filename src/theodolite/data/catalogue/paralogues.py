"""Gene families from tables of paralogues or of gene groups: genes that are joined, directly or by others, are one."""

from __future__ import annotations

from collections.abc import Iterator

from theodolite.data.columns import checked_gene, columns, delimiter_of, first_line
from theodolite.data.families import FamilyTableError, GeneFamilies, read_families
from theodolite.data.references import ReferenceTableError

__all__ = ["read_family_table"]

_PARALOGUES = (
    ("gene", "paralogue"),
    ("Gene name", "Human paralogue associated gene name"),
    ("Gene name", "Mouse paralogue associated gene name"),
)
_GROUPS = ("symbol", "gene_group")


def read_family_table(text: str, *, where: str = "families") -> GeneFamilies:
    """Read families of genes in one of three forms, with a header and tabs or commas.

    - ``gene`` and ``family``, the project's own (:func:`theodolite.data.read_families`).
    - ``gene`` and ``paralogue``, or the columns that Ensembl BioMart calls *Gene name* and *Human paralogue associated
      gene name*: the families are the connected components of the pairs, and are called by their first gene. A gene
      without a paralogue is a family of its own.
    - ``symbol`` and ``gene_group``, as in HGNC's complete set: genes that share one of the groups, which have ``|``
      between them, are joined likewise.

    Raises
    ------
    FamilyTableError
        For another header, a row without a gene, a date in place of a gene, and a table without genes.
    """
    delimiter = delimiter_of(text)
    body = next((line for line in text.split("\n") if line.strip() and not line.startswith("#")), "")
    header = [field.strip().strip('"') for field in first_line(text).split(delimiter)]
    if [field.strip() for field in body.split("\t")] == ["gene", "family"]:
        return read_families(text, where=where)
    try:
        if set(_GROUPS) <= set(header):
            joined = _by_group(text, delimiter, where)
        else:
            wanted = next((names for names in _PARALOGUES if set(names) <= set(header)), _PARALOGUES[0])
            joined = _by_pair(text, delimiter, wanted, where)
        family = _components(joined)
    except FamilyTableError:
        raise
    except ReferenceTableError as error:
        raise FamilyTableError(
            f"{error} (the columns of a family table are gene and family, gene and paralogue, or symbol and gene_group)"
        ) from error
    if not family:
        raise FamilyTableError(f"{where}: no gene in it; give one pair of paralogues, or one gene, a line")
    return GeneFamilies(family, "unversioned")


def _by_pair(text: str, delimiter: str, wanted: tuple[str, str], where: str) -> Iterator[tuple[str, str]]:
    for number, (gene, other) in columns(text, delimiter, wanted, where, empty=wanted):
        at = f"{where}:{number}"
        if gene:  # BioMart lists genes without a symbol too
            first = checked_gene(gene, at)
            yield first, checked_gene(other, at) if other else first


def _by_group(text: str, delimiter: str, where: str) -> Iterator[tuple[str, str]]:
    """Yield each gene with itself, and with the first gene of each of its groups."""
    first: dict[str, str] = {}
    for number, (symbol, groups) in columns(text, delimiter, _GROUPS, where, empty=("gene_group",)):
        gene = checked_gene(symbol, f"{where}:{number}")
        yield gene, gene
        for group in groups.strip('"').split("|"):
            if group.strip():
                yield gene, first.setdefault(group.strip(), gene)


def _components(joined: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Return the alphabetically first gene of its connected component for each gene."""
    root: dict[str, str] = {}

    def find(gene: str) -> str:
        root.setdefault(gene, gene)
        while root[gene] != gene:
            root[gene] = root[root[gene]]
            gene = root[gene]
        return gene

    for one, other in joined:
        low, high = sorted((find(one), find(other)))
        root[high] = low
    return {gene: find(gene) for gene in sorted(root)}
