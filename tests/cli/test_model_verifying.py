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
    counts = np.random.default_rng(0).poisson(2.0, (220, 40)) + 1
    obs = pd.DataFrame({"plate": [f"p{row % 4}" for row in range(220)]}, index=[f"c{row}" for row in range(220)])
    obs["few"] = ["one"] + ["rest"] * 219
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
    assert record["verified"] is False and record["about"]["n_predicted"] == 55


def test_as_json_it_says_the_same(cli: Any, checkpoint: Path, cells: Path) -> None:
    done = cli("models", "verify", str(checkpoint), "--cells", str(cells), "--batch", "plate", "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == 1 and said["verified"] is False
    assert {check["name"] for check in said["checks"] if check["passed"]} >= {"parameters", "token coverage"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--most", "49"), "'--most': Input should be greater than or equal to 50"),
        (("--seed", "-1"), "'--seed': Input should be greater than or equal to 0"),
        (("--threads", "0"), "'--threads': Input should be greater than or equal to 1"),
        (("--batch", "few", "--held-out", "one"), "leave 1 to predict where batch one is held out"),
        (("--device", "gpu"), "--device 'gpu'"),
        (("--batch", "absent"), "no column 'absent'"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    cli: Any, checkpoint: Path, cells: Path, words: tuple[str, ...], said: str
) -> None:
    done = cli("models", "verify", str(checkpoint), "--cells", str(cells), *words)
    assert done.exit_code == 2 and said in " ".join(done.output.split())
    assert not (checkpoint / "verification.json").exists()


def test_a_compact_model_says_where_it_was_scored(cli: Any) -> None:
    done = cli("models", "verify", "compact-pbmc", "--cells", "pbmc")
    assert done.exit_code == 2 and "scored beside its rivals when it is trained" in " ".join(done.output.split())


def test_a_model_trained_here_is_held_to_the_plate_that_it_never_saw(cli: Any, checkpoint: Path, cells: Path) -> None:
    record = {"report": {"held_out": "p2"}, "trained_on": ["p0", "p1", "p3"]}
    (checkpoint / "training.json").write_text(json.dumps(record), encoding="utf-8")
    words = ("models", "verify", str(checkpoint), "--cells", str(cells), "--batch", "plate", "--json")
    assert json.loads(cli(*words).stdout)["held_out"] == "batch p2"
    refused = cli(*words, "--held-out", "p1")
    assert refused.exit_code == 2 and "trained on all but 'p2'" in " ".join(refused.output.split())


def test_a_second_attempt_says_that_it_is_one(cli: Any, checkpoint: Path, cells: Path) -> None:
    words = ("models", "verify", str(checkpoint), "--cells", str(cells), "--batch", "plate")
    assert "before" not in cli(*words).output.split("my-geneformer is")[1]
    assert "These weights were tried 1 time before" in " ".join(cli(*words, "--seed", "2").output.split())
    record = json.loads((checkpoint / "verification.json").read_text(encoding="utf-8"))
    assert [attempt["about"]["seed"] for attempt in record["attempts"]] == [1]


def test_a_folder_that_cannot_be_written_to_is_named_before_anything_is_computed(
    cli: Any, checkpoint: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    def compute(*given: Any) -> Any:
        raise AssertionError("computed")

    monkeypatch.setattr("theodolite.models.verifying.record.write_atomically", refuse)
    monkeypatch.setattr("theodolite.models.verifying.checks.verify", compute)
    done = cli("models", "verify", str(checkpoint), "--cells", str(cells), "--batch", "plate")
    assert done.exit_code == 2 and "verification.json" in "".join(done.output.split())


def test_what_was_computed_is_said_before_it_is_kept(
    cli: Any, checkpoint: Path, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any) -> Path:
        raise OSError(28, "No space left on device", "verification.json")

    monkeypatch.setattr("theodolite.models.verifying.write_verification", full)
    done = cli("models", "verify", str(checkpoint), "--cells", str(cells), "--batch", "plate")
    assert done.exit_code == 2 and "held    parameters" in done.output


def test_genes_are_read_as_in_campaigns(cli: Any, checkpoint: Path, cells: Path) -> None:
    words = ("models", "verify", str(checkpoint), "--cells", str(cells), "--batch", "plate")
    absent = cli(*words, "--ensembl-column", "nowhere")
    assert absent.exit_code == 2 and "'nowhere'" in absent.output
    assert cli(*words, "--aliases", "packaged").exit_code == 1
