"""What a machine has to give to workers, read without loading torch."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from theodolite.experiments import machine
from theodolite.experiments.campaign import CampaignSpec
from theodolite.experiments.machine import MOST_WORKERS, gpus, memory_bytes, worker_count


@pytest.mark.parametrize(
    ("named", "found"),
    [("0,1", ("0", "1")), ("2", ("2",)), ("", ()), ("-1", ()), ("GPU-8f3a, GPU-77c1", ("GPU-8f3a", "GPU-77c1"))],
)
def test_the_variable_of_cuda_says_which_gpus_may_be_used(named: str, found: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "0000:01:00.0").mkdir()
    assert gpus({"CUDA_VISIBLE_DEVICES": named}, tmp_path) == found


def test_without_it_every_gpu_of_the_driver_may_be_used(tmp_path: Path) -> None:
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    assert gpus({}, tmp_path) == ("0", "1")
    assert gpus({}, tmp_path / "no-driver") == ()


def test_memory_is_what_the_container_allows(tmp_path: Path) -> None:
    total = psutil.virtual_memory().total
    unlimited, limited, huge = (tmp_path / name for name in ("unlimited", "limited", "huge"))
    unlimited.write_text("max\n")
    limited.write_text("1073741824\n")
    huge.write_text(f"{2**63 - 4096}\n")
    assert memory_bytes((unlimited, huge, tmp_path / "absent")) == total
    assert memory_bytes((unlimited, limited)) == 2**30


def test_there_is_a_worker_a_gpu_or_as_many_as_the_cores_have_threads_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "usable_cores", lambda: 6)
    monkeypatch.setattr(machine, "gpus", tuple)
    assert [worker_count(None, threads) for threads in (1, 2, 4, 8)] == [6, 3, 1, 1]
    assert worker_count(5, 8) == 5
    monkeypatch.setattr(machine, "usable_cores", lambda: 128)
    assert worker_count(None, 1) == MOST_WORKERS
    monkeypatch.setattr(machine, "gpus", lambda: ("0", "1", "2"))
    assert worker_count(None, 1) == 3


def test_workers_and_memory_of_a_campaign_file() -> None:
    alone, together = CampaignSpec(name="a", workers=1), CampaignSpec(name="a", workers=7)
    contents = {"model": "0" * 64}
    # Another number of workers is the same campaign; another limit of memory may end a job otherwise, and is not.
    assert alone.campaign_id(contents) == together.campaign_id(contents) == CampaignSpec(name="a").campaign_id(contents)
    bounded = CampaignSpec.model_validate({"name": "a", "budget": {"job_memory_mb": 900}})
    assert bounded.campaign_id(contents) != alone.campaign_id(contents)
