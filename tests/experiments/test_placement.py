"""Where a model runs: settings of the campaign that the ledger records, and that what was measured elsewhere is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from theodolite.experiments import CampaignError, CampaignRun, prepare
from theodolite.experiments.campaign import load_campaign
from theodolite.experiments.jobs import Mismatch
from theodolite.experiments.machine import resolved_device
from theodolite.experiments.planned_jobs import planned_jobs
from theodolite.models.batches import resolve_device
from theodolite.plans import Plan
from theodolite.store import EntryKind
from theodolite.tools import get_tool


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "0000:01:00.0").mkdir()
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert resolved_device("auto", tmp_path) == "cuda"
    # A variable names what may be used, not what there is.
    assert resolved_device("auto", tmp_path / "no-driver") == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert resolved_device("auto", tmp_path) == "cpu"
    assert resolved_device("mps") == "mps"
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert resolved_device("auto") == "mps"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there_is_refused_by_name(small_world: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="device 'cuda' is not at hand; this machine has cpu: name one, or auto"):
        resolve_device("cuda")
    setting = prepare(small_world.spec(device="cuda"), small_world.workspace(tmp_path))
    with pytest.raises(Mismatch, match="device 'cuda' is not at hand"):
        list(small_world.runner(setting).submit([_some_job(setting.model.sha256)]))


def _some_job(model_sha256: str) -> Any:
    from theodolite.experiments.jobs import JobSpec

    empty = "0" * 64
    return JobSpec(
        tool="geometry.axis_separation", version="1", source_sha256=empty, params={}, model_sha256=model_sha256,
        cells_sha256=empty, split_sha256=empty, split="discovery", variant="main", seed=1,
    )  # fmt: skip


def test_a_campaign_that_names_neither_is_the_one_that_it_was(small_world: Any, tmp_path: Path) -> None:
    plain = prepare(small_world.spec(), small_world.workspace(tmp_path))
    assert "device" not in plain.spec.words and "dtype" not in plain.spec.words
    assert "runs_on" not in plain.contents and plain.runs_on is None
    other = prepare(small_world.spec(dtype="bfloat16"), small_world.workspace(tmp_path))
    assert other.contents["runs_on"] == "cpu bfloat16"
    assert other.campaign_id != plain.campaign_id


def test_device_and_type_are_recorded_with_campaign_plan_and_job(
    open_campaign: Callable[..., CampaignRun], make_hypothesis: Any
) -> None:
    run = open_campaign(dtype="bfloat16", tools=["geometry.axis_separation"])
    (opened,) = run.ledger.entries(kind=EntryKind.CAMPAIGN)
    assert opened.payload["spec"]["dtype"] == "bfloat16"
    assert opened.payload["contents"]["runs_on"] == "cpu bfloat16"
    run.propose(1, 1, make_hypothesis(run))
    run.register(1)
    (registered,) = run.ledger.entries(kind=EntryKind.REGISTRATION)
    plan = Plan.model_validate(registered.payload["plan"])
    assert plan.runs_on == "cpu bfloat16"
    jobs = planned_jobs(plan, name=run.setting.spec.name, seed=run.setting.spec.seed)
    assert {job.runs_on for job in jobs.values()} == {"cpu bfloat16"}
    # What was measured in another type is another job, whose result is not taken for this one's.
    (job, *_) = jobs.values()
    assert job.sha256 != job.model_copy(update={"runs_on": None}).sha256
    with pytest.raises(Mismatch, match="the device changed: the job names cpu float32, this worker has cpu bfloat16"):
        list(run._runner.submit([job.model_copy(update={"runs_on": None})]))


def test_half_the_precision_measures_nearly_the_same(open_campaign: Callable[..., CampaignRun]) -> None:
    from theodolite.measurements import load_measurement

    tool, scores = get_tool("geometry.axis_separation"), []
    for dtype in (None, "bfloat16"):
        given = {} if dtype is None else {"dtype": dtype}
        run = open_campaign(tools=[tool.name], **given)
        (outcome,) = run._runner.submit([run._tool_job(tool, {"layer": 1, "axis": 1}, "discovery", "main")])
        scores.append(load_measurement(Path(outcome.content_file).read_bytes()).score)
    whole, half = scores
    assert not np.array_equal(whole, half)
    assert abs(np.corrcoef(whole, half)[0, 1]) > 0.99


def test_words_that_name_no_device_are_a_mistake_of_the_file(small_world: Any, tmp_path: Path) -> None:
    file = small_world.campaign_file(tmp_path / "own.yaml", device="gpu")
    with pytest.raises(CampaignError, match=r"line \d+: device is 'gpu'"):
        load_campaign(file)
