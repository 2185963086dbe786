"""The bone marrow as a campaign: a search over a compact model trained on its cells, and claims on its ledger.

2,660 mouse cells of seven types have no donors: cells of a type are dealt into twelve groups, six to search by and six
to judge by, so that every verdict is within one data set and a support would say `[these cells]`. Two rulers: steps in
the accepted lineage, and the rank in it. There is no criterion: whatever comes out is the result, and the record passes
where every candidate is a row, every claim was settled and the ledger verifies deep.

Needs the folder that ``THEODOLITE_SHARED_DATA`` names; without it the script says so and ends. A folder named by
``THEODOLITE_COMPACT`` keeps the model between runs.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from lib.marrow_gates import EDGES
from lib.real_cells import MARROW, marrow, trained
from lib.record import write_evidence
from lib.regulons import shared_data

from theodolite.agents import assemble, run_campaign
from theodolite.experiments import LocalRunner, campaign_run, load_campaign, prepare
from theodolite.experiments.replay import verify_decisions
from theodolite.experiments.workspace import Workspace
from theodolite.models.training import TrainSettings
from theodolite.store import EntryKind, Ledger

SETTINGS = TrainSettings(steps=1500, genes_per_step=240)
ROOT = "Multipotent progenitors"
RANKS = {ROOT: 0, "GMP": 1, "Monocytes": 2, "Neutrophils": 2, "Basophils": 2, "Megakaryocytes": 2, "Erythrocyte": 2}


def write_campaign(folder: Path, model: Path, cells: Path) -> Path:
    """Write the lineage and the campaign, and return its file."""
    myeloid = ["GMP", "Monocytes", "Neutrophils", "Basophils"]
    nodes = {name for edge in EDGES for name in edge}
    others = sorted(nodes - {*myeloid, ROOT})
    lineage = {
        "id": "lineage",
        "title": "the lineage of the seven types",
        "root": ROOT,
        "branches": {"progenitor": [ROOT], "myeloid": myeloid, "megakaryocyte-erythroid": others},
        "edges": [{"source": "accepted lineage; cited from memory", "steps": [list(edge) for edge in EDGES]}],
    }
    (folder / "lineage.yaml").write_text(yaml.safe_dump([lineage]), encoding="utf-8")
    said = {
        "name": "marrow",
        "model": str(model),
        "cells": {"source": str(cells), "species": "mouse", "labels": ["cell_type"]},
        "manifold": {
            "stage": "cell_type",
            "rulers": [{"id": "lineage", "graph": "lineage.yaml"}, {"id": "rank", "rank": RANKS}],
            "sizes": [15],
        },
        "budget": {"experiments": 4},
        "threads": 1,
        "workers": 1,
    }
    file = folder / "campaign.yaml"
    file.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    return file


def main() -> None:
    """Run the campaign, print how its claims ended, and write the evidence."""
    data = shared_data()
    if data is None:
        print("THEODOLITE_SHARED_DATA names no folder with the marrow; nothing was run")
        return
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = marrow(data)
        found = trained("marrow", cells, cells.genes, SETTINGS, folder)
        file = write_campaign(folder, found.folder, data / MARROW)
        workspace = Workspace.at(folder / "ledger")
        setting = prepare(load_campaign(file), workspace)
        with Ledger.create(workspace.ledger) as ledger, LocalRunner.for_campaign(setting, ledger.ops) as runner:
            run = campaign_run(setting, ledger, runner)
            team = assemble(run)
            run_campaign(run, team.executor, team.reviewer, meter=team.meter)
            problems = [str(problem) for problem in verify_decisions(ledger, deep=True)]
            looks = [entry.payload for entry in ledger.entries(kind=EntryKind.LOOK)]
            claims = {entry.subject: entry.payload for entry in ledger.entries(kind=EntryKind.HYPOTHESIS)}
            refusals = [
                {"ruler": claims[entry.subject]["hypothesis"]["claim"]["reference"]["name"], **entry.payload}
                for entry in ledger.entries(kind=EntryKind.REFUSAL)
            ]
            rows = [_row(claims[entry.subject], entry.payload["settlement"]) for entry in _verdicts(ledger)]
    result: dict[str, Any] = {
        "within": "one data set; no donors",
        "candidates": len(looks),
        "refused_fits": sum(look["status"] != "done" for look in looks),
        "claims": rows,
        "refusals": [{name: item[name] for name in ("ruler", "code", "reason")} for item in refusals],
        "problems": problems,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    for row in rows:
        print(row)
    print({name: value for name, value in result.items() if name != "claims"})
    passed = not problems and bool(looks) and len(rows) + len(refusals) == len(claims)
    write_evidence("marrow_campaign", "bone marrow as a campaign", result, passed)
    raise SystemExit(not passed)


def _verdicts(ledger: Ledger) -> Any:
    return ledger.entries(kind=EntryKind.VERDICT)


def _row(claim: dict[str, Any], settlement: dict[str, Any]) -> dict[str, Any]:
    return {
        "claim": claim["claim_text"],
        "chosen": claim["hypothesis"]["rationale"],
        "verdict": settlement["verdict"],
        "tags": settlement["tags"],
        "first_unmet": settlement["first_unmet"],
        "gates": {gate["gate"]: [gate["passed"], gate["sentence"]] for gate in settlement["gates"]},
    }


if __name__ == "__main__":
    main()
