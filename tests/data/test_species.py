"""The species that is declared is compared with the names and ids of genes."""

from __future__ import annotations

from pathlib import Path

import pytest

from theodolite.data import CellDataError, CellErrorCode, load_cells, load_pbmc
from theodolite.data.species import (
    check_orientation,
    check_species,
    known_species,
    likely_species,
    species_evidence,
)

HUMAN = ("ACTB", "GAPDH", "CD3E", "CD74", "MYC", "FOS", "JUN", "KLF1", "GATA1", "HLA-A")
MOUSE = ("Actb", "Gapdh", "Cd3e", "Cd74", "Myc", "Fos", "Jun", "Klf1", "Gata1", "H2-K1")


def ids(prefix: str, number: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{place:011d}" for place in range(1, number + 1))


@pytest.mark.parametrize(
    ("declared", "genes", "ensembl"),
    [
        ("human", HUMAN, None),
        ("Homo sapiens", HUMAN, None),
        ("macaque", HUMAN, None),  # written alike: symbols cannot tell
        ("mouse", MOUSE, None),
        ("rat", MOUSE, None),
        ("mouse", MOUSE, ids("ENSMUSG", 10)),
        ("human", ids("ENSG", 10), None),
        ("human", HUMAN[:3], None),  # too few to say anything
        ("planted", MOUSE, None),
    ],
)
def test_what_agrees_passes(declared: str, genes: tuple[str, ...], ensembl: tuple[str, ...] | None) -> None:
    assert declared in check_species(declared, species_evidence(genes, ensembl))


@pytest.mark.parametrize(
    ("declared", "genes", "ensembl", "likely"),
    [
        ("mouse", HUMAN, None, "human"),
        ("human", MOUSE, None, "mouse"),
        ("zebrafish", HUMAN, None, "human"),
        ("macaque", HUMAN, ids("ENSG", 10), "human"),
        ("human", ids("ENSMUSG", 10), None, "mouse"),
        ("human", tuple(f"mm10_{gene}" for gene in MOUSE), None, "mouse"),
    ],
)
def test_what_does_not_is_refused_with_the_likely_species(
    declared: str, genes: tuple[str, ...], ensembl: tuple[str, ...] | None, likely: str
) -> None:
    evidence = species_evidence(genes, ensembl)
    assert likely_species(evidence) == likely
    with pytest.raises(CellDataError, match=f"declare `species: {likely}`") as caught:
        check_species(declared, evidence)
    assert caught.value.code is CellErrorCode.WRONG_SPECIES


def test_two_species_in_one_set_are_refused() -> None:
    both = tuple(f"GRCh38_{gene}" for gene in HUMAN) + tuple(f"mm10___{gene}" for gene in MOUSE)
    for declared in ("human", "mouse", "planted"):
        with pytest.raises(CellDataError, match="several species"):
            check_species(declared, species_evidence(both))


def test_every_species_is_known_by_its_prefix() -> None:
    assert {"human", "mouse", "rat", "zebrafish"} <= set(known_species())
    assert species_evidence(ids("ENSDARG", 9)).by_prefix == {"zebrafish": 9}
    assert species_evidence(ids("ENSXXXG", 9)).words.startswith("none")


def test_rows_that_are_called_like_genes_are_a_transposed_matrix() -> None:
    cells = tuple(f"cell_{number}" for number in range(20))
    check_orientation(HUMAN, cells)
    check_orientation(HUMAN, HUMAN)  # guides may be called by genes
    with pytest.raises(CellDataError, match="transposed"):
        check_orientation(cells, HUMAN)


def test_the_packaged_cells_are_human() -> None:
    cells = load_pbmc()
    evidence = species_evidence(cells.genes)
    assert likely_species(evidence) == "human" and set(evidence.by_style) == {"CAPITALS"}


def test_real_mouse_and_human_cells(shared_data: Path) -> None:
    mouse = shared_data / "cells" / "paul15_mouse_hematopoiesis.h5ad"
    human = shared_data / "cells" / "mixology_rna_mixtures.h5ad"
    assert load_cells(mouse, species="mouse").species == "mouse"
    assert load_cells(human, species="human").species == "human"
    for path, wrong, likely in ((mouse, "human", "mouse"), (human, "mouse", "human")):
        with pytest.raises(CellDataError, match=f"look like genes of {likely}"):
            load_cells(path, species=wrong)
