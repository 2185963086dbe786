"""Descriptions as a person meets them: in a plan, in the status, in the ledger, and where a file is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from theodolite.cli.exit_codes import ExitCode
from theodolite.store import Ledger

ASKED = {
    "tools": ["geometry.axis_separation"],
    "descriptions": [{"name": "geometry.effective_rank", "params": {"shuffles": 2}, "untrained": True}],
}
SAYS = "The effective rank of"


@pytest.fixture(scope="module")
def described(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace of an opened campaign with descriptions, and the file beside it; only to be read."""
    folder = tmp_path_factory.mktemp("described") / "small.theodolite"
    small_world.campaign_file(folder.with_name("small.yaml"), **ASKED)
    with small_world.opened(folder, small_world.spec(**ASKED)) as run:
        run.open()
    return folder


def test_status_shows_them_in_a_section_of_their_own_sentence_first(cli, described):
    found = cli("status", described)
    lines = [line.rstrip() for line in found.stdout.splitlines()]
    at = lines.index("Descriptions")
    assert lines[at + 1].startswith(f"  {SAYS}")
    words = " ".join(found.stdout.split())
    assert "geometry.effective_rank on main (shuffles 2)" in words
    assert "geometry.effective_rank on untrained(" in words
    assert "They make no claim and spend no level" in words
    assert "0 of 12 tests spent" in words or "main: 0" in words
    (campaign,) = json.loads(cli("status", described, "--json").stdout)["campaigns"]
    assert [line["variant"].partition("(")[0] for line in campaign["descriptions"]] == ["main", "untrained"]


def test_a_status_without_descriptions_has_no_such_section(cli, finished):
    assert "Descriptions" not in cli("status", finished).stdout
    found = cli("ledger", "descriptions", "-w", finished)
    assert found.exit_code == 0
    assert "`descriptions:` in a campaign file asks for some" in " ".join(found.stdout.split())
    assert json.loads(cli("ledger", "descriptions", "-w", finished, "--json").stdout) == []


def test_the_ledger_lists_and_shows_them(cli, described):
    listed = cli("ledger", "descriptions", "-w", described)
    assert (listed.exit_code, listed.stdout.count(SAYS)) == (0, 2)
    first, second = json.loads(cli("ledger", "descriptions", "-w", described, "--json").stdout)
    # The id of each is a line of its own, to be given to `ledger show`.
    assert [line.strip() for line in listed.stdout.splitlines() if "/description/" in line] == [
        first["id"],
        second["id"],
    ]
    assert first["standing"] == "description: makes no claim, spends no level"
    assert first["done"] and first["facts"] and first["measurement"]
    shown = cli("ledger", "show", first["id"], "-w", described)
    words = " ".join(shown.stdout.split())
    for text in (SAYS, first["standing"], "geometry.effective_rank@", "shuffles 2", "Facts", "effective_rank"):
        assert text in words
    with Ledger.open(described / "ledger.sqlite", read_only=True) as ledger:
        entry = ledger.get(first["id"])
        assert entry is not None
        assert json.loads(cli("ledger", "show", entry.id, "-w", described, "--json").stdout)["payload"] == entry.payload


def test_verify_reads_their_artefacts(cli, described):
    found = cli("ledger", "verify", "--deep", "-w", described)
    assert found.exit_code == 0, found.stdout


def test_a_plan_counts_them_and_says_that_they_spend_nothing(cli, described, tmp_path):
    file = described.with_name("small.yaml")
    with_them = json.loads(cli("plan", file, "-w", tmp_path / "new", "--json").stdout)
    file_without = tmp_path / "small.yaml"
    content = file.read_text(encoding="utf-8")
    file_without.write_text(content[: content.index("descriptions:")] + content[content.index("error:") :])
    without = json.loads(cli("plan", file_without, "-w", tmp_path / "new", "--json").stdout)
    assert (with_them["jobs"] - without["jobs"], without["descriptions"]) == (2, [])
    assert {item["description"] for item in with_them["descriptions"]} == {"geometry.effective_rank"}
    assert all(item["memory_bytes"] > 0 and item["fits"] for item in with_them["descriptions"])
    told = " ".join(cli("plan", file, "-w", tmp_path / "new").stdout.split())
    assert "Descriptions, which make no claim and spend no level" in told
    assert "geometry.effective_rank on main" in told


def test_a_plan_says_which_a_job_has_no_memory_for(cli, small_world, tmp_path):
    changes = {"tools": ["geometry.axis_separation"], "budget": {"experiments": 1, "job_memory_mb": 64}}
    asked = ["geometry.effective_rank", {"name": "geometry.co_pole", "references": ["program_1"]}]
    file = small_world.campaign_file(tmp_path / "small.yaml", descriptions=asked, **changes)
    little, much = json.loads(cli("plan", file, "--json").stdout)["descriptions"]
    assert (little["fits"], much["fits"], much["memory_bytes"] > 64 * 2**20) == (True, False, True)
    assert "too much for a job" in " ".join(cli("plan", file).stdout.split())


def test_a_plan_says_that_a_campaign_cannot_run_whose_descriptions_name_what_is_not_there(cli, small_world, tmp_path):
    asked = [{"name": "geometry.co_pole", "params": {"axis": 17}}]
    file = small_world.campaign_file(tmp_path / "small.yaml", descriptions=asked, tools=["geometry.axis_separation"])
    found = cli("plan", file)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "Cannot run: descriptions: geometry.co_pole: axis asks for axis 17" in " ".join(found.stdout.split())


def test_a_plan_says_that_a_dictionary_is_too_much_for_a_job(cli, small_world, tmp_path):
    changes = {"tools": ["geometry.axis_separation"], "budget": {"experiments": 1, "job_memory_mb": 64}}
    asked = [{"name": "saes.feature_annotation", "params": {"features": size}} for size in (32, 4_000)]
    file = small_world.campaign_file(tmp_path / "small.yaml", descriptions=asked, **changes)
    small, large = json.loads(cli("plan", file, "--json").stdout)["descriptions"]
    assert (small["fits"], large["fits"], large["memory_bytes"] > 64 * 2**20) == (True, False, True)
    assert "too much for a job" in " ".join(cli("plan", file).stdout.split())


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"layer": 3}, "layer 3: this model has the layers 0 (the embedding) to 2"),
        ({"features": 8, "k": 9}, "k is 9 of 8 features; it cannot be more than there are"),
        ({"axes": 16}, "axes is 16 of a width of 16, where every vector lies; give fewer"),
    ],
)
def test_a_plan_says_that_a_dictionary_cannot_be_trained(cli, small_world, tmp_path, params, said):
    asked = [{"name": "saes.feature_alignment", "params": params}]
    file = small_world.campaign_file(tmp_path / "small.yaml", descriptions=asked, tools=["geometry.axis_separation"])
    found = cli("plan", file)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert f"Cannot run: descriptions: saes.feature_alignment: {said}" in " ".join(found.stdout.split())


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("geometry.rank", "no description 'geometry.rank'"),
        ({"name": "geometry.effective_rank", "params": {"shuffles": -1}}, "shuffles -1"),
        ({"name": "geometry.effective_rank", "references": ["program_1"]}, "held against no reference"),
    ],
)
def test_a_mistake_in_the_file_is_told_before_anything_is_written(cli, small_world, tmp_path, item, said):
    file = small_world.campaign_file(tmp_path / "small.yaml", descriptions=[item])
    for words in (("plan", file), ("run", file)):
        found = cli(*words)
        assert (found.exit_code, said in " ".join(found.stderr.split())) == (ExitCode.BAD_INPUT, True)
        assert "descriptions" in found.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]
