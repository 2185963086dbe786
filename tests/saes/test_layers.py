"""Several layers and seeds are one job: a folder each, one summary, nothing twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_models import toy_model, toy_tokens

from theodolite.models.activations import Activations, write_activations
from theodolite.models.sites import EMBEDDING, Site, residual
from theodolite.saes import (
    MATCHED,
    SAESettings,
    SAETrainingError,
    StoredRows,
    layers,
    load_sae,
    match_features,
    train_sae,
)
from theodolite.saes.layers import SUMMARY, LayerSummary, folder_of, train_layers

CELLS = 11
SITES = (EMBEDDING, residual(2))
HELD_OUT = np.arange(CELLS) < 2
SETTINGS = SAESettings(features=16, k=2, steps=25, rows=64, learning_rate=2e-3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Activations:
    return write_activations(
        toy_model(), toy_tokens(CELLS), [f"cell {index}" for index in range(CELLS)],
        tmp_path_factory.mktemp("stored") / "activations", cells_sha256="c" * 64, tokeniser={}, sites=SITES,
    )  # fmt: skip


def train(
    store: Activations, out: Path, sites: Sequence[Site] = SITES, seeds: Sequence[int] = (0, 1, 4), **more: Any
) -> tuple[LayerSummary, ...]:
    return train_layers(store, sites, SETTINGS, seeds, HELD_OUT, out, **more)


@pytest.fixture(scope="module")
def trained(store: Activations, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[LayerSummary, ...]]:
    out = tmp_path_factory.mktemp("layers")
    return out, train(store, out)


def test_each_site_and_seed_has_a_folder_with_what_a_training_alone_gives(
    store: Activations, trained: Any, tmp_path: Path
) -> None:
    out, _ = trained
    folders = {path.parent.relative_to(out).as_posix() for path in out.rglob("training.json")}
    assert folders == {f"{site}/seed-{seed}" for site in ("embedding", "residual.2") for seed in (0, 1, 4)}
    alone = train_sae(StoredRows(store, residual(2), HELD_OUT), replace(SETTINGS, seed=4), tmp_path).sae
    np.testing.assert_array_equal(load_sae(folder_of(out, residual(2), 4)).decoder, alone.decoder)


def test_the_summary_is_that_of_the_reports(trained: Any) -> None:
    out, summaries = trained
    assert [summary.site for summary in summaries] == ["embedding", "residual.2"]
    for site, summary in zip(SITES, summaries, strict=True):
        reports = [json.loads((folder_of(out, site, seed) / "training.json").read_text()) for seed in (0, 1, 4)]
        for name in ("explained_variance", "active", "dead"):
            assert getattr(summary, name) == tuple(report["held_out"][name] for report in reports)
            assert summary.medians[name] == sorted(getattr(summary, name))[1]
        assert summary.gamma == reports[0]["gamma"]
        decoders = [load_sae(folder_of(out, site, seed)).decoder for seed in (0, 1, 4)]
        pairs = [(0, 1), (0, 2), (1, 2)]
        assert summary.matched == tuple(match_features(decoders[a], decoders[b]).share(MATCHED) for a, b in pairs)
        assert all(0 <= share <= 1 for share in summary.matched)
    written = json.loads((out / SUMMARY).read_text())
    assert [row["site"] for row in written] == ["embedding", "residual.2"]
    assert written[1]["matched"] == list(summaries[1].matched)
    assert written[1]["medians"] == summaries[1].medians


def test_a_second_call_trains_nothing_and_says_the_same(store: Activations, trained: Any) -> None:
    out, summaries = trained
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def progress(*told: Any) -> None:
        raise AssertionError(f"trained: {told}")

    assert train(store, out, progress=progress) == summaries
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_progress_names_the_site_and_the_seed(store: Activations, tmp_path: Path) -> None:
    told: list[tuple[Site, int, int, int]] = []
    train(
        store, tmp_path, [residual(2)], [3, 0],
        progress=lambda site, seed, done, total, latest: told.append((site, seed, done, total)),
    )  # fmt: skip
    assert told == [(residual(2), seed, done, 25) for seed in (3, 0) for done in range(1, 26)]


def test_a_job_that_was_broken_off_goes_on_and_trains_only_what_is_missing(
    store: Activations, trained: Any, tmp_path: Path
) -> None:
    class BrokenOff(Exception):
        pass

    def stop(site: Site, seed: int, *told: Any) -> None:
        if (site, seed) == (residual(2), 1):
            raise BrokenOff

    with pytest.raises(BrokenOff):
        train(store, tmp_path, progress=stop)
    # What is finished is summed up before the next site begins.
    assert [row["site"] for row in json.loads((tmp_path / SUMMARY).read_text())] == ["embedding"]
    seen: list[tuple[str, int]] = []
    found = train(store, tmp_path, progress=lambda site, seed, *told: seen.append((str(site), seed)))
    assert set(seen) == {("residual.2", 1), ("residual.2", 4)}
    assert found == trained[1]


def test_identical_dictionaries_match_wholly_and_one_seed_matches_nothing(
    store: Activations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (alone,) = train(store, tmp_path / "alone", [EMBEDDING], [0])
    assert (alone.matched, alone.medians["matched"]) == ((), None)

    def seedless(rows: Any, settings: SAESettings, out: Path, **more: Any) -> Any:
        return train_sae(rows, replace(settings, seed=0), out, **more)

    monkeypatch.setattr(layers, "train_sae", seedless)
    (same,) = train(store, tmp_path / "same", [EMBEDDING], [0, 1])
    assert same.matched == (1.0,)


@pytest.mark.parametrize(
    ("sites", "seeds", "said"),
    [
        ([residual(2), residual(2)], [0], r"sites are residual\.2, residual\.2; give each once"),
        ([], [0], "sites are none; give each once, and at least one"),
        ([residual(2)], [1, 1], "seeds are 1, 1; give each once"),
        ([residual(2)], [], "seeds are none"),
        ([residual(2), residual(3)], [0], r"residual\.3 is not stored"),
    ],
)
def test_sites_or_seeds_that_cannot_be_are_refused_before_anything_is_trained(
    store: Activations, tmp_path: Path, sites: list[Site], seeds: list[int], said: str
) -> None:
    with pytest.raises(SAETrainingError, match=said):
        train(store, tmp_path, sites, seeds)
    assert not list(tmp_path.iterdir())
