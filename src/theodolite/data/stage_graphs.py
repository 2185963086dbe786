"""Stage graphs: which kind of cell develops into which, each step with its source; the rulers of a manifold search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from theodolite.canonical import digest
from theodolite.data.references import ReferenceTableError

__all__ = ["StageGraph", "StageGraphError", "StageStep", "load_stage_graphs", "read_stage_graphs"]

_KEYS = ("id", "title", "root", "branches", "edges")


class StageGraphError(ReferenceTableError):
    """A table of stage graphs that cannot be read; the message names file and line."""


@dataclass(frozen=True)
class StageStep:
    """One step of development.

    Attributes
    ----------
    before, after
        Stages.
    source
        Where a reader can find that the first develops into the second.
    """

    before: str
    after: str
    source: str


@dataclass(frozen=True, eq=False)
class StageGraph:
    """Stages and steps between them: a directed graph without cycles, whole below its root.

    Attributes
    ----------
    id, title
        Short name, and name for people.
    root
        The stage from which all others develop.
    branch
        Branch of each stage.
    steps
        Steps, in the order of the table.

    Raises
    ------
    ValueError
        If a step has no source, joins a stage with itself or is given twice, steps go round, a stage cannot be reached
        from the root, or stages of the steps and of the branches differ.
    """

    id: str
    title: str
    root: str
    branch: Mapping[str, str]
    steps: tuple[StageStep, ...]

    def __post_init__(self) -> None:
        seen: set[frozenset[str]] = set()
        after: dict[str, list[str]] = {}
        for step in self.steps:
            if not step.source.strip():
                raise ValueError(f"the step from {step.before!r} to {step.after!r} has no source; name one")
            if step.before == step.after or frozenset(self._pair(step)) in seen:
                fault = "joins a stage with itself" if step.before == step.after else "is there twice"
                raise ValueError(f"the step from {step.before!r} to {step.after!r} {fault}; leave it out")
            seen.add(frozenset(self._pair(step)))
            after.setdefault(step.before, []).append(step.after)
        stages = {name for step in self.steps for name in self._pair(step)}
        if differing := sorted(stages ^ set(self.branch)):
            raise ValueError(f"{', '.join(map(repr, differing[:5]))}: a stage needs both a step and a branch")
        self._require_order(after)
        reached, waiting = {self.root}, [self.root]
        while waiting:
            fresh = [name for name in after.get(waiting.pop(), ()) if name not in reached]
            reached.update(fresh)
            waiting.extend(fresh)
        if lost := sorted(stages - reached) or sorted({self.root} - stages):
            raise ValueError(f"no steps lead from the root {self.root!r} to {', '.join(map(repr, lost[:5]))}; add them")

    @staticmethod
    def _pair(step: StageStep) -> tuple[str, str]:
        return step.before, step.after

    def _require_order(self, after: Mapping[str, list[str]]) -> None:
        from graphlib import CycleError, TopologicalSorter

        try:
            TopologicalSorter(after).prepare()
        except CycleError as error:
            round_trip = " to ".join(map(repr, reversed(error.args[1])))
            raise ValueError(
                f"steps go round, from {round_trip}; a later stage cannot come before an earlier"
            ) from error

    @property
    def stages(self) -> tuple[str, ...]:
        """All stages, in the order in which the branches name them."""
        return tuple(self.branch)

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Every step as a pair of stages."""
        return tuple(self._pair(step) for step in self.steps)

    @cached_property
    def sha256(self) -> str:
        """Content hash of root, branches and steps; not of title and sources, nor of the order of steps."""
        return digest([self.root, dict(self.branch), sorted(list(edge) for edge in self.edges)])


def read_stage_graphs(text: str, *, where: str = "table") -> tuple[StageGraph, ...]:
    """Read stage graphs from YAML: a list of mappings with id, title, root, branches and edges.

    ``branches`` lists the stages of each branch by name; ``edges`` is a list of mappings with ``source`` and ``steps``,
    pairs of stages. Every scalar is read as text.

    Raises
    ------
    StageGraphError
        For bad YAML, an unknown or missing key, a repeated id, or a graph that is none; see :class:`StageGraph`.
    """
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        items = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise StageGraphError(f"{where}: not YAML: {error}") from error
    if not isinstance(root, yaml.SequenceNode) or not items:
        raise StageGraphError(f"{where}: expected a list of one stage graph or more at the top level")
    found: dict[str, StageGraph] = {}
    for node, item in zip(root.value, items, strict=True):
        place = f"{where}:{node.start_mark.line + 1}"
        try:
            graph = _one_graph(item)
        except ValueError as error:
            raise StageGraphError(f"{place}: {error}") from error
        if graph.id in found:
            raise StageGraphError(f"{place}: the id {graph.id!r} is taken by an earlier graph; rename one")
        found[graph.id] = graph
    return tuple(found.values())


def _one_graph(item: Any) -> StageGraph:
    if not isinstance(item, dict) or set(item) != set(_KEYS) or not all(item.values()):
        keys = list(item) if isinstance(item, dict) else item
        raise ValueError(f"a graph has the filled keys {', '.join(_KEYS)}; here are {keys!r}")
    branch: dict[str, str] = {}
    if not isinstance(item["branches"], dict):
        raise ValueError(f"branches of {item['id']!r} must be a mapping from each branch to its stages")
    for name, stages in item["branches"].items():
        for stage in _texts(stages, None, f"branch {name!r}"):
            if stage in branch:
                raise ValueError(f"{stage!r} is in the branches {branch[stage]!r} and {name!r}; a stage has one")
            branch[stage] = name
    steps = []
    if not isinstance(item["edges"], list):
        raise ValueError(f"edges of {item['id']!r} must be a list of mappings with the keys source and steps")
    for group in item["edges"]:
        if not isinstance(group, dict) or set(group) != {"source", "steps"} or not isinstance(group["steps"], list):
            raise ValueError(f"{group!r} is no mapping with the keys source and steps, a list of pairs of stages")
        for step in group["steps"]:
            before, after = _texts(step, 2, "step")
            steps.append(StageStep(before, after, str(group["source"])))
    return StageGraph(item["id"], item["title"], item["root"], branch, tuple(steps))


def _texts(value: Any, length: int | None, what: str) -> list[str]:
    """Return a list of texts that are not empty."""
    fits = isinstance(value, list) and all(isinstance(text, str) and text for text in value)
    if not fits or length is not None and len(value) != length:
        count = "" if length is None else f"{length} "
        raise ValueError(f"the {what} is {value!r}; give a list of {count}names of stages")
    return list(value)


def load_stage_graphs(path: str | Path | None = None) -> tuple[StageGraph, ...]:
    """Read stage graphs: the packaged ones, or a file of the same format.

    Raises
    ------
    StageGraphError
        If the table cannot be read; see :func:`read_stage_graphs`.
    """
    if path is None:
        packaged = files("theodolite.data").joinpath("tables", "stage_graphs.yaml")
        return read_stage_graphs(packaged.read_text(encoding="utf-8"), where="stage_graphs.yaml")
    return read_stage_graphs(Path(path).read_text(encoding="utf-8"), where=str(path))
