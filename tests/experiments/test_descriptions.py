"""Descriptions in a campaign: rows on discovery genes that change no verdict, whatever becomes of their jobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import anndata
import pytest

from theodolite.data import CONFIRMATION, DISCOVERY
from theodolite.descriptions import ABOUT
from theodolite.experiments import CampaignRun, JobOutcome, JobSpec, LocalRunner, prepare
from theodolite.experiments.bench import Bench
from theodolite.experiments.jobs import Mismatch
from theodolite.experiments.replay import verify_decisions
from theodolite.experiments.wanted_descriptions import UNTRAINED, wanted_descriptions
from theodolite.measurements import GeneScores, load_measurement
from theodolite.store import (
    DESCRIPTION_STANDING,
    Entry,
    EntryKind,
    Ledger,
    agent_view,
    gate_rows,
    hypothesis_rows,
    stream_rows,
    verify,
)

pytestmark = pytest.mark.usefixtures("fresh_plugins")

TOOLS = ["geometry.axis_separation"]
TELLS = {"name": "odd.tells", "references": ["program_1", "decoy_1"]}


def described(run: CampaignRun) -> list[Entry]:
    return list(run.ledger.entries(kind=EntryKind.DESCRIPTION))


def test_a_description_is_a_row_that_claims_nothing(open_described: Callable[..., CampaignRun]) -> None:
    run = open_described(TELLS)
    (entry,) = described(run)
    said, setting = entry.payload, run.setting
    assert (said["description"], said["variant"], said["split"]) == ("odd.tells", "main", DISCOVERY)
    assert said["references"] == {name: setting.references[name].sha256 for name in ("program_1", "decoy_1")}
    assert said["standing"] == DESCRIPTION_STANDING == "description: makes no claim, spends no level"
    assert said["sentence"].startswith(f"The mean squared norm of {len(setting.genes(DISCOVERY))} genes is ")
    assert (said["status"], said["reason"], said["facts"]["nothing"]) == ("done", "", None)
    measured = load_measurement(run.ledger.artefacts.get(said["measurement"]))
    assert isinstance(measured, GeneScores)
    assert float(said["facts"]["mean"]) == round(float(measured.score.mean()), 9)
    assert entry.id == f"{setting.campaign_id}/description/odd.tells-{said['job_sha256'][:12]}"
    assert verify(run.ledger).ok
    assert verify_decisions(run.ledger, deep=True) == []
    assert stream_rows(run.ledger)[0].t == 0


def test_a_description_is_given_genes_to_explore_and_never_hears_of_others(
    open_described: Callable[..., CampaignRun],
) -> None:
    run = open_described(TELLS, {"name": "odd.tells"})
    explore, kept = (set(run.setting.genes(part)) for part in (DISCOVERY, CONFIRMATION))
    given_to, given_all = described(run)
    assert set(given_to.payload["facts"]["genes"]) == explore
    asked = [run.setting.references[name] for name in ("program_1", "decoy_1")]
    assert set(given_to.payload["facts"]["members"]) == explore & {gene for item in asked for gene in item.genes}
    assert any(item.genes & kept for item in asked), "a world in which nothing could leak shows nothing"
    # Where no reference is named, all sets of the campaign are meant.
    assert set(given_all.payload["references"]) == {
        name for name, item in run.setting.references.items() if item.kind == "set"
    }
    for entry in (given_to, given_all):
        said = [json.dumps(entry.payload).encode()]
        said += [run.ledger.artefacts.get(entry.payload[field]) for field in ("measurement", "artefact")]
        for content in said:
            assert not [gene for gene in kept if f'"{gene}"'.encode() in content]


def test_a_worker_describes_no_part_but_the_one_to_explore(open_described: Callable[..., CampaignRun]) -> None:
    run = open_described("odd.draws")
    (job,) = [run._description_job(wanted) for wanted in wanted_descriptions(run.setting)]
    for block in run.setting.split.blocks:
        with pytest.raises(Mismatch, match=f"describes discovery genes only, and the job names '{block}'"):
            Bench(run.setting.materials()).run(job.model_copy(update={"split": block}))


def test_verdicts_are_the_same_with_and_without_descriptions(
    small_world: Any, tmp_path: Path, description_plugin: str
) -> None:
    same = {"budget": {"experiments": 2}, "tools": TOOLS}
    asked = {"plugins": [description_plugin], "descriptions": [TELLS, "odd.draws", "odd.raises"]}
    small_world.run_in_process(tmp_path / "without", small_world.spec(**same))
    small_world.run_in_process(tmp_path / "with", small_world.spec(**same, **asked))
    ledgers = [Ledger.open(tmp_path / name / "ledger.sqlite", read_only=True) for name in ("without", "with")]
    counted = [ledger.count(EntryKind.DESCRIPTION) for ledger in ledgers]
    ids = [next(iter(ledger.entries(kind=EntryKind.CAMPAIGN))).subject for ledger in ledgers]
    assert (counted, ids[0] != ids[1]) == ([0, 3], True)
    own = {"campaign", "subject", "prereg_sha256", "seq", "last_seq", "parents", "proposed_at", "decided_at"}
    tests = [
        [{f.name: getattr(row, f.name) for f in fields(row) if f.name not in own} for row in hypothesis_rows(ledger)]
        for ledger in ledgers
    ]
    assert tests[0] == tests[1]
    assert [row["verdict"] for row in tests[0]].count(None) == 0
    gates = [[(row.gate, row.number, row.threshold, row.passed) for row in gate_rows(ledger)] for ledger in ledgers]
    assert gates[0] == gates[1]
    assert gates[0]
    assert [(row.t, row.supports) for row in stream_rows(ledgers[0])] == [
        (row.t, row.supports) for row in stream_rows(ledgers[1])
    ]
    looks = [[look.effects for look in agent_view(*of).looks] for of in zip(ledgers, ids, strict=True)]
    assert looks[0] == looks[1]
    assert verify(ledgers[1]).ok
    assert verify_decisions(ledgers[1], deep=True) == []
    for ledger in ledgers:
        ledger.close()


def test_the_untrained_model_is_described_beside_the_trained(open_described: Callable[..., CampaignRun]) -> None:
    run = open_described({**TELLS, "untrained": True}, "odd.draws")
    rows = [(entry.payload["description"], entry.payload["variant"]) for entry in described(run)]
    assert rows == [("odd.tells", "main"), ("odd.tells", UNTRAINED), ("odd.draws", "main")]
    trained, untrained, _ = (entry.payload["facts"]["mean"] for entry in described(run))
    # Members of the real programs are longer in the trained model; nothing is planted in the other.
    assert float(trained) > float(untrained)


def test_both_sentences_are_about_what_that_of_the_trained_model_picked(
    open_described: Callable[..., CampaignRun],
) -> None:
    sets = {"references": ["decoy_1", "program_1", "program_2"], "params": {"draws": 99}, "untrained": True}
    run = open_described({"name": "geometry.compartment_progression", **sets}, "odd.draws")
    trained, untrained, _ = (entry.payload for entry in described(run))
    picked = trained["facts"][ABOUT]
    assert (untrained["variant"], untrained["about"], untrained["facts"][ABOUT]) == (UNTRAINED, picked, picked)
    assert trained["sentence"].startswith(f"{picked!r} has the smallest p of 3 references")
    assert untrained["sentence"].startswith(f"{picked!r}, which was picked of 3 references in the model beside it")
    assert "about" not in trained
    assert verify_decisions(run.ledger, deep=True) == []


def test_what_is_drawn_follows_from_the_seed_of_the_campaign(open_described: Callable[..., CampaignRun]) -> None:
    item = {"name": "odd.draws", "params": {"draws": 7, "share": 0.25}}
    first, again, other = (
        described(open_described(item, folder=folder, seed=seed))[0].payload
        for folder, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert first == again
    assert first["params"] == {"draws": 7, "share": "0.25"}
    assert len(first["facts"]["all"]) == 7
    assert first["facts"]["all"] != other["facts"]["all"]


def test_the_same_description_may_be_asked_for_with_other_parameters(
    open_described: Callable[..., CampaignRun],
) -> None:
    run = open_described(*({"name": "odd.draws", "params": {"draws": draws}} for draws in (3, 4)))
    assert [len(entry.payload["facts"]["all"]) for entry in described(run)] == [3, 4]


def test_a_description_that_raises_leaves_a_row_and_the_campaign_goes_on(
    open_described: Callable[..., CampaignRun],
) -> None:
    run = open_described("odd.raises", "odd.draws")
    failed, fine = described(run)
    assert (failed.payload["status"], failed.payload["sentence"]) == ("tool_error", None)
    assert "there is nothing to describe here" in failed.payload["reason"]
    assert fine.payload["status"] == "done"
    assert list(run.explore())
    assert verify_decisions(run.ledger, deep=True) == []


class Ending:
    """A runner whose descriptions end as it is told; everything else runs."""

    def __init__(self, inner: Any, status: Any, reason: str) -> None:
        self._inner, self._status, self._reason = inner, status, reason

    def submit(self, jobs: Any) -> Iterator[JobOutcome]:
        for job in jobs:
            if job.tool.startswith("odd."):
                yield JobOutcome(job_sha256=job.sha256, status=self._status, reason=self._reason)
            else:
                yield from self._inner.submit([job])

    def close(self) -> None:
        pass


@pytest.mark.parametrize("status", ["timeout", "crash"])
def test_however_a_job_ends_its_row_says_how(
    small_world: Any, tmp_path: Path, description_plugin: str, open_described: Callable[..., CampaignRun], status: str
) -> None:
    spec = small_world.spec(plugins=[description_plugin], descriptions=["odd.draws"], tools=TOOLS)
    inner = small_world.runner(prepare(spec, small_world.workspace(tmp_path / "work")))
    run = open_described("odd.draws", runner=Ending(inner, status, "as a test wants it"))
    (entry,) = described(run)
    assert (entry.payload["status"], entry.payload["reason"]) == (status, "as a test wants it")
    assert (entry.payload["measurement"], entry.payload["facts"], entry.payload["sentence"]) == (None, {}, None)
    assert verify(run.ledger).ok
    # It is on record, and is not tried again.
    again = open_described("odd.draws", runner=inner)
    assert again.ledger.head() == run.ledger.head()


def test_real_workers_refuse_what_is_too_large_and_kill_what_takes_too_long(
    small_world: Any, tmp_path: Path, description_plugin: str
) -> None:
    spec = small_world.spec(
        plugins=[description_plugin],
        descriptions=["odd.gapes", "odd.sleeps", TELLS],
        budget={"job_timeout_s": 12},
        workers=1,
        tools=TOOLS,
    )
    # Results are shared by the tests of a session; this one counts what ran.
    setting = prepare(spec, small_world.private_workspace(tmp_path / "work"))
    with (
        Ledger.open(setting.workspace.ledger, create=True) as ledger,
        LocalRunner.for_campaign(setting, ledger.ops) as runner,
    ):
        run = CampaignRun(setting, ledger, runner)
        run.describe()
        gapes, sleeps, tells = (entry.payload for entry in described(run))
        assert (gapes["status"], "it was not begun" in gapes["reason"]) == ("memory", True)
        assert (sleeps["status"], sleeps["measurement"]) == ("timeout", None)
        assert (tells["status"], len(tells["facts"]["genes"])) == ("done", len(setting.genes(DISCOVERY)))
        assert {job.what.partition(" ")[0] for job in ledger.ops.jobs()} == {"odd.sleeps", "odd.tells"}


class Killed(BaseException):
    """Stands for the death of the process."""


@pytest.mark.parametrize("survive", [0, 2])
def test_a_campaign_that_died_between_two_descriptions_goes_on_and_runs_none_again(
    small_world: Any, tmp_path: Path, description_plugin: str, open_described: Callable[..., CampaignRun],
    monkeypatch: pytest.MonkeyPatch, survive: int,
) -> None:  # fmt: skip
    items = (TELLS, "odd.draws", "odd.raises")
    whole = open_described(*items, folder="whole")
    spec = small_world.spec(plugins=[description_plugin], descriptions=list(items), tools=TOOLS)
    append = Ledger._append
    left = [survive]

    def append_or_die(self: Ledger, kind: Any, *rest: Any, **named: Any) -> Any:
        if kind is EntryKind.DESCRIPTION:
            if not left[0]:
                raise Killed
            left[0] -= 1
        return append(self, kind, *rest, **named)

    workspace = small_world.private_workspace(tmp_path / "killed")
    first = small_world.runner(prepare(spec, workspace))
    with small_world.opened(workspace, spec, runner=first) as run, monkeypatch.context() as patched:
        patched.setattr(Ledger, "_append", append_or_die)
        with pytest.raises(Killed):
            run.open()
    second = small_world.runner(prepare(spec, workspace))
    with small_world.opened(workspace, spec, runner=second) as run:
        run.open()
        assert run.ledger.head().hash == whole.ledger.head().hash
        of = {entry.payload["job_sha256"]: entry.payload["status"] for entry in described(run)}
        again = [job for job in second.ran if job in of and first.ran[job] and of[job] == "done"]
        assert again == []


def test_a_campaign_with_descriptions_is_another_and_one_without_is_what_it_was(
    small_world: Any, tmp_path: Path, description_plugin: str
) -> None:
    def identity(**changes: Any) -> str:
        return prepare(small_world.spec(**changes), small_world.workspace(tmp_path)).campaign_id

    plain = identity()
    assert identity(descriptions=[]) == identity(plugins=[description_plugin]) == plain
    asked = {"plugins": [description_plugin], "descriptions": ["odd.draws"]}
    short = identity(**asked)
    assert short != plain
    assert short == identity(**{**asked, "descriptions": [{"name": "odd.draws"}]})
    assert short != identity(**{**asked, "descriptions": [{"name": "odd.draws", "params": {"draws": 6}}]})
    assert short != identity(**{**asked, "descriptions": [{"name": "odd.draws", "untrained": True}]})


def test_the_job_of_an_instrument_has_the_hash_that_it_had() -> None:
    sha = "0" * 64
    job = JobSpec(
        tool="geometry.axis_separation", version="1", source_sha256=sha, params={"layer": 1, "axis": None},
        model_sha256=sha, cells_sha256=sha, split_sha256=sha, split="discovery", variant="main", seed=3,
    )  # fmt: skip
    assert job.sha256 == "444c275a5a489af0d7c57c6d0a8ca35b3aaf3d463b3d4ab1a36956200b6e1917"
    assert job.model_copy(update={"references": sha}).sha256 != job.sha256


def test_a_description_of_geometry_finds_what_is_planted_and_nothing_else(
    open_described: Callable[..., CampaignRun],
) -> None:
    draws = {"params": {"draws": 200}}
    named = [
        {"name": "geometry.compartment_progression", "references": ["program_1", "decoy_1"], **draws},
        {"name": "geometry.co_pole", "references": ["program_1"], **draws},
    ]
    sets, pairs = (entry.payload for entry in described(open_described(*named)))
    real, decoy = (
        max(float(value) for name, value in sets["facts"].items() if name.startswith(of) and name.endswith(".p_any"))
        for of in ("program_1.", "decoy_1.")
    )
    assert real < 0.05 < decoy
    # Where pairs are asked for, a set stands for those of its members.
    assert (set(pairs["references"]), pairs["status"]) == ({"program_1_pairs"}, "done")


def test_those_that_run_the_model_read_it_at_the_genes_to_explore(
    open_described: Callable[..., CampaignRun], small_world: Any, tmp_path: Path
) -> None:
    cells = anndata.read_h5ad(small_world.cells)
    cells.obs["state"] = [("resting", "dividing")[number % 2] for number in range(cells.n_obs)]
    cells.write_h5ad(tmp_path / "stated.h5ad")
    sets = {"sizes": [1], "draws": 3, "cells_at_most": 12}
    states = {"draws": 3, "least_in_state": 5, "layer": 1}
    features = {"features": 32, "k": 2, "steps": 15}
    run = open_described(
        {"name": "ablation.head_sets", "references": "program_1", "params": sets},
        {"name": "attention.stratified", "references": "program_1_pairs", "params": states},
        {"name": "saes.feature_specificity", "params": {**features, "draws": 19, "exchanges": 3}},
        {"name": "saes.feature_highways", "params": {**features, "draws": 3, "least_together": 5, "cells_at_most": 8}},
        cells={"source": str(tmp_path / "stated.h5ad"), "cell_type": "state"},
    )
    kept = set(run.setting.genes(CONFIRMATION))
    for entry in described(run):
        assert (entry.payload["status"], entry.payload["reason"]) == ("done", "")
        said = json.dumps(entry.payload).encode() + run.ledger.artefacts.get(entry.payload["measurement"])
        assert not [gene for gene in kept if f'"{gene}"'.encode() in said]
    assert verify_decisions(run.ledger, deep=True) == []
