"""Campaigns of the small world for agents."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from theodolite.experiments import CampaignRun
from theodolite.judgements import Judgement
from theodolite.plans import Plan
from theodolite.store import Entry, EntryKind, Ledger


@pytest.fixture
def open_campaign(small_world: Any, tmp_path: Path) -> Iterator[Callable[..., CampaignRun]]:
    """Open a campaign of the small world in a folder; keyword arguments change the campaign file."""
    with ExitStack() as stack:

        def start(name: str = "small", *, folder: Path = tmp_path / "ledger", **overrides: Any) -> CampaignRun:
            run = stack.enter_context(small_world.opened(folder, small_world.spec(name, **overrides)))
            run.open()
            return run

        yield start


@pytest.fixture
def go_round() -> Callable[..., None]:
    """Take hypotheses through a round without a reviewer."""

    def go(run: CampaignRun, number: int, hypotheses: list[Any]) -> None:
        for slot, hypothesis in enumerate(hypotheses, start=1):
            run.propose(number, slot, hypothesis)
        run.register(number)
        run.run_jobs(number)
        run.judge(number)
        run.record(number)
        run.close_round(number)

    return go


@pytest.fixture
def retold() -> Callable[..., None]:
    """Copy a ledger into another folder, changing payloads on the way."""

    def copy_changed(original: Path, folder: Path, change: Callable[[Entry, dict[str, Any]], None]) -> None:
        shutil.copytree(original / "artefacts", folder / "artefacts")
        with (
            Ledger.open(original / "ledger.sqlite", read_only=True) as source,
            Ledger.create(folder / "ledger.sqlite") as target,
        ):
            for entry in source.entries():
                payload = copy.deepcopy(entry.payload)
                change(entry, payload)
                target.append(entry.kind, entry.id, entry.subject, payload)

    return copy_changed


@pytest.fixture(scope="session")
def judged(small_world: Any) -> list[tuple[Plan, Judgement]]:
    """Return every plan of the finished campaigns with its judgement."""
    found: list[tuple[Plan, Judgement]] = []
    for blocks in (1, 2):
        with Ledger.open(small_world.finished(blocks) / "ledger.sqlite", read_only=True) as ledger:
            plans = {
                entry.subject: Plan.model_validate(entry.payload["plan"])
                for entry in ledger.entries(kind=EntryKind.REGISTRATION)
            }
            found += [
                (plans[entry.subject], Judgement.model_validate(entry.payload["judgement"]))
                for entry in ledger.entries(kind=EntryKind.JUDGEMENT)
            ]
    return found


@pytest.fixture(scope="session")
def play(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Play a whole campaign with two players; equal ones are played once a session (see ``stage.py``)."""
    from stage import Stage

    return Stage(small_world, lambda: tmp_path_factory.mktemp("played"))
