"""Plug-ins by path and by entry point: what they offer is there, and a bad one is one clear message."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from theodolite import plugins
from theodolite.plugins import PluginError, find_description, find_references, find_tool, load_installed, load_plugin
from theodolite.tools import tools

pytestmark = pytest.mark.usefixtures("fresh_plugins")

TOOL = '''
from collections.abc import Iterator
from typing import Self
from pydantic import Field
from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import GeneScores
from theodolite.tools import ModelShape, ToolParams, Workbench, tool

class Layer(ToolParams):
    layer: int = Field(ge=0, description="residual stream after this many blocks")

    def locus(self) -> Locus:
        return Locus(kind=LocusKind.LAYER, layer=self.layer)

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        for layer in range(shape.n_layers + 1):
            yield cls(layer=layer)

@tool(family="mine", shape=GeneScores, object="first", relation=Relation.SEPARATES, unit="one", version="1")
def first(bench: Workbench, params: Layer) -> GeneScores:
    """First component of each gene's vector."""
    score = bench.hidden(params.layer)[:, 0]
    return GeneScores(bench.genes, score, bench.families, bench.covariate_names, bench.covariates, first.unit)
'''

DESCRIPTION = '''
from theodolite.descriptions import Described, DescriptionParams, Subject, description
from theodolite.measurements import CurveFit

class Nothing(DescriptionParams):
    """No parameters."""

@description(family="mine", shape=CurveFit, unit="one", reads=("vectors",), memory=lambda size, params: 8 * size.genes)
def means(subject: Subject, params: Nothing) -> Described:
    """Mean of all vectors by layer."""
    mean = subject.vectors().mean(axis=(1, 2))
    curve = CurveFit(range(len(mean)), mean, ("all",) * len(mean), "depth", means.unit)
    return Described(curve, {"mean": mean}, f"The mean is {mean[0]:.3g} at the embedding.")
'''

REFERENCES = '''
from theodolite.data import Reference, offer_references
from theodolite.sources import Source

@offer_references("my-sets")
def sets() -> tuple[Reference, ...]:
    """Two sets and a regulon."""
    made = (Source(name="made up"),)
    return (
        Reference("one", "one", "set", ("A", "B"), "made up", made),
        Reference("two", "two", "regulon", (("A", "B"),), "made up", made),
    )
