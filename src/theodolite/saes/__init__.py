"""Sparse autoencoders: dictionaries of features that activations are sums of, a few at a time."""

from __future__ import annotations

from theodolite.saes.autoencoder import Codes, SparseAutoencoder
from theodolite.saes.dictionaries import Dictionary, DictionaryRecipe
from theodolite.saes.files import SAEFileError, load_sae, save_sae
from theodolite.saes.rows import ArrayRows, Rows, StoredRows, hold_out_cells
from theodolite.saes.scores import SAEScores, score
from theodolite.saes.settings import SAESettings, SAETrainingError
from theodolite.saes.stability import Matching, match_features
from theodolite.saes.training import Trained, train_sae

__all__ = [
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
]
