"""The acceptance run with spike-ins, on the small world and its model that knows nothing of the decoys."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from theodolite.experiments.workbench import COVARIATES
from theodolite.measurements import BipartiteScores, GeneScores, PairScores

ARMS = {"sham": {}, "largest": {"GeneScores": 2.25, "PairScores": 3.0}}


@pytest.fixture
def script(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the acceptance run, cut to a size that takes seconds."""
    monkeypatch.syspath_prepend(checkout / "evidence")
    module = importlib.import_module("spiked_cells")
    monkeypatch.setattr(module, "PROGRAMS", 2)
    monkeypatch.setattr(module, "ARMS", ARMS)
    return module


@pytest.fixture
def measure() -> Callable[..., Any]:
    """Make scores of 160 genes, each a family, which depend on gene statistics and are far from normal."""

    def make(shape: str, seed: int) -> Any:
        rng = np.random.default_rng(seed)
        genes = tuple(f"gene {index}" for index in range(160))
        covariates = rng.standard_normal((160, 3))
        common: dict[str, Any] = {
            "genes": genes,
            "families": genes,
            "covariate_names": tuple(item.value for item in COVARIATES),
            "covariates": covariates,
            "unit": "none",
        }
        own = np.exp(rng.standard_normal(160)) + covariates[:, 0]
        if shape == "GeneScores":
            return GeneScores(score=own, **common)
        if shape == "BipartiteScores":
            edges = np.exp(rng.standard_normal((40, 160))) + own[:40, None] + own[None, :]
            del common["genes"], common["families"], common["covariates"]
            return BipartiteScores(
                regulators=genes[:40],
                targets=genes,
                score=edges,
                regulator_families=genes[:40],
                target_families=genes,
                regulator_covariates=covariates[:40],
                target_covariates=covariates,
                **common,
            )
        pairs = np.exp(rng.standard_normal((160, 160)))
        return PairScores(score=(pairs + pairs.T) + (own[:, None] + own[None, :]), **common)

    return make


@pytest.mark.parametrize(
    ("shape", "effect"), [("GeneScores", 0.3), ("GeneScores", 0.45), ("PairScores", 0.2), ("BipartiteScores", 0.2)]
)
def test_a_reference_at_random_is_given_the_effect_that_was_asked_for(
    script: Any, measure: Callable[..., Any], shape: str, effect: float
) -> None:
    lib = importlib.import_module("lib.spikes")
    adjustment = lib.adjustment_of(shape)
    found = []
    for seed in range(12):
        measurement = measure(shape, seed)
        members = np.zeros(160, dtype=bool)
        members[np.random.default_rng([seed, 1]).choice(160, 20, replace=False)] = True
        labels = members if shape == "GeneScores" else members[:, None] & members & ~np.eye(160, dtype=bool)
        if shape == "BipartiteScores":
            labels = measurement.candidates() & (np.random.default_rng([seed, 1]).random((40, 160)) < 0.05)
        score = lib.adjusted_score(lib.spiked(measurement, labels, effect), adjustment, None)
        counted = np.ones(160, dtype=bool) if shape == "GeneScores" else measurement.candidates()
        inside, outside = score[counted & labels], score[counted & ~labels]
        found.append(mannwhitneyu(inside, outside).statistic / len(inside) / len(outside) - 0.5)
    assert np.mean(found) == pytest.approx(effect, abs=0.03)


def test_an_effect_that_no_auroc_has_cannot_be_planted(script: Any, measure: Callable[..., Any]) -> None:
    lib = importlib.import_module("lib.spikes")
    with pytest.raises(ValueError, match=r"an effect of 0\.6 cannot be planted"):
        lib.spiked(measure("GeneScores", 1), np.ones(160, dtype=bool), 0.6)
    with pytest.raises(ValueError, match="no member among these genes"):
        lib.spiked(measure("GeneScores", 1), np.zeros(160, dtype=bool), 0.3)


def test_spikes_are_found_and_the_same_claims_without_them_are_not(
    script: Any, small_world: Any, tmp_path: Path
) -> None:
    spec = small_world.spec("spiked", budget={"experiments": 4}, round_size=4, error={"n_max": 40})
    arms = script.survey(spec, tmp_path, small_world.cache)
    sham, spiked = arms["sham"], arms["largest"]
    assert [claim["claim"] for claim in sham["claims"]] == [claim["claim"] for claim in spiked["claims"]]
    assert all(counts["registered"] == counts["proposed"] > 0 for counts in spiked["by_shape"].values())
    assert not any(counts["supported"] for counts in sham["by_shape"].values())
    assert {shape: script.power(arms, shape) for shape in ARMS["largest"]} == {"GeneScores": 1.0, "PairScores": 1.0}
    both = [
        (one["baseline"], other["baseline"])
        for one, other in zip(sham["claims"], spiked["claims"], strict=True)
        if one["baseline"] is not None and other["baseline"] is not None
    ]
    assert both and all(one == other for one, other in both)
