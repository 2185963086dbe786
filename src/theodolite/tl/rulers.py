"""Rulers as they are given on an AnnData: a stage graph, steps between stages, a column, or what a campaign says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from theodolite.data.rulers import RulerError, RulerItem, stage_graph_of
from theodolite.data.stage_graphs import StageGraph, StageGraphError, StageStep, load_stage_graphs
from theodolite.tl.errors import MeasureError

__all__ = ["GivenRuler", "columns_of", "given_rulers", "said_wrong"]

_EDGES = "edges"


@dataclass(frozen=True, eq=False)
class GivenRuler:
    """One way to measure.

    Attributes
    ----------
    item
        As a campaign says it.
    graph
        Its stage graph, None where it is none.
    said
        Plain data of what was given.
    """

    item: RulerItem
    graph: StageGraph | None
    said: dict[str, Any]


def given_rulers(rulers: Any, columns: Sequence[str], *, branched: bool) -> tuple[GivenRuler, ...]:
    """Return the rulers that are meant.

    Parameters
    ----------
    rulers
        One, or a list of them: the name of a packaged stage graph or the path of a table of one; the name of a column
        of numbers of ``adata.obs``; a list of steps, pairs of stages, the earlier one first; or what a ruler of a
        campaign file may say, as a mapping (docs/instruments/manifold.md), whose ``id`` may be left out.
    columns
        Columns of ``adata.obs``.
    branched
        Whether branches are known from elsewhere, so that steps need not tell them.

    Raises
    ------
    MeasureError
        If it is none of these; the message names the value and what is near it.
    """
    found: list[GivenRuler] = []
    for each in [rulers] if _is_one(rulers) else list(rulers):
        taken = [one.item.id for one in found]
        found.append(_ruler(each, columns, taken, branched=branched))
    if not found:
        packaged = ", ".join(graph.id for graph in load_stage_graphs())
        raise MeasureError(f"rulers is {rulers!r}; name one, such as a packaged stage graph ({packaged})")
    return tuple(found)


def columns_of(item: RulerItem) -> tuple[str, ...]:
    """Return the columns of cells that a ruler reads."""
    return (*(() if item.column is None else (item.column,)), *(item.mixture or ()), *(item.spatial or ()))


def said_wrong(error: ValidationError, what: str) -> MeasureError:
    """Return what a check of several values found first, with the value."""
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    said = first["msg"].removeprefix("Value error, ")
    # A check of several values together has no name.
    return MeasureError(f"{what}: {name} is {first['input']!r:.80}: {said}" if name else f"{what}: {said}")


def _is_one(rulers: Any) -> bool:
    if isinstance(rulers, (str, Path, Mapping)):
        return True
    if not isinstance(rulers, Sequence):
        raise MeasureError(
            f"rulers is of type {type(rulers).__name__}; give a name, a list of steps between stages, a mapping, or a "
            "list of these"
        )
    return bool(rulers) and all(_is_step(item) for item in rulers)


def _is_step(item: Any) -> bool:
    return isinstance(item, (list, tuple)) and len(item) == 2 and all(isinstance(end, str) for end in item)


def _ruler(given: Any, columns: Sequence[str], taken: Sequence[str], *, branched: bool) -> GivenRuler:
    if isinstance(given, Mapping):
        ways = [str(value) for key, value in given.items() if key in ("graph", "column")]
        said = {"id": _id(ways[0] if ways else next(iter(map(str, given)), "ruler"), taken), **given}
        item = _item(said)
        return GivenRuler(item, _graph_of(item), _plain(item))
    if isinstance(given, (str, Path)):
        return _named(str(given), columns, taken)
    if isinstance(given, Sequence) and given and all(_is_step(item) for item in given):
        steps = [(str(first), str(second)) for first, second in given]
        name = _id(_EDGES, taken)
        item = _item({"id": name, "graph": name})
        return GivenRuler(item, _from_steps(name, steps, branched=branched), {"id": name, "edges": steps})
    raise MeasureError(
        f"a ruler is {given!r:.80}; give a name, a list of steps between stages (pairs, the earlier one first), or a "
        "mapping as in a campaign file"
    )


def _named(name: str, columns: Sequence[str], taken: Sequence[str]) -> GivenRuler:
    """Return the ruler of a name: that of a stage graph, of a column, or of a file."""
    graphs = [graph.id for graph in load_stage_graphs()]
    way = "graph" if name in graphs else "column" if name in columns else "graph" if Path(name).is_file() else None
    if way is None:
        raise MeasureError(
            f"rulers names {name!r}, which is no packaged stage graph ({', '.join(graphs)}), no column of adata.obs "
            f"and no file; {_near(name, [*graphs, *columns])}"
        )
    item = _item({"id": _id(Path(name).stem if way == "graph" else name, taken), way: name})
    return GivenRuler(item, _graph_of(item), _plain(item))


def _near(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else "name one that is there"


def _id(name: str, taken: Sequence[str]) -> str:
    """Return a short name of letters and digits that no other ruler has."""
    plain = (re.sub(r"[^A-Za-z0-9_.:+-]", "_", name).lstrip("_.:+-") or "ruler")[:70]
    numbered = (plain if number == 1 else f"{plain}_{number}" for number in count(1))
    return next(name for name in numbered if name not in taken)


def _item(said: Mapping[str, Any]) -> RulerItem:
    try:
        return RulerItem.model_validate(dict(said))
    except ValidationError as error:
        raise said_wrong(error, f"ruler {said.get('id')!r}") from None


def _plain(item: RulerItem) -> dict[str, Any]:
    return item.model_dump(mode="json", exclude_defaults=True)


def _graph_of(item: RulerItem) -> StageGraph | None:
    try:
        return stage_graph_of(item)
    except (RulerError, StageGraphError, OSError) as error:
        raise MeasureError(f"{error}; {_near(str(item.graph), [graph.id for graph in load_stage_graphs()])}") from None


def _from_steps(name: str, steps: Sequence[tuple[str, str]], *, branched: bool) -> StageGraph:
    """Return the graph of steps, whose branches begin where it forks first."""
    after: dict[str, list[str]] = {}
    for before, later in steps:
        after.setdefault(before, []).append(later)
    roots = [stage for stage in after if stage not in {later for _, later in steps}]
    if len(roots) != 1:
        raise MeasureError(
            f"the steps begin at {', '.join(map(repr, roots)) or 'no stage'}; give pairs of stages, the earlier one "
            "first, such that all follow from one"
        )
    branch = dict(_branches(roots[0], after, branched=branched))
    # Where branches are known from elsewhere, those of the graph are not looked at.
    every = {stage: branch.get(stage, roots[0]) for step in steps for stage in step}
    try:
        return StageGraph(
            name, name, roots[0], every, tuple(StageStep(before, later, "given as a list") for before, later in steps)
        )
    except ValueError as error:
        raise MeasureError(f"rulers: {error}") from None


def _branches(root: str, after: Mapping[str, Sequence[str]], *, branched: bool) -> Iterator[tuple[str, str]]:
    """Yield each stage with its branch: the trunk down to the first fork, and one for each stage that follows it."""
    trunk, seen = [root], {root}
    while len(below := after.get(trunk[-1], ())) == 1 and below[0] not in seen:
        trunk.append(below[0])
        seen.add(below[0])
    yield from ((stage, root) for stage in trunk)
    begun: dict[str, str] = {}
    for first in after.get(trunk[-1], ()):
        waiting = [first]
        while waiting:
            stage = waiting.pop()
            if begun.get(stage, first) != first and not branched:
                raise MeasureError(
                    f"steps lead to {stage!r} from the branches {begun[stage]!r} and {first!r}; name a column of "
                    "branches (branch=...)"
                )
            if stage not in begun and stage not in seen:
                begun[stage] = first
                waiting.extend(after.get(stage, ()))
    yield from begun.items()
