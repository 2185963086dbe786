"""What a verdict rests on, worked out by code from the hashes that its plan, its jobs and its gates name.

A node is an input, an instrument, a gate, or something that was made on the way. A test rests on a node if a way leads
from what its rows name back to it, through whatever was made of it. Edges belong to one test: two campaigns may have
made the same bytes from different things. Looks at discovery genes are no part of it: they led to a claim, and the
claim stands or falls by its own test.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from theodolite.claims import Verdict
from theodolite.experiments.jobs import FIT_VERSION, FITS
from theodolite.experiments.planned_jobs import GIVEN, planned_jobs
from theodolite.gates import REFITS
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind, Ledger, NodeKind

__all__ = ["Dependence", "Node", "Tested", "dependence", "matches", "node_of"]

_SHOWN = 12
"""Hexadecimal digits of a hash in a node's name."""
_LOCI = "loci of "
_KNOWN_BY_NAME: tuple[NodeKind, ...] = ("cells", "model", "families")
"""Kinds of what a reference may say that it was made of, beside other references; it names them without a hash."""


@dataclass(frozen=True)
class Node:
    """Something that a verdict may rest on.

    Attributes
    ----------
    kind, name
        ``tool`` and ``attention.edges@1``; the name is empty where rows know only its hash.
    sha256
        Its content, or None where rows name it without.
    title
        In words, for what has no name; no part of its identity.
    """

    kind: NodeKind
    name: str
    sha256: str | None
    title: str = field(default="", compare=False)

    def __str__(self) -> str:
        short = "" if self.sha256 is None else self.sha256[:_SHOWN]
        return f"{self.kind}:{self.name}{'#' if self.name and short else ''}{short}"


def matches(bad: Node, other: Node) -> bool:
    """Return whether what is bad is what a test names: by content where both are known by it, else by name."""
    if bad.kind != other.kind:
        return False
    if bad.sha256 is None or other.sha256 is None:
        return bool(bad.name) and bad.name == other.name
    return bad.sha256 == other.sha256 and (bad.kind != "tool" or bad.name == other.name)


@dataclass
class Tested:
    """A locked test and what it rests on.

    Attributes
    ----------
    subject, plan, prereg_sha256
        The slot and what was locked there.
    named
        What its rows name.
    made_of
        What something that it names was made of.
    verdict
        The verdict in force; None before there is one.
    recorded
        The verdict that was recorded.
    invalidated
        Invalidations that turned it.
    """

    subject: str
    plan: Plan
    prereg_sha256: str
    named: list[Node] = field(default_factory=list)
    made_of: dict[Node, list[Node]] = field(default_factory=dict)
    verdict: Verdict | None = None
    recorded: Verdict | None = None
    invalidated: set[str] = field(default_factory=set)

    @property
    def nodes(self) -> list[Node]:
        """Everything that it rests on, nearest first."""
        return list(self._reached())

    def path(self, bad: Collection[Node]) -> tuple[Node, ...] | None:
        """Return the shortest way from a bad node to what the test names, None if it rests on none of them."""
        before = self._reached()
        found = next((node for node in before if any(matches(item, node) for item in bad)), None)
        if found is None:
            return None
        way = [found]
        while (nearer := before[way[-1]]) is not None:
            way.append(nearer)
        return tuple(way)

    def _reached(self) -> dict[Node, Node | None]:
        """Return every node, nearest first, with the one that was made of it; None for what rows name."""
        found: dict[Node, Node | None] = dict.fromkeys(self.named)
        waiting = deque(found)
        while waiting:
            node = waiting.popleft()
            for further in self.made_of.get(node, ()):
                if further not in found:
                    found[further] = node
                    waiting.append(further)
        return found


@dataclass
class _Campaign:
    name: str = ""
    seed: int = 0
    references: dict[str, str] = field(default_factory=dict)
    fits: dict[str, Node] = field(default_factory=dict)

    def fitted(self, plan: Plan) -> str:
        """Return what the fits are that a plan names: the campaign's row of the model's own says it."""
        own = plan.fitted.get("main")
        named = (what for what in FITS if (node := self.fits.get(f"{what}, main")) is not None and node.sha256 == own)
        return next(named, "axes")


