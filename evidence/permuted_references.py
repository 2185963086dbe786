"""Does the machine find anything where there is nothing? The demo's campaign over permuted gene names.

Each run permutes the gene names of all references once, within expression strata and with families kept whole, so that
every set keeps its size, its families' sizes and its expression profile and loses its biology. At most 4 of the 20 runs
may support anything, and at least 90 % of the tests must be judged (neither an error nor invalid).
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from lib.campaigns import DEMO, run_changed
from lib.record import write_evidence

from theodolite.data import load_families, load_pbmc, load_programs, permute_gene_names

RUNS = 20
MOST_WITH_SUPPORT = 4
LEAST_JUDGED = 0.90


def main() -> None:
    """Run, print a line a run, and write the evidence."""
    spec = DEMO
    programs, families, statistics = load_programs(), load_families(), load_pbmc().gene_statistics()
    started = time.monotonic()
    runs = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(1, RUNS + 1):
            permuted = permute_gene_names(programs, families, statistics, seed)
            outcome = run_changed(Path(scratch) / str(seed), Path(scratch) / "cache", spec, permuted.references)
            runs.append(
                {
                    "seed": seed,
                    "genes_moved": permuted.share_moved,
                    "registered": len(outcome.registered),
                    "judged": outcome.judged,
                    "supported": [f"{row.claim_text} (p {row.p:.2g})" for row in outcome.supported],
                }
            )
            print(runs[-1], flush=True)
    with_support = sum(bool(run["supported"]) for run in runs)
    registered = sum(run["registered"] for run in runs)
    judged = sum(run["judged"] for run in runs) / registered
    passed = with_support <= MOST_WITH_SUPPORT and judged >= LEAST_JUDGED and registered > 0
    result = {
        "runs": runs,
        "runs_with_support": with_support,
        "most_allowed": MOST_WITH_SUPPORT,
        "share_judged": judged,
        "least_allowed": LEAST_JUDGED,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    write_evidence("permuted_references", "campaigns over permuted gene names", result, passed)
    raise SystemExit(not passed)


if __name__ == "__main__":
    main()
