"""Features fitted on discovery genes: a dictionary for each block, and for a baseline what stands in its place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

from theodolite.canonical import digest
from theodolite.measurements import Variant, VariantKind
from theodolite.saes.settings import FEATURE_VALUES, DictionaryRecipe
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
    layers: tuple[int, ...] | None = None,
) -> bytes:
    """Return the ranked features of blocks, serialised.

    Parameters
    ----------
    trained
        Gives the dictionary of a recipe, trained on the tokens of discovery genes.
    n_layers
        Blocks of the model.
    variant
        Which member of the evidence it is.
    first
        The features of the model itself, by layer, to which these are matched; ranked by themselves where there are
        none.
    layers
        Which blocks; all where not given.
    """
    from theodolite.saes.ranked import matched_features, ranked_features, ranked_to_bytes

    found = []
    for place, layer in enumerate(feature_layers(n_layers) if layers is None else layers):
        dictionary = trained(recipe_of(layer, variant))
        if first:
            found.append(matched_features(dictionary.sae, first[place]))
        else:
            read = dictionary.reading
            found.append(ranked_features(layer, dictionary.sae, read.by_gene[read.gene_tokens > 0], N_FEATURES))
    return ranked_to_bytes(found)


def features_source_sha256() -> str:
    """Return what the fitting job is known by: the number of how features are made, and that of dictionaries."""
    from theodolite.saes.dictionaries import dictionary_key

    parts = (fit_features, recipe_of, feature_layers, dictionary_key, DictionaryRecipe)
    return digest([FEATURE_VALUES, *(inspect.getsource(part) for part in parts)])
