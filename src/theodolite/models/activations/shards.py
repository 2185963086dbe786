"""One shard: a safetensors file of hidden states in half precision, and a Parquet file that says what its rows are."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.files import write_atomically
from theodolite.models.activations.errors import ActivationsDamaged
from theodolite.models.sites import Site

__all__ = ["RowIndex", "Shard", "ShardBuffer", "ShardRecord", "file_sha256", "shard_names"]

HALF = np.dtype("<f2")
_READ = 2**22

Halves = NDArray[np.float16]
Ints = NDArray[np.int32]


def shard_names(number: int) -> tuple[str, str, str]:
    """Return the names of a shard's tensors, its index and its record."""
    stem = f"shard-{number:05}"
    return f"{stem}.safetensors", f"{stem}.parquet", f"{stem}.json"


@dataclass(frozen=True, eq=False)
class RowIndex:
    """What the rows of a shard are, one after another.

    Attributes
    ----------
    cell
        Shape (rows,): position of the cell among all that were written.
    gene
        Shape (rows,): position in ``model.genes``; -1 for special tokens.
    position
        Shape (rows,): of the token in its cell, counted from 0.
    """

    cell: Ints
    gene: Ints
    position: Ints

    def save(self, path: Path, cell_names: Sequence[str], genes: Sequence[str]) -> None:
        """Write a Parquet table of cell, cell name, gene, gene name (null for special tokens), position and row."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        first, last = (int(self.cell[0]), int(self.cell[-1])) if len(self.cell) else (0, -1)
        known, place = np.unique(self.gene[self.gene >= 0], return_inverse=True)
        gene_place = np.full(len(self.gene), -1, dtype=np.int32)
        gene_place[self.gene >= 0] = place
        table = pa.table(
            {
                "cell": self.cell,
                "cell_name": pa.DictionaryArray.from_arrays(
                    pa.array(self.cell - first, pa.int32()), pa.array(cell_names[first : last + 1], pa.string())
                ),
                "gene": self.gene,
                "gene_name": pa.DictionaryArray.from_arrays(
                    pa.array(gene_place, mask=gene_place < 0), pa.array([genes[each] for each in known], pa.string())
                ),
                "position": self.position,
                "row": np.arange(len(self.cell), dtype=np.int32),
            }
        )
        content = io.BytesIO()
        pq.write_table(table, content, compression="zstd")
        write_atomically(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> RowIndex:
        """Read the table of a shard."""
        import pyarrow.parquet as pq

        table = pq.read_table(path, columns=["cell", "gene", "position"])
        return cls(*(table[name].to_numpy() for name in ("cell", "gene", "position")))


@dataclass(frozen=True)
class ShardRecord:
    """What is known of a shard once both of its files are whole; written last.

    Attributes
    ----------
    key
        Of the store that the shard belongs to.
    number
        Counted from 0.
    first, cells
        The first of its cells, and how many there are.
    rows
        Tokens of these cells.
    tensors_sha256, index_sha256
        Hashes of the two files.
    """

    key: str
    number: int
    first: int
    cells: int
    rows: int
    tensors_sha256: str
    index_sha256: str

    def plain(self) -> dict[str, Any]:
        """Return the record as plain data."""
        return dict(self.__dict__)

    @classmethod
    def load(cls, path: Path) -> ShardRecord:
        """Read a record.

        Raises
        ------
        ActivationsDamaged
            If there is none, or it is not one.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ActivationsDamaged(f"{path} is no record of a shard ({error})") from error

    def check(self, folder: Path) -> None:
        """Compare both files with their hashes.

        Raises
        ------
        ActivationsDamaged
            Naming the file that is missing or is not what was written.
        """
        tensors, index, _ = shard_names(self.number)
        for name, expected in ((tensors, self.tensors_sha256), (index, self.index_sha256)):
            path = folder / name
            try:
                found = file_sha256(path)
            except OSError as error:
                raise ActivationsDamaged(f"{path}: {error.strerror or error}") from error
            if found != expected:
                raise ActivationsDamaged(f"{path} has sha256 {found[:12]}… and was written with {expected[:12]}…")


class ShardBuffer:
    """The content of a shard's file of tensors, laid out in one block of memory that every shard is written from.

    The header of safetensors comes first and is padded to 64 bytes; then one tensor (rows, width) a site.

    Parameters
    ----------
    widths
        By site, in the order of the file.
    """

    def __init__(self, widths: dict[Site, int]) -> None:
        self._widths = widths
        self._memory = np.empty(0, dtype=np.uint8)
        self.tensors: dict[Site, Halves] = {}
        self._used = 0

    def lay_out(self, rows: int, metadata: dict[str, str]) -> None:
        """Make room for a shard; :attr:`tensors` are then views to be filled."""
        header, start = _header(self._widths, rows, metadata)
        self._used = start + sum(rows * width * HALF.itemsize for width in self._widths.values())
        if len(self._memory) < self._used:
            self._memory = np.empty(self._used, dtype=np.uint8)
        self._memory[:start] = np.frombuffer(header, dtype=np.uint8)
        for site, width in self._widths.items():
            stop = start + rows * width * HALF.itemsize
            self.tensors[site] = self._memory[start:stop].view(HALF).reshape(rows, width)
            start = stop

    def save(self, path: Path) -> str:
        """Write the file, all or nothing, and return its sha256."""
        content = self._memory[: self._used].data
        found = hashlib.sha256(content).hexdigest()
        write_atomically(path, content)
        return found


def _header(widths: dict[Site, int], rows: int, metadata: dict[str, str]) -> tuple[bytes, int]:
    entries: dict[str, Any] = {"__metadata__": metadata}
    start = 0
    for site, width in widths.items():
        stop = start + rows * width * HALF.itemsize
        entries[str(site)] = {"dtype": "F16", "shape": [rows, width], "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)
    return len(text).to_bytes(8, "little") + text, 8 + len(text)


@dataclass(frozen=True, eq=False)
class Shard:
    """A shard that is read: tensors stay on disk and are mapped into memory.

    Attributes
    ----------
    record
        Which cells it holds.
    tensors
        By site, (rows, width), half precision, read-only.
    index
        What the rows are.
    """

    record: ShardRecord
    tensors: dict[Site, Halves]
    index: RowIndex

    @classmethod
    def open(cls, folder: Path, record: ShardRecord) -> Shard:
        """Map a shard.

        Raises
        ------
        ActivationsDamaged
            If its file is not laid out as safetensors.
        """
        tensors, index, _ = shard_names(record.number)
        path = folder / tensors
        try:
            with path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            content = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
            mapped: dict[Site, Halves] = {}
            for name, of in header.items():
                start, stop = of["data_offsets"]
                mapped[Site.parse(name)] = content[start:stop].view(HALF).reshape(of["shape"])
            return cls(record, mapped, RowIndex.load(folder / index))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ActivationsDamaged(f"{path} cannot be read as a shard ({error})") from error


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, read piece by piece."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ):
            found.update(piece)
    return found.hexdigest()
