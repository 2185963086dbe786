"""``theodolite calibrate`` as a person would give it."""

from __future__ import annotations

import json

import pytest

from theodolite.cli.exit_codes import ExitCode

FILES = ("calibration.json", "calibration.md", "calibration.svg", "calibration.png", "study.json")


@pytest.fixture
def made_up(monkeypatch):
    """Let every campaign be made up: true claims supported, or a false one with ``made_up(False)``."""
    from theodolite.calibration import workers
    from theodolite.calibration.records import CampaignResult, TestRecord

    ran: list[str] = []

    def let(good: bool) -> list[str]:
        def one(world, proposer, ablation, *, terms, seed):
            ran.append(proposer.value)
            null = world["world"] == "global_null"
            test = TestRecord(
                round=1, slot=1, hypothesis_id="0" * 64, claim_key="0" * 64, reference="regulon_1",
                locus="layer 1 head 1", truth="null" if null or not good else "true", planted=0.3, block_se=0.02,
                effect=0.3, p=0.001, e=500.0, t=1, alpha=0.01, tags=(), first_unmet=None, reused=False,
                verdict="supported" if not null or ablation else "refuted",
            )  # fmt: skip
            return CampaignResult(
                **world, proposer=proposer, ablation=ablation, terms=terms, seed=seed, sesoi=0.1, tests=(test,),
                refusals={}, credits=1, stopped="", head="0" * 64, mismatches=0, seconds=0.1,
            )  # fmt: skip

        monkeypatch.setattr(workers, "planted_worlds", lambda kind, seed, structure, activations: [
            {"world": kind.value, "structure": structure, "activation": number} for number in range(activations)
        ])  # fmt: skip
        monkeypatch.setattr(workers, "run_one", one)
        monkeypatch.setattr(workers, "run_full", one)
        return ran

    return let


def test_a_clean_study_ends_well_and_leaves_table_numbers_and_figure(cli, tmp_path, made_up):
    made_up(good=True)
    found = cli("calibrate", "--quick", "--processes", 1, "--out", tmp_path)
    assert found.exit_code == ExitCode.OK, found.stderr
    assert all((tmp_path / name).stat().st_size > 0 for name in FILES)
    assert "False discoveries in the standard world" in found.stdout
    document = json.loads((tmp_path / "calibration.json").read_text(encoding="utf-8"))
    assert document["study"]["terms"]["q"] == 0.1
    assert all(item["passed"] for item in document["criteria"])
    # Whose folder it was and how many cores it ran on are nobody's business.
    assert str(tmp_path) not in (tmp_path / "calibration.md").read_text(encoding="utf-8")


def test_a_crossed_bound_fails(cli, tmp_path, made_up):
    made_up(good=False)
    found = cli("calibrate", "--quick", "--processes", 1, "--out", tmp_path)
    assert found.exit_code == ExitCode.PROBLEM
    assert "A criterion is not met" in found.stderr
    assert "NO" in found.stdout


def test_the_same_command_again_runs_nothing(cli, tmp_path, made_up):
    ran = made_up(good=True)
    words = ("calibrate", "--campaigns", 2, "--ablated", 1, "--tests", 3, "--processes", 1, "--out", tmp_path)
    cli(*words)
    first = {name: (tmp_path / name).read_bytes() for name in FILES}
    many = len(ran)
    assert many >= 2 * 8 * 2
    cli(*words)
    assert len(ran) == many
    assert first == {name: (tmp_path / name).read_bytes() for name in FILES}


def test_another_study_in_the_same_folder_is_wrong_use(cli, tmp_path, made_up):
    made_up(good=True)
    words = ("calibrate", "--quick", "--campaigns", 1, "--processes", 1, "--out", tmp_path)
    cli(*words)
    found = cli(*words, "--q", 0.05)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "'q': 0.1" in found.stderr and "--out" in found.stderr


def test_a_campaign_with_ablations_asks_that_safeguards_matter(cli, tmp_path, made_up):
    made_up(good=True)
    words = ("calibrate", "--campaigns", 1, "--ablated", 1, "--tests", 3, "--processes", 1)
    with_them = cli(*words, "--out", tmp_path / "a").stdout
    without = cli(*words, "--no-ablations", "--out", tmp_path / "b").stdout
    assert "One safeguard off" in with_them and "with no lock" in with_them
    assert "One safeguard off" not in without and "with no lock" not in without
