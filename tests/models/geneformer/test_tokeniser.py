"""Rank-value encoding against a slow restatement of it, on made-up cells and on real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from theodolite.data import CellSet, load_cells
from theodolite.data.counts import CellDataError
from theodolite.models.geneformer.dictionaries import GeneDictionary, Specials, read_dictionary
from theodolite.models.geneformer.tokeniser import depths, rank_value_tokens
from theodolite.models.geneformer.writing import made_up_genes
from theodolite.models.tokens import Tokens

N_GENES = 9
IDS = tuple(made_up_genes(N_GENES))
MEDIANS = np.array([1.0, 2.0, 2.0, 0.5, 4.0, 1.0, 3.0, 1.0, 2.5])


def dictionary(version: int = 2, medians: NDArray[np.float64] = MEDIANS, **options: Any) -> GeneDictionary:
    specials = Specials(0, 1) if version == 1 else Specials(0, 1, 2, 3)
    first = 2 + specials.framing
    ids = tuple(made_up_genes(len(medians)))
    return GeneDictionary(
        ensembl=ids,
        names=tuple(f"GENE{index}" for index in range(len(ids))),
        medians=medians,
        token_ids=np.arange(first, first + len(ids), dtype=np.int32),
        aliases=options.get("aliases", {}),
        specials=specials,
        sha256="0" * 64,
    )


def cells_of(counts: Any, genes: tuple[str, ...] = IDS, **options: Any) -> CellSet:
    counts = np.asarray(counts)
    names = tuple(f"cell{row}" for row in range(len(counts)))
    return CellSet.from_counts("made-up", counts, genes, names, species="human", origin="a test", **options)


def restated(cells: CellSet, known: GeneDictionary, context: int) -> list[list[int]]:
    """The encoding in plain numpy, one cell at a time, word by word as it is specified."""
    places = known.vocabulary.places(cells)
    dense = cells.counts.toarray().astype(np.float64)
    n_counts = dense.sum(axis=1)
    found = []
    for cell in range(len(dense)):
        summed = np.zeros(len(known.ensembl))
        for column, place in enumerate(places):
            if place >= 0:
                summed[place] += dense[cell, column]
        value = summed / n_counts[cell] * 10_000 / known.medians
        order = np.argsort(-value, kind="stable")
        tokens = [int(known.token_ids[place]) for place in order if value[place] > 0]
        if known.specials.cls is None:
            found.append(tokens[:context])
        else:
            found.append([2, *tokens[: context - 2], 3])
    return found


def by_cell(tokens: Tokens) -> list[list[int]]:
    return [tokens.ids[a:b].tolist() for a, b in zip(tokens.indptr[:-1], tokens.indptr[1:], strict=True)]


counts_of_cells = st.lists(
    st.lists(st.integers(0, 6), min_size=N_GENES, max_size=N_GENES).filter(any), min_size=1, max_size=4
)


@given(counts=counts_of_cells, version=st.sampled_from([1, 2]), context=st.integers(3, 12), threads=st.integers(1, 3))
def test_it_is_the_encoding_as_specified(counts: list[list[int]], version: int, context: int, threads: int) -> None:
    cells, known = cells_of(counts), dictionary(version)
    tokens = rank_value_tokens(cells, known, context, threads=threads)
    assert by_cell(tokens) == restated(cells, known, context)
    expressed = (np.array(counts) > 0).sum(axis=1)
    framing = known.specials.framing
    assert (tokens.lengths + tokens.cut == expressed + framing).all()
    assert (tokens.genes >= 0).sum() == tokens.lengths.sum() - framing * len(counts)


@given(counts=counts_of_cells, factor=st.integers(2, 1000))
def test_sequencing_a_cell_deeper_alters_no_token(counts: list[list[int]], factor: int) -> None:
    known = dictionary()
    once = rank_value_tokens(cells_of(counts), known, 7)
    deeper = rank_value_tokens(cells_of(np.array(counts) * factor), known, 7)
    assert by_cell(once) == by_cell(deeper)


@given(counts=counts_of_cells, order=st.permutations(range(N_GENES)))
def test_the_order_of_columns_alters_no_token(counts: list[list[int]], order: list[int]) -> None:
    known = dictionary()
    moved = cells_of(np.array(counts)[:, order], tuple(IDS[column] for column in order))
    assert by_cell(rank_value_tokens(moved, known, 6)) == by_cell(rank_value_tokens(cells_of(counts), known, 6))


@given(counts=counts_of_cells, context=st.integers(1, 9))
def test_what_is_cut_is_never_above_what_is_kept(counts: list[list[int]], context: int) -> None:
    known = dictionary(1)
    tokens = rank_value_tokens(cells_of(counts), known, context)
    values = np.array(counts) / MEDIANS
    for row, (start, stop) in enumerate(zip(tokens.indptr[:-1], tokens.indptr[1:], strict=True)):
        kept = tokens.genes[start:stop]
        assert (np.diff(values[row, kept]) <= 1e-12).all()
        rest = np.setdiff1d(np.flatnonzero(values[row]), kept)
        assert not len(rest) or values[row, rest].max() <= values[row, kept].min() + 1e-12


def test_equal_values_stand_in_the_order_of_the_vocabulary() -> None:
    tokens = rank_value_tokens(cells_of([[1, 2, 2, 0, 4, 1, 3, 1, 0]]), dictionary(1), 9)
    assert tokens.genes.tolist() == [0, 1, 2, 4, 5, 6, 7]


def test_columns_of_one_gene_are_summed_and_every_count_is_depth() -> None:
    genes = (IDS[0], "OLD0", "GENE1", "unknown")
    known = dictionary(aliases={"OLD0": IDS[0], "GENE1": IDS[1]})
    cells = cells_of([[3, 4, 10, 83], [0, 1, 3, 0]], genes)
    assert depths(cells).tolist() == [100.0, 4.0]
    tokens = rank_value_tokens(cells, known, 8)
    # 7 of the first gene against 10 / 2 of the second; then 1 against 3 / 2.
    assert by_cell(tokens) == [[2, 4, 5, 3], [2, 5, 4, 3]]


def test_ids_of_the_cells_come_before_their_names() -> None:
    cells = cells_of([[1, 4]], ("GENE7", "GENE8"), ensembl=(IDS[3], ""))
    # Not the eighth gene but the fourth, 1 / 0.5; then 4 / 2.5 of the ninth.
    assert rank_value_tokens(cells, dictionary(1), 5).genes.tolist() == [3, 8]


def test_a_column_of_depths_comes_before_the_sum_of_counts() -> None:
    cells = cells_of([[1, 5], [2, 2]], IDS[:2], labels={"n_counts": ["10.0", "4"]})
    assert depths(cells).tolist() == [10.0, 4.0]
    with pytest.raises(CellDataError, match=r"n_counts of cell 'cell1' is 'nan'"):
        depths(cells_of([[1, 5], [2, 2]], IDS[:2], labels={"n_counts": ["10.0", "nan"]}))


def test_depth_is_that_of_the_whole_cell_where_genes_were_left_out() -> None:
    whole = cells_of([[5, 7, 1, 0, 0, 0, 0, 0, 29]])
    part = replace(whole, genes=IDS[:2], counts=whole.counts[:, :2])
    assert depths(part).tolist() == [42.0]


def test_shuffled_cells_are_ranked_by_the_values_they_carry() -> None:
    draw = np.random.default_rng(3)
    cells = cells_of(draw.integers(1, 30, (40, N_GENES)))
    shuffled = cells.shuffled_within_gene(5)
    known = dictionary(1)
    tokens = rank_value_tokens(shuffled, known, N_GENES)
    assert shuffled.normalised is not None
    values = np.expm1(shuffled.normalised.toarray()) / MEDIANS
    for row in range(40):
        assert (np.diff(values[row, tokens.genes[tokens.indptr[row] : tokens.indptr[row + 1]]]) <= 1e-5).all()
    assert by_cell(tokens) != by_cell(rank_value_tokens(cells, known, N_GENES))
    with pytest.raises(ValueError, match="shuffled within genes"):
        depths(shuffled)


def test_many_cells_in_many_blocks_are_as_one_at_a_time() -> None:
    draw = np.random.default_rng(1)
    counts = draw.poisson(0.7, (700, N_GENES))
    counts[:, 4] += 1
    cells, known = cells_of(counts), dictionary()
    tokens = rank_value_tokens(cells, known, 6, threads=2)
    assert by_cell(tokens) == restated(cells, known, 6)
    alone = rank_value_tokens(cells.take_cells(["cell400"]), known, 6)
    assert by_cell(alone) == [by_cell(tokens)[400]]


def test_cells_that_cannot_be_read_are_refused_by_name() -> None:
    counts = np.ones((2, 3), dtype=int)
    with pytest.raises(CellDataError, match=r"wrong_species: .*'mouse'.*has a model of its own"):
        rank_value_tokens(replace(cells_of(counts, IDS[:3]), species="mouse"), dictionary(), 8)
    with pytest.raises(CellDataError, match=r"no_known_gene: .*named such as 'A'"):
        rank_value_tokens(cells_of(counts, ("A", "B", "C")), dictionary(), 8)
    with pytest.raises(CellDataError, match=r"no_known_gene: 1 of 2 cells express no gene .*'cell1'"):
        rank_value_tokens(cells_of([[1, 1], [0, 1]], (IDS[0], "B")), dictionary(), 8)
    with pytest.raises(CellDataError, match=r"filtered: 1 of 2 cells have filter_pass other than 1"):
        rank_value_tokens(cells_of(counts, IDS[:3], labels={"filter_pass": ["1", "0"]}), dictionary(), 8)
    with pytest.raises(ValueError, match="context=2 leaves no room"):
        rank_value_tokens(cells_of(counts, IDS[:3]), dictionary(), 2)


@pytest.fixture(scope="module")
def mixology(shared_data: Path) -> CellSet:
    path = shared_data / "cells" / "mixology_cell_lines.h5ad"
    return load_cells(path, layer="X", labels=["cell_line"], batch="batch", species="human", gene_column="index")


@pytest.mark.parametrize(("size", "context"), [(25_426, 2_048), (20_275, 4_096)])
def test_real_cells_with_the_published_dictionaries(
    shared_data: Path, tmp_path: Path, mixology: CellSet, size: int, context: int
) -> None:
    for path in (shared_data / "tokenizers").glob("*.pkl"):
        (tmp_path / path.name).symlink_to(path)
    known = read_dictionary(tmp_path, size)
    some = mixology.take_cells(mixology.cells[::60])
    tokens = rank_value_tokens(some, known, context, threads=2)
    assert by_cell(tokens) == restated(some, known, context)
    # By hand from the file: 16,420 counts in the cell, 41 of TRIM28, whose median is 2.369 in V1 and 1.663 in V2.
    assert (some.cells[0], depths(some)[0]) == ("celseq2_3cl_A1", 16_420.0)
    framing = known.specials.framing
    firsts = [known.names[gene] for gene in tokens.genes[framing // 2 :][:7]]
    assert firsts == FIRSTS[size]
    assert 41 / 16_420 * 10_000 / known.medians[tokens.genes[framing // 2]] == pytest.approx(
        VALUE_OF_TRIM28[size], abs=0.005
    )
    # In V2 the retired id ENSG00000237513 and ENSG00000005483 are one gene.
    places = dict(zip(some.genes, known.vocabulary.places(some), strict=True))
    retired, kept = places["ENSG00000237513"], places["ENSG00000005483"]
    assert kept >= 0 and (retired == kept) == (size == 20_275)
    assert (places["ENSG00000237513"] == -1) == (size == 25_426)
    assert len(set(places.values()) - {-1}) == KNOWN[size]
    assert (tokens.lengths <= context).all() and tokens.cut[0] == max(0, EXPRESSED[size] - context + framing)


FIRSTS = {
    25_426: ["TRIM28", "TUBA1B", "PTBP1", "MT2A", "SERPINE1", "TAF10", "LDHA"],
    20_275: ["TRIM28", "TUBA1B", "MT2A", "HSPB1", "MT-ND4", "LAMB3", "PTBP1"],
}
VALUE_OF_TRIM28 = {25_426: 10.54, 20_275: 15.02}
KNOWN = {25_426: 14_119, 20_275: 13_938}
EXPRESSED = {25_426: 4_114, 20_275: 4_100}
