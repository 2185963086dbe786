"""Prompts: versioned Markdown that a campaign may replace; what is not understood is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from theodolite.prompts import NAMES, PURPOSES, PromptError, Prompts, load_prompts


def test_every_prompt_is_packaged_and_has_a_purpose() -> None:
    prompts = load_prompts()
    assert tuple(prompts.texts) == NAMES == tuple(PURPOSES)
    assert all(text.strip() for text in prompts.texts.values())
    assert prompts.replaced == ()
    assert len(set(prompts.hashes().values())) == len(NAMES)


def test_a_campaign_replaces_one_and_gets_another_hash(tmp_path: Path) -> None:
    (tmp_path / "repair.md").write_text("Wrong: {{ problem }} {{ how }}", encoding="utf-8")
    own, packaged = load_prompts(tmp_path), load_prompts()
    assert own.replaced == ("repair",)
    assert own.render("repair", problem="p", how="h") == "Wrong: p h"
    assert own.texts["plan"] == packaged.texts["plan"]
    assert own.sha256 != packaged.sha256


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"verdict.md": "be kind"}, "verdict.md, which is no prompt"),
        ({"notes.txt": "not a prompt"}, "no Markdown file"),
        ({}, "no Markdown file"),
    ],
)
def test_a_folder_that_is_not_understood_is_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(PromptError, match=said):
        load_prompts(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("Again {{ nonsense }}", "nonsense.*problem"), ("{% if %}", "no template"), ("{{ plan }}", "plan")],
)
def test_a_prompt_that_could_not_be_filled_in_is_refused_when_it_is_read(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "repair.md").write_text(text, encoding="utf-8")
    with pytest.raises(PromptError, match=said):
        load_prompts(tmp_path)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="nowhere"):
        load_prompts(tmp_path / "nowhere")


def test_what_is_filled_in_is_never_read_as_a_template() -> None:
    prompts = Prompts({"repair": "{{ problem }}"})
    assert prompts.render("repair", problem="{{ 7 * 7 }}{% raw %}") == "{{ 7 * 7 }}{% raw %}"


@pytest.mark.parametrize("text", ["{{ secret }}", "{% for %}", "{{ problem.__class__.__mro__ }}"])
def test_a_template_that_asks_for_more_than_it_is_given_is_refused(text: str) -> None:
    with pytest.raises(PromptError, match="repair"):
        Prompts({"repair": text}).render("repair", problem="x")
