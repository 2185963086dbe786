"""Two hundred kills at random instants: nothing may be lost, done twice, or paid for twice.

A campaign of seconds on a planted world is run undisturbed; then its coordinator, one of its workers, both, or the
process group of the command is killed at instants drawn uniformly over that duration, or upon a row of the ledger, and
the same command is given again until the campaign is complete. With one worker, with two, and with language models in
both roles, played by a local server that counts what it is asked.

Criterion, written before the first run: of every campaign the ledger differs in nothing from the undisturbed one and
verifies, decisions recomputed from artefacts; no result file is ever made a second time; attempts at jobs beyond the
first are at most the kills times the workers; requests beyond those of the undisturbed run are at most the kills of the
coordinator; and nothing that a command started outlives it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from lib.record import ROOT, write_evidence

# The same campaigns and kills as in the tests, which do a tenth of them.
sys.path.append(str(ROOT / "tests"))
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
os.environ.pop("OPENAI_API_KEY", None)

from random_kills import Campaign, Chaos, Tally, undisturbed  # noqa: E402
from worlds import make_small_world  # noqa: E402

ARMS = {
    "two workers": {"models": False, "workers": 2, "kills": 80},
    "one worker": {"models": False, "workers": 1, "kills": 50},
    "language models, two workers": {"models": True, "workers": 2, "kills": 70},
}
SEED = 17
"""Of the first arm; the others count on."""


def told(campaign: Campaign, tally: Tally) -> dict[str, Any]:
    """Return what one arm came to, as plain data."""
    return {
        "undisturbed_seconds": round(campaign.seconds, 1),
        "rows": campaign.rows,
        "calls": campaign.calls,
        "kills": len(tally.kills),
        "whom": dict(Counter(kill.whom for kill in tally.kills)),
        "how": dict(Counter(kill.how for kill in tally.kills)),
        "upon_a_row": sum(kill.after_row is not None for kill in tally.kills),
        "before_the_first_row": sum(rows == 0 for rows in tally.rows),
        "campaigns_completed": tally.campaigns,
        "attempts_again": tally.attempts_again,
        "calls_again": tally.calls_again,
        "half_written_files": tally.parts,
    }


def main() -> None:
    """Run every arm, print a line each, and write the evidence."""
    started = time.monotonic()
    arms: dict[str, Any] = {}
    passed = True
    with tempfile.TemporaryDirectory() as scratch:
        world = make_small_world(Path(scratch) / "world")
        for number, (name, arm) in enumerate(ARMS.items()):
            folder = Path(scratch) / str(number)
            campaign = undisturbed(world, folder, models=bool(arm["models"]), workers=int(arm["workers"]))
            chaos = Chaos(campaign, folder / "killed", seed=SEED + number)
            failure = None
            try:
                chaos.run(int(arm["kills"]))
            except AssertionError as error:
                failure, passed = str(error), False
            arms[name] = {**told(campaign, chaos.tally), "failure": failure}
            print(name, arms[name], flush=True)
    kills = sum(arm["kills"] for arm in arms.values())
    result = {"kills": kills, "arms": arms, "minutes": round((time.monotonic() - started) / 60, 1)}
    write_evidence("chaos", "campaigns whose processes are killed at random instants", result, passed)
    raise SystemExit(not passed)


if __name__ == "__main__":
    main()
