"""What the steps of a campaign ask at every test: counts, read off indexes, so that a long ledger is no slower."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Select, bindparam, exists, not_, or_, select
from sqlalchemy import func as sql

from theodolite.claims import Verdict
from theodolite.judgements import ObjectionCode
from theodolite.store import tables
from theodolite.store.beside import Beside, beside
from theodolite.store.ledger import Ledger

__all__ = [
    "BlockUse",
    "StreamUse",
    "TrialTally",
    "block_observed",
    "block_retired",
    "block_returned",
    "block_seen_before",
    "block_supports",
    "block_use",
    "open_block_observed",
    "registered_count",
    "round_count",
    "slots_of_round",
    "stream_use",
    "trial_tallies",
    "trials_given",
]

_SLOT, _ROUND, _TRIAL = tables.hypothesis.c, tables.round_row.c, tables.review_trial.c
_BLOCK: BindParameter[str] = bindparam("block")
_OF: BindParameter[str] = bindparam("of")
_NUMBER: BindParameter[int] = bindparam("number")

_RETIRED = select(exists().where(tables.block.c.block_id == _BLOCK, tables.block.c.retired_in_round.is_not(None)))
_SPENT = select(sql.count(_SLOT.t)).where(_SLOT.block_id == _BLOCK)
# A block gave a support away when the verdict was recorded, whatever became of it; a stream counts those that stand.
_SUPPORTS = (
    select(sql.count())
    .select_from(tables.hypothesis)
    .where(_SLOT.block_id == _BLOCK, _SLOT.recorded_verdict == Verdict.SUPPORTED.value, _SLOT.t.is_not(None))
)
_SUPPORTS_ELSEWHERE = _SUPPORTS.where(not_((_SLOT.campaign == _OF) & (_SLOT.round == _NUMBER)))
_RETURNED = (
    select(sql.count())
    .select_from(tables.hypothesis)
    .where(
        _SLOT.block_id == _BLOCK,
        _SLOT.recorded_verdict == Verdict.SUPPORTED.value,
        exists().where(_ROUND.campaign == _SLOT.campaign, _ROUND.round == _SLOT.round),
    )
)
_OPENED = select(tables.campaign.c.seq).where(tables.campaign.c.campaign == _OF)
_SEEN = exists().where(_SLOT.block_id == _BLOCK, _SLOT.observed.is_(True), _SLOT.campaign != _OF)
_SEEN_EVER, _SEEN_BEFORE = select(_SEEN), select(_SEEN.where(_SLOT.seq < bindparam("opened")))
_OBSERVED = select(exists().where(_SLOT.block_id == _BLOCK, _SLOT.observed.is_(True)))
_OPEN_OBSERVED = select(
    exists().where(
        _SLOT.observed.is_(True),
        _SLOT.campaign.not_in(bindparam("others", expanding=True)),
        _SLOT.block_id.not_in(select(tables.block.c.block_id).where(tables.block.c.retired_in_round.is_not(None))),
    )
)
_LEVELS = select(tables.stream.c.t).where(tables.stream.c.stream == bindparam("stream"))
_KEYS = select(sql.count(_SLOT.claim_key.distinct())).where(
    _SLOT.stream == bindparam("stream"), _SLOT.verdict == Verdict.SUPPORTED.value, _SLOT.t.is_not(None)
)
_REGISTERED = select(sql.count(_SLOT.prereg_sha256)).where(_SLOT.campaign == _OF)
_ROUNDS = select(sql.count()).select_from(tables.round_row).where(_ROUND.campaign == _OF)
_OF_ROUND = select(_SLOT.slot).where(_SLOT.campaign == _OF, _SLOT.round == _NUMBER).order_by(_SLOT.seq)
_OBJECTED = (_TRIAL.objections != []) | (_TRIAL.cap != "none")
_TALLIES = (
    select(_TRIAL.defect, _TRIAL.caught, _OBJECTED.label("objected"), sql.count())
    .where(
        _TRIAL.reviewer == bindparam("reviewer"),
        or_(_TRIAL.seq <= bindparam("opened"), _TRIAL.subject.not_in(bindparam("others", expanding=True))),
    )
    .group_by(_TRIAL.defect, _TRIAL.caught, _OBJECTED)
)
_GIVEN = select(_TRIAL.trial).where(_TRIAL.trial.in_(bindparam("trials", expanding=True)), _TRIAL.subject == _OF)


class BlockUse(NamedTuple):
    """How far a hold-out block is used up.

    Attributes
    ----------
    tests
        Tests on it that spent a level.
    supports
        Those of them that ended supported.
    """

    tests: int
    supports: int


class StreamUse(NamedTuple):
    """How far an error stream has come: levels spent in it, and distinct claim keys supported."""

    t: int
    supports: int


class TrialTally(NamedTuple):
    """Sealed trials of one reviewer that went the same way.

    Attributes
    ----------
    defect, caught
        The planted defect, None for a sham, and whether it drew the objection that it deserves.
    objected
        Whether the reviewer held anything against the item, by an objection or a cap.
    trials
        How many.
    """

    defect: ObjectionCode | None
    caught: bool
    objected: bool
    trials: int


def _one(ledger: Ledger, query: Select[Any], **values: Any) -> Any:
    with ledger.read() as connection:
        return connection.execute(query, values).scalar()


def _listed(known: Beside) -> list[str]:
    # SQLAlchemy writes an empty list as a subquery.
    return sorted(known.campaigns) or [""]


def block_retired(ledger: Ledger, block_id: str) -> bool:
    """Return True if a finished round retired the block, in any campaign of the ledger."""
    return bool(_one(ledger, _RETIRED, block=block_id))


def block_use(ledger: Ledger, block_id: str, *, unknown_to: tuple[str, int] | None = None) -> BlockUse:
    """Return how far a block is used up, over all campaigns.

    Parameters
    ----------
    block_id
        The block.
    unknown_to
        A campaign and a round whose own supports are left out.
    """
    with ledger.read() as connection:
        tests = connection.execute(_SPENT, {"block": block_id}).scalar_one()
        if unknown_to is None:
            return BlockUse(tests, connection.execute(_SUPPORTS, {"block": block_id}).scalar_one())
        campaign, number = unknown_to
        elsewhere = connection.execute(_SUPPORTS_ELSEWHERE, {"block": block_id, "of": campaign, "number": number})
        return BlockUse(tests, elsewhere.scalar_one())


def block_supports(ledger: Ledger, block_id: str) -> int:
    """Return how many tests on a block spent a level and ended supported, over all campaigns."""
    return int(_one(ledger, _SUPPORTS, block=block_id))


def block_returned(ledger: Ledger, block_id: str) -> int:
    """Return how many supports on a block finished rounds have told of."""
    return int(_one(ledger, _RETURNED, block=block_id))


def block_seen_before(ledger: Ledger, block_id: str, campaign: str) -> bool:
    """Return whether a hypothesis of another campaign was observed on a block and proposed before this one opened.

    For a campaign that is not open yet, every other one came before.
    """
    opened = _one(ledger, _OPENED, of=campaign)
    if opened is None:
        return bool(_one(ledger, _SEEN_EVER, block=block_id, of=campaign))
    return bool(_one(ledger, _SEEN_BEFORE, block=block_id, of=campaign, opened=opened))


def block_observed(ledger: Ledger, block_id: str) -> bool:
    """Return whether the statistic of any test on a block was computed, in any campaign of the ledger."""
    return bool(_one(ledger, _OBSERVED, block=block_id))


def open_block_observed(ledger: Ledger, campaign: str) -> bool:
    """Return whether a test was judged on any block that is not retired, of which agents are not told everything.

    Tests of campaigns that may run beside this one are left out.
    """
    with ledger.read() as connection:
        known = beside(connection, campaign)
        return bool(connection.execute(_OPEN_OBSERVED, {"others": _listed(known)}).scalar())


def stream_use(ledger: Ledger, stream: str) -> StreamUse:
    """Return how far a stream has come, over all campaigns; ``(0, 0)`` if nothing was spent."""
    of = {"stream": stream}
    with ledger.read() as connection:
        spent = connection.execute(_LEVELS, of).scalar() or 0
        return StreamUse(spent, connection.execute(_KEYS, of).scalar_one())


def registered_count(ledger: Ledger, campaign: str) -> int:
    """Return how many hypotheses a campaign has registered."""
    return int(_one(ledger, _REGISTERED, of=campaign))


def round_count(ledger: Ledger, campaign: str) -> int:
    """Return how many rounds of a campaign are finished."""
    return int(_one(ledger, _ROUNDS, of=campaign))


def slots_of_round(ledger: Ledger, campaign: str, round: int) -> list[int]:
    """Return the slots of a round that hold a hypothesis, in the order in which they were proposed."""
    with ledger.read() as connection:
        return list(connection.execute(_OF_ROUND, {"of": campaign, "number": round}).scalars())


def trial_tallies(ledger: Ledger, reviewer: str, campaign: str | None = None) -> list[TrialTally]:
    """Return the sealed trials of a reviewer, counted by what they were and how they went.

    Parameters
    ----------
    reviewer
        Its name.
    campaign
        Leave out what campaigns that may run beside this one have written since it was opened; None leaves out nothing.
    """
    with ledger.read() as connection:
        known = Beside() if campaign is None else beside(connection, campaign)
        of = {"reviewer": reviewer, "opened": known.opened, "others": _listed(known)}
        found = connection.execute(_TALLIES, of).all()
    return [TrialTally(defect, bool(caught), bool(objected), trials) for defect, caught, objected, trials in found]


def trials_given(ledger: Ledger, subject: str, trials: Collection[str]) -> set[str]:
    """Return those of some sealed trials of a campaign that were given to anybody."""
    with ledger.read() as connection:
        return set(connection.execute(_GIVEN, {"of": subject, "trials": list(trials)}).scalars())
