"""What was regressed out as "co-expression" was the cosine of the model's own embeddings; a feature held the label."""

from __future__ import annotations

from theodolite.gates.confounds import refused_covariates
from theodolite.sources import Source

CELLS = Source("cells:pbmc", "a" * 64)
MODEL = Source("model:compact", "b" * 64, (CELLS,))
DATABASE = Source("TRRUST v2")
LABEL = Source("reference:trrust", "c" * 64, (DATABASE,))


def test_co_expression_from_counts_of_the_same_cells_is_let_through() -> None:
    counted = {"co_expression": Source("co-expression", "d" * 64, (CELLS,)), "dropout": CELLS}
    assert refused_covariates(counted, MODEL, LABEL) == {}


def test_the_cosine_of_the_models_own_embedding_is_refused_by_name() -> None:
    embedding = Source("embedding:compact", "e" * 64, (MODEL,))
    cosine = Source("cosine", "f" * 64, (embedding,))
    refused = refused_covariates({"co_expression": cosine, "mean_expression": CELLS}, MODEL, LABEL)
    assert list(refused) == ["co_expression"]
    assert "derives from 'model:compact'" in refused["co_expression"]
    assert "counts of the same cells" in refused["co_expression"]


def test_a_feature_that_shares_an_ancestor_with_the_label_is_refused_by_name() -> None:
    pathway = Source("pathway membership", "1" * 64, (DATABASE,))
    refused = refused_covariates({"in_pathway": pathway, "in_reference": LABEL}, MODEL, LABEL)
    assert set(refused) == {"in_pathway", "in_reference"}
    assert "derives from 'TRRUST v2', and so does the label 'reference:trrust'" in refused["in_pathway"]
