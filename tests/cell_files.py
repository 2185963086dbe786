"""Small files of cells in every form that people have them, with the same counts in each."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import io, sparse

GENES = ("CD3D", "MS4A1", "LYZ", "GNLY", "NKG7", "CD79A")
IDS = tuple(f"ENSG{number:011d}" for number in (167286, 156738, 90382, 115523, 105374, 105369))
BARCODES = ("AAAC-1", "AAAG-1", "AACC-2", "AACG-2")
COUNTS = np.array([[1, 0, 3, 2, 0, 1], [0, 2, 1, 5, 0, 0], [4, 0, 0, 1, 7, 0], [0, 3, 0, 0, 1, 2]])


def write_h5ad(path: Path, *, x: Any = COUNTS, layers: Any = None, raw: Any = None, var: Any = None) -> Path:
    """Write an ``.h5ad`` file; genes are named by symbols, with their ids in ``gene_ids``."""
    data = anndata.AnnData(
        X=None if x is None else sparse.csr_matrix(np.asarray(x, dtype=np.float32)),
        obs=pd.DataFrame(
            {
                "donor": ["d1", "d1", "d2", "d2"],
                "kind": pd.Categorical(["T", "B", "T", "B"]),
                "guide": ["none", "LYZ", "none", "LYZ+GNLY"],
            },
            index=list(BARCODES),
        ),
        var=pd.DataFrame({"gene_ids": IDS}, index=list(GENES)) if var is None else var,
    )
    for name, values in (layers or {}).items():
        data.layers[name] = np.asarray(values)
    if raw is not None:
        data.raw = anndata.AnnData(X=np.asarray(raw, dtype=np.float32), var=data.var)
    data.write_h5ad(path, compression="gzip")
    return path


def write_tenx_h5(path: Path, *, version: int = 3, types: Any = None, genomes: Any = ("GRCh38",)) -> Path:
    """Write a 10x ``.h5`` file in the layout of Cell Ranger 2 or 3."""
    stored = sparse.csr_matrix(COUNTS.astype(np.int32))  # barcodes by features by rows: the parts of the file
    with h5py.File(path, "w") as file:
        for genome in ("matrix",) if version == 3 else genomes:
            group = file.create_group(genome)
            group["barcodes"] = np.array(BARCODES, dtype="S")
            group["data"], group["indices"], group["indptr"] = stored.data, stored.indices, stored.indptr
            group["shape"] = np.array([len(GENES), len(BARCODES)], dtype=np.int32)
            if version == 3:
                features = group.create_group("features")
                features["id"], features["name"] = np.array(IDS, dtype="S"), np.array(GENES, dtype="S")
                features["feature_type"] = np.array(types or ["Gene Expression"] * len(GENES), dtype="S")
                features["genome"] = np.array(["GRCh38"] * len(GENES), dtype="S")
            else:
                group["genes"], group["gene_names"] = np.array(IDS, dtype="S"), np.array(GENES, dtype="S")
    return path


def write_tenx_mtx(
    folder: Path, *, old: bool = False, packed: bool = True, matrix: Any = COUNTS.T, prefix: str = "", types: Any = None
) -> Path:
    """Write a 10x folder, as of Cell Ranger 2 (``genes.tsv``) or 3 (``features.tsv``)."""
    folder.mkdir(exist_ok=True)
    plain = folder / f"{prefix}matrix.mtx"
    matrix = np.asarray(matrix)
    io.mmwrite(plain, sparse.coo_matrix(matrix), field="integer" if matrix.dtype.kind == "i" else "real")
    types = types or ["Gene Expression"] * len(GENES)
    rows = [f"{id_}\t{gene}" + ("" if old else f"\t{kind}") for id_, gene, kind in zip(IDS, GENES, types, strict=True)]
    (folder / f"{prefix}{'genes' if old else 'features'}.tsv").write_text("\n".join(rows) + "\n")
    (folder / f"{prefix}barcodes.tsv").write_text("\n".join(BARCODES) + "\n")
    for file in list(folder.glob(f"{prefix}*")) if packed else ():
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
        file.unlink()
    return folder


def damaged(whole: bytes, seed: int) -> bytes:
    """Return bytes cut short, or with 1 to 64 of their bits turned; always the same for a seed."""
    rng = random.Random(seed)
    if seed % 4 == 0:
        return whole[: rng.randrange(len(whole))]
    broken = bytearray(whole)
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
    return bytes(broken)
