"""What a ledger's campaigns could have asked, and what of it was looked at, tried, judged and never tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from theodolite.claims import LocusKind, Verdict
from theodolite.experiments import Setting
from theodolite.experiments.matrix_preparing import instruments_of
from theodolite.experiments.reference_kinds import REFERENCE_KIND
from theodolite.store import EntryKind, Ledger, campaign_rows
from theodolite.store.coverage_queries import LookedAt, SlotInShort, looked_at, slots_in_short
from theodolite.tools import get_tool

__all__ = ["ChildCoverage", "Coverage", "ToolCoverage", "Totals", "coverage"]

NOT_BEGUN = "not begun"
PENDING = "pending"
REUSED = "supported on a reused hold-out"
Reference = tuple[str, str]
"""Name and content hash."""


@dataclass(frozen=True)
class ToolCoverage:
    """What one instrument of one campaign was asked. Hypotheses are counted once each, however often they came.

    Attributes
    ----------
    tool
        Name of the instrument.
    claims
        Claims that could be made: places of the model times references that can be tested. None where the ledger does
        not say; the campaign file does.
    looked
        Those of them that were looked at on discovery genes.
    proposed, registered, judged
        Hypotheses that were proposed, that were locked in a plan, and that were judged in the end.
    refused
        Hypotheses that were refused, by code of the refusal.
    outcomes
        Registered hypotheses by how they stand at last: a verdict, ``error``, ``pending``, or supported on a hold-out
        block that was spent before, which is none of the supports.
    never_tried
        Claims of which no plan was ever locked; None where ``claims`` is.
    """

    tool: str
    claims: int | None
    looked: int
    proposed: int
    refused: dict[str, int]
    registered: int
    judged: int
    outcomes: dict[str, int]
    never_tried: int | None


@dataclass(frozen=True)
class ChildCoverage:
    """One campaign, of a matrix or by itself.

    Attributes
    ----------
    campaign, name
        Its id, and its name.
    matrix, place
        The matrix that it came in and its place there, from 1; None for a campaign with a file of its own.
    model, cells, references, seed
        What these are called.
    budget
        Hypotheses that it may register.
    state
        ``not begun``, ``under way``, ``waiting``, or ``stopped: `` and why.
    tools
        By instrument.
    """

    campaign: str
    name: str
    matrix: str | None
    place: int | None
    model: str
    cells: str
    references: str
    seed: int
    budget: int | None
    state: str
    tools: tuple[ToolCoverage, ...]


@dataclass(frozen=True)
class Totals:
    """All campaigns together, with what several of them ask counted once.

    Attributes
    ----------
    claims, never_tried
        Claims that could be made of all models and cells, and those of which no plan was locked in any campaign; None
        where that is not known of one campaign.
    registered, judged
        Hypotheses.
    outcomes
        Registered hypotheses by how they stand at last.
    """

    claims: int | None
    registered: int
    judged: int
    outcomes: dict[str, int]
    never_tried: int | None


@dataclass(frozen=True)
class Coverage:
    """Coverage of some campaigns of a ledger; ``ledger`` is None where there is none yet."""

    ledger: str | None
    children: tuple[ChildCoverage, ...]
    totals: Totals


@dataclass
class _Asked:
    """What an instrument of a campaign can be asked: so many places, of each of some references."""

    places: int | None
    references: frozenset[Reference]

    @property
    def claims(self) -> int | None:
        return None if self.places is None else self.places * len(self.references)


@dataclass
class _Campaign:
    """A campaign before anything of it is counted."""

    campaign: str
    name: str
    model: Reference
    cells: Reference
    references: str
    seed: int
    budget: int | None
    asked: dict[str, _Asked]
    matrix: str | None = None
    place: int | None = None
    state: str = NOT_BEGUN
    slots: list[SlotInShort] = field(default_factory=list)

    def of(self, tool: str) -> list[SlotInShort]:
        return [slot for slot in self.slots if slot.tool == tool]


def coverage(ledger: Ledger | None, settings: Sequence[Setting] = ()) -> Coverage:
    """Return what was tried, judged and never tried.

    Parameters
    ----------
    ledger
        The ledger, None where none has been begun.
    settings
        The campaigns of a file: only these are counted, and those that the ledger does not hold as not begun. All
        campaigns of the ledger where not given.
    """
    looks: dict[tuple[str, str], LookedAt] = {}
    known: dict[str, _Campaign] = {}
    if ledger is not None:
        looks = looked_at(ledger)
        known = {item.campaign: item for item in _recorded(ledger, looks)}
    chosen = list(known.values())
    if settings:
        chosen = [_of_file(setting, known.get(setting.campaign_id)) for setting in settings]
    return Coverage(
        ledger=None if ledger is None else str(ledger.path),
        children=tuple(_child(item, looks) for item in chosen),
        totals=_totals(chosen),
    )


def _recorded(ledger: Ledger, looks: dict[tuple[str, str], LookedAt]) -> Iterator[_Campaign]:
    """Yield the campaigns that the ledger holds, with their slots."""
    payloads = {entry.subject: entry.payload for entry in ledger.entries(kind=EntryKind.CAMPAIGN)}
    slots: dict[str, list[SlotInShort]] = {}
    for slot in slots_in_short(ledger):
        slots.setdefault(slot.campaign, []).append(slot)
    for row in campaign_rows(ledger):
        payload, own = payloads[row.campaign], slots.get(row.campaign, [])
        spec = row.spec if isinstance(row.spec, dict) else {}
        matrix = payload.get("matrix") or {}
        axes = matrix.get("axes", {})
        tools = list(spec.get("tools") or dict.fromkeys(slot.tool for slot in own))
        # An executor that surveys looks at every place before it proposes; one that converses looks where it likes.
        surveyed = bool(own) and spec.get("agents") is None
        asked = {}
        for tool in tools:
            said = matrix.get("instruments", {}).get(tool)
            looked = looks.get((row.campaign, tool))
            places = said["places"] if said else looked.places if looked and surveyed else None
            kind = said["kind"] if said else _kind_of(tool)
            takes = looked.references if kind is None and looked else frozenset()
            asked[tool] = _Asked(
                places,
                frozenset(
                    (item["name"], item["sha256"])
                    for item in payload["references"]
                    if item["testable"] and (item["kind"] == kind if kind is not None else item["name"] in takes)
                ),
            )
        begun = bool(own or looks.keys() & {(row.campaign, tool) for tool in tools})
        yield _Campaign(
            campaign=row.campaign,
            name=row.name,
            model=(row.model, row.model_sha256),
            cells=(row.cells, row.cells_sha256),
            references=axes.get("references") or _in_words(item["kind"] for item in payload["references"]),
            seed=row.seed,
            budget=(spec.get("budget") or {}).get("experiments"),
            asked=asked,
            matrix=matrix.get("name"),
            place=matrix.get("place"),
            state=_state(ledger, row.campaign, row.stop_reason, begun=begun),
            slots=own,
        )


def _kind_of(tool: str) -> str | None:
    """Return which references an instrument is asked about, None for a plug-in that is not loaded here."""
    try:
        return REFERENCE_KIND[get_tool(tool).shape.shape]
    except KeyError:
        return None


def _in_words(kinds: Iterable[str]) -> str:
    """Return how many references there are of each kind."""
    counted = Counter(kinds)
    words = {"set": "sets", "pairs": "pair lists", "regulon": "regulons"}
    return ", ".join(f"{counted[kind]} {word}" for kind, word in words.items() if counted[kind])


def _state(ledger: Ledger, campaign: str, stopped: str | None, *, begun: bool) -> str:
    if stopped is not None:
        return f"stopped: {stopped}"
    sessions = ledger.ops.sessions(campaign)
    if sessions and sessions[-1].ended is not None:
        return "waiting"
    return "under way" if begun or sessions else NOT_BEGUN


def _of_file(setting: Setting, recorded: _Campaign | None) -> _Campaign:
    """Return a campaign of a file; what the ledger says of it goes before."""
    block = setting.split.blocks[0]
    testable = setting.testability(block)
    asked = {
        name: _Asked(
            said["places"],
            frozenset(
                (reference.id, reference.sha256)
                for reference in setting.references.values()
                if reference.kind == said["kind"] and testable[reference.id].testable
            ),
        )
        for name, said in instruments_of(setting).items()
    }
    if recorded is not None:
        return replace(recorded, asked=asked)
    matrix = setting.matrix or {}
    return _Campaign(
        campaign=setting.campaign_id,
        name=setting.spec.name,
        model=(setting.model.name, setting.model.sha256),
        cells=(setting.cells.name, setting.cells.sha256),
        references=matrix.get("axes", {}).get("references")
        or _in_words(item.kind for item in setting.references.values()),
        seed=setting.spec.seed,
        budget=setting.spec.budget.experiments,
        asked=asked,
        matrix=matrix.get("name"),
        place=matrix.get("place"),
    )


def _child(item: _Campaign, looks: dict[tuple[str, str], LookedAt]) -> ChildCoverage:
    tools = [_tool(item, tool, looks.get((item.campaign, tool))) for tool in item.asked]
    return ChildCoverage(
        campaign=item.campaign,
        name=item.name,
        matrix=item.matrix,
        place=item.place,
        model=item.model[0],
        cells=item.cells[0],
        references=item.references,
        seed=item.seed,
        budget=item.budget,
        state=item.state,
        tools=tuple(tools),
    )


def _tool(item: _Campaign, tool: str, looked: LookedAt | None) -> ToolCoverage:
    slots, asked = item.of(tool), item.asked[tool]
    refused: dict[str, set[str]] = {}
    for slot in slots:
        if slot.refused is not None:
            refused.setdefault(slot.refused, set()).add(slot.hypothesis_id)
    outcomes = _outcomes(slots)
    claims = asked.claims
    tried = _tried(slots, asked.references)
    return ToolCoverage(
        tool=tool,
        claims=claims,
        looked=0 if looked is None else looked.claims,
        proposed=len({slot.hypothesis_id for slot in slots}),
        refused={code: len(found) for code, found in sorted(refused.items())},
        registered=sum(outcomes.values()),
        judged=_judged(outcomes),
        outcomes=outcomes,
        never_tried=None if claims is None else claims - len(tried),
    )


def _outcomes(slots: Iterable[SlotInShort]) -> dict[str, int]:
    """Count registered hypotheses by how they stand; of one that was registered again, its last test counts."""
    last = {slot.hypothesis_id: _ending(slot) for slot in slots if slot.registered}
    counted = Counter(last.values())
    names = (*(verdict.value for verdict in Verdict), REUSED, PENDING)
    return {name: counted[name] for name in names if counted[name]}


def _ending(slot: SlotInShort) -> str:
    """Return how a slot stands; what is supported on a spent block counts for itself, as in every headline."""
    if slot.verdict == Verdict.SUPPORTED.value and slot.reused:
        return REUSED
    return slot.verdict or PENDING


def _judged(outcomes: dict[str, int]) -> int:
    return sum(number for name, number in outcomes.items() if name not in (PENDING, Verdict.ERROR.value))


def _tried(slots: Iterable[SlotInShort], references: frozenset[Reference]) -> set[tuple[Reference, str]]:
    """Return the claims that plans were locked for: reference and place. One about any place is none of a place."""
    return {
        ((slot.reference, slot.reference_sha256), slot.locus)
        for slot in slots
        if slot.registered
        and slot.locus_kind != LocusKind.ANY.value
        and (slot.reference, slot.reference_sha256) in references
    }


def _totals(chosen: Sequence[_Campaign]) -> Totals:
    """Count over all campaigns: those of one model and cell set can make the same claims, whatever their seeds."""
    places: dict[tuple[Reference, Reference, str], int | None] = {}
    references: dict[tuple[Reference, Reference, str], set[Reference]] = {}
    tried: dict[tuple[Reference, Reference, str], set[tuple[Reference, str]]] = {}
    for item in chosen:
        for tool, asked in item.asked.items():
            key = (item.model, item.cells, tool)
            places[key] = places.get(key) if asked.places is None else asked.places
            references.setdefault(key, set()).update(asked.references)
            tried.setdefault(key, set()).update(_tried(item.of(tool), asked.references))
    known = [number * len(references[key]) for key, number in places.items() if number is not None]
    claims = sum(known) if len(known) == len(places) else None
    outcomes = _outcomes(sorted((slot for item in chosen for slot in item.slots), key=lambda slot: slot.seq))
    return Totals(
        claims=claims,
        registered=sum(outcomes.values()),
        judged=_judged(outcomes),
        outcomes=outcomes,
        never_tried=None if claims is None else claims - sum(map(len, tried.values())),
    )
