"""Planted controls of a claim about "any" place: both go through the maximum over places, as the claim does.

They rest on stand-ins and on draws of their own and are dearer than those of one place; claims about "any" are few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.bipartite import BipartiteContrast
from theodolite.gates.contrasts import AnyContrast
from theodolite.gates.controls.negative import DRAWS, MOST, REFERENCES, Calibration, Mover, calibrated
from theodolite.gates.controls.positive import NEEDED, REPLICATES, SIGNAL, Detection, detections, rounded_level
from theodolite.gates.controls.replicas import Known, covariance_class, design_key, known, planted, replica_draws
from theodolite.gates.evidence import (
    Moments,
    Stopping,
    exceeding,
    maximum_draws,
    null_moments,
    reaching_level,
    resolves,
)
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.plans import NullName

__all__ = ["planted_null_anywhere", "planted_positive_anywhere"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_PROBE = 200
_MARGIN = 1_000.0


def planted_positive_anywhere(
    contrasts: Sequence[AnyContrast],
    *,
    sesoi: float,
    alpha: float,
    stopping_for: Callable[[float], Stopping],
    panel: Sequence[NullName],
    seed: int,
    replicates: int = REPLICATES,
    needed: int = NEEDED,
) -> Detection:
    """Plant an effect at one place among as many as the claim has, and count how often the maximum finds it.

    The other places are stand-ins without an effect that have nothing in common: of all dependences that are not
    negative this one makes the maximum of the draws largest, and so the planted effect hardest to see. They are the
    same in every replicate. All places have the largest covariance class of the claim's. A planted effect is found if
    its own place stands out against the maximum over all places under every null, at the claim's level.

    Parameters
    ----------
    contrasts
        The claim's, one a place; they share reference and nulls.
    sesoi, alpha, stopping_for, panel, seed, replicates, needed
        As for :func:`~theodolite.gates.controls.positive.planted_positive`.

    Raises
    ------
    ValueError
        If 1.5 times ``sesoi`` is not between 0 and 0.5, or the panel is empty.
    TypeError
        If the contrasts are neither of genes, pairs nor regulators.
    """
    effect = SIGNAL * sesoi
    if not 0.0 < effect < 0.5:
        raise ValueError(f"sesoi is {sesoi!r}; {SIGNAL} times it must lie between 0 and 0.5, the range of AUROC - 0.5")
    if not panel:
        raise ValueError("a planted effect needs a null or more to stand out against")
    level = rounded_level(alpha, stopping_for)
    stopping = stopping_for(level)
    share = max(covariance_class(contrast) for contrast in contrasts)
    nulls = tuple(panel)
    key = (design_key(contrasts[0]), len(contrasts), nulls, share, level, stopping, sesoi, seed, replicates, needed)

    def count() -> Detection:
        others = planted(contrasts[0], 0.0, share, len(contrasts) - 1, derive_seed(seed, "places without effect"))
        background = {null: _Background(others, null, known(contrasts[0]).seed(null, seed)) for null in nulls}
        detected = tried = 0
        for size in (needed, replicates - needed):
            if detected >= needed or detected + replicates - tried < needed:
                break
            stand_ins = planted(contrasts[0], effect, share, size, derive_seed(seed, "planted", str(tried)))
            left = stand_ins
            for null in nulls:
                reached = _reaching(left, background[null], stopping, level)
                left = [contrast for contrast, found in zip(left, reached, strict=True) if found]
                if not left:
                    break
            detected += len(left)
            tried += size
        return Detection(detected, tried, needed, share, level)

    return detections.get(key, count)


@dataclass
class _Background:
    """The places without an effect under one null, and the maximum of their draws, from the first on."""

    places: list[Known]
    null: NullName
    seed: int
    _moments: Moments | None = None
    _drawn: Floats = field(default_factory=lambda: np.empty(0))

    def draws(self, start: int, count: int) -> Floats:
        """Return the maximum of draws ``start`` to ``start + count - 1``."""
        have = len(self._drawn)
        if start + count > have:
            self._moments = self._moments or null_moments(self.places, self.null, self.seed)
            more = maximum_draws(self.places, self.null, start + count - have, self.seed, self._moments, have)
            self._drawn = np.concatenate([self._drawn, more])
        return self._drawn[start : start + count]


def _reaching(planted_places: list[Known], background: _Background, stopping: Stopping, level: float) -> Bools:
    """Return which planted places reach the level against the maximum; those far out are not drawn to the end.

    As for one place, except that the normal tail that a far one must have is shared by all places.
    """
    from scipy.stats import norm

    null, seed = background.null, background.seed
    kind = "e" if stopping.kind == "betting" else "p"
    if not resolves(stopping.b_max, level, "e" if kind == "e" else "p"):
        return np.zeros(len(planted_places), dtype=bool)
    moments = [null_moments([contrast], null, seed) for contrast in planted_places]
    each = Moments(*(np.concatenate([getattr(item, part) for item in moments]) for part in ("mean", "spread")))
    observed = each.standardise(np.array([contrast.observed() for contrast in planted_places]))

    def draw(rows: Ints, start: int, count: int) -> Floats:
        own = replica_draws([planted_places[row] for row in rows], null, count, seed, start)
        standard = Moments(each.mean[rows], each.spread[rows]).standardise(own)
        return np.asarray(np.maximum(standard, background.draws(start, count)[None, :]))

    probe = draw(np.arange(len(planted_places)), 0, min(_PROBE, stopping.b_max))
    far = float(norm.isf(level / _MARGIN / (len(background.places) + 1)))
    reached = np.asarray(~exceeding(probe, observed[:, None]).any(axis=1) & (observed >= far))
    near = np.flatnonzero(~reached)
    if len(near):
        reached[near] = reaching_level(
            lambda rows, start, count: draw(near[rows], start, count), observed[near], stopping, level
        )
    return reached


def planted_null_anywhere(
    contrasts: Sequence[AnyContrast],
    *,
    panel: Sequence[NullName],
    seed: int,
    references: int = REFERENCES,
    draws: int = DRAWS,
    most: int = MOST,
) -> Calibration:
    """Test references that are null by construction on the claim's own scores, by the maximum over its places.

    References are moved by family blocks where those are in the panel, else by single genes. Each place is standardised
    by the moments of the observed statistic and the draws together, which treats them alike. The maximum under each
    null is taken over all places, where the claim is held to one place under all nulls: p is here at least as often
    small as there, so this control is the harder one to pass.

    Parameters
    ----------
    contrasts
        The claim's, one a place; they share reference and nulls.
    panel, seed, references, draws, most
        As for :func:`~theodolite.gates.controls.negative.planted_null`.

    Raises
    ------
    ValueError
        If no null of the panel permutes genes.
    TypeError
        If the contrasts are neither of genes, pairs nor regulators.
    """
    places = [known(contrast) for contrast in contrasts]
    movers: tuple[Mover, ...] = ("family_block_swap", "stratified_labels")
    mover = next((null for null in movers if null in panel), None)
    if mover is None:
        raise ValueError(f"no null of the panel {', '.join(panel)!r} permutes genes, so none can move references")
    moved = _moved(places[0], mover, references, places[0].seed(mover, derive_seed(seed, "moved references")))

    def lost(null: NullName, rows: Ints) -> Ints:
        draw_seed = places[0].seed(null, derive_seed(seed, "draws of moved references"))
        return np.array([_lost(places, moved[row], null, draws, draw_seed) for row in rows], dtype=np.int64)

    return calibrated(panel, mover, references, draws, most, lost)


def _lost(places: list[Known], labels: Bools, null: NullName, draws: int, seed: int) -> int:
    """Return how many draws of a null reach the maximum of a moved reference over the places."""
    first = places[0].relabelled(labels)
    alike = [replace(first, score=place.score, rank=place.rank) for place in places]
    sums = np.stack(
        [np.concatenate([[place.observed()], place.draw(null, draws, seed)]) for place in alike]
    )  # fmt: skip
    greatest = Moments(sums.mean(axis=1), sums.std(axis=1)).standardise(sums).max(axis=0)
    return int(exceeding(greatest[1:], float(greatest[0])).sum())


def _moved(contrast: Known, mover: Mover, references: int, seed: int) -> list[Bools]:
    """Return moved references; pairs that landed inside a family are left out, as when a reference is attached."""
    labels = contrast.labels
    if isinstance(contrast, BipartiteContrast):
        of_rows = mover == "family_block_swap"
        images = permutations(contrast.rows if of_rows else contrast.columns, references, seed)
        turned = [np.argsort(image) for image in images]
        return [(labels[back] if of_rows else labels[:, back]) & contrast.pairs for back in turned]
    turned = [np.argsort(image) for image in permutations(contrast.schemes[mover], references, seed)]
    if contrast.second is None:
        return [np.asarray(labels[back]) for back in turned]
    between = contrast.family[:, None] != contrast.family[None, :]
    return [labels[np.ix_(back, back)] & between for back in turned]
