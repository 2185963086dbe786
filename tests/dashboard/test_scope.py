"""What belongs to the copy of one campaign, and under which name."""

from __future__ import annotations

import pytest

from theodolite.dashboard import scope, walking
from theodolite.dashboard.scope import Names, Scope
from theodolite.dashboard.walking import Answer

ONE, OTHER = "one-11111111", "other-22222222"
LIST = f"/ledger?campaign={ONE}"


@pytest.fixture(autouse=True)
def _every_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a route answer whatever is asked: the rules are about addresses."""

    class Listed:
        param_convertors: dict[str, str] = {}

    class Single:
        param_convertors = {"id": "path"}

    monkeypatch.setattr(scope, "route_of", lambda link: Single() if link.count("/") > 1 else Listed())
    assert walking.route_of("/entries/x") is not None


@pytest.mark.parametrize(
    ("link", "source", "address"),
    [
        ("/ledger", None, LIST),
        ("/ledger?outcome=refuted", LIST, f"{LIST}&outcome=refuted"),
        ("?after=abc&campaign=one-11111111", LIST, f"/ledger?after=abc&campaign={ONE}"),
        ("/ledger?sort=effect", LIST, None),
        ("/ledger?tag=x", LIST, None),
        ("/ledger?family=geometry&locus=layer+1", f"/map?campaign={ONE}", f"{LIST}&family=geometry&locus=layer+1"),
        ("?family=geometry&after=9", f"{LIST}&family=geometry", f"/ledger?after=9&campaign={ONE}&family=geometry"),
        (f"/ledger?campaign={OTHER}", LIST, None),
        (f"/hypotheses/{ONE}/r01.s001?outcome=refuted&sort=t", LIST, f"/hypotheses/{ONE}/r01.s001?campaign={ONE}"),
        (f"/entries/{OTHER}/r01.s001/verdict", LIST, None),
        ("https://elsewhere.example/ledger", LIST, None),
        ("//elsewhere.example/ledger", LIST, None),
        ("javascript:alert(1)", LIST, None),
        ("//[", LIST, None),
        ("http://[::1", None, None),
        ("/static/theodolite.css", LIST, None),
        ("/login?next=/", LIST, None),
    ],
)
def test_addresses(link: str, source: str | None, address: str | None) -> None:
    found = Scope(ONE, frozenset({OTHER})).address(link, source)
    if address is not None:
        path, _, asked = address.partition("?")
        address = f"{path}?{'&'.join(sorted(asked.split('&')))}"
    assert found == address


def _answer(kind: str = "text/html", **headers: str) -> Answer:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Answer(200, {"content-type": kind, **named}, b"")


def test_plain_names_stay_and_odd_ones_are_hashed() -> None:
    names = Names(ONE)
    assert names.name(f"/hypotheses/{ONE}/r01.s001?campaign={ONE}", _answer()) == f"hypotheses/{ONE}/r01.s001.html"
    assert names.name(f"/ledger?campaign={ONE}&outcome=refuted", _answer()) == "ledger.outcome-refuted.html"
    assert names.name("/x.csv", _answer("text/csv")) == "x.csv"
    assert names.name("/x", _answer("application/odd", content_disposition='attachment; filename="t.parquet"')) == (
        "x.parquet"
    )
    odd = [names.name(f"/entries/{name}", _answer()) for name in ("a%20b", "..%2F..%2Fetc", "x" * 10_000, "%00")]
    assert len(set(odd)) == 4
    assert all(".." not in name.split("/") and len(name) < 160 and name.isprintable() for name in odd)


def test_names_that_differ_by_case_alone_do_not_meet_on_a_disk_that_knows_no_case() -> None:
    names = Names(ONE)
    first, second = names.name("/entries/A", _answer()), names.name("/entries/a", _answer())
    assert first.lower() != second.lower()
