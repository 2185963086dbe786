"""Sparse autoencoders: dictionaries of features that activations are sums of, a few at a time.

What trains or reads activations loads torch, and is found here when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from theodolite.saes.autoencoder import Codes, SparseAutoencoder
from theodolite.saes.settings import FEATURE_VALUES, DictionaryRecipe, SAESettings, SAETrainingError, usual_size
from theodolite.saes.stability import MATCHED, Matching, match_features

if TYPE_CHECKING:
    from theodolite.saes.dictionaries import Dictionary
    from theodolite.saes.files import SAEFileError, load_sae, save_sae
    from theodolite.saes.rows import ArrayRows, Rows, StoredRows, hold_out_cells
    from theodolite.saes.scores import SAEScores, score
    from theodolite.saes.training import Trained, train_sae

_LATER = {
    "dictionaries": ("Dictionary",),
    "files": ("SAEFileError", "load_sae", "save_sae"),
    "rows": ("ArrayRows", "Rows", "StoredRows", "hold_out_cells"),
    "scores": ("SAEScores", "score"),
    "training": ("Trained", "train_sae"),
}

__all__ = [
    "FEATURE_VALUES",
    "MATCHED",
    "ArrayRows",
    "Codes",
    "Dictionary",
    "DictionaryRecipe",
    "Matching",
    "Rows",
    "SAEFileError",
    "SAEScores",
    "SAESettings",
    "SAETrainingError",
    "SparseAutoencoder",
    "StoredRows",
    "Trained",
    "hold_out_cells",
    "load_sae",
    "match_features",
    "save_sae",
    "score",
    "train_sae",
    "usual_size",
]


def __getattr__(name: str) -> Any:
    for module, names in _LATER.items():
        if name in names:
            return getattr(import_module(f"theodolite.saes.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
