"""Perturbation data: cells with a perturbed gene each, or a table of effects that somebody computed from them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from theodolite.canonical import digest
from theodolite.data.cells import CellSet
from theodolite.data.counts import CellDataError, CellErrorCode
from theodolite.data.references import Pair, Reference
from theodolite.data.regulons import RegulonTable, Sign, regulon_references
from theodolite.sources import Source

__all__ = [
    "EffectTable",
    "EffectTableError",
    "PerturbedCells",
    "effect_references",
    "of_effects",
    "perturbed_cells",
    "read_effects",
    "effects_tested",
]

COLUMNS = ("target", "gene", "effect", "q")
_EFFECTS = "effects:"
"""How the name of a source begins that is a table of effects, or was chosen from one."""
BETWEEN_TARGETS = "+"
"""What joins the targets of cells in which several genes were perturbed."""


class EffectTableError(ValueError):
    """A table of effects that cannot be used; the message names file, row and remedy."""


@dataclass(frozen=True)
class PerturbedCells:
    """What was perturbed in how many cells.

    Attributes
    ----------
    control
        Cells without perturbation.
    cells_of
        Cells by value of the perturbation column, the control left out, most first.
    not_genes
        Targets that are no gene of the cells, so that no reference can hold them.
    """

    control: int
    cells_of: Mapping[str, int]
    not_genes: tuple[str, ...]


def perturbed_cells(cells: CellSet) -> PerturbedCells:
    """Count the cells of each target; a value such as ``GATA1+KLF1`` names two targets.

    Raises
    ------
    CellDataError
        ``missing_labels`` if the cells have no perturbation role, no control cell, or no perturbed one.
    """
    if cells.perturbation is None or cells.control is None:
        raise CellDataError(
            CellErrorCode.MISSING_LABELS,
            "these cells declare no perturbation; name the column and its control value (perturbation, control)",
        )
    counted = Counter(cells.label(cells.perturbation))
    control = counted.pop(cells.control, 0)
    if not control or not counted:
        raise CellDataError(
            CellErrorCode.MISSING_LABELS,
            f"{control} cells are {cells.control!r} in {cells.perturbation!r} and {sum(counted.values())} are not; "
            "both kinds are needed",
        )
    known = set(cells.genes) | set(cells.ensembl or ())
    targets = sorted({target.strip() for value in counted for target in value.split(BETWEEN_TARGETS)})
    return PerturbedCells(
        control, dict(counted.most_common()), tuple(target for target in targets if target not in known)
    )


@dataclass(frozen=True, eq=False)
class EffectTable:
    """Effects of perturbed genes on genes.

    Attributes
    ----------
    name
        Short name, begins the ids of its references.
    pairs
        (target, gene) of each row, none twice, sorted.
    effect
        Effect of each row, finite; its sign is that of the change of the gene when the target is perturbed.
    q
        False-discovery rate of each row, in [0, 1].
    origins
        What the table was computed from, such as the source of the cells.

    Raises
    ------
    EffectTableError
        If a name is empty, a pair repeats, an effect is not finite or a q is out of range.
    """

    name: str
    pairs: tuple[Pair, ...]
    effect: tuple[float, ...]
    q: tuple[float, ...]
    origins: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        if not self.pairs or not len(self.pairs) == len(self.effect) == len(self.q):
            raise EffectTableError(
                f"{self.name}: {len(self.pairs)} pairs, {len(self.effect)} effects and {len(self.q)} q-values; "
                "a table has one of each a row, and a row at least"
            )
        first: dict[Pair, int] = {}
        for row, (pair, effect, q) in enumerate(zip(self.pairs, self.effect, self.q, strict=True), start=1):
            where = f"{self.name}, row {row} ({pair[0]}, {pair[1]})"
            if not all(pair):
                raise EffectTableError(f"{where}: target or gene is empty; fill it or drop the row")
            if not math.isfinite(effect):
                raise EffectTableError(f"{where}: the effect is {effect!r}; it is a finite number, or drop the row")
            if not 0 <= q <= 1:
                raise EffectTableError(f"{where}: q is {q!r}; a false-discovery rate lies in [0, 1], or drop the row")
            if pair in first:
                raise EffectTableError(f"{where}: row {first[pair]} has this pair too; keep one of them")
            first[pair] = row
        order = sorted(range(len(self.pairs)), key=self.pairs.__getitem__)
        for field in ("pairs", "effect", "q"):
            values = getattr(self, field)
            object.__setattr__(self, field, tuple(values[row] for row in order))

    @cached_property
    def sha256(self) -> str:
        """Content hash of the rows, in whatever order they came; not of name and origins."""
        return digest([[*pair, repr(effect), repr(q)] for pair, effect, q in zip(*self._columns, strict=True)])

    @property
    def _columns(self) -> tuple[Sequence[Pair], Sequence[float], Sequence[float]]:
        return self.pairs, self.effect, self.q

    @property
    def source(self) -> Source:
        """The table as a source, what it was computed from as parents."""
        return Source(f"{_EFFECTS}{self.name}", self.sha256, self.origins)

    @property
    def targets(self) -> tuple[str, ...]:
        """The perturbed genes, sorted."""
        return tuple(sorted({target for target, _ in self.pairs}))


def read_effects(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
    origins: Sequence[Source] = (),
) -> EffectTable:
    """Read effects from a ``.tsv``, ``.csv`` (packed by gzip or not) or ``.parquet`` file.

    Parameters
    ----------
    path
        The file, with a header; columns but the four are passed over.
    columns
        The file's own names of ``target``, ``gene``, ``effect`` and ``q``, where they differ.
    name
        Name of the table; the file's by default.
    origins
        What it was computed from.

    Raises
    ------
    EffectTableError
        If there is no such file or column, or a row cannot be used; see :class:`EffectTable`.
    """
    path = Path(path)
    chosen = {column: (columns or {}).get(column, column) for column in COLUMNS}
    if unknown := sorted(set(columns or ()) - set(COLUMNS)):
        raise EffectTableError(f"columns are renamed that a table of effects lacks: {unknown}; it has {COLUMNS}")
    table = _table(path)
    missing = [column for column in chosen.values() if column not in table.columns]
    if missing:
        raise EffectTableError(
            f"{path}: no column {', '.join(map(repr, missing))}; there is {', '.join(map(repr, table.columns))}: say "
            f"which stand for {', '.join(COLUMNS)}"
        )
    texts = {key: ["" if _absent(value) else str(value).strip() for value in table[chosen[key]]] for key in COLUMNS[:2]}
    numbers = {key: [_number(value, path, row, key) for row, value in enumerate(table[chosen[key]], start=1)]
               for key in COLUMNS[2:]}  # fmt: skip
    return EffectTable(
        name or path.name.partition(".")[0],
        tuple(zip(texts["target"], texts["gene"], strict=True)),
        tuple(numbers["effect"]),
        tuple(numbers["q"]),
        tuple(origins),
    )


def _table(path: Path) -> Any:
    import pandas as pd

    if not path.is_file():
        raise EffectTableError(f"no file {str(path)!r}")
    plain = path.name.removesuffix(".gz")
    try:
        if plain.endswith((".parquet", ".pq")):
            return pd.read_parquet(path)
        if plain.endswith((".csv", ".tsv", ".txt")):
            # Text as it stands: a gene called NA is a gene.
            separator = "," if plain.endswith(".csv") else "\t"
            return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    except Exception as error:
        # Each of the libraries below has errors of its own for a file that is none.
        raise EffectTableError(f"{path} cannot be read ({type(error).__name__}: {error}); write it again") from error
    raise EffectTableError(f"{path} is none of the forms that are read: .tsv, .csv or .parquet")


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _number(value: Any, path: Path, row: int, column: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise EffectTableError(f"{path}, row {row}: {column} is {value!r}, which is no number; mend it") from None


def effect_references(
    table: EffectTable, *, q: float, perturbed: Literal["loss", "gain"] = "loss", least_effect: float = 0.0
) -> tuple[Reference, ...]:
    """Return the significant effects as regulons: all of them, the activating and the repressing ones.

    Parameters
    ----------
    table
        The effects.
    q
        Threshold; effects with a q below it are edges. It is part of what the references say of themselves.
    perturbed
        What was done to targets. Under ``loss`` (knock-out, knock-down) a gene that falls was activated, under ``gain``
        (over-expression, CRISPRa) one that rises. An effect of exactly 0 has no sign.
    least_effect
        Effects whose magnitude is below it, in the table's own unit, are no edges; part of the references likewise.

    Raises
    ------
    EffectTableError
        If a threshold is out of range or no effect between two genes passes them.
    """
    if not 0 < q <= 1:
        raise EffectTableError(f"q is {q!r}; a threshold lies above 0 and at most at 1, such as 0.05")
    if not (math.isfinite(least_effect) and least_effect >= 0):
        raise EffectTableError(f"least_effect is {least_effect!r}; it is a magnitude of 0 or more, such as 0.5")
    signs: dict[Pair, Sign] = {}
    loops: list[str] = []
    for pair, effect, rate in zip(table.pairs, table.effect, table.q, strict=True):
        if rate >= q or abs(effect) < least_effect:
            continue
        if pair[0] == pair[1]:
            loops.append(pair[0])  # that a perturbed gene changes itself is the perturbation
        else:
            rises = effect if perturbed == "gain" else -effect
            signs[pair] = "activation" if rises > 0 else "repression" if rises < 0 else "unknown"
    if not signs:
        raise EffectTableError(
            f"{table.name}: none of {len(table.pairs)} effects between two genes has a q below {q!r}"
            + (f" and a magnitude of {least_effect!r} or more" if least_effect else "")
            + f"; the lowest q is {min(table.q)!r}"
        )
    thresholds = [table.sha256, repr(q), perturbed, *([repr(least_effect)] if least_effect else [])]
    chosen = Source(f"{_EFFECTS}{table.name}:{perturbed}", digest(thresholds), (table.source,))
    return regulon_references(RegulonTable(table.name, signs, tuple(loops), chosen))


def of_effects(reference: Reference) -> bool:
    """Return whether a reference comes from a table of effects of perturbations, by :func:`effect_references` or so."""
    return any(source.name.startswith(_EFFECTS) for source in reference.source.ancestry().values())


def effects_tested(table: EffectTable) -> Reference:
    """Return every pair of a table as a regulon, whatever its effect: which genes were tested under which perturbation.

    A gene without a row was not tested, so it is no gene that did not respond. Whoever ranks the genes of
    :func:`effect_references` ranks them among these.

    Raises
    ------
    EffectTableError
        If no row is of two different genes.
    """
    members = tuple(pair for pair in table.pairs if pair[0] != pair[1])
    if not members:
        raise EffectTableError(f"{table.name}: every row is of a gene with itself; give effects on other genes too")
    return Reference(
        id=f"{table.name}.tested",
        title=f"{table.name} tested pairs",
        kind="regulon",
        members=members,
        definition=f"every pair of two genes that {table.name} has a row of, whatever its effect",
        origins=(table.source,),
    )
