"""Where code comes from: whether it is Theodolite's own, and the hash of the files that a plug-in's code may call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from theodolite.canonical import digest, sha256_bytes

__all__ = ["built_in", "code_sha256", "source_file"]


def built_in(function: Callable[..., Any]) -> bool:
    """Return whether a function or class is part of Theodolite itself; everything else is a plug-in's.

    The file of the code decides, for the name of a module can be taken over: a decorator that wraps a built-in
    instrument (``functools.wraps``) bears the name of the instrument's module.
    """
    code = getattr(function, "__code__", None)
    if code is not None and Path(__file__).resolve().parent not in Path(code.co_filename).resolve().parents:
        return False
    return function.__module__.partition(".")[0] == "theodolite"


def source_file(function: Callable[..., Any]) -> Path:
    """Return the file that a function or class is written in."""
    return Path(inspect.getsourcefile(function) or inspect.getfile(function)).resolve()


def code_sha256(function: Callable[..., Any]) -> str:
    """Return the hash of every ``.py`` file of the outermost package that a function is part of, or of its one file.

    A measurement hangs on the helpers that a tool calls as much as on the tool. Names are relative to the package, so
    that a package that was moved or installed is the same code. Tables and weights beside the code are not covered.
    """
    file = source_file(function)
    root = file
    # As many folders up as the module's name has parts: a folder is a package where it has an __init__.py.
    for _ in function.__module__.split("."):
        if not (root.parent / "__init__.py").is_file():
            break
        root = root.parent
    files = [file] if root == file else sorted(root.rglob("*.py"))
    return digest({path.relative_to(root.parent).as_posix(): sha256_bytes(path.read_bytes()) for path in files})