'''


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def names() -> set[str]:
    return {tool.name for tool in tools()}


def test_a_file_is_a_plugin_and_loading_it_again_changes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "plug_in_file.py", TOOL)
    plugin = load_plugin(path)
    assert plugin.tools == ("mine.first",) and "mine.first" in names()
    assert load_plugin(path) is plugin
    assert not find_tool("mine.first").built_in and find_tool("attention.edges").built_in


@pytest.mark.parametrize("layout", ["{name}", "project/src/{name}", "project/{name}"])
def test_a_package_or_the_project_that_holds_it_is_a_plugin(tmp_path: Path, layout: str) -> None:
    package = tmp_path / layout.format(name="plug_in_package")
    written(package / "__init__.py", "from plug_in_package.inside import first\n")
    written(package / "inside.py", TOOL)
    written(package.parent / "tests" / "__init__.py", "")
    place = package if layout == "{name}" else tmp_path / "project"
    assert load_plugin(place).tools == ("mine.first",)


def source_with(folder: Path, helper: str) -> str:
    written(folder / "plug_in_moved" / "__init__.py", TOOL)
    written(folder / "plug_in_moved" / "helper.py", helper)
    found: str = find_tool(load_plugin(folder / "plug_in_moved").tools[0]).source_sha256
    return found


def test_a_changed_helper_is_another_tool_and_a_moved_package_is_not(tmp_path: Path) -> None:
    hashes = []
    for folder, helper in (("a", "x = 1\n"), ("b", "x = 1\n"), ("c", "x = 2\n")):
        hashes.append(source_with(tmp_path / folder, helper))
        plugins._forget(None, "plug_in_moved", set(), ({}, {}, {}, {}))
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_description_is_offered_as_a_tool_is(tmp_path: Path) -> None:
    plugin = load_plugin(written(tmp_path / "plug_in_means.py", DESCRIPTION))
    assert plugin.descriptions == ("mine.means",) and plugin.tools == ()
    assert not find_description("mine.means").built_in and find_description("geometry.effective_rank").built_in
    with pytest.raises(PluginError, match="'mine.means' is registered twice"):
        load_plugin(written(tmp_path / "plug_in_again.py", DESCRIPTION))


def test_references_are_offered_by_name(tmp_path: Path) -> None:
    assert find_references("my-sets") == ()
    load_plugin(written(tmp_path / "plug_in_sets.py", REFERENCES))
    assert [item.kind for item in find_references("my-sets")] == ["set", "regulon"]


NOT_TUPLES = REFERENCES.replace("return (\n", "return [\n").replace("    )\n", "    ]\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_library\n", ["ModuleNotFoundError", "no_such_library", "line 1"]),
        ("x = 1\n\ndef f(:\n", ["SyntaxError", "line 3"]),
        ("raise SystemExit(3)\n", ["SystemExit"]),
        ("x = 1\n", ["registers nothing", "@tool"]),
        (TOOL.replace('"""First component of each gene\'s vector."""', ""), ["no docstring", "mine.first"]),
        (TOOL.replace('unit="one"', 'unit=" "'), ["names no unit"]),
        (TOOL.replace(", params: Layer", ", params"), ["annotate 'params'"]),
        (TOOL.replace("mine", "attention").replace("def first", "def edges"), ["registered twice", "attention.py"]),
        (REFERENCES.replace("my-sets", "programs"), ["cannot be called 'programs'"]),
        (REFERENCES.replace('    """Two sets and a regulon."""\n', ""), ["no docstring"]),
    ],
)
def test_a_bad_plugin_is_named_with_its_file_and_leaves_nothing_behind(
    tmp_path: Path, text: str, said: list[str]
) -> None:
    path, before = written(tmp_path / "plug_in_bad.py", text), names()
    with pytest.raises(PluginError) as caught:
        load_plugin(path)
    assert str(path) in str(caught.value)
    for words in said:
        assert words in str(caught.value)
    assert names() == before and "plug_in_bad" not in sys.modules
    written(path, TOOL)
    assert load_plugin(path).tools == ("mine.first",)


def test_what_is_no_plugin_at_all(tmp_path: Path) -> None:
    written(tmp_path / "two" / "a" / "__init__.py", "")
    written(tmp_path / "two" / "b" / "__init__.py", "")
    for place, said in (
        ("absent", "does not exist"),
        (str(written(tmp_path / "notes.txt", "")), "is no Python file"),
        (str(tmp_path / "two"), "holds a, b"),
        (str(written(tmp_path / "statistics.py", TOOL)), "taken by Python"),
        (str(written(tmp_path / "yaml.py", TOOL)), "is taken by"),
        (str(written(tmp_path / "my-tool.py", TOOL)), "no name; rename it"),
    ):
        with pytest.raises(PluginError, match=said):
            load_plugin(place)


def test_references_that_cannot_be_had_are_named(tmp_path: Path) -> None:
    load_plugin(written(tmp_path / "plug_in_list.py", NOT_TUPLES))
    with pytest.raises(PluginError, match="must return a tuple of Reference"):
        find_references("my-sets")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a module as a package manager would: on the path, with the metadata of its entry point."""

    def install(module: str, text: str, group: str = "theodolite.tools") -> None:
        site = tmp_path / "site"
        written(site / f"{module}.py", text)
        info = site / f"{module}-1.0.dist-info"
        written(info / "METADATA", f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        written(info / "entry_points.txt", f"[{group}]\nanything = {module}\n")
        monkeypatch.syspath_prepend(str(site))

    yield install
    for name in [name for name in sys.modules if name.startswith("installed_")]:
        del sys.modules[name]


def test_an_installed_package_is_found_by_its_entry_point_when_it_is_needed(installed: Any) -> None:
    installed("installed_tool", TOOL)
    find_tool("attention.edges")
    assert "installed_tool" not in sys.modules
    assert find_tool("mine.first").name == "mine.first"
    load_installed()
    assert sum(tool.name == "mine.first" for tool in tools()) == 1


def test_an_installed_package_that_is_broken_is_named_with_its_entry_point(installed: Any) -> None:
    installed("installed_broken", "import no_such_library\n", group="theodolite.references")
    with pytest.raises(PluginError, match=r"'installed_broken' \(entry point anything = installed_broken .*uninstall"):
        load_installed("references")


def test_what_is_built_in_is_never_loaded_through_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint("geometry", "theodolite.no_such_module", "theodolite.tools")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point])
    load_installed("tools")


def test_finding_what_is_built_in_loads_no_library_of_tests_and_fits() -> None:
    code = "import sys; import theodolite.plugins; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split()
    assert "theodolite.descriptions" in loaded
    # Half a second that every command would wait: functions that use these import them.
    assert not {"scipy.stats", "scipy.optimize", "sklearn", "pandas", "torch"} & set(loaded)
