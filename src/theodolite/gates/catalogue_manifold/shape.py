"""M1 to M7: neighbours, held-out rows, order within branches, donors, branches, dimension and arrangement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from theodolite.gates.anchors.arrangement import Arrangement
from theodolite.gates.anchors.permutation import PermutationNull
from theodolite.gates.anchors.scores import AnchorScores
from theodolite.judgements import GateResult
from theodolite.manifolds.fitters import READS_RULER
from theodolite.measurements import AnchorLatents
from theodolite.plans import NullName

__all__ = ["LEAST_RHO", "LEAST_TRUST", "MOST_P", "arrangement_gate", "dimension_gate", "shape_gates"]

LEAST_TRUST: Final = 0.80
LEAST_RHO: Final = 0.20
MOST_P: Final = 0.001
"""Of arXiv 2603.10261; what they leave open, clusters without stages and lines, M3 and M5 ask."""

MOST_ARRANGED: Final = 0.05
"""Share of arrangements of the stages that may do as well as the ruler's, at most; less where the stream asks less."""

_KIND_WORDS: Final[Mapping[str, str]] = {"random": "a fifth of the anchors", "donor": "a donor", "branch": "a branch"}


def shape_gates(
    scores: AnchorScores, nulls: Mapping[NullName, PermutationNull], depth_known: bool
) -> tuple[GateResult, ...]:
    """Return M1 to M5 of the claim's own measurement."""
    return (
        GateResult(
            gate="M1",
            title="trustworthiness",
            number=scores.trust,
            threshold=LEAST_TRUST,
            passed=scores.trust >= LEAST_TRUST,
            sentence=f"Neighbours in the latent space were neighbours before to {100 * scores.trust:.0f} %; "
            f"{100 * LEAST_TRUST:.0f} % is asked for, which any smooth map reaches.",
        ),
        _held_out("M2", "held-out rows", "over all pairs", scores.both),
        _held_out("M3", "order within branches", "over pairs of one branch", scores.within),
        _beyond_donors(nulls["swap_in_donor"]),
        _beyond_depth(nulls.get("swap_in_depth"), depth_known),
    )


def _held_out(gate: str, title: str, pairs: str, means: Mapping[str, float | None]) -> GateResult:
    missing = [_KIND_WORDS[kind] for kind, value in means.items() if value is None]
    known = {kind: value for kind, value in means.items() if value is not None}
    least = min(known.values()) if known else None
    passed = not missing and least is not None and least >= LEAST_RHO
    if missing:
        sentence = (
            f"With {', '.join(missing)} left out of the fit there is no correlation {pairs}: the ruler does not vary "
            "within what is left out."
        )
    else:
        told = ", ".join(f"{value:.2f} with {_KIND_WORDS[kind]}" for kind, value in known.items())
        sentence = (
            f"Rows that the fit never saw follow the ruler {pairs} by {told} left out; {LEAST_RHO:.2f} each is asked "
            "for."
        )
    return GateResult.model_validate(
        {"gate": gate, "title": title, "number": least, "threshold": LEAST_RHO, "passed": passed, "sentence": sentence}
    )


def _beyond_donors(null: PermutationNull) -> GateResult:
    return GateResult(
        gate="M4",
        title="beyond donors",
        number=null.p,
        threshold=MOST_P,
        passed=null.p <= MOST_P,
        sentence=f"With anchors exchanged within donor and tissue the correlation is {null.mean:.2f} on average where "
        f"it is {null.observed:.2f} (p = {null.p:.2g}; {MOST_P:g} or less is asked for).",
    )


def _beyond_depth(null: PermutationNull | None, depth_known: bool) -> GateResult:
    excess = None if null is None else null.observed - null.mean
    if excess is not None:
        sentence = (
            f"The tree's distances are followed by {excess:.2f} {'more' if excess > 0 else '(not more)'} than depth "
            "alone gives, branches being exchanged at equal depth."
        )
    elif depth_known:
        sentence = "No branches of a donor can be exchanged at equal depth, so that a tree and a line look alike here."
    else:
        sentence = "The ruler knows no depth, so that nothing tells whether branches are followed beyond it."
    return GateResult(
        gate="M5",
        title="branch structure",
        number=excess,
        threshold=0.0,
        passed=excess is not None and excess > 0.0,
        sentence=sentence,
    )


def arrangement_gate(found: Arrangement, fitter: object, level: float) -> GateResult:
    """Return M7: the ruler's arrangement of stages against others, which a fit that was given it cannot answer.

    ``level`` is the p that the stream asks for provisionally, so that its error rate holds for wrong arrangements too.
    """
    given, most = fitter in READS_RULER, min(MOST_ARRANGED, level)
    passed = not given and found.rho is not None and found.p <= most
    if given:
        sentence = (
            f"The fitter {fitter} was given this arrangement of {found.places} stages and would follow another one "
            "too, so that nothing tells which is right."
        )
    elif found.rho is None:
        sentence = f"{found.places} places of the ruler cannot be arranged otherwise; it takes three or more."
    else:
        sentence = (
            f"Of arrangements of the {found.places} places of the ruler {100 * found.p:.2g} % are followed as well as "
            f"its own (correlation {found.rho:.2f} of mean distances); {100 * most:.2g} % may be."
        )
    return GateResult(
        gate="M7",
        title="arrangement of stages",
        number=None if given else found.p,
        threshold=most,
        passed=passed,
        sentence=sentence,
    )


def dimension_gate(main: AnchorLatents) -> GateResult:
    """Return M6, which informs and never decides: the intrinsic dimension of the anchors' features."""
    whole, low, high = (float(value) for value in main.dimension)
    return GateResult(
        gate="M6",
        title="dimension",
        number=whole,
        threshold=None,
        passed=None,
        sentence=f"The anchors' features are of about {whole:.1f} dimensions (TwoNN; {low:.1f} to {high:.1f} over "
        f"donors), the latent space of {main.latent.shape[1]}.",
    )
