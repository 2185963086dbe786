"""Plug-ins: tools, models and references that are no part of Theodolite, from entry points or from a path.

A plug-in is a Python module or package that registers what it offers when it is imported: instruments by ``@tool``,
descriptions by ``@description``, references by ``@offer_references``, models by ``@offer_model``. What a campaign then
uses is known by content hashes, so that places of plug-ins enter no identity. Authors of plug-ins are trusted:
importing one runs it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from theodolite.data import Reference
from theodolite.data import offered as references
from theodolite.descriptions import Description, get_description
from theodolite.descriptions import registry as described
from theodolite.models import offered as models
from theodolite.models.facts import ModelFacts, ModelNotFoundError
from theodolite.models.protocol import FoundationModel
from theodolite.tools import Tool, get_tool
from theodolite.tools import registry as instruments

__all__ = [
    "GROUPS",
    "Plugin",
    "PluginError",
    "find_description",
    "find_facts",
    "find_model",
    "find_references",
    "find_tool",
    "load_installed",
    "load_plugin",
    "load_plugins",
]

Kind = Literal["tools", "models", "references"]

GROUPS: dict[Kind, str] = {
    "tools": "theodolite.tools",
    "models": "theodolite.models",
    "references": "theodolite.references",
}
"""The entry-point groups by what they offer; the value of an entry point is the module that registers it."""

_NO_PACKAGE = frozenset({"test", "tests", "docs", "build", "dist"})
"""Folders of a project that hold no package to import."""


class PluginError(ValueError):
    """A plug-in that cannot be used; names the plug-in, its file and the remedy."""


@dataclass(frozen=True)
class Plugin:
    """A plug-in that was loaded.

    Attributes
    ----------
    name, file
        The module, and the file that was imported.
    tools, models, references, descriptions
        Names that it registered when it was loaded; empty where it had been imported before.
    """

    name: str
    file: Path
    tools: tuple[str, ...]
    models: tuple[str, ...]
    references: tuple[str, ...]
    descriptions: tuple[str, ...] = ()


_LOADED: dict[Path, Plugin] = {}


def _registries() -> tuple[dict[str, Any], ...]:
    return instruments._REGISTRY, models._OFFERED, references._OFFERED, described._REGISTRY


def load_plugins(places: Iterable[str | Path]) -> tuple[Plugin, ...]:
    """Load plug-ins by path, in order; see :func:`load_plugin`."""
    return tuple(load_plugin(place) for place in places)


def load_plugin(place: str | Path) -> Plugin:
    """Load a plug-in: a ``.py`` file, the folder of a package, or a project with one package in it or in its ``src``.

    A plug-in that was loaded before in this process, from there or as an installed package, is not loaded again.

    Raises
    ------
    PluginError
        If there is nothing to load, it cannot be imported, or it registers nothing.
    """
    name, file = _entry(Path(place))
    if file in _LOADED:
        return _LOADED[file]
    known = sys.modules.get(name)
    if known is not None and _file_of(known) == file:
        # Imported by an entry point, or by whoever runs this process.
        return _remember(name, file, _registries())
    _check_name(place, name, file)
    before = tuple(dict(registry) for registry in _registries())
    loaded = set(sys.modules)
    folder = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folder)
    if spec is None or spec.loader is None:
        raise PluginError(f"plug-in {str(place)!r}: {file} is no Python module; give a .py file or a package")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        plugin = _remember(name, file, before)
        if not (plugin.tools or plugin.models or plugin.references or plugin.descriptions):
            raise PluginError(
                f"plug-in {str(place)!r} ({file}) registers nothing; decorate a function with @tool, @description, "
                "@offer_references or @offer_model, and import its module in the package's __init__.py"
            )
    except (Exception, SystemExit) as error:
        _forget(file, name, loaded, before)
        if isinstance(error, PluginError):
            raise
        raise PluginError(
            f"plug-in {str(place)!r} ({_where(error, file)}) cannot be loaded: {type(error).__name__}: {error}; "
            "correct it there, or leave the plug-in out"
        ) from error
    return plugin


def load_installed(*kinds: Kind) -> None:
    """Load what installed packages offer under the entry points of some kinds; of all, where none is named.

    Raises
    ------
    PluginError
        Naming the entry point, its package and what is wrong.
    """
    for kind in kinds or tuple(GROUPS):
        for point in sorted(importlib.metadata.entry_points(group=GROUPS[kind]), key=lambda point: point.name):
            if point.module.partition(".")[0] == "theodolite":
                continue  # what is built in registers itself, and once
            package = point.dist.name if point.dist is not None else point.module
            before = tuple(dict(registry) for registry in _registries())
            loaded = set(sys.modules)
            try:
                point.load()
            except (Exception, SystemExit) as error:
                _forget(None, point.module, loaded, before)
                raise PluginError(
                    f"the installed plug-in {package!r} (entry point {point.name} = {point.value} of {GROUPS[kind]}) "
                    f"cannot be loaded: {type(error).__name__}: {error}; correct, upgrade or uninstall it"
                ) from error


def find_tool(name: str) -> Tool:
    """Return an instrument by name; installed plug-ins are looked at only if no other has it.

    Raises
    ------
    KeyError
        Naming the tools that exist.
    PluginError
        If an installed plug-in cannot be loaded.
    """
    if name not in instruments._REGISTRY:
        load_installed("tools")
    return get_tool(name)


def find_description(name: str) -> Description:
    """Return a description by name; installed plug-ins (entry points of tools) are looked at only if no other has it.

    Raises
    ------
    KeyError
        Naming the descriptions that exist.
    PluginError
        If an installed plug-in cannot be loaded.
    """
    if name not in described._REGISTRY:
        load_installed("tools")
    return get_description(name)


def find_facts(model: str) -> ModelFacts:
    """Return the facts of a model by name or folder; installed plug-ins are looked at only if no other has it.

    Raises
    ------
    ModelNotFoundError, CheckpointError, PluginError
        If there is none, or it cannot be read.
    """
    try:
        return models.find_facts(model)
    except ModelNotFoundError:
        load_installed("models")
    try:
        return models.find_facts(model)
    except ModelNotFoundError as error:
        names = ", ".join(models.offered_models())
        raise ModelNotFoundError(f"{error}{f'; plug-ins offer {names}' if names else ''}") from None


def find_model(model: str) -> tuple[str, FoundationModel]:
    """Return the hash and the model of a name or folder, loaded, as :func:`find_facts` finds it."""
    find_facts(model)
    return models.find_model(model)


def find_references(name: str, *, look: bool = True) -> tuple[Reference, ...]:
    """Return the references that a plug-in offers under a name; empty if none does.

    Parameters
    ----------
    name
        As a campaign file gives it.
    look
        Whether to look at installed plug-ins too.

    Raises
    ------
    PluginError
        If an installed plug-in cannot be loaded, or the references cannot be had.
    """
    if look and name not in references.offered_references():
        load_installed("references")
    if name not in references.offered_references():
        return ()
    try:
        return references.references_called(name)
    except references.OfferError as error:
        raise PluginError(f"{error}; correct the plug-in") from error


def _entry(place: Path) -> tuple[str, Path]:
    """Return the module's name and the file to import."""
    path = place.expanduser().resolve()
    if path.is_file() and path.suffix == ".py":
        return path.stem, path
    if not path.is_dir():
        what = "is no Python file" if path.exists() else "does not exist"
        raise PluginError(
            f"plug-in {str(place)!r}: {path} {what}; give a .py file or the folder of a package, as seen from the "
            "campaign file"
        )
    if (path / "__init__.py").is_file():
        return path.name, path / "__init__.py"
    found = [
        file
        for folder in (path / "src", path)
        for file in sorted(folder.glob("*/__init__.py"))
        if file.parent.name not in _NO_PACKAGE
    ]
    if len(found) != 1:
        names = ", ".join(file.parent.name for file in found) or "none"
        raise PluginError(
            f"plug-in {str(place)!r}: {path} should hold one package, itself or in src/, and holds {names}; "
            "give the folder with the __init__.py"
        )
    return found[0].parent.name, found[0]


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def _check_name(place: str | Path, name: str, file: Path) -> None:
    """Refuse a name under which Python would find, or has found, another module."""
    if not name.isidentifier():
        raise PluginError(f"plug-in {str(place)!r}: {file} would be module {name!r}, which is no name; rename it")
    taken: object = None
    if name in sys.stdlib_module_names or name == "theodolite":
        taken = "Python or Theodolite itself"
    elif name in sys.modules:
        taken = _file_of(sys.modules[name]) or "a module without a file"
    else:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None and Path(spec.origin).resolve() != file:
            taken = spec.origin
    if taken is not None:
        raise PluginError(
            f"plug-in {str(place)!r}: the module name {name!r} of {file} is taken by {taken}; rename the plug-in, or "
            "leave out the path of one that is installed"
        )


def _remember(name: str, file: Path, before: tuple[dict[str, Any], ...]) -> Plugin:
    new_tools, new_models, new_references, new_descriptions = (
        tuple(sorted(registry.keys() - known.keys())) for registry, known in zip(_registries(), before, strict=True)
    )
    plugin = Plugin(name, file, new_tools, new_models, new_references, new_descriptions)
    _LOADED[file] = plugin
    return plugin


def _forget(file: Path | None, name: str, modules: set[str], before: tuple[dict[str, Any], ...]) -> None:
    """Undo what a plug-in did before it failed, so that a corrected one can be loaded."""
    top = name.partition(".")[0]
    for module in [module for module in sys.modules if module.partition(".")[0] == top and module not in modules]:
        del sys.modules[module]
    for registry, then in zip(_registries(), before, strict=True):
        registry.clear()
        registry.update(then)
    if file is not None:
        _LOADED.pop(file, None)


def _where(error: BaseException, file: Path) -> str:
    """Return the file and line of a plug-in at which it failed."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    root = file.parent if file.name == "__init__.py" else file
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == root or root in Path(frame.filename).parents
    ]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else str(file)
