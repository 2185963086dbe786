"""Which addresses belong to a copy of one campaign, and under which name each lies in its folder."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit

from theodolite.dashboard.walking import Answer, route_of
from theodolite.store import Find

__all__ = ["Names", "Scope"]

_FILTERS = frozenset(field.name for field in fields(Find)) - {"campaign", "outcome"}
_ORDER = frozenset({"sort", "order"})
_UNCOPIED = ("/api/", "/static/", "/login", "/logout")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NAMED = re.compile(r"filename=\"?[^\";]*\.([A-Za-z0-9]{1,8})\"?")
_LONGEST = 150
_ENDINGS = {
    "text/html": "html",
    "text/csv": "csv",
    "application/json": "json",
    "image/svg+xml": "svg",
    "image/png": "png",
    "application/vnd.apache.parquet": "parquet",
    "application/zip": "zip",
    "text/plain": "txt",
}


@dataclass(frozen=True)
class Scope:
    """What of a dashboard a copy of one campaign holds.

    Attributes
    ----------
    campaign
        Id of the campaign.
    others
        Ids of the ledger's other campaigns; what lies under one of them stays out.
    """

    campaign: str
    others: frozenset[str]

    def address(self, link: str, source: str | None = None) -> str | None:
        """Return the one address under which the copy holds what a link of a page leads to, None where it holds none.

        Lists are narrowed to the campaign. A list by further filters belongs to the copy where a page of another kind
        leads to it (a cell of the map), and so do its further pages: lists by every choice would have no end.

        Parameters
        ----------
        link
            As it stands on a page.
        source
            Address of that page within the copy; None for one to begin at.
        """
        try:
            link = urljoin(source or "/", link)
            parts = urlsplit(link)
        except ValueError:  # no address at all, such as "//["
            return None
        if parts.scheme or parts.netloc or not parts.path.startswith("/") or parts.path.startswith(_UNCOPIED):
            return None
        route = route_of(link)
        if route is None or self.others.intersection(unquote(parts.path).split("/")):
            return None
        asked = dict(parse_qsl(parts.query))
        if asked.pop("campaign", self.campaign) != self.campaign:
            return None
        if route.param_convertors:
            # A page of one thing is one page, whatever list it was reached from.
            asked = {key: value for key, value in asked.items() if key not in _FILTERS | _ORDER | {"outcome"}}
        elif _ORDER.intersection(asked) or not self._leads(parts.path, _filters(asked), source):
            return None
        query = urlencode(sorted({**asked, "campaign": self.campaign}.items()))
        return f"{quote(unquote(parts.path), safe='/')}?{query}"

    @staticmethod
    def _leads(path: str, filters: dict[str, str], source: str | None) -> bool:
        if not filters:
            return True
        if source is None:
            return False
        from_parts = urlsplit(source)
        before = _filters(dict(parse_qsl(from_parts.query)))
        return before == filters if from_parts.path == path else not before


def _filters(asked: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in asked.items() if key in _FILTERS}


class Names:
    """File names of addresses: readable where they are short and plain, else by hash; no two differ by case alone."""

    def __init__(self, campaign: str) -> None:
        self._campaign = campaign
        self._taken: dict[str, str] = {}

    def name(self, address: str, answer: Answer) -> str:
        """Return the path, relative to the folder, of what an address answered."""
        parts = urlsplit(address)
        asked = [(key, value) for key, value in parse_qsl(parts.query) if key != "campaign"]
        folders = [_plain(part) for part in unquote(parts.path).strip("/").split("/") if part] or ["campaigns"]
        ending = _ending(folders[-1], answer)
        stem = folders[-1].removesuffix(f".{ending}")
        if asked:
            words = "-".join(f"{key}-{value}" for key, value in asked)
            stem += f".{_plain(words)}"
        found = "/".join([*folders[:-1], f"{stem}.{ending}"])
        if len(found) > _LONGEST:
            found = f"{folders[0]}/{_short(address)}.{ending}"
        if self._taken.setdefault(found.lower(), address) != address:
            found = str(PurePosixPath(found).with_suffix(f".{_short(address)}.{ending}"))
            self._taken[found.lower()] = address
        return found


def _ending(last: str, answer: Answer) -> str:
    named = _NAMED.search(answer.headers.get("content-disposition", ""))
    return _ENDINGS.get(answer.kind) or (named.group(1) if named else PurePosixPath(last).suffix[1:]) or "bin"


def _plain(part: str) -> str:
    return part if _PLAIN.fullmatch(part) and not part.endswith(".") else _short(part)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
