"""A campaign leaves as a folder that opens without a server."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from playwright.sync_api import expect
from starlette.requests import Request
from starlette.responses import Response
from typer.testing import CliRunner

from theodolite.cli.app import app as cli
from theodolite.dashboard import app, walking
from theodolite.dashboard.bundle import Bundled, bundle, zipped
from theodolite.dashboard.routes import ROUTERS
from theodolite.dashboard.templating import environment
from theodolite.reports.leaving import Leaving, parquet_pieces
from theodolite.reports.table_exports import ExportedTable
from theodolite.store import Ledger, campaign_rows

_PAGE = """
{% extends "base.html" %}
{% block title %}A page that is added later{% endblock %}
{% block scripts %}
{% for name in ("vendor/vega.min.js", "vendor/vega-lite.min.js", "vendor/vega-interpreter.js", "figures.js") %}
<script defer src="{{ static(name) }}"></script>
{% endfor %}
<script defer src="{{ static("vendor/hx-sse.min.js") }}"></script>
{% endblock %}
{% block main %}
<h1>A page that is added later</h1>
<div hx-get="/pictured" hx-trigger="every 1s" sse-connect="/live">stands still</div>
<form action="/pictured"><label>Filter <input name="text"></label></form>
{% call ui.figure("bars", "Two bars", spec, "/pictured.vl.json") %}
<table><tr><td>1</td><td>2</td></tr></table>
{% endcall %}
<p>A page of {{ settings.ledger }}</p>
<a href="https://elsewhere.example/">elsewhere</a> <a href="/glossary#sesoi">SESOI</a>
<a href="/pictured?after=2">next</a>
{% endblock %}
"""
_SPEC = {
    "data": {"values": [{"x": "/a/b", "y": 1}, {"x": "/static/../../canonical.py", "y": 2}, {"x": "//[", "y": 3}]},
    "mark": "bar",
    "encoding": {"x": {"field": "x", "type": "nominal"}, "y": {"field": "y", "type": "quantitative"}},
}


@pytest.fixture(scope="module")
def later_pages() -> Iterator[None]:
    """Add a page with a figure, a form, live parts and a file to what the dashboard has."""
    router = APIRouter()

    @router.get("/pictured")
    def pictured(request: Request) -> Response:
        state = request.app.state.settings
        return Response(
            environment.from_string(_PAGE).render(
                request=request, path="/pictured", settings=state, ledger_name="w", session=None, spec=_SPEC,
                fresh=count(1).__next__,
            ),
            media_type="text/html",
        )  # fmt: skip

    @router.get("/pictured.vl.json")
    def source() -> dict[str, Any]:
        return _SPEC

    with pytest.MonkeyPatch.context() as patch:
        for module in (app, walking):
            patch.setattr(module, "ROUTERS", (*ROUTERS, router))
        patch.setattr("theodolite.dashboard.bundle._BEGIN", ("/", "/ledger", "/glossary", "/licences", "/pictured"))
        yield


def campaign_of(ledger: Path) -> str:
    with Ledger.open(ledger, read_only=True) as opened:
        return campaign_rows(opened)[0].campaign


@pytest.fixture(scope="module")
def copied(finished_ledger: Path, later_pages: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bundled]:
    """Return the copy of the finished campaign, and what was said of it."""
    out = tmp_path_factory.mktemp("leaving") / "copy"
    return out, bundle(finished_ledger, campaign_of(finished_ledger), out)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_holds_every_entry_of_the_campaign_and_the_glossary(
    copied: tuple[Path, Bundled], finished_ledger: Path
) -> None:
    out, made = copied
    files = content(out)
    pages = [name for name in files if name.endswith(".html")]
    assert len(pages) == made.pages
    with Ledger.open(finished_ledger, read_only=True) as ledger:
        own = [entry for entry in ledger.entries() if entry.subject.startswith(campaign_of(finished_ledger))]
        assert made.head == ledger.head()
    hashes = {entry.hash for entry in own}
    told = b"".join(files[name] for name in pages).decode()
    assert hashes and all(hash in told for hash in hashes)
    assert {"index.html", "glossary.html", "licences.html", "pictured.html", "pictured.vl.json"} <= set(files)


def test_every_page_says_of_which_entry_it_is_a_copy(copied: tuple[Path, Bundled]) -> None:
    out, made = copied
    for path in out.rglob("*.html"):
        text = path.read_text("utf-8")
        assert f"as of entry {made.head.seq}" in text and made.head.hash in text, path


def test_every_link_leads_to_a_file_of_the_copy(copied: tuple[Path, Bundled]) -> None:
    out, _ = copied
    for path in out.rglob("*.html"):
        text = path.read_text("utf-8")
        for link in re.findall(r'\s(?:href|src|data-[a-z]+)="([^"#]+)', text):
            if re.fullmatch(r"[a-z0-9-]+", link):
                continue  # a name within the page
            assert (path.parent / link).resolve().is_relative_to(out.resolve()), (path, link)
            assert (path.parent / link).is_file(), (path, link)
        assert "hx-" not in re.sub(r"<main.*", "", text, flags=re.S) and "<form" not in text


def test_no_file_names_a_folder_of_the_machine(
    copied: tuple[Path, Bundled], finished_ledger: Path, small_world: Any
) -> None:
    out, _ = copied
    folders = {str(finished_ledger.parent), str(small_world.folder), str(Path.home()), str(out), "/tmp/"}
    for name, body in content(out).items():
        assert not [folder for folder in folders - {"/"} if folder.encode() in body], name
    assert "of …/ledger.sqlite" in (out / "pictured.html").read_text("utf-8")


def test_values_of_figures_stay_what_they_are(copied: tuple[Path, Bundled]) -> None:
    out, _ = copied
    text = (out / "pictured.html").read_text("utf-8")
    shown = json.loads(re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text)[0])
    assert shown == _SPEC


@pytest.mark.parametrize(
    "link",
    ["/static/../../canonical.py", "/static/nope.js", "/static/", "/static/vendor", "/static/\0", "//[", "/x/[/"],
)
def test_what_names_no_file_of_the_package_is_not_carried(
    finished_ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    router = APIRouter()

    @router.get("/hostile")
    def hostile() -> Response:
        tags = f'<main><a href="{link}">led</a><p data-next="{link}">next</p><script src="{link}"></script></main>'
        return Response(tags, media_type="text/html")

    for module in (app, walking):
        monkeypatch.setattr(module, "ROUTERS", (*ROUTERS, router))
    monkeypatch.setattr("theodolite.dashboard.bundle._BEGIN", ("/hostile",))
    out = tmp_path / "at" / "copy"
    bundle(finished_ledger, campaign_of(finished_ledger), out)
    assert [path.name for path in tmp_path.rglob("canonical.py")] == [] and not (out / "static" / "nope.js").exists()
    copied = (out / "hostile.html").read_text("utf-8")
    assert "<a>led</a><p>next</p></main>" in copied


def test_no_column_of_a_parquet_file_names_a_folder_of_the_machine(
    finished_ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = str(finished_ledger.parent)
    columns = (Leaving("said", "text"), Leaving("plan", "json"), Leaving("words", "words"), Leaving("n", "whole"))
    rows = [
        {"said": f"in {folder}/x.h5ad", "plan": {"path": folder}, "words": [f"{folder}/a", "b"], "n": 1},
        {"said": None, "plan": None, "words": None, "n": None},
    ]
    table = ExportedTable("A table of the test", columns)
    monkeypatch.setattr("theodolite.dashboard.routes.exports.TABLES", {"gates": table})
    monkeypatch.setattr("theodolite.dashboard.routes.exports.table_batches", lambda *_: iter([rows, rows[1:]]))
    monkeypatch.setattr("theodolite.dashboard.bundle._BEGIN", ("/export/gates.parquet",))
    bundle(finished_ledger, campaign_of(finished_ledger), tmp_path / "copy")
    (file,) = (tmp_path / "copy").rglob("gates.parquet")
    read = parquet.ParquetFile(file)
    none = {"said": None, "plan": None, "words": None, "n": None}
    first = {"said": "in …/x.h5ad", "plan": '{"path":"…"}', "words": ["…/a", "b"], "n": 1}
    assert read.read().to_pylist() == [first, none, none] and read.num_row_groups == 2
    served = b"".join(parquet_pieces(columns, [rows]))
    assert read.schema_arrow == parquet.ParquetFile(io.BytesIO(served)).schema_arrow


def test_the_same_ledger_gives_the_same_bytes(
    copied: tuple[Path, Bundled], finished_ledger: Path, tmp_path: Path
) -> None:
    out, _ = copied
    bundle(finished_ledger, campaign_of(finished_ledger), tmp_path / "again")
    assert content(tmp_path / "again") == content(out)
    for name in ("one.zip", "two.zip"):
        zipped(out, tmp_path / name)
    assert zipfile.ZipFile(tmp_path / "one.zip").testzip() is None
    inside = {name.partition("/")[2] for name in zipfile.ZipFile(tmp_path / "one.zip").namelist()}
    assert inside == set(content(out))
    one, two = ((tmp_path / name).read_bytes() for name in ("one.zip", "two.zip"))
    assert one.replace(b"one/", b"two/") == two


def test_a_browser_opens_it_from_the_disk_and_asks_nobody(copied: tuple[Path, Bundled], browser: Any) -> None:
    out, _ = copied
    context = browser.new_context()
    page = context.new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    context.route(lambda url: not url.startswith("file:"), lambda route: route.abort())
    page.goto((out / "index.html").as_uri())
    page.get_by_role("link", name="A page that is added later").first.click()
    page.wait_for_selector("figure .drawing svg")
    expect(page.locator("main")).to_contain_text("stands still")
    assert page.locator("form:not(.vega-bindings), [hx-get]").count() == 0
    page.get_by_role("link", name="SESOI").click()
    expect(page).to_have_url(re.compile(r"glossary\.html#sesoi$"))
    page.get_by_role("link", name="Theodolite", exact=True).click()
    expect(page).to_have_url(re.compile(r"index\.html$"))
    names = sorted(out.rglob("*.html"))
    for path in [*names[:: max(1, len(names) // 20)], out / "licences.html"]:
        page.goto(path.as_uri())
        assert page.locator("h1").count() == 1 and page.locator("p.copied").count() == 1
    for time in page.goto((out / "index.html").as_uri()) and page.locator("time").all():
        assert time.get_attribute("data-local") is not None
    assert {url.split(":")[0] for url in asked} <= {"file", "blob"}
    assert said == []
    context.close()


def test_the_command_writes_a_folder_or_one_file(finished_ledger: Path, tmp_path: Path) -> None:
    chosen = ["--campaign", "finished", "-w", str(finished_ledger.parent)]
    done = CliRunner().invoke(cli, ["ledger", "bundle", *chosen, "--out", str(tmp_path / "a"), "--zip"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "a.zip").is_file() and not (tmp_path / "a").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    refused = CliRunner().invoke(cli, ["ledger", "bundle", *chosen, "--out", str(tmp_path / "full")])
    assert refused.exit_code != 0
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
