"""Where data come from: a label whose ancestry a feature shares is found before anything runs."""

from __future__ import annotations

import pytest

from theodolite.sources import Source, leaked_ancestors

DATABASE = Source("database:regulation")
EDGES = Source("reference:edges", "a" * 64, (DATABASE,))
PATHWAYS = Source("reference:pathways", "b" * 64, (DATABASE,))
CELLS = Source("cells:pbmc", "c" * 64)
MODEL = Source("model:compact", "d" * 64, (CELLS,))


def test_the_label_itself_as_a_feature_is_a_leak() -> None:
    assert EDGES in leaked_ancestors([CELLS, EDGES], EDGES)


def test_two_derivations_of_one_database_leak_through_it() -> None:
    assert leaked_ancestors([PATHWAYS], EDGES) == [DATABASE]


def test_a_label_made_from_the_cells_leaks_into_a_model_that_was_trained_on_them() -> None:
    markers = Source("reference:markers", "e" * 64, (Source("clustering", "f" * 64, (CELLS,)),))
    assert leaked_ancestors([MODEL], markers) == [CELLS]


def test_unrelated_sources_share_nothing() -> None:
    assert leaked_ancestors([MODEL, CELLS], EDGES) == []


def test_a_renamed_copy_of_the_same_content_is_the_same_source() -> None:
    renamed = Source("cells:another name", CELLS.sha256)
    assert leaked_ancestors([renamed], Source("markers", "e" * 64, (CELLS,))) == [renamed]


def test_abstract_origins_are_compared_by_name() -> None:
    label = Source("reference:x", "1" * 64, (Source("a textbook"),))
    assert leaked_ancestors([Source("feature", "2" * 64, (Source("a textbook"),))], label)
    assert not leaked_ancestors([Source("feature", "2" * 64, (Source("another textbook"),))], label)


def test_ancestry_reaches_every_generation() -> None:
    child = Source("child", "1" * 64, (Source("parent", "2" * 64, (Source("grandparent", "3" * 64),)),))
    assert {source.name for source in child.ancestry().values()} == {"child", "parent", "grandparent"}


def test_a_source_needs_a_name() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        Source("")
