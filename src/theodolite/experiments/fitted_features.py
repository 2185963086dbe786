"""Features fitted on discovery genes: a dictionary for each block, and for a baseline what stands in its place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

from theodolite.canonical import sha256_bytes
from theodolite.measurements import Variant, VariantKind
from theodolite.saes.settings import DictionaryRecipe
from theodolite.tools import N_FEATURES

if TYPE_CHECKING:
    from theodolite.saes import Dictionary
    from theodolite.saes.ranked import RankedFeatures

__all__ = ["feature_layers", "features_source_sha256", "fit_features", "recipe_of"]


def feature_layers(n_layers: int) -> tuple[int, ...]:
    """Return the layers whose features are looked at: those behind a block."""
    return tuple(range(1, n_layers + 1))


def recipe_of(layer: int, variant: Variant = Variant(VariantKind.MAIN)) -> DictionaryRecipe:  # noqa: B008  frozen
    """Return how the dictionary of a layer is trained: as descriptions do, from the variant's seed if it is a refit."""
    return DictionaryRecipe(layer, seed=variant.seed if variant.kind is VariantKind.REFITTED else 0)


def fit_features(
    trained: Callable[[DictionaryRecipe], Dictionary],
    n_layers: int,
    variant: Variant,
    first: tuple[RankedFeatures, ...] = (),
) -> bytes:
    """Return the ranked features of every block, serialised.

    Parameters
    ----------
    trained
        Gives the dictionary of a recipe, trained on the tokens of discovery genes.
    n_layers
        Blocks of the model.
    variant
        Which member of the evidence it is; one that is fitted anew is matched to ``first``.
    first
        The features of the model itself, by layer; none but for what is fitted anew.
    """
    from theodolite.saes.ranked import matched_features, ranked_features, ranked_to_bytes

    found = []
    for place, layer in enumerate(feature_layers(n_layers)):
        dictionary = trained(recipe_of(layer, variant))
        if variant.kind is VariantKind.REFITTED:
            found.append(matched_features(dictionary.sae, first[place]))
        else:
            read = dictionary.reading
            found.append(ranked_features(layer, dictionary.sae, read.by_gene[read.gene_tokens > 0], N_FEATURES))
    return ranked_to_bytes(found)


def features_source_sha256() -> str:
    """Return the hash of the source that ranks and matches features, part of the identity of the fitting job.

    How a dictionary is trained is told by the number in its key, which is raised whenever that changes.
    """
    from theodolite.saes.count_factors import count_factors, count_values
    from theodolite.saes.dictionaries import dictionary_key
    from theodolite.saes.feature_values import read_feature_values
    from theodolite.saes.ranked import matched_features, ranked_features

    parts = (
        fit_features, recipe_of, feature_layers, ranked_features, matched_features, read_feature_values, count_factors,
        count_values, dictionary_key, DictionaryRecipe,
    )  # fmt: skip
    return sha256_bytes("".join(inspect.getsource(part) for part in parts).encode())
