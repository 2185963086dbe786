"""The moment of a write: a connection that is opened for it, a signature, and what went wrong in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import Request

from theodolite.dashboard.failing import Refused
from theodolite.dashboard.sessions import Session
from theodolite.dashboard.settings import DashboardSettings
from theodolite.experiments.approvals import ApprovalError
from theodolite.experiments.handed import ProposalError
from theodolite.experiments.noting import NoteError
from theodolite.experiments.signatures import SigningError, signer
from theodolite.store import Ledger
from theodolite.store.ops import Sign

__all__ = ["Writing", "field", "may_write", "writer_of", "writing"]


@dataclass(frozen=True)
class Writing:
    """A ledger that may be written to, for whom, and what signs it."""

    ledger: Ledger
    person: str
    sign: Sign


def may_write(request: Request) -> bool:
    """Return whether pages show forms: to somebody who is logged in, where writes are allowed."""
    settings: DashboardSettings = request.app.state.settings
    return request.state.session is not None and not settings.read_only


def writer_of(request: Request) -> Session:
    """Return the session that hands something in.

    Raises
    ------
    Refused
        If there is none; nothing that changes anything gets here without.
    """
    session: Session | None = request.state.session
    if session is None or not may_write(request) or request.method != "POST":
        raise Refused(403, "Nothing can be handed in here", "Log in to a server that allows writes.")
    return session


@contextmanager
def writing(request: Request) -> Iterator[Writing]:
    """Open the ledger for writing, for as long as the block lasts.

    Raises
    ------
    Refused
        If what is handed in cannot be.
    """
    session = writer_of(request)
    with Ledger.open(request.app.state.settings.ledger) as ledger:
        try:
            yield Writing(ledger, session.person, signer(ledger, session.nonce))
        except (ApprovalError, NoteError, ProposalError) as error:
            raise Refused(400, str(error), "Go back; what you wrote is still in the form.") from error
        except SigningError as error:
            raise Refused(503, str(error), "Nothing was handed in.") from error


def field(request: Request, name: str, most: int) -> str:
    """Return a field of the form that was handed in, empty where it is absent.

    Raises
    ------
    Refused
        If it is longer than the page lets anybody write.
    """
    value: str = request.state.form.get(name, "").strip()
    if len(value) > most:
        raise Refused(400, f"{name} has {len(value):,} characters", f"Shorten it to {most:,}.")
    return value
