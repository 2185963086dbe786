"""Sanity of interventions: sound ones pass at every kind of site, and every planted fault is caught by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from no_float64 import without_float64
from toy_models import LAYERS, WIDTH, ToyModel, toy_model, toy_tokens

from theodolite.models.batches import batch_of
from theodolite.models.edits import AddDirection, SetMean, Where, Zero
from theodolite.models.protocol import Batch, Tap
from theodolite.models.running import Edit, run
from theodolite.models.sanity import CheckedRuns, InterventionError, SanityReport, check_interventions, require
from theodolite.models.sites import EMBEDDING, OUTPUT, Site, attention, forward_order, mlp_post, mlp_pre, residual


def some_cells(model: ToyModel, cells: int = 3) -> Batch:
    return batch_of(model, toy_tokens(), np.arange(cells))


def failed(report: SanityReport) -> list[str]:
    return [check.name for check in report.checks if not check.passed]


def check(site: Site, edit: Edit, kind: type[ToyModel] = ToyModel, **more: Any) -> SanityReport:
    model = toy_model(kind=kind)
    return check_interventions(model, some_cells(model), site, edit, **more)


@pytest.mark.parametrize("site", forward_order(LAYERS), ids=str)
def test_a_sound_edit_passes_at_every_site(site: Site) -> None:
    report = check(site, Zero())
    assert report.passed, report.said
    assert [each.name for each in report.checks] == ["zero", "before", "compose", "responds"]
    require(report)


@pytest.mark.parametrize(
    "edit",
    [
        AddDirection(torch.ones(WIDTH), 0.1),
        SetMean(torch.full((WIDTH,), 0.3)),
        Zero(Where(genes=range(10))),
        Zero(Where(cells=torch.tensor([True, False, True]))),
    ],
)
@pytest.mark.parametrize("site", [EMBEDDING, residual(1), residual(LAYERS)], ids=str)
def test_edits_of_every_sort_pass_in_the_stream(site: Site, edit: Edit) -> None:
    assert check(site, edit).passed


def test_a_head_may_be_edited_alone() -> None:
    assert check(attention(2), Zero(Where(heads=[2]))).passed


def test_an_edit_with_a_strength_of_its_own_shows_its_own_zero() -> None:
    direction = torch.ones(WIDTH)
    assert check(residual(1), AddDirection(direction), zero=AddDirection(direction, 0.0)).passed
    report = check(residual(1), AddDirection(direction), zero=AddDirection(direction, 0.01))
    assert failed(report) == ["zero"]
    assert "strength zero moves residual.1, residual.2" in report.said


class InputForOutput(ToyModel):
    """Its block gives back what it got, as soon as anybody looks."""

    def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        return hidden if tap.wants(residual(layer)) else super().block(layer, hidden, batch, tap)


@pytest.mark.parametrize("site", [EMBEDDING, residual(1), residual(2)], ids=str)
def test_a_hook_that_replaces_the_output_by_the_input_is_caught(site: Site) -> None:
    report = check(site, Zero(), InputForOutput)
    assert "zero" in failed(report)
    assert "from a pass in which nothing is looked at" in report.said


class Overwriting:
    """Both edits in one, so they say; the second begins where the first did."""

    def __init__(self, first: Edit, second: Edit) -> None:
        self.first, self.second = first, second

    def __call__(self, value: torch.Tensor, batch: Batch) -> torch.Tensor:
        self.first(value, batch)
        return self.second(value, batch)


@pytest.mark.parametrize("site", [EMBEDDING, attention(2), mlp_pre(1), mlp_post(1), residual(2)], ids=str)
def test_a_combined_edit_that_overwrites_the_first_is_caught(site: Site) -> None:
    first, second = Zero(), Added(0.5)
    both = [(site, Overwriting(first, second))]
    report = check(site, first, second=second, both=both)
    assert failed(report) == ["compose"]
    assert "as the second alone does" in report.said
    kept = check(site, first, second=second, both=[(site, first)])
    assert failed(kept) == ["compose"]
    assert "as the first alone does" in kept.said
    turned = check(site, first, second=second, both=[(site, second), (site, Added(0.25))])
    assert failed(turned) == ["compose"]


class Added:
    def __init__(self, step: float) -> None:
        self.step = step

    def __call__(self, value: torch.Tensor, batch: Batch) -> torch.Tensor:
        return value + self.step


class InPlace(ToyModel):
    """Adds what a block computes to the stream that it was given, which earlier sites share."""

    def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        return hidden.copy_(super().block(layer, hidden, batch, tap))


@pytest.mark.parametrize("site", [attention(2), mlp_pre(2), mlp_post(2)], ids=str)
def test_a_model_that_lets_an_edit_leak_to_earlier_layers_is_caught(site: Site) -> None:
    report = check(site, Zero(), InPlace)
    assert "before" in failed(report)
    assert "the edit moves embedding, residual.1" in report.said


class Writing:
    """Writes into what it is given."""

    def __call__(self, value: torch.Tensor, batch: Batch) -> torch.Tensor:
        return value.mul_(0.5)


def test_an_edit_that_writes_into_what_it_is_given_is_caught() -> None:
    assert "before" in failed(check(residual(1), Writing()))


class Lasting:
    """Goes on after its pass: it changes the model."""

    def __init__(self, model: ToyModel) -> None:
        self.model = model

    def __call__(self, value: torch.Tensor, batch: Batch) -> torch.Tensor:
        self.model.embedding.weight.data[:5] += 1.0
        return value + 1.0


def test_an_edit_that_outlasts_its_pass_is_caught() -> None:
    model = toy_model()
    assert "zero" in failed(check_interventions(model, some_cells(model), residual(1), Lasting(model)))


class Deaf(ToyModel):
    """Hands its sites over and goes on with its own numbers."""

    def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        class Ignored:
            wants, sink = tap.wants, tap.sink

            def __call__(self, site: Site, value: torch.Tensor) -> torch.Tensor:
                tap(site, value)
                return value

        return super().block(layer, hidden, batch, Ignored())


@pytest.mark.parametrize("site", [attention(1), mlp_pre(2), mlp_post(3)], ids=str)
def test_an_edit_that_nobody_reads_is_caught(site: Site) -> None:
    report = check(site, Zero(), Deaf)
    assert "responds" in failed(report)
    assert f"{residual(site.layer)} does not respond: nothing reads the edit" in report.said


class Mute(ToyModel):
    """Computes its MLP where no tap is asked."""

    def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        class Nobody:
            def wants(self, site: Site) -> bool:
                return False

            def sink(self, site: Site) -> None:
                return None

            def __call__(self, site: Site, value: torch.Tensor) -> torch.Tensor:
                return value

        return super().block(layer, hidden, batch, Nobody())


@pytest.mark.parametrize("site", [attention(1), mlp_pre(2)], ids=str)
def test_a_site_that_is_not_handed_over_is_caught(site: Site) -> None:
    report = check(site, Zero(), Mute)
    assert failed(report) == ["responds"]
    assert "gave nothing at" in report.said and str(site) in report.said


def test_a_constant_model_does_not_respond() -> None:
    class Constant(ToyModel):
        def predict(self, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
            return torch.zeros(hidden.shape[:2])

    assert failed(check(residual(LAYERS), Zero(), Constant)) == ["compose", "responds"]


def test_an_edit_that_changes_none_of_the_cells_is_no_intervention() -> None:
    report = check(residual(1), Zero(Where(genes=[])))
    assert "responds" in failed(report)
    assert "the edit changes nothing in these cells" in report.said


def test_a_failure_is_raised_with_model_site_and_reason() -> None:
    with pytest.raises(InterventionError, match=r"the intervention at mlp_pre\.2 of toy is not sound: .*nothing reads"):
        require(check(mlp_pre(2), Zero(), Deaf))


def test_the_checks_leave_nothing_behind() -> None:
    model = toy_model()
    before = model.embedding.weight.clone()
    state = torch.random.get_rng_state()
    check_interventions(model, some_cells(model), OUTPUT, Zero())
    assert torch.equal(before, model.embedding.weight)
    assert torch.equal(state, torch.random.get_rng_state())


def test_runs_of_an_instrument_are_checked_the_first_time_a_sort_of_edit_is_made() -> None:
    model = toy_model()
    runs, batch, edits = CheckedRuns(model), some_cells(model), [(residual(1), Zero())]
    read = runs.run(batch, edits, read=[OUTPUT]).read[OUTPUT]
    assert torch.equal(read, run(model, batch, read=[OUTPUT], edits=edits).read[OUTPUT])
    broken = toy_model(kind=InputForOutput)
    with pytest.raises(InterventionError, match=r"the intervention at residual.1 of toy is not sound"):
        CheckedRuns(broken).run(some_cells(broken), edits, read=[OUTPUT])


def test_checks_run_on_a_device_without_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    without_float64(monkeypatch)
    assert check(residual(1), Zero()).passed
