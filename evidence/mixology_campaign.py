"""A small model in Geneformer's format on real cells: it must beat its rivals, and a whole campaign run on it.

``geneformer-mini`` is trained on three plates of the mixology cells (five lung-cancer cell lines) with the recipe of
``theodolite models train geneformer-mini``; a folder named by ``THEODOLITE_MINI`` that such a run left is taken as it
is. It is verified on the fourth plate, and a campaign then asks whether its attention and its gene vectors hold edges
of TRRUST and CollecTRI, with the plates as batches.

Criteria, written before the first run: on the plate that nothing saw, the lower end of the 95 % interval of the gain in
masked accuracy is above 0 against unigram, position only and the model's own context shuffled; the campaign ends by its
budget, every registered hypothesis has a verdict of which none is ``error``, and the ledger verifies with every number
recomputed from artefacts. How many edges are supported is no criterion.

Needs real cells, references and the published dictionaries: the folder that ``THEODOLITE_SHARED_DATA`` names, or
``../shared/data``. Without them it says so and ends.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

from lib.mixology import theodolite, trained, verified, write_campaign
from lib.record import write_evidence
from lib.regulons import shared_data

from theodolite.store import Ledger, hypothesis_rows

RIVALS = ("unigram", "position only", "model, context shuffled")
REFERENCES = ("trrust", "collectri")
TOOLS = ("attention.regulation", "geometry.regulator_proximity")
EXPERIMENTS = 12


def main() -> None:
    """Train, verify, run, and hold what came of it to the criteria."""
    data = shared_data()
    if data is None:
        print("SKIPPED: no real data; name their folder by THEODOLITE_SHARED_DATA")
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = trained(folder, data)
        report = json.loads((model / "training.json").read_text(encoding="utf-8"))
        evaluation = report["report"]["evaluation"]
        checks = verified(model, report["report"]["held_out"], data)
        file = write_campaign(folder / "mixology.yaml", model, data, REFERENCES, TOOLS, EXPERIMENTS)
        theodolite("run", str(file), data=data)
        ledger = folder / "mixology.theodolite"
        theodolite("ledger", "verify", "--deep", "-w", str(ledger), data=data)
        with Ledger.open(ledger / "ledger.sqlite", read_only=True) as opened:
            rows = hypothesis_rows(opened)
    gains = {name: evaluation["rivals"][name]["accuracy_interval"][0] for name in RIVALS}
    verdicts = Counter(str(row.verdict) for row in rows)
    criteria = {
        "beats its rivals on the unseen plate": all(low > 0 for low in gains.values()),
        "every hypothesis has a verdict": len(rows) > 0 and "None" not in verdicts,
        "no verdict is an error": verdicts["error"] == 0,
    }
    result = {
        "settings": report["settings"],
        "held_out_plate": report["report"]["held_out"],
        "evaluation": evaluation,
        "checks_of_verify": checks,
        "verdicts": dict(verdicts),
        "rows": [
            {
                "claim": f"{row.tool} {row.locus} {row.reference}",
                "verdict": str(row.verdict),
                "tags": list(row.tags),
                "first_unmet": row.first_unmet,
                "effect": row.effect,
            }
            for row in rows
        ],
        "criteria": criteria,
    }
    write_evidence(
        "mixology_campaign", "a campaign on a small model in Geneformer's format", result, all(criteria.values())
    )


if __name__ == "__main__":
    main()
