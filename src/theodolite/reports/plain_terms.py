"""What the codes of a ledger are called in sentences for a biologist: nulls, baselines, covariates, units, scales."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from math import ceil, log10
from typing import Final

from theodolite.gates import catalogue_manifold
from theodolite.gates.catalogue2.words import null_words as null_words_of_genes
from theodolite.gates.catalogue_manifold.words import null_words as null_words_of_anchors
from theodolite.measurements import Variant, VariantKind
from theodolite.plans import Plan

__all__ = [
    "OF_ANCHORS",
    "baselines_said",
    "covariates_said",
    "donors",
    "factor_said",
    "listed",
    "lowered",
    "more_needed",
    "null_said",
    "number_said",
    "plainly",
    "things",
    "units",
]

OF_ANCHORS: Final = catalogue_manifold.CATALOGUE_VERSION

_THINGS: Final = {
    "GeneScores": "member gene",
    "PairScores": "reference pair",
    "BipartiteScores": "regulator-target edge",
    "AnchorLatents": "anchor",
}
_BASELINES: Final = {
    VariantKind.UNTRAINED: ("an untrained model", "untrained models"),
    VariantKind.RANDOM_EMBEDDING: ("the model with random gene vectors", "models with random gene vectors"),
    VariantKind.SHUFFLED_INPUT: ("the model on shuffled cells", "models on shuffled cells"),
    VariantKind.PERMUTED_LABELS: ("permuted labels", "sets of permuted labels"),
    VariantKind.COUNTS: ("the counts alone", "counts"),
    VariantKind.RANDOM_PROJECTION: ("a random projection of the counts", "random projections of the counts"),
    VariantKind.STATIC_EMBEDDING: ("the model's gene vectors without the model", "gene vectors without the model"),
    VariantKind.RANDOM_OPERATOR: ("the model with a permuted operator", "models with permuted operators"),
    VariantKind.REFITTED: ("the model fitted from another seed", "fits from other seeds"),
    VariantKind.NULL_BRANCH: ("a ruler whose stages changed places", "rulers whose stages changed places"),
    VariantKind.PANEL: ("cells in which the claim must fail", "sets of cells in which the claim must fail"),
    VariantKind.MAIN: ("the model", "models"),
}
"""What a variant is, one and several of it."""
_COVARIATES: Final = {
    "mean_expression": "expression level",
    "variance": "variance of expression",
    "dropout": "dropout",
    "co_expression": "co-expression",
    "degree": "degree (hubs)",
}
_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_CODE: Final = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b(?:\(\d+\))?|\b(?:untrained|refitted|counts|panel)\(\d+\)")
_TOO_MANY: Final = 100
"""Beyond so many times what is there, more is no advice."""


def listed(items: Iterable[str], last: str = "and") -> str:
    """Return texts as an enumeration: ``a, b and c``."""
    *first, end = items
    return f"{', '.join(first)} {last} {end}" if first else end


def number_said(value: float) -> str:
    """Return a number to two significant digits, as people write it."""
    if value == 0 or 1e-2 <= abs(value) < 1e7:
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"
    if not 1e-7 <= abs(value) < 1e7:
        return f"{value:.1e}"
    return f"{value:.{2 - ceil(log10(abs(value)))}f}".rstrip("0")


def lowered(text: str) -> str:
    """Return a sentence to be the end of another one."""
    return text[:1].lower() + text[1:]


def null_said(null: str) -> str:
    """Return what a null does to the labels."""
    for words in (null_words_of_genes, null_words_of_anchors):
        try:
            return words(null)
        except KeyError:
            continue
    return null.replace("_", " ")


def covariates_said(names: Iterable[str]) -> str:
    """Return what a claim holds fixed; ``nothing`` where that is none."""
    said = [_COVARIATES.get(name, name.replace("_", " ")) for name in names]
    return listed(said) if said else "nothing"


def _variant_said(name: str) -> str | None:
    try:
        return _BASELINES[Variant.parse(name).kind][0]
    except ValueError:
        return None


def baselines_said(variants: Iterable[str]) -> str:
    """Return what a claim is held against beside its nulls; empty where the plan names no baseline."""
    kinds: Counter[VariantKind] = Counter()
    for name in variants:
        try:
            variant = Variant.parse(name)
        except ValueError:
            continue
        if variant.baseline:
            kinds[variant.kind] += 1
    said = []
    for kind, count in kinds.items():
        one, several = _BASELINES[kind]
        said.append(one if count == 1 else f"{_NUMBERS[count] if count < len(_NUMBERS) else count} {several}")
    return listed(said) if said else ""


def plainly(sentence: str) -> str:
    """Return a sentence of a gate with the codes that it names in words, without its full stop."""

    def said(match: re.Match[str]) -> str:
        code = match.group()
        known = _variant_said(code)
        return known if known is not None else null_said(code) if code not in _COVARIATES else _COVARIATES[code]

    return _CODE.sub(said, sentence).rstrip().removesuffix(".")


def things(plan: Plan, count: int) -> str:
    """Return so many of what the reference of a plan consists of: ``12 member genes``."""
    return f"{count:,} {_THINGS[plan.shape]}{'s' * (count != 1)}"


def units(plan: Plan, count: int) -> str:
    """Return so many of the units that the nulls move and the interval resamples."""
    one, several = donors(plan.unit) if plan.shape == "AnchorLatents" else ("homology family", "homology families")
    return f"{count:,} {one if count == 1 else several}"


def donors(unit: str | None) -> tuple[str, str]:
    """Return what cells are divided by, one and several: people or animals, or groups that cells were dealt into."""
    return ("group of cells", "groups of cells") if unit == "cells" else ("donor", "donors")


def more_needed(have: int, factor: float, one: str, several: str) -> str:
    """Return how many more are needed where there must be ``factor`` times as many: ``about 40 more edges``."""
    if factor > _TOO_MANY or have < 1:
        return f"more than a hundred times as many {several}"
    more = max(1, ceil(have * (factor - 1)))
    return f"about {more:,} more {one if more == 1 else several} ({have:,} {'is' if have == 1 else 'are'} there)"


def factor_said(factor: float) -> str:
    """Return how many times as much something is."""
    return f"{factor:,.0f} times" if factor >= 10 else f"{factor:.1f} times"
