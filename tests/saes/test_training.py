"""Training resumes to the bit, is done once, refuses what is another's, and folds back what scaling took away."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_models import toy_model, toy_tokens

from theodolite.data.superposed import superposed_world
from theodolite.models.activations import write_activations
from theodolite.models.sites import residual
from theodolite.saes import (
    ArrayRows,
    SAESettings,
    SAETrainingError,
    SparseAutoencoder,
    StoredRows,
    Trained,
    load_sae,
    score,
    train_sae,
)
from theodolite.saes.rows import scaling_of
from theodolite.saes.sparse_step import SparseStep
from theodolite.saes.state import TrainingState
from theodolite.saes.training import REPORT, STATE, folded

WIDTH = 12
SETTINGS = SAESettings(features=40, k=3, steps=60, rows=128, learning_rate=2e-3, save_every=20, report_every=15)
WEIGHTS = ("encoder", "decoder", "encoder_bias", "decoder_bias")


@pytest.fixture(scope="module")
def rows() -> ArrayRows:
    """Rows in units of their own, far off the origin."""
    world = superposed_world(1, rows=6_000, width=WIDTH, features=30, active=3.0)
    offset = np.linspace(-40, 60, WIDTH, dtype=np.float32)
    return ArrayRows(7 * world.values + offset, np.arange(6_000) % 6 == 0)


class BrokenOff(Exception):
    """Somebody pulled the plug."""


class Plug:
    """Ends a training after some steps, and notes which ones it saw."""

    def __init__(self, last: int | None = None) -> None:
        self.last, self.seen = last, list[int]()

    def __call__(self, done: int, steps: int, latest: dict[str, Any]) -> None:
        assert steps == SETTINGS.steps
        assert latest["loss"] > 0
        self.seen.append(done)
        if done == self.last:
            raise BrokenOff


def assert_same(found: Trained, wanted: Trained) -> None:
    for name in WEIGHTS:
        np.testing.assert_array_equal(getattr(found.sae, name), getattr(wanted.sae, name))
    assert found.sae.k == wanted.sae.k
    if wanted.sae.threshold is not None:
        np.testing.assert_array_equal(found.sae.threshold, wanted.sae.threshold)
    assert found.report == wanted.report
    assert found.history == wanted.history


# With the number of a device, torch's own steps are made on the processor.
@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
@pytest.mark.parametrize("sparsity", ["topk", "batchtopk"])
def test_a_training_that_was_broken_off_ends_as_an_unbroken_one(
    rows: ArrayRows, tmp_path: Path, device: str, sparsity: Any
) -> None:
    settings = replace(SETTINGS, sparsity=sparsity)
    whole = train_sae(rows, settings, tmp_path / "whole", device=device)
    out = tmp_path / "broken"
    for last, first in ((33, 1), (47, 21)):
        plug = Plug(last)
        with pytest.raises(BrokenOff):
            train_sae(rows, settings, out, device=device, progress=plug)
        assert plug.seen == list(range(first, last + 1))
        assert not (out / REPORT).exists()
    plug = Plug()
    assert_same(train_sae(rows, settings, out, device=device, progress=plug), whole)
    assert plug.seen == list(range(41, 61))
    assert not (out / STATE).exists()


def test_the_end_is_reached_from_a_state_that_was_saved_after_the_last_step(rows: ArrayRows, tmp_path: Path) -> None:
    whole = train_sae(rows, SETTINGS, tmp_path / "whole")
    with pytest.raises(BrokenOff):
        train_sae(rows, SETTINGS, tmp_path / "broken", progress=Plug(60))
    plug = Plug()
    assert_same(train_sae(rows, SETTINGS, tmp_path / "broken", progress=plug), whole)
    assert plug.seen == []


def test_a_finished_training_is_read_and_not_made_again(rows: ArrayRows, tmp_path: Path) -> None:
    made = train_sae(rows, SETTINGS, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    plug = Plug()
    # Threads and how often it is saved do not make it another.
    found = train_sae(rows, replace(SETTINGS, save_every=7, report_every=9), tmp_path, progress=plug)
    assert_same(found, made)
    assert plug.seen == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert set(before) == {"cfg.json", "sae_weights.safetensors", "train_log.jsonl", "training.json"}


@pytest.mark.parametrize("change", [{"k": 4}, {"seed": 1}, {"steps": 61}, {"widths": (8,)}, {"learning_rate": 1e-3}])
def test_a_folder_of_another_recipe_is_refused(rows: ArrayRows, tmp_path: Path, change: dict[str, Any]) -> None:
    train_sae(rows, SETTINGS, tmp_path / "finished")
    with pytest.raises(BrokenOff):
        train_sae(rows, SETTINGS, tmp_path / "broken", progress=Plug(25))
    for folder, said in (("finished", "holds an autoencoder of other settings or activations"),
                         ("broken", "saved under other settings or activations")):  # fmt: skip
        with pytest.raises(SAETrainingError, match=f"{folder}.*{said}.*without resuming, or into another folder"):
            train_sae(rows, replace(SETTINGS, **change), tmp_path / folder)


def test_other_activations_are_refused_and_anew_replaces_what_is_there(rows: ArrayRows, tmp_path: Path) -> None:
    train_sae(rows, SETTINGS, tmp_path)
    other = ArrayRows(rows.values * 2, rows.held_out)
    with pytest.raises(SAETrainingError, match="of other settings or activations"):
        train_sae(other, SETTINGS, tmp_path)
    anew = train_sae(other, SETTINGS, tmp_path, resume=False)
    np.testing.assert_array_equal(load_sae(tmp_path).encoder_bias, anew.sae.encoder_bias)
    assert json.loads((tmp_path / REPORT).read_text()) == anew.report


def test_a_damaged_report_or_state_is_refused_with_its_path(rows: ArrayRows, tmp_path: Path) -> None:
    with pytest.raises(BrokenOff):
        train_sae(rows, SETTINGS, tmp_path, progress=Plug(25))
    whole = (tmp_path / STATE).read_bytes()
    (tmp_path / STATE).write_bytes(whole[:-100])
    with pytest.raises(SAETrainingError, match=f"{STATE}: not the state of a training.*into another folder"):
        train_sae(rows, SETTINGS, tmp_path)
    (tmp_path / STATE).write_bytes(whole)
    (tmp_path / REPORT).write_text("[]")
    with pytest.raises(SAETrainingError, match=f"{REPORT} is no report of a training.*into another folder"):
        train_sae(rows, SETTINGS, tmp_path)


def test_the_report_says_what_was_trained_on_and_how_it_went(rows: ArrayRows, tmp_path: Path) -> None:
    found = train_sae(rows, SETTINGS, tmp_path)
    assert found.report["rows"] == {"rows": 6_000, "held_out_rows": 1_000}
    assert found.report["settings"]["features"] == 40
    assert found.report["gamma"] > 5  # far off the origin
    assert found.sae.about["scale"] == found.report["scale"]
    assert load_sae(tmp_path).about["settings"] == json.loads(json.dumps(found.report["settings"]))
    assert [row["step"] for row in found.history] == [15, 30, 45, 60]
    assert found.history[-1]["mean_loss"] < found.history[0]["mean_loss"]
    assert found.history[-1]["explained_variance"] > found.history[0]["explained_variance"]
    # Scores on rows that were not trained on are those of the batches, nearly.
    held_out = found.report["held_out"]
    assert held_out["explained_variance"] == pytest.approx(found.history[-1]["explained_variance"], abs=0.05)
    assert held_out["explained_variance"] > 0.5


@pytest.mark.parametrize("sparsity", ["topk", "batchtopk"])
def test_folding_back_is_exact(rows: ArrayRows, sparsity: Any) -> None:
    settings = replace(SETTINGS, sparsity=sparsity)
    scaling, state = scaling_of(rows, 256, 0), TrainingState.begin(settings, WIDTH)
    with SparseStep(settings, state).running() as way:
        for batch in islice(map(scaling, rows.draws(settings.rows, 1)), 30):
            way.step(batch)
    assert np.abs(state.decoder_bias).max() > 1e-3
    assert np.abs(state.encoder_bias).max() > 1e-3
    threshold = None if sparsity == "topk" else np.full(40, state.threshold, dtype=np.float32)
    k = settings.k if sparsity == "topk" else None
    of_scaled = SparseAutoencoder(
        state.encoder, state.decoder, state.encoder_bias, state.decoder_bias, k=k, threshold=threshold
    )
    raw = rows.values[:500]
    codes, wanted = folded(state, scaling, settings, {}).encode(raw), of_scaled.encode(scaling(raw))
    assert scaling.scale > 2
    # A value at the edge of the choice may round to the other side of it.
    same = (codes.dense() > 0) == (wanted.dense() > 0)
    assert same.mean() > 0.9999
    np.testing.assert_allclose(codes.dense()[same], wanted.dense()[same] * scaling.scale, atol=1e-4 * scaling.scale)
    whole = same.all(axis=1)
    given = folded(state, scaling, settings, {}).reconstruct(raw)[whole]
    back = of_scaled.reconstruct(scaling(raw))[whole] * scaling.scale + scaling.centre
    np.testing.assert_allclose(given, back, atol=1e-4 * scaling.scale)


def test_the_threshold_of_batchtopk_lets_k_features_a_row_be_active(rows: ArrayRows, tmp_path: Path) -> None:
    settings = replace(SETTINGS, sparsity="batchtopk", steps=1_000, learning_rate=1e-3, save_every=1_000)
    found = train_sae(rows, settings, tmp_path)
    assert found.sae.k is None
    assert found.sae.threshold is not None
    assert found.report["training"]["active"] == pytest.approx(settings.k, rel=0.05)
    assert found.report["held_out"]["active"] == pytest.approx(settings.k, rel=0.1)
    # On average, not in each row.
    active = np.diff(found.sae.encode(rows.values[rows.held_out]).start)
    assert active.std() > 0.5


def test_held_out_rows_do_not_change_what_is_learned(rows: ArrayRows, tmp_path: Path) -> None:
    other = rows.values.copy()
    other[rows.held_out] *= -5
    first = train_sae(rows, SETTINGS, tmp_path / "first")
    second = train_sae(ArrayRows(other, rows.held_out), SETTINGS, tmp_path / "second")
    for name in WEIGHTS:
        np.testing.assert_array_equal(getattr(first.sae, name), getattr(second.sae, name))
    assert first.report["training"] == second.report["training"]
    assert first.report["held_out"] != second.report["held_out"]


def test_a_prefix_of_a_matryoshka_dictionary_reconstructs_better_than_that_of_a_plain_one(
    rows: ArrayRows, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, steps=300)
    plain = train_sae(rows, settings, tmp_path / "plain").sae
    nested = train_sae(rows, replace(settings, widths=(8,)), tmp_path / "nested").sae

    def missed(sae: SparseAutoencoder) -> float:
        raw = rows.values[rows.held_out]
        codes = sae.encode(raw).dense()
        return float(np.square(raw - codes[:, :8] @ sae.decoder[:8] - sae.decoder_bias).mean())

    assert missed(nested) < 0.8 * missed(plain)


def test_a_site_of_a_store_is_trained_on(tmp_path: Path) -> None:
    store = write_activations(
        toy_model(), toy_tokens(11), [str(cell) for cell in range(11)], tmp_path / "store",
        cells_sha256="c" * 64, tokeniser={}, sites=[residual(2)],
    )  # fmt: skip
    settings = replace(SETTINGS, features=16, k=4)
    rows = StoredRows(store, residual(2), np.arange(11) < 3)
    found = train_sae(rows, settings, tmp_path / "sae")
    assert found.report["rows"]["site"] == "residual.2"
    # Whatever is drawn, there are few cells to draw from.
    again = score(found.sae, rows, 99)
    assert found.report["held_out"]["explained_variance"] == pytest.approx(again.explained_variance, abs=0.01)
    assert found.report["training"]["explained_variance"] > 0.3
