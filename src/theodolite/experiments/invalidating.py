"""Invalidating: something was found bad, and every verdict that rests on it falls. It adds rows and edits none.

One row says what is bad, who says so and why; one row a verdict turns it. All of them are recorded together or none,
and each has an id that derives from what it is about, so that a call that is repeated writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from theodolite.canonical import digest
from theodolite.claims import Verdict
from theodolite.experiments.dependence import Dependence, Node, Tested, dependence, node_of
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind, Ledger, campaign_of, entry_id

__all__ = [
    "Falling",
    "Invalidation",
    "bad_nodes",
    "invalidate",
    "invalidation_id",
    "invalidation_of",
    "remedy",
    "resting_on_bad",
    "turn_recorded",
    "turned_payload",
]


@dataclass(frozen=True)
class Falling:
    """A verdict that rests on what is bad.

    Attributes
    ----------
    subject, claim
        The slot, and its claim in words.
    verdict
        The verdict in force before this invalidation.
    path
        The node, what was made of it, and last what the test names.
    written
        Whether its row is there.
    """

    subject: str
    claim: str
    verdict: Verdict
    path: tuple[str, ...]
    written: bool


@dataclass(frozen=True)
class Invalidation:
    """What invalidating something means, whether it is written or not.

    Attributes
    ----------
    id, node, nodes
        Id of its row; what is bad, as it is called, and what that names here.
    reason, person
        As recorded; None where nothing is.
    falling
        Verdicts that rest on it.
    locked
        Slots of tests that rest on it and have no verdict yet; each falls when it is recorded.
    """

    id: str
    node: str
    nodes: tuple[Node, ...]
    reason: str | None
    person: str | None
    falling: tuple[Falling, ...]
    locked: tuple[str, ...]

    @property
    def missing(self) -> tuple[Falling, ...]:
        """Verdicts whose rows are still to be written."""
        return tuple(item for item in self.falling if not item.written)


def invalidation_id(nodes: Collection[Node]) -> str:
    """Return the id of the row that says that some nodes are bad; the reason is no part of it."""
    return f"invalidation/{_mark(nodes)}"


def _mark(nodes: Collection[Node]) -> str:
    return digest(sorted([node.kind, node.name, node.sha256 or ""] for node in nodes))[:16]


def invalidation_of(ledger: Ledger, nodes: Sequence[Node], said: str, known: Dependence | None = None) -> Invalidation:
    """Return what invalidating some nodes means for a ledger; nothing is written.

    Parameters
    ----------
    ledger
        The ledger.
    nodes
        What is bad.
    said
        What a person called it; kept where it names several.
    known
        What the tests of the ledger rest on, where that is known.
    """
    identifier = invalidation_id(nodes)
    known = dependence(ledger) if known is None else known
    recorded = ledger.get(identifier)
    falling = tuple(
        Falling(
            test.subject,
            test.plan.claim_text,
            _before(ledger, test, identifier),
            tuple(map(str, way)),
            identifier in test.invalidated,
        )
        for test, way in known.dependents(nodes)
    )
    locked = (test for test in known.tests.values() if test.recorded is None and test.path(nodes) is not None)
    return Invalidation(
        id=identifier,
        node=str(nodes[0]) if len(nodes) == 1 else said.strip(),
        nodes=tuple(nodes),
        reason=None if recorded is None else str(recorded.payload["reason"]),
        person=None if recorded is None else str(recorded.payload["person"]),
        falling=falling,
        locked=tuple(test.subject for test in locked),
    )


def _before(ledger: Ledger, test: Tested, identifier: str) -> Verdict:
    if identifier in test.invalidated:
        entry = ledger.get(_turned_id(test, identifier))
        assert entry is not None
        return Verdict(entry.payload["was"])
    assert test.verdict is not None
    return test.verdict


def invalidate(ledger: Ledger, nodes: Sequence[Node], said: str, *, reason: str, person: str) -> Iterator[Falling]:
    """Write that some nodes are bad, and turn every verdict that rests on them, all at once; yields each of them.

    Where that row is there already, its reason and its author stand, and only what is missing is written.
    """
    known = dependence(ledger)
    found = invalidation_of(ledger, nodes, said, known)
    # In part it would leave supports that later levels count.
    with ledger.batch():
        _write(ledger, nodes, known, found, reason=reason, person=person)
    yield from found.missing


def _write(
    ledger: Ledger, nodes: Sequence[Node], known: Dependence, found: Invalidation, *, reason: str, person: str
) -> None:
    if not ledger.has(found.id):
        payload = {
            "node": found.node,
            "nodes": [{"kind": node.kind, "name": node.name, "sha256": node.sha256} for node in nodes],
            "reason": reason,
            "person": person,
            "verdicts": sorted(item.subject for item in found.falling),
        }
        ledger.append(EntryKind.INVALIDATION, found.id, found.node, payload)
    for item in found.missing:
        _turn(ledger, known.tests[item.subject], nodes, found.id)


def bad_nodes(ledger: Ledger) -> dict[str, tuple[Node, ...]]:
    """Return what was invalidated, by the id of the row that says so; a ledger without any is not read."""
    if not ledger.count(EntryKind.INVALIDATION):
        return {}
    return {
        entry.id: tuple(map(node_of, entry.payload["nodes"])) for entry in ledger.entries(kind=EntryKind.INVALIDATION)
    }


def resting_on_bad(ledger: Ledger, plan: Plan) -> str | None:
    """Return in words why a plan may not be locked: it rests on something bad; None if it may."""
    bad = bad_nodes(ledger)
    if not bad:
        return None
    known = dependence(ledger, _setting_of(ledger, plan.campaign))
    for identifier, nodes in bad.items():
        way = known.blocked(plan, nodes)
        if way is not None:
            entry = ledger.get(identifier)
            assert entry is not None
            by = "" if len(way) == 1 else f", by way of {' and '.join(map(str, way[1:]))}"
            return (
                f"it rests on {way[0]}{by}, which {entry.payload['person']} invalidated: {entry.payload['reason']}; "
                f"{remedy(way[0])}"
            )
    return None


def remedy(node: Node) -> str:
    """Return what a person can do about a bad node."""
    match node.kind:
        case "tool":
            return "correct the instrument and raise its version, and start a campaign with that"
        case "gate" | "catalogue":
            return "a newer catalogue of gates takes its place, with a newer version of this program"
        case "fit" | "coexpression" | "job":
            return "correct what it was made of (cells, model or instrument), and start a campaign with that"
        case "split":
            return "split the units with another seed, in another workspace"
        case _:
            return "put a corrected one in its place (its hash is another), and start a campaign with that"


def turn_recorded(ledger: Ledger, subject: str) -> None:
    """Turn a verdict that was just recorded, where the test was locked before what it rests on was found bad."""
    bad = bad_nodes(ledger)
    if not bad:
        return
    entries = [*_setting_of(ledger, campaign_of(subject)), *ledger.entries(subject=subject)]
    test = dependence(ledger, entries).tests[subject]
    for identifier, nodes in bad.items():
        if test.recorded is not None and identifier not in test.invalidated and test.path(nodes) is not None:
            _turn(ledger, test, nodes, identifier)


def turned_payload(test: Tested, nodes: Collection[Node], identifier: str) -> dict[str, Any]:
    """Return what the row says that turns a verdict.

    Raises
    ------
    ValueError
        If the test rests on none of the nodes, or has no verdict.
    """
    way = test.path(nodes)
    if way is None or test.verdict is None:
        raise ValueError(f"{test.subject} has no verdict that rests on {', '.join(map(str, nodes))}")
    return {
        "prereg_sha256": test.prereg_sha256,
        "hypothesis_id": test.plan.hypothesis.id,
        "invalidation": identifier,
        "was": test.verdict.value,
        "verdict": Verdict.INVALID.value,
        "path": [str(node) for node in way],
    }


def _turn(ledger: Ledger, test: Tested, nodes: Collection[Node], identifier: str) -> None:
    payload = turned_payload(test, nodes, identifier)
    ledger.append_once(EntryKind.INVALIDATED, _turned_id(test, identifier), test.subject, payload)
    test.verdict = Verdict.INVALID
    test.invalidated.add(identifier)


def _turned_id(test: Tested, identifier: str) -> str:
    plan, mark = test.plan, identifier.rpartition("/")[2]
    return entry_id(plan.campaign, EntryKind.INVALIDATED, plan.round, plan.slot, name=mark)


def _setting_of(ledger: Ledger, campaign: str) -> list[Entry]:
    """Return the rows of a campaign that say what its plans stand on."""
    kinds = (EntryKind.CAMPAIGN, EntryKind.FIT)
    return [entry for kind in kinds for entry in ledger.entries(kind=kind, subject=campaign)]
