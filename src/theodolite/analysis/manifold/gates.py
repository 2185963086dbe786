"""Gates of a manifold search: thresholds that are fixed before it, and the verdict on what a candidate shows.

Those of arXiv 2603.10261 come first. Clusters without stages pass them (``python evidence/manifold.py``), so the rest
asks for what these lack: agreement within branches, held-out donors whose rows can be told from one another both within
a branch and within a depth, and a margin over every baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Final, get_args

from theodolite.canonical import digest
from theodolite.gates.stream.merging import merged_p_mean
from theodolite.manifolds.baselines import BASELINES
from theodolite.manifolds.holdouts import HoldoutKind

__all__ = ["CandidateEvidence", "Gate", "ManifoldGates", "ManifoldVerdict", "judge"]

KINDS: Final[tuple[HoldoutKind, ...]] = get_args(HoldoutKind)
SWAPS: Final = ("branch", "depth")


@dataclass(frozen=True)
class ManifoldGates:
    """Thresholds.

    Attributes
    ----------
    least_trust
        Trustworthiness of held-out rows.
    least_rho
        Mean Spearman's correlation over pairs with a held-out row, for random, donor and branch hold-outs each.
    most_p
        p of the blocked permutation.
    least_within
        Mean correlation over those of these pairs that share a branch, for each kind of hold-out. The paired null
        branch must be below it in one of them at least.
    most_donor_p
        p of the nulls of held-out donors, swaps within branch and within depth, each combined over donors as twice the
        mean (Vovk and Wang 2020), which holds whatever the dependence; a median of p-values is none.
    above_margin
        What the lower bound of the margin over every baseline must exceed.
    panel_required
        Whether a panel that must fail has to be given.
    draws
        Permutations of each null.

    Raises
    ------
    ValueError
        If a threshold is out of its range, or so few draws could never reach ``most_p``.
    """

    least_trust: float = 0.80
    least_rho: float = 0.20
    most_p: float = 0.001
    least_within: float = 0.20
    most_donor_p: float = 0.05
    above_margin: float = 0.0
    panel_required: bool = False
    draws: int = 2_000

    def __post_init__(self) -> None:
        shares = ("least_trust", "least_rho", "most_p", "least_within", "most_donor_p")
        if wrong := [f"{name} {getattr(self, name)!r}" for name in shares if not 0.0 < getattr(self, name) < 1.0]:
            raise ValueError(f"{', '.join(wrong)}: give a number between 0 and 1")
        if not -1.0 < self.above_margin < 1.0:
            raise ValueError(f"above_margin {self.above_margin!r}: give a difference of correlations, such as 0")
        if 1.0 / (1.0 + self.draws) > self.most_p:
            raise ValueError(
                f"{self.draws} draws give no p of {self.most_p!r}; give {round(1.0 / self.most_p)} or more"
            )

    @cached_property
    def sha256(self) -> str:
        """Content hash, to be noted before a search."""
        return digest(asdict(self))


@dataclass(frozen=True)
class CandidateEvidence:
    """What was measured of a candidate on rows that neither its choice nor its fit saw.

    Attributes
    ----------
    refused
        Why it could not be fitted; all else is then empty.
    trust
        Trustworthiness.
    both, within
        Means over hold-outs, by their kind; None where no hold-out has such a correlation.
    p
        Of the blocked permutation.
    donor_p
        p-values by what held-out rows swap within, one a donor whose rows can swap.
    margins
        Lower bounds of the margin by baseline.
    """

    refused: str | None = None
    trust: float | None = None
    both: Mapping[str, float | None] | None = None
    within: Mapping[str, float | None] | None = None
    p: float | None = None
    donor_p: Mapping[str, tuple[float, ...]] | None = None
    margins: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Gate:
    """One gate with its number, which is None where nothing was measured; then it is not passed.

    Attributes
    ----------
    name
        Short name.
    number, threshold
        What was measured, and what it is compared with.
    passed
        Whether it is met.
    says
        One sentence for people.
    """

    name: str
    number: float | None
    threshold: float | None
    passed: bool
    says: str


@dataclass(frozen=True)
class ManifoldVerdict:
    """All gates of a candidate.

    Attributes
    ----------
    gates
        In the order of the thresholds, then those of the null branch and of the panel.
    sha256
        Content hash of the thresholds.
    """

    gates: tuple[Gate, ...]
    sha256: str

    @property
    def passed(self) -> bool:
        """Whether every gate is passed."""
        return all(gate.passed for gate in self.gates)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the gates that are not passed."""
        return tuple(gate.name for gate in self.gates if not gate.passed)


