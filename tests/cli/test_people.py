"""``propose`` and ``approve``: what people hand in waits outside the chain, and says when it takes effect."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from theodolite.agents import CampaignPaused
from theodolite.cli import app
from theodolite.cli.exit_codes import ExitCode
from theodolite.store import EntryKind, Ledger

CLAIM = ["--tool", "geometry.axis_separation", "--reference", "program_1", "--place", "layer 1 axis 2"]
WHO = ["--person", "Ada Lovelace"]


@pytest.fixture
def file(small_world: Any, tmp_path: Path) -> Path:
    """Return a campaign file that was never run."""
    path: Path = small_world.campaign_file(tmp_path / "mine.yaml", budget={"experiments": 2})
    return path


def inbox(folder: Path) -> list[Any]:
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        return ledger.ops.inbox(None)


def test_a_claim_of_ones_own_is_queued_and_the_first_round_takes_it_up(
    cli: Any, small_world: Any, file: Path, tmp_path: Path
) -> None:
    found = cli("propose", file, *CLAIM, "--direction", "greater", "--because", "I wonder", *WHO)
    assert found.exit_code == 0, found.stderr
    text = " ".join(found.stdout.split())
    assert "“planted program 1”: genes lie at the upper end of axis 2 after block 1" in text
    assert "Queued as number 1 of campaign mine-" in text
    assert f"`theodolite run {file}` takes it up in its next round" in text
    folder = tmp_path / "mine.theodolite"
    status = cli("status", folder)
    assert "proposal 1 of Ada Lovelace" in status.stdout
    assert json.loads(cli("status", folder, "--json").stdout)["waiting"]["proposals"][0]["number"] == 1

    from theodolite.experiments import load_campaign

    small_world.run_in_process(folder, load_campaign(file))
    assert inbox(folder) == []
    shown = cli("ledger", "show", "r01.s001", "-w", folder)
    assert "by Ada Lovelace (a person) with geometry.axis_separation@1: I wonder" in shown.stdout
    assert cli("ledger", "verify", "-w", folder).exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--tool", "geometry.axis", *CLAIM[2:], *WHO], ["'geometry.axis'", "did you mean 'geometry.axis_separation'"]),
        ([*CLAIM[:2], "--reference", "program_9", *CLAIM[4:], *WHO], ["'program_9'", "'program_1'"]),
        ([*CLAIM[:2], "--reference", "too_small", *CLAIM[4:], *WHO], ["'too_small' cannot be tested here"]),
        ([*CLAIM[:4], "--place", "layer 9 axis 2", *WHO], ["'layer 9 axis 2'", "did you mean"]),
        ([*CLAIM[:4], "--place", '{"layer": 1, "axis": 99}', *WHO], ["(layer, axis)", "got 99"]),
        ([*CLAIM[:4], "--place", '{"layer": 1,', *WHO], ["does not give the parameters", "layer 0 axis 1"]),
        ([*CLAIM, "--direction", "upwards", *WHO], ["'upwards'", "greater, less"]),
        ([*CLAIM, *WHO], ["has two ends", "greater or less"]),
        ([*CLAIM, "--direction", "less"], ["--person NAME"]),
        ([*CLAIM[:2], *WHO], ["--reference and --place are not given", "no terminal"]),
        (["is it so?", *WHO, "--yes"], ["needs a language model"]),
    ],
)
def test_what_is_not_on_the_menus_is_refused_and_nothing_is_made(
    cli: Any, file: Path, tmp_path: Path, words: list[str], told: list[str]
) -> None:
    found = cli("propose", file, *words)
    assert found.exit_code == ExitCode.BAD_INPUT, found.stdout
    assert all(text in " ".join(found.stderr.split()) for text in told), found.stderr
    assert not (tmp_path / "mine.theodolite").exists()


def test_in_a_terminal_a_person_chooses_by_number(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("theodolite.cli.proposing._terminal", lambda: True)
    typed = "1\nnonsense\n2\nany place\n2\nbecause\n"
    found = CliRunner().invoke(app, ["propose", str(file), *WHO], input=typed)
    assert found.exit_code == 0, found.output
    assert "'nonsense' is neither a number from 1 to" in found.output
    assert "genes lie at the lower end of an axis somewhere in the model" in " ".join(found.output.split())
    assert json.loads(inbox(tmp_path / "mine.theodolite")[0].content)["hypothesis"]["rationale"] == "because"


def test_a_claim_may_be_handed_in_while_a_coordinator_runs(cli: Any, file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine.theodolite"
    with Ledger.create(folder / "ledger.sqlite") as ledger, ledger.coordinator("theodolite run mine.yaml"):
        found = cli("propose", file, *CLAIM, "--direction", "less", *WHO)
        assert found.exit_code == 0, found.stderr
        assert "'theodolite run mine.yaml' (process" in found.stdout
        assert "takes it up when its next round begins" in " ".join(found.stdout.split())
        again = cli("propose", file, *CLAIM, "--direction", "less", "--person", "Bob")
        assert again.exit_code == ExitCode.BAD_INPUT
        assert "Ada Lovelace has handed in the same claim, which waits as number 1" in again.stderr
        assert ledger.head().seq == 0, "the chain is the coordinator's"


def test_a_complete_campaign_takes_nothing_up(cli: Any, finished_file: Path, finished: Path) -> None:
    found = cli("propose", finished_file, *CLAIM, "--direction", "less", *WHO)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "is complete (budget)" in found.stderr
    assert "another campaign file" in found.stderr
    assert inbox(finished) == []


def test_after_a_judged_round_it_says_that_the_block_was_used(
    cli: Any, small_world: Any, finished: Path, tmp_path: Path
) -> None:
    """Another campaign on the ledger of one that was judged: its person may have seen everything."""
    file = small_world.campaign_file(tmp_path / "next.yaml", budget={"experiments": 2})
    found = cli("propose", file, *CLAIM, "--direction", "less", *WHO, "-w", finished)
    assert found.exit_code == 0, found.stderr
    assert "[reused hold-out]" in found.stdout
    strict = small_world.campaign_file(tmp_path / "strict.yaml", spent_blocks="stop")
    refused = cli("propose", strict, *CLAIM, "--direction", "less", *WHO, "-w", finished)
    assert refused.exit_code == ExitCode.BAD_INPUT
    assert "spent_blocks: stop" in refused.stderr


@pytest.fixture(scope="module")
def paused(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a campaign that waits for people; made once for each kind of approval."""
    made: dict[str, Path] = {}

    def wait(approve: str) -> Path:
        if approve not in made:
            made[approve] = tmp_path_factory.mktemp(approve) / "asks.theodolite"
            file = small_world.campaign_file(
                made[approve].with_name("asks.yaml"), budget={"experiments": 2}, approve=approve
            )
            from theodolite.experiments import load_campaign

            with pytest.raises(CampaignPaused):
                small_world.run_in_process(made[approve], load_campaign(file))
        return made[approve]

    return wait


