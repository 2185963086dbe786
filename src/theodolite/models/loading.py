"""Reading files that strangers made: pickles that can run nothing, and weights that fit to the last tensor.

A pickle is a program. Here it may build dicts, lists, tuples, text and numbers, and the plain numbers of numpy (which
the published gene dictionaries hold) are rebuilt from their bytes by our own code; whatever else it asks for is
refused by name.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from theodolite.models.facts import CheckpointError
from theodolite.models.plain_pickle import Admitted, PickleRefused, run_pickle
from theodolite.models.torch_files import TensorEntry, read_index

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = ["fill_strictly", "read_json_object", "read_plain_pickle", "read_small_file", "read_tensors"]

_LARGEST_TABLE = 16 * 2**20
"""Bytes; the largest published dictionary of genes has 4 million."""
_NUMBERS = frozenset({"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "b1"})


class _Dtype:
    """Stands for ``numpy.dtype`` in a pickle: a name and a byte order, nothing else."""

    def __init__(self, name: object, align: object = False, copy: object = False) -> None:
        if not isinstance(name, str) or name not in _NUMBERS:
            raise PickleRefused(f"it holds a numpy type {name!r}; plain numbers only")
        self.name = name
        self.order: Literal["<", ">", "=", "|"] = "="

    def set_state(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "=", "|"):
            raise PickleRefused("it gives a numpy type a state that is none")
        self.order = state[1]


def _number(dtype: object, content: object = b"") -> int | float | bool:
    """Stands for ``numpy.core.multiarray.scalar`` in a pickle."""
    if not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
        raise PickleRefused("it holds a numpy scalar that is no plain number")
    kind = np.dtype(dtype.name).newbyteorder(dtype.order)
    if len(content) != kind.itemsize:
        raise PickleRefused(f"it holds {len(content)} bytes for a {kind}")
    value: int | float | bool = np.frombuffer(content, dtype=kind)[0].item()
    return value


def _bytes(text: object = "", encoding: object = "") -> bytes:
    """Stands for ``_codecs.encode``, by which old pickles write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise PickleRefused("it encodes text that does not stand for bytes")
    return text.encode("latin1")


_ADMITTED: Admitted = {
    ("_codecs", "encode"): _bytes,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "scalar"): _number,
    ("numpy._core.multiarray", "scalar"): _number,
}


def read_plain_pickle(path: Path, remedy: str) -> Any:
    """Read a pickle of dicts, lists, tuples, text and numbers; nothing in it can run.

    Parameters
    ----------
    path
        The file.
    remedy
        What to do where it cannot be used; ends the message.

    Raises
    ------
    CheckpointError
        If the file is absent, cut short, or asks for anything else, which is named.
    """
    content = read_small_file(path, remedy, _LARGEST_TABLE)
    try:
        found = run_pickle(content, _ADMITTED)
        _refuse_types(found)
    except PickleRefused as error:
        raise CheckpointError(f"{path}: no pickle of plain values: {error}; {remedy}") from error
    return found


def _refuse_types(found: Any) -> None:
    """Refuse types of numpy in place of numbers, and text that is none; what is walked holds no knots."""
    waiting = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, _Dtype):
            raise PickleRefused("it holds a type of numpy in place of a number")
        if isinstance(value, str) and not value.isascii() and not _is_unicode(value):
            raise PickleRefused(f"it holds text that is no Unicode ({value!r:.60})")
        if isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)


