"""``models verify``: what a person reads, and what later verdicts rest on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

from theodolite.models.geneformer.sizes import Size
from theodolite.models.geneformer.writing import made_up_genes, write_random_checkpoint

TINY = Size("tiny", 2, layers=1, width=16, heads=2, feedforward=16, context=24, vocabulary=44)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_random_checkpoint(tmp_path / "my-geneformer", TINY, seed=1)
    return tmp_path / "my-geneformer"


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    counts = np.random.default_rng(0).poisson(2.0, (40, 40)) + 1
    obs = pd.DataFrame({"plate": [f"p{row % 4}" for row in range(40)]}, index=[f"c{row}" for row in range(40)])
    path = tmp_path / "mine.h5ad"
    anndata.AnnData(counts.astype(np.float32), obs=obs, var=pd.DataFrame(index=list(made_up_genes(40)))).write_h5ad(
        path
    )
    return path


def test_random_weights_are_not_verified_and_the_record_says_why(cli: Any, checkpoint: Path, cells: Path) -> None:
    done = cli("models", "verify", str(checkpoint), "--cells", str(cells), "--batch", "plate")
    assert done.exit_code == 1
    for words in ("held    parameters", "FAILED  masked accuracy against unigram", "is not verified:", "batch p"):
        assert words in done.output, words
    record = json.loads((checkpoint / "verification.json").read_text(encoding="utf-8"))
    assert record["verified"] is False and record["about"]["n_predicted"] == 10


def test_as_json_it_says_the_same(cli: Any, checkpoint: Path, cells: Path) -> None:
    done = cli("models", "verify", str(checkpoint), "--cells", str(cells), "--batch", "plate", "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == 1 and said["verified"] is False
    assert {check["name"] for check in said["checks"] if check["passed"]} >= {"parameters", "token coverage"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--most", "1"), "--most 1: two cells at least"),
        (("--device", "gpu"), "--device 'gpu'"),
        (("--batch", "absent"), "no column 'absent'"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    cli: Any, checkpoint: Path, cells: Path, words: tuple[str, ...], said: str
) -> None:
    done = cli("models", "verify", str(checkpoint), "--cells", str(cells), *words)
    assert done.exit_code == 2 and said in done.output
    assert not (checkpoint / "verification.json").exists()


def test_a_compact_model_says_where_it_was_scored(cli: Any) -> None:
    done = cli("models", "verify", "compact-pbmc", "--cells", "pbmc")
    assert done.exit_code == 2 and "scored beside its rivals when it is trained" in " ".join(done.output.split())
