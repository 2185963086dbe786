"""``data describe``: what a person sees of a file of cells before a campaign reads it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from cell_files import COUNTS, GENES, write_h5ad, write_tenx_h5, write_tenx_mtx

from theodolite.cli.exit_codes import ExitCode
from theodolite.experiments.campaign import CellsSpec
from theodolite.experiments.inputs import load_cells


def test_the_packaged_cells_are_described_with_the_blocks_of_a_split(cli):
    found = cli("data", "describe", "pbmc")
    assert found.exit_code == 0, found.stderr
    for words in ("700 cells x 765 genes", "whole numbers", "depth: median 653", "names and ids of the genes agree",
                  "534 families", "2 blocks, seed 1: discovery 239 genes", "earlier symbols",
                  "ATPIF1 -> ATP5IF1"):  # fmt: skip
        assert words in found.stdout
    told = json.loads(cli("data", "describe", "pbmc", "--json").stdout)
    assert told["counts"]["depth"]["median"] == 653
    sizes = [part["genes"] for part in told["split"]["splits"][1]["parts"].values()]
    assert sum(sizes) == told["split"]["genes_with_family"] == 738


def test_a_file_is_described_with_its_matrices_roles_and_the_lines_for_a_campaign(cli, tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad", x=np.log1p(COUNTS), layers={"umi": COUNTS})
    found = cli("data", "describe", path, "--donor", "donor", "--perturbation", "guide", "--control", "none")
    assert found.exit_code == 0, found.stderr
    for words in ("X: log-normalised values", "umi: counts <- taken", "donor: column 'donor', 2 levels: d1 (2), d2 (2)",
                  "2 control cells; 2 targets", "units of cells: 2 donors", "Ensembl ids from 'gene_ids': of 6 of 6",
                  "kind: 2 values", "guide: 3 values"):  # fmt: skip
        assert words in found.stdout
    lines = found.stdout[found.stdout.index("campaign file") :].splitlines()
    spec = CellsSpec(**yaml.safe_load("\n".join(line[16:] for line in lines))["cells"])
    assert (spec.layer, spec.donor, spec.control) == ("umi", "donor", "none")
    told = json.loads(cli("data", "describe", path, "--donor", "donor", "--json").stdout)
    cells = load_cells(CellsSpec(**told["campaign"]))
    assert (cells.counts.toarray() == COUNTS).all()
    assert cells.sha256 == told["sha256"]


@pytest.mark.parametrize("form", ["h5", "folder"])
def test_ten_x_files_are_described(cli, tmp_path, form):
    path = write_tenx_h5(tmp_path / "a.h5") if form == "h5" else write_tenx_mtx(tmp_path / "a")
    told = json.loads(cli("data", "describe", path, "--json").stdout)
    assert told["source"]["form"].startswith("10x") and told["genes"] == len(GENES)
    assert told["columns"] == [{"column": "gem_group", "levels": 2, "missing": 0, "may_be": "batch"}]


def test_rounded_values_of_one_total_are_pointed_at(cli, tmp_path):
    import anndata

    rng = np.random.default_rng(1)
    values = rng.multinomial(10_000, np.full(40, 1 / 40), size=30).astype(np.float32)
    anndata.AnnData(X=values).write_h5ad(tmp_path / "a.h5ad")
    assert "every cell has nearly the same total" in cli("data", "describe", tmp_path / "a.h5ad").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.h5ad"], "missing_file"),
        (["FILE", "--species", "mouse"], "taken on trust"),
        (["FILE", "--layer", "raw"], "missing_layer: no matrix 'raw'; there is 'X'"),
        (["FILE", "--perturbation", "guide"], "or neither"),
        (["FILE", "--gene-column", "name"], "no column 'name'"),
        (["pbmc", "--donor", "louvain"], "take no donor"),
        (["pbmc", "--species", "mouse"], "the packaged cells are human"),
        (["pbmc", "--aliases", "packaged"], "keep their names"),
    ],
)
def test_what_cannot_be_described_is_told_with_code_2(cli, tmp_path, words, said):
    path = write_h5ad(tmp_path / "a.h5ad")
    found = cli("data", "describe", *(path if word == "FILE" else word for word in words))
    if said == "taken on trust":  # six genes say nothing of a species
        assert found.exit_code == 0 and said in found.stdout
        return
    assert found.exit_code == ExitCode.BAD_INPUT
    assert said in found.stderr and "Traceback" not in found.stderr


def test_real_cell_lines(cli, shared_data):
    folder = shared_data / "cells"
    found = cli("data", "describe", folder / "mixology_cell_lines.h5ad", "--batch", "batch")
    for words in ("1,183 cells x 22,379 genes", "Y_RNA (82 columns)", "51 dropped: ERCC-00002", "4 batches",
                  "Ensembl ids from 'ensembl_id': of 22,379 of 22,379 genes"):  # fmt: skip
        assert words in found.stdout
    mouse = cli("data", "describe", folder / "paul15_mouse_hematopoiesis.h5ad")
    assert "species         mouse" in mouse.stdout and "no split can be made: 0 families" in mouse.stdout
    assert "species: mouse" in mouse.stdout
