"""The page of people: what is handed in there is what the commands hand in, signed; and what notes can hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update
from typer.testing import CliRunner

from theodolite.agents import CampaignPaused
from theodolite.cli import app as commands
from theodolite.dashboard import DashboardSettings, proposing
from theodolite.experiments import load_campaign
from theodolite.experiments.approvals import awaited
from theodolite.experiments.signatures import check_signatures
from theodolite.reports.people import notes_about
from theodolite.store import Ledger, diff
from theodolite.store.schema import ops_inbox

TOKEN = "a token of more than sixteen characters"


def inbox(folder: Path, *, waiting: bool = False) -> list[Any]:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return ledger.ops.inbox(None, waiting=waiting)


def waits(folder: Path) -> list[dict[str, str]]:
    """Return what the forms of a page carry for each slot that waits."""
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return [
            {"subject": item.subject, "of": item.of, "prereg_sha256": item.prereg_sha256} for item in awaited(ledger)
        ]


def goes_on(small_world: Any, folder: Path) -> None:
    try:
        small_world.run_in_process(folder, load_campaign(folder.with_name("asks.yaml")))
    except CampaignPaused:
        pass


@pytest.mark.parametrize("approve", ["registrations", "verdicts"])
def test_an_approval_of_the_form_is_taken_up_exactly_as_the_commands(
    small_world: Any, asking: Callable[..., Path], person_at: Callable[..., Any], approve: str
) -> None:
    ours, theirs = asking(approve, "ours"), asking(approve, "theirs")
    ada = person_at(ours)
    page = ada.client.get("/people").text
    first, second = waits(ours)
    assert first["subject"] in page and second["subject"] in page and "proposed" not in page.lower().split("<h2")[0]
    assert ("It would be" in page and "G9 effect size" in page) is (approve == "verdicts")
    answer = ada.hand_in("/people/approvals", **first, decision="approve", reason="")
    assert answer.headers["location"] == "/people?handed=1"
    assert "Handed in as number 1" in ada.client.get("/people?handed=1").text
    assert ada.hand_in("/people/approvals", **second, decision="reject", reason="off\n topic").status_code == 303
    runner = CliRunner()
    who = ["--person", "Ada Lovelace", "-w", str(theirs)]
    assert runner.invoke(commands, ["approve", "r01.s001", *who]).exit_code == 0
    assert runner.invoke(commands, ["approve", "r01.s002", "--reject", "--because", "off topic", *who]).exit_code == 0
    handed = [(item.kind, item.person, item.content) for item in inbox(ours) if item.kind == "approval"]
    assert handed == [(item.kind, item.person, item.content) for item in inbox(theirs)]
    for folder in (ours, theirs):
        goes_on(small_world, folder)
    with (
        Ledger.open(ours / "ledger.sqlite", read_only=True) as one,
        Ledger.open(theirs / "ledger.sqlite", read_only=True) as other,
    ):
        assert diff(one, other) == []
        found = check_signatures(one)
        assert len(found.stands) == 2 and found.broken == found.without_item == ()
    assert [item.kind for item in inbox(ours, waiting=True)] == ["signature", "signature"]


def test_what_the_command_refuses_the_form_refuses(asking: Callable[..., Path], person_at: Callable[..., Any]) -> None:
    folder = asking()
    ada, bob = person_at(folder), person_at(folder)
    first, second = waits(folder)

    def says(person: Any, fields: dict[str, str], **more: str) -> str:
        answer = person.hand_in("/people/approvals", **{**fields, **more})
        assert answer.status_code == 400, answer.status_code
        return " ".join(answer.text.split())

    assert "needs a reason" in says(ada, first, decision="reject", reason=" \u200b\n")
    assert "decision is" in says(ada, first, decision="raise")
    assert "does not wait" in says(ada, first, decision="approve", subject="r09.s001")
    # Who was shown a plan has not approved a verdict, nor another plan.
    assert "not what you were shown" in says(ada, first, decision="approve", of="verdict")
    assert "not what you were shown" in says(
        ada, first, decision="approve", prereg_sha256=second["prereg_sha256"][::-1]
    )
    assert inbox(folder) == []
    assert ada.hand_in("/people/approvals", **first, decision="approve").status_code == 303
    assert "Ada Lovelace has handed in about" in says(bob, first, decision="approve")
    page = bob.client.get("/people").text
    assert "has answered" in page
    assert page.count('name="decision" value="approve"') == 1


def test_notes_are_kept_as_they_were_written_and_shown_as_text(
    asking: Callable[..., Path], person_at: Callable[..., Any]
) -> None:
    folder = asking()
    ada = person_at(folder, logged_in=False)
    ada.log_in("<i>Ada</i> \u202eecalevoL")
    subject = waits(folder)[0]["subject"]
    text = '<script>alert(1)</script>\x00\u202e\u200b one\r\ntwo & "three" {{ 7*7 }} \U0001f9ec'
    answer = ada.hand_in("/people/notes", subject=subject, text=text, next=f"/hypotheses/{subject}?a=1#b")
    assert answer.headers["location"] == f"/hypotheses/{subject}?a=1#note-1"
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        (kept,) = notes_about(ledger, subject)
        assert kept.text == '<script>alert(1)</script> one two & "three" {{ 7*7 }} \U0001f9ec'
        assert kept.person == "<i>Ada</i> ecalevoL"
        assert notes_about(ledger, subject.partition("/")[0]) == []
    page = ada.client.get("/people").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; one two" in page
    assert "<script>alert" not in page and "<i>Ada" not in page and "\u202e" not in page
    assert 'id="note-1"' in page


def test_a_note_has_at_most_4000_characters_and_is_about_something(
    asking: Callable[..., Path], person_at: Callable[..., Any]
) -> None:
    folder = asking()
    ada = person_at(folder)
    subject = waits(folder)[0]["subject"]
    campaign = subject.partition("/")[0]
    assert ada.hand_in("/people/notes", subject=campaign, text="é" * 4_000).status_code == 303
    for bad, told in (
        ({"subject": subject, "text": "x" * 4_001}, "more than 4,000"),
        ({"subject": subject, "text": "x" * 9_000}, "9,000 characters"),
        ({"subject": subject, "text": " \x00\u200b\n"}, "empty"),
        ({"subject": subject}, "empty"),
        ({"subject": "", "text": "x"}, "no campaign or slot"),
        ({"subject": "elsewhere/r01.s001", "text": "x"}, "no campaign or slot"),
        ({"subject": f"{campaign}/split", "text": "x"}, "no campaign or slot"),
        ({"subject": f"{subject}/hypothesis", "text": "x"}, "no campaign or slot"),
        ({"subject": "\x00" * 50, "text": "x"}, "no campaign or slot"),
    ):
        answer = ada.hand_in("/people/notes", **bad)
        assert answer.status_code == 400 and told in answer.text, bad
    assert [item.kind for item in inbox(folder)] == ["note", "signature"]


def test_a_row_that_was_changed_afterwards_is_marked(
    asking: Callable[..., Path], person_at: Callable[..., Any]
) -> None:
    folder = asking()
    ada = person_at(folder)
    subject = waits(folder)[0]["subject"]
    ada.hand_in("/people/notes", subject=subject, text="it looks right")
    assert "does not hold" not in ada.client.get("/people").text
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        content = ledger.ops.inbox(None, "note")[0].content.replace("right", "wrong")
        with ledger.write() as connection:
            connection.execute(update(ops_inbox).where(ops_inbox.c.number == 1).values(content=content))
    page = ada.client.get("/people").text
    assert "The signature of number 1 does not hold" in page
    assert '<strong class="broken">' in page


def test_a_note_that_was_changed_and_whose_signature_was_deleted_is_marked(
    asking: Callable[..., Path], person_at: Callable[..., Any]
) -> None:
    folder = asking()
    ada = person_at(folder)
    subject = waits(folder)[0]["subject"]
    ada.hand_in("/people/notes", subject=subject, text="it looks right")
    with Ledger.open(folder / "ledger.sqlite") as ledger, ledger.write() as connection:
        content = ledger.ops.inbox(None, "note")[0].content.replace("right", "wrong")
        connection.execute(update(ops_inbox).where(ops_inbox.c.number == 1).values(content=content))
        connection.execute(delete(ops_inbox).where(ops_inbox.c.number == 2))
    page = ada.client.get("/people").text
    assert "The signature of number 1 is missing" in page and ">unsigned<" not in page
    assert '<strong class="broken">its signature is missing</strong>' in page
    assert "its signature is missing" in ada.client.get(f"/hypotheses/{subject}").text


def test_a_claim_and_its_signature_that_were_deleted_are_told(
    asking: Callable[..., Path], person_at: Callable[..., Any]
) -> None:
    folder = asking()
    ada = person_at(folder)
    subject = waits(folder)[0]["subject"]
    for text in ("one", "two"):
        ada.hand_in("/people/notes", subject=subject, text=text)
    with Ledger.open(folder / "ledger.sqlite") as ledger, ledger.write() as connection:
        connection.execute(delete(ops_inbox).where(ops_inbox.c.number <= 2))
    assert "Signature 2 is not there as a later one names it" in ada.client.get("/people").text


def test_while_another_claim_is_checked_nobody_waits_and_the_choices_stay(
    asking: Callable[..., Path], person_at: Callable[..., Any]
) -> None:
    folder = asking()
    ada = person_at(folder)
    with proposing._ONE:
        answer = ada.hand_in("/people/propose", **choices(folder))
    assert answer.status_code == 503
    assert "claim is being checked; try again in a moment" in answer.text
    assert 'value="layer 1 axis 2"' in answer.text and "I wonder</textarea>" in answer.text
    assert inbox(folder) == []


def test_what_the_command_line_hands_in_is_shown_as_unsigned(
    asking: Callable[..., Path], person_at: Callable[..., Any]
) -> None:
    folder = asking()
    done = CliRunner().invoke(commands, ["approve", "r01.s001", "--person", "Bob", "-w", str(folder)])
    assert done.exit_code == 0
    page = person_at(folder).client.get("/people").text
    assert "Approval: " in page and "approves the plan" in page and ">unsigned<" in page


def test_whoever_may_not_write_sees_no_forms(
    asking: Callable[..., Path], person_at: Callable[..., Any], finished_ledger: Path
) -> None:
    folder = asking()
    for reader in (
        person_at(folder, allow_writes=False),
        person_at(folder, token=None, allow_writes=False, logged_in=False),
    ):
        page = reader.client.get("/people").text
        assert "r01.s001" in page and 'name="decision"' not in page and "/people/notes" not in page
        assert "--allow-writes" in page
    done = person_at(finished_ledger.parent, allow_writes=False).client.get("/people").text
    assert "Nothing waits for a person." in done and "is complete" in done and "No notes yet." in done


@pytest.mark.parametrize("query", ["handed=-1", "handed=x", "before=%00", "before=9999999999999999999", "handed=²"])
def test_odd_numbers_are_refused(client: Any, query: str) -> None:
    assert client.get(f"/people?{query}").status_code == 400
    assert client.get("/people?handed=77&before=5").status_code == 200


def choices(folder: Path, **more: str) -> dict[str, str]:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        campaign = next(ledger.entries(kind="campaign")).subject
    return {
        "campaign": campaign,
        "tool": "geometry.axis_separation",
        "reference": "program_1",
        "place": "layer 1 axis 2",
        "direction": "greater",
        "because": "I wonder",
        **more,
    }


def test_a_claim_of_the_form_is_the_claim_of_the_command(
    asking: Callable[..., Path], person_at: Callable[..., Any]
) -> None:
    ours, theirs = asking(under="ours"), asking(under="theirs")
    ada = person_at(ours)
    campaign = choices(ours)["campaign"]
    assert campaign in ada.client.get("/people/propose").text
    tools = ada.client.get("/people/propose", params={"campaign": campaign}).text
    assert "geometry.axis_separation" in tools and "attention.edges" in tools
    form = ada.client.get("/people/propose", params={"campaign": campaign, "tool": "geometry.axis_separation"}).text
    assert "planted program 1" in form and "layer 1 axis 2" in form and "any place" in form and "too small" in form
    answer = ada.hand_in("/people/propose", **choices(ours))
    assert answer.headers["location"] == "/people?handed=1", answer.text
    assert "genes lie at the upper end of axis 2 after block 1" in ada.client.get("/people?handed=1").text
    said = choices(ours)
    words = [f"--{name}={said[name]}" for name in ("tool", "reference", "place", "direction", "because")]
    file = str(theirs.with_name("asks.yaml"))
    done = CliRunner().invoke(commands, ["propose", file, *words, "--person", "Ada Lovelace", "-w", str(theirs)])
    assert done.exit_code == 0, done.output
    (command,) = inbox(theirs)
    form_row, signature = inbox(ours)
    assert (form_row.kind, form_row.content, form_row.person) == (command.kind, command.content, command.person)
    assert signature.kind == "signature"
    again = ada.hand_in("/people/propose", **choices(ours))
    assert again.status_code == 400 and "has handed in the same claim" in again.text


def test_what_is_not_on_the_menus_is_told_and_the_choices_stay(
    asking: Callable[..., Path], person_at: Callable[..., Any]
) -> None:
    folder = asking()
    ada = person_at(folder)
    answer = ada.hand_in("/people/propose", **choices(folder, place="layer 9 axis 2", because='"><b>'))
    assert answer.status_code == 400
    assert "there is no place of geometry.axis_separation" in answer.text and "did you mean" in answer.text
    assert 'value="layer 9 axis 2"' in answer.text and "&lt;b&gt;" in answer.text and "Loading" not in answer.text
    for missing in ("reference", "place"):
        assert "not chosen" in ada.hand_in("/people/propose", **choices(folder, **{missing: ""})).text
    assert ada.hand_in("/people/propose", **choices(folder, tool="--help")).status_code == 400
    assert ada.hand_in("/people/propose", **choices(folder, campaign="nowhere")).status_code == 404
    assert inbox(folder) == []


def test_a_campaign_whose_file_is_gone_gets_a_command_to_type(
    asking: Callable[..., Path], person_at: Callable[..., Any]
) -> None:
    folder = asking()
    folder.with_name("asks.yaml").unlink()
    ada = person_at(folder)
    given = choices(folder, because="it's $(rm) `so`")
    form = ada.client.get("/people/propose", params={"campaign": given["campaign"], "tool": given["tool"]}).text
    assert (
        "cannot be handed in from here" in form
        and 'method="post"' not in form.partition("<main")[2].partition("</main")[0]
    )
    shown = ada.client.get("/people/propose", params={**given, "command": "1"}).text
    assert "theodolite propose FILE --tool=geometry.axis_separation" in shown
    assert "&#39;--because=it&#39;&#34;&#39;&#34;&#39;s $(rm) `so`&#39;" in shown
    refused = ada.hand_in("/people/propose", **given)
    assert refused.status_code == 400 and "is not in its workspace" in refused.text


def test_a_file_that_was_changed_is_another_campaign(
    asking: Callable[..., Path], person_at: Callable[..., Any]
) -> None:
    folder = asking()
    file = folder.with_name("asks.yaml")
    file.write_text(file.read_text(encoding="utf-8").replace("experiments: 3", "experiments: 4"), encoding="utf-8")
    refused = person_at(folder).hand_in("/people/propose", **choices(folder))
    assert refused.status_code == 400 and "was changed since the campaign began" in refused.text
    assert inbox(folder) == []


def test_a_complete_campaign_takes_no_claim(small_world: Any, person_at: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "finished.theodolite"
    shutil.copytree(small_world.finished(), folder)
    ada = person_at(folder)
    given = choices(folder)
    assert "is complete" in ada.client.get("/people/propose", params={"campaign": given["campaign"]}).text
    refused = ada.hand_in("/people/propose", **given)
    assert refused.status_code == 400 and "is complete" in refused.text


def test_checking_a_claim_by_the_command_writes_nothing(asking: Callable[..., Path]) -> None:
    folder = asking()
    given = choices(folder)
    words = [f"--{name}={given[name]}" for name in ("tool", "reference", "place", "direction", "because")]
    file = str(folder.with_name("asks.yaml"))
    before = (folder / "ledger.sqlite").read_bytes()
    done = CliRunner().invoke(commands, ["propose", file, *words, "--check", "-w", str(folder)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["campaign"] == given["campaign"] and found["proposal"]["hypothesis"]["author"] == "person"
    assert (folder / "ledger.sqlite").read_bytes() == before and inbox(folder) == []
    part = CliRunner().invoke(commands, ["propose", file, *words[:2], "--check", "-w", str(folder)])
    assert part.exit_code == 2 and "whole claim" in part.stderr


def test_by_keyboard_one_logs_in_approves_and_logs_out(
    asking: Callable[..., Path], browser: Any, serve: Callable[..., Any]
) -> None:
    folder = asking("verdicts")
    settings = DashboardSettings(folder / "ledger.sqlite", token=TOKEN, allow_writes=True)
    with serve(settings) as address:
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{address}/people")
        assert page.url == f"{address}/login?next=%2Fpeople"

        def tab_to(selector: str) -> None:
            for _ in range(60):
                page.keyboard.press("Tab")
                if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                    return
            raise AssertionError(f"no way to {selector} by keyboard")

        tab_to("#person")
        page.keyboard.type("Ada Lovelace")
        tab_to("#token")
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}/people")
        tab_to("textarea[name=reason]")
        page.keyboard.type("seen, and right")
        tab_to("button[value=approve]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/people?handed=1")
        assert "approves the verdict: seen, and right" in page.inner_text("[role=status]")
        assert page.locator("article.awaited form").count() == 1
        tab_to("footer button")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}/login")
        page.goto(f"{address}/people")
        assert page.locator("h1").inner_text() == "Log in"
        assert said == []
        page.close()
    assert [(item.kind, item.person) for item in inbox(folder)] == [
        ("approval", "Ada Lovelace"),
        ("signature", "Ada Lovelace"),
    ]
