"""Signatures of what people hand in through a server: who, in which session, what and when, under a key of the ledger.

A signature is an item of the inbox of its own, which names the item that it signs, so that whoever takes that up reads
it as any other. What the command line hands in has none: whoever can write the file needs no server. A signature shows
that a row was changed afterwards, or was not written by the server. Each one covers the number and the hash of the one
before it, in the whole ledger, so that a signature that was deleted is found, with or without the row that it signed,
as long as a later one is there; and a note says itself that it was signed.

Not found is that the newest rows were deleted together with their signatures, or all rows with all of them, for
nothing that is left names them; that the newest claim or approval was changed and its signature deleted, or a note if
that it was signed was taken out of it, too; and, of signatures made before they named each other, that one was deleted
with its row. Whoever can read the key can sign.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from pydantic import Field, ValidationError

from theodolite.canonical import canonical_json
from theodolite.experiments.noting import NOTE_KIND, read_note
from theodolite.records import Closed
from theodolite.store import InboxItem, Ledger
from theodolite.store.ops import SIGNATURE_KIND, Sign

__all__ = [
    "KEY_FILE",
    "Checked",
    "HandedSignature",
    "SignatureBefore",
    "Signed",
    "SigningError",
    "check_signatures",
    "signer",
]

KEY_FILE = "dashboard.key"
"""Beside the ledger; for its owner's eyes only."""
_KEY_BYTES = 32


class SigningError(ValueError):
    """The key of a ledger cannot be used; says why, and what to do."""


class Signed(StrEnum):
    """How an item of the inbox stands with its signature."""

    HOLDS = "holds"
    BROKEN = "does not hold"
    """The item is not what was signed, or another key signed it."""
    NONE = "unsigned"
    """Handed in by the command line, or written into the file by other means."""
    MISSING = "signature is missing"
    """It was signed, by its own words or those of a later signature, and its signature is not there."""
    UNKNOWN = "not checked"
    """There is a signature, and the key is not beside the ledger."""


class SignatureBefore(Closed):
    """What a signature says of the one before it.

    Attributes
    ----------
    number
        Its number in the inbox.
    of
        Number of the item that it signs; None where it could not be read.
    sha256
        Of its content, which holds its HMAC.
    """

    number: int
    of: int | None
    sha256: str = Field(max_length=64)


class HandedSignature(Closed):
    """The content of a signature.

    Attributes
    ----------
    of
        Number of the item in the inbox.
    person, at
        Who handed it in, and when; as the item says.
    session
        Which session of the server it came from: a random word that tells nothing else.
    hmac
        HMAC-SHA256 of all of this and of the item's campaign, kind and content, as canonical JSON.
    before
        The signature before it; None in the first one of a ledger, and in those made before they named each other.
    """

    of: int
    person: str
    at: str
    session: str = Field(max_length=100)
    hmac: str = Field(max_length=64)
    before: SignatureBefore | None = None


