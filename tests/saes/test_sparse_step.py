"""A sparse step is that of automatic differentiation, whatever the number of threads, and keeps vectors at norm 1."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from theodolite.data.superposed import superposed_world
from theodolite.saes.dense_step import DenseStep
from theodolite.saes.settings import SAESettings
from theodolite.saes.sparse_step import SparseStep, chunks
from theodolite.saes.state import StepReport, TrainingState

WIDTH, STEPS = 16, 14
WEIGHTS = ("encoder", "decoder", "encoder_bias", "decoder_bias")
BASE = SAESettings(features=96, k=4, steps=STEPS, rows=64, learning_rate=1e-3, dead_share=0.1)
VARIANTS = {
    "topk": BASE,
    "batchtopk": replace(BASE, sparsity="batchtopk"),
    "matryoshka": replace(BASE, widths=(12, 40)),
    "matryoshka batchtopk": replace(BASE, sparsity="batchtopk", widths=(1, 95)),
    "without auxk": replace(BASE, aux_k=0),
    "many of auxk": replace(BASE, aux_k=80),
    "fewer rows than parts": replace(BASE, rows=5, features=11, k=3),
}


def batches(settings: SAESettings) -> NDArray[np.float32]:
    """Rows about their mean, off the origin by a little, so that the decoder's bias has something to learn."""
    size = settings.rows * settings.steps
    values = superposed_world(3, rows=size, width=WIDTH, features=40, active=4.0).values
    return (values - values.mean(axis=0) + np.float32(0.1)).reshape(settings.steps, settings.rows, WIDTH)


def sparse(settings: SAESettings, given: NDArray[np.float32]) -> tuple[TrainingState, list[StepReport]]:
    state = TrainingState.begin(settings, WIDTH)
    with SparseStep(settings, state).running() as way:
        return state, [way.step(batch) for batch in given]


def dense(settings: SAESettings, given: NDArray[np.float32]) -> tuple[TrainingState, list[StepReport]]:
    state = TrainingState.begin(settings, WIDTH)
    with DenseStep(settings, state).running() as way:
        found = [way.step(batch) for batch in given]
    return state, found


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_the_step_of_automatic_differentiation(name: str) -> None:
    settings = VARIANTS[name]
    given = batches(settings)
    (state, reports), (wanted, expected) = sparse(settings, given), dense(settings, given)
    for report, other in zip(reports, expected, strict=True):
        assert report.loss == pytest.approx(other.loss, rel=1e-4)
        assert report.missed == pytest.approx(other.missed, rel=1e-4)
        assert (report.active, report.dead) == (other.active, other.dead)
    begun = TrainingState.begin(settings, WIDTH)
    for weight in WEIGHTS:
        # To a thousandth of how far training moved it. Adam divides a gradient by its size, so that one that is nearly
        # nothing moves a weight as far as any other, by bits in which processors differ; a few weights meet one.
        moved = float(np.abs(getattr(wanted, weight) - getattr(begun, weight)).max())
        assert moved > 2e-3
        apart = np.abs(getattr(state, weight) - getattr(wanted, weight))
        assert (apart > 1e-3 * moved).sum() <= max(1, apart.size // 100) and float(apart.max()) < 1e-2 * moved
    for moments in ("moments", "bias_moments", "centre_moments"):
        largest = float(np.abs(getattr(wanted, moments)).max())
        np.testing.assert_allclose(getattr(state, moments), getattr(wanted, moments), rtol=0, atol=1e-4 * largest)
    np.testing.assert_array_equal(state.last_active, wanted.last_active)
    assert state.threshold == pytest.approx(wanted.threshold, rel=1e-5)
    assert (state.threshold > 0) == (settings.sparsity == "batchtopk")
    assert state.step == wanted.step == STEPS


def test_dead_features_are_moved_by_auxk_alone() -> None:
    """So that the comparison above is one of AuxK too: some features were dead, and would not have moved."""
    given = batches(BASE)
    _, reports = sparse(BASE, given)
    assert min(report.dead for report in reports) >= 5
    (state, _), (left_alone, _) = sparse(BASE, given[:4]), sparse(replace(BASE, aux_k=0), given[:4])
    never = (state.last_active == -1) & (left_alone.last_active == -1)
    begun = TrainingState.begin(BASE, WIDTH)
    assert never.any()
    np.testing.assert_allclose(left_alone.decoder[never], begun.decoder[never], atol=1e-6)
    assert np.abs(state.decoder[never] - begun.decoder[never]).max(axis=1).min() > 1e-3


@pytest.mark.parametrize("name", ["topk", "matryoshka batchtopk"])
def test_two_threads_give_the_same_bits_as_one(name: str) -> None:
    given = batches(VARIANTS[name])
    (state, reports), (other, expected) = (
        sparse(replace(VARIANTS[name], threads=threads), given) for threads in (1, 2)
    )
    assert reports == expected
    for array in (*WEIGHTS, "moments", "bias_moments", "centre_moments"):
        np.testing.assert_array_equal(getattr(state, array), getattr(other, array))


@pytest.mark.parametrize("way", [sparse, dense])
def test_published_bug_row_against_column_normalisation(way: Any) -> None:
    """Along the wrong axis, coordinates of a decoder have norm 1, and its features have about sqrt(d / F)."""
    state, _ = way(BASE, batches(BASE))
    np.testing.assert_allclose(np.linalg.norm(state.decoder, axis=1), 1.0, atol=1e-6)
    assert np.linalg.norm(state.decoder, axis=0).min() > 1.5  # sqrt(96 / 16) is 2.4


def test_a_report_counts_with_the_weights_before_the_step() -> None:
    given = batches(BASE)
    state = TrainingState.begin(BASE, WIDTH)
    pre = given[0] @ state.encoder.T
    chosen = np.where(pre >= np.sort(pre, axis=1)[:, -BASE.k, None], np.maximum(pre, 0), 0)
    missed = np.square(chosen @ state.decoder - given[0]).sum()
    _, (report, *_) = sparse(BASE, given[:1])
    assert report.loss == pytest.approx(missed / BASE.rows, rel=1e-5)
    assert report.missed == pytest.approx(missed / np.square(given[0] - given[0].mean(axis=0)).sum(), rel=1e-5)
    assert report.active == (chosen > 0).sum() / BASE.rows


def test_steps_are_made_where_their_threads_are_held() -> None:
    step = SparseStep(BASE, TrainingState.begin(BASE, WIDTH))
    with pytest.raises(RuntimeError, match="within `running`"):
        step.step(batches(BASE)[0])


@pytest.mark.parametrize("total", [1, 5, 16, 100])
def test_parts_cover_everything_once(total: int) -> None:
    assert [at for low, high in chunks(total) for at in range(low, high)] == list(range(total))
