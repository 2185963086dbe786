"""Does the machine find anything in a model that learned nothing? The demo's campaign on a model of shuffled cells.

The values of each gene are shuffled over cells, the compact model is trained on that by the shipped recipe, and the
demo's campaign reads it. Each gene keeps its mean, variance and dropout; nothing of the biology is left, so nothing
may be supported.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from lib.campaigns import DEMO, run_changed
from lib.record import write_evidence

from theodolite.data import load_pbmc
from theodolite.models.training import TrainSettings, train_compact

SHUFFLE_SEED = 1


def main() -> None:
    """Train on shuffled cells, run the campaign, write the evidence."""
    shuffled = load_pbmc().shuffled_within_gene(SHUFFLE_SEED)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "compact-shuffled"
        report = train_compact(
            shuffled.log1p_cp10k(),
            shuffled.genes,
            TrainSettings(),
            {},
            out,
            resume=False,
            progress=lambda step, steps, state: print(step, steps, state, flush=True) if step % 200 == 0 else None,
        )
        outcome = run_changed(
            Path(scratch) / "run", Path(scratch) / "cache", DEMO.model_copy(update={"model": str(out)})
        )
    passed = not outcome.supported and len(outcome.registered) >= 12
    result = {
        "training": report.to_dict(),
        "registered": len(outcome.registered),
        "judged": outcome.judged,
        "supported": [f"{row.claim_text} (p {row.p:.2g})" for row in outcome.supported],
        "smallest_p": min((row.p for row in outcome.registered if row.p is not None), default=None),
    }
    write_evidence("shuffled_cells", "campaign on a model of shuffled cells", result, passed)
    raise SystemExit(not passed)


if __name__ == "__main__":
    main()
