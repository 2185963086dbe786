"""geneformer-mini on the mixology cells: the model, its families of genes, and campaign files over them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from lib.regulons import MIXOLOGY, provisional_families
from theodolite.data import load_cells, read_tf_classes

__all__ = ["NAME", "theodolite", "trained", "verified", "write_campaign"]

NAME = "geneformer-mini-mixology"


def theodolite(*words: str, data: Path) -> None:
    """Run a command as a person would; its output is shown."""
    environment = {**os.environ, "THEODOLITE_SHARED_DATA": str(data)}
    subprocess.run([sys.executable, "-m", "theodolite", *words], check=True, env=environment)


def trained(folder: Path, data: Path) -> Path:
    """Return the model's folder, trained if no earlier run is named by ``THEODOLITE_MINI``."""
    named = os.environ.get("THEODOLITE_MINI")
    if named:
        return Path(named)
    out = folder / NAME
    theodolite(
        "models", "train", "geneformer-mini", "--cells", str(data / MIXOLOGY), "--gene-column", "symbol",
        "--batch", "batch", "--dictionaries", str(data / "tokenizers"), "--threads", "2", "--out", str(out), data=data,
    )  # fmt: skip
    return out


def verified(model: Path, plate: str, data: Path) -> dict[str, Any]:
    """Return what ``theodolite models verify`` found on the unseen plate; a failed check is a finding, not the end."""
    command = [
        sys.executable, "-m", "theodolite", "models", "verify", str(model), "--cells", str(data / MIXOLOGY),
        "--gene-column", "symbol", "--batch", "batch", "--held-out", plate, "--json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return {check["name"]: check for check in found["checks"]}


def write_campaign(
    file: Path, model: Path, data: Path, references: Sequence[Any], tools: Sequence[str], experiments: int
) -> Path:
    """Write a campaign, and beside it the provisional table of families that its unit of exchangeability needs."""
    cells = load_cells(data / MIXOLOGY, layer="X", species="human", gene_column="symbol")
    classes = read_tf_classes((data / "references" / "lambert2018_tfs_dbd.tsv").read_text(encoding="utf-8"))
    rows = "".join(f"{gene}\t{family}\n" for gene, family in sorted(provisional_families(cells.genes, classes).items()))
    families = file.with_name("families.tsv")
    families.write_text(f"# version: provisional\ngene\tfamily\n{rows}", encoding="utf-8")
    content = {
        "name": file.stem,
        "model": str(model),
        "cells": {"source": str(data / MIXOLOGY), "gene_column": "symbol", "batch": "batch", "labels": ["cell_line"]},
        "references": list(references),
        "families": families.name,
        "tools": list(tools),
        "budget": {"experiments": experiments, "retire_after": None},
        "threads": 1,
    }
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file
