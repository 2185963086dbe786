"""Two ways to train and the recovery of planted features, cut to seconds, and what the criterion does not allow."""

from __future__ import annotations

import importlib
import json
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from theodolite.saes import SAESettings


@pytest.fixture
def script(checkout: Any) -> Any:
    """Return the acceptance run."""
    return importlib.import_module("sparse_autoencoders")


def test_a_small_run_compares_both_ways_and_counts_what_is_recovered(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = script.World(rows=20_000, width=12, features=24, active=2.0)
    same = script.Comparison(world, SAESettings(features=24, k=2, steps=60, rows=128, learning_rate=3e-3))
    small = script.Scale(
        equal_steps=same,
        converged=same,
        planted=script.World(rows=30_000, width=24, features=32, active=4.0),
        dictionaries=(32, 48),
        recipe=SAESettings(features=1, k=1, steps=400, rows=256, learning_rate=1e-2, save_every=400),
        seeds=(0, 1),
    )
    written: list[tuple[Any, ...]] = []
    monkeypatch.setattr(script, "FULL", small)
    monkeypatch.setattr(script, "CRITICAL", "48 features, topk")
    monkeypatch.setattr(script, "write_evidence", lambda *record: written.append(record))
    with pytest.raises(SystemExit) as ended:
        script.main()
    ((name, _, result, passed),) = written
    assert (name, passed) == ("sparse_autoencoders", not result["wrong"])
    assert ended.value.code == (not passed)
    given = (result[part] for part in ("equal steps", "at the end", "recovery"))
    assert result["wrong"] == script.wrong(*given, "48 features, topk")
    # After sixty steps some features are still dead.
    assert sum("of the features are dead" in line for line in result["wrong"]) == 2
    assert json.loads(json.dumps(result)) == result
    for compared in (result["equal steps"], result["at the end"]):
        assert compared["apart"] <= script.SAME_VARIANCE
        for way in ("sparse", "dense"):
            assert compared[way]["explained_variance"] > 0.4
            assert compared[way]["rows"] == 65_536
        assert compared["world"] == asdict(world)
    found = result["recovery"]
    names = {f"{size} features, {sparsity}" for size in (32, 48) for sparsity in ("topk", "batchtopk")}
    assert set(found["runs"]) == set(found["median recovered"]) == names
    for name, rows in found["runs"].items():
        assert len(rows) == 2
        assert found["median recovered"][name] == np.median([row["recovered"] for row in rows])
        assert min(row["recovered"] for row in rows) > 0.6
    for seed, row in zip((0, 1), found["worlds"], strict=True):
        assert row["seed"] == seed
        assert row["active"] == pytest.approx(4.0, rel=0.02)
        assert row["least rate"] >= 0.01


CRITICAL = "256 features, topk"
GOOD: dict[str, Any] = {
    "equal": {"apart": 0.001},
    "end": {"apart": 0.004, "sparse": {"dead": 0.01}, "dense": {"dead": 0.0}},
    "recovery": {
        "worlds": [{"seed": 0, "least rate": 0.01, "largest co-activation": 0.29}],
        "median recovered": {CRITICAL: 0.9, "128 features, topk": 0.2},
    },
}


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("equal", "apart"), 0.006, ["explained variances at equal steps are 0.0060 apart"]),
        (("end", "apart"), float("nan"), ["explained variances at the end are nan apart"]),
        (("end", "sparse", "dead"), 0.02, ["2.0% of the features are dead after the sparse way"]),
        (("end", "dense", "dead"), 0.5, ["50.0% of the features are dead after the dense way"]),
        (("recovery", "median recovered", CRITICAL), 0.89, [f"a median of 0.890 recovered by {CRITICAL}"]),
        (("recovery", "median recovered", "128 features, topk"), 0.0, []),
    ],
)  # fmt: skip
def test_what_the_criterion_does_not_allow_is_said(
    script: Any, place: tuple[str, ...], value: float, said: list[str]
) -> None:
    given = deepcopy(GOOD)
    assert script.wrong(given["equal"], given["end"], given["recovery"], script.CRITICAL) == []
    assert script.CRITICAL == CRITICAL
    inner = given
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    assert script.wrong(given["equal"], given["end"], given["recovery"], script.CRITICAL) == said


def test_a_world_that_is_not_as_described_is_said(script: Any) -> None:
    for name, value in (("least rate", 0.009), ("largest co-activation", 0.31)):
        given = deepcopy(GOOD)
        given["recovery"]["worlds"][0][name] = value
        found = script.wrong(given["equal"], given["end"], given["recovery"], script.CRITICAL)
        assert len(found) == 1
        assert found[0].startswith("the world of seed 0 has")


def test_the_worlds_of_the_full_run_can_be_drawn_as_described(script: Any) -> None:
    """Fewer rows, so that the counts of two together are noisy; the rates are those of the full run."""
    for seed in script.FULL.seeds:
        world = script.World(**(asdict(script.FULL.planted) | {"rows": 1})).draw(seed)
        assert world.rate.sum() == pytest.approx(4.0)
        # Of independent features the co-activation is the larger rate.
        assert script.LEAST_RATE <= world.rate.min() < world.rate.max() < script.MOST_TOGETHER - 0.05
    assert script.FULL.converged.world.features >= script.FULL.converged.settings.features
    assert script.CRITICAL in {f"{size} features, topk" for size in script.FULL.dictionaries}
