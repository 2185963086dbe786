"""Verification of invalidations: what fell had to, nothing was left out, and nothing new rests on what is bad."""

from __future__ import annotations

from collections.abc import Iterator

from theodolite.experiments.dependence import Dependence, Node, node_of
from theodolite.experiments.invalidating import invalidation_id, turned_payload
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind, Problem

__all__ = ["Fallen"]


class Fallen:
    """Says of each row of a chain, in order, what of an invalidation does not follow from the rows before."""

    def __init__(self) -> None:
        self._known = Dependence()
        self._bad: dict[str, tuple[Node, ...]] = {}
        self._rows: dict[str, Entry] = {}

    def defects(self, entry: Entry) -> Iterator[str]:
        """Yield what is wrong with the next row of the chain."""
        match entry.kind:
            case EntryKind.INVALIDATION:
                yield from self._found_bad(entry)
            case EntryKind.INVALIDATED:
                yield from self._turned(entry)
            case EntryKind.REGISTRATION if self._bad:
                yield from self._locked(Plan.model_validate(entry.payload["plan"]))
        self._known.follow(entry)

    def left_out(self) -> list[Problem]:
        """Return what is missing at the end of the chain: verdicts that rest on something bad and did not fall."""
        return [
            Problem(
                self._rows[identifier].seq,
                identifier,
                f"the verdict of {test.subject} rests on {way[0]} and was left out; `theodolite ledger invalidate` of "
                "the same node completes it",
            )
            for identifier, nodes in self._bad.items()
            for test, way in self._known.dependents(nodes)
            if identifier not in test.invalidated
        ]

    def _found_bad(self, entry: Entry) -> Iterator[str]:
        nodes = tuple(map(node_of, entry.payload["nodes"]))
        self._bad[entry.id], self._rows[entry.id] = nodes, entry
        known = self._known.nodes()
        unknown = [str(node) for node in nodes if node not in known]
        if unknown:
            yield f"it invalidates what no test before it rests on: {', '.join(unknown)}"
        if entry.id != invalidation_id(nodes):
            yield f"its id is not that of {', '.join(map(str, nodes))}"
        expected = {test.subject for test, _ in self._known.dependents(nodes)}
        listed = set(entry.payload["verdicts"])
        if expected - listed:
            yield f"it leaves out {', '.join(sorted(expected - listed))}, whose verdict rested on it"
        if listed - expected:
            yield f"it lists {', '.join(sorted(listed - expected))}, whose verdict did not rest on it"

    def _turned(self, entry: Entry) -> Iterator[str]:
        identifier = str(entry.payload["invalidation"])
        test = self._known.tests[entry.subject]
        if identifier not in self._bad:
            yield f"it names {identifier}, and no such row stands before it"
            return
        try:
            expected = turned_payload(test, self._bad[identifier], identifier)
        except ValueError as error:
            yield f"it turns what does not rest on what was invalidated: {error}"
            return
        if identifier in test.invalidated:
            yield "it turns what the same invalidation turned before"
        for name in sorted(expected):
            if entry.payload.get(name) != expected[name]:
                yield f"{name} is {entry.payload.get(name)!r}, it follows as {expected[name]!r}"

    def _locked(self, plan: Plan) -> Iterator[str]:
        for identifier, nodes in self._bad.items():
            if self._known.blocked(plan, nodes) is not None:
                yield f"it was locked although it rests on {self._rows[identifier].payload['node']}, invalidated before"
