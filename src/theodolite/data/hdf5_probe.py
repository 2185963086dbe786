"""Reads HDF5 files from end to end, in a process of its own; run as a script, never imported by the package.

The HDF5 library can be taken down, or into an endless loop, by a damaged file. So a file is first read here: one path a
line on standard input, one line of JSON a file on standard output. It imports nothing but h5py and NumPy.
"""

from __future__ import annotations

import json
import math
import sys
from typing import Any

BLOCK = 1 << 22
"""Values that are read at once."""
# No filter that AnnData or Cell Ranger write packs more than about 1,030 to 1.
MOST_PACKED = 1_100
SLACK = 1 << 20


def read_whole(path: str) -> None:
    """Read every attribute and every value of a file.

    Raises
    ------
    ValueError
        If a data set claims more values than the file can hold.
    """
    import h5py

    with h5py.File(path, "r") as file:
        dict(file.attrs)
        todo: list[Any] = [file]
        seen: set[Any] = {file.id}
        while todo:
            for name, item in todo.pop().items():
                if item is None:
                    raise ValueError(f"link {name!r} leads nowhere")
                if item.id in seen:
                    continue
                seen.add(item.id)
                dict(item.attrs)
                if isinstance(item, h5py.Group):
                    todo.append(item)
                elif isinstance(item, h5py.Dataset):
                    _read_values(name, item)


def _read_values(name: str, item: Any) -> None:
    if item.shape is None:
        return
    size = math.prod(item.shape)
    if size * item.dtype.itemsize > MOST_PACKED * item.id.get_storage_size() + SLACK:
        raise ValueError(f"{name!r} claims {size} values, more than the file can hold")
    if item.ndim == 0:
        item[()]
        return
    rows = max(1, BLOCK // max(1, math.prod(item.shape[1:])))
    for start in range(0, item.shape[0], rows):
        item[start : start + rows]


def main() -> None:
    """Answer for each path on standard input."""
    for line in sys.stdin:
        try:
            read_whole(json.loads(line))
        except Exception as error:  # noqa: BLE001  whatever a damaged file does is the answer
            answer = f"{type(error).__name__}: {error}"
        else:
            answer = ""
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
