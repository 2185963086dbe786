"""Names of nodes as people type them: ``tool:attention.edges@1``, ``model:compact-pbmc``, ``reference:1a2b3c``."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import get_args

from theodolite.experiments.dependence import Node
from theodolite.store import NodeKind

__all__ = ["NodeError", "named_nodes"]

_KINDS: tuple[str, ...] = get_args(NodeKind)
_HASH = re.compile(r"[0-9a-f]{4,64}")


class NodeError(ValueError):
    """A name of no node, or of several; the message names what there is."""


def named_nodes(text: str, known: Collection[Node]) -> tuple[Node, ...]:
    """Return the nodes that a name means: one, or every version and source of an instrument that is named without.

    Parameters
    ----------
    text
        ``kind:name``, ``kind:name#hash``, or ``kind:hash``; hashes may be cut short, to four digits or more.
    known
        The nodes of the ledger.

    Raises
    ------
    NodeError
        If there is none, or more than one.
    """
    kind, colon, rest = text.strip().partition(":")
    if not colon or kind not in _KINDS:
        raise NodeError(f"{text!r} does not say what it is; write KIND:NAME, with a kind of {', '.join(_KINDS)}")
    of_kind = [node for node in known if node.kind == kind]
    name, _, prefix = rest.partition("#")
    if prefix and not _HASH.fullmatch(prefix):
        raise NodeError(
            f"{text!r} ends in {prefix!r}, which is no hash: give 4 to 64 of the digits 0-9 and a-f after #"
        )
    found = [node for node in of_kind if _is(node, name) and (not prefix or _starts(node, prefix))]
    if not found and not prefix and _HASH.fullmatch(rest):
        found = [node for node in of_kind if _starts(node, rest)]
    # What is named without a hash goes with what has one.
    hashed = {node.name for node in found if node.sha256 is not None}
    found = [node for node in found if node.sha256 is not None or node.name not in hashed]
    if not found:
        raise NodeError(f"no verdict of this ledger rests on {text!r}; {_near(text, of_kind)}")
    if len(found) > 1 and (kind != "tool" or prefix):
        listed = ", ".join(sorted(map(str, found)))
        raise NodeError(f"{text!r} is the name of {len(found)} nodes; choose one: {listed}")
    return tuple(sorted(found, key=lambda node: (node.name, node.sha256 or "")))


def _is(node: Node, name: str) -> bool:
    """Return whether a name is a node's: in full, or without the version of a tool or the catalogue of a gate."""
    short = {"tool": node.name.partition("@")[0], "gate": node.name.rpartition("/")[2]}.get(node.kind, node.name)
    return bool(name) and name in (node.name, short)


def _starts(node: Node, prefix: str) -> bool:
    return node.sha256 is not None and node.sha256.startswith(prefix)


def _near(text: str, of_kind: Collection[Node]) -> str:
    # Compared without their hashes, which would make long names alike.
    names = {str(node).partition("#")[0]: str(node) for node in sorted(of_kind, key=str)}
    if not names:
        return "`theodolite ledger nodes` lists what they rest on"
    begun = [name for name in names if name.startswith(text)]
    close = [names[name] for name in (begun or get_close_matches(text, names, n=3, cutoff=0.4) or list(names))[:3]]
    return f"the nearest are {', '.join(close)}; `theodolite ledger nodes` lists all"
