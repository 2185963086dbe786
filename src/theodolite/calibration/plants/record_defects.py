"""Defects that only the record shows: switched metrics, dead statistics, flipped signs, p = 0, ties, foreign hashes."""

from __future__ import annotations

from typing import Final

from numpy.random import Generator

from theodolite.calibration.plants.forms import Form
from theodolite.calibration.plants.items import Item
from theodolite.gates.evidence import monte_carlo_p, wealth
from theodolite.judgements import Effect

__all__ = [
    "DEGENERATE",
    "HASH_MISMATCH",
    "METRIC_SWITCH",
    "SIGN_FLIP",
    "TIE_ARTEFACT",
    "TOO_FEW_DRAWN",
    "WRONG_RECORD",
]


def _any_null(item: Item, rng: Generator) -> int:
    return int(rng.integers(len(item.judgement.evidence)))


def _pair_shuffle(item: Item, rng: Generator) -> Item | None:
    names = [found.null for found in item.judgement.evidence]
    if "family_block_swap" not in names:
        return None
    shuffle = "gene_shuffle" if item.plan.shape == "GeneScores" else "pair_shuffle"
    return item.with_null(names.index("family_block_swap"), null=shuffle)


def _hardest_omitted(item: Item, rng: Generator) -> Item | None:
    evidence = item.judgement.evidence
    if len(evidence) < 2:
        return None
    hardest = max(evidence, key=lambda found: found.p)
    return item.with_evidence([found for found in evidence if found is not hardest])


WRONG_RECORD: Final = (
    Form("pairs were shuffled in place of families", _pair_shuffle),
    Form("the hardest null is not on record", _hardest_omitted),
)


def _other_metric(item: Item, rng: Generator) -> Item | None:
    unit = str(rng.choice(("Spearman correlation", "area under precision and recall", "log odds ratio")))
    judgement = item.judgement
    parts = {"effect": judgement.effect, "baseline": judgement.baseline, "gain": judgement.gain, "raw": judgement.raw}
    return item.with_judgement(
        **{name: part.model_dump() | {"unit": unit} for name, part in parts.items() if part is not None}
    )


def _easiest_null(item: Item, rng: Generator) -> Item | None:
    judgement = item.judgement
    if judgement.e is not None:
        most = max(found.e or 0.0 for found in judgement.evidence)
        return item.with_judgement(e=most) if most > judgement.e else None
    least = min(found.p for found in judgement.evidence)
    return item.with_judgement(p=least) if least < judgement.p else None


def _lower_bar(item: Item, rng: Generator) -> Item | None:
    told = item.gate("G9")
    if told is None:
        return None
    bar = round(item.plan.sesoi / float(rng.choice((2.0, 4.0, 5.0))), 3)
    sentence = told.sentence.replace(
        f"{100 * (item.plan.sesoi + 0.5):.0f} % the least", f"{100 * (bar + 0.5):.0f} % the least"
    )
    effect = item.judgement.effect
    return item.with_gate("G9", threshold=bar, sentence=sentence, passed=effect.estimate >= bar and effect.low > 0)


METRIC_SWITCH: Final = (
    Form("the effect is in another metric than the plan's", _other_metric),
    Form("the easiest null is reported", _easiest_null),
    Form("the least effect of interest is lower than the plan's", _lower_bar),
)


def _no_spread(item: Item, rng: Generator) -> Item | None:
    return item.with_null(_any_null(item, rng), spread=0.0)


def _stuck(item: Item, rng: Generator) -> Item | None:
    return item.with_null(_any_null(item, rng), moved=round(float(rng.uniform(0.0, 0.05)), 4))


def _one_arrangement(item: Item, rng: Generator) -> Item | None:
    return item.with_null(_any_null(item, rng), log10_arrangements=0.0)


def _one_class(item: Item, rng: Generator) -> Item | None:
    effect = item.judgement.effect
    flat = {"low": effect.estimate, "high": effect.estimate}
    if effect.upper is not None:
        flat["upper"] = effect.estimate
    return item.with_effect(Effect.model_validate(effect.model_dump() | flat))


DEGENERATE: Final = (
    Form("every draw gives the same statistic", _no_spread),
    Form("a null hardly moves the reference", _stuck),
    Form("a null has a single arrangement", _one_arrangement),
    Form("the effect is the same in every resample", _one_class),
)


def _mirrored(effect: Effect) -> Effect:
    upper = None if effect.upper is None else effect.upper - 2 * effect.estimate
    return effect.model_copy(
        update={"estimate": -effect.estimate, "low": -effect.high, "high": -effect.low, "upper": upper}
    )


def _shifted(effect: Effect, by: float) -> Effect:
    return effect.model_copy(
        update={
            "estimate": effect.estimate + by,
            "low": effect.low + by,
            "high": effect.high + by,
            "upper": None if effect.upper is None else effect.upper + by,
        }
    )


