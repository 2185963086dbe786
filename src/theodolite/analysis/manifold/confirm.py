"""Confirmation: one candidate, fitted on the donors that a search read, judged on donors that it did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.analysis.manifold.candidates import Candidate
from theodolite.analysis.manifold.gates import (
    SWAPS,
    CandidateEvidence,
    ManifoldGates,
    ManifoldVerdict,
    judge,
)
from theodolite.analysis.manifold.holdouts import HeldOut, held_out, kind_means
from theodolite.analysis.manifold.panel import PanelSplit
from theodolite.analysis.manifold.search import ManifoldSearch
from theodolite.gates.anchors.margin import margins
from theodolite.gates.anchors.permutation import blocked_permutation, null_branch
from theodolite.gates.kernels import derive_seed
from theodolite.manifolds.baselines import baseline_fitters
from theodolite.manifolds.distances import latent_distances
from theodolite.manifolds.embedding import Embedding, Fitter
from theodolite.manifolds.holdouts import Holdout, HoldoutKind, random_holdouts
from theodolite.manifolds.trust import trustworthiness

__all__ = ["Confirmation", "confirm", "measure"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Confirmation:
    """What became of a candidate.

    Attributes
    ----------
    candidate
        Content hash of the candidate.
    verdict
        All gates.
    evidence
        What was measured of it.
    null
        The same on the ruler of the paired null branch.
    panel
        The same of the panel that must fail, or None where none was given.
    """

    candidate: str
    verdict: ManifoldVerdict
    evidence: CandidateEvidence
    null: CandidateEvidence
    panel: CandidateEvidence | None


def confirm(
    found: ManifoldSearch,
    split: PanelSplit,
    gates: ManifoldGates,
    *,
    panel: PanelSplit | None = None,
    seed: int = 0,
) -> Confirmation:
    """Fit the candidate that a search chose on the donors that it read, and judge it on the others.

    The rows that judge are fresh once: after another search with the verdict in mind they are not.

    Parameters
    ----------
    found
        The search, whose first row is the candidate.
    split
        The donors of that search, and others.
    gates
        Thresholds, the same as in the search.
    panel
        Cells in which the candidate must fail, with the same rulers and layers.
    seed
        Of hold-outs, shuffles and draws.

    Raises
    ------
    ValueError
        If the search read other rows or had other gates, it refused every candidate, or a panel that is required is
        not given, or lacks a ruler or a layer that the candidate names.
    """
    candidate = found.chosen
    if candidate is None:
        raise ValueError(f"all {len(found.rows)} fits of the search were refused, so that there is nothing to confirm")
    if found.data != split.discovery.sha256:
        raise ValueError(
            f"the search read the panel {found.data[:12]}, not the discovery rows of this split, "
            f"{split.discovery.sha256[:12]}; confirm with the split that was searched"
        )
    if found.gates != gates.sha256:
        raise ValueError(
            f"the search was run under the gates {found.gates[:12]}, not {gates.sha256[:12]}; gates are fixed before a "
            "search, give the same"
        )
    if gates.panel_required and panel is None:
        raise ValueError("these gates need a panel that must fail; give it, for without it they cannot be passed")
    # First, so that a panel that does not fit is refused before a row that judges is looked at.
    other = None if panel is None else measure(candidate, panel, gates, seed=seed)
    evidence = measure(candidate, split, gates, seed=seed)
    image = null_branch(split.whole.branches, donors=split.whole.donors, seed=seed)
    null = measure(candidate, split, gates, image=image, seed=seed)
    verdict = judge(evidence, gates, null=null, panel=other)
    return Confirmation(candidate.sha256, verdict, evidence, null, other)


def measure(
    candidate: Candidate, split: PanelSplit, gates: ManifoldGates, *, image: Ints | None = None, seed: int = 0
) -> CandidateEvidence:
    """Return what the gates ask for, on rows of donors that the fit did not see; a refused fit is told, not raised.

    Every pair that counts has a row of a confirmation donor. Random hold-outs are fifths of these rows; donors are
    taken one by one; a branch is left out of the fit, and the confirmation donors' rows of it are placed.

    Parameters
    ----------
    candidate
        What is fitted.
    split, gates, seed
        See :func:`confirm`.
    image
        Shape (n,): a permutation of places on the ruler, such as that of a null branch; none where None.

    Raises
    ------
    ValueError
        If the panel lacks a ruler or a layer that the candidate names.
    """
    whole = split.whole
    ruler, depths = candidate.distances(whole), np.asarray(whole.depths, dtype=str)
    if image is not None:
        ruler, depths = ruler[np.ix_(image, image)], depths[image]
    rows = candidate.rows(whole, split.seen)
    try:
        return _Judged(split, rows, ruler, depths.tolist(), candidate.choice.fitter(), seed).evidence(
            candidate.choice.dimension, gates
        )
    except ValueError as error:
        return CandidateEvidence(refused=str(error))


@dataclass(frozen=True, eq=False)
class _Judged:
    """One fit of one candidate, and the rows that judge it."""

    split: PanelSplit
    rows: Floats
    ruler: Floats
    depths: Sequence[str]
    fitter: Fitter
    seed: int

    def evidence(self, dimension: int, gates: ManifoldGates) -> CandidateEvidence:
        whole, seen = self.split.whole, self.split.seen
        known = self.ruler[np.ix_(seen, seen)]
        fitted = self.fitter(self.rows[seen], known)
        held = np.flatnonzero(~seen)
        ruler, donors = self.ruler[np.ix_(held, held)], [whole.donors[row] for row in held]
        latent = fitted.place(self.rows[held])
        distance = latent_distances(latent)
        scores = [*self._of_fit(fitted, held, gates), *self._of_branches(gates)]
        blocks = [whole.blocks[row] for row in held]
        baselines = baseline_fitters(whole.expression, whole.static, dimension=dimension, seed=self.seed)
        others = {
            name: latent_distances(fit(source[seen], known).place(source[held]))
            for name, (source, fit) in baselines.items()
        }
        return CandidateEvidence(
            trust=trustworthiness(self.rows[held], latent),
            both=kind_means(scores, "both"),
            within=kind_means(scores, "within"),
            # The fit saw none of these rows' places on the ruler, so that it may have read the ruler of others.
            p=blocked_permutation(distance, ruler, blocks, draws=gates.draws, seed=self.seed).p,
            donor_p={
                swap: tuple(null.p for score in scores if score.kind == "donor" and (null := score.nulls[swap]))
                for swap in SWAPS
            },
            margins={found.baseline: found.low for found in margins(distance, others, ruler, donors, seed=self.seed)},
        )

    def _of_fit(self, fitted: Embedding, held: Ints, gates: ManifoldGates) -> list[HeldOut]:
        """Score random fifths and donors, all placed by the one fit of all discovery rows."""
        whole, seen = self.split.whole, self.split.seen
        chosen: list[tuple[HoldoutKind, str, Ints]] = [
            ("random", draw.name, held[draw.held])
            for draw in random_holdouts(len(held), seed=derive_seed(self.seed, "confirmation"))
        ]
        donor = np.asarray(whole.donors, dtype=str)
        chosen += [("donor", name, np.flatnonzero(donor == name)) for name in sorted(set(donor[held].tolist()))]
        kept = np.flatnonzero(seen)
        return [self._score(kind, name, kept, out, lambda *_: fitted, gates) for kind, name, out in chosen]

    def _of_branches(self, gates: ManifoldGates) -> list[HeldOut]:
        """Score branches that the fit saw of no donor."""
        branch, seen = np.asarray(self.split.whole.branches, dtype=str), self.split.seen
        return [
            self._score(
                "branch", tip, np.flatnonzero(seen & (branch != tip)), np.flatnonzero(~seen & (branch == tip)),
                self.fitter, gates,
            )
            for tip in self.split.whole.tips
        ]  # fmt: skip

    def _score(
        self, kind: HoldoutKind, name: str, kept: Ints, out: Ints, fitter: Fitter, gates: ManifoldGates
    ) -> HeldOut:
        at = np.concatenate([kept, out])
        branches = [self.split.whole.branches[row] for row in at]
        labels = {"branch": branches, "depth": [self.depths[row] for row in at]}
        (score,) = held_out(
            self.rows[at],
            self.ruler[np.ix_(at, at)],
            fitter,
            [Holdout(kind, name, np.arange(len(at)) >= len(kept))],
            branches=branches,
            swaps={swap: labels[swap] for swap in SWAPS},
            # Only the nulls of donors are judged.
            draws=gates.draws if kind == "donor" else 1,
            seed=self.seed,
        )
        return score
