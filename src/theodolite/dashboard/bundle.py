"""A campaign as a folder of plain files: the pages of the dashboard, to be opened without a server.

The pages are those that the dashboard itself makes, found by following links, so that a page which is added there is in
the next copy. The same ledger gives the same bytes.
"""

from __future__ import annotations

import html
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, urldefrag, urlsplit

from starlette.requests import Request

from theodolite import __version__
from theodolite.dashboard.rewriting import addresses, rewritten
from theodolite.dashboard.scope import Names, Scope
from theodolite.dashboard.settings import DashboardSettings
from theodolite.dashboard.static_files import STATIC
from theodolite.dashboard.templating import environment, page, slot_address
from theodolite.dashboard.walking import Pages, opened, route_of
from theodolite.reports.leaving import parquet_retold
from theodolite.reports.verdict_table import OUTCOMES
from theodolite.store import Head, Ledger, campaign_rows
from theodolite.store.database import connect_sqlite

__all__ = ["Bundled", "bundle", "zipped"]

Progress = Callable[[int, int], None]

_BEGIN = ("/", "/ledger", "/map", "/error-control", "/people", "/glossary", "/licences")
_INDEX = "index.html"
_MODULE = re.compile(r"^\s*(?:import|export)\b", re.MULTILINE)
_ASKS = re.compile(r"\b(?:EventSource|WebSocket|XMLHttpRequest)\b|\bfetch\s*\(|\bhtmx\.")
_DRAWS = ("vendor/vega",)
"""Vendored scripts that a copy needs; they hold code that could load data, which no figure of ours asks for."""


@dataclass(frozen=True)
class Bundled:
    """What a copy holds: pages, other files that readers may take away, and the ledger's head as it was."""

    pages: int
    files: int
    head: Head


@dataclass(frozen=True)
class _Kept:
    """One answer, on disk until every link is known."""

    address: str
    name: str
    place: Path
    is_page: bool
    title: str


