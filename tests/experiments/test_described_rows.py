"""Verification of descriptions: what a row states made its job, and what its artefacts hold is what they may."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from theodolite.data import CONFIRMATION, DISCOVERY
from theodolite.descriptions import ABOUT
from theodolite.experiments import CampaignRun
from theodolite.experiments.replay import verify_decisions
from theodolite.store import Entry, EntryKind, Ledger, verify

pytestmark = pytest.mark.usefixtures("fresh_plugins")

TELLS = {"name": "odd.tells", "references": ["program_1", "decoy_1"]}


def described(run: CampaignRun) -> list[Entry]:
    return list(run.ledger.entries(kind=EntryKind.DESCRIPTION))


def forged(run: CampaignRun, folder: Path, **changes: Any) -> list[str]:
    """Return what deep verification says of a ledger whose descriptions say something else."""
    shutil.copytree(run.ledger.artefacts.folder, folder / "artefacts")
    with Ledger.create(folder / "ledger.sqlite") as ledger:
        for entry in run.ledger.entries():
            payload = copy.deepcopy(entry.payload)
            if entry.kind is EntryKind.DESCRIPTION:
                payload |= {name: value(ledger) if callable(value) else value for name, value in changes.items()}
            ledger.append(entry.kind, entry.id, entry.subject, payload)
        assert verify(ledger).ok
        return [problem.what for problem in verify_decisions(ledger, deep=True)]


def test_a_row_that_states_another_description_than_ran_is_found(
    open_described: Callable[..., CampaignRun], tmp_path: Path
) -> None:
    run = open_described(TELLS)
    (entry,) = described(run)
    assert forged(run, tmp_path / "same") == []
    changes = {
        "variant": "untrained(1)",
        "params": {"draws": 1},
        "source_sha256": "1" * 64,
        "version": "2",
        "job_sha256": "1" * 64,
    }
    for name, value in changes.items():
        (what,) = forged(run, tmp_path / name, **{name: value})
        assert "its job is " in what, name
    (what,) = forged(run, tmp_path / "shape", shape="CurveFit")
    assert what == "its measurement is GeneScores, and the row says CurveFit"
    others = forged(run, tmp_path / "references", references={"program_1": "1" * 64})
    assert any("which is no reference of its campaign" in what for what in others)
    kept = list(run.setting.references["program_1"].members)

    def leaking(ledger: Ledger) -> str:
        part = json.loads(ledger.artefacts.get(entry.payload["artefact"]))
        part[0]["members"] = kept
        return ledger.artefacts.put(json.dumps(part).encode())

    found = forged(run, tmp_path / "artefact", artefact=leaking)
    assert "its job was given another part of program_1 than that of the genes to explore" in found


def test_a_measurement_that_names_a_gene_that_is_kept_is_found(open_described: Callable[..., CampaignRun]) -> None:
    run = open_described("odd.whispers")
    assert verify_decisions(run.ledger) == []
    (problem,) = verify_decisions(run.ledger, deep=True)
    assert "names 1 genes that are kept for tests" in problem.what
    assert problem.id == described(run)[0].id


def test_a_sentence_about_something_else_than_the_model_picked_is_found(
    open_described: Callable[..., CampaignRun], tmp_path: Path
) -> None:
    asked = {"name": "geometry.co_pole", "params": {"draws": 9}, "untrained": True}
    run = open_described({**asked, "references": ["program_1", "decoy_1"]})
    trained, untrained = described(run)
    assert "about" not in trained.payload
    assert forged(run, tmp_path / "same") == []
    picked = trained.payload["facts"][ABOUT]
    assert untrained.payload["about"] == picked
    # The model picks by itself; of the baseline it would be another job.
    said = forged(run, tmp_path / "other", about="program_9")
    assert [what for what in said if "its job is" not in what] == [
        "its sentence was to be about None, and its job was told 'program_9'",
        f"its sentence was to be about {picked!r}, and its job was told 'program_9'",
    ]
    assert len(said) == 4


@pytest.mark.parametrize(
    "facts",
    [
        lambda gene: {"genes": ["G", gene]},
        lambda gene: {"best": gene},
        lambda gene: {gene: "0.5"},
        lambda gene: {f"program_1.{gene}.null.p_any": "0.5"},
        lambda gene: {"found": {"genes": [[gene]]}},
    ],
    ids=["a list", "a text", "a name", "a part of a name", "nested"],
)
def test_facts_that_name_a_gene_that_is_kept_are_found(
    open_described: Callable[..., CampaignRun], tmp_path: Path, facts: Callable[[str], dict[str, Any]]
) -> None:
    run = open_described(TELLS)
    explored, kept = (run.setting.genes(part)[0] for part in (DISCOVERY, CONFIRMATION))
    assert forged(run, tmp_path / "explored", facts=facts(explored)) == []
    (what,) = forged(run, tmp_path / "kept", facts=facts(kept))
    assert what == f"its facts name 1 genes that are kept for tests, such as {kept}"


def test_a_reference_that_is_called_after_a_gene_that_is_kept_may_be_named(
    small_world: Any, open_described: Callable[..., CampaignRun], open_campaign: Callable[..., CampaignRun],
    description_plugin: str, tmp_path: Path,
) -> None:  # fmt: skip
    kept = open_described(TELLS).setting.genes(CONFIRMATION)[0]
    # As sets of the targets of one regulator are.
    sets = [replace(item, id=f"targets.{kept}" if item.id == "program_1" else item.id)
            for item in small_world.planted.references]  # fmt: skip
    asked = {"plugins": [description_plugin], "descriptions": ["odd.tells"], "tools": ["geometry.axis_separation"]}
    run = open_campaign(sets=sets, **asked)
    assert kept in run.setting.genes(CONFIRMATION)
    assert f"targets.{kept}" in described(run)[0].payload["references"]
    assert forged(run, tmp_path / "named", facts={f"left_out.targets.{kept}.p_any": "0.5"}) == []
    assert len(forged(run, tmp_path / "seen", facts={f"left_out.targets.{kept}.of.{kept}": "0.5"})) == 1
