"""References that plug-ins offer by name: a function that returns them, registered by a decorator."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from theodolite.data.references import Reference
from theodolite.origins import source_file

__all__ = ["OfferError", "offer_references", "offered_references", "references_called"]

Provider = Callable[[], tuple[Reference, ...]]

_OFFERED: dict[str, Provider] = {}
_TAKEN = frozenset({"programs"})
"""What campaign files call the packaged references."""


class OfferError(TypeError):
    """A function that cannot be offered by a plug-in, or that did not return what it offers."""


def offer_references(name: str) -> Callable[[Provider], Provider]:
    """Offer what a function returns as the references ``name`` of campaign files.

    The function takes nothing and returns a tuple of :class:`Reference`; it is called when a campaign asks for them.

    Raises
    ------
    OfferError
        If the name is no name or is taken, or the function has no docstring.
    """

    def offer(provider: Provider) -> Provider:
        if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", name) is None or name in _TAKEN:
            raise OfferError(
                f"references cannot be called {name!r}; take lower-case letters, digits, hyphens and underscores, "
                f"and none of {', '.join(sorted(_TAKEN))}"
            )
        if not (inspect.getdoc(provider) or "").strip():
            raise OfferError(f"references {name!r} have no docstring; say what they are and where they come from")
        if name in _OFFERED:
            raise OfferError(
                f"references {name!r} are offered twice, by {source_file(_OFFERED[name])} too; choose another name"
            )
        _OFFERED[name] = provider
        return provider

    return offer


def offered_references() -> tuple[str, ...]:
    """Return the names under which references are offered."""
    return tuple(sorted(_OFFERED))


def references_called(name: str) -> tuple[Reference, ...]:
    """Return the references that are offered under a name.

    Raises
    ------
    KeyError
        If none are.
    OfferError
        If the function raises, or returns something else than references with ids of their own.
    """
    provider = _OFFERED[name]
    where = f"references {name!r} ({source_file(provider)})"
    try:
        found = provider()
    except Exception as error:
        raise OfferError(f"{where} cannot be had: {type(error).__name__}: {error}") from error
    if not isinstance(found, tuple) or not found or not all(isinstance(item, Reference) for item in found):
        raise OfferError(f"{where} are {found!r:.80}; the function must return a tuple of Reference, at least one")
    ids = [item.id for item in found]
    if len(set(ids)) != len(ids):
        raise OfferError(f"{where} hold an id twice: {', '.join(sorted({i for i in ids if ids.count(i) > 1}))}")
    return found
