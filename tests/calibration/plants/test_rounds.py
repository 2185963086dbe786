"""Sealed items in a campaign: in the format of its own claims, once, outside the stream, and told to no agent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from theodolite.agents import LintReviewer, Planner, run_campaign
from theodolite.calibration.plants import seal_round, trial_items
from theodolite.calibration.plants.rounds import SHARE, _plants
from theodolite.experiments import CampaignRun
from theodolite.experiments.replay import verify_decisions
from theodolite.gates.advisory import BEYOND_CODE
from theodolite.judgements import Review
from theodolite.plans import Plan
from theodolite.store import EntryKind, Ledger, agent_view, stream_rows, trial_rows, verify


class Counting(LintReviewer):
    """Remembers the plans that it was shown."""

    def __init__(self) -> None:
        self.shown: list[Plan] = []

    def review_plan(self, plan: Plan) -> Review:
        self.shown.append(plan)
        return super().review_plan(plan)


@pytest.fixture(scope="module")
def sealed(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counting]:
    """Return the workspace of a campaign whose reviewer was tried on the way, and that reviewer."""
    folder, reviewer = tmp_path_factory.mktemp("sealed"), Counting()
    with small_world.opened(folder, small_world.spec("sealed")) as run:
        run_campaign(run, Planner(), reviewer, trials=seal_round)
    return folder, reviewer


@pytest.fixture
def ledger(sealed: tuple[Path, Counting]) -> Iterator[Ledger]:
    with Ledger.open(sealed[0] / "ledger.sqlite", read_only=True) as opened:
        yield opened


@pytest.fixture
def run(small_world: Any, sealed: tuple[Path, Counting]) -> Iterator[CampaignRun]:
    with small_world.opened(sealed[0], small_world.spec("sealed")) as opened:
        yield opened


@pytest.mark.parametrize("real", [1, 2, 7, 8, 9, 16, 40, 100])
def test_plants_are_a_tenth_of_what_is_reviewed_and_one_at_least(real: int) -> None:
    plants = _plants(real)
    assert plants >= SHARE * (real + 2 * plants)
    assert plants == 1 or plants - 1 < SHARE * (real + 2 * (plants - 1))
    assert plants == max(1, ceil(real / 8))


def test_every_round_has_plants_and_as_many_shams(ledger: Ledger) -> None:
    rows = trial_rows(ledger)
    rounds = Counter(row.trial.split("/")[-2] for row in rows)
    assert set(rounds) == {"r01", "r02"}
    assert Counter(row.item for row in rows) == {"plant": 2, "sham": 2}
    assert {row.subject for row in rows} == {entry.subject for entry in ledger.entries(kind=EntryKind.CAMPAIGN)}


def test_lints_catch_the_plants_and_spare_the_shams(ledger: Ledger) -> None:
    for row in trial_rows(ledger):
        # One form in four of the classes beyond code shows in words alone.
        assert row.caught is (row.item == "plant") or row.defect in BEYOND_CODE
        assert (row.cap == "none") is not row.caught


def test_items_are_in_the_format_of_the_campaign(run: CampaignRun) -> None:
    campaign = run.setting.campaign_id
    for number in (1, 2):
        plans = run.plans(number)
        items = trial_items(run, number)
        assert [int(sealed.name.rpartition("/")[2]) for sealed in items] == [max(plans) + 1, max(plans) + 2]
        for sealed in items:
            plan = sealed.item.plan
            assert (plan.campaign, plan.round) == (campaign, number)
            assert plan.slot not in plans
            like = [other for other in plans.values() if other.shape == plan.shape]
            assert plan.model_dump(mode="json").keys() in [other.model_dump(mode="json").keys() for other in like]
            assert plan.hypothesis.claim.model in [other.hypothesis.claim.model for other in like]


def test_items_follow_from_the_campaign_and_the_round(run: CampaignRun) -> None:
    assert trial_items(run, 1) == trial_items(run, 1)
    assert {item.item.sha256 for item in trial_items(run, 1)}.isdisjoint(
        item.item.sha256 for item in trial_items(run, 2)
    )
    assert trial_items(run, 9) == [], "a round without a plan has nothing to review"


def test_nothing_is_given_twice(sealed: tuple[Path, Counting], run: CampaignRun) -> None:
    before, asked = run.ledger.head(), len(sealed[1].shown)
    for number in (1, 2):
        seal_round(run, number, sealed[1])
    assert (run.ledger.head(), len(sealed[1].shown)) == (before, asked)


def test_a_reviewer_gets_sealed_items_by_the_calls_that_it_gets_plans_by(
    sealed: tuple[Path, Counting], ledger: Ledger
) -> None:
    registered = ledger.count(EntryKind.REGISTRATION)
    assert len(sealed[1].shown) == registered + ledger.count(EntryKind.REVIEW_TRIAL)
    assert len({plan.sha256 for plan in sealed[1].shown}) == len(sealed[1].shown)


def test_trials_spend_nothing_and_change_no_verdict(small_world: Any, ledger: Ledger, tmp_path: Path) -> None:
    small_world.run_in_process(tmp_path, small_world.spec("sealed"))
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as without:
        for kind in EntryKind:
            if kind is not EntryKind.REVIEW_TRIAL:
                payloads = [[entry.payload for entry in one.entries(kind=kind)] for one in (ledger, without)]
                assert payloads[0] == payloads[1], kind
        spent = [[(row.stream, row.t, row.supports) for row in stream_rows(one)] for one in (ledger, without)]
        assert spent[0] == spent[1]
        (campaign,) = {entry.subject for entry in without.entries(kind=EntryKind.CAMPAIGN)}
        assert agent_view(ledger, campaign) == agent_view(without, campaign)
    assert verify(ledger).ok
    assert verify_decisions(ledger) == []


def test_a_campaign_that_died_between_two_trials_ends_in_the_same_rows(
    small_world: Any, sealed: tuple[Path, Counting], ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Stands for the death of the process."""

    append = Ledger.append

    def append_and_die(self: Ledger, kind: Any, *rest: Any) -> Any:
        entry = append(self, kind, *rest)
        if kind is EntryKind.REVIEW_TRIAL:
            raise Killed
        return entry

    monkeypatch.setattr(Ledger, "append", append_and_die)
    with small_world.opened(tmp_path, small_world.spec("sealed")) as run, pytest.raises(Killed):
        run_campaign(run, Planner(), LintReviewer(), trials=seal_round)
    monkeypatch.undo()
    with small_world.opened(tmp_path, small_world.spec("sealed")) as run:
        run_campaign(run, Planner(), LintReviewer(), trials=seal_round)
        rows = [entry.payload for entry in run.ledger.entries(kind=EntryKind.REVIEW_TRIAL)]
    assert rows == [entry.payload for entry in ledger.entries(kind=EntryKind.REVIEW_TRIAL)]