@pytest.mark.parametrize("approve", ["registrations", "verdicts"])
def test_what_waits_is_listed_and_answered_once(
    cli: Any, small_world: Any, paused: Callable[[str], Path], tmp_path: Path, approve: str
) -> None:
    folder = tmp_path / "asks.theodolite"
    shutil.copytree(paused(approve), folder)
    listed = cli("approve", "-w", folder)
    assert listed.exit_code == 0, listed.stderr
    text = " ".join(listed.stdout.split())
    assert "r01.s001" in text and "r01.s002" in text and "proposed by the planner" in text
    assert ("It would be supported" in text and "G9 effect size: met" in text) is (approve == "verdicts")
    assert "waits for approval" in cli("status", folder).stdout

    assert cli("approve", "r01.s001", "-w", folder, *WHO).exit_code == 0
    assert "has handed in about 'r01.s001' already" in cli("approve", "r01.s001", "-w", folder, *WHO).stderr
    assert "needs a reason" in cli("approve", "--all", "--reject", "-w", folder, *WHO).stderr
    assert "'r09.s001' does not wait" in cli("approve", "r09.s001", "-w", folder, *WHO).stderr
    rejected = cli("approve", "--all", "--reject", "--because", "off topic", "-w", folder, *WHO)
    assert "Rejected by Ada Lovelace: r01.s002" in rejected.stdout, rejected.stderr

    from theodolite.experiments import load_campaign

    small_world.run_in_process(folder, load_campaign(paused(approve).with_name("asks.yaml")))
    first, second = small_world.rows(folder)
    assert first.verdict == "supported"
    assert second.verdict == ("error" if approve == "registrations" else "inconclusive")
    shown = cli("ledger", "show", "r01.s002", "-w", folder)
    assert f"Ada Lovelace rejected the {approve.removesuffix('s')}: off topic" in shown.stdout
    assert "Nothing waits for a person." in cli("approve", "-w", folder).stdout
    assert "nothing waits" in cli("approve", "--all", "-w", folder, *WHO).stderr
    assert cli("ledger", "verify", "-w", folder).exit_code == 0


def test_a_waiting_run_ends_with_the_code_of_a_campaign_that_waits(cli: Any, paused: Callable[[str], Path]) -> None:
    folder = paused("registrations")
    found = cli("run", folder.with_name("asks.yaml"), "-w", folder)
    assert found.exit_code == ExitCode.CAMPAIGN
    assert "Waiting: awaiting_approval: the locked plans of r01.s001, r01.s002 wait" in found.stdout
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.count(EntryKind.RESULT) == 0
