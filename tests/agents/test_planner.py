"""The offline planner: deterministic, strongest first, fair to instruments, blind to everything but ``agent_view``."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theodolite.agents import Planner
from theodolite.agents.planner import Candidate, in_order, steadiness
from theodolite.agents.planner import strength as strength_of
from theodolite.claims import Direction, Hypothesis, Relation
from theodolite.experiments import CampaignRun
from theodolite.gates.exploration import Margin
from theodolite.store import EntryKind, agent_view, hypothesis_rows, refusal_rows

Open = Callable[..., CampaignRun]
Go = Callable[..., None]


def propose(run: CampaignRun, slots: int) -> list[Hypothesis]:
    return Planner().propose(run, list(run.explore()), slots)


def strength(run: CampaignRun, hypothesis: Hypothesis) -> float:
    return candidate(run, hypothesis).strength


def candidate(run: CampaignRun, hypothesis: Hypothesis) -> Candidate:
    return next(item for item in Planner()._candidates(run, list(run.explore())) if item.hypothesis.id == hypothesis.id)


def test_the_lesser_of_two_margins_is_what_a_claim_promises() -> None:
    # A support asks for an effect of interest, and for 0.03 more than the best baseline shows.
    assert strength_of(0.30, 0.20, 0.1, Margin(error=0.05, gain=0.13, gain_error=0.02)) == pytest.approx(2.0)
    assert strength_of(0.30, 0.20, 0.1, Margin(error=0.05, gain=0.05, gain_error=0.02)) == pytest.approx(1.0)
    assert strength_of(0.40, 0.20, 0.1, Margin(error=0.05, gain=0.00, gain_error=0.02)) < 0
    assert strength_of(0.30, 0.20, 0.1, None) == pytest.approx(1.0), "a look of an earlier version"


@pytest.mark.parametrize(
    ("latest", "order"),
    [
        ([4, 4, 4, 4], [0, 1, 2, 3]),
        ([4, 4, 4, 1], [3, 0, 1, 2]),
        ([4, 2, 4, 2], [1, 3, 0, 2]),
        ([3, 3, 2], [0, 2, 1]),
        ([], []),
    ],
)
def test_the_strongest_go_first_unless_another_would_come_too_late(latest: list[int], order: list[int]) -> None:
    assert in_order(latest) == order
    assert all(place < latest[item] for place, item in enumerate(order))


def test_what_cannot_all_be_in_time_has_no_order() -> None:
    with pytest.raises(ValueError, match="would come too late"):
        in_order([1, 1])


def test_the_same_ledger_gives_the_same_proposals(open_campaign: Open, tmp_path: Path) -> None:
    run, again = open_campaign(), open_campaign(folder=tmp_path / "another")
    assert propose(run, 4) == propose(run, 4) == propose(again, 4)


def test_proposals_come_strongest_first_within_the_shares(open_campaign: Open) -> None:
    run = open_campaign()
    strengths = [strength(run, hypothesis) for hypothesis in propose(run, 3)]
    assert strengths == sorted(strengths, reverse=True)
    assert len(strengths) == 3


def test_the_budget_is_shared_between_instruments(open_campaign: Open) -> None:
    run = open_campaign()
    families = Counter(hypothesis.tool.partition("@")[0] for hypothesis in propose(run, 6))
    assert families == {tool.name: 2 for tool in run.setting.tools}


def test_a_claim_that_needs_a_large_level_goes_before_those_that_can_wait(
    open_campaign: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_campaign()
    usual = propose(run, 3)
    needy, powered = usual[1].claim.reference.name, type(run.power).sufficient
    first = run.registrar().level(0).provisional_alpha

    def sufficient(power: Any, shape: str, reference: str, block: str, level: Any, *rest: Any) -> bool:
        late = reference == needy and level.provisional_alpha < first
        return powered(power, shape, reference, block, level, *rest) and not late

    monkeypatch.setattr(type(run.power), "sufficient", sufficient)
    assert propose(run, 3) == [usual[1], usual[0], usual[2]]


def test_what_a_baseline_shows_as_well_waits_behind_what_the_model_adds(open_campaign: Open) -> None:
    run = open_campaign()
    looks = list(run.explore())
    best = propose(run, 1)[0]
    name = best.claim.reference.name

    def shown_by_a_baseline(look: Any) -> Any:
        margins = {
            reference: dataclasses.replace(margin, gain=0.0) if reference == name else margin
            for reference, margin in look.margins.items()
        }
        return dataclasses.replace(look, margins=margins)

    later = Planner().propose(run, [shown_by_a_baseline(look) for look in looks], 6)
    assert [item.claim.reference.name for item in later].index(name) > 0


def test_what_was_not_compared_with_a_baseline_waits_behind_what_was(open_campaign: Open) -> None:
    run = open_campaign()
    looks = list(run.explore())
    name = propose(run, 1)[0].claim.reference.name

    def of_one_family(look: Any) -> Any:
        return dataclasses.replace(
            look, margins={reference: margin for reference, margin in look.margins.items() if reference != name}
        )

    pool = Planner()._ranked(
        run, [of_one_family(look) for look in looks], agent_view(run.ledger, run.setting.campaign_id)
    )
    assert {item.reference for item in pool} > {name}
    compared = [item.compared for item in pool]
    assert compared == sorted(compared, reverse=True)
    assert [item.reference == name for item in pool] == [not item for item in compared]


def test_what_one_instrument_cannot_use_goes_to_the_others(open_campaign: Open) -> None:
    # Sets are underpowered here, whatever their place.
    run = open_campaign(sesoi={"GeneScores": 0.05})
    proposals = propose(run, 6)
    assert len(proposals) == 6
    assert {hypothesis.claim.relation for hypothesis in proposals} == {Relation.RANKS_ABOVE}


def test_each_claim_is_proposed_once_at_its_best_place(open_campaign: Open) -> None:
    run = open_campaign()
    proposals = propose(run, 6)
    keys = [hypothesis.claim.key for hypothesis in proposals]
    assert len(set(keys)) == len(keys)
    for hypothesis in proposals:
        rivals = [
            item
            for item in Planner()._candidates(run, list(run.explore()))
            if item.hypothesis.claim.key == hypothesis.claim.key
        ]
        assert strength(run, hypothesis) == max(item.strength for item in rivals)


def test_a_proposal_says_what_it_rests_on(open_campaign: Open) -> None:
    run = open_campaign()
    looks = {look.id: look for look in run.explore()}
    for hypothesis in propose(run, 6):
        (parent,) = hypothesis.parents
        effect, n = looks[parent].effects[hypothesis.claim.reference.name]
        assert f"{effect:+.3f} over {n} genes" in hypothesis.rationale
        margin = looks[parent].margins[hypothesis.claim.reference.name]
        assert f"{margin.gain:+.3f} beyond the best baseline" in hypothesis.rationale
        assert looks[parent].params.locus() == hypothesis.locus
        if hypothesis.claim.relation is Relation.SEPARATES:
            assert hypothesis.direction is (Direction.GREATER if effect > 0 else Direction.LESS)
        else:
            assert hypothesis.direction is Direction.GREATER
            assert effect > 0


def test_nothing_is_proposed_that_registration_would_refuse(open_campaign: Open, go_round: Go) -> None:
    run = open_campaign(budget={"experiments": 12}, error={"n_max": 12})
    for number in (1, 2):
        go_round(run, number, propose(run, 6))
    assert run.registered() == 12
    assert refusal_rows(run.ledger) == []


def test_what_was_tried_or_refused_is_not_proposed_again(open_campaign: Open, go_round: Go) -> None:
    run = open_campaign()
    proposals = propose(run, 4)
    misplaced = proposals[0].model_copy(update={"claim": proposals[0].claim.model_copy(update={"adjustment": ()})})
    go_round(run, 1, [proposals[1], misplaced])
    (refused,) = refusal_rows(run.ledger)
    assert refused.code == "mismatch"
    later = {hypothesis.id for hypothesis in propose(run, 4)}
    assert not later & {proposals[1].id, misplaced.id}


def test_a_supported_claim_is_not_tried_at_another_place(open_campaign: Open, go_round: Go) -> None:
    run = open_campaign()
    go_round(run, 1, propose(run, 2))
    done = {row.claim_key for row in hypothesis_rows(run.ledger) if row.verdict == "supported"}
    assert done
    assert not done & {hypothesis.claim.key for hypothesis in propose(run, 6)}


def test_without_levels_nothing_is_proposed(open_campaign: Open, go_round: Go) -> None:
    run = open_campaign(error={"n_max": 2})
    assert len(propose(run, 6)) == 2
    decoys = [item for item in candidates_of(run, "decoy_1") if item.tool.startswith("geometry.axis")][:2]
    go_round(run, 1, decoys)
    assert propose(run, 6) == []


def candidates_of(run: CampaignRun, reference: str) -> list[Hypothesis]:
    return [
        item.hypothesis
        for item in Planner()._candidates(run, list(run.explore()))
        if item.hypothesis.claim.reference.name == reference
    ]


def test_an_instrument_without_support_is_left_alone(open_campaign: Open, go_round: Go) -> None:
    run = open_campaign(error={"n_max": 60}, sesoi={"GeneScores": 0.33})
    name = "geometry.axis_separation"
    decoys = [item for item in candidates_of(run, "decoy_1") if item.tool.startswith(name)]
    go_round(run, 1, decoys[:5])
    assert not any(row.verdict == "supported" for row in hypothesis_rows(run.ledger))
    assert any(item.tool.startswith(name) for item in propose(run, 6))
    go_round(run, 2, decoys[5:6])
    assert agent_view(run.ledger, run.setting.campaign_id).retired_families == {name}
    later = propose(run, 6)
    assert later
    assert not any(item.tool.startswith(name) for item in later)
    run.propose(3, 1, decoys[6])
    run.register(3)
    assert refusal_rows(run.ledger)[-1].code == "retired"


def test_an_instrument_with_a_support_is_kept(open_campaign: Open, go_round: Go) -> None:
    run = open_campaign(error={"n_max": 60}, sesoi={"GeneScores": 0.33})
    name = "geometry.axis_separation"
    found = next(item for item in propose(run, 3) if item.tool.startswith(name))
    decoys = [item for item in candidates_of(run, "decoy_1") if item.tool.startswith(name)]
    go_round(run, 1, [found, *decoys[:6]])
    assert hypothesis_rows(run.ledger)[0].verdict == "supported"
    assert agent_view(run.ledger, run.setting.campaign_id).retired_families == frozenset()


def _retell(entry: Any, payload: dict[str, Any]) -> None:
    """Change what was computed with the observed statistic; keep what was spent and which bits were told."""
    if entry.kind is EntryKind.JUDGEMENT and payload["judgement"]["evidence"]:
        judged = payload["judgement"]
        judged["p"] = "0.777"
        # Baselines, gain and raw effect are worked out only where the nulls leave something to explain.
        for effect in ("effect", "baseline", "gain", "raw"):
            if judged.get(effect) is not None:
                judged[effect] |= {"estimate": "0.011", "low": "-0.2", "high": "0.2"}
        for item in judged["evidence"]:
            item |= {"p": "0.777", "exceedances": 700}
    if entry.kind is EntryKind.VERDICT and payload["settlement"]["t"] is not None:
        settlement = payload["settlement"]
        settlement["next_step"] = "Something else."
        if settlement["verdict"] != "supported":
            settlement |= {"verdict": "refuted", "machine_verdict": "refuted", "first_unmet": "G9"}


@pytest.mark.parametrize("supported", [False, True], ids=["open block", "retired block"])
def test_only_the_bits_of_confirmation_reach_the_planner(
    open_campaign: Open, go_round: Go, retold: Callable[..., None], tmp_path: Path, supported: bool
) -> None:
    run = open_campaign()
    first = propose(run, 1) if supported else []
    go_round(run, 1, [*first, *candidates_of(run, "decoy_1")[:2], *candidates_of(run, "decoy_1_pairs")[:1]])
    told = hypothesis_rows(run.ledger)
    assert any(row.verdict == "supported" for row in told) is supported
    retold(tmp_path / "ledger", tmp_path / "retold", _retell)
    other = open_campaign(folder=tmp_path / "retold")
    changed = [(a.effect, b.effect) for a, b in zip(told, hypothesis_rows(other.ledger), strict=True) if a.p != b.p]
    assert changed, "the other ledger tells the same numbers, so this test shows nothing"
    assert propose(other, 6) == propose(run, 6)
    if not supported:
        views = [agent_view(item.ledger, item.setting.campaign_id) for item in (run, other)]
        assert views[0].model_dump_json() == views[1].model_dump_json()


def test_the_planner_opens_no_numbers_of_a_confirmation_block(
    open_campaign: Open, go_round: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_campaign()
    go_round(run, 1, candidates_of(run, "decoy_1")[:2])
    looks = list(run.explore())
    expected = Planner().propose(run, looks, 4)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the planner read entries or artefacts of the ledger")

    monkeypatch.setattr(type(run.ledger), "get", refuse)
    monkeypatch.setattr(type(run.ledger), "entries", refuse)
    monkeypatch.setattr(type(run.ledger.artefacts), "get", refuse)
    assert Planner().propose(run, looks, 4) == expected


def test_a_trend_is_the_steadier_the_nearer_to_none_and_the_better_known_it_is() -> None:
    known = Margin(error=0.02, gain=-0.4, gain_error=0.1)
    assert steadiness(0.01, 0.1, 0.05, known) > steadiness(-0.05, 0.1, 0.05, known) > 0
    assert steadiness(-0.05, 0.1, 0.05, known) == steadiness(0.05, 0.1, 0.05, known)
    assert steadiness(0.2, 0.1, 0.05, known) < 0
    assert steadiness(0.0, 0.1, 0.05, None) < steadiness(0.0, 0.1, 0.05, known)