def bundle(ledger: Path, campaign: str, out: Path, *, progress: Progress | None = None) -> Bundled:
    """Write the pages of one campaign into a folder that opens without a server.

    Parameters
    ----------
    ledger
        The ledger's file; a campaign may be writing, the copy is of one moment.
    campaign
        Id of a campaign.
    out
        A folder that does not exist yet, or is empty.
    progress
        Called with the pages made and known of so far.

    Returns
    -------
    Bundled
        Counts, and the head that the copy shows.

    Raises
    ------
    FileExistsError
        If the folder holds something.
    LedgerNotFound, LedgerFormatError
        If there is no ledger, or one that this version cannot read.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{str(out)!r} exists and is not empty; name a new folder")
    with (
        tempfile.TemporaryDirectory() as scratch,
        _snapshot(ledger, Path(scratch)) as copy,
        opened(DashboardSettings(copy)) as pages,
    ):
        answers = Path(scratch) / "answers"
        answers.mkdir()
        kept = _collected(pages, campaign, answers, progress)
        hidden = _without_folders(_folders(ledger.resolve().parent, copy.parent))
        return _Writing(pages, campaign, kept, hidden, out).run()


def zipped(folder: Path, target: Path) -> None:
    """Write a folder as a zip archive without times, so that the same files give the same bytes."""
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            inside = zipfile.ZipInfo(f"{target.stem}/{path.relative_to(folder).as_posix()}")
            inside.compress_type = zipfile.ZIP_DEFLATED
            inside.external_attr = 0o644 << 16
            archive.writestr(inside, path.read_bytes())


@contextmanager
def _snapshot(ledger: Path, scratch: Path) -> Iterator[Path]:
    """Copy the database as it is at one moment; what lies beside it is linked, under the name of its workspace."""
    ledger = ledger.resolve()
    folder = scratch / "at" / ledger.parent.name
    folder.mkdir(parents=True)
    with closing(connect_sqlite(ledger, read_only=True)) as source:
        with closing(connect_sqlite(_touched(folder / ledger.name), read_only=False)) as copy:
            source.backup(copy)
    for beside in ledger.parent.iterdir():
        if not beside.name.startswith(ledger.name):
            os.symlink(beside, folder / beside.name)
    yield folder / ledger.name


def _touched(path: Path) -> Path:
    path.touch()
    return path


def _collected(pages: Pages, campaign: str, folder: Path, progress: Progress | None) -> dict[str, _Kept]:
    """Ask for everything that belongs to the copy, and keep what is answered, by address."""
    ledger: Ledger = pages.app.state.ledger
    others = frozenset(row.campaign for row in campaign_rows(ledger)) - {campaign}
    scope, names = Scope(campaign, others), Names(campaign)
    ahead: dict[str, None] = {}
    for link in _beginnings(ledger, campaign):
        address = scope.address(link)
        if address is not None:
            ahead[address] = None
    kept: dict[str, _Kept] = {}
    queue, done = list(ahead), 0
    while done < len(queue):
        address = queue[done]
        done += 1
        answer = pages.ask(address)
        if answer.status != 200 or answer.streams:
            continue
        text = answer.body.decode("utf-8") if answer.is_page else ""
        # The list of campaigns leads to this one's pages, and is not one of them.
        if urlsplit(address).path != "/":
            place = folder / str(done)
            place.write_bytes(answer.body)
            kept[address] = _Kept(address, names.name(address, answer), place, answer.is_page, _title(text))
        for link in addresses(text):
            further = scope.address(link, address)
            if further is not None and further not in ahead:
                ahead[further] = None
                queue.append(further)
        if progress is not None:
            progress(done, len(queue))
    return kept


def _beginnings(ledger: Ledger, campaign: str) -> Iterator[str]:
    yield from _BEGIN
    for outcome in OUTCOMES:
        yield f"/ledger?outcome={outcome}"
    subjects: dict[str, None] = {}
    for entry in ledger.entries():
        if entry.subject == campaign or entry.subject.startswith(f"{campaign}/"):
            yield f"/entries/{quote(entry.id, safe='/')}"
            if entry.subject != campaign:
                subjects[entry.subject] = None
    yield from (slot_address(subject) for subject in subjects)


def _title(text: str) -> str:
    found = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
    return html.unescape(found.group(1)).removesuffix(" · Theodolite").strip() if found else ""


def _folders(*places: Path) -> set[str]:
    """Return what pages may name of this machine: where the ledger lies, and whose files are read."""
    named = {str(folder) for place in places for folder in (place, place.parent)} | {str(Path.home())}
    return named - {"/"}


def _without_folders(folders: set[str]) -> Callable[[str], str]:
    """Return a function that leaves names of files and takes out where on this machine they lay."""
    # As text of a page, as it is, and as text of JSON.
    forms = {form for folder in folders for form in (html.escape(folder), folder, json.dumps(folder)[1:-1])}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    named = re.compile(rf"(?<![\w./~-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w.-])")
    return lambda text: named.sub("…", text)


class _Writing:
    """The second half: every answer is known, so each link is led to its file, or to nothing."""

    def __init__(
        self, pages: Pages, campaign: str, kept: dict[str, _Kept], hidden: Callable[[str], str], out: Path
    ) -> None:
        self._pages, self._campaign, self._kept, self._hidden, self._out = pages, campaign, kept, hidden, out
        ledger: Ledger = pages.app.state.ledger
        self._head = ledger.head()
        others = frozenset(row.campaign for row in campaign_rows(ledger)) - {campaign}
        self._scope = Scope(campaign, others)
        self._static: dict[str, None] = {}
        self._notice = environment.get_template("copied.html").render(
            campaign=campaign, head=self._head, version=__version__
        )

    def run(self) -> Bundled:
        self._out.mkdir(parents=True, exist_ok=True)
        for item in self._kept.values():
            body = item.place.read_bytes()
            if item.is_page:
                body = self._led(body.decode("utf-8"), item.name, item.address).encode("utf-8")
            elif item.name.endswith((".csv", ".json")):
                body = self._hidden(body.decode("utf-8")).encode("utf-8")
            elif item.name.endswith(".parquet"):
                body = parquet_retold(body, self._hidden)
            self._write(item.name, body)
        self._write(_INDEX, self._led(self._index(), _INDEX, None).encode("utf-8"))
        for name in self._static:
            self._write(f"static/{name}", _script(name) if name.endswith(".js") else (STATIC / name).read_bytes())
        pages = sum(item.is_page for item in self._kept.values()) + 1
        return Bundled(pages, len(self._kept) + 1 - pages, self._head)

    def _write(self, name: str, body: bytes) -> None:
        path = self._out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def _led(self, text: str, name: str, address: str | None) -> str:
        up = "../" * name.count("/")

        def lead(link: str) -> str | None:
            if link.startswith("#"):
                return link
            try:
                bare, fragment = urldefrag(link)
            except ValueError:  # no address at all
                return None
            after = f"#{fragment}" if fragment else ""
            if bare == "/":
                return f"{up}{_INDEX}{after}"
            if bare.startswith("/static/"):
                name = _static_name(bare)
                return None if name is None else f"{up}{self._carried(name)}"
            found = bare if bare in self._kept else self._scope.address(bare, address)
            item = None if found is None else self._kept.get(found)
            return None if item is None else f"{up}{quote(item.name)}{after}"

        def script(link: str) -> str | None:
            name = _static_name(link)
            return None if name is None or not _stays(name) else f"{up}{self._carried(name)}"

        return self._hidden(rewritten(text, lead, script, self._notice))

    def _carried(self, name: str) -> str:
        self._static[name] = None
        return f"static/{quote(name)}"

    def _index(self) -> str:
        """Return the first page: what the copy holds, by kind, each with its title."""
        groups: dict[str, list[_Kept]] = {}
        for item in self._kept.values():
            if item.is_page and set(dict(parse_qsl(urlsplit(item.address).query))) - {"campaign", "outcome"}:
                continue  # a further page of a list, which the first one leads to
            route = route_of(item.address)
            assert route is not None
            kind = "files" if not item.is_page else route.path if route.param_convertors else "pages"
            groups.setdefault(kind, []).append(item)
        rows = campaign_rows(self._pages.app.state.ledger)
        request = Request({"type": "http", "app": self._pages.app, "path": "/", "headers": [], "method": "GET"})
        request.state.reader = True
        shown = page(
            request,
            "bundle.html",
            campaign=next(row for row in rows if row.campaign == self._campaign),
            groups={
                kind: [(item.address, item.title or item.name) for item in items] for kind, items in groups.items()
            },
        )
        return bytes(shown.body).decode("utf-8")


def _static_name(link: str) -> str | None:
    """Return the name of a file of the package that a link leads to, None where it leads to none, or out of there."""
    try:
        path = urlsplit(link).path
        found = (STATIC / path.removeprefix("/static/")).resolve()
        there = found.is_file()
    except (ValueError, OSError):  # no address at all, or no name that a file could have
        return None
    base = STATIC.resolve()
    if not path.startswith("/static/") or not found.is_relative_to(base) or not there:
        return None
    return found.relative_to(base).as_posix()


def _stays(name: str) -> bool:
    """Return whether a script works without a server: what asks one for something would only fail."""
    if name.startswith("vendor/"):
        return name.startswith(_DRAWS)
    text = (STATIC / name).read_text(encoding="utf-8")
    return not _ASKS.search(text) and not _MODULE.search(text)


def _script(name: str) -> bytes:
    """Return a script as a plain one: names of what was a module stay its own."""
    text = (STATIC / name).read_bytes()
    return text if name.startswith("vendor/") else b"(() => {\n" + text + b"})();\n"
