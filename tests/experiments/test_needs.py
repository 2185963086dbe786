"""A campaign whose instruments would take more memory than a job may hold is refused, with the estimate, unopened."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from odd_jobs import make_job

from theodolite.experiments import CampaignError
from theodolite.experiments.jobs import FIT_AXES
from theodolite.experiments.needs import capture_bytes, job_memory_bytes, memory_needed
from theodolite.store import EntryKind
from theodolite.tools.workbench import BenchSize


def test_what_a_job_needs_is_its_capture_and_what_its_instrument_says(odd_setting: Any) -> None:
    setting = odd_setting
    every = BenchSize(len(setting.model.genes), 0, len(setting.cells.cells), setting.model.width, setting.model_shape)
    capturing, _ = capture_bytes(every, saved=True)
    genes, width = len(setting.genes("discovery")), setting.model.width
    own = {"geometry.pair_proximity": 3 * 8 * genes**2, "geometry.axis_separation": 2 * 8 * genes * width}
    for tool, params in (
        ("geometry.pair_proximity", {"layer": 0, "first": 1, "last": 3}),
        ("geometry.axis_separation", {"layer": 0, "axis": 1}),
    ):
        assert memory_needed(setting, make_job(setting, tool, params=params)) == capturing + own[tool]
    fit = make_job(setting, "geometry.axis_separation", params={}).model_copy(update={"tool": FIT_AXES})
    assert memory_needed(setting, fit) == capturing + 3 * 8 * genes * width


def test_a_campaign_that_cannot_fit_is_refused_with_the_estimate_and_leaves_no_row(
    odd_setting: Any, small_world: Any, tmp_path: Path
) -> None:
    # It says that it takes more than any machine has.
    spec = odd_setting.spec.model_copy(update={"tools": ("geometry.axis_separation", "odd.gapes")})
    with small_world.opened(tmp_path / "large", spec) as run:
        with pytest.raises(CampaignError) as caught:
            run.open()
        assert run.ledger.count(EntryKind.CAMPAIGN) == 0
    said = str(caught.value)
    assert re.match(r"odd.gapes would take [\d.e+]+ GB beside the model \([\d.e+-]+ GB for what is captured of ", said)
    assert "`genes:`" in said and "`budget.job_memory_mb`" in said


def test_what_was_opened_goes_on_where_there_is_less(
    small_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = small_world.spec(tools=("geometry.axis_separation",))
    with small_world.opened(tmp_path / "here", spec) as run:
        run.declare()
        rows = run.ledger.count()
        monkeypatch.setattr("theodolite.experiments.needs.memory_bytes", lambda: 1000)
        run.declare()
        assert run.ledger.count() == rows


def test_the_limit_is_that_of_the_file(small_world: Any) -> None:
    spec = small_world.spec(budget={"job_memory_mb": 900})
    assert job_memory_bytes(spec) == 900 * 2**20


def test_the_step_of_an_ablation_counts(odd_setting: Any) -> None:
    job = make_job(odd_setting, "ablation.zero_ablation", params={"part": "mlp", "layer": 1, "head": None})
    near = make_job(odd_setting, "geometry.axis_separation", params={"layer": 0, "axis": 1})
    assert memory_needed(odd_setting, job) - memory_needed(odd_setting, near) > 0.9 * 2**30
