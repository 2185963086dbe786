"""Verification of descriptions: each names the job that its words make, and its artefacts hold what they may hold.

What a description saw cannot be computed again from its measurement: that takes the model. So here is checked that the
job is the one that the row states, and was told what that of the model picked for its sentence; that it was given the
discovery part of the campaign's references and nothing else, that the measurement has the shape that the row names, and
that neither it nor the facts name a gene that is kept for tests.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from functools import lru_cache
from itertools import combinations
from typing import Any

from theodolite.data import DISCOVERY
from theodolite.descriptions import ABOUT
from theodolite.experiments.jobs import JobSpec
from theodolite.experiments.seeds import derived_seed
from theodolite.measurements import Measurement, MeasurementError, load_measurement
from theodolite.store import ArtefactError, Entry, EntryKind, Ledger

__all__ = ["DescribedRows"]


class DescribedRows:
    """Says of each row of a chain, in order, what of a description does not follow from the rows before.

    Parameters
    ----------
    ledger
        Whose artefacts are read.
    deep
        Whether they are.
    """

    def __init__(self, ledger: Ledger, *, deep: bool) -> None:
        self._artefacts = ledger.artefacts
        self._deep = deep
        self._campaigns: dict[str, dict[str, Any]] = {}
        self._splits: dict[str, dict[str, Any]] = {}
        self._picked: dict[str, str | None] = {}
        self._read = lru_cache(maxsize=8)(lambda sha256: json.loads(self._artefacts.get(sha256)))

    def defects(self, entry: Entry) -> Iterator[str]:
        """Yield what is wrong with the next row of the chain."""
        match entry.kind:
            case EntryKind.CAMPAIGN:
                self._campaigns[entry.subject] = entry.payload
            case EntryKind.SPLIT:
                self._splits[entry.subject] = entry.payload
            case EntryKind.DESCRIPTION:
                if entry.subject not in self._campaigns or entry.subject not in self._splits:
                    yield "it describes the model of a campaign that was not opened before"
                    return
                yield from self._stated(entry)
                if self._deep:
                    try:
                        yield from self._kept(entry)
                    except (ArtefactError, MeasurementError, ValueError, LookupError, TypeError) as error:
                        yield f"an artefact of it cannot be read: {error}"

    def _stated(self, entry: Entry) -> Iterator[str]:
        payload, campaign, split = entry.payload, self._campaigns[entry.subject], self._splits[entry.subject]
        known = {str(item["name"]): str(item["sha256"]) for item in campaign["references"]}
        for name, sha256 in payload["references"].items():
            if known.get(name) != sha256:
                yield f"it is held against {name} of content {sha256[:12]}, which is no reference of its campaign"
        job = JobSpec(
            tool=payload["description"],
            version=payload["version"],
            source_sha256=payload["source_sha256"],
            params=payload["params"],
            model_sha256=campaign["model"]["sha256"],
            cells_sha256=campaign["cells"]["sha256"],
            split_sha256=split["split_sha256"],
            split=payload["split"],
            variant=payload["variant"],
            seed=derived_seed(int(campaign["seed"]), str(campaign["name"]), "job", str(payload["description"])),
            references=payload["artefact"],
            about=payload.get("about"),
            runs_on=campaign["contents"].get("runs_on"),
        )
        if job.sha256 != payload["job_sha256"]:
            yield f"its job is {payload['job_sha256'][:12]}, and what it states makes {job.sha256[:12]}"
        main = job.model_copy(update={"variant": "main", "about": None}).sha256
        if job.variant == "main":
            self._picked[main] = payload["facts"].get(ABOUT)
        picked = None if job.variant == "main" else self._picked.get(main)
        if job.about != picked:
            yield f"its sentence was to be about {picked!r}, and its job was told {job.about!r}"

    def _kept(self, entry: Entry) -> Iterator[str]:
        payload, campaign = entry.payload, self._campaigns[entry.subject]
        parts = self._read(str(self._splits[entry.subject]["artefact"]))["parts"]
        genes = frozenset(parts[DISCOVERY])
        if payload["artefact"] is not None:
            yield from _given(self._read(payload["artefact"]), self._read(str(campaign["artefact"])), payload, genes)
        # A reference may be called like a gene, and facts and groups are named after references.
        kept = {gene for part in parts.values() for gene in part} - genes - set(payload["references"])
        yield from _seen(kept, "facts name", _names_in_facts(payload["facts"], payload["references"]))
        if payload["measurement"] is None:
            return
        measured = load_measurement(self._artefacts.get(payload["measurement"]))
        if measured.shape != payload["shape"]:
            yield f"its measurement is {measured.shape}, and the row says {payload['shape']}"
        yield from _seen(kept, "measurement names", _names_in(measured))


def _given(part: Any, whole: Any, payload: dict[str, Any], genes: frozenset[str]) -> Iterator[str]:
    """Yield how what a job was given differs from the discovery part of the references that its row names."""
    if {item["id"]: item["sha256"] for item in part} != payload["references"]:
        yield "its job was given other references than it names"
        return
    for item in part:
        members = [
            member
            for member in whole[item["id"]]["members"]
            if genes.issuperset((member,) if isinstance(member, str) else member)
        ]
        if (item["kind"], item["members"]) != (whole[item["id"]]["kind"], members):
            yield f"its job was given another part of {item['id']} than that of the genes to explore"


def _seen(kept: set[str], what: str, names: Iterable[str]) -> Iterator[str]:
    """Yield that something names genes that are kept, if it does."""
    seen = sorted(kept.intersection(names))
    if seen:
        yield f"its {what} {len(seen)} genes that are kept for tests, such as {seen[0]}"


def _names_in_facts(value: Any, references: Collection[str]) -> Iterator[str]:
    """Yield every text in facts, and of their own names each run of parts, for a gene may itself have a dot in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _names_in_facts(item, references)
    elif isinstance(value, dict):
        for name, item in value.items():
            parts = _without(str(name), references).split(".")
            for first, last in combinations(range(len(parts) + 1), 2):
                yield ".".join(parts[first:last])
            yield from _names_in_facts(item, references)


def _without(name: str, references: Collection[str]) -> str:
    """Return the name of a fact without the ids of references in it: parts of these may be called like genes."""
    for reference in sorted(references, key=len, reverse=True):
        name = f".{name}.".replace(f".{reference}.", ".").strip(".")
    return name


def _names_in(measured: Measurement) -> Iterator[str]:
    """Yield every name in a measurement: genes, and whatever else its rows and groups are called."""
    for field in fields(measured):
        value = getattr(measured, field.name)
        if isinstance(value, tuple):
            yield from value
