"""Claims about features of dictionaries, judged like any other: on two models, and on references that mean nothing.

``theodolite run`` carries out a campaign on the packaged model and cells and one on geneformer-mini and five
lung-cancer cell lines (as in ``mixology_campaign.py``); every test reads five dictionaries and five baselines. Beside
them stand campaigns on the packaged model whose references have their gene names permuted, within strata of expression
and with families kept whole (as in ``permuted_references.py``): what they are registered about means nothing.

Criteria, written before the first run. At least 90 % of the tests of every campaign are judged (neither an error nor
invalid); every claim that is supported passed G15 with five dictionaries; of the campaigns on permuted names at most
one supports anything; training and reading the dictionaries of a block takes less than 30 minutes (the longest fit over
the number of blocks); the ledgers verify to the last number. Which claims are supported is no criterion.

Needs real cells and references: the folder that ``THEODOLITE_SHARED_DATA`` names, or ``../shared/data``; without them
the campaign on geneformer-mini is left out. ``THEODOLITE_MINI`` names a trained model; one is trained where it does
not.
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
from lib.campaigns import run_changed
from lib.mixology import trained, write_campaign
from lib.record import write_evidence
from lib.regulons import shared_data

from theodolite.claims import Verdict
from theodolite.cli.app import app
from theodolite.data import load_families, load_pbmc, load_programs, permute_gene_names
from theodolite.experiments import CampaignSpec, Workspace, load_campaign, prepare
from theodolite.reports import verdict_lines
from theodolite.store import EntryKind, Ledger

TOOL = "saes.feature_value"
EXPERIMENTS, PERMUTED_RUNS, PERMUTED_EXPERIMENTS = 16, 5, 8
LEAST_JUDGED, MOST_SECONDS = 0.90, 1_800
VERDICTS = tuple(verdict.value for verdict in Verdict)


def run_one(file: Path) -> dict[str, Any]:
    """Run a campaign to its end and return its verdicts, what G15 said, and how long its fits took."""
    started = time.monotonic()
    if code := app(["run", str(file)], standalone_mode=False):
        raise SystemExit(code)
    workspace = Workspace.at(file.with_suffix(".theodolite"))
    setting = prepare(load_campaign(file), workspace)
    if app(["ledger", "verify", "--deep", "-w", str(workspace.folder)], standalone_mode=False):
        raise SystemExit(1)
    with Ledger.open(workspace.ledger, read_only=True) as ledger:
        lines = verdict_lines(ledger)
        jobs = ledger.ops.jobs(campaign=setting.campaign_id)
        gates = {
            entry.subject: {gate["gate"]: gate for gate in entry.payload["settlement"]["gates"]}
            for entry in ledger.entries(kind=EntryKind.VERDICT)
        }
    fits = [job.seconds or 0.0 for job in jobs if (job.what or "").startswith("fit.features")]
    return {
        "model": f"{setting.model.name} {setting.model.sha256[:16]}",
        "layers": setting.model_shape.n_layers,
        "genes": {part: len(setting.genes(part)) for part in ("discovery", *setting.split.blocks)},
        "cells": len(setting.cells.cells),
        "claims": [
            {
                "claim": line.claim,
                "outcome": line.outcome,
                "auroc": line.auroc,
                "low": line.low,
                "high": line.high,
                "first_unmet": line.first_unmet,
                "G15": _said(gates.get(line.subject, {}), "G15"),
                "G5": _said(gates.get(line.subject, {}), "G5"),
            }
            for line in lines
        ],
        "longest_fit_s": round(max(fits, default=0.0), 1),
        "wall_s": round(time.monotonic() - started),
    }


def _said(gates: dict[str, Any], name: str) -> dict[str, Any] | None:
    gate = gates.get(name)
    return None if gate is None else {"passed": gate["passed"], "sentence": gate["sentence"]}


def permuted(folder: Path, cache: Path) -> list[dict[str, Any]]:
    """Run campaigns over permuted gene names; dictionaries are shared with the packaged model's own campaign."""
    programs, families, statistics = load_programs(), load_families(), load_pbmc().gene_statistics()
    found = []
    for seed in range(1, PERMUTED_RUNS + 1):
        content = {"name": f"permuted-{seed}", "tools": [TOOL], "budget": {"experiments": PERMUTED_EXPERIMENTS}}
        spec = CampaignSpec.model_validate(content | {"threads": 1})
        changed = permute_gene_names(programs, families, statistics, seed)
        outcome = run_changed(folder / f"permuted-{seed}", cache, spec, changed.references)
        found.append(
            {
                "seed": seed,
                "genes_moved": changed.share_moved,
                "registered": len(outcome.registered),
                "judged": outcome.judged,
                "supported": [row.claim_text for row in outcome.supported],
            }
        )
        print(found[-1], flush=True)
    return found


def packaged(folder: Path) -> Path:
    """Write the campaign on the packaged model and cells."""
    file = folder / "packaged.yaml"
    content = {
        "name": "packaged",
        "tools": [TOOL],
        "references": "programs",
        "budget": {"experiments": EXPERIMENTS},
        "threads": 1,
    }
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def mixology(folder: Path, data: Path) -> Path:
    """Write the campaign on geneformer-mini."""
    references = ["programs", {"resource": "hallmark"}]
    return write_campaign(folder / "mixology.yaml", trained(folder, data), data, references, [TOOL], EXPERIMENTS)


def _share_judged(claims: list[dict[str, Any]]) -> float:
    """Return the share of tests that came to more than an error or an unsound input; refused claims are no tests."""
    tested = [claim["outcome"] for claim in claims if claim["outcome"] in VERDICTS]
    return sum(outcome not in ("invalid", "error") for outcome in tested) / max(1, len(tested))


def main() -> None:
    """Run all campaigns and write what their verdicts are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="keep campaigns here, and go on where they ended")
    options = parser.parse_args()
    data = shared_data()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        found = {"packaged": run_one(packaged(folder))}
        shams = permuted(folder, folder / "packaged.theodolite" / "cache")
        if data is None:
            print("The campaign on real cells is left out; name their folder by THEODOLITE_SHARED_DATA")
        else:
            os.environ["THEODOLITE_SHARED_DATA"] = str(data)
            found["mixology"] = run_one(mixology(folder, data))
    shares = {name: _share_judged(campaign["claims"]) for name, campaign in found.items()}
    shares["permuted"] = sum(run["judged"] for run in shams) / max(1, sum(run["registered"] for run in shams))
    supported = [
        claim for campaign in found.values() for claim in campaign["claims"] if claim["outcome"] == "supported"
    ]
    criteria = {
        "nine of ten tests are judged": min(shares.values()) >= LEAST_JUDGED,
        "what is supported holds in five dictionaries": all(claim["G15"]["passed"] for claim in supported),
        "at most one campaign on permuted names supports anything": sum(bool(run["supported"]) for run in shams) <= 1,
        "dictionaries of a block take less than 30 minutes": max(
            campaign["longest_fit_s"] / campaign["layers"] for campaign in found.values()
        )
        < MOST_SECONDS,
    }
    for name, campaign in found.items():
        for claim in campaign["claims"]:
            print(f"{name}: {claim['outcome']} {claim['claim']} ({claim['auroc']}, {claim['first_unmet']})")
    passed = all(criteria.values())
    result = {**found, "permuted": shams, "share_judged": shares, "criteria": criteria}
    write_evidence("feature_claims", "claims about features of dictionaries", result, passed)
    raise SystemExit(not passed)


if __name__ == "__main__":
    sys.exit(main())