@dataclass(frozen=True)
class Checked:
    """The signatures of a ledger.

    Attributes
    ----------
    stands
        By number of an item, how it stands; what is not listed has no signature.
    without_item
        Numbers of signatures that sign nothing which is there.
    gone
        Numbers of signatures that a later one names and that are not there, or not as they were.
    """

    stands: dict[int, Signed]
    without_item: tuple[int, ...]
    gone: tuple[int, ...] = ()

    def of(self, number: int) -> Signed:
        """Return how an item stands."""
        return self.stands.get(number, Signed.NONE)

    @property
    def broken(self) -> tuple[int, ...]:
        """Numbers of the items whose signature does not hold."""
        return tuple(number for number, how in self.stands.items() if how is Signed.BROKEN)

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of the items whose signature is missing."""
        return tuple(number for number, how in self.stands.items() if how is Signed.MISSING)


def signer(ledger: Ledger, session: str) -> Sign:
    """Return what signs items for a session; makes the key where the ledger has none yet.

    Raises
    ------
    SigningError
        If the key is damaged, or others may read it.
    """
    key = _own_key(ledger)

    def sign(item: InboxItem, last: InboxItem | None) -> str:
        before = None if last is None else _named(last)
        content = HandedSignature(
            of=item.number,
            person=item.person,
            at=item.at,
            session=session,
            hmac=_hmac(key, item, session, before),
            before=before,
        )
        return canonical_json(content.model_dump(mode="json"))

    return sign


def check_signatures(ledger: Ledger, campaign: str | None = None) -> Checked:
    """Verify every signature in the inbox of a campaign, or of all, with the key beside the ledger."""
    key = _key(_place(ledger))
    items = {item.number: item for item in ledger.ops.inbox(campaign, waiting=False)}
    # Signatures name each other across campaigns.
    rows = ledger.ops.inbox(None, SIGNATURE_KIND, waiting=False)
    stands: dict[int, Signed] = {}
    without = []
    for row in rows:
        if row.number not in items:
            continue
        signature = _read(row)
        item = None if signature is None else items.get(signature.of)
        if signature is None or item is None:
            without.append(row.number)
            continue
        how = Signed.UNKNOWN if key is None else Signed.BROKEN
        if key is not None and (signature.person, signature.at) == (item.person, item.at):
            expected = _hmac(key, item, signature.session, signature.before)
            # An odd character in what was recorded is no signature, and may not be an error either.
            how = Signed.HOLDS if hmac.compare_digest(expected.encode(), signature.hmac.encode()) else Signed.BROKEN
        if stands.get(item.number) is not Signed.HOLDS:
            stands[item.number] = how
    gone = _gone(rows)
    said = [item.number for item in items.values() if _says_signed(item)]
    for number in [*said, *(before.of for before in gone)]:
        if number in items:
            stands.setdefault(number, Signed.MISSING)
    return Checked(stands, tuple(without), tuple(before.number for before in gone))


def _gone(rows: Sequence[InboxItem]) -> list[SignatureBefore]:
    """Return what signatures say of others that are not there, or not as they were."""
    there = {row.number: _sha256(row) for row in rows}
    named = {found.before for row in rows if (found := _read(row)) is not None and found.before is not None}
    return sorted(
        (before for before in named if there.get(before.number) != before.sha256), key=lambda before: before.number
    )


def _says_signed(item: InboxItem) -> bool:
    note = read_note(item) if item.kind == NOTE_KIND else None
    return note is not None and note.signed


def _read(row: InboxItem) -> HandedSignature | None:
    try:
        return HandedSignature.model_validate_json(row.content)
    except ValidationError:
        return None


def _named(row: InboxItem) -> SignatureBefore:
    found = _read(row)
    return SignatureBefore(number=row.number, of=None if found is None else found.of, sha256=_sha256(row))


def _sha256(row: InboxItem) -> str:
    return sha256(row.content.encode("utf-8", errors="surrogatepass")).hexdigest()


def _hmac(key: bytes, item: InboxItem, session: str, before: SignatureBefore | None) -> str:
    signed: dict[str, object] = {
        "number": item.number,
        "campaign": item.campaign,
        "kind": item.kind,
        "person": item.person,
        "content": item.content,
        "at": item.at,
        "session": session,
    }
    if before is not None:
        signed["before"] = before.model_dump(mode="json")
    return hmac.new(key, canonical_json(signed).encode(), sha256).hexdigest()


def _place(ledger: Ledger) -> Path | None:
    return None if ledger.path is None else ledger.path.with_name(KEY_FILE)


def _key(path: Path | None) -> bytes | None:
    """Return the key in a file, None where there is none that can be read."""
    try:
        found = None if path is None else bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None
    return found if found is not None and len(found) == _KEY_BYTES else None


def _own_key(ledger: Ledger) -> bytes:
    path = _place(ledger)
    if path is None:
        raise SigningError("a ledger in memory has no folder for a key; open one in a file")
    if not path.exists():
        _make(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SigningError(f"others may read {path}, so that they could sign as the server; `chmod 600` it")
    key = _key(path)
    if key is None:
        raise SigningError(
            f"{path} holds no key; put the file back, or delete it: another is made, and what was signed with the old "
            "one is shown as not holding"
        )
    return key


def _make(path: Path) -> None:
    """Make a key; of two servers that make one at once, both use the first."""
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
    finally:
        fresh.unlink()
