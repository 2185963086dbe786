"""Wrong tokens: answered slowly, counted by address, and told to the log without the token.

The right token is never refused: many people may share an address, of a proxy for instance, and none of them can lock
the others out. So it is the length of the token that guards it against being guessed; the limit keeps the log short.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from theodolite.dashboard.failing import Refused
from theodolite.dashboard.sessions import same_token

__all__ = ["PER_MINUTE", "Attempts"]

_LOG = logging.getLogger("theodolite.dashboard")
PER_MINUTE = 10
"""Wrong tokens of an address that are looked into in a minute."""
_MINUTE_S = 60.0
_ADDRESSES = 4_096
"""Addresses remembered; the one that was wrong longest ago is forgotten first."""


class Attempts:
    """Tries a token that somebody gives.

    Parameters
    ----------
    token
        The right one.
    delay_s
        Seconds after which a wrong one is answered, always the same.
    clock
        Seconds that only grow.
    """

    def __init__(self, token: str, *, delay_s: float = 0.4, clock: Callable[[], float] = time.monotonic) -> None:
        self._token = token
        self._delay_s = delay_s
        self._clock = clock
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    async def holds(self, given: str, address: str) -> bool:
        """Return whether a token is the right one.

        Raises
        ------
        Refused
            With 429 if it is wrong, and the address has given too many wrong ones.
        """
        if same_token(given, self._token):
            return True
        place = _network(address)
        now = self._clock()
        recent = [at for at in self._wrong.get(place, ()) if now - at < _MINUTE_S]
        if len(recent) >= PER_MINUTE:
            wait = _MINUTE_S - (now - recent[0])
            await asyncio.sleep(self._delay_s)
            raise Refused(
                429,
                f"{PER_MINUTE} wrong tokens came from your address within a minute",
                f"Wait {wait:.0f} seconds, then try again.",
                {"retry-after": str(int(wait) + 1)},
            )
        # Counted before the delay: those that are tried at once count each.
        self._wrong[place] = [*recent, now]
        self._wrong.move_to_end(place)
        while len(self._wrong) > _ADDRESSES:
            self._wrong.popitem(last=False)
        _LOG.warning("a wrong token from %s", address)
        await asyncio.sleep(self._delay_s)
        return False


def _network(address: str) -> str:
    """Return what counts as one address: of IPv6 the network of 64 bits, of which one person has all."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(int(found) >> 64)
    return str(found)
