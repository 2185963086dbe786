"""Screenshots of every page of the dashboard, at two widths and in both themes: ``make screenshots``.

One page of each route, a hypothesis of each outcome, and the page of an error. Ends with status 1 if a browser
complained of anything, such as what the content security policy forbids.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvicorn

from theodolite.dashboard import DashboardSettings, create_app
from theodolite.dashboard.templating import slot_address
from theodolite.dashboard.walking import one_a_route, opened, route_of
from theodolite.store import Ledger, LedgerError, hypothesis_rows

WIDTHS = (1280, 400)
THEMES = ("light", "dark")
SETTLED_MS = 500


def addresses(ledger: Path) -> dict[str, str]:
    """Return an address by the name of its picture."""
    with Ledger.open(ledger, read_only=True) as read:
        subjects = {row.outcome: slot_address(row.subject) for row in hypothesis_rows(read)}
        entry = f"/entries/{quote(next(read.entries()).id)}"
    with opened(DashboardSettings(ledger)) as pages:
        found = one_a_route(pages, beside=("/ledger", "/map", "/error-control", "/people", "/glossary", entry))
        shown = {_name(path): address for path, address in sorted(found.items()) if pages.ask(address).is_page}
    for outcome, address in subjects.items():
        if route_of(address) is not None:
            shown[f"hypothesis-{outcome}"] = address
    return {**shown, "error": "/no-such-page"}


def _name(path: str) -> str:
    words = re.sub(r"[^a-z]+", "-", path.partition("{")[0].strip("/"))
    return f"one-of-{words}" if "{" in path else words or "campaigns"


@contextmanager
def served(ledger: Path) -> Iterator[str]:
    """Serve a ledger on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(create_app(DashboardSettings(ledger)), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


def take(browser: Any, base: str, shown: dict[str, str], out: Path) -> list[str]:
    """Write the pictures, and return what the browser complained of."""
    complaints: list[str] = []
    for width in WIDTHS:
        for theme in THEMES:
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
            page = context.new_page()
            page.on("pageerror", lambda error, page=page: complaints.append(f"{page.url}: {error}"))
            page.on("console", lambda message, page=page: _note(complaints, page.url, message))
            for name, address in shown.items():
                page.goto(base + address)
                page.wait_for_timeout(SETTLED_MS)
                page.screenshot(path=out / f"{name}-{width}-{theme}.png", full_page=True)
            context.close()
    return complaints


def _note(complaints: list[str], url: str, message: Any) -> None:
    # That a page which does not exist was answered by 404 is what is to be seen.
    if message.type in ("error", "warning") and "404" not in message.text:
        complaints.append(f"{url}: {message.text}")


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path, nargs="?", default=Path("theodolite-demo"), help="folder of a ledger")
    parser.add_argument("--out", type=Path, default=Path("screenshots"), help="folder to write to")
    given = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("No Chromium: apt-get install chromium", file=sys.stderr)
        return 2
    ledger = given.workspace / "ledger.sqlite"
    if not ledger.is_file():
        subprocess.run([sys.executable, "-m", "theodolite", "demo", "--dir", str(given.workspace)], check=True)
    given.out.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    try:
        shown = addresses(ledger)
    except LedgerError as error:
        print(error, file=sys.stderr)
        return 2
    with served(ledger) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        complaints = take(browser, base, shown, given.out)
        browser.close()
    print(f"{len(shown) * len(WIDTHS) * len(THEMES)} pictures of {len(shown)} pages in {given.out}")
    for complaint in dict.fromkeys(complaints):
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    raise SystemExit(main())
