"""Settlement under catalogue manifold-1: levels and verdicts as in catalogue 2, with gates and words of its own."""

from __future__ import annotations

from typing import Final

from theodolite.claims import ReviewerCap, Tag
from theodolite.gates import catalogue2
from theodolite.gates.catalogue2.settling import Place, Rules
from theodolite.gates.catalogue_manifold.words import GATE_ORDER, next_step, null_words
from theodolite.judgements import Judgement, Settlement
from theodolite.plans import Plan

__all__ = ["CATALOGUE_VERSION", "RULES", "settle", "settle_failure"]

CATALOGUE_VERSION: Final = "manifold-1"


def _support_tags(plan: Plan) -> tuple[Tag, ...]:
    return () if "panel" in plan.variants else (Tag.NO_PANEL,)


RULES: Final = Rules(CATALOGUE_VERSION, GATE_ORDER, null_words, next_step, _support_tags)


def settle(
    plan: Plan,
    judgement: Judgement,
    place: Place,
    *,
    cap: ReviewerCap,
    block_reused: bool,
    advisory: bool = False,
    tags: tuple[Tag, ...] = (),
) -> Settlement:
    """Settle a judged test at record; see :func:`theodolite.gates.catalogue2.settle`.

    Donors are too few to be halved, so that a support is of one block, and under an advisory reviewer none is given. It
    says so where no cells in which it must fail were tried.
    """
    return catalogue2.settle(
        plan, judgement, place, cap=cap, block_reused=block_reused, advisory=advisory, tags=tags, rules=RULES
    )


def settle_failure(plan: Plan, place: Place, *, cap: ReviewerCap = "none", unsound: bool = False) -> Settlement:
    """Settle a run that crashed; see :func:`theodolite.gates.catalogue2.settle_failure`."""
    return catalogue2.settle_failure(plan, place, cap=cap, unsound=unsound, rules=RULES)
