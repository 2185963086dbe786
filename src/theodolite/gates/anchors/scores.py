"""How far held-out anchors lie where a ruler has them: the scores of one measurement, over every kind of hold-out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.kernels import derive_seed
from theodolite.manifolds.distances import same_label
from theodolite.measurements import AnchorLatents
from theodolite.measurements.anchors import FIT

__all__ = ["FIFTHS", "KINDS", "AnchorScores", "anchor_scores"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

KINDS: Final = ("random", "donor", "branch")
"""What is held out."""
FIFTHS: Final = 5


@dataclass(frozen=True)
class AnchorScores:
    """What a measurement shows on rows that its fits did not read.

    Attributes
    ----------
    trust
        Trustworthiness of judged rows.
    both
        Mean Spearman's correlation of latent distance and ruler over pairs with a held-out row, by what was held out;
        None where no hold-out has one.
    within
        The same over those of these pairs that share a branch.
    """

    trust: float
    both: Mapping[str, float | None]
    within: Mapping[str, float | None]

    @property
    def least(self) -> float | None:
        """The lowest of the six means, by which a search ranks; None where one is not defined."""
        means = [*self.both.values(), *self.within.values()]
        known = [value for value in means if value is not None]
        return min(known) if len(known) == len(means) else None


@dataclass(frozen=True, eq=False)
class _Pairs:
    """All pairs of rows: their ends, the class of their length on the ruler, and whether they share a branch."""

    first: Ints
    second: Ints
    length: Ints
    inside: Bools


def anchor_scores(measurement: AnchorLatents, seed: int) -> AnchorScores:
    """Score a measurement over rows, donors and branches held out.

    Held-out rows that are judged count, against one another and against rows that the placement read. Where it names
    fits without random rows or without a donor, as on discovery donors, these are the hold-outs; else no fit read a
    judged row, and five random fifths of them, and each donor, are looked at in the placement by the one fit.

    Parameters
    ----------
    measurement
        With its ruler attached.
    seed
        Of the random fifths.

    Raises
    ------
    ValueError
        If no ruler is attached.
    """
    if measurement.ruler is None:
        raise ValueError("the anchors have no ruler; attach it before they are scored")
    n = len(measurement.anchors)
    first, second = np.triu_indices(n, 1)
    upper = first * n + second
    lengths = np.unique(measurement.ruler.ravel()[upper], return_inverse=True)[1].reshape(-1)
    pairs = _Pairs(first, second, lengths, same_label(measurement.branch).ravel()[upper])
    found: dict[str, list[tuple[float | None, float | None]]] = {kind: [] for kind in KINDS}
    for placement, holdouts in _holdouts(measurement, seed):
        order = _classes(measurement.positions(placement), pairs)
        read = measurement.read[placement]
        for kind, out in holdouts:
            either = out | read
            counted = np.flatnonzero((out[first] & either[second]) | (out[second] & either[first]))
            near = counted[pairs.inside[counted]]
            found[kind].append(
                (_spearman(order[counted], pairs.length[counted]), _spearman(order[near], pairs.length[near]))
            )
    return AnchorScores(
        trust=float(measurement.trust[0]),
        both={kind: _mean([both for both, _ in found[kind]]) for kind in KINDS},
        within={kind: _mean([within for _, within in found[kind]]) for kind in KINDS},
    )


def _holdouts(measurement: AnchorLatents, seed: int) -> Iterator[tuple[int, list[tuple[str, Bools]]]]:
    """Yield each placement with what it tells of: the kind, and the judged rows that are held out."""
    kinds = [name.split(" ")[0] for name in measurement.placements]
    for placement, kind in enumerate(kinds):
        out = measurement.held[placement] & measurement.judged
        if kind != FIT:
            yield placement, [(kind, out)]
            continue
        own: list[tuple[str, Bools]] = []
        if "random" not in kinds:
            own += [("random", fifth) for fifth in _fifths(out, seed)]
        if "donor" not in kinds:
            donor = np.asarray(measurement.donor, dtype=str)
            own += [("donor", out & (donor == name)) for name in sorted(set(donor[out].tolist()))]
        yield placement, own


def _fifths(rows: Bools, seed: int) -> list[Bools]:
    """Return five parts of rows at random, together all of them."""
    at = np.flatnonzero(rows)
    order = np.random.default_rng(derive_seed(seed, "fifths")).permutation(len(at))
    fifths = []
    for number in range(FIFTHS):
        fifth = np.zeros(len(rows), dtype=np.bool_)
        fifth[at[order[number::FIFTHS]]] = True
        fifths.append(fifth)
    return fifths


def _classes(positions: Floats, pairs: _Pairs) -> Ints:
    """Return distances as numbers of their order, equal ones alike: sorted once, however many pairs then count."""
    from scipy.spatial.distance import pdist

    distance = pdist(positions)
    order = np.argsort(distance)
    ordered = distance[order]
    found = np.empty(len(distance), dtype=np.int64)
    found[order] = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])]) if len(distance) else []
    return found


def _midranks(classes: Ints) -> Floats:
    """Return midranks less their mean, of values that are given as numbers of their order."""
    counts = np.bincount(classes)
    middle = np.cumsum(counts) - (counts - 1) / 2.0
    return np.asarray(middle[classes] - (len(classes) + 1) / 2.0)


def _spearman(first: Ints, second: Ints) -> float | None:
    """Return the correlation of two orders; None of fewer than 3 pairs, or where all have one distance or length."""
    if len(first) < 3:
        return None
    x, y = _midranks(first), _midranks(second)
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0.0 else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
