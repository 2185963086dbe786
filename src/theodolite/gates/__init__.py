"""Gates judge: nulls, evidence, effect sizes, the error stream and the decision, from plans and measurements alone."""

from theodolite.gates.catalogue import (
    CATALOGUE_VERSION,
    GAIN,
    GATE_ORDER,
    LEAST_MOVED,
    SESOI,
    judge,
    power_gate,
    preflight,
    resolution_gate,
    spends,
)
from theodolite.gates.decision import DECISION_VERSION, HARD_GATES, Decision, capped, decide
from theodolite.gates.evidence import B_MAX, draws_for, monte_carlo_p
from theodolite.gates.lint import MINIMUM_FAMILIES, MINIMUM_REFERENCE, minimum_counts
from theodolite.gates.power import blinded_spread_pairs, blinded_spread_set, minimum_detectable_effect
from theodolite.gates.settlement import settle, settle_failure
from theodolite.gates.stream import (
    LEVEL_RULE_VERSION,
    Level,
    StreamExhausted,
    default_n_max,
    level_rule,
    settle_level,
)

__all__ = [
    "B_MAX",
    "CATALOGUE_VERSION",
    "DECISION_VERSION",
    "GAIN",
    "GATE_ORDER",
    "HARD_GATES",
    "LEAST_MOVED",
    "LEVEL_RULE_VERSION",
    "MINIMUM_FAMILIES",
    "MINIMUM_REFERENCE",
    "SESOI",
    "Decision",
    "Level",
    "StreamExhausted",
    "blinded_spread_pairs",
    "blinded_spread_set",
    "capped",
    "decide",
    "default_n_max",
    "draws_for",
    "judge",
    "level_rule",
    "minimum_counts",
    "minimum_detectable_effect",
    "monte_carlo_p",
    "power_gate",
    "preflight",
    "resolution_gate",
    "settle",
    "settle_failure",
    "settle_level",
    "spends",
]
