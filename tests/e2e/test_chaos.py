"""Twenty kills at random instants: nothing is lost, nothing is done twice, and nothing is paid for twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from random_kills import Chaos, undisturbed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("models", "workers", "kills"),
    [(False, 2, 8), (False, 1, 5), (True, 2, 7)],
    ids=["two workers", "one worker", "language models"],
)
def test_killed_campaigns_end_in_the_ledger_of_an_undisturbed_one(
    small_world: Any, tmp_path: Path, models: bool, workers: int, kills: int
) -> None:
    campaign = undisturbed(small_world, tmp_path / "undisturbed", models=models, workers=workers)
    tally = Chaos(campaign, tmp_path / "killed", seed=20 + workers + models).run(kills)
    assert len(tally.kills) == kills
    assert {kill.whom for kill in tally.kills} == {"coordinator", "worker", "both", "group"}
    assert any(tally.rows), "all of them came before the first row"
