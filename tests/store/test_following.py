"""Views are followed entry by entry; whatever they remember, they say what the whole ledger says when read anew."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from theodolite.claims import Verdict
from theodolite.store import EntryKind, Ledger, SlotStatus, agent_view, rebuild, tables
from theodolite.store.following import Following
from theodolite.store.queries import select_rows
from theodolite.store.rows import GateRow, HypothesisRow, LookRow, RefusalRow, ReviewRow, RoundRow
from theodolite.store.seen import (
    RETIRE_AFTER,
    AgentView,
    Bit,
    EarlyFailure,
    FamilyUse,
    Refused,
    Released,
    Seen,
    SeenEffect,
    SeenLook,
    UnmetGate,
)

CAMPAIGNS = ("first-00000001", "second-00000002")

fates = st.one_of(
    st.fixed_dictionaries(
        {
            "verdict": st.sampled_from([Verdict.SUPPORTED, Verdict.INCONCLUSIVE, Verdict.INVALID, Verdict.REFUTED]),
            "p": st.floats(0.001, 1),
            "objection": st.sampled_from([None, "wrong_null"]),
        }
    ),
    st.fixed_dictionaries({"failure": st.just("crash"), "observed": st.booleans()}),
    st.just({"refusal": "not_testable"}),
)
slots = st.tuples(st.integers(1, 4), st.sampled_from(["myeloid", "ribosomal"]), fates)
told_rounds = st.tuples(
    st.sampled_from([0, 1]), st.lists(slots, min_size=1, max_size=4), st.sampled_from([None, True, False])
)


def same(ledger):
    """Hold every campaign's view, and that of one which is not in the ledger, against the whole ledger read anew."""
    for campaign in (*CAMPAIGNS, "not-there"):
        seen, expected = agent_view(ledger, campaign), read_anew(ledger, campaign)
        assert seen.model_dump_json() == expected.model_dump_json()
        assert seen == expected
        assert seen.retired_families == expected.retired_families


def steps(told, ledger, rounds):
    """Tell the rounds of two campaigns on one stream; yield after every phase."""
    stories = [told.Story(ledger, campaign).begin() for campaign in CAMPAIGNS]
    done = [0, 0]
    t, keys = 0, set()
    for who, listed, retired in rounds:
        story, number = stories[who], done[who] + 1
        story.t, story.keys, done[who] = t, keys, number
        outcomes = [replace(told.Outcome(locus=locus, reference=name), **fate) for locus, name, fate in listed]
        numbered = list(enumerate(outcomes, start=1))
        kept = [(slot, outcome) for slot, outcome in numbered if outcome.refusal is None]
        for slot, outcome in numbered:
            story.propose(number, slot, outcome)
        yield
        for slot, outcome in numbered:
            story.register(number, slot, outcome)
            yield
        for phase in (story.run, story.judge):
            for slot, outcome in kept:
                phase(number, slot, outcome)
            yield
        bits = {}
        for slot, outcome in kept:
            bits[story.hypothesis(outcome).id] = story.record(number, slot, outcome)
            yield
        t, keys = story.t, story.keys
        story.look(f"geometry.axis-{who}{number}")
        story.end_round(number, bits, retired=retired)
        yield
        for slot, outcome in kept:
            if outcome.failure is not None:
                # A review that comes after everything else still reaches the released record.
                story.add(EntryKind.RECORD_REVIEW, number, slot, story.review(2, "wrong_null"))
        yield


@settings(max_examples=25)
@given(rounds=st.lists(told_rounds, min_size=1, max_size=5))
def test_a_view_that_was_followed_equals_the_ledger_read_anew_after_every_step(told, rounds):
    with Ledger.in_memory() as ledger:
        for _ in steps(told, ledger, rounds):
            same(ledger)


@settings(max_examples=20)
@given(rounds=st.lists(told_rounds, min_size=1, max_size=4), asked=st.sets(st.integers(0, 60), max_size=6))
def test_it_does_not_matter_when_views_were_asked_for(told, rounds, asked):
    with Ledger.in_memory() as ledger:
        for number, _ in enumerate(steps(told, ledger, rounds)):
            if number in asked:
                agent_view(ledger, CAMPAIGNS[number % 2])
        same(ledger)


