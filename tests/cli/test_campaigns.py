"""``init``, ``run``, ``demo``: a wrong file costs nothing, a right one always continues."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from theodolite.cli.exit_codes import ExitCode
from theodolite.store import Ledger, diff


def test_init_writes_a_file_that_loads(cli, tmp_path):
    from theodolite.experiments import load_campaign

    file = tmp_path / "my_campaign.yaml"
    found = cli("init", file)
    assert found.exit_code == 0 and f"theodolite run {file}" in found.stdout
    assert load_campaign(file).name == "my-campaign"
    assert "#" in file.read_text(encoding="utf-8")


def test_init_replaces_only_when_told_to(cli, tmp_path):
    file = tmp_path / "campaign.yaml"
    file.write_text("mine")
    assert cli("init", file).exit_code == ExitCode.BAD_INPUT
    assert file.read_text() == "mine"
    assert cli("init", file, "--force", "--name", "other").exit_code == 0
    assert "name: other" in file.read_text()


@pytest.mark.parametrize(("words", "told"), [(["--name", "A B"], "'A B'"), ([], "no folder")])
def test_init_refuses_what_could_not_run(cli, tmp_path, words, told):
    file = tmp_path / ("x.yaml" if words else "absent/x.yaml")
    found = cli("init", file, *words)
    assert found.exit_code == ExitCode.BAD_INPUT and told in found.stderr
    assert not file.exists()


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ({"budgett": 3}, ["budgett", "did you mean 'budget'"]),
        ({"error": {"q": 2}}, ["error.q", "2", "0.5"]),
        ({"model": "no-such-model"}, ["no-such-model", "compact-pbmc"]),
        ({"cells": {"source": "absent.h5ad"}}, ["absent.h5ad"]),
        ({"references": "absent.yaml"}, ["absent.yaml"]),
        ({"tools": ["geometry.nope"]}, ["geometry.nope", "geometry.pair_proximity"]),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_wrong_file_is_refused_with_its_line_before_anything_is_made(
    cli, small_world, tmp_path, command, override, told
):
    file = small_world.campaign_file(tmp_path / "wrong.yaml", **override)
    found = cli(command, file)
    assert found.exit_code == ExitCode.BAD_INPUT, found.stderr
    key = next(iter(override))
    value = override[key]
    marker = next(iter(value)) if isinstance(value, dict) else key
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if text.strip().startswith(f"{marker}:"))
    assert f"{file}, line {line}: " in found.stderr
    assert all(word in found.stderr for word in told)
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


def test_a_complete_campaign_is_shown_and_not_run_again(cli, finished_file, finished):
    before = Ledger.open(finished / "ledger.sqlite", read_only=True).head()
    found = cli("run", finished_file)
    assert found.exit_code == 0, found.stderr
    assert "nothing was run again" in found.stderr
    for text in ("supported", "AUROC", "p 2e-04", "next:", "Stopped: budget", "finished.theodolite/ledger.sqlite"):
        assert text in found.stdout
    assert Ledger.open(finished / "ledger.sqlite", read_only=True).head() == before


def test_the_demo_continues_what_is_in_its_folder(cli, finished_file, finished):
    finished_file.rename(finished / "demo.yaml")
    text = (finished / "demo.yaml").read_text()
    found = cli("demo", "--dir", finished)
    assert found.exit_code == 0, found.stderr
    assert (finished / "demo.yaml").read_text() == text
    assert "nothing was run again" in found.stderr
    for line in (
        "Try next:",
        f"theodolite dashboard {finished}",
        f"theodolite ledger verify --deep -w {finished}",
        "planted-model: 2 layers of 2 heads",
    ):
        assert line in found.stdout


def test_a_second_coordinator_is_refused_by_name_and_process(cli, finished_file, finished):
    with Ledger.open(finished / "ledger.sqlite") as ledger, ledger.coordinator("an earlier run"):
        found = cli("run", finished_file)
    assert found.exit_code == ExitCode.LEDGER
    assert "'an earlier run'" in found.stderr and str(os.getpid()) in found.stderr


@pytest.mark.parametrize("words", [[], ["--detach"]])
def test_a_stream_that_was_locked_otherwise_is_refused_before_anything_runs(cli, small_world, finished, words):
    file = small_world.campaign_file(finished.with_name("finished.yaml"), error={"n_max": 13})
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        head = ledger.head()
    found = cli("run", file, *words)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "n_max" in found.stderr and "Traceback" not in found.stderr
    with Ledger.open(finished / "ledger.sqlite", read_only=True) as ledger:
        assert (ledger.head(), ledger.ops.leases()) == (head, [])


@pytest.mark.slow
def test_an_interrupted_run_continues_to_the_same_ledger(command, small_world, tmp_path):
    """Ctrl-C while it looks at the discovery genes, then the same command again: as if nothing had happened."""
    # Several rounds follow the looks, so that the signal cannot come after the end.
    several = {"budget": {"experiments": 6}, "round_size": 1}
    file = small_world.campaign_file(tmp_path / "broken.yaml", **several)
    process = subprocess.Popen([*command, "run", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "Looking" in line:
            break
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED
    assert "same command again" in told and "Traceback" not in told

    again = subprocess.run([*command, "run", str(file)], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    unbroken = tmp_path / "unbroken"
    small_world.run_in_process(unbroken, small_world.spec("broken", **several))
    with (
        Ledger.open(tmp_path / "broken.theodolite" / "ledger.sqlite", read_only=True) as first,
        Ledger.open(unbroken / "ledger.sqlite", read_only=True) as second,
    ):
        assert diff(first, second) == []
        assert first.head().hash == second.head().hash
