"""How much a campaign will still write, and whether its disks can take it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from theodolite.experiments.setting import Setting
from theodolite.gates import BASELINES
from theodolite.models.capture import CAPTURE_SUFFIX
from theodolite.store import (
    Concern,
    EntryKind,
    Ledger,
    LedgerError,
    entry_id,
    folder_concerns,
    ledger_concerns,
    network_file_system,
    registered_count,
)
from theodolite.store.room import existing

__all__ = ["BYTES_A_HYPOTHESIS", "FILES_A_HYPOTHESIS", "ToWrite", "place_concerns", "to_write"]

BYTES_A_HYPOTHESIS = 6 * 2**20
"""What a hypothesis writes where there is none to go by: the demonstration writes 4.5 MB for each of its claims, looks
included, half as artefacts and half as results."""
FILES_A_HYPOTHESIS = 24
"""Artefacts and results of the model and its baselines, at two readings each."""
_ENOUGH = 4
"""Experiments in the ledger from which what they wrote is taken for what the next ones will."""
_CAPTURES = 1 + len(BASELINES)


@dataclass(frozen=True, slots=True)
class ToWrite:
    """What a campaign is still going to write, by estimate.

    Attributes
    ----------
    workspace
        Bytes of the ledger, its artefacts and results.
    cache
        Bytes of captures of the model.
    files
        Files.
    """

    workspace: int
    cache: int
    files: int


def to_write(setting: Setting, ledger: Ledger | None = None) -> ToWrite:
    """Return what a campaign is still going to write: nothing once it has stopped.

    Parameters
    ----------
    setting
        The campaign.
    ledger
        The ledger that it runs on; None for a new one.
    """
    each, left = BYTES_A_HYPOTHESIS, setting.spec.budget.experiments
    if ledger is not None:
        if ledger.has(entry_id(setting.campaign_id, EntryKind.STOP)):
            return ToWrite(0, 0, 0)
        left = max(0, left - registered_count(ledger, setting.campaign_id))
        told = ledger.count(EntryKind.REGISTRATION)
        if told >= _ENOUGH:
            place = setting.workspace
            kept = _weight(place.artefacts)
            # A cache that others share says nothing of this ledger; its results are most of what is kept as artefacts.
            results = _weight(place.results) if place.cache.is_relative_to(place.folder) else kept
            each = (kept + results + place.ledger.stat().st_size) // told
    model = setting.model
    n = len(model.genes)
    # Attention of every head, and vectors after every layer (no wider than the genes are many), in single precision.
    one = 4 * n * n * (model.n_layers * model.n_heads + 1)
    dictionaries = 0
    if "features" in setting.fits:
        width, size = model.width, len(setting.cells.cells) + n
        # Of every block and variant: encoder and decoder of four times the width, as an artefact and in the cache, with
        # counts of pairs and mean values there; and while one is trained, the tokens that it reads.
        one_of = 2 * 32 * width**2 + 128 * width**2 + 16 * width * size
        dictionaries = one_of * model.n_layers * len(setting.variants_of("features"))
        dictionaries += 2 * width * n * len(setting.cells.cells)
    cache = setting.workspace.cache
    taken = sum(path.stat().st_size for path in cache.glob(f"*{CAPTURE_SUFFIX}")) if cache.is_dir() else 0
    return ToWrite(each * left, max(0, one * _CAPTURES - taken) + dictionaries, FILES_A_HYPOTHESIS * left)


def place_concerns(setting: Setting) -> list[Concern]:
    """Return what speaks against running a campaign where it is to run, the worst first; nothing is written."""
    place = setting.workspace
    concerns = list(ledger_concerns(place.ledger))
    if not any(concern.fatal for concern in concerns):
        concerns += _of_disks(setting)
    concerns += _of_networks(place.artefacts, place.cache)
    return sorted(concerns, key=lambda concern: not concern.fatal)


def _of_disks(setting: Setting) -> Iterator[Concern]:
    place = setting.workspace
    expected = to_write(setting)
    if place.ledger.is_file():
        # One that cannot be read yet (an older one, say) is opened, or refused with its reason, when the campaign runs.
        with suppress(LedgerError), Ledger.open(place.ledger, read_only=True) as ledger:
            expected = to_write(setting, ledger)
    folder, cache = existing(place.folder), existing(place.cache)
    if folder.stat().st_dev == cache.stat().st_dev:
        yield from folder_concerns(folder, needed=expected.workspace + expected.cache, files=expected.files)
    else:
        yield from folder_concerns(folder, needed=expected.workspace // 2, files=expected.files // 2)
        yield from folder_concerns(
            cache, needed=expected.workspace // 2 + expected.cache, files=expected.files // 2, what="its cache"
        )
    artefacts = existing(place.artefacts)
    if artefacts != folder and folder not in artefacts.parents:
        yield from folder_concerns(artefacts, needed=expected.workspace // 2, what="the artefact store")


def _of_networks(*folders: Path) -> Iterator[Concern]:
    for folder in folders:
        kind = network_file_system(existing(folder))
        if kind is not None:
            yield Concern(
                f"{folder} is on a network file system ({kind}): files appear late there and may be seen in part "
                "by another machine, so run no second campaign on it from elsewhere; a local disk is safer and faster",
                fatal=False,
            )


def _weight(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