def test_the_stories_reach_every_part_of_a_view(told):
    """The properties above would hold for views that are always empty."""
    supported = (1, "myeloid", {"verdict": Verdict.SUPPORTED, "p": 0.001})
    others = [
        (2, "myeloid", {"verdict": Verdict.INVALID, "p": 0.6, "objection": "wrong_null"}),
        (3, "myeloid", {"failure": "crash", "observed": False}),
        (4, "myeloid", {"refusal": "not_testable"}),
    ]
    with Ledger.in_memory() as ledger:
        for _ in steps(told, ledger, [(0, others, None), (0, [supported], None)]):
            same(ledger)
        view, elsewhere = (agent_view(ledger, campaign) for campaign in CAMPAIGNS)
    parts = view.model_dump()
    assert [name for name, part in parts.items() if not part] == []
    assert len(view.released) == 3
    assert [unmet.gate for item in view.released for unmet in item.unmet] == ["G3"]
    assert view.released[1].objections == ("wrong_null (G4): look again",)
    # A run that spent nothing may be tried by another campaign.
    assert len(view.tried_hypotheses) == len(elsewhere.tried_hypotheses) + 1


def test_what_another_process_appended_is_seen(told, ledger):
    story = told.Story(ledger).begin()
    with Ledger.open(ledger.path) as other:
        for number, verdict in enumerate((Verdict.INCONCLUSIVE, Verdict.SUPPORTED), start=1):
            story.round(number, [told.Outcome(locus=number, verdict=verdict)])
            assert agent_view(other, told.CAMPAIGN) == agent_view(ledger, told.CAMPAIGN)
            assert len(agent_view(other, told.CAMPAIGN).bits) == number


def test_views_survive_a_rebuild_of_the_tables(told, ledger):
    told.whole(ledger)
    before = agent_view(ledger, told.CAMPAIGN)
    rebuild(ledger)
    assert agent_view(ledger, told.CAMPAIGN) == before == read_anew(ledger, told.CAMPAIGN)


def test_what_was_followed_on_one_chain_is_not_taken_for_another(told, ledger):
    told.Story(ledger).begin()
    following = Following()
    with ledger.read() as connection:
        assert following.precedes(connection)
        following.read_on(connection)
        assert following.precedes(connection)
    with Ledger.in_memory() as other:
        with other.read() as connection:
            assert not following.precedes(connection)
        told.Story(other, "another-0badcafe").begin().look("geometry.axis-11223344")
        with other.read() as connection:
            assert not following.precedes(connection)


def test_a_view_shares_nothing_that_can_be_changed(told, ledger):
    story = told.Story(ledger).begin()
    (look,) = agent_view(ledger, story.campaign).looks
    look.params["layer"] = 99
    look.effects.clear()
    (again,) = agent_view(ledger, story.campaign).looks
    assert (again.params["layer"], len(again.effects)) == (3, 1)


# --- the oracle


def read_anew(ledger: Ledger, campaign: str) -> AgentView:
    """Return the view as it was read before views were followed: every row of the ledger, every time."""
    with ledger.read() as connection:
        rows = select_rows(connection, tables.hypothesis, HypothesisRow)
        own = [row for row in rows if row.campaign == campaign]
        registered = [row for row in rows if row.prereg_sha256 is not None]
        standing = [row for row in registered if row.invalid_because is None]
        bits = _bits(connection, standing)
        retired = _retired_blocks(connection)
        return AgentView(
            campaign=campaign,
            rounds_finished=len(
                select_rows(connection, tables.round_row, RoundRow, tables.round_row.c.campaign == campaign)
            ),
            slots_used=len(own),
            families=_families(campaign, own, bits),
            bits=bits,
            refusals=_refusals(connection, campaign, own),
            failures=_failures(own),
            looks=_looks(connection, campaign),
            # A run of another campaign that failed before its statistic was computed spent nothing: it may be tried.
            tried_hypotheses=tuple(
                sorted(
                    {
                        row.hypothesis_id
                        for row in standing
                        if not (row.verdict is Verdict.ERROR and row.t is None and row.campaign != campaign)
                    }
                )
            ),
            tried_keys=tuple(sorted({row.claim_key for row in standing})),
            retired_blocks=tuple(sorted(retired)),
            released=_released(connection, registered, retired),
            retire_after=_retire_after(connection, campaign),
        )


