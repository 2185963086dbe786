"""Requests to stop: for one coordinator, taken once, and never by a later one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from theodolite.agents import CampaignPaused, Halt, LintReviewer, Planner, run_campaign
from theodolite.agents.stop_requests import INBOX_KIND, StopAt, StopRequests, hand_in_stop
from theodolite.experiments import Event
from theodolite.store import LeaseRow, Ledger, diff

CAMPAIGN = "mine-00000001"


@pytest.fixture
def ledger(tmp_path) -> Iterator[Ledger]:
    with Ledger.create(tmp_path / "ledger.sqlite") as made:
        yield made


def lease_of(ledger: Ledger) -> LeaseRow:
    (lease,) = ledger.ops.leases()
    return lease


def test_a_request_is_taken_once(ledger):
    with ledger.coordinator("me", campaign=CAMPAIGN):
        requests = StopRequests(ledger, CAMPAIGN)
        assert requests.take() == []
        hand_in_stop(ledger, CAMPAIGN, "Ada", StopAt.ROUND, lease_of(ledger))
        hand_in_stop(ledger, "other-00000002", "Bob", StopAt.NOW, lease_of(ledger))
        assert requests.take() == [(StopAt.ROUND, "Ada")]
        assert requests.take() == []


def test_what_was_asked_of_an_earlier_coordinator_is_put_aside(ledger):
    with ledger.coordinator("me", campaign=CAMPAIGN):
        hand_in_stop(ledger, CAMPAIGN, "Ada", StopAt.STEP, lease_of(ledger))
    ledger.ops.hand_in(CAMPAIGN, INBOX_KIND, "Eve", "no request at all")
    ledger.ops.hand_in(CAMPAIGN, "proposal", "Bob", "{}")
    with ledger.coordinator("me", campaign=CAMPAIGN):
        assert StopRequests(ledger, CAMPAIGN).take() == []
    assert [item.person for item in ledger.ops.inbox(CAMPAIGN)] == ["Bob"], "the rest is marked as taken"


def halted(ledger: Ledger, *stops: StopAt) -> Halt:
    halt = Halt()
    halt.requests = StopRequests(ledger, CAMPAIGN)
    for person, stop in zip(("Ada", "Bob"), stops, strict=False):
        hand_in_stop(ledger, CAMPAIGN, person, stop, lease_of(ledger))
    return halt


def test_after_the_round_steps_go_on(ledger):
    with ledger.coordinator("me", campaign=CAMPAIGN):
        halt = halted(ledger, StopAt.ROUND)
        halt.check()
        with pytest.raises(CampaignPaused, match="stopped by Ada after the round"):
            halt.check_between_rounds(2)


def test_before_the_first_round_there_is_none_to_finish(ledger):
    with ledger.coordinator("me", campaign=CAMPAIGN):
        halt = halted(ledger, StopAt.ROUND)
        with pytest.raises(CampaignPaused, match="stopped by Ada before the first round"):
            halt.check_between_rounds(1)


@pytest.mark.parametrize("sooner", [StopAt.STEP, StopAt.NOW])
def test_a_sooner_stop_replaces_a_later_one(ledger, sooner):
    with ledger.coordinator("me", campaign=CAMPAIGN):
        halt = halted(ledger, StopAt.ROUND, sooner)
        with pytest.raises(CampaignPaused, match="stopped by Bob; the step"):
            halt.check()


def test_who_asked_is_named_where_a_signal_came_first(ledger):
    with ledger.coordinator("me", campaign=CAMPAIGN):
        halt = halted(ledger, StopAt.STEP)
        halt.ask("SIGTERM")
        with pytest.raises(CampaignPaused, match="stopped by Ada; the step under way was finished"):
            halt.check()


def test_who_asked_is_named_where_it_was_asked_while_the_inbox_was_read(ledger):
    """The request lies in the inbox before its signal goes out, but may come after the look and before the signal."""
    with ledger.coordinator("me", campaign=CAMPAIGN):
        halt = halted(ledger)
        take, asked = halt.requests.take, []

        def take_and_be_asked():
            found = take()
            if not asked:
                asked.append(hand_in_stop(ledger, CAMPAIGN, "Ada", StopAt.STEP, lease_of(ledger)))
                halt.ask("SIGTERM")
            return found

        halt.requests.take = take_and_be_asked
        with pytest.raises(CampaignPaused, match="stopped by Ada; the step under way was finished"):
            halt.check()
        assert take() == []


def test_a_pause_between_calls_looks_into_the_inbox(ledger, monkeypatch):
    """No signal comes from another machine."""
    monkeypatch.setattr("theodolite.agents.halting._HEED_EVERY_S", 0.01)
    with ledger.coordinator("me", campaign=CAMPAIGN):
        halt = halted(ledger, StopAt.STEP)
        halt.wait(600)
        assert halt.asked


def test_a_campaign_finishes_its_round_and_continues_to_the_same_rows(small_world, tmp_path):
    """Asked in the first of two rounds, it ends with that round; the same campaign again adds what was left out."""
    spec = small_world.spec("stopped", budget={"experiments": 2}, round_size=1)
    small_world.run_in_process(tmp_path / "undisturbed", spec, trials=None)
    folder = tmp_path / "stopped"
    with (
        small_world.opened(folder, spec) as run,
        run.ledger.coordinator("me", campaign=(campaign := run.setting.campaign_id)),
    ):
        halt = Halt()
        halt.requests = StopRequests(run.ledger, campaign)

        def ask(event: Event) -> None:
            if event.phase == "register" and event.done == 0:
                hand_in_stop(run.ledger, campaign, "Ada", StopAt.ROUND, lease_of(run.ledger))
            halt.check()

        run.notify = ask
        with pytest.raises(CampaignPaused, match="stopped by Ada after the round"):
            run_campaign(run, Planner(), LintReviewer(), halt=halt)
        assert (run.rounds_closed(), len(run.proposed(2))) == (1, 0)
        assert run.ledger.ops.sessions(campaign)[-1].detail == "stopped by Ada after the round"
    small_world.run_in_process(folder, spec, trials=None)
    with (
        Ledger.open(folder / "ledger.sqlite", read_only=True) as first,
        Ledger.open(tmp_path / "undisturbed" / "ledger.sqlite", read_only=True) as second,
    ):
        assert diff(first, second) == [] and first.head().hash == second.head().hash
