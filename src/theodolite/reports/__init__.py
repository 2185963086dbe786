"""Reports: everything that people read of a ledger, computed from it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theodolite.lazy import lazy_names

if TYPE_CHECKING:
    from theodolite.reports.described import DescriptionLine, as_description, description_lines
    from theodolite.reports.exchanges import Exchange, exchange
    from theodolite.reports.export import COLUMNS
    from theodolite.reports.searched import CandidateLine, candidate_lines
    from theodolite.reports.slot_lives import SlotLife, SlotStep, find_subject, slot_life
    from theodolite.reports.standings import AgentsStanding, CampaignStanding, LastEntry, Mark, Standing, standing
    from theodolite.reports.tiers import TierLine, audit
    from theodolite.reports.verdict_table import OUTCOMES, VerdictLine, count_outcomes, reused_supports, verdict_lines

__all__ = [
    "COLUMNS",
    "OUTCOMES",
    "AgentsStanding",
    "CampaignStanding",
    "CandidateLine",
    "DescriptionLine",
    "Exchange",
    "LastEntry",
    "Mark",
    "SlotLife",
    "SlotStep",
    "Standing",
    "TierLine",
    "VerdictLine",
    "as_description",
    "audit",
    "count_outcomes",
    "candidate_lines",
    "description_lines",
    "exchange",
    "find_subject",
    "reused_supports",
    "slot_life",
    "standing",
    "verdict_lines",
]

__getattr__ = lazy_names(
    __name__,
    {
        "described": (
            "DescriptionLine",
            "as_description",
            "description_lines",
        ),
        "exchanges": (
            "Exchange",
            "exchange",
        ),
        "export": (
            "COLUMNS",
            "to_csv",
            "to_json",
        ),
        "searched": (
            "CandidateLine",
            "candidate_lines",
        ),
        "slot_lives": (
            "SlotLife",
            "SlotStep",
            "find_subject",
            "slot_life",
        ),
        "standings": (
            "AgentsStanding",
            "CampaignStanding",
            "LastEntry",
            "Mark",
            "Standing",
            "standing",
        ),
        "tiers": (
            "TierLine",
            "audit",
        ),
        "verdict_table": (
            "OUTCOMES",
            "VerdictLine",
            "count_outcomes",
            "reused_supports",
            "verdict_lines",
        ),
    },
)
