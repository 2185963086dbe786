"""In a browser: rows by keyboard, a filter that answers as one types, and all of it without JavaScript too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """Return a page that fails the test on any error that a script or the content policy reports."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()
    assert not wrong


def _marked(tab: Any) -> list[str]:
    links: list[str] = tab.locator("tr.chosen a[data-open]").all_inner_texts()
    return links


def test_keys_mark_rows_and_open_one(served: str, tab: Any) -> None:
    tab.goto(f"{served}/ledger")
    claims = tab.locator("a[data-open]").all_inner_texts()
    tab.keyboard.press("ArrowDown")
    assert _marked(tab) == [], "arrows scroll until a row is marked"
    tab.keyboard.press("j")
    assert _marked(tab) == [claims[0]]
    tab.keyboard.press("j")
    tab.keyboard.press("ArrowDown")
    assert _marked(tab) == [claims[2]]
    tab.keyboard.press("k")
    assert _marked(tab) == [claims[1]]
    assert tab.evaluate("document.activeElement.hasAttribute('data-open')"), "the mark is where the focus is"
    tab.keyboard.press("Escape")
    assert _marked(tab) == []
    tab.keyboard.press("j")
    address = tab.locator("a[data-open]").first.get_attribute("href")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"{served}{address}")


def test_keys_do_nothing_while_somebody_types_or_holds_a_modifier(served: str, tab: Any) -> None:
    tab.goto(f"{served}/ledger")
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.id") == "words"
    tab.keyboard.type("j?gl")
    assert tab.input_value("#words") == "j?gl" and _marked(tab) == []
    tab.locator("h1").click()
    tab.keyboard.press("Control+j")
    tab.keyboard.press("Alt+j")
    assert _marked(tab) == [] and tab.locator("dialog").count() == 0


def test_keys_are_written_on_the_page_and_can_be_switched_off(served: str, tab: Any) -> None:
    tab.goto(f"{served}/ledger")
    assert "next row" in tab.inner_text("[data-keys]")
    tab.keyboard.press("?")
    assert "open the marked row" in tab.inner_text("dialog[open]")
    tab.get_by_label("Use these keys").uncheck()
    tab.keyboard.press("Escape")
    tab.locator("dialog").wait_for(state="detached")
    tab.keyboard.press("j")
    assert _marked(tab) == [] and "Keys are off" in tab.inner_text("[data-keys]")
    tab.reload()
    tab.get_by_role("button", name="Keys").click()
    tab.get_by_label("Use these keys").check()
    tab.get_by_role("button", name="Close").click()
    tab.locator("dialog").wait_for(state="detached")
    assert tab.evaluate("document.activeElement.textContent") == "all keys"
    tab.keyboard.press("j")
    assert len(_marked(tab)) == 1


def test_two_keys_go_to_a_page(served: str, tab: Any) -> None:
    tab.goto(f"{served}/ledger?outcome=supported")
    tab.keyboard.press("g")
    tab.keyboard.press("l")
    tab.wait_for_url(f"{served}/ledger")


def test_links_of_a_hypothesis_follow_keys(served: str, tab: Any) -> None:
    tab.goto(f"{served}/ledger?text=nosuchword")
    tab.evaluate("""() => {
      for (const [name, place] of [["next", "#after"], ["previous", "#before"], ["back", "#list"]]) {
        const link = document.createElement("a");
        link.href = place; link.dataset[name] = ""; document.querySelector("main").append(link);
      }
    }""")
    for key, place in (("j", "after"), ("k", "before"), ("n", "after"), ("p", "before"), ("u", "list")):
        tab.keyboard.press(key)
        expect(tab).to_have_url(f"{served}/ledger?text=nosuchword#{place}")


def test_the_list_follows_the_form_and_the_address_follows_both(served: str, tab: Any) -> None:
    tab.goto(f"{served}/ledger")
    everything = tab.inner_text("[data-count]")
    tab.select_option("select[name=outcome]", "supported")
    tab.wait_for_url(f"{served}/ledger?outcome=supported")
    expect(tab.locator("[data-count]")).to_have_text("5 hypotheses")
    expect(tab.locator("[data-announce]")).to_have_text("5 hypotheses")
    tab.locator("#words").press_sequentially("nosuchword", delay=20)
    tab.wait_for_url(f"{served}/ledger?outcome=supported&text=nosuchword")
    expect(tab.locator("#results")).to_contain_text("No hypothesis fits")
    assert tab.evaluate("document.activeElement.id") == "words", "whoever types is not disturbed"
    tab.go_back()
    expect(tab.locator("[data-count]")).to_have_text("5 hypotheses")
    expect(tab.locator("#words")).to_have_value("")
    expect(tab.locator("select[name=outcome]")).to_have_value("supported")
    tab.get_by_role("link", name="Remove the filter Verdict: supported").click()
    tab.wait_for_url(f"{served}/ledger")
    expect(tab.locator("[data-count]")).to_have_text(everything)


def test_without_javascript_the_form_and_the_links_do_the_same(served: str, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served}/ledger")
    assert page.locator("tr[data-row]").count() == 6 and page.locator("[data-keys]").count() == 0
    page.select_option("select[name=outcome]", "supported")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(f"{served}/ledger?outcome=supported")
    expect(page.locator("tr[data-row]")).to_have_count(5)
    page.get_by_role("link", name="Effect").click()
    expect(page).to_have_url(f"{served}/ledger?outcome=supported&sort=effect")
    expect(page.locator("select[name=sort]")).to_have_value("effect")
    context.close()


def test_at_400_pixels_nothing_is_wider_than_the_page(served: str, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 900})
    page = context.new_page()
    page.goto(f"{served}/ledger")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.get_by_role("row").count() == 6, "cards are rows still to whoever listens"
    context.close()
