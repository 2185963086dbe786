"""The projection tables: typed copies of what entries say, dropped and rebuilt whenever their version changes.

Each row names the ``seq`` of the entry that made it (and ``last_seq``, where later entries change it), so that
``verify`` can name the entry when a copy and the chain disagree.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

from theodolite.store.column_types import CanonicalJson, WholeNumber, Words

__all__ = [
    "PROJECTIONS",
    "PROJECTION_VERSION",
    "block",
    "budget_mark",
    "campaign",
    "counter",
    "gate",
    "hypothesis",
    "invalidated",
    "invalidation",
    "look",
    "model_call",
    "null_evidence",
    "reference_set",
    "refusal",
    "rejudgement",
    "review",
    "review_trial",
    "round_bit",
    "round_row",
    "stream",
    "tool_check",
]

PROJECTION_VERSION = "6"
"""Raised by hand with every change to this file or ``{column_types,derived,project*,invalidations}.py``."""
PROJECTIONS = MetaData()


def _made() -> Column[int]:
    return Column("seq", Integer, nullable=False)


counter = Table(
    "counter",
    PROJECTIONS,
    Column("kind", String, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("last_id", String, nullable=False),
    Column("last_hash", String, nullable=False),
)

campaign = Table(
    "campaign",
    PROJECTIONS,
    Column("campaign", String, primary_key=True),
    _made(),
    Column("name", String, nullable=False),
    Column("model", String, nullable=False),
    Column("model_sha256", String, nullable=False),
    Column("cells", String, nullable=False),
    Column("cells_sha256", String, nullable=False),
    Column("catalogue", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("seed", WholeNumber, nullable=False),
    Column("spec", CanonicalJson, nullable=False),
    Column("stop_reason", String),
    Column("stop_detail", String),
)

reference_set = Table(
    "reference_set",
    PROJECTIONS,
    Column("campaign", String, primary_key=True),
    Column("name", String, primary_key=True),
    _made(),
    Column("sha256", String, nullable=False),
    Column("title", String, nullable=False),
    Column("genes_in_block", Integer, nullable=False),
    Column("families_in_block", Integer, nullable=False),
    Column("testable", Boolean, nullable=False),
)

look = Table(
    "look",
    PROJECTIONS,
    Column("id", String, primary_key=True),
    _made(),
    Column("campaign", String, nullable=False, index=True),
    Column("tool", String, nullable=False),
    Column("params", CanonicalJson, nullable=False),
    Column("split", String, nullable=False),
    Column("measurement", String, nullable=True),
    Column("effects", CanonicalJson, nullable=False),
)

hypothesis = Table(
    "hypothesis",
    PROJECTIONS,
    Column("subject", String, nullable=False, unique=True),
    # The key, so that every index is in the order of the proposals where its own columns are equal.
    Column("seq", Integer, primary_key=True),
    Column("last_seq", Integer, nullable=False),
    Column("proposed_at", String, nullable=False),
    Column("decided_at", String),
    Column("campaign", String, nullable=False),
    Column("round", Integer, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("hypothesis_id", String, nullable=False, index=True),
    Column("claim_key", String, nullable=False, index=True),
    Column("object", String, nullable=False),
    Column("relation", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("reference_sha256", String, nullable=False),
    Column("model", String, nullable=False),
    Column("model_sha256", String, nullable=False),
    Column("context", String, nullable=False),
    Column("context_sha256", String, nullable=False),
    Column("adjustment", Words, nullable=False),
    Column("locus", String, nullable=False),
    Column("locus_kind", String, nullable=False),
    Column("layer", Integer),
    Column("direction", String, nullable=False),
    Column("tool", String, nullable=False),
    Column("family", String, nullable=False),
    Column("claim_text", Text, nullable=False),
    Column("rationale", Text, nullable=False),
    Column("parents", Words, nullable=False),
    Column("author", String, nullable=False),
    Column("status", String, nullable=False),
    Column("prereg_sha256", String),
    Column("block_id", String),
    Column("reused", Boolean),
    Column("failure_phase", String),
    Column("failure_code", String),
    Column("failure_reason", Text),
    Column("refusal_reason", Text),
    Column("observed", Boolean, nullable=False),
    Column("effect", Float),
    Column("low", Float),
    Column("high", Float),
    Column("unit", String),
    Column("baseline", Float),
    Column("gain", Float),
    Column("p", Float),
    Column("stream", String),
    Column("t", Integer),
    Column("alpha", Float),
    Column("e", Float),
    Column("multiplier", Float),
    Column("evidence", String),
    Column("machine_verdict", String),
    Column("cap", String),
    # The verdict in force; the one that was recorded differs where an invalidation turned it.
    Column("verdict", String),
    Column("recorded_verdict", String),
    Column("invalid_because", Text),
    Column("tags", Words, nullable=False),
    Column("first_unmet", String),
    Column("next_step", Text),
    # The verdict in force, "refused" or "pending". No generated column: an index on one does not spare the row.
    Column("outcome", String, nullable=False),
    Column("cost", Float),
    Column("tokens", Integer),
    Index("hypothesis_place", "campaign", "round", "slot"),
    Index("hypothesis_level", "stream", "t"),
    Index("hypothesis_changed", "last_seq"),
    # What is asked for every test, whatever their number, is read off an index alone.
    Index("hypothesis_supported", "stream", "verdict", "t", "claim_key"),
    Index("hypothesis_on_block", "block_id", "recorded_verdict", "t", "campaign", "round"),
    Index("hypothesis_observed", "block_id", "observed", "seq", "campaign"),
)

refusal = Table(
    "refusal",
    PROJECTIONS,
    Column("subject", String, primary_key=True),
    _made(),
    Column("campaign", String, nullable=False, index=True),
    Column("hypothesis_id", String, nullable=False),
    Column("claim_key", String, nullable=False),
    Column("code", String, nullable=False),
    Column("reason", Text, nullable=False),
)

gate = Table(
    "gate",
    PROJECTIONS,
    Column("subject", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    _made(),
    Column("gate", String, nullable=False),
    Column("title", String, nullable=False),
    Column("number", Float),
    Column("threshold", Float),
    Column("passed", Boolean),
    Column("sentence", Text, nullable=False),
)

null_evidence = Table(
    "null_evidence",
    PROJECTIONS,
    Column("subject", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    _made(),
    Column("null", String, nullable=False),
    Column("exceedances", Integer, nullable=False),
    Column("draws", Integer, nullable=False),
    Column("p", Float, nullable=False),
    Column("seed", WholeNumber, nullable=False),
    Column("moved", Float, nullable=False),
    Column("log10_arrangements", Float, nullable=False),
    Column("spread", Float, nullable=False),
    Column("e", Float),
    Column("stopped", String),
    Column("margins", Boolean),
)

rejudgement = Table(
    "rejudgement",
    PROJECTIONS,
    Column("subject", String, primary_key=True),
    Column("catalogue", String, primary_key=True),
    _made(),
    Column("hypothesis_id", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("first_unmet", String),
    Column("next_step", Text, nullable=False),
)

invalidation = Table(
    "invalidation",
    PROJECTIONS,
    Column("id", String, primary_key=True),
    _made(),
    Column("node", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("person", String, nullable=False),
)

invalidated = Table(
    "invalidated",
    PROJECTIONS,
    Column("subject", String, primary_key=True),
    Column("invalidation", String, primary_key=True),
    _made(),
    Column("was", String, nullable=False),
    Column("path", Words, nullable=False),
)

review = Table(
    "review",
    PROJECTIONS,
    Column("subject", String, primary_key=True),
    Column("stage", Integer, primary_key=True),
    _made(),
    Column("reviewer", String, nullable=False),
    Column("likely_confound", Text, nullable=False),
    Column("predicted_verdict", String, nullable=False),
    Column("confidence", Float),
    Column("cap", String, nullable=False),
    Column("objections", CanonicalJson, nullable=False),
    Column("controls", CanonicalJson),
    Index("review_made", "seq"),
)

review_trial = Table(
    "review_trial",
    PROJECTIONS,
    Column("trial", String, primary_key=True),
    Column("reviewer", String, primary_key=True),
    _made(),
    Column("subject", String, nullable=False, index=True),
    Column("item", String, nullable=False),
    Column("item_sha256", String, nullable=False),
    Column("defect", String),
    Column("stage", Integer),
    Column("caught", Boolean, nullable=False),
    Column("objections", CanonicalJson, nullable=False),
    Column("cap", String, nullable=False),
    Column("predicted_verdict", String, nullable=False),
    Column("confidence", Float),
    Column("verdict", String, nullable=False),
    Index("review_trial_by", "reviewer", "defect"),
)

model_call = Table(
    "model_call",
    PROJECTIONS,
    Column("id", String, primary_key=True),
    _made(),
    Column("subject", String, nullable=False),
    Column("conversation", String, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("role", String, nullable=False),
    Column("model", String, nullable=False),
    Column("rung", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("http_status", Integer),
    Column("tokens_in", Integer, nullable=False),
    Column("tokens_out", Integer, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("cost", Float, nullable=False),
    Column("priced", Boolean, nullable=False),
    # What it was for: a slot, or the name of a sealed trial; nothing while no row says, or where it led to none.
    Column("about", String),
    Index("model_call_subject", "subject", "seq"),
    Index("model_call_talk", "subject", "conversation", "seq"),
    Index("model_call_outcome", "subject", "outcome", "seq"),
    Index("model_call_about", "about"),
)

budget_mark = Table(
    "budget_mark",
    PROJECTIONS,
    Column("campaign", String, primary_key=True),
    Column("budget", String, primary_key=True),
    Column("percent", Integer, primary_key=True),
    _made(),
    Column("limit", Float, nullable=False),
    Column("spent", Float),
)

tool_check = Table(
    "tool_check",
    PROJECTIONS,
    Column("id", String, primary_key=True),
    _made(),
    Column("tool", String, nullable=False, index=True),
    Column("version", String, nullable=False),
    Column("source_sha256", String, nullable=False),
    Column("shape", String, nullable=False),
    Column("worlds", String, nullable=False),
    Column("catalogue", String, nullable=False),
    Column("places", Words, nullable=False),
    Column("planted", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    Column("power", Float, nullable=False),
    Column("power_low", Float, nullable=False),
    Column("empty", Integer, nullable=False),
    Column("passed_empty", Integer, nullable=False),
    Column("error", Float, nullable=False),
    Column("error_low", Float, nullable=False),
    Column("error_high", Float, nullable=False),
    Column("unmeasured", Integer, nullable=False),
    Column("level", Float, nullable=False),
    Column("fit", Boolean, nullable=False),
)

round_row = Table(
    "round",
    PROJECTIONS,
    Column("campaign", String, primary_key=True),
    Column("round", Integer, primary_key=True),
    _made(),
    Column("block_id", String, nullable=False),
    Column("retired", Boolean, nullable=False),
    Column("stream_t", Integer, nullable=False),
    Column("supports", Integer, nullable=False),
    Index("round_made", "seq"),
)

round_bit = Table(
    "round_bit",
    PROJECTIONS,
    Column("campaign", String, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("hypothesis_id", String, primary_key=True),
    _made(),
    Column("supported", Boolean, nullable=False),
    Index("round_bit_made", "seq"),
)

block = Table(
    "block",
    PROJECTIONS,
    Column("block_id", String, primary_key=True),
    _made(),
    Column("split_sha256", String),
    Column("k", Integer),
    Column("retired_in_campaign", String),
    Column("retired_in_round", Integer),
)

stream = Table(
    "stream",
    PROJECTIONS,
    Column("stream", String, primary_key=True),
    _made(),
    Column("rule", String),
    Column("q", Float),
    Column("n_max", Integer),
    Column("t", Integer, nullable=False),
    Column("supports", Integer, nullable=False),
)
