"""Signatures of what people hand in: what they show, and what they do not."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from theodolite.canonical import canonical_json
from theodolite.experiments.noting import HandedNote
from theodolite.experiments.signatures import KEY_FILE, Signed, SigningError, check_signatures, signer
from theodolite.store import Ledger
from theodolite.store.ops import SIGNATURE_KIND
from theodolite.store.schema import ops_inbox


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    with Ledger.create(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


def put(ledger: Ledger, content: str = "{}", session: str = "morning") -> int:
    return ledger.ops.hand_in("small-1", "note", "Ada", content, sign=signer(ledger, session))


def change(ledger: Ledger, number: int, **values: str) -> None:
    with ledger.write() as connection:
        connection.execute(update(ops_inbox).where(ops_inbox.c.number == number).values(**values))


def test_what_was_signed_holds_and_the_command_lines_is_unsigned(ledger: Ledger) -> None:
    signed, plain = put(ledger), ledger.ops.hand_in("small-1", "note", "Bob", "{}")
    found = check_signatures(ledger)
    assert (found.of(signed), found.of(plain)) == (Signed.HOLDS, Signed.NONE)
    assert found.broken == found.without_item == ()
    # It lies right behind the item, with its person and time, and is no item of the kind that a campaign takes up.
    items = ledger.ops.inbox("small-1")
    assert [item.kind for item in items] == ["note", SIGNATURE_KIND, "note"]
    assert (items[1].person, items[1].at) == (items[0].person, items[0].at)


def test_the_key_is_made_at_the_first_write_for_its_owner_alone(ledger: Ledger, tmp_path: Path) -> None:
    assert not (tmp_path / KEY_FILE).exists()
    put(ledger)
    made = (tmp_path / KEY_FILE).read_bytes()
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    put(ledger)
    assert (tmp_path / KEY_FILE).read_bytes() == made
    assert [path.name for path in tmp_path.glob(".dashboard*")] == []


@pytest.mark.parametrize(
    "changed",
    [
        {"content": '{"text":"another"}'},
        {"person": "Eve"},
        {"at": "2020-01-01T00:00:00.000000+00:00"},
        {"campaign": "small-2"},
        {"kind": "proposal"},
    ],
)
def test_whatever_of_an_item_is_changed_shows(ledger: Ledger, changed: dict[str, str]) -> None:
    number, other = put(ledger), put(ledger)
    change(ledger, number, **changed)
    found = check_signatures(ledger)
    assert (found.of(number), found.of(other)) == (Signed.BROKEN, Signed.HOLDS)
    assert found.broken == (number,)


def test_that_a_campaign_took_it_up_changes_no_signature(ledger: Ledger) -> None:
    number = put(ledger)
    ledger.ops.take_in(number)
    assert check_signatures(ledger).of(number) is Signed.HOLDS


def test_a_signature_moved_to_another_item_does_not_hold(ledger: Ledger) -> None:
    number = put(ledger)
    forged = ledger.ops.hand_in("small-1", "note", "Ada", "{}")
    taken = ledger.ops.handed_in(number + 1)
    assert taken is not None
    content = taken.content.replace(f'"of":{number}', f'"of":{forged}')
    with ledger.write() as connection:
        connection.execute(
            insert(ops_inbox).values(
                campaign="small-1", kind=SIGNATURE_KIND, person="Ada", content=content, at=taken.at, taken_at=None
            )
        )
    assert check_signatures(ledger).of(forged) is Signed.BROKEN


def test_a_signature_whose_item_was_deleted_is_told(ledger: Ledger) -> None:
    number = put(ledger)
    with ledger.write() as connection:
        connection.execute(delete(ops_inbox).where(ops_inbox.c.number == number))
    assert check_signatures(ledger).without_item == (number + 1,)


@pytest.mark.parametrize(
    "content", ["", "[]", "\x00", '{"of":1}', '{"of":1,"person":"é","at":"","session":"","hmac":"é"}']
)
def test_a_signature_that_is_none_is_no_error(ledger: Ledger, content: str) -> None:
    number = put(ledger)
    change(ledger, number + 1, content=content)
    found = check_signatures(ledger)
    assert found.of(number) in (Signed.NONE, Signed.BROKEN)


def test_with_another_key_nothing_holds_and_without_one_nothing_is_checked(ledger: Ledger, tmp_path: Path) -> None:
    number = put(ledger)
    key = tmp_path / KEY_FILE
    key.write_text("0" * 64, encoding="ascii")
    assert check_signatures(ledger).of(number) is Signed.BROKEN
    key.unlink()
    assert check_signatures(ledger).of(number) is Signed.UNKNOWN


def test_a_key_that_others_may_read_signs_nothing(ledger: Ledger, tmp_path: Path) -> None:
    put(ledger)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(SigningError, match="chmod 600"):
        signer(ledger, "evening")
    (tmp_path / KEY_FILE).chmod(0o600)
    (tmp_path / KEY_FILE).write_text("nonsense", encoding="ascii")
    with pytest.raises(SigningError, match="holds no key"):
        signer(ledger, "evening")


def drop(ledger: Ledger, *numbers: int) -> None:
    with ledger.write() as connection:
        connection.execute(delete(ops_inbox).where(ops_inbox.c.number.in_(numbers)))


def test_signatures_name_each_other_across_campaigns(ledger: Ledger) -> None:
    first = put(ledger)
    ledger.ops.hand_in("small-2", "proposal", "Bob", "{}", sign=signer(ledger, "noon"))
    ledger.ops.hand_in("small-2", "note", "Eve", "{}")
    last = put(ledger)
    found = check_signatures(ledger)
    assert set(found.stands.values()) == {Signed.HOLDS} and found.gone == found.missing == ()
    one = check_signatures(ledger, "small-1")
    assert one.stands == {first: Signed.HOLDS, last: Signed.HOLDS}
    assert one.gone == one.without_item == ()


@pytest.mark.parametrize("kind", ["note", "proposal", "approval"])
def test_an_item_that_was_changed_and_its_signature_deleted_is_no_unsigned_one(ledger: Ledger, kind: str) -> None:
    number = ledger.ops.hand_in("small-1", kind, "Ada", "{}", sign=signer(ledger, "morning"))
    other = put(ledger)
    change(ledger, number, content='{"text":"another"}')
    drop(ledger, number + 1)
    found = check_signatures(ledger)
    assert (found.of(number), found.of(other)) == (Signed.MISSING, Signed.HOLDS)
    assert (found.missing, found.gone) == ((number,), (number + 1,))
    # What took its number is not what was named.
    with ledger.write() as connection:
        row = {"campaign": "small-1", "person": "Ada", "content": "{}", "at": "", "taken_at": None}
        connection.execute(insert(ops_inbox).values(number=number + 1, kind=SIGNATURE_KIND, **row))
    assert check_signatures(ledger).of(number) is Signed.MISSING


def test_an_item_that_was_deleted_with_its_signature_is_told_while_a_later_one_is_there(ledger: Ledger) -> None:
    first, middle, last = put(ledger), put(ledger), put(ledger)
    drop(ledger, middle, middle + 1)
    found = check_signatures(ledger)
    assert found.gone == (middle + 1,)
    assert {found.of(first), found.of(last)} == {Signed.HOLDS}
    drop(ledger, last, last + 1)
    assert check_signatures(ledger).gone == (), "nothing that is left names it: the module says so"


def test_what_a_signature_says_of_the_one_before_is_signed(ledger: Ledger) -> None:
    first, middle, last = put(ledger), put(ledger), put(ledger)
    taken = ledger.ops.handed_in(last + 1)
    assert taken is not None
    drop(ledger, middle, middle + 1)
    for content in (
        taken.content.replace(f'"number":{middle + 1}', f'"number":{first + 1}'),
        canonical_json({**json.loads(taken.content), "before": None}),
    ):
        change(ledger, last + 1, content=content)
        assert check_signatures(ledger).of(last) is Signed.BROKEN


def test_a_note_says_that_it_was_signed(ledger: Ledger) -> None:
    said = canonical_json(HandedNote(subject="small-1", text="right", signed=True).model_dump(mode="json"))
    number = put(ledger, said)
    assert check_signatures(ledger).of(number) is Signed.HOLDS
    change(ledger, number, content=said.replace("right", "wrong"))
    drop(ledger, number + 1)
    assert check_signatures(ledger).of(number) is Signed.MISSING


def test_a_signature_from_before_they_named_each_other_holds(ledger: Ledger) -> None:
    number = put(ledger)
    row = ledger.ops.handed_in(number + 1)
    assert row is not None and '"before":null,' in row.content
    change(ledger, number + 1, content=row.content.replace('"before":null,', ""))
    assert check_signatures(ledger).of(number) is Signed.HOLDS
