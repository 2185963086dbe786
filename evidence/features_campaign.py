"""Features of sparse autoencoders in campaigns: a dictionary for each layer of two models, described.

``theodolite run`` carries out a campaign on geneformer-mini and five lung-cancer cell lines (as in
``mixology_campaign.py``) and one on the packaged model and cells. Each describes every residual stream: annotated
features beside permuted labels, alignment with singular axes beside random directions, modules beside rewired graphs;
and of the middle layer three seeds, the same of an untrained model, pairs of TRRUST and STRING, features that are taken
out, features of cell types (or cell lines), features that last over layers, and those that go with one of the layer
before. A single hypothesis is registered beside, for a campaign has to test something.

Criteria, written before the first run. Every description ends with a row; a dictionary takes less than 30 minutes
(the wall time of the longest job); the ledgers verify. What the descriptions say is no criterion.

Needs real cells and references: the folder that ``THEODOLITE_SHARED_DATA`` names, or ``../shared/data``; without them
the first campaign is left out. ``THEODOLITE_MINI`` names a trained model; one is trained where it does not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from lib.mixology import trained, write_campaign
from lib.record import write_evidence
from lib.regulons import shared_data

from theodolite.cli.app import app
from theodolite.experiments import Workspace, load_campaign, prepare
from theodolite.reports import description_lines
from theodolite.store import Ledger

MOST_SECONDS = 1_800
MIDDLE: tuple[dict[str, Any], ...] = (
    {"name": "saes.dictionary_quality"},
    {"name": "saes.feature_annotation", "untrained": True},
    {"name": "saes.feature_pairs"},
    {"name": "saes.feature_patching"},
    {"name": "saes.feature_specificity", "untrained": True},
    {"name": "saes.feature_persistence", "untrained": True},
    {"name": "saes.feature_highways", "untrained": True},
)
EACH = ("saes.feature_annotation", "saes.feature_alignment", "saes.feature_modules")


def wanted(n_layers: int) -> list[dict[str, Any]]:
    """Return the descriptions of a model with so many blocks; those of the middle layer first."""
    middle = (n_layers + 1) // 2
    found = [dict(item, params={"layer": middle}) for item in MIDDLE]
    for layer in range(n_layers + 1):
        found += [
            {"name": name, "params": {"layer": layer}}
            for name in EACH
            if (layer, name) != (middle, "saes.feature_annotation")
        ]
    return found


def run_one(file: Path) -> dict[str, Any]:
    """Run a campaign to its end and return its descriptions, and how long its jobs took."""
    started = time.monotonic()
    code = app(["run", str(file), "--workers", "1"], standalone_mode=False)
    if code:
        raise SystemExit(code)
    workspace = Workspace.at(file.with_suffix(".theodolite"))
    setting = prepare(load_campaign(file), workspace)
    with Ledger.open(workspace.ledger, read_only=True) as ledger:
        lines = description_lines(ledger)
        jobs = ledger.ops.jobs(campaign=setting.campaign_id)
    if app(["ledger", "verify", "-w", str(workspace.folder)], standalone_mode=False):
        raise SystemExit(1)
    seconds = [[job.what, round(job.seconds or 0.0, 1)] for job in jobs if (job.what or "").startswith("saes.")]
    return {
        "model": f"{setting.model.name} {setting.model.sha256[:16]}",
        "layers": setting.model_shape.n_layers,
        "discovery_genes": len(setting.genes("discovery")),
        "cells": len(setting.cells.cells),
        "descriptions": [
            {"name": line.description, "variant": line.variant, "done": line.done, "sentence": line.sentence}
            for line in lines
        ],
        "seconds": seconds,
        "wall_s": round(time.monotonic() - started),
    }


def mixology(folder: Path, data: Path) -> Path:
    """Write the campaign on geneformer-mini."""
    file = folder / "features.yaml"
    model = trained(folder, data)
    references = ["programs", {"resource": "hallmark"}, "trrust"]
    write_campaign(file, model, data, references, ["geometry.axis_separation"], 1)
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["cells"] = content["cells"] | {"cell_type": "cell_line", "labels": []}
    content["descriptions"] = wanted(load_model_layers(str(model)))
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def load_model_layers(name: str) -> int:
    """Return how many blocks a model has."""
    from theodolite.models.registry import load_model

    return load_model(name).n_layers


def packaged(folder: Path) -> Path:
    """Write the campaign on the packaged model and cells."""
    file = folder / "packaged.yaml"
    content = {
        "name": "packaged",
        "cells": {"cell_type": "cell_type"},
        "tools": ["geometry.axis_separation"],
        "references": "programs",
        "budget": {"experiments": 1},
        "descriptions": wanted(load_model_layers("compact-pbmc")),
    }
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def main() -> None:
    """Run both campaigns and write what their descriptions say."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="keep campaigns here, and go on where they ended")
    options = parser.parse_args()
    data = shared_data()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        files = [packaged(folder)]
        if data is None:
            print("The campaign on real cells is left out; name their folder by THEODOLITE_SHARED_DATA")
        else:
            os.environ["THEODOLITE_SHARED_DATA"] = str(data)
            files.append(mixology(folder, data))
        found = {file.stem: run_one(file) for file in files}
    criteria = {
        "every description ends with a row": all(
            line["done"] for campaign in found.values() for line in campaign["descriptions"]
        ),
        "no job takes 30 minutes": max(seconds for campaign in found.values() for _, seconds in campaign["seconds"])
        < MOST_SECONDS,
    }
    for campaign in found.values():
        for line in campaign["descriptions"]:
            print(f"{line['name']} ({line['variant']}): {line['sentence']}")
    passed = all(criteria.values())
    write_evidence(
        "features_campaign", "features of dictionaries in campaigns", {**found, "criteria": criteria}, passed
    )
    raise SystemExit(not passed)


if __name__ == "__main__":
    sys.exit(main())
