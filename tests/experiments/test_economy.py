"""Economy mode: a hold-out block serves for a locked number of supports, each dearer than the last."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from math import comb
from pathlib import Path
from typing import Any

import pytest

from theodolite.claims import Hypothesis
from theodolite.experiments import CampaignRun
from theodolite.experiments.replay import verify_decisions
from theodolite.gates.stream import e_lond_level, settle_level
from theodolite.judgements import Settlement
from theodolite.store import Entry, EntryKind, Ledger, block_retired, hypothesis_rows, round_rows, stream_state, verify

Open = Callable[..., CampaignRun]
Make = Callable[..., Hypothesis]
Go = Callable[..., None]

CAP, Q, N_MAX = 2, 0.2, 12
ECONOMY = {"error": {"supports_per_block": CAP, "q": Q, "n_max": N_MAX}, "sesoi": {"GeneScores": 0.25}}


def settlements(ledger: Ledger) -> list[Settlement]:
    return [Settlement.model_validate(entry.payload["settlement"]) for entry in ledger.entries(kind=EntryKind.VERDICT)]


@pytest.fixture
def spent(open_campaign: Open, make_hypothesis: Make, strongest: Make, go_round: Go) -> CampaignRun:
    """Return a campaign of four rounds: nothing, a support, a second support, and one more try."""
    run = open_campaign(**ECONOMY)
    go_round(run, 1, [make_hypothesis(run, "decoy_1")])
    go_round(run, 2, [strongest(run, "program_1")])
    go_round(run, 3, [strongest(run, "program_2"), make_hypothesis(run, "decoy_2")])
    go_round(run, 4, [make_hypothesis(run, "program_1", locus={"kind": "axis", "layer": 0, "index": (4,)})])
    return run


def test_a_block_serves_until_its_supports_are_used_up(spent: CampaignRun) -> None:
    rows = hypothesis_rows(spent.ledger)
    assert [row.verdict == "supported" for row in rows[:4]] == [False, True, True, False]
    assert [row.retired for row in round_rows(spent.ledger)][:3] == [False, False, True]
    assert [row.reused for row in rows] == [False, False, False, False, True]
    assert [row.stream for row in rows] == ["main"] * 4 + ["main/reused"]
    assert block_retired(spent.ledger, spent.setting.split.block_id("block-1"))
    assert spent.blocks_spent()


def test_each_support_makes_the_next_dearer_and_the_price_is_on_record(spent: CampaignRun) -> None:
    rows, settled = hypothesis_rows(spent.ledger), settlements(spent.ledger)
    # Tests before it on the block, and supports that earlier rounds had returned of them: the history that its
    # executor knew is one of C(tests, supports), and the cap is paid for from the start.
    history = [(0, 0), (1, 0), (2, 1), (3, 1)]
    prices = [(CAP + 1) * comb(tests, supports) for tests, supports in history]
    assert prices == [3, 3, 6, 9]
    assert [item.multiplier for item in settled] == [*prices, None]
    for row, item, price in zip(rows[:4], settled[:4], prices, strict=True):
        gates = {gate.gate: gate for gate in item.gates}
        assert row.t is not None and item.supports_before is not None and row.p is not None
        level = e_lond_level(row.t, item.supports_before, Q, N_MAX)
        assert item.alpha == level.alpha
        assert gates["G8"].threshold == pytest.approx(price / level.alpha)
        # What e must reach is what p must reach at the divided rate, and both gates say so.
        allowed = settle_level(row.t, item.supports_before, Q / price, N_MAX).alpha
        assert gates["G3"].threshold == pytest.approx(allowed)
        assert gates["G3"].passed is gates["G8"].passed is (row.p <= allowed)
        assert item.e is not None
        assert (item.e >= price / level.alpha * (1 - 1e-12)) is gates["G8"].passed
    assert stream_state(spent.ledger, "main").t == 4


def test_a_plan_locks_the_number_and_is_powered_at_the_price_it_may_meet(spent: CampaignRun) -> None:
    plans = [plan for number in range(1, 5) for plan in spent.plans(number).values()]
    assert [plan.level.supports_per_block for plan in plans] == [CAP] * 4 + [None]
    for plan, item in zip(plans[:4], settlements(spent.ledger), strict=False):
        assert item.alpha is not None and item.multiplier is not None
        # Prices only fall between lock and record: what was affordable at registration stays so.
        assert item.alpha / item.multiplier >= plan.level.provisional_alpha * (1 - 1e-12)
    # The second slot of round 3 was priced as if the first had spent.
    last = plans[3].level
    assert last.provisional_alpha == pytest.approx(e_lond_level(4, 1, Q, N_MAX).alpha / 9)


def test_it_replays_down_to_its_measurements(spent: CampaignRun) -> None:
    assert verify(spent.ledger).ok
    assert verify_decisions(spent.ledger, deep=True) == []


@pytest.mark.parametrize("price", [None, 1.0, 3.0])
def test_another_price_on_record_is_reported(spent: CampaignRun, tmp_path: Path, price: float | None) -> None:
    original, folder = spent.setting.workspace.folder, tmp_path / "forged"
    shutil.copytree(original / "artefacts", folder / "artefacts")
    seen: list[str] = []
    with Ledger.create(folder / "ledger.sqlite") as forged:
        for entry in spent.ledger.entries():
            forged.append(entry.kind, entry.id, entry.subject, _cheaper(entry, price, seen))
        problems = verify_decisions(forged)
    assert [problem.id for problem in problems] == [seen[2]]
    assert "multiplier is" in problems[0].what


def _cheaper(entry: Entry, price: float | None, seen: list[str]) -> dict[str, Any]:
    """Return the payload of an entry, the third verdict's with another price."""
    payload = copy.deepcopy(entry.payload)
    if entry.kind is EntryKind.VERDICT:
        seen.append(entry.id)
        if len(seen) == 3:
            if price is None:
                del payload["settlement"]["multiplier"]
            else:
                payload["settlement"]["multiplier"] = repr(price)
    return payload


