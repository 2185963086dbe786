"""What a gene's value of a feature is made by: fits and measurements are known by a number, so a change raises it."""

from __future__ import annotations

import inspect

from theodolite.canonical import digest
from theodolite.saes import (
    FEATURE_VALUES,
    SparseAutoencoder,
    count_factors,
    feature_values,
    gene_tokens,
    kernels,
    ranked,
    stability,
)

NUMBER, SOURCES = "1", "9016e406589d5ec6"
"""A change of these functions gives other values under the names of old ones: raise ``FEATURE_VALUES``, then tell both
here. A change that cannot change a value may tell the second alone."""


def test_the_number_is_raised_with_what_makes_values() -> None:
    parts = (
        ranked.ranked_features, ranked.matched_features, stability.match_features, feature_values.ValueSums,
        feature_values._columns, feature_values._add, feature_values.read_feature_values, gene_tokens.gene_tokens,
        SparseAutoencoder.encode, SparseAutoencoder._encoded, kernels.top_k_rows, count_factors.count_factors,
        count_factors.count_values, count_factors._loadings,
    )  # fmt: skip
    found = digest([inspect.getsource(getattr(part, "py_func", part)) for part in parts])[:16]
    assert (FEATURE_VALUES, found) == (NUMBER, SOURCES)
