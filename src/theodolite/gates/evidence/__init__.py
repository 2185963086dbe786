"""Monte-Carlo evidence against one null: how much the draws show, when they may stop, what they could have shown."""

from theodolite.gates.evidence.besag_clifford import besag_clifford_p
from theodolite.gates.evidence.betting import draws_to_reach, wealth, wealth_at_zero
from theodolite.gates.evidence.maxima import Moments, maximum_draws, null_moments, observed_places
from theodolite.gates.evidence.monte_carlo import exceedances, exceeding, monte_carlo_p
from theodolite.gates.evidence.resolution import B_MAX, draws_for, equivalent_p_level, resolves
from theodolite.gates.evidence.sequential import Drawn, Stopped, Stopping, reaching_level, sequential_evidence

__all__ = [
    "B_MAX",
    "Drawn",
    "Moments",
    "Stopped",
    "Stopping",
    "besag_clifford_p",
    "draws_for",
    "draws_to_reach",
    "equivalent_p_level",
    "exceedances",
    "exceeding",
    "maximum_draws",
    "monte_carlo_p",
    "null_moments",
    "observed_places",
    "reaching_level",
    "resolves",
    "sequential_evidence",
    "wealth",
    "wealth_at_zero",
]
