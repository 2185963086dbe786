"""Calls: each attempt is a row before it counts; failures are tried again in one layer; secrets stay out."""

from __future__ import annotations

from typing import Any

import pytest

from theodolite.agents import CampaignPaused
from theodolite.experiments import StepError
from theodolite.store import CallStatus, EntryKind, StopReason, model_call_rows, spending

TRANSIENT = [status for status in CallStatus if status.transient]


@pytest.mark.parametrize("status", TRANSIENT)
def test_a_call_that_failed_is_tried_again_and_both_are_rows(
    stage: Any, actions: Any, replies: Any, status: CallStatus
) -> None:
    scene = stage(replies.failed(status, 500), replies.failed(status, 500), replies.look(1))
    scene.conversation().act(actions)
    rows = model_call_rows(scene.ledger)
    assert [(row.turn, row.attempt, row.outcome) for row in rows] == [
        (1, 1, status.value),
        (1, 2, status.value),
        (1, 3, "ok"),
    ]
    assert scene.waited == [1, 2]


def test_when_the_server_stays_away_the_campaign_waits_and_the_next_session_goes_on(
    stage: Any, actions: Any, replies: Any
) -> None:
    scene = stage(*[replies.failed(CallStatus.SERVER_ERROR, 500)] * 5)
    with pytest.raises(CampaignPaused) as error:
        scene.conversation().act(actions)
    assert error.value.reason is StopReason.MODEL_UNAVAILABLE
    assert len(scene.waited) == 4, "three until it opens, two probes, and nobody waits for the last"
    scene.script.replies.append(replies.look(2))
    assert scene.conversation().act(actions).arguments.layer == 2
    assert [row.attempt for row in model_call_rows(scene.ledger)] == [1, 2, 3, 4, 5, 6]


def test_a_wrong_key_or_model_waits_for_a_person_at_once(stage: Any, actions: Any, replies: Any) -> None:
    scene = stage(replies.failed(CallStatus.UNAUTHORISED, 401, "401: bad key"), replies.look(1))
    with pytest.raises(CampaignPaused, match="OPENAI_API_KEY"):
        scene.conversation().act(actions)
    assert scene.waited == []
    assert scene.conversation().act(actions).arguments.layer == 1, "after the key was mended"


def test_usage_that_the_server_left_out_is_estimated_and_flagged(stage: Any, actions: Any, replies: Any) -> None:
    text = '{"action": "look", "arguments": {"layer": 1}}'
    scene = stage(replies.completion(text, usage=None), replies.failed(CallStatus.RATE_LIMITED, 429), replies.look(1))
    talk = scene.conversation()
    talk.act(actions)
    talk.say("Seen.")
    talk.act(actions)
    first, second, third = model_call_rows(scene.ledger)
    assert first.estimated
    assert first.tokens_in > 50
    assert first.tokens_out > 10
    assert (second.tokens_in, second.tokens_out, second.estimated) == (0, 0, False), "a call turned away costs nothing"
    assert not third.estimated
    total = spending(scene.ledger, replies.campaign)
    assert total.tokens == first.tokens_in + first.tokens_out + 120
    assert (total.calls, total.estimated, total.unpriced) == (3, 1, 0)


def test_a_hung_call_is_charged_by_estimate(stage: Any, actions: Any, replies: Any) -> None:
    scene = stage(replies.failed(CallStatus.TIMEOUT), replies.look(1))
    scene.conversation().act(actions)
    hung = model_call_rows(scene.ledger)[0]
    assert hung.estimated
    assert hung.tokens_in > 0


def test_secrets_are_in_no_row_and_no_artefact(
    stage: Any, actions: Any, replies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "my-house-key-4242")
    scene = stage(replies.look(1))
    talk = scene.conversation()
    talk.say("Somebody pasted my-house-key-4242 and sk-proj-abcdefghijklmnopqrstuvwxyz into a label.")
    talk.act(actions)
    (entry,) = scene.ledger.entries(kind=EntryKind.MODEL_CALL)
    kept = scene.ledger.artefacts.get(entry.payload["request"]).decode()
    assert "my-house-key" not in kept
    assert "abcdefghij" not in kept
    assert kept.count("[secret]") == 2


def test_another_request_than_the_recorded_one_is_an_error(stage: Any, actions: Any, replies: Any) -> None:
    scene = stage(replies.look(1))
    scene.conversation().act(actions)
    other = scene.conversation()
    other.say("Something that was not said before.")
    with pytest.raises(StepError, match="another request"):
        other.act(actions)


def test_nothing_is_sent_where_nothing_may_be_spent(stage: Any, actions: Any, replies: Any) -> None:
    scene = stage(replies.look(1))

    def spent() -> None:
        raise CampaignPaused(StopReason.INTERRUPTED, "a test asked for it")

    scene.checks.append(spent)
    with pytest.raises(CampaignPaused):
        scene.conversation().act(actions)
    assert scene.script.asked == []
    assert model_call_rows(scene.ledger) == []
