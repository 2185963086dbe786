"""What a description may read of one set of genes."""

from __future__ import annotations

import numpy as np
import pytest
from small_subjects import subject

from theodolite.data import load_pbmc
from theodolite.descriptions import DescriptionError, Subject
from theodolite.experiments.workbench import GeneWorkbench
from theodolite.models.capture import Capture

GENES = ("A", "B", "C")


def test_vectors_begin_with_the_embedding_and_attention_with_the_first_layer() -> None:
    random = np.random.default_rng(0)
    vectors, attention = random.standard_normal((3, 3, 4)), random.random((2, 5, 3, 3))
    found = subject(vectors, GENES, attention=attention)
    np.testing.assert_allclose(found.vectors(), vectors)
    np.testing.assert_allclose(found.attention(), attention)
    np.testing.assert_allclose(found.attention_of(2, 3), attention[1, 2])
    np.testing.assert_allclose(found.attention_of(2), attention[1].mean(axis=0))


def test_it_sees_the_genes_of_its_workbench_and_no_others() -> None:
    whole = ("A", "B", "C", "D")
    vectors = np.arange(2 * 4 * 2, dtype=np.float32).reshape(2, 4, 2)
    capture = Capture(whole, vectors, np.zeros((1, 1, 0, 0), dtype=np.float32))
    found = Subject(GeneWorkbench(("D", "B"), ("F1", "F2"), np.ones((2, 3)), capture, ()))
    np.testing.assert_array_equal(found.vectors(), vectors[:, [3, 1]])
    assert found.family_of == {"D": "F1", "B": "F2"}
    assert found.statistics.genes == ("D", "B") and found.statistics.dropout.tolist() == [1.0, 1.0]


def test_coexpression_is_counted_in_the_cells_and_only_when_asked_for() -> None:
    cells = load_pbmc()
    genes = cells.genes[:5]
    capture = Capture(genes, np.ones((2, 5, 2), dtype=np.float32), np.zeros((1, 1, 0, 0), dtype=np.float32))
    found = Subject.of(GeneWorkbench(genes, genes, np.ones((5, 3)), capture, ()), cells, seed=3)
    counted = found.coexpression()
    assert counted.genes == genes and np.abs(counted.pearson).max() <= 1.0 and found.seed == 3
    few = Subject.of(found.bench, cells.take_cells(cells.cells[:3]))
    with pytest.raises(DescriptionError, match="no co-expression: .* has 3 cells"):
        few.coexpression()


def test_cells_that_hold_both_genes_of_a_pair_are_counted_where_some_cell_lacks_one() -> None:
    whole, together = ("A", "B", "C"), np.array([[5, 2, 0], [2, 4, 1], [0, 1, 3]], dtype=np.int32)
    vectors, maps = np.ones((2, 3, 2), dtype=np.float32), np.ones((1, 1, 3, 3), dtype=np.float32)
    capture = Capture(whole, vectors, maps, together=together)
    found = Subject(GeneWorkbench(("C", "A"), ("F1", "F2"), np.ones((2, 3)), capture, ()))
    np.testing.assert_array_equal(found.together(), [[3, 0], [0, 5]])
    assert subject(vectors, GENES, attention=maps).together() is None


def test_the_model_is_loaded_only_when_a_description_that_may_read_it_asks() -> None:
    cells = load_pbmc()
    capture = Capture(cells.genes[:5], np.ones((2, 5, 2), dtype=np.float32), np.zeros((1, 1, 0, 0), dtype=np.float32))
    bench = GeneWorkbench(cells.genes[:5], cells.genes[:5], np.ones((5, 3)), capture, ())
    asked: list[str] = []
    found = Subject.of(bench, cells, model=lambda: asked.append("loaded"))  # type: ignore[arg-type,return-value]
    assert found.cells is cells and not asked
    found.model()
    assert asked == ["loaded"]
    with pytest.raises(DescriptionError, match="asks for model and declares"):
        found.limited(("attention",)).model()


def test_what_is_not_there_is_named() -> None:
    found = subject(np.ones((2, 3, 2)), GENES)
    with pytest.raises(DescriptionError, match="no counts to take co-expression from"):
        found.coexpression()
    with pytest.raises(DescriptionError, match="asks for vectors and declares"):
        found.limited(("attention",)).vectors()
