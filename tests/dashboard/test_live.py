"""What is appended arrives once and in order, whatever becomes of connection and server; a page follows by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from event_streams import EventStream, append
from starlette.testclient import TestClient

from theodolite.dashboard import DashboardSettings
from theodolite.dashboard.feed import Feed
from theodolite.dashboard.sessions import Session, Sessions
from theodolite.store import JobState, Ledger, campaign_rows
from theodolite.store.live import rows_after


@pytest.fixture
def ledger(live_ledger: Path) -> Iterator[Ledger]:
    """Open a copy of the finished ledger for writing."""
    with Ledger.open(live_ledger) as opened:
        yield opened


@pytest.fixture
def campaign(ledger: Ledger) -> str:
    """Return the id of its campaign."""
    return campaign_rows(ledger)[0].campaign


@pytest.fixture
def settings(live_ledger: Path) -> DashboardSettings:
    """Return what serves it, looking often."""
    return DashboardSettings(live_ledger, poll_seconds=0.05)


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(1_200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_events_arrive_in_order_while_the_ledger_is_written(ledger, campaign, settings, serve):
    head = ledger.head().seq
    with serve(settings) as address, EventStream(f"{address}/campaigns/{campaign}/events?after={head}") as stream:
        assert (stream.status, stream.type.partition(";")[0]) == (200, "text/event-stream")
        last = append(ledger, campaign, 40)
        assert stream.ids(last) == list(range(head + 1, last + 1))


def test_an_event_says_what_happened_and_leads_to_it(ledger, campaign, settings, serve):
    with serve(settings) as address, EventStream(f"{address}/campaigns/{campaign}/events?after=0") as stream:
        wanted = stream.named("entry")
        while "verdict" not in wanted.data:
            wanted = stream.named("entry")
    assert f'href="/hypotheses/{campaign}/r01.s001"' in wanted.data
    assert '<span class="verdict ' in wanted.data and f'data-seq="{wanted.id}"' in wanted.data


def test_a_stream_that_was_cut_is_resumed_without_loss_or_repeat(ledger, campaign, settings, serve):
    head = ledger.head().seq
    with serve(settings) as address:
        with EventStream(f"{address}/events?after={head}") as stream:
            middle = append(ledger, campaign, 5)
            seen = stream.ids(middle)
        append(ledger, campaign, 5, start=5)
        # The header counts: the address is that of the first connection.
        with EventStream(f"{address}/events?after={head}", last_id=seen[-1]) as stream:
            last = append(ledger, campaign, 5, start=10)
            seen += stream.ids(last)
    assert seen == list(range(head + 1, last + 1))


def test_a_server_that_was_started_anew_goes_on_where_the_reader_was(ledger, campaign, settings, serve):
    head = ledger.head().seq
    server = serve(settings)
    with server as address:
        port = int(address.rpartition(":")[2])
        stream = EventStream(f"{address}/campaigns/{campaign}/events?after={head}")
        seen = stream.ids(append(ledger, campaign, 3))
    # It ended the stream by itself, so that it could stop.
    while (event := stream.next()) is not None:
        assert event.name != "entry"
    stream.close()
    append(ledger, campaign, 700, start=3)
    with (
        serve(settings, port=port) as address,
        EventStream(f"{address}/campaigns/{campaign}/events", last_id=seen[-1]) as again,
    ):
        last = append(ledger, campaign, 3, start=703)
        seen += again.ids(last)
    assert seen == list(range(head + 1, last + 1))


def test_a_server_with_a_reader_stops(ledger, campaign, settings, serve):
    with serve(settings) as address:
        stream = EventStream(f"{address}/events")
        stream.named("state")
    stream.close()


def test_readers_share_one_poller_and_leave_it(ledger, campaign, settings, serve):
    server = serve(settings)
    with server as address:
        feed: Feed = server.app.state.feed
        time.sleep(0.2)
        assert (feed.looks, feed.readers) == (0, 0)
        streams = [EventStream(f"{address}/events") for _ in range(5)]
        for stream in streams:
            stream.named("state")
        assert feed.readers == 5
        before, began = feed.looks, time.monotonic()
        eventually(lambda: feed.looks >= before + 10)
        # As many looks as one reader causes, at most one every poll_seconds.
        assert feed.looks - before <= (time.monotonic() - began) / settings.poll_seconds + 1
        for stream in streams:
            stream.close()
        append(ledger, campaign, 1)
        eventually(lambda: feed.readers == 0)


def test_a_slow_reader_catches_up(ledger, campaign, settings, serve):
    """One that does not read while more comes than is kept for all gets everything, and others do not wait for it."""
    head = ledger.head().seq
    with (
        serve(settings) as address,
        EventStream(f"{address}/campaigns/{campaign}/events?after={head}") as slow,
        EventStream(f"{address}/campaigns/{campaign}/events?after={head}") as quick,
    ):
        slow.named("state")
        with ledger.batch():
            last = append(ledger, campaign, 3_000)
        assert quick.ids(last) == list(range(head + 1, last + 1))
        assert slow.ids(last) == list(range(head + 1, last + 1))


def test_whatever_fails_once_ends_no_stream(ledger, campaign, settings, serve, monkeypatch, caplog):
    """A disk, a locked table, one campaign that cannot be told: it is tried again, and no event is lost."""
    broken = {"rows": True, "state": True}
    looked = Feed._look

    def look(feed, topics):
        if broken["rows"]:
            raise RuntimeError("the table is away")
        return looked(feed, topics)

    monkeypatch.setattr(Feed, "_look", look)
    server = serve(settings)
    with server as address, EventStream(f"{address}/campaigns/{campaign}/events?after={ledger.head().seq}") as stream:
        describe = server.app.state.feed._describe

        def described(topic):
            if broken["state"]:
                raise KeyError("a row that is none")
            return describe(topic)

        server.app.state.feed._describe = described
        last = append(ledger, campaign, 3)
        eventually(lambda: "the table is away" in caplog.text)
        broken["rows"] = False
        assert stream.ids(last) == list(range(last - 2, last + 1))
        eventually(lambda: "could not be told" in caplog.text)
        broken["state"] = False
        stream.named("state")


def test_a_stream_of_one_campaign_holds_no_rows_of_another_and_moves_on_past_them(ledger, campaign, settings, serve):
    head = ledger.head().seq
    with serve(settings) as address, EventStream(f"{address}/campaigns/{campaign}/events?after={head}") as stream:
        other = append(ledger, "other-00000002", 3)
        event = stream.next()
        while event is not None and event.id is None:
            event = stream.next()
        assert event is not None and head < event.id <= other and not event.data
        last = append(ledger, campaign, 1)
        assert stream.ids(last) == [last]


def test_without_an_id_a_stream_begins_now(ledger, campaign, settings, serve):
    with serve(settings) as address, EventStream(f"{address}/events") as stream:
        stream.named("state")
        last = append(ledger, campaign, 1)
        assert stream.ids(last) == [last]


@pytest.mark.parametrize("id", ["x", "-1", "1.5", "9" * 30, "%00", "999999999", "٣"])
def test_an_id_that_is_none_or_beyond_the_ledger_is_refused(client: TestClient, id: str) -> None:
    answer = client.get(f"/events?after={id}")
    assert answer.status_code == 400 and "id of the last event" in answer.text


def test_the_header_of_a_reader_is_checked_as_the_address_is(client: TestClient) -> None:
    assert client.get("/events", headers={"last-event-id": "none"}).status_code == 400


def test_a_campaign_that_is_not_there_has_no_stream(client: TestClient) -> None:
    assert client.get("/campaigns/nobody-00000000/events").status_code == 404


def test_signs_of_life_are_sent_while_nothing_happens(ledger, settings, serve, monkeypatch):
    monkeypatch.setattr("theodolite.dashboard.routes.live.HEARTBEAT_SECONDS", 0.1)
    with serve(settings) as address, EventStream(f"{address}/events") as stream:
        stream.named("state")
        event = stream.next()
        assert event is not None and (event.comment, event.id, event.data) == ("alive", None, "")


@pytest.mark.parametrize("how", ["logged out", "expired", "expired between heartbeats"])
def test_a_stream_ends_with_its_session(ledger, campaign, live_ledger, serve, monkeypatch, how):
    between = how == "expired between heartbeats"
    monkeypatch.setattr("theodolite.dashboard.routes.live.HEARTBEAT_SECONDS", 3_600 if between else 0.1)
    server = serve(DashboardSettings(live_ledger, poll_seconds=0.05, token="a token of more than sixteen characters"))
    with server as address:
        sessions: Sessions = server.app.state.sessions
        begun = sessions.begin("Ada")
        lasts = 12 * 3600 if how == "logged out" else 6
        session = Session(begun.person, begun.nonce, int(time.time()) + lasts, begun.csrf)
        cookie = f"{sessions.cookie}={sessions.written(session)}"
        with EventStream(f"{address}/events", cookie=cookie) as stream:
            stream.named("state")
            if how == "logged out":
                sessions.end(session)
                append(ledger, campaign, 1)
            while (event := stream.next()) is not None:
                assert event.name != "entry", "nothing is sent after the session's end"
        with EventStream(f"{address}/events", cookie=cookie) as stream:
            assert stream.status == 401


def test_rows_are_read_in_pages(ledger):
    first = rows_after(ledger, 0, 3)
    assert [row.seq for row in first] == [1, 2, 3]
    assert [row.seq for row in rows_after(ledger, 3, 2)] == [4, 5]
    assert rows_after(ledger, ledger.head().seq, 2) == []


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Return a page of a browser; nothing may be written to its console but what a lost connection leaves there."""
    context = browser.new_context()
    opened, said = context.new_page(), []
    opened.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: said.append(str(error)))
    yield opened
    context.close()
    assert [line for line in said if "ERR_" not in line and "htmx:sse:error" not in line] == []


