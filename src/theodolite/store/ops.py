"""Jobs and timings: mutable, outside the chain, for dashboards and resumption; no verdict depends on them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import case, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from theodolite.store.errors import LedgerConflict
from theodolite.store.lease import LeaseRow, leases
from theodolite.store.schema import ops_inbox, ops_job, ops_lease, ops_session, ops_timing

if TYPE_CHECKING:
    from theodolite.store.ledger import Ledger

__all__ = ["SIGNATURE_KIND", "InboxItem", "JobRow", "JobState", "Ops", "SessionRow", "Sign", "TimingRow"]

SIGNATURE_KIND: Final = "signature"
"""Under which the signature of an item lies in the inbox, right behind it."""


class JobState(StrEnum):
    """How a job stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    """Stopped in good order."""
    LOST = "lost"
    """Left running by a coordinator that died."""


_ENDED = tuple(state.value for state in (JobState.DONE, JobState.TIMEOUT, JobState.CANCELLED))
"""States after which attempts are counted anew."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """The last attempt at a job; times are UTC, ISO 8601.

    Attributes
    ----------
    job_id
        Hash of the job.
    attempts
        How many times it was begun since it last ended, or was stopped in good order.
    state
        How it stands; ``running`` says that a worker had it when this was written.
    campaign, what
        For which campaign, and in a few words what it is.
    started_at, heartbeat_at, finished_at
        When it was begun, when its worker was last seen alive, when it ended.
    seconds, peak_bytes
        What it took: wall time, and the largest resident memory of its worker meanwhile.
    coordinator_pid, worker_pid
        Processes that asked for it and that ran it.
    detail
        Why it did not end well.
    """

    job_id: str
    attempts: int
    state: JobState
    campaign: str | None
    what: str | None
    started_at: str | None
    heartbeat_at: str | None
    finished_at: str | None
    seconds: float | None
    peak_bytes: int | None
    coordinator_pid: int | None
    worker_pid: int | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class TimingRow:
    """Wall time of one phase of one subject."""

    subject: str
    phase: str
    seconds: float
    at: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One stretch of time for which a campaign was run; ``ended`` is None while it runs, or if it was killed."""

    number: int
    campaign: str
    started_at: str
    seconds: float
    ended: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class InboxItem:
    """What a person handed in for a campaign: canonical JSON, taken up by the coordinator when it comes to it."""

    number: int
    campaign: str
    kind: str
    person: str
    content: str
    at: str
    taken_at: str | None


Sign = Callable[[InboxItem, InboxItem | None], str]
"""Makes the content of a signature of an item of the inbox; is given the signature before it, too, if there is one."""


