"""A language model as executor: looks through typed tools, then one typed claim, on whole small campaigns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from theodolite.agents import assemble, run_campaign
from theodolite.claims import Author
from theodolite.store import EntryKind, Ledger, StopReason, hypothesis_rows, model_call_rows

AGENTS = {"executor": "qwen3-32b", "reviewer": "lint"}
LOOK, CLAIM = "look_geometry_axis_separation", "claim_geometry_axis_separation"


class Careful:
    """Looks at two axes of the embedding, then claims what stood out most on the second, reference by reference."""

    def __init__(self, models: Any) -> None:
        self.models = models

    def __call__(self, body: dict[str, Any]) -> Any:
        turn = self.models.turns(body)
        if turn < 2:
            return self.models.acting(LOOK, layer=0, axis=1 + turn)
        taken = {item["claim"] for item in self.models.told(body, "proposals of this round")}
        tried = {item.get("reference") for item in self.models.told(body, "tried hypotheses")["shown"]}
        seen = self.models.told(body, "result of the look")["strongest"]
        best = next(row for row in seen if row["reference"] not in taken | tried)
        side = "greater" if best["effect"] > 0 else "less"
        place = {"layer": 0, "axis": 2}
        return self.models.acting(
            CLAIM, place=place, reference=best["reference"], direction=side, rationale="It\nstands\x1b[31m out."
        )


@pytest.fixture
def play(small_world: Any, models: Any) -> Any:
    """Run a campaign whose executor answers by a function of the request; returns the wire."""

    def run(folder: Path, answer: Any, **overrides: Any) -> Any:
        content = {"budget": {"experiments": 2}, "agents": AGENTS} | overrides
        wire = models.Wired(answer)
        with small_world.opened(folder, small_world.spec("talk", **content)) as campaign:
            team = assemble(campaign, settings=models.settings(), wire=wire)
            wire.reason = run_campaign(campaign, team.executor, team.reviewer, meter=team.meter)
        return wire

    return run


def test_what_a_model_looked_at_and_claimed_is_a_row_with_its_parents(play: Any, models: Any, tmp_path: Path) -> None:
    wire = play(tmp_path, Careful(models))
    assert wire.reason.startswith("budget")
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        rows = hypothesis_rows(ledger)
        assert {row.author for row in rows} == {Author.EXECUTOR.value}
        assert all(row.locus == "layer 0 axis 2" and len(row.parents) == 1 for row in rows)
        assert {row.rationale for row in rows} == {"It stands [31m out."}
        assert ledger.count(EntryKind.LOOK) == 2, "the same look twice is one row"
        first = next(iter(ledger.entries(kind=EntryKind.MODEL_CALL))).payload
        assert first["context"]["view"] == "agent_view"
        assert first["context"]["left_out"] == {"looked": 0, "refused": 0, "supported": 0, "tried": 0}
    assert not any("record_verdict" in name for body in wire.asked for name in models.offered(body))


def test_no_number_of_the_hold_out_reaches_the_executor(play: Any, models: Any, tmp_path: Path) -> None:
    wire = play(tmp_path, Careful(models))
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        numbers = {str(value) for row in hypothesis_rows(ledger) for value in (row.effect, row.p, row.e) if value}
    said = "\n".join(str(message["content"]) for body in wire.asked for message in body["messages"])
    assert numbers
    assert not [number for number in numbers if len(number) > 6 and number in said]
    # What is left of tokens would tell how long the reviewer's record was.
    assert set(models.told(wire.asked[0], "what is left")) == {"experiments", "looks", "repeats", "next_level"}


def test_looks_are_counted_and_then_only_a_claim_is_offered(play: Any, models: Any, tmp_path: Path) -> None:
    def looks_on(body: dict[str, Any]) -> Any:
        offered = models.offered(body)
        if LOOK in offered:
            return models.acting(LOOK, layer=models.turns(body) % 3, axis=1 + models.turns(body) // 3)
        place = {"layer": 0, "axis": 1}
        return models.acting(CLAIM, place=place, reference="program_1", direction="greater", rationale="enough")

    agents = AGENTS | {"looks_a_claim": 3}
    wire = play(tmp_path, looks_on, agents=agents, budget={"experiments": 1})
    assert len(wire.asked) == 4
    assert [LOOK in models.offered(body) for body in wire.asked] == [True, True, True, False]
    assert "No look is left" in wire.asked[3]["messages"][-1]["content"]


def test_looks_of_the_whole_campaign_have_an_end_as_well(play: Any, models: Any, tmp_path: Path) -> None:
    place = {"layer": 0, "axis": 1}

    def one_look_each(body: dict[str, Any]) -> Any:
        if LOOK in models.offered(body) and models.turns(body) == 0:
            taken = len(models.told(body, "earlier looks")["shown"])
            return models.acting(LOOK, layer=taken % 3, axis=2)
        name = f"program_{1 + len(models.told(body, 'proposals of this round'))}"
        return models.acting(CLAIM, place=place, reference=name, direction="greater", rationale="x")

    play(tmp_path, one_look_each, budget={"experiments": 2, "looks": 1}, round_size=2)
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.count(EntryKind.LOOK) == 1
        marks = [entry.payload["percent"] for entry in ledger.entries(kind=EntryKind.BUDGET) if "looks" in entry.id]
        assert marks == [100]
        assert ledger.count(EntryKind.REGISTRATION) == 2, "without looks claims can still be made"


def test_a_repeated_look_is_answered_from_memory_and_counted(play: Any, models: Any, tmp_path: Path) -> None:
    def stuck(body: dict[str, Any]) -> Any:
        return models.acting(LOOK, layer=0, axis=1)

    wire = play(tmp_path, stuck, budget={"experiments": 2, "repeats": 3})
    assert wire.reason.startswith(StopReason.REPEATS.value)
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.count(EntryKind.LOOK) == 1
        assert ledger.count(EntryKind.REPEAT) == 3
        assert len(model_call_rows(ledger)) == 4, "the first look, three repeats, and no call after the last"


def test_the_same_claim_again_is_a_repeat_and_a_refusal(play: Any, models: Any, tmp_path: Path) -> None:
    claim = {"place": {"layer": 0, "axis": 1}, "reference": "program_1", "direction": "greater", "rationale": "again"}
    wire = play(tmp_path, lambda body: models.acting(CLAIM, **claim), budget={"experiments": 4})
    assert wire.reason.startswith(StopReason.NO_PROGRESS.value)
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        rows = hypothesis_rows(ledger)
        assert sum(row.prereg_sha256 is not None for row in rows) == 1
        assert ledger.count(EntryKind.REPEAT) == len(rows) - 1
        assert {entry.payload["code"] for entry in ledger.entries(kind=EntryKind.REFUSAL)} == {"duplicate"}


def test_a_wish_is_a_row_for_people_and_nothing_else(play: Any, models: Any, tmp_path: Path) -> None:
    def wishes(body: dict[str, Any]) -> Any:
        if models.turns(body) == 0:
            return models.acting("ask_for", what="tool", name="circuits", reason="to follow an edge")
        return models.acting("pass", reason="without it there is nothing to say")

    wire = play(tmp_path, wishes)
    assert wire.reason.startswith(StopReason.NO_CANDIDATES.value)
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        found = [entry.payload["name"] for entry in ledger.entries(kind=EntryKind.WISH)]
        assert found == ["circuits"] * 3, "it is asked again in three rounds before the campaign ends"
        assert ledger.count(EntryKind.HYPOTHESIS) == 0


def test_a_model_that_answers_nothing_usable_ends_the_campaign_without_a_claim(
    play: Any, models: Any, tmp_path: Path
) -> None:
    wire = play(tmp_path, lambda body: models.saying("I am thinking."))
    assert wire.reason.startswith(StopReason.NO_CANDIDATES.value)
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        codes = [entry.payload["code"] for entry in ledger.entries(kind=EntryKind.MALFORMED)]
        assert codes == ["invalid"] * 6, "two conversations in each of three rounds"
        assert all(row.estimated for row in model_call_rows(ledger))


@pytest.mark.parametrize(("budget", "reason"), [("tokens", "tokens"), ("money", "money")])
def test_a_budget_is_exceeded_by_at_most_one_call(
    small_world: Any, models: Any, tmp_path: Path, budget: str, reason: str
) -> None:
    # A call costs 120 tokens; at a dollar a thousand tokens, 0.12 dollars.
    limit = {"tokens": 500, "money": 0.5}[budget]
    prices = {"qwen3-32b": {"input": 1000.0, "output": 1000.0}}
    spec = small_world.spec("talk", budget={"experiments": 4, budget: limit}, agents=AGENTS)
    with small_world.opened(tmp_path, spec) as run:
        said: list[str] = []
        wire = models.Wired(Careful(models))
        team = assemble(run, settings=models.settings(prices=prices), wire=wire, warn=said.append)
        stopped = run_campaign(run, team.executor, team.reviewer, meter=team.meter)
        assert stopped.startswith(reason)
        assert len(wire.asked) == 5, "four calls are 480 tokens; one more was allowed, and none after it"
        assert [mark.partition(" ")[0] for mark in said if budget in mark] == ["65", "95", "100"]
