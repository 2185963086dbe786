"""A dictionary of features for a set of genes: trained on these genes' tokens, and read over the same cells.

What other genes do is not trained on, as axes are fitted on discovery genes only: a claim about held-out genes then
rests on features that knew nothing of them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import digest
from theodolite.data import CellSet
from theodolite.files import write_atomically
from theodolite.measurements import Variant, VariantKind
from theodolite.models.activations import Activations, write_activations
from theodolite.models.capture import rows_of
from theodolite.models.mapped import mapped_arrays
from theodolite.models.protocol import FoundationModel
from theodolite.models.sites import residual
from theodolite.saes.autoencoder import SparseAutoencoder
from theodolite.saes.reading import FeatureReading, read_features
from theodolite.saes.rows import StoredRows, hold_out_cells
from theodolite.saes.settings import DictionaryRecipe
from theodolite.saes.training import train_sae

__all__ = ["Dictionary", "dictionary_key", "load_dictionary", "make_dictionary"]

_WEIGHTS = ("encoder", "decoder", "encoder_bias", "decoder_bias")
_READ = ("by_gene", "gene_tokens", "by_cell", "cell_tokens", "active", "together", "values")
_HELD_OUT = 0.1


@dataclass(frozen=True, eq=False)
class Dictionary:
    """A trained dictionary and what its features do; n genes, c cells, F features, width d.

    Attributes
    ----------
    genes
        Names of the genes, in the order of ``reading.by_gene``.
    sae
        The autoencoder.
    reading
        What features do over the tokens of these genes, by gene and by cell.
    mean, covariance
        Shapes (d,) and (d, d): of the tokens of these genes.
    report
        How training went; scores on held-out cells.
    """

    genes: tuple[str, ...]
    sae: SparseAutoencoder
    reading: FeatureReading
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    report: dict[str, Any]


def dictionary_key(recipe: DictionaryRecipe, genes: Sequence[str]) -> str:
    """Return what of a model and cells a dictionary is, for the name of its file.

    The number is raised whenever what is trained or read could change.
    """
    return f"dictionary-2 {digest([asdict(recipe), list(genes)])}"


def make_dictionary(
    path: Path,
    model: FoundationModel,
    cells: CellSet,
    genes: Sequence[str],
    recipe: DictionaryRecipe,
    *,
    threads: int = 1,
    said: Callable[[str], None] = lambda text: None,
    variant: Variant = Variant(VariantKind.MAIN),  # noqa: B008  frozen
    of: Sequence[str] = (),
) -> None:
    """Train a dictionary, read it over the cells, and write both to a file.

    Activations and the state of training lie in a folder beside it meanwhile, and go when it is written; broken off,
    it goes on from there.

    Parameters
    ----------
    path
        The file.
    model, cells
        The model, and the cells that it reads.
    genes
        Names of genes, as the cells call them.
    recipe
        What is trained.
    threads
        Of training.
    said
        Told in words what was made anew or halved.
    variant
        Which variant of the model, taken of it here.
    of
        Hashes of model and cells and the variant, which are written with it.

    Raises
    ------
    ValueError
        If the model has no such layer, or does not know a gene.
    SAETrainingError
        If there is nothing to learn, or too few cells.
    """
    if not 0 <= recipe.layer <= model.n_layers:
        raise ValueError(f"layer {recipe.layer!r}: {model.name} has the layers 0 (the embedding) to {model.n_layers}")
    site = residual(recipe.layer)
    place_of = rows_of(model, cells, genes)
    groups = None if cells.unit_kind == "cell" else cells.units
    held_out = hold_out_cells(len(cells.cells), groups, _HELD_OUT, recipe.seed)
    work = path.with_suffix(".work")
    store = write_activations(
        model,
        model.tokenise(cells),
        cells.cells,
        work / "activations",
        cells_sha256=cells.sha256,
        tokeniser={"context": model.context},
        variant=variant,
        sites=[site],
        said=said,
    )
    rows = StoredRows(store, site, held_out, place_of >= 0)
    trained = train_sae(rows, recipe.settings(model.width, threads), work / "sae")
    read = read_features(store, site, trained.sae, place_of, len(genes), coactivation=True, histograms=True)
    mean, covariance = _moments(store, rows)
    arrays = {name: getattr(trained.sae, name) for name in _WEIGHTS} | {name: getattr(read, name) for name in _READ}
    arrays |= {"mean": mean, "covariance": covariance}
    said_of = {"genes": "\n".join(genes), "k": str(trained.sae.k), "report": json.dumps(trained.report)}
    said_of["of"] = "\n".join(of)
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata=said_of)
    write_atomically(path, content)
    shutil.rmtree(work)


def load_dictionary(path: Path) -> Dictionary:
    """Return what :func:`make_dictionary` wrote, mapped into memory.

    Raises
    ------
    OSError, ValueError, KeyError
        If there is no such file, or it was not written whole.
    """
    arrays, said = mapped_arrays(path)
    report: dict[str, Any] = json.loads(said["report"])
    return Dictionary(
        genes=tuple(said["genes"].split("\n")),
        sae=SparseAutoencoder(**{name: arrays[name] for name in _WEIGHTS}, k=int(said["k"]), about=report),
        reading=FeatureReading(*(arrays[name] for name in _READ)),
        mean=arrays["mean"],
        covariance=arrays["covariance"],
        report=report,
    )


def _moments(store: Activations, rows: StoredRows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean (d,) and covariance (d, d) of the rows that are read, in one pass about the first of them."""
    count, total, products, about = 0, np.zeros(rows.width), np.zeros((rows.width, rows.width)), None
    assert rows.genes is not None  # a dictionary is of some genes
    for shard in store.shards():
        gene = shard.index.gene
        chosen = np.flatnonzero((gene >= 0) & rows.genes[np.maximum(gene, 0)])
        values = np.asarray(shard.tensors[rows.site][chosen], dtype=np.float64)
        if not len(values):
            continue
        if about is None:
            about = values.mean(axis=0)
        values -= about
        count += len(values)
        total += values.sum(axis=0)
        products += values.T @ values
        del values  # or it would be there beside that of the next shard
    assert about is not None  # training has drawn rows
    mean = total / count
    return about + mean, products / count - np.outer(mean, mean)