def _is_unicode(text: str) -> bool:
    """Return whether text can be written: half of a surrogate pair can be read from a file, but never written."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_json_object(path: Path, remedy: str, largest: int = _LARGEST_TABLE) -> dict[str, Any]:
    """Read a JSON file that holds one object; keys are unique and numbers finite.

    Raises
    ------
    CheckpointError
        If the file is absent, too large, cut short, no JSON, or no object.
    """
    content = read_small_file(path, remedy, largest)
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not readable as JSON ({error!s:.200}); {remedy}") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path}: holds a {type(found).__name__} in place of an object; {remedy}")
    if b"\\u" in content and not _is_unicode(json.dumps(found, ensure_ascii=False)):
        raise CheckpointError(f"{path}: holds text that is no Unicode; {remedy}")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {twice!r:.80} stands there twice")
    return found


def _not_finite(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def read_small_file(path: Path, remedy: str, largest: int) -> bytes:
    """Return the bytes of a file that is expected to be small.

    Raises
    ------
    CheckpointError
        If it is absent, no file, unreadable, or larger than ``largest`` bytes.
    """
    try:
        if not path.is_file():
            raise CheckpointError(f"{path}: {'no file' if path.exists() else 'absent'}; {remedy}")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}; {remedy}") from error
    if len(content) > largest:
        raise CheckpointError(f"{path}: more than {largest} bytes, which no such file has; {remedy}")
    return content


def read_tensors(path: Path, remedy: str) -> dict[str, Tensor]:
    """Read named tensors from ``.safetensors``, or from a ``.pt``/``.bin`` that holds nothing but tensors.

    Raises
    ------
    CheckpointError
        If the file is absent, cut short, or holds anything but a flat mapping of names to tensors.
    """
    import torch
    from safetensors.torch import load_file

    if path.exists() and not path.is_file():
        raise CheckpointError(f"{path}: no file; {remedy}")
    try:
        if path.suffix == ".safetensors":
            found: Any = load_file(path)
        else:
            index = read_index(path, remedy)
            found = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}; {remedy}") from error
    except Exception as error:
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        kind = "safetensors" if path.suffix == ".safetensors" else "plain tensors"
        raise CheckpointError(f"{path}: not readable as {kind} ({said}); {remedy}") from error
    if not isinstance(found, dict) or not found:
        raise CheckpointError(f"{path}: {type(found).__name__} in place of named tensors; {remedy}")
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise CheckpointError(f"{path}: {name!r:.80} is {type(tensor).__name__}, no tensor; {remedy}")
        if _dtype(tensor) not in _PLAIN_TYPES:
            raise CheckpointError(f"{path}: tensor {name!r:.80} is of {tensor.dtype}, no plain number; {remedy}")
    if path.suffix != ".safetensors":
        # Two readers of one archive must see the same; an archive made to show each another content is refused.
        seen = {name: TensorEntry(tuple(tensor.shape), _dtype(tensor)) for name, tensor in found.items()}
        if seen != index:
            raise CheckpointError(f"{path}: its list of tensors is not what it holds; {remedy}")
    return dict(found)


_PLAIN_TYPES = frozenset(
    {"float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"}
)


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def fill_strictly(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    where: Path,
    remedy: str,
    *,
    may_skip: Callable[[str], bool] = lambda name: False,
    may_lack: Callable[[str], bool] = lambda name: False,
) -> tuple[str, ...]:
    """Fill a module with tensors of the same names and shapes; all is checked before anything is written.

    Floating-point tensors of another width are converted to the module's. A module on the device ``meta`` takes
    tensors of its own only here, so that sizes that a configuration merely claims cost nothing.

    Parameters
    ----------
    module
        What is filled.
    tensors
        By name.
    where, remedy
        File and remedy for messages.
    may_skip
        Whether a tensor that the module has no place for may be left out; such are returned.
    may_lack
        Whether the module may keep its own where the file has none (tied weights).

    Returns
    -------
    tuple of str
        Names of tensors that were left out, sorted.

    Raises
    ------
    CheckpointError
        Naming the first tensor that is missing, unexpected, mis-shaped, of another kind, or not finite.
    """
    import torch

    own = module.state_dict()
    skipped = sorted(name for name in tensors.keys() - own.keys())
    for name in skipped:
        if not may_skip(name):
            shape = tuple(tensors[name].shape)
            raise CheckpointError(f"{where}: tensor {name!r} {shape} is unexpected; {remedy}")
    chosen: dict[str, torch.Tensor] = {}
    for name, place in own.items():
        if name not in tensors:
            if may_lack(name):
                continue
            raise CheckpointError(f"{where}: tensor {name!r} {tuple(place.shape)} is missing; {remedy}")
        tensor = tensors[name]
        same_kind = _dtype(tensor) in _PLAIN_TYPES and tensor.is_floating_point() == place.is_floating_point()
        if tensor.shape != place.shape or not same_kind:
            raise CheckpointError(
                f"{where}: tensor {name!r} is {tensor.dtype} {tuple(tensor.shape)} where the configuration asks for "
                f"{place.dtype} {tuple(place.shape)}; {remedy}"
            )
        converted = tensor.to(place.dtype)
        # Looked at after the conversion: a number may be finite in the file and beyond what the module can hold.
        if converted.is_floating_point() and not bool(torch.isfinite(converted).all()):
            raise CheckpointError(f"{where}: tensor {name!r} holds a number that is not finite; {remedy}")
        chosen[name] = converted
    if any(place.is_meta for place in own.values()):
        # Copies: what was read may lie in the mapped file, or share its storage with other tensors.
        copies = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in chosen.items()}
        module.load_state_dict(copies, strict=False, assign=True)
    else:
        module.load_state_dict(chosen, strict=False)
    return tuple(skipped)
