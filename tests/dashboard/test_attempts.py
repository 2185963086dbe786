"""Wrong tokens: counted by address, forgotten after a minute, never written to the log."""

from __future__ import annotations

import asyncio
import logging

import pytest

from theodolite.dashboard.attempts import PER_MINUTE, Attempts
from theodolite.dashboard.failing import Refused

TOKEN = "a token of more than sixteen characters"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def tries(attempts: Attempts, token: str, address: str = "192.0.2.1") -> bool:
    return asyncio.run(attempts.holds(token, address))


def test_after_too_many_wrong_tokens_even_the_right_one_waits_a_minute() -> None:
    clock = Clock()
    attempts = Attempts(TOKEN, delay_s=0, clock=clock)
    assert not any(tries(attempts, f"wrong {number}") for number in range(PER_MINUTE))
    with pytest.raises(Refused) as refused:
        tries(attempts, TOKEN)
    assert refused.value.status == 429
    assert refused.value.headers == {"retry-after": "61"}
    assert tries(attempts, TOKEN, "192.0.2.2"), "another address is not kept waiting"
    clock.now = 61
    assert tries(attempts, TOKEN)


def test_those_that_are_tried_at_once_count_each() -> None:
    attempts = Attempts(TOKEN, delay_s=0.05)

    async def at_once() -> list[object]:
        return await asyncio.gather(*(attempts.holds("wrong", "192.0.2.1") for _ in range(30)), return_exceptions=True)

    found = asyncio.run(at_once())
    assert found.count(False) == PER_MINUTE
    assert sum(isinstance(item, Refused) for item in found) == 30 - PER_MINUTE


def test_a_network_of_ipv6_is_one_address() -> None:
    attempts = Attempts(TOKEN, delay_s=0)
    for number in range(PER_MINUTE):
        tries(attempts, "wrong", f"2001:db8::{number}")
    with pytest.raises(Refused):
        tries(attempts, TOKEN, "2001:db8::ffff")
    assert tries(attempts, TOKEN, "2001:db8:0:1::1")


def test_only_so_many_addresses_are_remembered() -> None:
    attempts = Attempts(TOKEN, delay_s=0)

    async def many() -> None:
        for number in range(5_000):
            await attempts.holds("wrong", f"10.0.{number // 256}.{number % 256}")

    asyncio.run(many())
    assert len(attempts._wrong) == 4_096


def test_the_log_names_the_address_and_not_the_token(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        tries(Attempts(TOKEN, delay_s=0), "guessed-token-1234")
    assert "192.0.2.1" in caplog.text
    assert "guessed" not in caplog.text and TOKEN not in caplog.text


@pytest.mark.parametrize("odd", ["", "é" * 40, "\x00", "\ud800", TOKEN + " ", TOKEN[:-1], TOKEN * 1_000])
def test_odd_tokens_are_wrong_and_no_error(odd: str) -> None:
    assert not tries(Attempts(TOKEN, delay_s=0), odd)
