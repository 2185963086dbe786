"""The error stream: levels over a declared number of tests, for verdicts, candidates, headlines and the re-audit."""

from theodolite.gates.stream.calibrator import grid_calibrated_e
from theodolite.gates.stream.candidates import Candidate, lord_plus_plus, p_from_e
from theodolite.gates.stream.economy import economy_e, history_multiplier
from theodolite.gates.stream.gammas import LARGEST_N_MAX, StreamExhausted, default_n_max, gamma, harmonic
from theodolite.gates.stream.levels import (
    LEVEL_RULE_VERSION,
    Level,
    RuleName,
    e_lond_level,
    level_at,
    level_rule,
    settle_level,
)
from theodolite.gates.stream.merging import (
    largest_p,
    mean_of_e,
    merged_p_mean,
    merged_p_min,
    product_of_e,
    smallest_e,
)
from theodolite.gates.stream.reaudit import online_e_bh
from theodolite.gates.stream.spending import spending_level

__all__ = [
    "LARGEST_N_MAX",
    "LEVEL_RULE_VERSION",
    "Candidate",
    "Level",
    "RuleName",
    "StreamExhausted",
    "default_n_max",
    "e_lond_level",
    "economy_e",
    "gamma",
    "grid_calibrated_e",
    "harmonic",
    "history_multiplier",
    "largest_p",
    "level_at",
    "level_rule",
    "lord_plus_plus",
    "mean_of_e",
    "merged_p_mean",
    "merged_p_min",
    "online_e_bh",
    "p_from_e",
    "product_of_e",
    "settle_level",
    "smallest_e",
    "spending_level",
]
