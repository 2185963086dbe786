"""``models train geneformer-mini``: a checkpoint in the published format from a file of cells."""

from __future__ import annotations

from dataclasses import fields

import anndata
import numpy as np
import pandas as pd
import pytest

from theodolite.cli.exit_codes import ExitCode
from theodolite.models.geneformer.writing import made_up_genes, write_dictionaries

TINY = ["--genes", 20, "--layers", 1, "--width", 8, "--heads", 2, "--feedforward", 8, "--context", 12, 
        "--eval-every", 2, "--save-every", 1, "--evaluation-masks", 1, "--cells-per-step", 2]  # fmt: skip
TRAIN = ["models", "train", "geneformer-mini"]
GENES = list(made_up_genes(24))


@pytest.fixture
def cells(tmp_path):
    counts = np.random.default_rng(0).poisson(2.0, (30, 24)) + 1
    obs = pd.DataFrame({"plate": [f"p{row % 3}" for row in range(30)]}, index=[f"cell{row}" for row in range(30)])
    path = tmp_path / "cells.h5ad"
    anndata.AnnData(counts.astype(np.float32), obs, pd.DataFrame(index=GENES)).write_h5ad(path)
    return path


def test_it_has_an_option_for_every_setting(cli):
    """``command.txt`` beside a checkpoint names options after these fields."""
    from theodolite.models.geneformer.training_settings import MiniSettings

    text = cli("models", "train", "geneformer-mini", "--help").stdout
    for field in fields(MiniSettings):
        assert f"--{field.name.replace('_', '-')} " in text


def test_it_writes_a_model_that_loads_and_goes_on_where_it_stopped(cli, cells, tmp_path):
    from theodolite.models.geneformer.model import load_geneformer

    out = tmp_path / "geneformer-mini-test"
    words = [*TRAIN, "--cells", cells, "--batch", "plate", *TINY, "--steps", 4, "--out", out]
    found = cli(*words)
    assert found.exit_code == 0, found.stderr
    for name in ("unigram", "position only", "context shuffled", "context of another cell", "of p2"):
        assert name in found.stdout
    assert "Training: 4 of 4" in found.stderr
    model = load_geneformer(out)
    assert (model.name, len(model.genes), model.n_layers) == ("geneformer-mini-test", 20, 1)
    command = (out / "command.txt").read_text()
    assert f"--cells {cells}" in command and "--genes 20" in command and "--warmup" not in command

    weights = (out / "model.safetensors").read_bytes()
    again = cli(*words)
    assert "continuing it" in again.stderr and (out / "model.safetensors").read_bytes() == weights
    other = cli(*words, "--seed", 7)
    assert other.exit_code == ExitCode.BAD_INPUT and "--restart" in other.stderr
    assert cli(*words, "--seed", 7, "--restart").exit_code == 0
    assert (out / "model.safetensors").read_bytes() != weights


def test_genes_can_be_limited_to_those_of_published_dictionaries(cli, cells, tmp_path):
    known, out = tmp_path / "known", tmp_path / "mini"
    write_dictionaries(known, "gc104M", GENES[:21], np.ones(21))
    words = [*TRAIN, "--cells", cells, "--batch", "plate", *TINY, "--steps", 1, "--out", out]
    assert cli(*words, "--dictionaries", known).exit_code == 0
    assert f"--dictionaries {known}" in (out / "command.txt").read_text()
    refused = cli(*words, "--dictionaries", tmp_path / "nowhere", "--restart")
    assert refused.exit_code == ExitCode.BAD_INPUT and "token_dictionary" in refused.stderr


@pytest.mark.parametrize(("option", "value"), [("--width", 15), ("--steps", 0), ("--held-out", "p9"), ("--genes", 99)])
def test_a_value_out_of_range_is_refused_by_name(cli, cells, tmp_path, option, value):
    out = tmp_path / "never"
    words = ["models", "train", "geneformer-mini", "--cells", cells, "--batch", "plate", *TINY, "--out", out]
    found = cli(*words, option, value)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert str(value) in found.stderr and not out.exists()
