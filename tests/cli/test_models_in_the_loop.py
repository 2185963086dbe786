"""``prompts``, ``replay``, and what ``run``, ``status`` and ``doctor`` say of language models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from theodolite.cli.exit_codes import ExitCode

OFFLINE = {"executor": "planner", "reviewer": "lint"}


def test_prompts_are_listed_with_hash_and_purpose(cli: Any) -> None:
    found = cli("prompts", "show")
    assert found.exit_code == 0
    assert "what an executor is and may do" in found.stdout
    listed = json.loads(cli("prompts", "show", "--json").stdout)
    assert listed["sha256"][:16] in found.stdout
    assert {item["name"] for item in listed["prompts"]} >= {"executor", "reviewer", "repair"}


def test_a_prompt_is_printed_as_it_stands(cli: Any) -> None:
    from theodolite.prompts import load_prompts

    assert cli("prompts", "show", "context").stdout == load_prompts().texts["context"]
    wrong = cli("prompts", "show", "kontext")
    assert wrong.exit_code == ExitCode.BAD_INPUT
    assert "executor, context" in wrong.stderr


def test_the_prompts_of_a_campaign_are_marked_as_its_own(cli: Any, small_world: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "repair.md").write_text("Once more: {{ problem }}", encoding="utf-8")
    file = small_world.campaign_file(tmp_path / "own.yaml", agents=OFFLINE | {"prompts": "mine"})
    found = cli("prompts", "show", "--campaign", file)
    assert "the campaign's own" in found.stdout
    assert cli("prompts", "show", "repair", "--campaign", file).stdout == "Once more: {{ problem }}"


@pytest.mark.parametrize(
    ("agents", "told"),
    [
        ({"executor": "a", "looks_a_claim": -1}, ["agents.looks_a_claim is -1", "looks that an executor may take"]),
        ({"executer": "a"}, ["agents.executer is no key", "did you mean 'executor'"]),
        ({"executor": "a", "prompts": "nowhere"}, ["nowhere", "no folder"]),
    ],
)
def test_wrong_agents_are_refused_before_anything_runs(
    cli: Any, small_world: Any, tmp_path: Path, agents: dict[str, Any], told: list[str]
) -> None:
    file = small_world.campaign_file(tmp_path / "wrong.yaml", agents=agents)
    found = cli("run", file)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert all(words in found.stderr for words in told), found.stderr
    assert not (tmp_path / "wrong.theodolite").exists()


def test_a_hosted_model_is_not_called_from_a_test(
    cli: Any, small_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEODOLITE_MODEL_CALLS", "local")
    file = small_world.campaign_file(tmp_path / "hosted.yaml", agents={"executor": "gpt-5.1"})
    found = cli("run", file)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "THEODOLITE_MODEL_CALLS" in found.stderr
    assert "of one family (OpenAI)" in found.stdout, "the warning comes before anything runs"


def test_a_model_without_a_server_is_refused_and_nothing_is_left_behind(
    cli: Any, small_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THEODOLITE_MODEL_CALLS", raising=False)
    file = small_world.campaign_file(tmp_path / "alone.yaml", agents={"executor": "house-model", "reviewer": "lint"})
    found = cli("run", file)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "OPENAI_BASE_URL" in found.stderr
    assert "at most " in found.stdout and " tokens, " in found.stdout, "what models may spend is said first"
    assert not (tmp_path / "alone.theodolite").exists()


def test_money_needs_a_price(cli: Any, small_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    agents = {"executor": "house-model", "reviewer": "lint"}
    file = small_world.campaign_file(tmp_path / "dear.yaml", agents=agents, budget={"money": 5})
    found = cli("run", file)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert 'models.prices."house-model"' in found.stderr


def test_an_offline_campaign_replays_to_its_head(
    cli: Any, small_world: Any, finished: Path, finished_file: Path, tmp_path: Path
) -> None:
    found = cli("replay", finished_file, "--keep", tmp_path / "kept", "--json")
    assert found.exit_code == 0, found.stdout + found.stderr
    told = json.loads(found.stdout)
    assert told["same_head"] is True
    assert told["calls"] == 0
    assert (tmp_path / "kept" / "ledger.sqlite").is_file()
    again = cli("replay", finished_file, "--keep", tmp_path / "kept")
    assert again.exit_code == ExitCode.BAD_INPUT
    assert "exists" in again.stderr


def test_a_replay_of_another_file_says_what_may_differ(
    cli: Any, small_world: Any, finished: Path, tmp_path: Path
) -> None:
    file = small_world.campaign_file(finished.with_name("finished.yaml"), budget={"experiments": 5})
    found = cli("replay", file)
    assert found.exit_code == ExitCode.PROBLEM
    assert "holds no entry of campaign" in found.stderr
    nowhere = cli("replay", small_world.campaign_file(tmp_path / "never.yaml"))
    assert nowhere.exit_code == ExitCode.BAD_INPUT
    assert "run the campaign first" in nowhere.stderr


def test_doctor_says_where_models_would_be_asked(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-to-be-printed-000000")
    found = cli("doctor")
    text = " ".join(found.stdout.split())
    assert "http://127.0.0.1:11434/v1, a key is set" in text
    assert "never-to-be-printed" not in text
