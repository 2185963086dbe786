"""From the columns of a matrix to genes: which name, which Ensembl id, and which columns are one gene.

Columns that come to one name, or to one Ensembl id, are one gene and are summed, as a rank-value encoder sums them.
What was renamed, summed and dropped is reported; nothing is left out in silence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from theodolite.data.aliases import AliasTable, ensembl_id
from theodolite.data.counts import CellDataError, CellErrorCode, named_columns

__all__ = ["GeneNames", "GeneReport", "INDEX", "name_genes"]

INDEX = "index"
"""What stands for the index of a table of genes where a column is asked for."""
ID_COLUMNS = (
    "ensembl_id", "ensembl_ids", "ensembl", "ensembl_gene_id", "gene_ids", "gene_id", "feature_id", "ensemblid", "id",
)  # fmt: skip
SYMBOL_COLUMNS = ("symbol", "feature_name", "gene_symbols", "gene_symbol", "gene_name", "gene_names", "symbols")
_MOSTLY = 0.5
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_EXCEL = re.compile(rf"\d{{1,2}}-{_MONTH}(?:-\d{{2,4}})?|{_MONTH}-\d{{1,2}}|\d{{4}}-\d{{2}}-\d{{2}}(?: 00:00:00)?")


@dataclass(frozen=True)
class GeneReport:
    """What became of the columns of a matrix.

    Attributes
    ----------
    columns, genes
        How many columns there were, and how many genes there are.
    named_by, ensembl_by
        Where names and Ensembl ids come from: ``index`` or a column; ``""`` where there are no ids.
    with_ensembl
        Genes whose Ensembl id is known.
    matched
        Columns that are one gene each, under the name that they have.
    renamed
        (name in the file, name here) of columns.
    summed
        (gene, names of its columns) of genes with several columns.
    dropped
        (column, why) of columns that are no gene.
    ambiguous
        Names that the table of aliases gives to several genes, and those it would give to a gene of another Ensembl id;
        they are left as they are.
    """

    columns: int
    genes: int
    named_by: str
    ensembl_by: str
    with_ensembl: int
    matched: int
    renamed: tuple[tuple[str, str], ...]
    summed: tuple[tuple[str, tuple[str, ...]], ...]
    dropped: tuple[tuple[str, str], ...]
    ambiguous: tuple[str, ...]

    @property
    def words(self) -> str:
        """The report in one line, empty where every column is a gene under its own name."""
        parts = [
            f"{len(found)} {what}{_examples(found)}"
            for what, found in (
                ("columns renamed", [f"{old} to {new}" for old, new in self.renamed]),
                ("genes summed from several columns", [gene for gene, _ in self.summed]),
                ("columns dropped", [f"{name or 'a nameless one'}: {why}" for name, why in self.dropped]),
                ("names left as they are, for they are ambiguous", list(self.ambiguous)),
            )
            if found
        ]
        return "; ".join(parts)


def _examples(found: Sequence[str]) -> str:
    return " (" + ", ".join(found[:3]) + (", ..." if len(found) > 3 else "") + ")"


@dataclass(frozen=True, eq=False)
class GeneNames:
    """The genes that a matrix holds.

    Attributes
    ----------
    genes
        Names, in the order of their first columns.
    ensembl
        Ensembl id of each, ``""`` where unknown; None where the file tells of none.
    gene_of
        Shape (columns,): the gene of each column, -1 for one that is dropped.
    report
        What became of the columns.
    """

    genes: tuple[str, ...]
    ensembl: tuple[str, ...] | None
    gene_of: NDArray[np.intp]
    report: GeneReport

    @property
    def as_they_are(self) -> bool:
        """Whether every column is a gene of its own."""
        return len(self.genes) == len(self.gene_of)

    def gather(self, counts: sparse.csr_array) -> sparse.csr_array:
        """Sum the columns of each gene; shape (cells, columns) to (cells, genes), int64."""
        if self.as_they_are:
            return counts
        kept = np.flatnonzero(self.gene_of >= 0)
        ones = np.ones(kept.size, dtype=np.int64)
        belongs = sparse.csr_array((ones, (kept, self.gene_of[kept])), shape=(len(self.gene_of), len(self.genes)))
        return sparse.csr_array(counts.astype(np.int64) @ belongs)


def name_genes(
    var: Any,
    *,
    gene_column: str | None = None,
    ensembl_column: str | None = None,
    aliases: AliasTable | None = None,
) -> GeneNames:
    """Say which gene each row of a table of genes is.

    Parameters
    ----------
    var
        Table of genes, one row a column of the matrix.
    gene_column
        Column with the names, or ``index``. Where not given the index; but where that holds Ensembl ids, a column of
        symbols (``symbol``, ``feature_name``, ``gene_symbols``, ``gene_name``) if there is one.
    ensembl_column
        Column with Ensembl ids, or ``index``. Where not given, a column that is called and looks so, or the index if
        it looks so.
    aliases
        Table by which names are replaced by today's symbols; names stay without.

    Raises
    ------
    CellDataError
        ``missing_labels`` for a column that is absent, ``bad_gene_ids`` for a named one without Ensembl ids,
        ``bad_gene_names`` for dates that a spreadsheet made of genes, ``empty`` if no column is a gene.
    """
    ids, ensembl_by = _ids(var, ensembl_column)
    names, named_by = _names(var, gene_column)
    _refuse_dates(names)
    stored = [name or label for name, label in zip(names, _column(var, INDEX), strict=True)]
    dropped: dict[int, str] = {}
    for place, name in enumerate(names):
        if (plain := ensembl_id(name)) and plain != name:
            names[place] = plain
        elif not name and ids[place]:
            names[place] = ids[place]
        elif not name:
            dropped[place] = f"nothing in {named_by!r} and no Ensembl id"
    ambiguous = [] if aliases is None else _rename(names, ids, aliases)
    gene_of, firsts = _together(names, ids, dropped)
    if not firsts:
        raise CellDataError(CellErrorCode.EMPTY, f"none of {len(names)} columns has a name; name another gene_column")
    return _result(stored, names, ids, gene_of, firsts, dropped, (named_by, ensembl_by), ambiguous)


def _result(
    stored: list[str],
    names: list[str],
    ids: list[str],
    gene_of: NDArray[np.intp],
    firsts: list[int],
    dropped: dict[int, str],
    origin: tuple[str, str],
    ambiguous: list[str],
) -> GeneNames:
    columns_of: list[list[int]] = [[] for _ in firsts]
    for place, gene in enumerate(gene_of.tolist()):
        if gene >= 0:
            columns_of[gene].append(place)
    genes = tuple(names[first] for first in firsts)
    # Of several ids the lowest, which no count plays a part in, and which is mostly that of the primary assembly.
    ensembl = tuple(min((ids[place] for place in columns if ids[place]), default="") for columns in columns_of)
    known = sum(map(bool, ensembl))
    by_index = origin[1] or ("aliases" if known else "")
    changed = [place for place in range(len(names)) if place not in dropped and stored[place] != names[place]]
    renamed = [(stored[place], names[place]) for place in changed]
    summed = [
        (gene, tuple(stored[place] or ids[place] for place in columns))
        for gene, columns in zip(genes, columns_of, strict=True)
        if len(columns) > 1
    ]
    other_names = set(changed)
    alone = sum(len(columns) == 1 and columns[0] not in other_names for columns in columns_of)
    report = GeneReport(
        columns=len(names),
        genes=len(genes),
        named_by=origin[0],
        ensembl_by=by_index,
        with_ensembl=known,
        matched=alone,
        renamed=tuple(renamed),
        summed=tuple(summed),
        dropped=tuple((stored[place], why) for place, why in dropped.items()),
        ambiguous=tuple(ambiguous),
    )
    return GeneNames(genes, ensembl if by_index else None, gene_of, report)


def _column(var: Any, column: str) -> list[str]:
    if column == INDEX and INDEX not in var.columns:
        values, missing = list(var.index), var.index.isna()
    else:
        named_columns([column], [str(name) for name in var.columns])
        values, missing = list(var[column]), var[column].isna()
    return ["" if absent else str(value).strip() for value, absent in zip(values, missing, strict=True)]


def _share_of_ids(names: Sequence[str]) -> float:
    return sum(bool(ensembl_id(name)) for name in names) / len(names) if names else 0.0


def _ids(var: Any, column: str | None) -> tuple[list[str], str]:
    if column is not None:
        found = [ensembl_id(name) for name in _column(var, column)]
        if not any(found):
            raise CellDataError(
                CellErrorCode.BAD_GENE_IDS, f"no value of {column!r} is an Ensembl gene id; name another ensembl_column"
            )
        return found, column
    by_name = {str(name).lower(): str(name) for name in var.columns}
    for place in (*(by_name[name] for name in ID_COLUMNS if name in by_name), INDEX):
        names = _column(var, place)
        if _share_of_ids(names) >= _MOSTLY:
            return [ensembl_id(name) for name in names], place
    return [""] * len(var), ""


def _names(var: Any, column: str | None) -> tuple[list[str], str]:
    if column is not None:
        return _column(var, column), column
    names = [str(name) for name in var.index]
    if _share_of_ids(names) >= _MOSTLY:
        by_name = {str(name).lower(): str(name) for name in var.columns}
        for name in SYMBOL_COLUMNS:
            if name in by_name:
                return _column(var, by_name[name]), by_name[name]
    return names, INDEX


def _refuse_dates(names: Sequence[str]) -> None:
    dates = [name for name in names if _EXCEL.fullmatch(name)]
    if dates:
        raise CellDataError(
            CellErrorCode.BAD_GENE_NAMES,
            f"{len(dates)} genes are called by dates (such as {dates[0]!r}), which a spreadsheet made of symbols like "
            "SEPT2 or MARCH1; take the genes from a file that no spreadsheet has written, or name a column of ids",
        )


def _rename(names: list[str], ids: list[str], aliases: AliasTable) -> list[str]:
    """Replace names by today's symbols and fill ids, in place; return the names that are ambiguous."""
    held = dict(zip(names, ids, strict=True))
    left: dict[str, None] = {}
    for place, name in enumerate(names):
        symbol = aliases.current.get(name)
        if name in aliases.ambiguous:
            left[name] = None
        elif symbol is not None:
            known = aliases.ensembl.get(symbol) or held.get(symbol, "")
            if known and ids[place] and known != ids[place]:
                left[name] = None
                continue
            names[place] = symbol
            ids[place] = ids[place] or ensembl_id(name)
        ids[place] = ids[place] or aliases.ensembl.get(names[place], "")
    return list(left)


def _together(names: list[str], ids: list[str], dropped: dict[int, str]) -> tuple[NDArray[np.intp], list[int]]:
    """Return the gene of each column, and the first column of each gene: equal names or equal ids are one gene."""
    root: dict[int, int] = {}

    def first(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    seen: dict[tuple[str, str], int] = {}
    for place in range(len(names)):
        if place in dropped:
            continue
        root[place] = place
        for key in (("name", names[place]), ("id", ids[place])):
            if not key[1]:
                continue
            if key in seen:
                low, high = sorted((first(seen[key]), first(place)))
                root[high] = low
            seen.setdefault(key, place)
    firsts = sorted({first(place) for place in root})
    number = {place: index for index, place in enumerate(firsts)}
    gene_of = np.array([number[first(place)] if place in root else -1 for place in range(len(names))], dtype=np.intp)
    return gene_of, firsts
