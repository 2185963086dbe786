"""Sparse autoencoders of several layers in one job, each from several seeds, which show what a seed decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.files import write_atomically
from theodolite.models.activations import Activations
from theodolite.models.sites import Site
from theodolite.saes.rows import StoredRows
from theodolite.saes.settings import SAESettings, SAETrainingError
from theodolite.saes.stability import MATCHED, match_features
from theodolite.saes.training import Trained, train_sae

__all__ = ["SUMMARY", "LayerSummary", "folder_of", "train_layers"]

SUMMARY = "layers.json"


@dataclass(frozen=True)
class LayerSummary:
    """What came of the autoencoders of a site, from all seeds.

    Attributes
    ----------
    site
        Written out.
    gamma
        Norm of the mean activation over that of the standard deviations.
    explained_variance, active, dead
        On held-out rows, by seed.
    matched
        By pair of seeds: the share of features whose partner in the other dictionary has a cosine of 0.7 or more;
        empty with one seed. Dead features count as unmatched.
    """

    site: str
    gamma: float
    explained_variance: tuple[float, ...]
    active: tuple[float, ...]
    dead: tuple[float, ...]
    matched: tuple[float, ...]

    @property
    def medians(self) -> dict[str, float | None]:
        """Median over seeds, or pairs of them, of each number; None where there is none."""
        names = ("explained_variance", "active", "dead", "matched")
        return {name: median(getattr(self, name)) if getattr(self, name) else None for name in names}


def folder_of(out: Path, site: Site, seed: int) -> Path:
    """Return where the autoencoder of a site and a seed is kept."""
    return out / str(site) / f"seed-{seed}"


def train_layers(
    store: Activations,
    sites: Sequence[Site],
    settings: SAESettings,
    seeds: Sequence[int],
    held_out: NDArray[np.bool_],
    out: Path,
    *,
    device: str = "cpu",
    resume: bool = True,
    progress: Callable[[Site, int, int, int, dict[str, Any]], None] | None = None,
) -> tuple[LayerSummary, ...]:
    """Train an autoencoder for each site and seed, one after the other, and write them and a summary.

    Parameters
    ----------
    store
        The activations.
    sites
        Of which.
    settings
        The recipe; its seed is replaced.
    seeds
        One training each.
    held_out
        Shape (cells,): cells that none is trained on.
    out
        A folder ``SITE/seed-N`` each, and ``layers.json``. What was trained to the end is left as it is, and what was
        broken off goes on.
    device, resume
        As for :func:`theodolite.saes.training.train_sae`.
    progress
        Called with site, seed, steps done, all steps and the latest numbers.

    Raises
    ------
    SAETrainingError
        If sites or seeds are none or come twice, or a training cannot start or go on; before anything is trained.
    """
    for what, given in (("sites", sites), ("seeds", seeds)):
        if not given or len(set(given)) != len(given):
            raise SAETrainingError(
                f"{what} are {', '.join(map(str, given)) or 'none'}; give each once, and at least one"
            )
    rows = {site: StoredRows(store, site, held_out) for site in sites}
    summaries = []
    for site in sites:
        trained = [
            train_sae(
                rows[site],
                replace(settings, seed=seed),
                folder_of(out, site, seed),
                device=device,
                resume=resume,
                progress=_told(progress, site, seed),
            )
            for seed in seeds
        ]
        summaries.append(_summary(site, trained))
        content = [asdict(summary) | {"medians": summary.medians} for summary in summaries]
        write_atomically(out / SUMMARY, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
    return tuple(summaries)


def _told(
    progress: Callable[[Site, int, int, int, dict[str, Any]], None] | None, site: Site, seed: int
) -> Callable[[int, int, dict[str, Any]], None] | None:
    if progress is None:
        return None
    return lambda done, total, latest: progress(site, seed, done, total, latest)


def _summary(site: Site, trained: Sequence[Trained]) -> LayerSummary:
    scores = [each.report["held_out"] for each in trained]
    return LayerSummary(
        site=str(site),
        gamma=trained[0].report["gamma"],
        explained_variance=tuple(score["explained_variance"] for score in scores),
        active=tuple(score["active"] for score in scores),
        dead=tuple(score["dead"] for score in scores),
        matched=tuple(
            match_features(first.sae.decoder, second.sae.decoder).share(MATCHED)
            for first, second in combinations(trained, 2)
        ),
    )
