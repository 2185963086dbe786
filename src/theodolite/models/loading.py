"""Reading files that strangers made: pickles that can run nothing, and weights that fit to the last tensor.

A pickle is a program. Here it may build dicts, lists, tuples, text and numbers, and the plain numbers of numpy (which
the published gene dictionaries hold) are rebuilt from their bytes by our own code; whatever else it asks for is
refused by name.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from theodolite.models.facts import CheckpointError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = ["fill_strictly", "read_plain_pickle", "read_tensors"]

_LARGEST_PICKLE = 256 * 2**20
_NUMBERS = frozenset({"i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "b1"})


class _Dtype:
    """Stands for ``numpy.dtype`` in a pickle: a name and a byte order, nothing else."""

    def __init__(self, name: object, align: object = False, copy: object = False) -> None:
        if name not in _NUMBERS:
            raise pickle.UnpicklingError(f"it holds a numpy type {name!r}; plain numbers only")
        self.name = str(name)
        self.order: Literal["<", ">", "=", "|"] = "="

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "=", "|"):
            self.order = state[1]


def _number(dtype: object, content: object = b"") -> int | float | bool:
    """Stands for ``numpy.core.multiarray.scalar`` in a pickle."""
    if not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
        raise pickle.UnpicklingError("it holds a numpy scalar that is no plain number")
    kind = np.dtype(dtype.name).newbyteorder(dtype.order)
    if len(content) != kind.itemsize:
        raise pickle.UnpicklingError(f"it holds {len(content)} bytes for a {kind}")
    value: int | float | bool = np.frombuffer(content, dtype=kind)[0].item()
    return value


_ADMITTED: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "scalar"): _number,
    ("numpy._core.multiarray", "scalar"): _number,
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError(f"it asks for a persistent object {pid!r:.40}")


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
    try:
        if path.stat().st_size > _LARGEST_PICKLE:
            raise CheckpointError(f"{path}: {path.stat().st_size} bytes, more than any dictionary of genes; {remedy}")
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}; {remedy}") from error
    try:
        found = _PlainUnpickler(io.BytesIO(content)).load()
    except CheckpointError:
        raise
    except Exception as error:  # noqa: BLE001  a mangled pickle raises whatever it was mangled into
        raise CheckpointError(
            f"{path}: no pickle of plain values ({error or type(error).__name__}); {remedy}"
        ) from error
    if any(isinstance(value, _Dtype) or callable(value) for value in _values(found)):
        raise CheckpointError(f"{path}: it holds more than plain values; {remedy}")
    return found


def _values(found: Any) -> Collection[Any]:
    if isinstance(found, dict):
        return (*found.keys(), *found.values())
    return tuple(found) if isinstance(found, (list, tuple, set, frozenset)) else (found,)


def read_tensors(path: Path, remedy: str) -> dict[str, Tensor]:
    """Read named tensors from ``.safetensors``, or from a ``.pt``/``.bin`` that holds nothing but tensors.

    Raises
    ------
    CheckpointError
        If the file is absent, cut short, or holds anything but a flat mapping of names to tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}; {remedy}") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not readable as safetensors ({error}); {remedy}") from error
    except Exception as error:  # noqa: BLE001  a mangled archive raises whatever it was mangled into
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path}: holds something else than plain tensors, or is cut short ({said}); {remedy}"
        ) from error
    if not isinstance(found, dict) or not found:
        raise CheckpointError(f"{path}: {type(found).__name__} in place of named tensors; {remedy}")
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise CheckpointError(f"{path}: {name!r:.80} is {type(tensor).__name__}, no tensor; {remedy}")
    return dict(found)


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

    Floating-point tensors of another width are converted to the module's.

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
        if tensor.shape != place.shape or tensor.is_floating_point() != place.is_floating_point():
            raise CheckpointError(
                f"{where}: tensor {name!r} is {tensor.dtype} {tuple(tensor.shape)} where the configuration asks for "
                f"{place.dtype} {tuple(place.shape)}; {remedy}"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"{where}: tensor {name!r} holds a number that is not finite; {remedy}")
        chosen[name] = tensor.to(place.dtype)
    module.load_state_dict(chosen, strict=False)
    return tuple(skipped)
