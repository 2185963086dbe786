"""What a model is held to: random weights fail by name, planted neighbours are found, whole batches are held out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.data import CellSet
from theodolite.models.facts import CheckpointError
from theodolite.models.geneformer.model import load_geneformer
from theodolite.models.geneformer.sizes import SIZES, Size
from theodolite.models.geneformer.writing import made_up_genes, write_random_checkpoint
from theodolite.models.registry import load_model
from theodolite.models.scgpt.checkpoint import write_random_checkpoint as write_random_scgpt
from theodolite.models.scgpt.model import load_scgpt
from theodolite.models.scgpt.settings import ScGPTSettings
from theodolite.models.tokens import Tokens
from theodolite.models.verifying import Check, earlier_attempts, is_verified, read_verification, write_verification
from theodolite.models.verifying.checks import hold_out, verify
from theodolite.models.verifying.neighbours import partner_percentiles
from theodolite.models.verifying.values import gene_means, score_values

TINY = Size("tiny", 2, layers=2, width=32, heads=4, feedforward=48, context=24, vocabulary=44)


def cells_of(n_cells: int, batches: int | None = None, unknown: int = 0) -> CellSet:
    draw = np.random.default_rng(0)
    genes = [*made_up_genes(40), *(f"UNKNOWN{index}" for index in range(unknown))]
    counts = draw.poisson(2.0, (n_cells, len(genes))) + (np.arange(len(genes)) < 5)
    labels = {} if batches is None else {"plate": [f"p{row % batches}" for row in range(n_cells)]}
    names = [f"c{row}" for row in range(n_cells)]
    return CellSet.from_counts(
        "drawn",
        counts,
        genes,
        names,
        labels=labels,
        species="human",
        origin="here",
        batch=None if batches is None else "plate",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "tiny"
    write_random_checkpoint(made, TINY, seed=1)
    return made


def test_whole_batches_are_held_out_and_nothing_is_on_both_sides() -> None:
    fitted, predicted, words = hold_out(cells_of(240, batches=4), most=500, seed=1)
    assert not set(fitted.cells) & set(predicted.cells)
    assert len(set(predicted.units)) == 1 and not set(predicted.units) & set(fitted.units)
    assert words == f"batch {predicted.units[0]}"
    again = hold_out(cells_of(240, batches=4), most=500, seed=1)
    assert again[1].cells == predicted.cells
    few = hold_out(cells_of(240, batches=4), most=55, seed=1)
    assert len(few[0].cells) == len(few[1].cells) == 55


@pytest.mark.parametrize(
    ("cells", "options", "said"),
    [
        (cells_of(160, batches=4), {}, "leave 40 to predict where batch p. is held out; 50 at least"),
        (cells_of(120, batches=3), {"unit": "p1"}, "leave 40 to predict where batch p1 is held out"),
        (cells_of(240), {}, "leave 48 to predict where a fifth of them is held out"),
        (cells_of(240, batches=4), {"most": 7}, "leave 7 to fit the rivals on"),
    ],
)
def test_too_few_cells_for_an_interval_are_refused(cells: CellSet, options: dict[str, Any], said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        hold_out(cells, **{"most": 500, "seed": 1, **options})


def test_a_batch_that_the_model_never_saw_is_held_out_by_name() -> None:
    fitted, predicted, words = hold_out(cells_of(240, batches=4), most=500, seed=1, unit="p2")
    assert set(predicted.units) == {"p2"} and "p2" not in fitted.units and words == "batch p2"
    with pytest.raises(CheckpointError, match="have no batch 'p9'; there is 'p0', 'p1'"):
        hold_out(cells_of(60, batches=4), most=500, seed=1, unit="p9")


def test_without_batches_a_fifth_of_the_cells_is_drawn() -> None:
    fitted, predicted, words = hold_out(cells_of(300), most=500, seed=1)
    assert (len(fitted.cells), len(predicted.cells), words) == (240, 60, "60 cells drawn at random")


def test_cells_of_one_batch_cannot_be_parted() -> None:
    with pytest.raises(CheckpointError, match=r"are one batch \('p0'\), of which no part can be held out"):
        hold_out(cells_of(10, batches=1), most=500, seed=1)


def test_random_weights_are_caught_by_every_rival_and_by_their_neighbours(folder: Path) -> None:
    fitted, predicted, _ = hold_out(cells_of(240, batches=4, unknown=10), most=500, seed=1)
    checks = {check.name: check for check in verify(load_geneformer(folder), fitted, predicted, seed=1)}
    assert checks["parameters"].passed and "no published size has this shape" in checks["parameters"].sentence
    assert checks["token coverage"].passed
    assert "40 of the 50 genes of the cells are in the vocabulary" in checks["token coverage"].sentence
    masked = [check for name, check in checks.items() if name.startswith("masked accuracy against ")]
    assert {check.name.removeprefix("masked accuracy against ") for check in masked} >= {
        "unigram", "position only", "model, context shuffled",
    }  # fmt: skip
    assert not any(check.passed for check in masked)
    assert not checks["known gene neighbours"].passed
    assert "holds 0 of the known pairs" in checks["known gene neighbours"].sentence


def test_cells_that_the_model_hardly_knows_fail_coverage(folder: Path) -> None:
    fitted, predicted, _ = hold_out(cells_of(240, batches=4, unknown=60), most=500, seed=1)
    check = next(c for c in verify(load_geneformer(folder), fitted, predicted, seed=1) if c.name == "token coverage")
    assert not check.passed and check.number < 0.5


def test_the_number_of_parameters_of_a_published_size_is_known(tmp_path: Path) -> None:
    size = SIZES["gf-6L-30M-i2048"]
    write_random_checkpoint(tmp_path / "v1", size, seed=1)
    model = load_geneformer(tmp_path / "v1")
    fitted, predicted, _ = hold_out(cells_of(240, batches=4), most=50, seed=1)
    check = next(iter(verify(model, fitted, predicted, seed=1)))
    assert check.passed and check.number == check.threshold
    assert "that of gf-6L-30M-i2048 is" in check.sentence


def test_models_of_other_kinds_say_where_they_are_verified() -> None:
    cells = cells_of(10, batches=2)
    with pytest.raises(CheckpointError, match="compact-pbmc is no Geneformer and no scGPT"):
        list(verify(load_model("compact-pbmc"), cells, cells, seed=1))


def test_the_partner_of_a_planted_pair_is_nearest_and_of_a_random_one_anywhere() -> None:
    draw = np.random.default_rng(3)
    names = tuple(f"G{index}" for index in range(400))
    vectors = draw.standard_normal((400, 64))
    vectors[1] = vectors[0] + 0.1 * draw.standard_normal(64)
    vectors[7] = 0.0
    assert partner_percentiles(vectors, names, (("G0", "G1"),)) == {("G0", "G1"): 1.0}
    random = partner_percentiles(vectors, names, tuple((f"G{i}", f"G{i + 1}") for i in range(10, 390, 2)))
    assert 0.4 < np.median(list(random.values())) < 0.6
    assert partner_percentiles(vectors, names, (("G7", "G8"), ("G9", "ABSENT"))) == {}


def some_values(n_cells: int, seed: int) -> Tokens:
    """Cells in which all genes have the cell's own value, which nothing but the cell's other genes can tell."""
    draw = np.random.default_rng(seed)
    genes = np.tile(np.arange(20, dtype=np.int32), n_cells)
    values = np.repeat(draw.normal(5.0, 2.0, n_cells), 20).astype(np.float32)
    indptr = np.arange(n_cells + 1, dtype=np.int64) * 20
    return Tokens(indptr, genes, genes, values, np.zeros(n_cells, dtype=np.int32))


def test_a_model_that_reads_its_context_beats_the_gene_mean_and_one_that_does_not_fails() -> None:
    def mean_of_the_visible(tokens: Tokens) -> np.ndarray:
        rows = tokens.values.reshape(-1, 20)
        visible = np.where(rows == -1, np.nan, rows)
        return np.repeat(np.nanmean(visible, axis=1), 20)

    fitted, held_out = some_values(60, 1), some_values(40, 2)
    good = score_values(mean_of_the_visible, fitted, held_out, 20, -1.0)
    assert good.gain("gene mean", 0)[1] > 0.9
    means = gene_means(fitted, 20)
    blind = score_values(lambda tokens: means[tokens.genes], fitted, held_out, 20, -1.0)
    assert blind.gain("gene mean", 0) == pytest.approx((0.0, 0.0, 0.0))
    # Its context tells it nothing, shuffled or not.
    assert blind.gain("model, context shuffled", 0)[1] <= 0


def test_a_record_speaks_of_its_own_weights_only(tmp_path: Path) -> None:
    held, failed = Check("a", True, 1.0, 0.5, "s"), Check("b", False, 0.1, 0.5, "s")
    assert not is_verified(tmp_path, "1" * 64)
    write_verification(tmp_path, "1" * 64, [held], {"cells": "here"})
    assert is_verified(tmp_path, "1" * 64) and not is_verified(tmp_path, "2" * 64)
    write_verification(tmp_path, "1" * 64, [held, failed], {})
    assert not is_verified(tmp_path, "1" * 64)
    found = read_verification(tmp_path)
    assert found is not None and [check["name"] for check in found["checks"]] == ["a", "b"]
    (tmp_path / "verification.json").write_text("{broken", encoding="utf-8")
    assert read_verification(tmp_path) is None and not is_verified(tmp_path, "1" * 64)
    (tmp_path / "verification.json").write_text(json.dumps([1]), encoding="utf-8")
    assert not is_verified(tmp_path, "1" * 64)


def test_only_checks_make_a_model_verified(tmp_path: Path) -> None:
    held = {"name": "a", "passed": True, "number": 1.0, "threshold": 0.5, "sentence": "s"}
    for checks in (None, [], [{**held, "passed": False}], [held, "b"], {"a": held}):
        document = {"model_sha256": "1" * 64, "verified": True} | ({} if checks is None else {"checks": checks})
        (tmp_path / "verification.json").write_text(json.dumps(document), encoding="utf-8")
        assert not is_verified(tmp_path, "1" * 64), checks
    (tmp_path / "verification.json").write_text(json.dumps({**document, "checks": [held]}), encoding="utf-8")
    assert is_verified(tmp_path, "1" * 64)


def test_earlier_attempts_stay_in_the_record(tmp_path: Path) -> None:
    held, failed = Check("a", True, 1.0, 0.5, "s"), Check("b", False, 0.1, 0.5, "s")
    assert earlier_attempts(tmp_path) == []
    write_verification(tmp_path, "1" * 64, [failed], {"seed": 1})
    write_verification(tmp_path, "1" * 64, [failed], {"seed": 2})
    write_verification(tmp_path, "2" * 64, [held], {"seed": 3})
    found = read_verification(tmp_path)
    assert found is not None and found["about"] == {"seed": 3} and is_verified(tmp_path, "2" * 64)
    assert found["attempts"] == [
        {"model_sha256": "1" * 64, "about": {"seed": seed}, "verified": False} for seed in (1, 2)
    ]


def test_a_scgpt_of_random_weights_fails_by_its_hidden_values(tmp_path: Path) -> None:
    genes = tuple(made_up_genes(40))
    settings = ScGPTSettings(embsize=16, nheads=2, d_hid=16, nlayers=1, max_seq_len=60)
    write_random_scgpt(tmp_path / "random", genes, settings, seed=1)
    fitted, predicted, _ = hold_out(cells_of(240, batches=4), most=500, seed=1)
    checks = {check.name: check for check in verify(load_scgpt(tmp_path / "random"), fitted, predicted, seed=1)}
    assert checks["token coverage"].passed
    assert not checks["hidden values against gene mean"].passed
    assert checks["hidden values against gene mean"].number < 0
    assert {"parameters", "hidden values against model, context shuffled", "known gene neighbours"} <= checks.keys()
