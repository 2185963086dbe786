"""A reader of server-sent events, as plain as the format; and rows for a campaign, for it to be told of."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

from theodolite.store import EntryKind, Ledger, entry_id

PATIENCE = 60.0


@dataclass(frozen=True)
class Event:
    """One event; ``comment`` where it is only a sign of life."""

    name: str
    data: str
    id: int | None
    comment: str = ""


class EventStream:
    """Reads one stream; a context manager that cuts the connection at its end."""

    def __init__(self, address: str, *, last_id: int | str | None = None, cookie: str = "") -> None:
        parts = urlsplit(address)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
        headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
        if cookie:
            headers["Cookie"] = cookie
        self._connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.type = self._answer.getheader("content-type", "")

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cut the connection."""
        self._answer.close()
        self._connection.close()

    def next(self) -> Event | None:
        """Return the next event or comment, None where the server has ended the stream."""
        name, data, seen, said = "message", [], None, ""
        while line := self._answer.readline():
            field, _, value = line.decode().rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if not field and not value:
                return Event(name, "\n".join(data), seen, said)
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                seen = int(value)
            elif not field:
                said = value
        return None

    def named(self, name: str) -> Event:
        """Return the next event of a name."""
        while (event := self.next()) is not None:
            if event.name == name:
                return event
        raise AssertionError(f"the stream ended without {name!r}")

    def ids(self, until: int) -> list[int]:
        """Return the ids of the entries up to one, in the order in which they came."""
        found: list[int] = []
        while not found or found[-1] < until:
            event = self.named("entry")
            assert event.id is not None
            found.append(event.id)
        return found


def append(ledger: Ledger, campaign: str, number: int, *, start: int = 0) -> int:
    """Append rows to a campaign, and return which is the last."""
    seq = 0
    for place in range(start, start + number):
        payload = {
            "conversation": "a talk",
            "what": "tool",
            "name": f"tool_{place}",
            "reason": "it would tell these two apart",
        }
        entry = ledger.append(EntryKind.WISH, entry_id(campaign, EntryKind.WISH, name=f"n{place}"), campaign, payload)
        seq = entry.seq
    return seq
