"""A question in words: a model chooses from the menus; what it cost becomes rows when the campaign goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from theodolite.agents import replay_campaign
from theodolite.agents.asking import ask_for_claim
from theodolite.calibration.plants import seal_round
from theodolite.canonical import canonical_json
from theodolite.claims import Author
from theodolite.experiments import CampaignRun, prepare
from theodolite.experiments.handed import HandedProposal, ProposalError, spent_by_people
from theodolite.store import EntryKind, Ledger, spending

CHOOSE = "choose_geometry_axis_separation"
OFFLINE = {"executor": "qwen3-32b", "reviewer": "lint"}


@pytest.fixture
def campaign(small_world: Any, tmp_path: Path) -> Iterator[CampaignRun]:
    with small_world.opened(tmp_path / "told", small_world.spec("told", agents=OFFLINE)) as run:
        yield run


def ask(run: CampaignRun, models: Any, *answers: Any, question: str = "Is the first program on an axis?") -> Any:
    replies = iter(answers)
    wire = models.Wired(lambda body: next(replies))
    block = run.setting.split.blocks[0]
    asked = ask_for_claim(run.setting, run.ledger, block, question, "Ada", settings=models.settings(), wire=wire)
    return asked, wire


def chosen(models: Any, reference: str = "program_1") -> Any:
    place = {"layer": 1, "axis": 2}
    return models.acting(CHOOSE, place=place, reference=reference, direction="less", rationale="it comes closest")


def test_a_model_chooses_one_claim_and_the_person_is_its_author(campaign: CampaignRun, models: Any) -> None:
    asked, wire = ask(campaign, models, chosen(models))
    found = asked.hypothesis
    assert (found.author, found.claim.reference.name, str(found.locus)) == (
        Author.PERSON,
        "program_1",
        "layer 1 axis 2",
    )
    assert found.claim == campaign.setting.claim(campaign.setting.tools[0], "program_1")
    assert "Is the first program on an axis?" in found.rationale
    assert set(models.offered(wire.asked[0])) >= {CHOOSE, "none_fits"}
    menus = next(item for item in models.told(wire.asked[0], "menus") if item["tool"] == "geometry.axis_separation")
    assert "too_small" not in {item["name"] for item in menus["references"]}, "what cannot be tested is on no menu"
    assert models.told(wire.asked[0], "question") == "Is the first program on an axis?"


def test_what_a_question_costs_is_seen_before_it_is_in_the_chain(campaign: CampaignRun, models: Any) -> None:
    before = campaign.ledger.head()
    asked, _ = ask(campaign, models, chosen(models, "too_small"), chosen(models))
    assert asked.spent.tokens == 240, "the turn in which it was put right is counted"
    assert campaign.ledger.head() == before
    assert spent_by_people(campaign.ledger, campaign.setting.campaign_id) == asked.spent


def test_none_of_the_claims_may_fit(campaign: CampaignRun, models: Any) -> None:
    asked, _ = ask(campaign, models, models.acting("none_fits", reason="it asks for the weather"))
    assert asked.hypothesis is None
    assert asked.reason == "it asks for the weather"


def test_an_unusable_answer_is_an_error_and_still_counted(campaign: CampaignRun, models: Any) -> None:
    with pytest.raises(ProposalError, match="gave no usable answer"):
        ask(campaign, models, *[models.saying("perhaps")] * 3)
    rows = campaign.ledger.ops.inbox(campaign.setting.campaign_id, "row")
    assert len(rows) == 4, "three calls, and the row of what came of them"


def test_nothing_is_asked_once_the_budget_is_spent(small_world: Any, models: Any, tmp_path: Path) -> None:
    spec = small_world.spec("poor", agents=OFFLINE, budget={"tokens": 100})
    with small_world.opened(tmp_path / "poor", spec) as run:
        ask(run, models, chosen(models))
        with pytest.raises(ProposalError, match="budget of tokens is spent"):
            ask(run, models)


def test_a_campaign_without_a_model_says_so(small_world: Any, models: Any, tmp_path: Path) -> None:
    with (
        small_world.opened(tmp_path / "plain", small_world.spec("plain")) as run,
        pytest.raises(ProposalError, match="names none as executor"),
    ):
        ask(run, models)


def test_calls_and_claims_of_people_are_in_the_chain_and_replay_to_the_same_head(
    small_world: Any, models: Any, tmp_path: Path
) -> None:
    spec = small_world.spec("told", agents={"executor": "planner", "reviewer": "lint"}, budget={"experiments": 2})
    asking = small_world.spec("told", agents=OFFLINE)
    with small_world.opened(tmp_path / "elsewhere", asking) as other:
        asked, _ = ask(other, models, chosen(models))
        rows = other.ledger.ops.inbox(other.setting.campaign_id, "row")
        artefacts = {sha: other.ledger.artefacts.get(sha) for sha in named(rows)}
    with small_world.opened(tmp_path / "told", spec) as run:
        ops, campaign = run.ledger.ops, run.setting.campaign_id
        for content in artefacts.values():
            run.ledger.artefacts.put(content)
        for row in rows:
            ops.hand_in(campaign, "row", "Ada", row.content.replace(other.setting.campaign_id, campaign))
        handed = HandedProposal(hypothesis=asked.hypothesis, question="is it?", model="qwen3-32b")
        ops.hand_in(campaign, "proposal", "Ada", canonical_json(handed.model_dump(mode="json")))
    small_world.run_in_process(tmp_path / "told", spec)
    with Ledger.open(tmp_path / "told" / "ledger.sqlite", read_only=True) as told:
        assert spending(told, campaign).tokens == 120
        assert told.ops.inbox(campaign) == []
        first = next(told.entries(kind=EntryKind.HYPOTHESIS)).payload
        assert (first["person"], first["question"], first["model"]) == ("Ada", "is it?", "qwen3-32b")
        workspace = small_world.workspace(tmp_path / "again")
        setting = prepare(spec, workspace)
        replayed = replay_campaign(setting, told, tmp_path / "again", small_world.runner(setting), trials=seal_round)
    assert replayed.differences == ()
    assert replayed.same_head


def named(rows: list[Any]) -> set[str]:
    payloads = [json.loads(row.content)["payload"] for row in rows]
    return {payload[key] for payload in payloads for key in ("request", "response") if payload.get(key)}