def _away_from_the_claim(item: Item, rng: Generator) -> Item | None:
    judgement = item.judgement
    without_tail = item.plan.hypothesis.claim.relation.of_no_effect
    if without_tail or judgement.p >= 0.05 or judgement.effect.estimate <= 0:
        return None
    changed = item.with_effect(_mirrored(judgement.effect))
    parts = {} if judgement.raw is None else {"raw": _mirrored(judgement.raw)}
    if judgement.gain is not None:
        parts["gain"] = _shifted(judgement.gain, -2 * judgement.effect.estimate)
    return changed.with_judgement(**{name: part.model_dump() for name, part in parts.items()})


def _gate_mirrored(item: Item, rng: Generator) -> Item | None:
    told, estimate = item.gate("G9"), item.judgement.effect.estimate
    return None if told is None or estimate == 0.0 else item.with_gate("G9", number=-estimate)


def _gain_mirrored(item: Item, rng: Generator) -> Item | None:
    effect, baseline, gain = item.judgement.effect, item.judgement.baseline, item.judgement.gain
    if baseline is None or gain is None or (effect.estimate - baseline.estimate) * gain.estimate <= 0:
        return None
    return item.with_judgement(gain=_mirrored(gain).model_dump())


SIGN_FLIP: Final = (
    Form("the effect points away from the claim, its p is small", _away_from_the_claim),
    Form("the gate was given the mirrored effect", _gate_mirrored),
    Form("the gain is baseline minus effect", _gain_mirrored),
)


def _cut_short(item: Item, rng: Generator) -> Item | None:
    position = _any_null(item, rng)
    found = item.judgement.evidence[position]
    short = [draws for draws in (300, 24, 12, 8, 4) if draws < min(item.plan.draws, found.draws)]
    if not short:
        return None
    draws = int(rng.choice(short))
    exceeding = min(draws, round(found.exceedances / found.draws * draws))
    return item.with_null(
        position,
        draws=draws,
        exceedances=exceeding,
        p=monte_carlo_p(exceeding, draws),
        e=None if found.e is None else float(wealth(exceeding, draws)),
        stopped=None if found.stopped is None else "exhausted",
    )


def _p_of_nought(item: Item, rng: Generator) -> Item | None:
    # Where the effect points away, a small p would be a second defect: a flipped sign.
    if item.judgement.effect.estimate <= 0:
        return None
    p = float(rng.choice((1e-300, 1e-16, 1e-12)))
    return item.with_evidence(
        [
            found.model_copy(update={"p": p, "e": None if found.e is None else 1.0 / p})
            for found in item.judgement.evidence
        ]
    )


TOO_FEW_DRAWN: Final = (
    Form("a null was drawn less often than planned", _cut_short),
    Form("p is nought", _p_of_nought),
)


def _many_ties(item: Item, rng: Generator) -> Item | None:
    if item.judgement.largest_tie is None:
        return None
    return item.with_judgement(largest_tie=round(float(rng.uniform(0.12, 0.6)), 4))


def _ties_told(item: Item, rng: Generator) -> Item | None:
    told = item.gate("G1")
    if told is None:
        return None
    tied = int(rng.integers(40, 400))
    return item.with_gate(
        "G1",
        passed=False,
        sentence=f"The input cannot be tested: {tied} scores of main are one and the same, as genes without a vector "
        "do.",
    )


def _never_checked(item: Item, rng: Generator) -> Item | None:
    return None if item.gate("G1") is None else item.without_gate("G1")


TIE_ARTEFACT: Final = (
    Form("a large share of the candidates has one score", _many_ties),
    Form("ties were found, and the scores tested all the same", _ties_told),
    Form("nobody looked for ties and missing vectors", _never_checked),
)


def _foreign(item: Item, prereg: str) -> Item:
    return Item(item.plan, item.judgement, prereg, item.verdict)


def _one_digit(item: Item, rng: Generator) -> Item | None:
    sha, place = item.result_prereg, int(rng.integers(64))
    digit = format((int(sha[place], 16) + int(rng.integers(1, 16))) % 16, "x")
    return _foreign(item, sha[:place] + digit + sha[place + 1 :])


def _other_slot(item: Item, rng: Generator) -> Item | None:
    return _foreign(item, item.with_plan(slot=item.plan.slot + int(rng.integers(1, 9))).plan.sha256)


def _other_draws(item: Item, rng: Generator) -> Item | None:
    return _foreign(item, item.with_plan(seed=item.plan.seed + int(rng.integers(1, 1_000))).plan.sha256)


def _lock_broken(item: Item, rng: Generator) -> Item | None:
    if item.gate("G0") is None:
        return None
    return item.with_gate(
        "G0",
        passed=False,
        sentence="A hash that the result names differs from the locked plan: the result is of something else.",
    )


HASH_MISMATCH: Final = (
    Form("a digit of the hash differs", _one_digit),
    Form("the result is of another slot", _other_slot),
    Form("the result is of another seed", _other_draws),
    Form("gate G0 found another artefact, and it was tested all the same", _lock_broken),
)
