"""Catalogue 1: from a locked plan and its measurements to gate results, everything that does not wait for a level.

The observed statistic is computed only when every gate that can be answered without it has passed. Until then nothing
of the error stream is spent (:func:`spends`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from theodolite.claims import Covariate, Direction
from theodolite.gates.effects import UNIT, effect_with_gains
from theodolite.gates.kernels import derive_seed
from theodolite.gates.lint import input_defects, minimum_counts, selection_discipline
from theodolite.gates.nulls import Contrast, Reach, contrast_genes, contrast_pairs, evidence_against, reach
from theodolite.judgements import Effect, GateId, GateResult, Judgement
from theodolite.measurements import GeneScores, Measurement, PairScores, Variant, VariantKind
from theodolite.plans import Plan

__all__ = [
    "CATALOGUE_VERSION",
    "GAIN",
    "GATE_ORDER",
    "LEAST_MOVED",
    "SESOI",
    "judge",
    "power_gate",
    "preflight",
    "resolution_gate",
    "spends",
]

CATALOGUE_VERSION = "1"
GATE_ORDER: Final[tuple[GateId, ...]] = (
    "G0", "G1", "G2", "G6", "G12b", "G3", "G8", "G9", "G5", "G16", "G13",
)  # fmt: skip
"""What must hold before a test, then what it showed, then what qualifies it. ``first_unmet`` follows this order."""
SESOI: Final[Mapping[str, float]] = {"GeneScores": 0.20, "PairScores": 0.10}
"""Smallest effect size of interest by shape, |AUROC - 0.5|."""
GAIN: Final = 0.03
"""Least gain over the untrained model."""
LEAST_MOVED: Final = 0.2
"""A null whose draws replace a smaller share of the reference is stuck."""
POWER_MARGIN: Final = 1.5
"""A test must be able to see 1.5 times the smallest effect of interest."""

_UNKNOWN: Final = Effect(estimate=0.0, low=-0.5, high=0.5, unit=UNIT)


def resolution_gate(draws: int, alpha: float, log10_arrangements: float | None = None) -> GateResult:
    """Return G6: the smallest p that the draws and the arrangements of labels can give reaches ``alpha``.

    Without ``log10_arrangements`` (before any measurement) only the draws count.
    """
    by_draws = 1.0 / (draws + 1)
    by_labels = 0.0 if log10_arrangements is None else 10.0 ** -min(log10_arrangements, 300.0)
    least = max(by_draws, by_labels)
    what = f"{draws:,} draws" if by_draws >= by_labels else f"the {10**log10_arrangements:,.0f} arrangements of labels"  # type: ignore[operator]
    return GateResult(
        gate="G6",
        title="resolution",
        number=least,
        threshold=alpha,
        passed=least <= alpha,
        sentence=f"With {what} the smallest possible p is {least:.2g}; the level asks for {alpha:.2g}.",
    )


def power_gate(minimum_detectable_effect: float, sesoi: float, margin: float = POWER_MARGIN) -> GateResult:
    """Return G12b: the effect found with power 0.90 is at most ``margin`` times the smallest effect of interest."""
    limit = margin * sesoi
    passed = minimum_detectable_effect <= limit
    return GateResult(
        gate="G12b",
        title="power",
        number=minimum_detectable_effect,
        threshold=limit,
        passed=passed,
        sentence=f"The reference in this block is {'large enough' if passed else 'too small'}: an effect of "
        f"{minimum_detectable_effect:.2f} would be found nine times in ten, {limit:.2f} or less is asked for.",
    )


def preflight(plan: Plan) -> tuple[GateResult, ...]:
    """Return the gates that a plan alone answers (G1 counts, G2, G6, G12b), for refusal at registration.

    Raises
    ------
    ValueError
        If the plan names another catalogue.
    """
    _require_version(plan)
    return (
        minimum_counts(plan.shape, plan.reference_in_block, plan.families_in_block),
        selection_discipline(plan),
        resolution_gate(plan.draws, plan.level.provisional_alpha),
        power_gate(plan.minimum_detectable_effect, plan.sesoi),
    )


def spends(judgement: Judgement) -> bool:
    """Return whether the observed statistic was computed, so that the test takes an index of its error stream."""
    return bool(judgement.evidence)


def _require_version(plan: Plan) -> None:
    if plan.catalogue != CATALOGUE_VERSION:
        raise ValueError(
            f"the plan was locked under catalogue {plan.catalogue!r}; this is catalogue {CATALOGUE_VERSION!r}"
        )


def _contrast(plan: Plan, measurement: Measurement, labelled: Measurement) -> Contrast:
    """Orient the scores so that the claimed direction is upwards, adjust, rank; labels come from ``labelled``."""
    sign = 1.0 if plan.hypothesis.direction is Direction.GREATER else -1.0
    assert isinstance(labelled, (GeneScores, PairScores))
    column = dict(zip(labelled.covariate_names, labelled.covariates.T, strict=True))
    adjustment = [column[item.value] for item in plan.hypothesis.claim.adjustment]
    covariates = np.column_stack(adjustment) if adjustment else None
    if isinstance(measurement, GeneScores) and isinstance(labelled, GeneScores):
        assert labelled.members is not None
        return contrast_genes(
            sign * measurement.score,
            labelled.members,
            labelled.families,
            column[Covariate.MEAN.value],
            column[Covariate.VARIANCE.value],
            covariates=covariates,
        )
    assert isinstance(measurement, PairScores) and isinstance(labelled, PairScores) and labelled.edges is not None
    return contrast_pairs(
        sign * measurement.score,
        labelled.edges,
        labelled.families,
        column[Covariate.MEAN.value],
        column[Covariate.VARIANCE.value],
        covariates=covariates,
    )


def _provenance(provenance_ok: bool) -> GateResult:
    return GateResult(
        gate="G0",
        title="lock and provenance",
        number=None,
        threshold=None,
        passed=provenance_ok,
        sentence="The plan was locked before the result, and every hash that the result names matches."
        if provenance_ok
        else "A hash that the result names differs from the locked plan: the result is of something else.",
    )


def _input(defects: list[str], plan: Plan, contrast: Contrast | None) -> GateResult:
    noun = "member genes" if plan.shape == "GeneScores" else "reference pairs"
    if contrast is None or defects:
        sentence = f"The input cannot be tested: {'; '.join(defects)}."
    else:
        sentence = (
            f"{len(contrast.first)} {noun} among {contrast.candidates:,} candidates; no duplicate, tied or missing "
            "scores stand in the way."
        )
    return GateResult(
        gate="G1",
        title="input",
        number=None if contrast is None else float(len(contrast.first)),
        threshold=None,
        passed=not defects,
        sentence=sentence,
    )


def judge(plan: Plan, measurements: Mapping[Variant, Measurement], *, provenance_ok: bool) -> Judgement:
    """Compute every gate of catalogue 1 that does not wait for the level; pure and deterministic.

    Parameters
    ----------
    plan
        The locked plan.
    measurements
        By variant: main with the reference attached, and at least one untrained model.
    provenance_ok
        Whether the caller found every hash of the result equal to the plan's (G0).

    Returns
    -------
    Judgement
        Bad data give a failed G1, never an exception. When a gate that needs no observed statistic fails, the
        evidence is empty, p is 1 and the effect's interval is everything.

    Raises
    ------
    ValueError
        If a variant of the plan is not among the measurements, or the plan names another catalogue.
    """
    _require_version(plan)
    missing = [text for text in plan.variants if Variant.parse(text) not in measurements]
    if missing or Variant(VariantKind.MAIN) not in measurements:
        raise ValueError(f"no measurement of {', '.join(missing) or 'main'}; judge needs every variant of the plan")
    used = {variant: measurements[variant] for variant in map(Variant.parse, plan.variants)}

    defects = input_defects(plan, used)
    contrast: Contrast | None = None
    reaches: dict[str, Reach] = {}
    if not defects:
        labelled = used[Variant(VariantKind.MAIN)]
        contrast = _contrast(plan, labelled, labelled)
        reaches = {null: reach(contrast, null, derive_seed(plan.seed, null)) for null in plan.null_panel}
        defects += [
            f"the null {null} is stuck: its draws replace {100 * far.moved:.0f} % of the reference, "
            f"{100 * LEAST_MOVED:.0f} % are asked for"
            for null, far in reaches.items()
            if far.moved < LEAST_MOVED
        ]
    arrangements = min((far.log10_arrangements for far in reaches.values()), default=None)
    gates = [
        _provenance(provenance_ok),
        _input(defects, plan, contrast),
        selection_discipline(plan),
        resolution_gate(plan.draws, plan.level.provisional_alpha, arrangements),
        power_gate(plan.minimum_detectable_effect, plan.sesoi),
    ]
    if contrast is None or not all(gate.passed for gate in gates):
        return Judgement(effect=_UNKNOWN, baseline=None, gain=None, evidence=(), p=1.0, gates=tuple(gates))
    return _tested(plan, used, contrast, gates)


def _tested(plan: Plan, used: Mapping[Variant, Measurement], contrast: Contrast, gates: list[GateResult]) -> Judgement:
    labelled = used[Variant(VariantKind.MAIN)]
    evidence = tuple(evidence_against(contrast, null, plan.draws, plan.seed) for null in plan.null_panel)
    resamples = derive_seed(plan.seed, "bootstrap")
    untrained = [
        _contrast(plan, measurement, labelled).items
        for variant, measurement in sorted(used.items())
        if variant.kind is VariantKind.UNTRAINED
    ]
    effect, baselines = effect_with_gains(contrast.items, untrained, resamples)
    baseline, gain = max(baselines, key=lambda pair: pair[0].estimate)
    gates = [*gates, _effect_size(plan, effect, len(contrast.first)), _margin(plan, effect, baseline, gain)]
    return Judgement(
        effect=effect,
        baseline=baseline,
        gain=gain,
        evidence=evidence,
        p=max(item.p for item in evidence),
        gates=tuple(gates),
    )


def _effect_size(plan: Plan, effect: Effect, reference: int) -> GateResult:
    share, low, high = (100 * (value + 0.5) for value in (effect.estimate, effect.low, effect.high))
    where = f"{plan.hypothesis.claim.object} at {plan.hypothesis.locus}"
    if plan.shape == "GeneScores":
        side = "higher" if plan.hypothesis.direction is Direction.GREATER else "lower"
        finding = (
            f"The {reference} member genes lie {side} on {where} than {share:.0f} % of the other genes, on average"
        )
    else:
        side = "above" if plan.hypothesis.direction is Direction.GREATER else "below"
        finding = f"The {reference} reference pairs rank {side} {share:.0f} % of the other pairs by {where}, on average"
    removed = [item.value.replace("_", " ") for item in plan.hypothesis.claim.adjustment]
    if plan.shape == "PairScores":
        removed.insert(0, "hubs")
    adjusted = f"after taking out {', '.join(removed)}; " if removed else ""
    return GateResult(
        gate="G9",
        title="effect size",
        number=effect.estimate,
        threshold=plan.sesoi,
        passed=effect.estimate >= plan.sesoi and effect.low > 0,
        sentence=f"{finding} ({adjusted}95 % interval {low:.0f} to {high:.0f} %; 50 % is chance, "
        f"{100 * (plan.sesoi + 0.5):.0f} % the least that counts).",
    )


def _margin(plan: Plan, effect: Effect, baseline: Effect, gain: Effect) -> GateResult:
    return GateResult(
        gate="G5",
        title="untrained baseline",
        number=gain.estimate,
        threshold=GAIN,
        passed=gain.low > 0 and gain.estimate >= GAIN,
        sentence=f"The untrained model gives {100 * (baseline.estimate + 0.5):.0f} % where the trained one gives "
        f"{100 * (effect.estimate + 0.5):.0f} %: training adds {100 * gain.estimate:.0f} points "
        f"(95 % interval {100 * gain.low:.0f} to {100 * gain.high:.0f}).",
    )
