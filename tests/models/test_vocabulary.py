"""Genes of cells among the genes of a model: by name or id, wherever they stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.data import CellSet
from theodolite.models.vocabulary import Vocabulary

IDS = ("ENSG00000000001", "ENSG00000000002", "ENSG00000000003")


def cells_of(genes: list[str], ensembl: tuple[str, ...] | None = None) -> CellSet:
    from dataclasses import replace

    counts = np.ones((1, len(genes)), dtype=int)
    made = CellSet.from_counts("here", counts, genes, ["c"], species="human", origin="here")
    return replace(made, ensembl=ensembl)


def test_a_model_of_symbols_is_asked_for_the_name_as_it_stands() -> None:
    vocabulary = Vocabulary(("ACTB", "CD3E", "IGHM"))
    assert vocabulary.places(cells_of(["IGHM", "cd3e", "ACTB", "NKG7"])).tolist() == [2, -1, 0, -1]


@given(st.permutations(range(3)))
def test_the_order_of_the_cells_genes_plays_no_part(order: list[int]) -> None:
    vocabulary = Vocabulary(("ACTB", "CD3E", "IGHM"), IDS)
    genes = [vocabulary.names[place] for place in order]
    assert vocabulary.places(cells_of(genes)).tolist() == order
    assert vocabulary.places(cells_of(["x", "y", "z"], tuple(IDS[place] for place in order))).tolist() == order


def test_an_id_comes_before_a_name_and_is_final() -> None:
    vocabulary = Vocabulary(("ACTB", "CD3E", "IGHM"), IDS, {"ENSG99999999999": IDS[2], "OLD": IDS[1]})
    named = cells_of(["ACTB", "ACTB2", "CD3E", "OLD"], ("ENSG99999999999", "", "ENSG00000000777", ""))
    # By an older id; unknown; an id that the model does not know, whatever the name; by an older name.
    assert vocabulary.places(named).tolist() == [2, -1, -1, 1]


def test_genes_that_repeat_are_refused() -> None:
    with pytest.raises(ValueError, match="names of the vocabulary repeat"):
        Vocabulary(("ACTB", "ACTB"))
    with pytest.raises(ValueError, match="2 Ensembl ids for 3 names"):
        Vocabulary(("A", "B", "C"), IDS[:2])
