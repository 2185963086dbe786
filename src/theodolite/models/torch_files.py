"""What a ``.pt`` or ``.bin`` file says that it holds, read without torch and before torch is asked to load it.

Such a file is a zip archive of one pickle and the bytes of each storage. Here the pickle is read as data: which
tensors there are, of which shape and type, in which storage. What does not add up (a storage that claims more than
the file has, a tensor that stretches a few numbers to thousands of millions, compressed entries, a flipped bit) is
refused before a byte is reserved for it.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theodolite.models.facts import CheckpointError
from theodolite.models.plain_pickle import Admitted, Named, PickleRefused, run_pickle

__all__ = ["TensorEntry", "read_index"]

_LARGEST_INDEX = 4 * 2**20
_MOST_DIMENSIONS = 16
_ITEM_SIZES = {
    "DoubleStorage": ("float64", 8),
    "FloatStorage": ("float32", 4),
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
}


@dataclass(frozen=True)
class TensorEntry:
    """Shape and type of a tensor in a file; ``dtype`` is torch's name without its prefix."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class _Storage:
    dtype: str
    numbers: int


class _Ordered(dict[str, Any]):
    """Stands for ``OrderedDict``; what modules note beside a state (``_metadata``) is let go."""

    def set_state(self, state: Any) -> None:
        if not isinstance(state, dict) or state.keys() - {"_metadata"}:
            raise PickleRefused("it sets attributes of a dict")


def _ordered(*given: Any) -> _Ordered:
    if given:
        raise PickleRefused("it makes an OrderedDict of something")
    return _Ordered()


def _sizes(given: Any) -> tuple[int, ...]:
    if not isinstance(given, tuple) or len(given) > _MOST_DIMENSIONS:
        raise PickleRefused(f"a tensor has the shape {given!r:.60}")
    if not all(type(size) is int and 0 <= size < 2**62 for size in given):
        raise PickleRefused(f"a tensor has the shape {given!r:.60}")
    return given


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *more: Any) -> TensorEntry:
    shape, steps = _sizes(size), _sizes(stride)
    if not isinstance(storage, _Storage) or type(offset) is not int or offset < 0 or len(steps) != len(shape):
        raise PickleRefused("it holds a tensor without a storage of its own")
    numbers = math.prod(shape)
    reach = 0 if numbers == 0 else offset + 1 + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    if numbers > storage.numbers or reach > storage.numbers:
        raise PickleRefused(f"a tensor of {shape} claims more than the {storage.numbers} numbers of its storage")
    return TensorEntry(shape, storage.dtype)


def _parameter(tensor: Any, *more: Any) -> TensorEntry:
    if not isinstance(tensor, TensorEntry):
        raise PickleRefused("it holds a parameter that is no tensor")
    return tensor


def _uncallable(*given: Any) -> Any:
    raise PickleRefused("it makes a storage of its own")


_ADMITTED: Admitted = {
    ("collections", "OrderedDict"): _ordered,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", name): _uncallable for name in _ITEM_SIZES},
}


def read_index(path: Path, remedy: str) -> dict[str, TensorEntry]:
    """Return the tensors of a file by name, after checking that the whole archive is what it says.

    Parameters
    ----------
    path
        The file.
    remedy
        What to do where it cannot be used; ends the message.

    Raises
    ------
    CheckpointError
        If the file is absent, cut short, damaged, compressed, of torch before 1.6, or holds anything but tensors by
        name, which is named.
    """
    if path.exists() and not path.is_file():
        raise CheckpointError(f"{path}: no file; {remedy}")
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            entries = _entries(archive, size)
            folder = _folder(entries)
            order = entries.get(f"{folder}/byteorder")
            if order is not None and (order.file_size > 16 or archive.read(order) != b"little"):
                raise PickleRefused("its numbers are not little-endian")
            index = run_pickle(archive.read(f"{folder}/data.pkl"), _ADMITTED, _storages(entries, folder))
            broken = archive.testzip()
            if broken is not None:
                raise PickleRefused(f"its entry {broken!r} is damaged")
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}; {remedy}") from error
    except PickleRefused as error:
        raise CheckpointError(f"{path}: not a file of plain tensors: {error}; {remedy}") from error
    except Exception as error:
        raise CheckpointError(
            f"{path}: cut short or damaged, or written by torch before 1.6 ({type(error).__name__}: {error!s:.120}); "
            f"{remedy}"
        ) from error
    if not isinstance(index, dict) or not index:
        raise CheckpointError(f"{path}: {type(index).__name__} in place of named tensors; {remedy}")
    for name, entry in index.items():
        if not isinstance(name, str) or not isinstance(entry, TensorEntry):
            raise CheckpointError(f"{path}: {name!r:.80} is a {type(entry).__name__}, no tensor; {remedy}")
    return dict(index)


def _entries(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    entries: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for entry in archive.infolist():
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise PickleRefused(f"its entry {entry.filename!r:.80} is compressed, which torch never writes")
        if entry.filename in entries:
            raise PickleRefused(f"it holds two entries {entry.filename!r:.80}")
        total += entry.file_size
        if total > size:
            raise PickleRefused(f"its entries claim {total} bytes of a file of {size}")
        entries[entry.filename] = entry
    return entries


def _folder(entries: dict[str, zipfile.ZipInfo]) -> str:
    pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise PickleRefused("it is a zip archive, but not of torch: it needs one FOLDER/data.pkl")
    if entries[pickles[0]].file_size > _LARGEST_INDEX:
        raise PickleRefused(f"its list of tensors takes {entries[pickles[0]].file_size} bytes")
    return pickles[0].partition("/")[0]


def _storages(entries: dict[str, zipfile.ZipInfo], folder: str) -> Callable[[Any], _Storage]:
    def find(pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage" or not isinstance(pid[1], Named):
            raise PickleRefused(f"it asks for a persistent object {pid!r:.60}")
        dtype, item = _ITEM_SIZES.get(pid[1].name.removeprefix("torch."), ("", 0))
        entry = entries.get(f"{folder}/data/{pid[2]}")
        if not dtype or entry is None or type(pid[4]) is not int or pid[4] < 0:
            raise PickleRefused(f"it asks for a storage {pid[2]!r:.60} that it does not hold")
        if pid[4] * item != entry.file_size:
            raise PickleRefused(f"storage {pid[2]!r:.60} claims {pid[4]} numbers and holds {entry.file_size} bytes")
        return _Storage(dtype, pid[4])

    return find