def _retire_after(connection: Connection, campaign: str) -> int | None:
    """Return what the campaign's file says, and what files said nothing of before that."""
    spec = connection.execute(select(tables.campaign.c.spec).where(tables.campaign.c.campaign == campaign)).scalar()
    budget = spec.get("budget") if isinstance(spec, dict) else None
    found = budget.get("retire_after", RETIRE_AFTER) if isinstance(budget, dict) else RETIRE_AFTER
    return None if found is None else int(found)


def _seen(row: HypothesisRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Seen.model_fields}


def _bits(connection: Connection, registered: list[HypothesisRow]) -> tuple[Bit, ...]:
    table = tables.round_bit
    known = {(row.campaign, row.round, row.hypothesis_id): row.supported for row in connection.execute(select(table))}
    return tuple(
        Bit(**_seen(row), supported=known[key])
        for row in registered
        if (key := (row.campaign, row.round, row.hypothesis_id)) in known
    )


def _families(campaign: str, own: list[HypothesisRow], bits: tuple[Bit, ...]) -> tuple[FamilyUse, ...]:
    proposed = Counter(row.family for row in own)
    refused = Counter(row.family for row in own if row.status is SlotStatus.REFUSED)
    registered = Counter(row.family for row in own if row.prereg_sha256 is not None)
    supported = Counter(bit.family for bit in bits if bit.supported and bit.campaign == campaign)
    return tuple(
        FamilyUse(
            family=family,
            proposed=proposed[family],
            refused=refused[family],
            registered=registered[family],
            supported=supported[family],
        )
        for family in sorted(proposed)
    )


def _refusals(connection: Connection, campaign: str, own: list[HypothesisRow]) -> tuple[Refused, ...]:
    slots = {row.subject: row for row in own}
    refusals = select_rows(connection, tables.refusal, RefusalRow, tables.refusal.c.campaign == campaign)
    return tuple(Refused(**_seen(slots[item.subject]), code=item.code, reason=item.reason) for item in refusals)


def _failures(own: list[HypothesisRow]) -> tuple[EarlyFailure, ...]:
    # The flag covers the whole slot: a failure after the statistic was computed says something about it.
    return tuple(
        EarlyFailure(
            **_seen(row), phase=row.failure_phase or "", code=row.failure_code, reason=row.failure_reason or ""
        )
        for row in own
        if row.failure_code is not None and not row.observed
    )


def _looks(connection: Connection, campaign: str) -> tuple[SeenLook, ...]:
    looks = select_rows(connection, tables.look, LookRow, tables.look.c.campaign == campaign)
    return tuple(
        SeenLook(
            id=look.id,
            tool=look.tool,
            params=look.params,
            effects={name: SeenEffect.model_validate(effect) for name, effect in look.effects.items()},
        )
        for look in looks
    )


def _retired_blocks(connection: Connection) -> set[str]:
    table = tables.block
    return set(connection.execute(select(table.c.block_id).where(table.c.retired_in_round.is_not(None))).scalars())


def _released(connection: Connection, registered: list[HypothesisRow], retired: set[str]) -> tuple[Released, ...]:
    table = tables.round_row
    finished = {(row.campaign, row.round) for row in connection.execute(select(table.c.campaign, table.c.round))}
    unmet: defaultdict[str, list[UnmetGate]] = defaultdict(list)
    for gate in select_rows(connection, tables.gate, GateRow, tables.gate.c.passed.is_(False)):
        unmet[gate.subject].append(
            UnmetGate(gate=gate.gate, number=gate.number, threshold=gate.threshold, sentence=gate.sentence)
        )
    objections = {
        review.subject: tuple(f"{item['code']} ({item['gate']}): {item['note']}" for item in review.objections)
        for review in select_rows(connection, tables.review, ReviewRow, tables.review.c.stage == 2)
    }
    return tuple(
        Released(
            **_seen(row),
            block_id=row.block_id,
            verdict=row.verdict,
            tags=row.tags,
            effect=row.effect if row.invalid_because is None else None,
            p=row.p if row.invalid_because is None else None,
            first_unmet=row.first_unmet if row.invalid_because is None else None,
            unmet=tuple(unmet[row.subject]) if row.invalid_because is None else (),
            next_step=row.invalid_because or row.next_step,
            objections=objections.get(row.subject, ()),
        )
        for row in registered
        if row.verdict is not None
        # A block that is used again is retired from the start; its rounds still tell nothing before they end.
        and row.block_id in retired
        and (row.campaign, row.round) in finished
    )
