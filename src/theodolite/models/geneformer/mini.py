"""What a small Geneformer is trained on: cells without their held-out plate, a vocabulary and its medians."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from theodolite.data import CellSet
from theodolite.files import write_atomically
from theodolite.models.facts import CheckpointError
from theodolite.models.geneformer.dictionaries import GeneDictionary, Specials, read_dictionary
from theodolite.models.geneformer.sizes import SIZES
from theodolite.models.geneformer.tokeniser import depths
from theodolite.models.geneformer.writing import write_dictionaries
from theodolite.models.training_settings import TrainingError

__all__ = [
    "ChosenVocabulary",
    "Plates",
    "choose_vocabulary",
    "dictionary_of_cells",
    "hold_out_plate",
    "published_dictionary",
]

_HUMAN_GENE = re.compile(r"ENSG\d{11}")


@dataclass(frozen=True, eq=False)
class Plates:
    """Cells to train on, and those of one plate (or donor) that is never seen in training.

    Attributes
    ----------
    training, held_out
        The cells.
    name
        The plate that is held out.
    """

    training: CellSet
    held_out: CellSet
    name: str


@dataclass(frozen=True, eq=False)
class ChosenVocabulary:
    """Genes of a model to be trained, before anything of them is in its folder.

    Attributes
    ----------
    dictionary
        As a reader of the files finds it.
    files
        Content of the four dictionaries by file name.
    """

    dictionary: GeneDictionary
    files: dict[str, bytes]

    def write(self, folder: Path) -> None:
        """Write the four dictionaries into a folder."""
        for name, content in self.files.items():
            write_atomically(folder / name, content)


def hold_out_plate(cells: CellSet, plate: str | None = None) -> Plates:
    """Split cells by plate or donor; the last by name is held out where none is named.

    Raises
    ------
    TrainingError
        If the cells have no plates or donors, only one, or none of that name.
    """
    if cells.unit_kind == "cell":
        raise TrainingError(
            f"cells {cells.name!r} have neither batches nor donors, and a model is tested on a plate that it never "
            "saw; name the column with --batch"
        )
    units = np.array(cells.units)
    known = sorted(set(cells.units))
    chosen = known[-1] if plate is None else plate
    if chosen not in known or len(known) < 2:
        raise TrainingError(f"cannot hold out {chosen!r} of {', '.join(map(repr, known))}; name one of two or more")
    names = np.array(cells.cells, dtype=object)
    return Plates(
        cells.take_cells(list(names[units != chosen])), cells.take_cells(list(names[units == chosen])), chosen
    )


def published_dictionary(folder: Path) -> GeneDictionary:
    """Read the dictionaries of Geneformer from a folder that holds those of V2, or of one other model.

    Raises
    ------
    CheckpointError
        If there are none that can be read.
    """
    try:
        return read_dictionary(folder, SIZES["Geneformer-V2-104M"].vocabulary, keep=False)
    except CheckpointError:
        return read_dictionary(folder, keep=False)


def dictionary_of_cells(cells: CellSet) -> GeneDictionary:
    """Return the genes of cells that have an Ensembl id of their own, under the names that they have there.

    Raises
    ------
    TrainingError
        If no gene has one.
    """
    ids = cells.ensembl or cells.genes
    known = sorted((key, name) for key, name in zip(ids, cells.genes, strict=True) if _HUMAN_GENE.fullmatch(key))
    if not known:
        raise TrainingError(
            f"no gene of cells {cells.name!r} has an Ensembl id of the human; give the column that holds them, or the "
            "dictionaries of Geneformer"
        )
    return GeneDictionary(
        ensembl=tuple(key for key, _ in known),
        names=tuple(name for _, name in known),
        medians=np.ones(len(known)),
        token_ids=np.arange(4, len(known) + 4, dtype=np.int32),
        aliases={},
        specials=Specials(0, 1, 2, 3),
        sha256="",
    )


def choose_vocabulary(corpus: str, cells: CellSet, known: GeneDictionary, n_genes: int) -> ChosenVocabulary:
    """Choose the genes detected in most cells, and take their medians; nothing is written but by its ``write``.

    Parameters
    ----------
    corpus
        What the names of the four dictionaries end with.
    cells
        Training cells only.
    known
        Genes to choose from.
    n_genes
        How many; of genes that are detected equally often, the first in the dictionary are taken.

    Raises
    ------
    TrainingError
        If fewer genes are detected at all.
    """
    counts = _by_gene(cells, known)
    detected = np.diff(counts.indptr)
    if (there := int((detected > 0).sum())) < n_genes:
        raise TrainingError(f"genes={n_genes!r}, but the training cells express {there} known genes; ask for fewer")
    chosen = np.sort(np.argsort(-detected, kind="stable")[:n_genes])
    ensembl = tuple(known.ensembl[place] for place in chosen)
    kept = set(ensembl)
    medians = _medians(counts, depths(cells))[chosen]
    with TemporaryDirectory() as place:
        # One level down, for dictionaries are looked for beside the folder too.
        folder = Path(place) / "vocabulary"
        write_dictionaries(
            folder,
            corpus,
            ensembl,
            medians,
            names={known.names[place]: known.ensembl[place] for place in chosen},
            aliases={alias: gene for alias, gene in known.aliases.items() if gene in kept},
        )
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        return ChosenVocabulary(read_dictionary(folder, n_genes + 4, keep=False), files)


def _by_gene(cells: CellSet, known: GeneDictionary) -> sparse.csc_array:
    places = known.vocabulary.places(cells)
    columns = np.flatnonzero(places >= 0)
    gather = sparse.csr_array(
        (np.ones(len(columns)), (columns, places[columns])), shape=(len(places), len(known.ensembl))
    )
    return sparse.csc_array(cells.counts.astype(np.float64) @ gather)


def _medians(counts: sparse.csc_array, depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of each gene's counts per 10,000 over the cells that express it; 1 where none does."""
    values = counts.data / depth[counts.indices] * 10_000.0
    stretches = zip(counts.indptr[:-1], counts.indptr[1:], strict=True)
    return np.array([np.median(values[start:stop]) if stop > start else 1.0 for start, stop in stretches])