def test_the_page_of_a_running_campaign_follows_by_itself(ledger, campaign, settings, serve, page):
    with (
        ledger.coordinator("theodolite run", campaign=campaign),
        serve(settings) as address,
    ):
        ledger.ops.start_session(campaign)
        page.goto(f"{address}/campaigns/{campaign}")
        page.wait_for_selector("[data-live='on']", state="attached")
        assert page.locator("text=alive").count() == 1
        ledger.ops.start_job("a", campaign=campaign, what="attention of layer 2")
        page.wait_for_selector("text=attention of layer 2")
        ledger.ops.finish_job("a", JobState.DONE)
        page.wait_for_selector("text=attention of layer 2", state="detached")
        last = append(ledger, campaign, 3)
        page.wait_for_selector(f".events li:first-child[data-seq='{last}']")
        page.wait_for_selector("[data-live-said]:has-text('new events')", state="attached")


@pytest.mark.parametrize("late", ["htmx.min.js", "hx-sse.min.js", "live.js"])
def test_a_page_connects_once_whichever_of_its_scripts_comes_last(campaign, settings, serve, page, late):
    streams = []
    page.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)

    def delay(route: Any) -> None:
        if late in route.request.url:
            time.sleep(0.7)
        route.continue_()

    page.route("**/*.js*", delay)
    with serve(settings) as address:
        page.goto(f"{address}/campaigns/{campaign}")
        page.wait_for_selector("[data-live='on']", state="attached")
        page.wait_for_timeout(300)
    assert len(streams) == 1


