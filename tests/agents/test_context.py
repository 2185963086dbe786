"""The context of an executor: a query over ``agent_view`` that never exceeds its bound, and says what it left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from theodolite.agents.context import executor_context
from theodolite.agents.llm import estimated_tokens
from theodolite.canonical import digest
from theodolite.experiments.menus import persons_claim
from theodolite.prompts import load_prompts

LEFT = {"experiments": 3.0, "looks": None}


@pytest.fixture
def context_of(small_world: Any) -> Any:
    """Return the context and its record for a copy of a finished campaign, at a bound of tokens."""

    def make(folder: Path, most: int) -> tuple[str, dict[str, Any]]:
        small_world.run_in_process(folder, small_world.finished_spec())
        with small_world.opened(folder, small_world.finished_spec()) as run:
            run.open()
            return executor_context(
                run, load_prompts(), round_number=9, conversation=1, looks=4, left=LEFT, most_tokens=most
            )

    return make


def test_everything_is_shown_where_there_is_room(context_of: Any, tmp_path: Path, models: Any) -> None:
    text, query = context_of(tmp_path, 100_000)
    body = {"messages": [{"content": text}]}
    assert query["tokens"] == estimated_tokens(text)
    assert query["sha256"] == digest(text)
    assert set(query["left_out"].values()) == {0}
    tried = models.told(body, "tried hypotheses")["shown"]
    assert {"reference", "tool", "at", "round", "supported"} <= set(tried[-1])
    assert models.told(body, "supported claims")["shown"], "this world holds real programs"
    assert {item["name"] for item in models.told(body, "references")["set"]} >= {"program_1", "program_2"}
    assert "too_small" not in {item["name"] for item in models.told(body, "references")["set"]}
    # A retired block has told its verdicts; an open one has not.
    assert any("verdict" in item for item in tried)


def test_the_bound_holds_and_what_is_left_out_is_said(context_of: Any, tmp_path: Path, models: Any) -> None:
    text, query = context_of(tmp_path, 2_500)
    assert query["tokens"] <= 2_500
    left_out = {
        name: models.told({"messages": [{"content": text}]}, label)["left_out"] for name, label in LABELS.items()
    }
    assert left_out == query["left_out"]
    assert sum(left_out.values()) > 0


LABELS = {
    "supported": "supported claims",
    "tried": "tried hypotheses",
    "refused": "refusals",
    "looked": "earlier looks",
}


def test_equal_ledgers_give_equal_contexts(context_of: Any, tmp_path: Path) -> None:
    assert context_of(tmp_path / "a", 5_000) == context_of(tmp_path / "b", 5_000)


def test_what_a_person_proposes_who_may_have_seen_an_open_block_is_not_shown(
    open_campaign: Any, go_round: Any, models: Any, small_world: Any
) -> None:
    """Whoever learned of it could take the idea back to that block, where the person could not."""

    def proposed_in(run: Any, number: int) -> list[Any]:
        text, _ = executor_context(
            run, load_prompts(), round_number=number, conversation=1, looks=4, left=LEFT, most_tokens=9000
        )
        found: list[Any] = models.told({"messages": [{"content": text}]}, "proposals of this round")
        return found

    def by_person(run: Any, reference: str) -> Any:
        place = {"tool": "geometry.axis_separation", "place": "layer 0 axis 1", "direction": "less"}
        return persons_claim(run.setting, run.block, reference=reference, rationale="an idea", **place)

    terms = small_world.two_blocks | {"sesoi": {"GeneScores": 0.3}}
    first = open_campaign(**terms)
    first.propose(1, 1, by_person(first, "decoy_1"), {"person": "Ada", "inbox": 1})
    assert [item["claim"] for item in proposed_in(first, 1)] == ["decoy_1"], "nothing was judged yet"
    go_round(first, 1, [])
    assert first.block == "block-1", "no support: its block is open, and people have seen it"
    later = open_campaign("later", **terms | {"seed": 2})
    later.propose(1, 1, by_person(later, "decoy_2"), {"person": "Ada", "inbox": 2})
    assert proposed_in(later, 1) == []
