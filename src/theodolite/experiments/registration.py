"""Registration: a hypothesis becomes a locked plan, or is refused with a reason before anything is spent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from theodolite.claims import Covariate, Hypothesis, Verdict
from theodolite.experiments.setting import Setting
from theodolite.experiments.wording import claim_text
from theodolite.gates import (
    CATALOGUE_VERSION,
    DECISION_VERSION,
    StreamExhausted,
    blinded_spread_pairs,
    blinded_spread_set,
    draws_for,
    level_rule,
    minimum_detectable_effect,
    power_gate,
    preflight,
)
from theodolite.judgements import GateId
from theodolite.plans import Block, LevelRule, NullName, Plan
from theodolite.sources import Source, leaked_ancestors
from theodolite.store import (
    RETIRE_AFTER,
    Ledger,
    RefusalCode,
    agent_view,
    block_retired,
    campaign_rows,
    hypothesis_rows,
    stream_state,
)
from theodolite.tools import ToolError, get_tool

__all__ = ["Power", "Refusal", "Registrar", "block_spent"]

MOST_RETURNS = 2
"""How often an inconclusive hypothesis may be registered again, each time on an unused block."""

_PANEL: tuple[NullName, ...] = ("family_block_swap", "stratified_labels")
"""The nulls that every claim of catalogue 1 must beat, all of them."""

_REFUSED_BY: dict[GateId, RefusalCode] = {
    "G1": "not_testable",
    "G2": "invalid_locus",
    "G6": "resolution",
    "G12b": "underpowered",
}


@dataclass(frozen=True)
class Refusal:
    """Why a hypothesis was not registered; nothing is spent by it."""

    code: RefusalCode
    reason: str


class Power:
    """Blinded power: the spread of a null for a reference in a block, without any observed statistic."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._spreads: dict[tuple[str, str, str], float] = {}

    def spread(self, shape: str, reference: str, block: str) -> float:
        """Return the null standard deviation of AUROC - 0.5 for a reference in a block."""
        key = (shape, reference, block)
        if key not in self._spreads:
            setting = self._setting
            seed = setting.seed("blinded-power")
            labels = setting.labels(reference, block)
            families = setting.split_families(block)
            mean = setting.gene_statistic(Covariate.MEAN, block)
            variance = setting.gene_statistic(Covariate.VARIANCE, block)
            spread = blinded_spread_set if shape == "GeneScores" else blinded_spread_pairs
            self._spreads[key] = spread(labels, families, mean, variance, seed)
        return self._spreads[key]

    def minimum_detectable_effect(self, shape: str, reference: str, block: str, alpha: float) -> float:
        """Return the effect that is found with power 0.90 at level ``alpha``."""
        return minimum_detectable_effect(self.spread(shape, reference, block), alpha)

    def sufficient(self, shape: str, reference: str, block: str, alpha: float) -> bool:
        """Return whether a test at this level is worth its level (gate G12b)."""
        detectable = self.minimum_detectable_effect(shape, reference, block, alpha)
        return bool(power_gate(detectable, self._setting.sesoi(shape)).passed)


def block_spent(setting: Setting, ledger: Ledger, block: str) -> bool:
    """Return whether a hold-out block is spent for a campaign.

    It is once a round on it returned a support, and for every campaign that was opened after a test of another one on
    it was judged: who wrote the file could have seen what that test found (statistics §0b rule 4).
    """
    block_id = setting.split.block_id(block)
    if block_retired(ledger, block_id):
        return True
    opened = {row.campaign: row.seq for row in campaign_rows(ledger)}.get(setting.campaign_id)
    return any(
        row.observed and row.campaign != setting.campaign_id and (opened is None or row.seq < opened)
        for row in hypothesis_rows(ledger, block_id=block_id)
    )


