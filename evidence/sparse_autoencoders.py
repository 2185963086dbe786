"""Sparse autoencoders: the fast way to train them gives nothing up, and training finds what is there.

The sparse step against automatic differentiation: both from the same first dictionary and on the same rows, once for
few steps and once to the end of a long schedule. Rows come from worlds of superposed features with at least as many
features as the dictionary has, so that none of these is superfluous and a dead one is a loss.

Recovery: 64 dimensions, 128 planted features, four active on average, each at a rate of at least 1 %, no two active
together in more than 0.3 of the rows of the rarer one; 1,000,000 rows; dictionaries of 128 and 256 features with four
active, by topk and batchtopk, steps and rows fixed and other settings as they are where none are given; three seeds of
world and training. A planted feature is recovered where its partner in a one-to-one matching has a cosine of at least
0.9.

Criterion: explained variance of held-out rows differs by at most 0.005 at equal steps and at the end; at most 1 % of
the features are dead at the end, in either way; every world is as described; the median over seeds of the share
recovered by the dictionary of 256 features with topk is at least 0.9.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass, replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
from lib.record import write_evidence

from theodolite.data.superposed import SuperposedWorld, superposed_world
from theodolite.saes import ArrayRows, SAEScores, SAESettings, match_features, score, train_sae
from theodolite.saes.dense_step import DenseStep
from theodolite.saes.rows import scaling_of
from theodolite.saes.settings import Sparsity
from theodolite.saes.sparse_step import SparseStep
from theodolite.saes.state import TrainingState
from theodolite.saes.training import folded

SAME_VARIANCE, MOST_DEAD, LEAST_RATE, MOST_TOGETHER = 0.005, 0.01, 0.01, 0.3
COSINE, LEAST_RECOVERED, CRITICAL = 0.9, 0.9, "256 features, topk"
WAYS: dict[str, type[SparseStep] | type[DenseStep]] = {"sparse": SparseStep, "dense": DenseStep}


@dataclass(frozen=True)
class World:
    """What a world is made of; its seed comes apart."""

    rows: int
    width: int
    features: int
    active: float

    def draw(self, seed: int) -> SuperposedWorld:
        """Return the world of a seed."""
        return superposed_world(
            seed, rows=self.rows, width=self.width, features=self.features, active=self.active, least_rate=LEAST_RATE
        )


@dataclass(frozen=True)
class Comparison:
    """Two ways to make the same steps."""

    world: World
    settings: SAESettings


@dataclass(frozen=True)
class Scale:
    """How large a run is.

    Attributes
    ----------
    equal_steps, converged
        What both ways are compared on.
    planted
        The worlds of which features are to be recovered.
    dictionaries
        Sizes.
    recipe
        Settings of all of these, but for size, active features, choice and seed.
    seeds
        Of world and training.
    """

    equal_steps: Comparison
    converged: Comparison
    planted: World
    dictionaries: tuple[int, ...]
    recipe: SAESettings
    seeds: tuple[int, ...]


FULL = Scale(
    equal_steps=Comparison(
        World(rows=200_000, width=256, features=1_024, active=16.0), SAESettings(features=1_024, k=16, steps=300)
    ),
    converged=Comparison(
        World(rows=400_000, width=128, features=1_024, active=16.0),
        SAESettings(features=1_024, k=16, steps=3_000, rows=1_024),
    ),
    planted=World(rows=1_000_000, width=64, features=128, active=4.0),
    dictionaries=(128, 256),
    recipe=SAESettings(features=1, k=1, steps=4_000, rows=1_024, save_every=4_000),
    seeds=(0, 1, 2),
)
ACTIVE = 4
SPARSITIES: tuple[Sparsity, ...] = ("topk", "batchtopk")


def rows_of(world: SuperposedWorld) -> ArrayRows:
    """Return the rows of a world, every twentieth held out."""
    return ArrayRows(world.values, np.arange(len(world.values)) % 20 == 0)


def trained(way: type[SparseStep] | type[DenseStep], rows: ArrayRows, settings: SAESettings) -> SAEScores:
    """Return the scores on held-out rows of what one way makes of a first dictionary."""
    scaling, state = scaling_of(rows, settings.rows, settings.seed), TrainingState.begin(settings, rows.width)
    with way(settings, state).running() as step:
        for batch in islice(map(scaling, rows.draws(settings.rows, settings.seed + 1)), settings.steps):
            step.step(batch)
    return score(folded(state, scaling, settings, {}), rows, settings.seed + 2)


def compare(asked: Comparison) -> dict[str, Any]:
    """Return the scores of both ways, and how far their explained variances are apart."""
    rows = rows_of(asked.world.draw(asked.settings.seed))
    found: dict[str, Any] = {"world": asdict(asked.world), "steps": asked.settings.steps, "rows": asked.settings.rows}
    for name, way in WAYS.items():
        started = time.monotonic()
        found[name] = trained(way, rows, asked.settings).plain() | {"seconds": round(time.monotonic() - started, 1)}
        print(f"  {name:7} {found[name]}", flush=True)
    found["apart"] = abs(found["sparse"]["explained_variance"] - found["dense"]["explained_variance"])
    return found


def recover(scale: Scale) -> dict[str, Any]:
    """Return the share of planted features that each dictionary recovers, by seed, and what the worlds were."""
    shares: dict[str, list[dict[str, Any]]] = {}
    worlds = []
    for seed in scale.seeds:
        world = scale.planted.draw(seed)
        worlds.append(
            {
                "seed": seed,
                "active": float(np.trace(world.together)) / scale.planted.rows,
                "least rate": float(world.rate.min()),
                "largest co-activation": world.coactivation(),
            }
        )
        rows = rows_of(world)
        for size, sparsity in product(scale.dictionaries, SPARSITIES):
            settings = replace(scale.recipe, features=size, k=ACTIVE, sparsity=sparsity, seed=seed)
            with tempfile.TemporaryDirectory() as folder:
                made = train_sae(rows, settings, Path(folder) / "sae")
            matching = match_features(world.dictionary, made.sae.decoder)
            name = f"{size} features, {sparsity}"
            row = {"recovered": matching.share(COSINE), "mean cosine": float(matching.cosine.mean())}
            shares.setdefault(name, []).append(row | {"held out": made.report["held_out"]})
            print(f"  seed {seed}, {name:26} {row}", flush=True)
    medians = {name: float(np.median([row["recovered"] for row in found])) for name, found in shares.items()}
    return {"worlds": worlds, "median recovered": medians, "runs": shares}


def wrong(equal_steps: dict[str, Any], converged: dict[str, Any], recovery: dict[str, Any], critical: str) -> list[str]:
    """Return what the criterion does not allow."""
    found = [
        f"explained variances {name} are {compared['apart']:.4f} apart"
        for name, compared in (("at equal steps", equal_steps), ("at the end", converged))
        if not compared["apart"] <= SAME_VARIANCE
    ]
    found += [
        f"{converged[way]['dead']:.1%} of the features are dead after the {way} way"
        for way in WAYS
        if converged[way]["dead"] > MOST_DEAD
    ]
    found += [
        f"the world of seed {world['seed']} has a least rate of {world['least rate']:.4f} and a co-activation of "
        f"{world['largest co-activation']:.2f}"
        for world in recovery["worlds"]
        if world["least rate"] < LEAST_RATE or world["largest co-activation"] > MOST_TOGETHER
    ]
    median = recovery["median recovered"][critical]
    return found + ([f"a median of {median:.3f} recovered by {critical}"] if median < LEAST_RECOVERED else [])


def main() -> None:
    """Compare the ways, recover features, and write the evidence."""
    started = time.monotonic()
    print("at equal steps")
    equal_steps = compare(FULL.equal_steps)
    print("at the end")
    converged = compare(FULL.converged)
    print("recovery")
    recovery = recover(FULL)
    found = wrong(equal_steps, converged, recovery, CRITICAL)
    result = {
        "equal steps": equal_steps,
        "at the end": converged,
        "recovery": recovery,
        "wrong": found,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    title = "sparse steps equal dense ones in variance explained, and planted features are recovered"
    write_evidence("sparse_autoencoders", title, result, not found)
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
