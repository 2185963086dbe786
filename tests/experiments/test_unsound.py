"""An intervention that fails the checks it runs on itself ends as an invalid test: no finding, and no crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from theodolite.claims import Hypothesis, Verdict
from theodolite.experiments import CampaignRun, JobSpec
from theodolite.experiments.bench import Bench
from theodolite.experiments.jobs import Orders
from theodolite.experiments.replay import verify_decisions
from theodolite.experiments.worker import _answer
from theodolite.models.sanity import InterventionError
from theodolite.store import EntryKind, hypothesis_rows

SAID = "a zero edit moves residual.2 by 0.31; the hook replaces what it should leave"


def test_it_is_an_invalid_row_that_spends_nothing_and_replays(
    open_campaign: Callable[..., CampaignRun],
    make_hypothesis: Callable[..., Hypothesis],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Of a seed of its own: what other tests of the small world measured lies in its cache.
    run = open_campaign(seed=77)
    run.propose(1, 1, make_hypothesis(run))
    run.register(1)

    def unsound(bench: Bench, job: JobSpec) -> bytes:
        raise InterventionError(SAID)

    monkeypatch.setattr(Bench, "run", unsound)
    run.run_jobs(1)
    run.judge(1)
    run.record(1)
    run.close_round(1)
    (failure,) = run.ledger.entries(kind=EntryKind.FAILURE)
    assert failure.payload["code"] == "unsound" and failure.payload["reason"] == SAID
    (row,) = hypothesis_rows(run.ledger)
    assert row.verdict == Verdict.INVALID
    (verdict,) = run.ledger.entries(kind=EntryKind.VERDICT)
    settled = verdict.payload["settlement"]
    assert settled["t"] is None
    assert "failed its own checks" in settled["next_step"] and "nothing was spent" in settled["next_step"]
    assert verify_decisions(run.ledger) == []


def test_a_worker_tells_it_from_a_crash() -> None:
    class Failing:
        def run(self, job: Any) -> bytes:
            raise InterventionError("two edits do not compose")

    answer = _answer(Orders.model_construct(), None, Failing())  # type: ignore[arg-type]
    assert answer["status"] == "unsound" and "two edits do not compose" in answer["reason"]