class Ops:
    """Access to the ``ops_*`` tables of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def start_job(
        self, job_id: str, *, campaign: str | None = None, what: str | None = None, worker_pid: int | None = None
    ) -> int:
        """Record that an attempt at a job starts, and return its number.

        It is counted from 1, anew after an attempt that ended or was stopped in good order: what is counted are those
        that died, or whose coordinator did.
        """
        now = self._ledger.now()
        started = {
            "state": JobState.RUNNING.value,
            "campaign": campaign,
            "what": what,
            "started_at": now,
            "heartbeat_at": now,
            "finished_at": None,
            "seconds": None,
            "peak_bytes": None,
            "coordinator_pid": os.getpid(),
            "worker_pid": worker_pid,
            "detail": None,
        }
        row = upsert(ops_job).values(job_id=job_id, attempts=1, **started)
        with self._ledger.write() as connection:
            connection.execute(
                row.on_conflict_do_update(
                    index_elements=["job_id"],
                    set_={"attempts": case((ops_job.c.state.in_(_ENDED), 1), else_=ops_job.c.attempts + 1), **started},
                )
            )
            attempts = connection.execute(select(ops_job.c.attempts).where(ops_job.c.job_id == job_id))
            return int(attempts.scalar_one())

    def beat(self, job_ids: Collection[str]) -> None:
        """Record that the workers of running jobs were seen alive."""
        if job_ids:
            with self._ledger.write() as connection:
                connection.execute(
                    update(ops_job)
                    .where(ops_job.c.job_id.in_(job_ids), ops_job.c.state == JobState.RUNNING.value)
                    .values(heartbeat_at=self._ledger.now())
                )

    def finish_job(
        self,
        job_id: str,
        state: JobState,
        *,
        seconds: float | None = None,
        peak_bytes: int | None = None,
        detail: str | None = None,
    ) -> None:
        """Record how the attempt at a job ended.

        Raises
        ------
        LedgerConflict
            If the job was never started.
        """
        ended = {
            "state": JobState(state).value,
            "finished_at": self._ledger.now(),
            "seconds": seconds,
            "peak_bytes": peak_bytes,
            "detail": detail,
        }
        with self._ledger.write() as connection:
            changed = connection.execute(update(ops_job).where(ops_job.c.job_id == job_id).values(**ended)).rowcount
        if not changed:
            raise LedgerConflict(f"job {job_id!r} was never started; call start_job first")

    def release_jobs(self, campaign: str) -> int:
        """Mark the jobs that a campaign's last coordinator left running as lost, and return how many they are."""
        with self._ledger.write() as connection:
            return connection.execute(
                update(ops_job)
                .where(ops_job.c.campaign == campaign, ops_job.c.state == JobState.RUNNING.value)
                .values(
                    state=JobState.LOST.value,
                    finished_at=self._ledger.now(),
                    detail="its coordinator died; the job is run again when it is asked for",
                )
            ).rowcount

    def jobs(self, state: JobState | None = None, campaign: str | None = None) -> list[JobRow]:
        """Return jobs by id, of one state or of all, of one campaign or of all."""
        query = select(ops_job).order_by(ops_job.c.job_id)
        if state is not None:
            query = query.where(ops_job.c.state == state.value)
        if campaign is not None:
            query = query.where(ops_job.c.campaign == campaign)
        with self._ledger.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [JobRow(**{**row, "state": JobState(row["state"])}) for row in rows]

    def leases(self) -> list[LeaseRow]:
        """Return who coordinates the ledger or parts of it (or did, when killed), oldest first."""
        return leases(self._ledger)

    def name_campaign(self, campaign: str) -> None:
        """Name the campaign of a matrix that this process is at, for whoever asks who holds what.

        Which entries it may write does not change: the lease was taken for all campaigns of the matrix.
        """
        with self._ledger.write() as connection:
            connection.execute(
                update(ops_lease)
                .where(ops_lease.c.pid == os.getpid(), ops_lease.c.host == socket.gethostname())
                .values(campaign=campaign)
            )

    def record_timings(self, subject: str, seconds: Mapping[str, float]) -> None:
        """Record the wall time of phases, by phase."""
        at = self._ledger.now()
        rows = [{"subject": subject, "phase": phase, "seconds": took, "at": at} for phase, took in seconds.items()]
        if rows:
            with self._ledger.write() as connection:
                connection.execute(insert(ops_timing), rows)

    def timings(self, subject: str | None = None) -> list[TimingRow]:
        """Return wall times in the order in which they were recorded."""
        columns = (ops_timing.c.subject, ops_timing.c.phase, ops_timing.c.seconds, ops_timing.c.at)
        query = select(*columns).order_by(ops_timing.c.number)
        if subject is not None:
            query = query.where(ops_timing.c.subject == subject)
        with self._ledger.read() as connection:
            return [TimingRow(**row) for row in connection.execute(query).mappings()]

    def start_session(self, campaign: str) -> int:
        """Record that a campaign is being run from now on, and return the number of the session."""
        with self._ledger.write() as connection:
            made = connection.execute(
                insert(ops_session).values(campaign=campaign, started_at=self._ledger.now(), seconds=0.0)
            )
        return int((made.inserted_primary_key or (0,))[0])

    def update_session(
        self, number: int, seconds: float, *, ended: str | None = None, detail: str | None = None
    ) -> None:
        """Record how long a session has lasted, and, where it is over, why."""
        with self._ledger.write() as connection:
            connection.execute(
                update(ops_session)
                .where(ops_session.c.number == number)
                .values(seconds=seconds, ended=ended, detail=detail)
            )

    def sessions(self, campaign: str) -> list[SessionRow]:
        """Return the sessions of a campaign, oldest first."""
        query = select(ops_session).where(ops_session.c.campaign == campaign).order_by(ops_session.c.number)
        with self._ledger.read() as connection:
            return [SessionRow(**row) for row in connection.execute(query).mappings()]

    def seconds_run(self, campaign: str) -> float:
        """Return for how many seconds a campaign has been run, over all sessions."""
        query = select(func.coalesce(func.sum(ops_session.c.seconds), 0.0)).where(ops_session.c.campaign == campaign)
        with self._ledger.read() as connection:
            return float(connection.execute(query).scalar_one())

    def hand_in(self, campaign: str, kind: str, person: str, content: str, *, sign: Sign | None = None) -> int:
        """Put something of a person's into the inbox of a campaign, and return its number.

        Parameters
        ----------
        campaign, kind, person, content
            As in :class:`InboxItem`.
        sign
            What signs it; the signature is written in the same transaction, as an item of its own, so that whoever
            takes the item up reads it as any other.
        """
        row = {"campaign": campaign, "kind": kind, "person": person, "content": content, "at": self._ledger.now()}
        with self._ledger.write() as connection:
            made = connection.execute(insert(ops_inbox).values(**row))
            number = int((made.inserted_primary_key or (0,))[0])
            if sign is not None:
                signatures = select(ops_inbox).where(ops_inbox.c.kind == SIGNATURE_KIND)
                last = connection.execute(signatures.order_by(ops_inbox.c.number.desc()).limit(1)).mappings().first()
                before = None if last is None else InboxItem(**last)
                signature = sign(InboxItem(number, **row, taken_at=None), before)
                connection.execute(insert(ops_inbox).values({**row, "kind": SIGNATURE_KIND, "content": signature}))
        return number

    def handed_in(self, number: int) -> InboxItem | None:
        """Return an item of the inbox by its number, taken up or not; None where there is none."""
        with self._ledger.read() as connection:
            row = connection.execute(select(ops_inbox).where(ops_inbox.c.number == number)).mappings().first()
        return None if row is None else InboxItem(**row)

    def inbox(self, campaign: str | None, kind: str | None = None, *, waiting: bool = True) -> list[InboxItem]:
        """Return what was handed in, oldest first, for a campaign or for all; ``waiting`` leaves out what was taken."""
        query = select(ops_inbox).order_by(ops_inbox.c.number)
        if campaign is not None:
            query = query.where(ops_inbox.c.campaign == campaign)
        if kind is not None:
            query = query.where(ops_inbox.c.kind == kind)
        if waiting:
            query = query.where(ops_inbox.c.taken_at.is_(None))
        with self._ledger.read() as connection:
            return [InboxItem(**row) for row in connection.execute(query).mappings()]

    def take_in(self, number: int) -> None:
        """Mark an item of the inbox as taken up."""
        with self._ledger.write() as connection:
            connection.execute(
                update(ops_inbox).where(ops_inbox.c.number == number).values(taken_at=self._ledger.now())
            )
