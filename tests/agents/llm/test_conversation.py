"""Conversations: the ladder, two repair turns, and a row where nothing came of it."""

from __future__ import annotations

from typing import Any

import pytest

from theodolite.agents.llm import LADDER, NoAnswer
from theodolite.store import CallStatus, EntryKind, model_call_rows, rejected_rungs


def malformed(stage: Any) -> dict[str, Any]:
    (entry,) = stage.ledger.entries(kind=EntryKind.MALFORMED)
    return dict(entry.payload)


def test_a_good_answer_is_an_action_and_one_row(stage: Any, actions: Any, replies: Any) -> None:
    scene = stage(replies.look(2))
    assert scene.conversation().act(actions).arguments.layer == 2
    (row,) = model_call_rows(scene.ledger, replies.campaign)
    assert (row.conversation, row.turn, row.attempt, row.rung) == ("r01.c01-executor", 1, 1, "tools")
    assert (row.outcome, row.tokens_in, row.tokens_out, row.estimated) == ("ok", 100, 20, False)
    assert row.cost == pytest.approx((100 * 1 + 20 * 10) / 1e6)


def test_the_validator_is_quoted_in_a_repair_turn(stage: Any, actions: Any, replies: Any) -> None:
    scene = stage(replies.completion("Layer two, please."), replies.look(9), replies.look(1))
    assert scene.conversation().act(actions).arguments.layer == 1
    asked = [body["messages"][-1]["content"] for body in scene.script.asked]
    assert "no JSON object" in asked[1]
    assert "less than or equal to 3" in asked[2]
    assert scene.script.asked[2]["messages"][-2]["role"] == "assistant"
    assert not list(scene.ledger.entries(kind=EntryKind.MALFORMED))


def test_after_two_repair_turns_there_is_a_row_and_no_third(stage: Any, actions: Any, replies: Any) -> None:
    scene = stage(*[replies.completion("no") for _ in range(9)])
    with pytest.raises(NoAnswer) as error:
        scene.conversation().act(actions)
    assert error.value.code == "invalid"
    assert len(scene.script.asked) == 3
    row = malformed(scene)
    assert row["code"] == "invalid"
    assert len(row["problems"]) == len(row["calls"]) == 3


@pytest.mark.parametrize("extra", [{"refusal": "I must not."}, {"finish": "content_filter"}])
def test_a_refusal_is_not_argued_with(stage: Any, actions: Any, replies: Any, extra: dict[str, Any]) -> None:
    scene = stage(replies.completion("", **extra))
    with pytest.raises(NoAnswer):
        scene.conversation().act(actions)
    assert malformed(scene)["code"] == "refused"
    assert model_call_rows(scene.ledger)[0].outcome == "refused"


def test_an_answer_that_was_cut_off_is_asked_for_again_in_short(stage: Any, actions: Any, replies: Any) -> None:
    cut = replies.completion('{"action": "look", "argu', finish="length")
    scene = stage(cut, cut, cut)
    with pytest.raises(NoAnswer):
        scene.conversation().act(actions)
    assert malformed(scene)["code"] == "cut_off"
    assert "more briefly" in scene.script.asked[1]["messages"][-1]["content"]


def test_a_server_that_takes_text_only_is_asked_rung_by_rung(stage: Any, actions: Any, replies: Any) -> None:
    no = replies.failed(CallStatus.REJECTED, 400, "400: unknown field")
    scene = stage(no, no, no, replies.look(3), replies.look(2))
    talk = scene.conversation()
    assert talk.act(actions).arguments.layer == 3
    bodies = scene.script.asked
    assert "tools" in bodies[0]
    assert bodies[1]["response_format"]["type"] == "json_schema"
    assert bodies[2]["response_format"]["type"] == "json_object"
    assert not {"tools", "response_format"} & set(bodies[3])
    assert '"anyOf"' not in bodies[1]["messages"][0]["content"]
    assert "JSON schema" in bodies[3]["messages"][0]["content"], "what no field carries stands in the prompt"
    # The ledger remembers: the next conversation begins where this one ended.
    scene.conversation("r01.c02-executor").act(actions)
    assert [row.rung for row in model_call_rows(scene.ledger)] == [*LADDER, "text"]


def test_a_server_that_takes_nothing_leaves_a_row(stage: Any, actions: Any, replies: Any) -> None:
    scene = stage(*[replies.failed(CallStatus.REJECTED, 400, "400: no")] * 4)
    with pytest.raises(NoAnswer):
        scene.conversation().act(actions)
    assert malformed(scene)["code"] == "rejected"


def test_hosted_and_own_servers_are_told_the_limit_under_their_own_names(
    stage: Any, actions: Any, replies: Any
) -> None:
    own, hosted = stage(replies.look(1)), stage(replies.look(1), own=False)
    own.conversation("r01.c01-executor").act(actions)
    hosted.conversation("r01.c02-executor").act(actions)
    assert "max_tokens" in own.script.asked[0]
    assert "max_completion_tokens" in hosted.script.asked[0]
    assert hosted.script.asked[0]["parallel_tool_calls"] is False


def test_what_is_recorded_is_never_asked_again(stage: Any, actions: Any, replies: Any) -> None:
    scene = stage(replies.completion("no"), replies.look(1), replies.look(2))

    def talk() -> list[int]:
        one = scene.conversation()
        first = one.act(actions)
        one.say("Seen.")
        return [first.arguments.layer, one.act(actions).arguments.layer]

    assert talk() == [1, 2]
    before = scene.ledger.head()
    assert talk() == [1, 2], "the script is empty: this came from the ledger"
    assert scene.ledger.head() == before
    assert len(scene.script.asked) == 3


def test_an_opening_is_taken_from_the_record(stage: Any, actions: Any, replies: Any) -> None:
    scene = stage(replies.look(1), replies.look(1))
    scene.conversation().act(actions)
    again = scene.conversation()
    assert again.open("You are a test.", lambda: pytest.fail("the ledger has grown since")) == {"looks": 3}


def test_what_a_server_rejects_of_one_role_is_still_offered_to_the_other(
    stage: Any, actions: Any, replies: Any
) -> None:
    """A record of the hold-out block may be rejected for its length or its words: an executor must not be told."""
    scene = stage(
        replies.failed(CallStatus.REJECTED, 413), replies.completion('{"action": "look", "arguments": {"layer": 1}}')
    )
    scene.conversation().act(actions)
    first = model_call_rows(scene.ledger)[0]
    found = {
        role: rejected_rungs(scene.ledger, first.subject, role, first.model, "next")
        for role in ("executor", "reviewer")
    }
    assert found[first.role] == {"tools"}
    assert sorted(map(len, found.values())) == [0, 1]
