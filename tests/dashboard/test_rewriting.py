"""A page is rewritten for a folder: what leads elsewhere is led there, what needs a server is left out."""

from __future__ import annotations

import pytest

from theodolite.dashboard.rewriting import addresses, rewritten


def led(html: str, **leads: str) -> str:
    return rewritten(html, lambda link: leads.get(link.strip("/")), lambda link: leads.get(link.strip("/")), "<p>copy")


@pytest.mark.parametrize(
    ("served", "copied"),
    [
        ('<a href="/map">Map</a>', '<a href="map.html">Map</a>'),
        ('<a class="x" href="/nowhere">N</a>', '<a class="x">N</a>'),
        ('<a href="https://elsewhere.example/">E</a>', "<a>E</a>"),
        ('<svg viewBox="0 0 1 1"><a href="/map"><rect width="1" /></a></svg>', None),
        ('<form action="/ledger"><p>Filter <input name="text"></form><p>after', "<p>after"),
        (
            '<button hx-post="/x">Go</button><button data-save="svg">SVG</button>',
            '<button data-save="svg">SVG</button>',
        ),
        ('<ul hx-get="/live" hx-trigger="every 1s"><li>one</ul>', "<ul><li>one</ul>"),
        ("<div data-served><p>live<p>now</div>rest", "rest"),
        ('<tr data-next="/map"><td>', '<tr data-next="map.html"><td>'),
        ("<script>alert(1)</script>x", "x"),
        ('<script type="module" src="/map"></script>', '<script src="map.html" defer></script>'),
        ('<script src="/htmx"></script>', ""),
        ("<p>5 &lt; 6 &amp; &#x202e;</p>", "<p>5 &lt; 6 &amp; &#x202e;</p>"),
        ('<meta name="htmx-config" content="{}">', ""),
    ],
)
def test_tokens(served: str, copied: str | None) -> None:
    expected = served.replace("/map", "map.html") if copied is None else copied
    assert led(served, map="map.html") == expected


def test_data_of_figures_stay_as_they_are_and_hold_no_links() -> None:
    page = (
        '<script type="application/json" id="f">'
        '{"u": "/map", "gone": "/home", "t": "\\u003cb", "out": "/static/../x", "odd": "//["}</script>'
    )
    assert led(page, map="m.html") == page
    assert addresses(page) == []


def test_a_copy_says_so_first_and_asks_nobody_for_anything() -> None:
    copied = led('<meta charset="utf-8"><main id="main"><h1>One</h1></main>')
    assert copied.index("<p>copy") < copied.index("<h1>")
    assert "connect-src 'none'" in copied.replace("&#x27;", "'")


def test_every_address_of_a_page_is_seen_once() -> None:
    page = (
        '<a href="/a?x=1&amp;y=2">1</a><a href="/a?x=1&amp;y=2">2</a><form><a href="/b">3</a></form>'
        '<script type="application/json">[{"href": "/c"}]</script><img src="/d">'
    )
    assert addresses(page) == ["/a?x=1&y=2", "/b", "/d"]
