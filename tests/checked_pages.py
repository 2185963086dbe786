"""What every page must be, whatever it shows: read with the standard library's parser."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

__all__ = ["Shape", "defects"]

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
# Elements whose end may be left out.
OPTIONAL = frozenset({"li", "p", "dt", "dd", "option", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup"})
ADDRESSED = frozenset({"href", "src", "action", "formaction", "poster", "xlink:href", "hx-get", "hx-post", "srcset"})
LABELLED = frozenset({"input", "select", "textarea"})


class Shape(HTMLParser):
    """Reads a page and notes what is wrong with it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.ids: Counter[str] = Counter()
        self.headings: list[int] = []
        self.pointed: list[tuple[str, str]] = []
        self.labels: set[str] = set()
        self.unlabelled: list[str] = []
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if len(given) != len(attrs):
            self.wrong.append(f"<{tag}> gives an attribute twice: {attrs}")
        for name, value in given.items():
            if name == "style" or name.startswith("on"):
                self.wrong.append(f"<{tag} {name}> is inline")
            if name in ADDRESSED and not self._own(value or ""):
                self.wrong.append(f"<{tag} {name}={value!r}> leads elsewhere")
            if name in ("for", "aria-describedby", "aria-labelledby", "aria-controls", "headers", "list"):
                self.pointed += [(name, id) for id in (value or "").split()]
        if given.get("id") is not None:
            self.ids[str(given["id"])] += 1
        if tag == "style":
            self.wrong.append("<style> is inline")
        if tag == "script" and "src" not in given and given.get("type") != "application/json":
            self.wrong.append("<script> is inline")
        if tag in ("iframe", "object", "embed", "base"):
            self.wrong.append(f"<{tag}>")
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        if tag == "label" and given.get("for"):
            self.labels.add(str(given["for"]))
        if tag in LABELLED and given.get("type") not in ("hidden", "submit", "button"):
            named = {"aria-label", "aria-labelledby", "title"} & set(given)
            if "label" not in self.open and not named:
                self.unlabelled.append(str(given.get("id") or given.get("name") or tag))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.open:
            self.wrong.append(f"</{tag}> ends nothing")
            return
        while (last := self.open.pop()) != tag:
            if last not in OPTIONAL:
                self.wrong.append(f"<{last}> is not ended before </{tag}>")

    def handle_data(self, data: str) -> None:
        if "main" in self.open and "script" not in self.open:
            self.text.append(data)

    @staticmethod
    def _own(address: str) -> bool:
        parts = urlsplit(urljoin("http://here.example/", address))
        return parts.scheme == "http" and parts.netloc == "here.example"


def defects(html: str) -> list[str]:
    """Return what is wrong with a page, in words."""
    shape = Shape()
    shape.feed(html)
    shape.close()
    wrong = list(shape.wrong)
    wrong += [f"the id {id!r} is there {times} times" for id, times in shape.ids.items() if times > 1]
    wrong += [f"{name} points to {id!r}, which is not there" for name, id in shape.pointed if id not in shape.ids]
    wrong += [f"{name!r} has no label" for name in shape.unlabelled if name not in shape.labels]
    if shape.headings.count(1) != 1:
        wrong.append(f"{shape.headings.count(1)} headings of the first order")
    for before, after in zip(shape.headings, shape.headings[1:], strict=False):
        if after > before + 1:
            wrong.append(f"a heading of order {after} follows one of order {before}")
    if len(" ".join(shape.text).split()) < 4:
        wrong.append("nothing to read in the main part without scripts")
    if [tag for tag in shape.open if tag not in OPTIONAL]:
        wrong.append(f"not ended: {shape.open}")
    if "<!doctype html>" not in html[:100].lower():
        wrong.append("no doctype")
    return wrong
