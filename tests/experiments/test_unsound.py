"""An intervention that fails the checks it runs on itself ends as an invalid test: no finding, and no crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import Field

from theodolite.claims import Hypothesis, Locus, LocusKind, Relation, Verdict
from theodolite.experiments import CampaignRun
from theodolite.experiments.jobs import Orders
from theodolite.experiments.replay import verify_decisions
from theodolite.experiments.worker import _answer
from theodolite.measurements import GeneScores
from theodolite.models.sanity import InterventionError
from theodolite.store import EntryKind, hypothesis_rows
from theodolite.tools import ModelShape, ToolParams, Workbench, tool

pytestmark = pytest.mark.usefixtures("fresh_plugins")


class Layer(ToolParams):
    layer: int = Field(ge=0, description="residual stream after this many blocks")

    def locus(self) -> Locus:
        return Locus(kind=LocusKind.LAYER, layer=self.layer)

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Any:
        for layer in range(shape.n_layers + 1):
            yield cls(layer=layer)


@pytest.fixture
def ablation() -> Any:
    """Register an instrument that is sound while a campaign explores, and whose hook then replaces the output."""

    @tool(family="odd", shape=GeneScores, object="ablated", relation=Relation.SEPARATES, unit="one", version="1")
    def ablates(bench: Workbench, params: Layer) -> GeneScores:
        """Say of a model's confirmation genes that a zero edit moves them."""
        if bench.genes and hidden_from_looks["now"]:
            raise InterventionError("a zero edit moves residual.2 by 0.31; the hook replaces what it should leave")
        vectors = bench.hidden(params.layer)
        return GeneScores(
            bench.genes, vectors[:, 0], bench.families, bench.covariate_names, bench.covariates, ablates.unit
        )

    return ablates


hidden_from_looks = {"now": False}


def test_it_is_an_invalid_row_that_spends_nothing_and_replays(
    open_campaign: Callable[..., CampaignRun], make_hypothesis: Callable[..., Hypothesis], ablation: Any
) -> None:
    hidden_from_looks["now"] = False
    run = open_campaign(tools=[ablation.name])
    run.propose(1, 1, make_hypothesis(run, tool=ablation.name, locus={"kind": "layer", "layer": 1}))
    run.register(1)
    hidden_from_looks["now"] = True
    run.run_jobs(1)
    run.judge(1)
    run.record(1)
    run.close_round(1)
    (failure,) = run.ledger.entries(kind=EntryKind.FAILURE)
    assert failure.payload["code"] == "unsound" and "zero edit moves residual.2" in failure.payload["reason"]
    (row,) = hypothesis_rows(run.ledger)
    assert row.verdict == Verdict.INVALID
    (verdict,) = run.ledger.entries(kind=EntryKind.VERDICT)
    assert verdict.payload["t"] is None
    assert "checks" in verdict.payload["next_step"]
    assert not verify_decisions(run.ledger).problems


def test_a_worker_tells_it_from_a_crash(small_world: Any) -> None:
    class Bench:
        def run(self, job: Any) -> bytes:
            raise InterventionError("two edits do not compose")

    answer = _answer(Orders.model_construct(), None, Bench())  # type: ignore[arg-type]
    assert answer["status"] == "unsound" and "two edits do not compose" in answer["reason"]