class Dependence:
    """Follows a chain row by row and knows of every locked test what it rests on."""

    def __init__(self) -> None:
        self.tests: dict[str, Tested] = {}
        self._campaigns: dict[str, _Campaign] = {}

    def follow(self, entry: Entry) -> None:
        """Take in the next row of a chain."""
        payload, test = entry.payload, self.tests.get(entry.subject)
        match entry.kind:
            case EntryKind.CAMPAIGN:
                listed = {str(item["name"]): str(item["sha256"]) for item in payload["references"]}
                known = self._campaigns.setdefault(entry.subject, _Campaign())
                known.name, known.seed, known.references = str(payload["name"]), int(payload["seed"]), listed
            case EntryKind.FIT:
                what, variant = str(payload.get("what", "axes")), str(payload["variant"])
                kind: NodeKind = "coexpression" if what.startswith("co-expression") else "fit"
                title = what if kind == "coexpression" else f"{what}, {variant}"
                node = Node(kind, "", str(payload["artefact"]), title)
                self._campaigns.setdefault(entry.subject, _Campaign()).fits[title] = node
            case EntryKind.REGISTRATION:
                plan = Plan.model_validate(payload["plan"])
                self.tests[entry.subject] = self.planned(plan, entry.subject)
            case EntryKind.RESULT | EntryKind.FAILURE | EntryKind.CONTROL if test is not None:
                for reading, job in (payload.get("jobs") or {}).items():
                    self._job(test, str(reading), str(job), ordered=entry.kind is EntryKind.CONTROL)
            case EntryKind.VERDICT if test is not None:
                settled = payload["settlement"]
                test.verdict = test.recorded = Verdict(settled["verdict"])
                for gate in settled["gates"]:
                    if gate["passed"] is not None:
                        name = f"{test.plan.catalogue}/{gate['gate']}"
                        test.named.append(Node("gate", name, None, str(gate["title"])))
            case EntryKind.INVALIDATED if test is not None:
                test.verdict = Verdict.INVALID
                test.invalidated.add(str(payload["invalidation"]))

    def planned(self, plan: Plan, subject: str = "") -> Tested:
        """Return what a plan rests on, before anything of it ran."""
        campaign = self._campaigns.get(plan.campaign, _Campaign())
        test = Tested(subject, plan, plan.sha256)
        claim = plan.hypothesis.claim
        model = Node("model", claim.model.name, plan.model_sha256)
        cells = Node("cells", claim.context.name, plan.cells_sha256)
        reference = Node("reference", claim.reference.name, plan.reference_sha256)
        families = Node("families", "", plan.families_sha256, "homology families")
        split = Node("split", "", plan.block.split_sha256, "discovery genes and hold-out blocks")
        tool = Node("tool", plan.hypothesis.tool, plan.tool_sha256)
        catalogue = Node("catalogue", plan.catalogue, None)
        test.named = [model, cells, reference, families, split, tool, catalogue]
        test.made_of[reference] = [
            _declared(said, campaign)
            for said in (plan.sources or {}).get("reference", ())
            if said != f"reference:{claim.reference.name}"
        ]
        test.made_of[split] = [families, cells]
        beside: list[Node] = []
        if plan.coexpression_sha256 is not None:
            found = Node("coexpression", "", plan.coexpression_sha256, f"co-expression of {_part(plan)}")
            test.named.append(found)
            test.made_of[found] = [cells, split]
            beside = [node for title, node in campaign.fits.items() if title == "co-expression of discovery"]
            test.made_of.update({node: [cells, split] for node in beside})
        what = campaign.fitted(plan)
        fitting = Node("tool", f"{FITS[what]}@{FIT_VERSION}", None, f"the fit of {what} on discovery genes")
        for name, artefact in plan.fitted.items():
            if name.startswith(GIVEN):
                found = Node("fit", "", artefact, f"distances on the ruler, {name}")
                test.named.append(found)
                test.made_of[found] = [reference, split]
                continue
            chosen = name.startswith(_LOCI)
            title = f"best places on discovery, {name.removeprefix(_LOCI)}" if chosen else f"{what}, {name}"
            fit = Node("fit", "", artefact, title)
            test.named.append(fit)
            # Where a baseline does best was read by the instrument itself, with what was fitted for it.
            test.made_of[fit] = (
                [tool, model, cells, split, reference, *beside] if chosen else [fitting, model, cells, split]
            )
            if name in REFITS and "main" in plan.fitted:
                # Matched to the features of the model's own dictionary.
                test.made_of[fit].append(Node("fit", "", plan.fitted["main"], f"{what}, main"))
        return test

    def blocked(self, plan: Plan, bad: Iterable[Node]) -> tuple[Node, ...] | None:
        """Return how a plan that is about to be locked rests on something bad, None if it does not.

        A gate is bad for every test that its catalogue would judge; the jobs of the plan are those that it would run.
        """
        test = self.planned(plan)
        campaign = self._campaigns.get(plan.campaign)
        if campaign is not None:
            for reading, job in planned_jobs(plan, name=campaign.name, seed=campaign.seed).items():
                self._job(test, reading, job.sha256, ordered=False)
        listed = list(bad)
        test.named += [item for item in listed if item.kind == "gate" and item.name.startswith(f"{plan.catalogue}/")]
        return test.path(listed)

    def nodes(self) -> dict[Node, int]:
        """Return every node with the number of verdicts that rest on it, in the order of the rows that name it."""
        counted: Counter[Node] = Counter()
        for test in self.tests.values():
            for node in test.nodes:
                counted[node] += test.recorded is not None
        return dict(counted)

    def dependents(self, bad: Collection[Node]) -> Iterator[tuple[Tested, tuple[Node, ...]]]:
        """Yield every test with a verdict that rests on one of some nodes, and the way, in order of registration."""
        for test in self.tests.values():
            way = test.path(bad) if test.recorded is not None else None
            if way is not None:
                yield test, way

    def _job(self, test: Tested, reading: str, job: str, *, ordered: bool) -> None:
        plan = test.plan
        node = Node("job", "", job, f"{plan.hypothesis.tool} of {reading} on {_part(plan)}")
        if node in test.made_of:
            return
        test.named.append(node)
        variant = reading.partition("@")[0]
        fitted = {name: Node("fit", "", artefact, name) for name, artefact in plan.fitted.items()}
        made = [item for item in test.named if item.kind in ("model", "cells", "split", "tool")]
        if variant in fitted:
            made.append(fitted[variant])
        elif ordered and "main" in fitted:
            # What a control needs fitted is fitted when it is ordered, after its plan was locked.
            campaign = self._campaigns.get(plan.campaign, _Campaign())
            own = campaign.fits.get(f"{campaign.fitted(plan)}, {variant}")
            made += [] if own is None else [own]
        test.made_of[node] = made


def _part(plan: Plan) -> str:
    return plan.block.id.rpartition("/")[2]


def dependence(ledger: Ledger, entries: Iterable[Entry] | None = None) -> Dependence:
    """Return what every test of a ledger rests on, or what some of its entries say of that."""
    found = Dependence()
    for entry in ledger.entries() if entries is None else entries:
        found.follow(entry)
    return found


def node_of(plain: dict[str, Any]) -> Node:
    """Return a node as a row holds it."""
    return Node(plain["kind"], str(plain["name"]), plain["sha256"])


def _declared(said: str, campaign: _Campaign) -> Node:
    """Return what a reference says that it was made of."""
    kind, _, name = said.partition(":")
    if kind == "reference":
        return Node("reference", name, campaign.references.get(name))
    known = next((item for item in _KNOWN_BY_NAME if item == kind), None)
    return Node("source", said, None) if known is None else Node(known, name, None)
