"""Public names of a package that are imported when somebody asks for them, so that its light modules stay light."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, modules: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """Return a module's ``__getattr__`` (PEP 562) that imports a name from its module and keeps it.

    Parameters
    ----------
    package
        The package, ``__name__`` in its ``__init__``.
    modules
        By module of the package, the names that come from it.
    """
    # A module that is imported becomes an attribute of its package, and would hide a name that it shares.
    assert not (hidden := {name for names in modules.values() for name in names} & set(modules)), hidden
    where = {name: module for module, names in modules.items() for name in names}

    def find(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = import_module(package)
        found = getattr(import_module(f"{package}.{where[name]}"), name)
        setattr(home, name, found)
        return found

    return find