def test_two_supports_of_one_round_use_up_two(open_campaign: Open, strongest: Make, go_round: Go) -> None:
    run = open_campaign(**ECONOMY)
    go_round(run, 1, [strongest(run, "program_1"), strongest(run, "program_2")])
    # Neither knew of the other: the second pays for one more test, not for one more support.
    assert [item.multiplier for item in settlements(run.ledger)] == [3.0, 3.0]
    assert [row.verdict for row in hypothesis_rows(run.ledger)] == ["supported", "supported"]
    assert run.blocks_spent()


def test_without_the_number_nothing_is_priced(open_campaign: Open, strongest: Make, go_round: Go) -> None:
    run = open_campaign()
    go_round(run, 1, [strongest(run, "program_1")])
    (item,) = settlements(run.ledger)
    assert item.multiplier is None
    assert "multiplier" not in next(run.ledger.entries(kind=EntryKind.VERDICT)).payload["settlement"]
    assert run.blocks_spent()


@pytest.mark.parametrize("most", [None, 1])
def test_a_campaign_that_allows_fewer_finds_the_block_used_up(
    open_campaign: Open, strongest: Make, go_round: Go, most: int | None
) -> None:
    # Both files were written before any test: neither could know what the other would find.
    generous, strict = open_campaign("generous", **ECONOMY), open_campaign("strict", **_allowing(most))
    go_round(generous, 1, [strongest(generous, "program_1")])
    assert (generous.blocks_spent(), strict.blocks_spent()) == (False, True)
    go_round(strict, 1, [strongest(strict, "program_2")])
    row = hypothesis_rows(strict.ledger)[-1]
    assert (row.reused, row.stream, row.multiplier) == (True, "main/reused", None)
    assert verify_decisions(strict.ledger) == []


def test_a_block_is_priced_by_what_every_campaign_did_on_it(
    open_campaign: Open, make_hypothesis: Make, strongest: Make, go_round: Go
) -> None:
    first, second = open_campaign("first", **ECONOMY), open_campaign("second", **ECONOMY)
    go_round(first, 1, [make_hypothesis(first, "decoy_1"), strongest(first, "program_1")])
    assert not second.blocks_spent()
    go_round(second, 1, [strongest(second, "program_2")])
    # The third test of the block, after one support in another campaign.
    assert settlements(second.ledger)[-1].multiplier == (CAP + 1) * comb(2, 1)
    assert first.blocks_spent() and second.blocks_spent()
    assert verify_decisions(second.ledger) == []


def _allowing(most: int | None) -> dict[str, Any]:
    error = {"q": Q, "n_max": N_MAX} | ({} if most is None else {"supports_per_block": most})
    return {**ECONOMY, "error": error}
