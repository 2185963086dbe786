"""Whose code it is, and the hash of the files that it may call."""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from theodolite.canonical import digest, sha256_bytes
from theodolite.origins import built_in, code_sha256, source_file
from theodolite.tools import get_tool


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], ModuleType]:
    def load(name: str, file: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


def test_what_theodolite_carries_is_built_in() -> None:
    assert built_in(get_tool("attention.edges").function)
    assert not built_in(test_what_theodolite_carries_is_built_in)


def test_what_wraps_a_built_in_instrument_is_a_plug_in() -> None:
    """It bears the name of the instrument's module, and would be used for verdicts without a check."""
    inner = get_tool("attention.edges").function

    @functools.wraps(inner)
    def mine(bench: Any, params: Any) -> Any:
        return inner(bench, params)

    assert mine.__module__.startswith("theodolite.")
    assert not built_in(mine)
    assert code_sha256(mine) == code_sha256(test_what_wraps_a_built_in_instrument_is_a_plug_in)


def test_a_file_that_stands_alone_is_all_of_its_code(tmp_path: Path, imported: Any) -> None:
    file, beside = tmp_path / "origin_alone.py", tmp_path / "other.py"
    file.write_text("def f():\n    return 1\n")
    beside.write_text("x = 1\n")
    f = imported("origin_alone", file).f
    assert source_file(f) == file.resolve()
    assert code_sha256(f) == digest({"origin_alone.py": sha256_bytes(file.read_bytes())})


def test_a_function_in_a_subpackage_hangs_on_the_whole_package(tmp_path: Path, imported: Any) -> None:
    package = tmp_path / "origin_whole"
    (package / "deep").mkdir(parents=True)
    for place in ("__init__.py", "helper.py", "deep/__init__.py"):
        (package / place).write_text("")
    (package / "deep" / "inner.py").write_text("def f():\n    return 1\n")
    (package / "notes.txt").write_text("not code")
    f = imported("origin_whole.deep.inner", package / "deep" / "inner.py").f
    before = code_sha256(f)
    (package / "notes.txt").write_text("changed")
    assert code_sha256(f) == before
    (package / "helper.py").write_text("x = 1\n")
    assert code_sha256(f) != before
