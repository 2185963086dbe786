"""Every way in which a server can fail: its row, and what follows. The table is that of ``docs/models.md``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from chat_server import Answer, Asked, call, failure, raw
from talks import CHOOSE, GOOD, Choice, Talk, always, chosen

from theodolite.agents.halting import CampaignPaused
from theodolite.agents.llm import CallsForbidden, ModelSettings, NoAnswer, OpenAIWire, SettingsError
from theodolite.store import StopReason

WHOLE = json.loads(call("choose", GOOD).body)


def test_a_good_answer_is_one_row(talk: Callable[..., Talk]) -> None:
    exchange = talk()
    assert exchange.act().arguments == Choice(**GOOD)
    (row,) = exchange.rows
    assert (row.outcome, row.http_status, row.rung) == ("ok", 200, "tools")
    assert (row.tokens_in, row.tokens_out, row.estimated) == (900, 100, False)


# --- the server, not the answer: the same request again ----------------------------------------------------------

IMPATIENT = {"timeout_s": 0.3, "connect_timeout_s": 0.2}

TRIED_AGAIN: dict[str, tuple[Answer, str, dict[str, Any]]] = {
    "429": (failure(429, "slow down", {"Retry-After": "7"}), "rate_limited", {}),
    "429 with a date": (failure(429, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), "rate_limited", {}),
    "408": (failure(408), "rate_limited", {}),
    "500": (failure(500), "server_error", {}),
    "503 in HTML": (raw("<html>busy</html>", status=503), "server_error", {}),
    "500 that says half a character": (raw('"\\ud800 broke"', status=500), "server_error", {}),
    "500 with a body that does not end": (Answer(b"x", 500, then="drip"), "server_error", {"timeout_s": 0.3}),
    "500 whose body hangs": (Answer(b"x", 500, then="hang"), "server_error", {"timeout_s": 0.3}),
    "500 with a huge body": (raw(b"x" * 300_000, status=500), "server_error", {"largest_answer": 10_000}),
    "no answer at all": (Answer(then="never"), "timeout", {"timeout_s": 0.3}),
    "a header that does not end": (Answer(then="drip headers"), "timeout", IMPATIENT),
    "a body that hangs": (Answer(b'{"choices": [', then="hang"), "timeout", {"timeout_s": 0.3}),
    "a body that drips": (Answer(b"{", then="drip"), "timeout", {"timeout_s": 0.3}),
    "a connection that breaks": (Answer(then="reset"), "connection", {}),
    "a body cut short": (raw(b'{"choices": [', declared=4000), "bad_body", {}),
    "a body too large": (raw(b" " * 20_000), "bad_body", {"largest_answer": 10_000}),
    "no body": (raw(b""), "bad_body", {}),
    "204": (raw(b"", status=204), "bad_body", {}),
    "no JSON": (raw("<html>all is well</html>"), "bad_body", {}),
    "JSON of another protocol": (raw('{"output": []}'), "bad_body", {}),
    "a list": (raw("[]"), "bad_body", {}),
    "no choices": (raw(json.dumps({**WHOLE, "choices": []})), "bad_body", {}),
    "choices that are none": (raw(json.dumps({**WHOLE, "choices": [None, 3]})), "bad_body", {}),
    "a key twice": (raw('{"choices": [], "choices": [{"message": {"content": "x"}}]}'), "bad_body", {}),
    "NaN": (raw('{"choices": [{"message": {"content": "x"}}], "score": NaN}'), "bad_body", {}),
    "an infinite number": (raw('{"choices": [{"message": {"content": "x"}}], "score": 1e999}'), "bad_body", {}),
    "nested 10,000 deep": (raw("[" * 10_000 + "]" * 10_000), "bad_body", {}),
    "nested 500 deep": (raw(json.dumps(WHOLE)[:-1] + f', "x": {"[" * 500}{"]" * 500}}}'), "bad_body", {}),
    "an integer of 10,000 digits": (raw(f'{{"choices": [{{"message": {{"n": {"9" * 10_000}}}}}]}}'), "bad_body", {}),
    "bytes that are no text": (raw(b"\xff\xfe\x00"), "bad_body", {}),
    "gzip that is none": (raw(b"not gzip", headers={"Content-Encoding": "gzip"}), "bad_body", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", TRIED_AGAIN)
def test_what_the_server_did_wrong_is_a_row_and_the_request_is_sent_again(talk: Callable[..., Talk], name: str) -> None:
    answer, status, settings = TRIED_AGAIN[name]
    exchange = talk(always(answer), **settings)
    assert exchange.act().arguments == Choice(**GOOD)
    assert exchange.ends == [status, "ok"]
    first, second = exchange.rows
    assert (first.turn, first.attempt, second.turn, second.attempt) == (1, 1, 1, 2)
    assert len(exchange.server.asked) == 2
    assert exchange.server.asked[0].body == exchange.server.asked[1].body
    assert exchange.malformed == []


@pytest.mark.parametrize("name", TRIED_AGAIN)
def test_a_server_that_does_nothing_else_pauses_the_campaign(talk: Callable[..., Talk], name: str) -> None:
    answer, status, settings = TRIED_AGAIN[name]
    exchange = talk(*[always(answer)] * 9, **settings)
    with pytest.raises(CampaignPaused) as paused:
        exchange.act()
    assert paused.value.reason is StopReason.MODEL_UNAVAILABLE
    # Two open the circuit, one is the probe; after the last there is nothing to wait for.
    assert exchange.ends == [status] * 3
    assert len(exchange.pauses) == 2
    assert "the same command tries again" in str(paused.value)


def test_a_server_that_nobody_runs_pauses_the_campaign(talk: Callable[..., Talk]) -> None:
    exchange = talk()
    with exchange.server:
        pass
    with pytest.raises(CampaignPaused):
        exchange.conversation().act([CHOOSE])
    assert exchange.ends == ["connection"] * 3


def test_pauses_grow_and_a_server_may_ask_for_longer_ones(talk: Callable[..., Talk]) -> None:
    slow = failure(429, headers={"Retry-After": "30"})
    exchange = talk(
        *[always(failure(500))] * 3, always(slow), *[always(failure(500))] * 2,
        opens_after=5, probes=3, backoff_s=1, longest_backoff_s=60, cool_down_s=100,
    )  # fmt: skip
    exchange.act()
    assert exchange.pauses == [1, 2, 4, 30, 100, 100]


def test_a_server_that_asks_for_a_day_is_not_waited_for_so_long(talk: Callable[..., Talk]) -> None:
    answers = [always(failure(429, headers={"Retry-After": text})) for text in ("3000", "86400", "nan", "-5", "soon")]
    exchange = talk(*answers, opens_after=9, backoff_s=0.5, longest_backoff_s=60)
    exchange.act()
    assert exchange.pauses == [60, 1, 2, 4, 8]


# --- the key or the model's name: a person must act --------------------------------------------------------------

UNAUTHORISED = {
    "401": failure(401, "wrong key"),
    "403": failure(403, "not yours"),
    "404 of the model": failure(404, "The model `some-model` does not exist"),
    "404 of the model, in other words": failure(404, "model 'json-tool:7b' not found, try pulling it first"),
    "400 of the model": failure(400, "some-model is not a valid model ID"),
    "404 of an address without its /v1": raw("404 page not found", status=404),
    "405 of an address of something else": failure(405, "Method Not Allowed"),
    "a redirect": raw(b"", status=308, headers={"Location": "https://elsewhere.invalid/v1"}),
    "no money left": failure(402, "Insufficient credits"),
}


@pytest.mark.parametrize("name", UNAUTHORISED)
def test_a_wrong_key_or_name_pauses_at_once_and_the_next_session_asks_again(
    talk: Callable[..., Talk], name: str
) -> None:
    exchange = talk(always(UNAUTHORISED[name]))
    with exchange.server:
        with pytest.raises(CampaignPaused) as paused:
            exchange.conversation().act([CHOOSE])
        assert "OPENAI_API_KEY" in str(paused.value)
        assert exchange.ends == ["unauthorised"]
        assert exchange.conversation().act([CHOOSE]).arguments == Choice(**GOOD)
    assert exchange.ends == ["unauthorised", "ok"]


# --- the request is not accepted: the next rung of the ladder ----------------------------------------------------


def only(*rungs: str, status: int = 400) -> Callable[[Asked], Answer]:
    """Play a server that knows some ways of asking for structured answers only."""
    return lambda asked: chosen(asked) if asked.rung in rungs else failure(status, f"unknown field: {asked.rung}")


LADDERS = [
    (("tools",), ["ok"]),
    (("json_schema",), ["rejected", "ok"]),
    (("json_object",), ["rejected", "rejected", "ok"]),
    (("text",), ["rejected", "rejected", "rejected", "ok"]),
]


@pytest.mark.parametrize(("rungs", "ends"), LADDERS, ids=[pair[0][0] for pair in LADDERS])
@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_what_a_server_does_not_know_is_asked_for_in_another_way(
    talk: Callable[..., Talk], rungs: tuple[str, ...], ends: list[str], status: int
) -> None:
    exchange = talk(*[only(*rungs, status=status)] * 9)
    with exchange.server:
        assert exchange.conversation("c1").act([CHOOSE]).arguments == Choice(**GOOD)
        assert exchange.ends == ends
        # It is remembered: the next conversation begins where the last one ended.
        exchange.conversation("c2").act([CHOOSE])
    assert exchange.ends == [*ends, "ok"]


def test_a_server_that_accepts_nothing_is_a_malformed_row(talk: Callable[..., Talk]) -> None:
    exchange = talk(*[only()] * 9)
    with pytest.raises(NoAnswer):
        exchange.act()
    assert exchange.ends == ["rejected"] * 4
    (row,) = exchange.malformed
    assert row["code"] == "rejected"
    assert len(row["problems"]) == 4
    assert row["calls"] == [item.id for item in exchange.rows]


# --- the global switch


def test_a_hosted_address_is_refused_while_tests_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in (
        None,
        "https://api.openai.com/v1",
        "http://localhost.example.org/v1",
        "http://127.0.0.1@example.org",
    ):
        with pytest.raises(CallsForbidden, match="THEODOLITE_MODEL_CALLS is 'local'"):
            OpenAIWire(ModelSettings(base_url=address))
    monkeypatch.setenv("THEODOLITE_MODEL_CALLS", "none")
    with pytest.raises(CallsForbidden):
        OpenAIWire(ModelSettings(base_url="http://127.0.0.1:1/v1"))


def test_no_server_and_no_key_is_refused_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("THEODOLITE_MODEL_CALLS", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match="set OPENAI_BASE_URL .* or OPENAI_API_KEY"):
        OpenAIWire(ModelSettings())
    OpenAIWire(ModelSettings(base_url="http://127.0.0.1:1/v1"))
    monkeypatch.setenv("OPENAI_API_KEY", "a key")
    OpenAIWire(ModelSettings())


def test_nobody_watches_a_silent_pause(talk: Callable[..., Talk]) -> None:
    exchange = talk(*[always(failure(503, "asleep"))] * 9, opens_after=3, probes=2)
    with pytest.raises(CampaignPaused):
        exchange.act()
    assert len(exchange.rows) == 5
    first, opened = exchange.said
    assert first.startswith("a call of 'some-model' failed (server_error: 503: ")
    assert "asleep" in first
    assert opened.startswith("3 calls in a row failed")
    assert "one call every 50 s, 2 at most" in opened


def test_a_call_that_goes_through_is_not_talked_about(talk: Callable[..., Talk]) -> None:
    exchange = talk()
    exchange.act()
    assert exchange.said == []
