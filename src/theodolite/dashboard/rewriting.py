"""Pages rewritten for a folder without a server: links led elsewhere, and what needs a server left out."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from html.parser import HTMLParser

__all__ = ["addresses", "rewritten"]

Lead = Callable[[str], str | None]
"""What an address becomes, None where nothing stands for it."""

_FOLLOWED = frozenset({"href", "src", "xlink:href", "poster"})
_DROPPED = frozenset({"form", "iframe", "object", "embed", "base"})
_PRESSED = frozenset({"button", "input", "select", "textarea"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_SERVED = ("hx-", "sse-")
POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file: data: blob:; "
    "connect-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'"
)
"""A copy asks nothing of anybody."""


def addresses(html: str) -> list[str]:
    """Return the addresses that a page names, in order, once each. Data of figures name none."""
    found: dict[str, None] = {}

    def seen(address: str) -> None:
        found[address] = None

    _Rewriter(seen, seen, keeps_forms=True).run(html)
    return list(found)


def rewritten(html: str, lead: Lead, script: Lead, notice: str) -> str:
    """Return a page for a copy.

    Forms, frames, and whatever only works with a server (marked ``data-served``, or a control of htmx) are left out.
    Data of figures stay as they are: what begins with a slash there is a value of somebody's, and no link.

    Parameters
    ----------
    html
        The page as it was served.
    lead
        What an address becomes; a link to None stays as plain text.
    script
        What the address of a script becomes; one that is None is left out.
    notice
        Mark-up that stands first on the page.
    """
    return _Rewriter(lead, script, notice=notice).run(html)


class _Rewriter(HTMLParser):
    """Passes a page through token by token; only what must change is written anew."""

    def __init__(self, lead: Lead, script: Lead, *, notice: str = "", keeps_forms: bool = False) -> None:
        super().__init__(convert_charrefs=False)
        self._lead, self._script, self._notice = lead, script, notice
        self._dropped = _DROPPED - ({"form"} if keeps_forms else set())
        self._out: list[str] = []
        self._leaving: list[str] = []
        self._closed = False

    def run(self, html: str) -> str:
        self.feed(html)
        self.close()
        return "".join(self._out)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self._leaving or self._is_left(tag, given):
            if tag not in _VOID:
                self._leaving.append(tag)
            return
        if tag == "script" and not self._begin_script(given):
            self._leaving.append(tag)
            return
        kept = {name: value for name, value in given.items() if not name.startswith(_SERVED)}
        for name in [name for name, value in kept.items() if self._is_address(tag, name, value)]:
            led = (self._script if tag == "script" else self._lead)(str(kept[name]))
            if led is None:
                del kept[name]
            else:
                kept[name] = led
        if tag == "script" and kept.get("type") == "module":
            # A module is not loaded from a file; what stands alone runs as well without being one.
            del kept["type"]
            kept["defer"] = None
        self._out.append(self.get_starttag_text() or "" if kept == given else _tag(tag, kept, self._closed))
        if tag == "meta" and "charset" in given and self._notice:
            self._out.append(f'\n<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">')
        if tag == "main":
            self._out.append(f"\n{self._notice}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._closed = True
        self.handle_starttag(tag, attrs)
        self._closed = False
        if tag not in _VOID and self._leaving and self._leaving[-1] == tag:
            self._leaving.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._leaving:
            self._out.append(f"</{tag}>")
        elif tag in self._leaving:
            while self._leaving.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self._text(data)

    def handle_entityref(self, name: str) -> None:
        self._text(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._text(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        self._text(f"<!{decl}>")

    def _text(self, text: str) -> None:
        if not self._leaving:
            self._out.append(text)

    def _is_left(self, tag: str, given: dict[str, str | None]) -> bool:
        if tag in self._dropped or "data-served" in given:
            return True
        if tag == "meta" and given.get("name") == "htmx-config":
            return True
        return tag in _PRESSED and any(name.startswith(_SERVED) for name in given)

    def _begin_script(self, given: dict[str, str | None]) -> bool:
        """Return whether a script stays; of those without an address only data do."""
        source = given.get("src")
        if source is not None:
            return self._script(source) is not None
        return given.get("type") == "application/json"

    @staticmethod
    def _is_address(tag: str, name: str, value: str | None) -> bool:
        if value is None:
            return False
        return name in _FOLLOWED or (name.startswith("data-") and value.startswith("/"))


def _tag(tag: str, attributes: dict[str, str | None], closed: bool) -> str:
    written = "".join(
        f" {name}" if value is None else f' {name}="{escape(value)}"' for name, value in attributes.items()
    )
    return f"<{tag}{written}{' /' if closed else ''}>"
