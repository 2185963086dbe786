"""Human regulons on the mixology cells: references, families and cells of the evidence that needs real data."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from theodolite.data import Reference, read_collectri, read_tf_classes, read_trrust, regulon_references

ROOT = Path(__file__).resolve().parents[2]
MIXOLOGY = "cells/mixology_cell_lines.h5ad"

SUPERCLASSES = {
    "basic-domains": ("bHLH", "bZIP"),
    "zinc-domains": ("C2H2 ZF", "Nuclear receptor", "GATA", "CCCH ZF", "DM", "BED ZF", "THAP finger", "MBD", "CxxC"),
    "helix-turn-helix": (
        "Homeodomain", "POU", "Paired box", "CUT", "Forkhead", "HSF", "Ets", "IRF", "TEA", "ARID/BRIGHT", "Myb/SANT",
        "RFX", "E2F",
    ),
    "immunoglobulin-fold": ("Rel", "STAT", "p53", "Runt", "T-box", "Grainyhead", "CSL"),
}  # fmt: skip
"""Superclasses of DNA-binding domains after TFClass (Wingender et al. 2018), by the domain names of Lambert et al."""

LEAST_EDGES, LEAST_REGULATORS = 200, 8
"""A block of two thirds of the families holds some four ninths of the edges; effects of 0.15 need about 100 of them."""

_STEM = re.compile(r"[A-Za-z]+")


def shared_data() -> Path | None:
    """Return the folder of real cells and references, None where this machine has none."""
    folder = Path(os.environ.get("THEODOLITE_SHARED_DATA") or ROOT.parent / "shared" / "data")
    return folder if (folder / MIXOLOGY).is_file() else None


def human_regulons(data: Path, genes: frozenset[str]) -> tuple[tuple[Reference, ...], dict[str, tuple[str, ...]]]:
    """Return references of distinct content between some genes, and the DNA-binding classes of factors.

    TRRUST and CollecTRI, each whole, by sign, by class or superclass of the domain or by all superclasses but one, and
    by sign and class; what is too small for a test in any split is left out.
    """
    folder = data / "references"
    classes = read_tf_classes((folder / "lambert2018_tfs_dbd.tsv").read_text(encoding="utf-8"))
    wider = {gene: (*found, *_superclasses(found)) for gene, found in classes.items()}
    by_content: dict[str, Reference] = {}
    for table in (
        read_trrust((folder / "trrust_rawdata.human.tsv").read_text(encoding="utf-8")),
        read_collectri((folder / "collectri.csv").read_text(encoding="utf-8")),
    ):
        signs = {edge: sign for edge, sign in table.signs.items() if genes.issuperset(edge)}
        for reference in regulon_references(replace(table, signs=signs), wider):
            if len(reference.members) >= LEAST_EDGES and len(reference.regulators) >= LEAST_REGULATORS:
                by_content.setdefault(reference.sha256, reference)
    return tuple(by_content.values()), classes


def _superclasses(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the superclasses of a factor, and ``all-but-NAME`` for each that it has no part in, if it has any."""
    own = tuple(name for name, members in SUPERCLASSES.items() if set(members) & set(classes))
    return (*own, *(f"all-but-{name}" for name in SUPERCLASSES if own and name not in own))


def provisional_families(genes: Iterable[str], classes: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return a family for every gene, made by rule: provisional, and coarser than homology rather than finer.

    No person curated it and no sequence was compared, so it must not leave this folder. A factor's family is its
    DNA-binding classes and the first three letters with which its symbol begins: GATA1 to GATA6 are one family, and so
    are all HOX genes, all FOX genes and all ZNF genes; KLF and SP, which are one subfamily, are one. Any other gene's
    family is the letters with which its symbol begins, where there are two or more (CDKN1A and CDKN2A; every IL), and
    the gene itself otherwise. Paralogues mostly share a stem, so that merging by stem puts them together; unrelated
    genes of one stem are merged too, which makes the unit of exchangeability larger and the tests weaker, never bolder.
    """
    family = {}
    for gene in genes:
        match = _STEM.match(gene)
        stem = match.group() if match else gene
        if gene in classes:
            short = {"KLF": "SP"}.get(stem[:3], stem[:3])
            family[gene] = f"{'+'.join(classes[gene]) or 'factor'}:{short}"
        else:
            family[gene] = stem if len(stem) > 1 else gene
    return family


def _cells_with_count(counts: sparse.csr_array) -> NDArray[np.int64]:
    return np.asarray((counts > 0).sum(axis=0), dtype=np.int64).ravel()


@dataclass(frozen=True)
class Mixology:
    """Counts of five lung-cancer cell lines.

    Attributes
    ----------
    genes
        Symbols that name one column only.
    line
        Cell line of each cell.
    counts
        Shape (cells, genes).
    """

    genes: tuple[str, ...]
    line: NDArray[np.str_]
    counts: sparse.csr_array

    @classmethod
    def read(cls, data: Path) -> Mixology:
        """Read the file of the shared data."""
        import anndata

        read = anndata.read_h5ad(data / MIXOLOGY)
        symbols = np.array([str(symbol) for symbol in read.var["symbol"]])
        names, column, times = np.unique(symbols, return_index=True, return_counts=True)
        kept = np.sort(column[(times == 1) & ~np.isin(names, ["", "nan"])])
        counts = sparse.csr_array(sparse.csc_array(read.X)[:, kept])
        return cls(tuple(symbols[kept]), np.array(read.obs["cell_line"].astype(str)), counts)

    @property
    def lines(self) -> tuple[str, ...]:
        """The cell lines by name."""
        return tuple(str(name) for name in np.unique(self.line))

    def detected(self, share: float, samples: Iterable[sparse.csr_array], least: int) -> frozenset[str]:
        """Return the genes with a count in more than a share of all cells and in so many cells of every sample.

        A gene without a count in a sample has no vector there, and two such genes cannot be told apart: a test that
        scores both is refused.
        """
        kept = _cells_with_count(self.counts) > share * self.counts.shape[0]
        for sample in samples:
            kept &= _cells_with_count(sample) >= least
        return frozenset(gene for gene, found in zip(self.genes, kept, strict=True) if found)

    def sample(self, line: str, n: int, seed: int) -> sparse.csr_array:
        """Return the counts of n cells of a line, drawn without replacement."""
        rows = np.flatnonzero(self.line == line)
        return self.counts[np.sort(np.random.default_rng(seed).choice(rows, n, replace=False))]
