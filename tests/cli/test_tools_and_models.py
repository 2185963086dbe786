"""``tools``, ``models``, ``doctor``."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import fields

import pytest

from theodolite.cli.exit_codes import ExitCode
from theodolite.tools import tools


def test_every_instrument_is_listed_and_described(cli):
    listed = json.loads(cli("tools", "list", "--json").stdout)
    assert [item["name"] for item in listed] == [tool.name for tool in tools()]
    for tool in tools():
        text = cli("tools", "describe", tool.name).stdout
        assert tool.unit.split(",")[0] in text and f"version {tool.version}" in text
        assert all(parameter in text for parameter in tool.params.model_fields)
        assert "-------" not in text
        assert json.loads(cli("tools", "describe", tool.name, "--json").stdout) == tool.describe()


def test_an_unknown_instrument_is_answered_with_those_there_are(cli):
    found = cli("tools", "describe", "geometry.nope")
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "'geometry.nope'" in found.stderr and "attention.edges" in found.stderr


def test_the_packaged_model_is_listed(cli):
    from theodolite.models.registry import model_facts

    (model,) = json.loads(cli("models", "list", "--json").stdout)
    assert model["sha256"] == model_facts("compact-pbmc").sha256
    assert "compact-pbmc" in cli("models", "list").stdout


def test_a_damaged_model_is_listed_as_such_beside_the_others(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("THEODOLITE_MODELS", str(tmp_path))
    for name, files in (("broken", {"config.json": '{"model_type": "bert"}'}), ("empty", {})):
        for file, text in {**files, "theodolite.json": "{}"}.items():
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / file).write_text(text)
    found = cli("models", "list")
    assert found.exit_code == 0 and "compact-pbmc" in found.stdout
    for said in ("broken is damaged: ", "config.json", "empty is damaged: "):
        assert said in found.stdout
    listed = {model["name"]: model for model in json.loads(cli("models", "list", "--json").stdout)}
    assert "config.json" in listed["broken"]["damaged"] and "sha256" in listed["compact-pbmc"]


def test_training_has_an_option_for_every_setting(cli):
    """``command.txt`` beside a checkpoint names options after these fields."""
    from theodolite.models.compact import CompactConfig
    from theodolite.models.training import TrainSettings

    text = cli("models", "train", "compact", "--help").stdout
    names = [field.name for cls in (TrainSettings, CompactConfig) for field in fields(cls) if field.name != "genes"]
    for name in names:
        assert f"--{name.replace('_', '-')} " in text


TINY = ["--eval-every", 2, "--save-every", 1, "--evaluation-masks", 1, "--cells-per-step", 2, "--threads", 1,
        "--width", 8, "--n-layers", 1, "--n-heads", 2, "--feedforward", 8]  # fmt: skip


def test_training_writes_a_model_and_its_command_and_goes_on_where_it_stopped(cli, small_world, tmp_path):
    out = tmp_path / "tiny"
    words = ["models", "train", "compact", "--cells", small_world.cells, *TINY, "--steps", 4, "--out", out]
    found = cli(*words)
    assert found.exit_code == 0, found.stderr
    assert "shrinkage-covariance" in found.stdout and "gene mean" in found.stdout
    assert "Training: 4 of 4" in found.stderr
    weights = (out / "model.safetensors").read_bytes()
    assert f"--cells {small_world.cells}" in (out / "command.txt").read_text()

    again = cli(*words)
    assert "continuing it" in again.stderr and (out / "model.safetensors").read_bytes() == weights
    other = cli(*words, "--seed", 7)
    assert other.exit_code == ExitCode.BAD_INPUT and "--restart" in other.stderr
    assert (out / "model.safetensors").read_bytes() == weights
    assert cli(*words, "--seed", 7, "--restart").exit_code == 0
    assert (out / "model.safetensors").read_bytes() != weights


@pytest.mark.parametrize(("option", "value"), [("--width", 15), ("--steps", 0), ("--mask-share", 2), ("--dropout", 1)])
def test_training_refuses_a_value_before_it_makes_a_folder(cli, small_world, tmp_path, option, value):
    out = tmp_path / "never"
    found = cli("models", "train", "compact", "--cells", small_world.cells, "--out", out, option, value)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert str(value) in found.stderr and not out.exists()


def test_doctor_finds_a_sound_installation_sound(cli, tmp_path):
    found = cli("doctor", "--workspace", tmp_path, "--json")
    told = json.loads(found.stdout)
    assert found.exit_code == 0, told
    names = {finding["name"] for finding in told["findings"]}
    assert {"Python", "free disk", "torch", "packaged model", "packaged cells", "file system"} <= names


def test_doctor_names_what_is_broken_and_how_to_mend_it(cli, tmp_path, monkeypatch):
    known = importlib.metadata.version

    def version(name):
        if name == "langgraph":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = cli("doctor", "--workspace", tmp_path)
    assert found.exit_code == ExitCode.PROBLEM
    assert "pip install langgraph" in " ".join(found.stdout.split()) and "1 of " in found.stdout
