"""The project as a stranger receives it: version, licence, requirements, command and wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import theodolite

MAX_LINES = 400
MAX_BYTES = 2 * 2**20
HEAVY = ("langgraph", "numba", "pandas", "scanpy", "sklearn", "torch", "transformers")

# Indexes and folders that hold on one machine only, or send an installation to a place its user did not choose.
ONE_MACHINE = {
    "a home or scratch folder": re.compile(r"(?<![\w.~}$-])/(?:root|work|home/\w+|Users/\w+|tmp/\w)/"),
    "an index of packages": re.compile(r"(?i)(?:index-url|find-links|trusted-host)[ =]+[\"']?(?:https?|file):"),
    "the host of an index": re.compile(r"(?i)\bpython[h]osted\.org|\bpy[p]i\.\w+"),
}


@pytest.fixture(scope="module")
def project(checkout: Path) -> dict[str, Any]:
    return tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["project"]


def project_files(checkout: Path) -> list[Path]:
    """Return the files that are in version control, or would be after `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, cwd=checkout, capture_output=True, check=True, text=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git checkout, or no git: {error}")
    return [path for name in listing.split("\0") if name and (path := checkout / name).is_file()]


def text_of(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return None


def test_the_installed_version_is_that_of_the_package() -> None:
    assert version("theodolite") == theodolite.__version__


def test_the_changelog_names_the_version(checkout: Path) -> None:
    assert f"## [{theodolite.__version__}]" in (checkout / "CHANGELOG.md").read_text("utf-8")


def test_the_licence_is_bsd_3_clause(checkout: Path, project: dict[str, Any]) -> None:
    licence = (checkout / "LICENSE").read_text("utf-8")
    assert project["license"] == "BSD-3-Clause"
    assert licence.startswith("BSD 3-Clause License") and "Theodolite contributors" in licence
    assert "Neither the name of the copyright holder" in licence


def test_every_requirement_has_one_tested_version_within_its_range(checkout: Path, project: dict[str, Any]) -> None:
    lines = (checkout / "constraints.txt").read_text("utf-8").splitlines()
    names, versions = zip(*(line.split("==") for line in lines if not line.startswith("#")), strict=True)
    pins = dict(zip(map(canonicalize_name, names), versions, strict=True))
    assert len(pins) == len(names)
    # A local version, such as that of a CPU build, cannot be installed from another index.
    assert not [pin for pin in versions if "+" in pin]
    requirements = [*project["dependencies"]]
    # The Census is asked over the network only, which no test does: its package was tried in no version.
    for name, extra in project["optional-dependencies"].items():
        requirements += extra if name != "census" else []
    for requirement in map(Requirement, requirements):
        assert pins.get(canonicalize_name(requirement.name), "no pin") in requirement.specifier, str(requirement)


def test_classifiers_name_no_python_that_is_refused(project: dict[str, Any]) -> None:
    assert project["requires-python"] == ">=3.11"
    minors = [int(c.rsplit(".", 1)[1]) for c in project["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert minors and min(minors) >= 11


def test_ci_calls_the_test_command_of_the_readme(checkout: Path) -> None:
    readme = (checkout / "README.md").read_text("utf-8")
    script = checkout / ".ci" / "run"
    assert "make demo" in readme and "make test" in readme
    assert re.search(r"^make test\b", script.read_text("utf-8"), re.MULTILINE)
    assert os.access(script, os.X_OK)


def test_the_command_starts_without_the_heavy_libraries() -> None:
    (script,) = entry_points(group="console_scripts", name="theodolite")
    code = f"import sys; import {script.module} as m; assert callable(m.{script.attr}); print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split()
    assert script.value == "theodolite.cli:main"
    assert not sorted(set(HEAVY) & set(loaded))


def test_no_file_holds_what_is_true_on_one_machine_only(checkout: Path) -> None:
    found = [
        f"{path.relative_to(checkout)}: {what}: {match.group()!r}"
        for path in project_files(checkout)
        if (text := text_of(path)) is not None
        for what, pattern in ONE_MACHINE.items()
        if (match := pattern.search(text))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "pip install --index-" + "url https://packages.example/simple torch",
        "find-" + "links = file:/wheels",
        "cells: /ro" + "ot/cells.h5ad",
        "see https://py" + "pi.org/project/theodolite",
    ],
)
def test_the_search_for_machine_facts_sees_them(line: str) -> None:
    assert any(pattern.search(line) for pattern in ONE_MACHINE.values())


def test_every_source_file_holds_one_idea(checkout: Path) -> None:
    lengths = {
        str(path.relative_to(checkout)): len(path.read_text("utf-8").splitlines())
        for path in (checkout / "src").rglob("*.py")
    }
    assert lengths
    assert not {name: length for name, length in lengths.items() if length > MAX_LINES}


def test_nothing_that_a_run_wrote_is_kept_but_the_ledgers_of_earlier_versions(checkout: Path) -> None:
    names = [path.relative_to(checkout).as_posix() for path in project_files(checkout)]
    ledgers = [name for name in names if re.search(r"\.sqlite(-\w+|\.lock)?$|(^|/)artefacts/", name)]
    assert ledgers
    assert [name for name in ledgers if not name.startswith("tests/ledgers/")] == []
    assert [name for name in names if (checkout / name).stat().st_size > MAX_BYTES] == []


@pytest.mark.slow
def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(tmp_path),
        str(checkout),
    ]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("theodolite-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    source = checkout / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in project_files(checkout)
        if path.is_relative_to(source / "theodolite")
    }
    assert "theodolite/py.typed" in expected
    metadata = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    assert names - metadata == expected
    assert any(name.endswith("/licenses/LICENSE") for name in metadata)
