"""Gates judge: nulls, evidence, effect sizes, the error stream and the decision, from plans and measurements alone."""

from theodolite.gates.ablation import Ablation
from theodolite.gates.catalogue1.judging import power_gate
from theodolite.gates.catalogue2.discipline import (
    BASELINES,
    PANELS,
    REFITS,
    baselines_for,
    identity_gate,
    margin_for,
    panel_for,
    refits_for,
)
from theodolite.gates.catalogue2.panel import LEAST_MOVED, b_max, p_level
from theodolite.gates.catalogue2.settling import Place, spends
from theodolite.gates.catalogues import (
    CATALOGUE_VERSION,
    CATALOGUES,
    CatalogueUnknown,
    judge,
    preflight,
    settle,
    settle_failure,
    successor,
)
from theodolite.gates.decision import DECISION_VERSION, HARD_GATES, Decision, capped, decide
from theodolite.gates.dossier import Dossier
from theodolite.gates.evidence import B_MAX, draws_for, monte_carlo_p
from theodolite.gates.lint import MINIMUM_FAMILIES, MINIMUM_REFERENCE, minimum_counts
from theodolite.gates.power import (
    blinded_spread_bipartite,
    blinded_spread_pairs,
    blinded_spread_set,
    minimum_detectable_effect,
    power_asked,
)
from theodolite.gates.stream import (
    LEVEL_RULE_VERSION,
    Level,
    StreamExhausted,
    default_n_max,
    level_rule,
    settle_level,
)

__all__ = [
    "BASELINES",
    "B_MAX",
    "CATALOGUES",
    "CATALOGUE_VERSION",
    "DECISION_VERSION",
    "HARD_GATES",
    "LEAST_MOVED",
    "LEVEL_RULE_VERSION",
    "MINIMUM_FAMILIES",
    "MINIMUM_REFERENCE",
    "PANELS",
    "REFITS",
    "Ablation",
    "CatalogueUnknown",
    "Decision",
    "Dossier",
    "Level",
    "Place",
    "StreamExhausted",
    "b_max",
    "baselines_for",
    "blinded_spread_bipartite",
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
    "identity_gate",
    "margin_for",
    "p_level",
    "panel_for",
    "power_asked",
    "power_gate",
    "preflight",
    "refits_for",
    "settle",
    "settle_failure",
    "settle_level",
    "spends",
    "successor",
]
