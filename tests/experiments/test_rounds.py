"""Rounds: hold-out blocks retire, levels settle in registration order, and every step may be repeated."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theodolite.claims import Hypothesis
from theodolite.experiments import CampaignRun
from theodolite.gates.stream import e_lond_level
from theodolite.judgements import Objection, Review, Settlement
from theodolite.plans import Plan
from theodolite.store import (
    EntryKind,
    HypothesisRow,
    Ledger,
    block_retired,
    hypothesis_rows,
    round_bits,
    round_rows,
    stream_state,
)

Open = Callable[..., CampaignRun]
Make = Callable[..., Hypothesis]
Go = Callable[..., None]


@pytest.fixture(params=[1, 2], ids=["one block", "two blocks"])
def finished(request: pytest.FixtureRequest, small_world: Any) -> Path:
    return small_world.finished(request.param)


def plans_and_settlements(ledger: Ledger) -> list[tuple[Plan, Settlement]]:
    plans = {
        entry.subject: Plan.model_validate(entry.payload["plan"])
        for entry in ledger.entries(kind=EntryKind.REGISTRATION)
    }
    return [
        (plans[entry.subject], Settlement.model_validate(entry.payload["settlement"]))
        for entry in ledger.entries(kind=EntryKind.VERDICT)
    ]


def supported(rows: list[HypothesisRow]) -> list[HypothesisRow]:
    return [row for row in rows if row.verdict == "supported"]


def test_what_is_supported_is_what_was_planted(finished: Path, small_world: Any) -> None:
    found = supported(small_world.rows(finished))
    assert found
    assert {row.reference.removesuffix("_pairs") for row in found} <= small_world.real


def test_levels_follow_the_rule_in_registration_order(finished: Path) -> None:
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        spent: dict[str, int] = {}
        keys: dict[str, set[str]] = {}
        for plan, settlement in plans_and_settlements(ledger):
            stream = plan.level.stream
            if settlement.t is None:
                continue
            assert settlement.t == spent.get(stream, 0) + 1
            spent[stream] = settlement.t
            before = len(keys.setdefault(stream, set()))
            assert settlement.supports_before == before
            assert settlement.alpha == e_lond_level(settlement.t, before, plan.level.q, plan.level.n_max).alpha
            if settlement.verdict == "supported":
                keys[stream].add(plan.hypothesis.claim.key)
        for stream, t in spent.items():
            assert stream_state(ledger, stream) == (t, frozenset(keys[stream]))


def test_the_level_at_record_is_never_smaller_than_the_provisional_one(finished: Path) -> None:
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        settled = [(plan, item) for plan, item in plans_and_settlements(ledger) if item.alpha is not None]
    assert settled
    for plan, settlement in settled:
        assert settlement.t <= plan.level.provisional_t
        assert settlement.alpha >= plan.level.provisional_alpha


def test_a_round_with_a_support_retires_its_block_and_the_next_takes_another(finished: Path) -> None:
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        split = next(ledger.entries(kind=EntryKind.SPLIT)).payload
        blocks, used = list(split["blocks"]), []
        for row in round_rows(ledger):
            assert row.retired == any(round_bits(ledger, row.campaign, row.round).values())
            used.append((row.block_id, row.retired))
        fresh = list(blocks)
        for block, retired in used:
            assert block == (fresh[0] if fresh else blocks[-1])
            if retired and fresh:
                fresh.pop(0)
        for block in blocks:
            assert block_retired(ledger, block) is (block not in fresh)


def test_what_is_found_on_a_retired_block_is_tagged_and_never_raises_the_main_stream(finished: Path) -> None:
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        settled = plans_and_settlements(ledger)
        reused = [(plan, item) for plan, item in settled if plan.block.reused]
        fresh = [(plan, item) for plan, item in settled if not plan.block.reused]
        assert reused and fresh
        assert {plan.level.stream for plan, _ in reused} == {"main/reused"}
        assert {plan.level.stream for plan, _ in fresh} == {"main"}
        for plan, item in settled:
            if item.verdict == "supported":
                assert ("[reused hold-out]" in item.tags) is plan.block.reused
        if finished.name == "finished-1":
            assert any(item.verdict == "supported" for _, item in reused)
        main = stream_state(ledger, "main")
        assert main.t == max(item.t for _, item in fresh if item.t is not None)
        assert main.supported_keys == {plan.hypothesis.claim.key for plan, item in fresh if item.verdict == "supported"}


def test_agents_learn_one_bit_a_claim_at_the_end_of_a_round(finished: Path) -> None:
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        for row in round_rows(ledger):
            slots = hypothesis_rows(ledger, row.campaign, round=row.round)
            expected = {item.hypothesis_id: item.verdict == "supported" for item in slots if item.verdict}
            assert round_bits(ledger, row.campaign, row.round) == expected


def test_a_round_without_support_leaves_its_block_open(
    open_campaign: Open, make_hypothesis: Make, strongest: Make, go_round: Go
) -> None:
    run = open_campaign()
    go_round(run, 1, [make_hypothesis(run, "decoy_1")])
    assert not run.blocks_spent()
    go_round(run, 2, [strongest(run, "program_1")])
    assert run.blocks_spent()
    assert [row.reused for row in _registered(run)] == [False, False]
    go_round(run, 3, [make_hypothesis(run, "decoy_2")])
    assert [row.reused for row in _registered(run)] == [False, False, True]


def _registered(run: CampaignRun) -> list[Any]:
    return [
        Plan.model_validate(entry.payload["plan"]).block for entry in run.ledger.entries(kind=EntryKind.REGISTRATION)
    ]


def test_two_supports_of_one_round_are_both_kept_and_raise_later_levels_only(
    open_campaign: Open, make_hypothesis: Make, strongest: Make, go_round: Go
) -> None:
    run = open_campaign()
    go_round(run, 1, [strongest(run, "program_1"), strongest(run, "program_2"), make_hypothesis(run, "decoy_1")])
    rows = hypothesis_rows(run.ledger)
    assert [row.verdict for row in rows[:2]] == ["supported", "supported"]
    assert [item.supports_before for _, item in plans_and_settlements(run.ledger)] == [0, 1, 2]
    assert [plan.level.provisional_alpha for plan in run.plans(1).values()] == [
        e_lond_level(t, 0, 0.10, 12).alpha for t in (1, 2, 3)
    ]


def test_only_the_first_support_of_a_claim_raises_levels(
    open_campaign: Open, make_hypothesis: Make, strongest: Make, go_round: Go
) -> None:
    run = open_campaign()
    first = strongest(run, "program_1")
    other_layer = {"kind": "axis", "layer": 1 if first.locus.layer != 1 else 0, "index": first.locus.index}
    second = make_hypothesis(run, "program_1", locus=other_layer, direction=first.direction)
    assert second.claim.key == first.claim.key
    assert second.id != first.id
    go_round(run, 1, [first, second, make_hypothesis(run, "decoy_1")])
    rows = hypothesis_rows(run.ledger)
    assert [row.verdict for row in rows[:2]] == ["supported", "supported"]
    assert [item.supports_before for _, item in plans_and_settlements(run.ledger)] == [0, 1, 1]


def test_every_step_may_be_repeated(open_campaign: Open, strongest: Make, make_hypothesis: Make) -> None:
    run = open_campaign()
    hypotheses = [strongest(run, "program_1"), make_hypothesis(run, "too_small")]
    steps: list[Callable[[], Any]] = [
        run.open,
        lambda: [run.propose(1, slot, item) for slot, item in enumerate(hypotheses, start=1)],
        lambda: run.register(1),
        lambda: run.run_jobs(1),
        lambda: run.judge(1),
        lambda: run.record(1),
        lambda: run.close_round(1),
        lambda: run.stop("budget", "all spent"),
    ]
    for step in steps:
        step()
        head = run.ledger.head()
        for earlier in steps[: steps.index(step) + 1]:
            earlier()
        assert run.ledger.head() == head
    assert run.stopped() == "budget: all spent"
    run.stop("tokens", "reason")
    assert run.stopped() == "budget: all spent"


def test_a_reviewers_cap_lowers_the_verdict_at_record(open_campaign: Open, strongest: Make) -> None:
    run = open_campaign()
    for slot, reference in enumerate(("program_1", "program_2"), start=1):
        run.propose(1, slot, strongest(run, reference))
    run.register(1)
    run.run_jobs(1)
    run.judge(1)
    objection = Objection(code="sign_flip", gate="G9", evidence=run.plans(1)[1].sha256, note="the sign is wrong")
    common = {"stage": 2, "likely_confound": "none", "predicted_verdict": "supported", "reviewer": "a test"}
    run.review(1, 1, Review(objections=(objection,), cap="inconclusive", **common))
    run.review(1, 2, Review(objections=(), cap="none", **common))
    run.record(1)
    first, second = hypothesis_rows(run.ledger)
    assert (first.machine_verdict, first.verdict) == ("supported", "inconclusive")
    # A capped support spent its level and earned nothing.
    assert (second.verdict, second.t) == ("supported", 2)
    assert [item.supports_before for _, item in plans_and_settlements(run.ledger)] == [0, 0]


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_second_campaign_continues_blocks_and_stream(small_world: Any, tmp_path: Path, blocks: int) -> None:
    folder = tmp_path / "ledger"
    shutil.copytree(small_world.finished(blocks), folder)
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        before = {stream: stream_state(ledger, stream) for stream in ("main", "main/reused")}
        tried = {row.hypothesis_id for row in hypothesis_rows(ledger)}
    overrides = small_world.two_blocks if blocks == 2 else {}
    small_world.run_in_process(folder, small_world.spec("second", budget={"experiments": 2}, **overrides))
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        rows = hypothesis_rows(ledger, round_rows(ledger)[-1].campaign)
        assert rows
        assert all(row.stream == "main/reused" for row in rows if row.prereg_sha256)
        assert stream_state(ledger, "main") == before["main"]
        assert stream_state(ledger, "main/reused").t >= before["main/reused"].t
        assert not {row.hypothesis_id for row in rows} & tried


def test_a_campaign_whose_inputs_were_moved_continues(small_world: Any, tmp_path: Path) -> None:
    content = small_world.content("moved", budget={"experiments": 2})
    with small_world.opened(tmp_path / "ledger", small_world.spec("moved", budget={"experiments": 2})) as run:
        run.open()
        campaign, head = run.setting.campaign_id, run.ledger.head()
    shutil.copytree(small_world.model, tmp_path / small_world.model.name)
    shutil.copy(content["references"], tmp_path / "renamed.yaml")
    moved = small_world.spec(
        "moved",
        budget={"experiments": 2},
        model=str(tmp_path / small_world.model.name),
        references=str(tmp_path / "renamed.yaml"),
    )
    with small_world.opened(tmp_path / "ledger", moved) as run:
        run.open()
        assert run.setting.campaign_id == campaign
        assert run.ledger.head() == head