def judge(
    evidence: CandidateEvidence,
    thresholds: ManifoldGates,
    *,
    null: CandidateEvidence | None = None,
    panel: CandidateEvidence | None = None,
) -> ManifoldVerdict:
    """Compare what was measured with the thresholds; nothing is computed anew.

    A fit that was refused fails. A null branch or a panel that was refused did not show that it fails either, so that
    the gate about it is not passed.

    Parameters
    ----------
    evidence
        Of the candidate.
    thresholds
        Fixed before the search.
    null
        The same candidate on a ruler whose stages were shuffled within branches; without it its gate is not passed.
    panel
        The same candidate on cells that have no such order, and must fail; its gate is there where one is given or
        required.
    """
    gates = [*_own(evidence, thresholds), _null_fails(null, thresholds)]
    if panel is not None or thresholds.panel_required:
        gates.append(_panel_fails(panel, thresholds))
    return ManifoldVerdict(tuple(gates), thresholds.sha256)


def _own(evidence: CandidateEvidence, limits: ManifoldGates) -> list[Gate]:
    """Return the gates about the candidate itself."""
    if evidence.refused is not None:
        return [Gate("fit", None, None, False, f"The fit was refused: {evidence.refused}.")]
    both, within, donor_p = evidence.both or {}, evidence.within or {}, evidence.donor_p or {}
    gates = [_at_least("trustworthiness", "Trustworthiness", evidence.trust, limits.least_trust)]
    for kind in KINDS:
        what = f"The correlation over pairs with a row of a {kind} hold-out"
        gates.append(_at_least(f"{kind} hold-out", what, both.get(kind), limits.least_rho))
    gates.append(_at_most("blocked permutation", "p of the permutation within blocks", evidence.p, limits.most_p))
    for kind in KINDS:
        what = f"The correlation over such pairs of one branch, in {kind} hold-outs,"
        gates.append(_at_least(f"{kind} hold-out, within branches", what, within.get(kind), limits.least_within))
    for swap in SWAPS:
        values = donor_p.get(swap, ())
        what = f"Twice the mean p of {len(values)} held-out donors, rows swapped within {swap},"
        merged = merged_p_mean(values) if values else None
        gates.append(_at_most(f"donor null within {swap}", what, merged, limits.most_donor_p))
    for name in BASELINES:
        low, limit = (evidence.margins or {}).get(name), limits.above_margin
        passed = low is not None and low > limit
        says = f"The lower bound of the margin {_compared(low, 'above' if passed else 'not above', limit)}."
        gates.append(Gate(f"margin over {name}", low, limit, passed, says))
    return gates


def _at_least(name: str, what: str, number: float | None, least: float) -> Gate:
    passed = number is not None and number >= least
    return Gate(name, number, least, passed, f"{what} {_compared(number, 'at least' if passed else 'below', least)}.")


def _at_most(name: str, what: str, number: float | None, most: float) -> Gate:
    passed = number is not None and number <= most
    return Gate(name, number, most, passed, f"{what} {_compared(number, 'at most' if passed else 'above', most)}.")


def _compared(number: float | None, how: str, limit: float) -> str:
    return "was not measured" if number is None else f"is {number:.3g}, {how} {limit:g}"


def _null_fails(null: CandidateEvidence | None, limits: ManifoldGates) -> Gate:
    name, least = "paired null branch fails", limits.least_within
    if null is None or null.refused is not None:
        why = "was not run" if null is None else f"was refused: {null.refused}"
        return Gate(name, None, least, False, f"The paired null branch {why}.")
    # Over all pairs a null that leaves branches apart may pass; pairs within a branch tell.
    known = [value for value in (null.within or {}).values() if value is not None]
    if not known:
        return Gate(name, None, least, False, "The paired null branch has no correlation within branches.")
    lowest = min(known)
    passed = lowest < least
    says = f"Its lowest correlation within branches is {lowest:.3f}, {'below' if passed else 'not below'} {least:g}."
    return Gate(name, lowest, least, passed, says)


def _panel_fails(panel: CandidateEvidence | None, limits: ManifoldGates) -> Gate:
    name = "expected-fail panel fails"
    if panel is None or panel.refused is not None:
        why = "was not given" if panel is None else f"was refused: {panel.refused}"
        return Gate(name, None, 1.0, False, f"The panel that must fail {why}.")
    failed = [gate.name for gate in _own(panel, limits) if not gate.passed]
    says = f"The panel that must fail fails {len(failed)} gates{': ' if failed else ''}{', '.join(failed)}."
    return Gate(name, float(len(failed)), 1.0, bool(failed), says)