def test_a_page_reconnects_and_shows_what_it_missed(ledger, campaign, settings, serve, page):
    with serve(settings) as address:
        port = int(address.rpartition(":")[2])
        page.goto(f"{address}/campaigns/{campaign}")
        page.wait_for_selector("[data-live='on']", state="attached")
        shown = append(ledger, campaign, 1)
        page.wait_for_selector(f".events li[data-seq='{shown}']")
    page.wait_for_selector("text=Connection lost, trying again")
    last = append(ledger, campaign, 4, start=1)
    with serve(settings, port=port):
        page.wait_for_selector(f".events li:first-child[data-seq='{last}']")
        page.wait_for_selector("[data-live-lost]", state="hidden")
        seqs = page.eval_on_selector_all(
            ".events li", "items => items.slice(0, 6).map((item) => Number(item.dataset.seq))"
        )
        assert seqs == list(range(last, last - 6, -1))


def test_without_scripts_the_page_says_to_reload(ledger, campaign, settings, serve, browser):
    with serve(settings) as address:
        context = browser.new_context(java_script_enabled=False)
        plain = context.new_page()
        plain.goto(f"{address}/campaigns/{campaign}")
        assert "reload it to see what is new" in plain.inner_text("main")
        assert plain.locator(".events li").count() > 5 and not plain.locator("[data-live-lost]").is_visible()
        context.close()
