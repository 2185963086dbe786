"""``models add``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from theodolite.cli.exit_codes import ExitCode
from theodolite.models.known import KNOWN
from theodolite.models.scgpt.checkpoint import write_random_checkpoint
from theodolite.models.scgpt.settings import ScGPTSettings

Cli = Callable[..., Any]


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THEODOLITE_MODELS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a model so small be added under a published name."""
    monkeypatch.setitem(KNOWN, "scgpt-human", replace(KNOWN["scgpt-human"], shape={}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    settings = ScGPTSettings(embsize=8, nheads=2, d_hid=8, nlayers=1, max_seq_len=20)
    write_random_checkpoint(tmp_path / "downloaded", ("CD74", "B2M"), settings, seed=1)
    return tmp_path / "downloaded"


def test_known_models_are_listed_with_their_licences(cli: Cli) -> None:
    text = cli("models", "add").stdout
    assert "scgpt-human" in text and "MIT" in text and "geneformer-v2-316m" in text and "Apache-2.0" in text
    listed = json.loads(cli("models", "add", "--json").stdout)
    assert {model["name"]: model["folder"] for model in listed}["scgpt-human"] is None


@pytest.mark.usefixtures("small")
def test_a_folder_is_verified_and_added(cli: Cli, folder: Path, shelf: Path) -> None:
    found = cli("models", "add", "scgpt-human", folder)
    assert found.exit_code == 0, found.stderr
    assert "authors' page: https://github.com/bowang-lab/scGPT" in found.stderr and "licence: MIT" in found.stderr
    assert "best_model.pt  weights, about 207 MB" in found.stderr
    assert f"best_model.pt  {(folder / 'best_model.pt').stat().st_size:,} bytes" in found.stderr
    assert "scgpt-human is added" in found.stdout
    assert "are expected of scgpt-human: it can be read, but is it that model?" in found.stderr
    assert json.loads((shelf / "scgpt-human" / "theodolite.json").read_text())["licence"] == "MIT"
    again = cli("models", "add", "scgpt-human", folder)
    assert again.exit_code == ExitCode.BAD_INPUT and "is there already" in again.stderr
    listed = json.loads(cli("models", "add", "--json").stdout)
    assert {model["name"]: model["folder"] for model in listed}["scgpt-human"] == str(shelf / "scgpt-human")


@pytest.mark.usefixtures("small")
def test_the_card_is_data(cli: Cli, folder: Path) -> None:
    card = json.loads(cli("models", "add", "scgpt-human", folder, "--json").stdout)
    assert card["source"] == {"folder": str(folder)} and len(card["model_sha256"]) == 64


def test_a_broken_folder_is_named_with_the_remedy(cli: Cli, folder: Path, shelf: Path) -> None:
    weights = folder / "best_model.pt"
    weights.write_bytes(weights.read_bytes()[:-100])
    found = cli("models", "add", "scgpt-human", folder)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "best_model.pt: cut short or damaged" in found.stderr and "get the whole folder" in found.stderr
    assert not list(shelf.iterdir())


def test_another_model_under_a_published_name_is_refused(cli: Cli, folder: Path, shelf: Path) -> None:
    found = cli("models", "add", "scgpt-human", folder)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "this is a model, but not scgpt-human: layers 1 where 12 is published" in " ".join(found.stderr.split())
    assert not list(shelf.iterdir())


def test_without_a_folder_the_authors_place_is_named(cli: Cli) -> None:
    found = cli("models", "add", "scgpt-human")
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "drive.google.com" in found.stderr and "then give `theodolite models add scgpt-human FOLDER`" in found.stderr


def test_offline_a_download_says_what_to_do(cli: Cli) -> None:
    found = cli("models", "add", "geneformer-v1-10m")
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "https://huggingface.co/ctheodoris/Geneformer" in found.stderr
    assert "theodolite models add geneformer-v1-10m FOLDER" in found.stderr


def test_wrong_use_is_answered(cli: Cli, folder: Path) -> None:
    unknown = cli("models", "add", "scgpt")
    assert unknown.exit_code == ExitCode.BAD_INPUT and "'scgpt'" in unknown.stderr and "scgpt-human" in unknown.stderr
    both = cli("models", "add", "scgpt-human", folder, "--endpoint", "http://127.0.0.1:9")
    assert both.exit_code == ExitCode.BAD_INPUT and "are for downloads" in both.stderr


@pytest.mark.usefixtures("small")
def test_a_model_whose_files_changed_since_is_listed_as_such(cli: Cli, folder: Path, shelf: Path) -> None:
    assert cli("models", "add", "scgpt-human", folder).exit_code == 0
    assert "damaged" not in cli("models", "list").stdout
    settings = ScGPTSettings(embsize=8, nheads=2, d_hid=8, nlayers=1, max_seq_len=20)
    write_random_checkpoint(shelf / "scgpt-human", ("CD74", "B2M"), settings, seed=2)
    found = cli("models", "list")
    assert found.exit_code == 0
    assert "scgpt-human is damaged: best_model.pt changed since it was added; add it again" in found.stdout
