"""Of which species genes are, by Ensembl prefixes and by symbols, beside the species that is declared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from theodolite.data.aliases import ensembl_id
from theodolite.data.counts import CellDataError, CellErrorCode
from theodolite.data.families import load_families

__all__ = [
    "SpeciesEvidence",
    "check_orientation",
    "check_species",
    "known_species",
    "likely_species",
    "species_evidence",
]

Style = Literal["CAPITALS", "Title", "lower"]

_PREFIXES = {
    "human": "ENSG", "mouse": "ENSMUSG", "rat": "ENSRNOG", "macaque": "ENSMMUG", "cynomolgus": "ENSMFAG",
    "marmoset": "ENSCJAG", "chimpanzee": "ENSPTRG", "pig": "ENSSSCG", "cow": "ENSBTAG", "dog": "ENSCAFG",
    "rabbit": "ENSOCUG", "chicken": "ENSGALG", "zebrafish": "ENSDARG", "frog": "ENSXETG",
}  # fmt: skip
_OTHER_STYLES: Mapping[str, Style] = {"mouse": "Title", "rat": "Title", "zebrafish": "lower", "frog": "lower"}
_LATIN = {
    "homo sapiens": "human", "mus musculus": "mouse", "rattus norvegicus": "rat", "macaca mulatta": "macaque",
    "macaca fascicularis": "cynomolgus", "callithrix jacchus": "marmoset", "pan troglodytes": "chimpanzee",
    "sus scrofa": "pig", "bos taurus": "cow", "canis lupus familiaris": "dog", "oryctolagus cuniculus": "rabbit",
    "gallus gallus": "chicken", "danio rerio": "zebrafish", "xenopus tropicalis": "frog",
}  # fmt: skip
_GENOMES = {"GRCh": "human", "hg": "human", "GRCm": "mouse", "mm": "mouse"}
_GENOME = re.compile(r"(GRCh|hg|GRCm|mm)\d+_+")
_FEW = 8
_NEARLY_ALL = 0.9
_MIXED = 0.05


@dataclass(frozen=True)
class SpeciesEvidence:
    """What names of genes say of their species.

    Attributes
    ----------
    by_prefix
        Genes by species, of those with an Ensembl id of a known prefix or the name of a genome before their symbol.
    by_style
        Well-known genes by how their symbol is written: ``CAPITALS`` (human and most others), ``Title`` (mouse, rat),
        ``lower`` (zebrafish, frog).
    by_mark
        Genes by species, of those that are called so in one species only.
    """

    by_prefix: Mapping[str, int]
    by_style: Mapping[str, int]
    by_mark: Mapping[str, int]

    @property
    def words(self) -> str:
        """The evidence in one line."""
        parts = [f"{times} genes with Ensembl ids or genome names of {name}" for name, times in self.by_prefix.items()]
        parts += [f"{times} well-known genes written in {style}" for style, times in self.by_style.items()]
        parts += [f"{times} genes named so in {name} only" for name, times in self.by_mark.items()]
        return "; ".join(parts) or "none: no Ensembl id and no well-known symbol"


@cache
def _known() -> tuple[frozenset[str], Mapping[str, str]]:
    """Return well-known symbols in capitals, and the species of symbols that one species has."""
    text = files("theodolite.data").joinpath("tables", "species_symbols.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")][1:]
    common = {symbol for symbol, species in rows if species == "any"}
    # Symbols with a hyphen or a small letter are of clones, mitochondria or reading frames, and follow other rules.
    common |= {gene for gene in load_families().family if gene.isalnum() and gene.isupper() and len(gene) > 2}
    return frozenset(common), {symbol: species for symbol, species in rows if species != "any"}


def known_species() -> tuple[str, ...]:
    """Return the species that can be checked."""
    return tuple(_PREFIXES)


def _style(name: str) -> Style | None:
    letters = [letter for letter in name if letter.isalpha()]
    if all(letter.isupper() for letter in letters):
        return "CAPITALS"
    if all(letter.islower() for letter in letters):
        return "lower"
    return "Title" if name[0].isupper() and name[1:] == name[1:].lower() else None


def species_evidence(genes: Sequence[str], ensembl: Sequence[str] | None = None) -> SpeciesEvidence:
    """Gather what names and Ensembl ids of genes say of their species."""
    common, marks = _known()
    species_of = {prefix: name for name, prefix in _PREFIXES.items()}
    prefixes: Counter[str] = Counter()
    styles: Counter[str] = Counter()
    marked: Counter[str] = Counter()
    for place, gene in enumerate(genes):
        genome = _GENOME.match(gene)
        name = gene[genome.end() :] if genome else gene
        found = (ensembl[place] if ensembl is not None else "") or ensembl_id(name)
        species = species_of.get(found[:-11]) if found else _GENOMES[genome.group(1)] if genome else None
        if species is not None:
            prefixes[species] += 1
        if name.upper() in common and (style := _style(name)) is not None:
            styles[style] += 1
        if name in marks:
            marked[marks[name]] += 1
    return SpeciesEvidence(*(dict(found.most_common()) for found in (prefixes, styles, marked)))


def check_species(declared: str, evidence: SpeciesEvidence) -> str:
    """Compare a declared species with the evidence, and say what came of it.

    Raises
    ------
    CellDataError
        ``wrong_species`` where the evidence speaks against the declaration, or for two species in one set.
    """
    total = sum(evidence.by_prefix.values())
    several = [name for name, times in evidence.by_prefix.items() if times > _MIXED * total and times >= _FEW]
    if len(several) > 1:
        raise CellDataError(
            CellErrorCode.WRONG_SPECIES,
            f"these cells have genes of several species ({evidence.words}); keep the genes and cells of one",
        )
    plain = _LATIN.get(declared.lower(), declared.lower())
    if plain not in _PREFIXES:
        return f"{declared!r} is none of the species that can be checked ({', '.join(_PREFIXES)})"
    if total >= _FEW and evidence.by_prefix.get(plain, 0) < (1 - _NEARLY_ALL) * total:
        raise _wrong(declared, next(iter(evidence.by_prefix)), evidence)
    style = _OTHER_STYLES.get(plain, "CAPITALS")
    written = sum(evidence.by_style.values())
    if total < _FEW and written >= _FEW and evidence.by_style.get(style, 0) < (1 - _NEARLY_ALL) * written:
        raise _wrong(declared, likely_species(evidence), evidence)
    if total < _FEW and written < _FEW:
        return f"{declared!r} is taken on trust: there are too few Ensembl ids and well-known symbols to check it"
    return f"names and ids of the genes agree with {declared!r}"


def likely_species(evidence: SpeciesEvidence) -> str:
    """Return the species that the evidence speaks for, ``unknown`` where there is too little."""
    if sum(evidence.by_prefix.values()) >= _FEW:
        return next(iter(evidence.by_prefix))
    if sum(evidence.by_style.values()) < _FEW:
        return "unknown"
    of_style = {"CAPITALS": "human", "Title": "mouse", "lower": "zebrafish"}[next(iter(evidence.by_style))]
    return next(iter(evidence.by_mark), of_style)


def _wrong(declared: str, likely: str, evidence: SpeciesEvidence) -> CellDataError:
    return CellDataError(
        CellErrorCode.WRONG_SPECIES,
        f"species is {declared!r}, but these look like genes of {likely} ({evidence.words}); "
        f"declare `species: {likely}`, and take model, references and families of that species",
    )


def check_orientation(genes: Sequence[str], cells: Sequence[str]) -> None:
    """Refuse a matrix whose rows are called like genes and whose columns are not.

    Raises
    ------
    CellDataError
        ``transposed``.
    """
    common, marks = _known()

    def likeness(names: Sequence[str]) -> int:
        return sum(bool(ensembl_id(name)) or name.upper() in common or name in marks for name in names)

    rows, columns = likeness(cells), likeness(genes)
    if rows >= _FEW and columns < (1 - _NEARLY_ALL) * rows:
        raise CellDataError(
            CellErrorCode.TRANSPOSED,
            f"{rows} of {len(cells)} rows are called like genes and {columns} of {len(genes)} columns are; cells are "
            "rows here: write the file again from the transposed matrix",
        )
