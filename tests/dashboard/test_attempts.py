"""Wrong tokens: counted by address, forgotten after a minute, never written to the log."""

from __future__ import annotations

import asyncio
import http.client
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theodolite.dashboard import DashboardError, DashboardSettings
from theodolite.dashboard.attempts import PER_MINUTE, Attempts
from theodolite.dashboard.failing import Refused

TOKEN = "a token of more than sixteen characters"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def tries(attempts: Attempts, token: str, address: str = "192.0.2.1") -> bool:
    return asyncio.run(attempts.holds(token, address))


def test_after_too_many_wrong_tokens_another_waits_a_minute_and_the_right_one_does_not() -> None:
    clock = Clock()
    attempts = Attempts(TOKEN, delay_s=0, clock=clock)
    assert not any(tries(attempts, f"wrong {number}") for number in range(PER_MINUTE))
    with pytest.raises(Refused) as refused:
        tries(attempts, "wrong again")
    assert refused.value.status == 429
    assert refused.value.headers == {"retry-after": "61"}
    assert tries(attempts, TOKEN), "others of the same address lock nobody out"
    assert not tries(attempts, "wrong", "192.0.2.2"), "another address is not kept waiting"
    clock.now = 61
    assert not tries(attempts, "wrong again")


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
        tries(attempts, "wrong", "2001:db8::ffff")
    assert not tries(attempts, "wrong", "2001:db8:0:1::1")


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


@pytest.mark.parametrize(
    ("behind", "limited"), [(None, True), ("192.0.2.7", True), ("127.0.0.1", False), ("127.0.0.0/8", False)]
)
def test_only_a_named_proxy_is_believed_for_whom_it_asks(
    finished_ledger: Path, serve: Callable[..., Any], behind: str | None, limited: bool
) -> None:
    server = serve(DashboardSettings(finished_ledger, token=TOKEN, behind_proxy=behind))
    with server as address:
        server.app.state.attempts._delay_s = 0

        def answer(token: str, said: str) -> int:
            connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
            headers = {"authorization": f"Bearer {token}", "x-forwarded-for": said}
            connection.request("GET", "/api/openapi.json", headers=headers)
            status = connection.getresponse().status
            connection.close()
            return status

        found = [answer("wrong", f"198.51.100.{number}") for number in range(PER_MINUTE + 2)]
        assert found == [401] * PER_MINUTE + [429 if limited else 401] * 2
        assert answer(TOKEN, "198.51.100.1") == 200


@pytest.mark.parametrize("odd", ["*", "", "lab-proxy", "127.0.0.1, 10.0.0.1", "0.0.0.0/99"])
def test_a_proxy_is_an_address(odd: str) -> None:
    with pytest.raises(DashboardError, match="--behind-proxy is"):
        DashboardSettings(Path("ledger.sqlite"), token=TOKEN, behind_proxy=odd)