class Registrar:
    """Registers the hypotheses of one round against the state of the ledger at its start."""

    def __init__(self, setting: Setting, ledger: Ledger, power: Power, block: str) -> None:
        self._setting = setting
        self._ledger = ledger
        self._power = power
        self._block = block
        self._block_id = setting.split.block_id(block)
        self.block_reused = block_spent(setting, ledger, block)

    @property
    def stream(self) -> str:
        """The error stream of the round; reused blocks have one of their own."""
        name = self._setting.spec.error.stream
        return f"{name}/reused" if self.block_reused else name

    @cached_property
    def _state(self) -> tuple[int, int]:
        spent, supported = stream_state(self._ledger, self.stream)
        return spent, len(supported)

    @cached_property
    def _retired_families(self) -> frozenset[str]:
        return agent_view(self._ledger, self._setting.campaign_id).retired_families

    def level(self, earlier_in_round: int) -> LevelRule:
        """Return the provisional level of the next test, if all ``earlier_in_round`` tests spend and none is supported.

        Raises
        ------
        StreamExhausted
            If the stream has no level left.
        """
        spent, supports = self._state
        spec = self._setting.spec
        return level_rule(
            self.stream,
            q=spec.error.q,
            n_max=spec.n_max,
            provisional_t=spent + earlier_in_round + 1,
            supports_before=supports,
        )

    def _taken(self, hypothesis_id: str) -> bool:
        """Return whether an identity is spent: registered before, unless it may return.

        A run that failed before its statistic was computed spent nothing and leaves its identity free. An inconclusive
        hypothesis may come back on an unused block, at most twice, and spends each time (statistics §0b rule 6).
        """
        earlier = [
            row
            for row in hypothesis_rows(self._ledger, hypothesis_id=hypothesis_id)
            if row.prereg_sha256 is not None and not (row.verdict is Verdict.ERROR and row.t is None)
        ]
        may_return = len(earlier) <= MOST_RETURNS and not self.block_reused
        return bool(earlier) and not (
            may_return
            and all(row.verdict is Verdict.INCONCLUSIVE and row.block_id != self._block_id for row in earlier)
        )

    def register(self, hypothesis: Hypothesis, *, round_number: int, slot: int, earlier: int) -> Plan | Refusal:
        """Lock a plan or refuse.

        Parameters
        ----------
        hypothesis
            What was proposed.
        round_number, slot
            Where.
        earlier
            Number of hypotheses registered before in this round.
        """
        setting = self._setting
        if hypothesis.claim.reference.name not in setting.references:
            return Refusal("mismatch", f"this campaign has no reference {hypothesis.claim.reference.name!r}")
        if self._taken(hypothesis.id):
            return Refusal(
                "duplicate",
                "the same claim at the same locus is registered already; another metric, seed, direction, threshold or "
                "wording does not make it new",
            )
        instrument = get_tool(hypothesis.tool.partition("@")[0])
        reference = setting.references[hypothesis.claim.reference.name]
        if hypothesis.claim != setting.claim(instrument, hypothesis.claim.reference.name):
            return Refusal(
                "mismatch",
                f"this is not the claim that {instrument.name} can make of {hypothesis.claim.reference.name!r} here: "
                "object, relation, hashes and adjustment follow from tool, reference, model and cells",
            )
        if reference not in setting.references_for(instrument):
            return Refusal("mismatch", f"{instrument.name} makes no claims of {reference.kind}: {reference.id!r}")
        try:
            params = setting.params_at(instrument, hypothesis.locus)
        except ToolError as error:
            return Refusal("invalid_locus", str(error))
        if instrument.name in self._retired_families:
            return Refusal(
                "retired", f"{instrument.name} has had {RETIRE_AFTER} tries or more in this campaign and no support"
            )
        features = tuple(
            # By content, and by the name under which a reference file would declare it.
            Source(name, sha256, (Source(name),))
            for name, sha256 in (
                (f"model:{setting.model.name}", setting.model.sha256),
                (f"cells:{setting.cells.name}", setting.cells.sha256),
            )
        )
        leaked = leaked_ancestors(features, reference.source)
        if leaked:
            names = ", ".join(source.name for source in leaked)
            return Refusal("leak", f"the reference {reference.title!r} derives from {names}, which the score reads too")
        testable = setting.testability(self._block)[reference.id]
        if not testable.testable:
            return Refusal("not_testable", f"{testable.reason}; {testable.remedy}")
        if self.block_reused and setting.spec.spent_blocks == "stop":
            return Refusal("hold_out", "the hold-out block is spent and the campaign says `spent_blocks: stop`")
        try:
            level = self.level(earlier)
        except StreamExhausted as error:
            return Refusal("exhausted", str(error))
        shape = instrument.shape.shape
        detectable = self._power.minimum_detectable_effect(shape, reference.id, self._block, level.provisional_alpha)
        plan = Plan(
            hypothesis=hypothesis,
            claim_text=claim_text(hypothesis.claim, hypothesis.locus, hypothesis.direction, reference.title),
            campaign=setting.campaign_id,
            round=round_number,
            slot=slot,
            estimand="AUROC - 0.5 of the adjusted score, reference against the rest, in the confirmation block",
            statistic="auroc",
            shape=shape,  # type: ignore[arg-type]
            params=params.model_dump(mode="json"),
            variants=("main", setting.untrained),
            fitted=setting.fitted if instrument.fits else {},
            reference_sha256=reference.sha256,
            families_sha256=setting.families.sha256,
            cells_sha256=setting.cells.sha256,
            model_sha256=setting.model.sha256,
            block=Block(id=self._block_id, split_sha256=setting.split.sha256, reused=self.block_reused),
            level=level,
            null_panel=_PANEL,
            draws=draws_for(level.provisional_alpha),
            seed=setting.seed("nulls", reference.id),
            sesoi=setting.sesoi(shape),
            minimum_detectable_effect=round(detectable, 6),
            reference_in_block=testable.in_block,
            families_in_block=testable.families,
            catalogue=CATALOGUE_VERSION,
            decision=DECISION_VERSION,
        )
        failed = next((gate for gate in preflight(plan) if gate.passed is False), None)
        return plan if failed is None else Refusal(_REFUSED_BY[failed.gate], failed.sentence)
