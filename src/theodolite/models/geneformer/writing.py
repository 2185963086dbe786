"""Writing checkpoints in the published format: dictionaries, and weights tensor by tensor. Needs no torch."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from theodolite.files import sync_folder, write_atomically
from theodolite.models.geneformer.sizes import Size

__all__ = ["made_up_genes", "tensor_shapes", "write_dictionaries", "write_random_checkpoint", "write_tensors"]

_OF_V1, _OF_V2 = ("<pad>", "<mask>"), ("<pad>", "<mask>", "<cls>", "<eos>")


def write_dictionaries(
    folder: Path,
    corpus: str,
    ensembl: Sequence[str],
    medians: Sequence[float] | NDArray[np.floating],
    *,
    names: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
    version: int = 2,
) -> None:
    """Write the four pickles of a model: plain dicts, without numbers of numpy.

    Parameters
    ----------
    folder, corpus
        Where, and what the file names end with, such as ``gc104M``.
    ensembl, medians
        Genes in the order of their tokens, and their medians.
    names
        From symbols to Ensembl ids.
    aliases
        From further ids and symbols in upper case to Ensembl ids; ids stand for themselves in any case.
    version
        1: special tokens pad and mask; 2: also cls and eos.
    """
    keys = (*(_OF_V1 if version == 1 else _OF_V2), *ensembl)
    tables = {
        "token_dictionary": {key: token for token, key in enumerate(keys)},
        "gene_median_dictionary": {gene: float(median) for gene, median in zip(ensembl, medians, strict=True)},
        "ensembl_mapping_dict": {**(aliases or {}), **{gene: gene for gene in ensembl}},
        "gene_name_id_dict": dict(names or {}),
    }
    for stem, table in tables.items():
        write_atomically(folder / f"{stem}_{corpus}.pkl", pickle.dumps(table, protocol=4))


def tensor_shapes(size: Size) -> dict[str, tuple[int, ...]]:
    """Return the tensors of ``model.safetensors`` by name; the decoder is tied to the embedding and absent."""
    width, inner = size.width, size.feedforward
    norm: dict[str, tuple[int, ...]] = {"weight": (width,), "bias": (width,)}
    square: dict[str, tuple[int, ...]] = {"weight": (width, width), "bias": (width,)}
    parts: dict[str, dict[str, tuple[int, ...]]] = {
        "bert.embeddings.word_embeddings": {"weight": (size.vocabulary, width)},
        "bert.embeddings.position_embeddings": {"weight": (size.context, width)},
        "bert.embeddings.token_type_embeddings": {"weight": (2, width)},
        "bert.embeddings.LayerNorm": norm,
    }
    for layer in range(size.layers):
        block = f"bert.encoder.layer.{layer}"
        parts |= {f"{block}.attention.self.{name}": square for name in ("query", "key", "value")}
        parts |= {f"{block}.attention.output.dense": square, f"{block}.attention.output.LayerNorm": norm}
        parts[f"{block}.intermediate.dense"] = {"weight": (inner, width), "bias": (inner,)}
        parts[f"{block}.output.dense"] = {"weight": (width, inner), "bias": (width,)}
        parts[f"{block}.output.LayerNorm"] = norm
    parts["cls.predictions"] = {"bias": (size.vocabulary,)}
    parts |= {"cls.predictions.transform.dense": square, "cls.predictions.transform.LayerNorm": norm}
    return {f"{part}.{name}": shape for part, tensors in parts.items() for name, shape in tensors.items()}


def write_tensors(
    path: Path, shapes: Mapping[str, tuple[int, ...]], fill: Callable[[str, tuple[int, ...]], NDArray[np.float32]]
) -> None:
    """Write a safetensors file of float32, one tensor in memory at a time; the file is there once it is whole."""
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            _write_header(file, shapes)
            for name, shape in shapes.items():
                file.write(np.ascontiguousarray(fill(name, shape), dtype="<f4").tobytes())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write_header(file: BinaryIO, shapes: Mapping[str, tuple[int, ...]]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, shape in shapes.items():
        end = offset + 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    content = json.dumps(header, separators=(",", ":")).encode()
    content += b" " * (-len(content) % 8)
    file.write(len(content).to_bytes(8, "little") + content)


def made_up_genes(n_genes: int) -> Iterator[str]:
    """Yield Ensembl ids that are well formed and name no gene."""
    return (f"ENSG{90_000_000_000 + index}" for index in range(n_genes))


def write_random_checkpoint(folder: Path, size: Size, seed: int = 0, *, corpus: str = "random") -> None:
    """Write a checkpoint with random weights in the published format, with dictionaries of made-up genes.

    Weights are normal with the deviation of BERT's initialiser, but biases are not zero and norms not one, so that a
    tensor left unread would change what the model computes.
    """
    draw = np.random.default_rng(seed)

    def fill(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        values = draw.standard_normal(shape, dtype=np.float32) * np.float32(0.02)
        return values + np.float32(1) if name.endswith("LayerNorm.weight") else values

    n_genes = size.vocabulary - (2 if size.version == 1 else 4)
    genes = tuple(made_up_genes(n_genes))
    names = {f"GENE{index}": gene for index, gene in enumerate(genes)}
    write_dictionaries(folder, corpus, genes, draw.uniform(0.5, 5.0, n_genes), names=names, version=size.version)
    write_tensors(folder / "model.safetensors", tensor_shapes(size), fill)
    document = json.dumps(size.configuration(), indent=2) + "\n"
    write_atomically(folder / "config.json", document.encode())
