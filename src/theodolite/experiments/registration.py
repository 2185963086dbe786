"""Registration: a hypothesis becomes a locked plan, or is refused with a reason before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from theodolite.claims import Author, Claim, Covariate, Hypothesis, LocusKind, Relation, Verdict
from theodolite.data import DISCOVERY, Reference
from theodolite.experiments.checking import unfit
from theodolite.experiments.invalidating import resting_on_bad
from theodolite.experiments.setting import Setting
from theodolite.experiments.wording import claim_text
from theodolite.gates import (
    DECISION_VERSION,
    Ablation,
    StreamExhausted,
    b_max,
    identity_gate,
    level_rule,
    margin_for,
    minimum_detectable_effect,
    p_level,
    panel_for,
    power_asked,
    power_gate,
    preflight,
)
from theodolite.gates.stream import history_multiplier
from theodolite.judgements import GateId
from theodolite.plans import Block, EvidenceKind, LevelRule, Params, Places, Plan
from theodolite.sources import Source, leaked_ancestors
from theodolite.store import (
    Ledger,
    RefusalCode,
    agent_view,
    block_retired,
    block_returned,
    block_seen_before,
    block_use,
    hypothesis_rows,
    stream_use,
)
from theodolite.tools import Tool, ToolError, closed_list_defect, get_tool

__all__ = ["Power", "Refusal", "Registrar", "block_spent"]

MOST_RETURNS = 2
"""How often an inconclusive hypothesis may be registered again, each time on an unused block."""

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


def _shared(level: LevelRule, nulls: int) -> LevelRule:
    return level.model_copy(update={"provisional_alpha": level.provisional_alpha / nulls})


_OF_PAIRS = ("PairScores", "BipartiteScores")
"""Shapes for which co-expression is held fixed."""


class Power:
    """Blinded power: the spread of a null for a reference in a block, without any observed statistic."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._spreads: dict[tuple[str, str, str], float] = {}

    def spread(self, shape: str, reference: str, block: str) -> float:
        """Return the null standard deviation of AUROC - 0.5 for a reference in a block."""
        key = (shape, reference, block)
        if key not in self._spreads:
            self._spreads[key] = self._setting.blinded_spread(shape, reference, block)
        return self._spreads[key]

    def minimum_detectable_effect(
        self,
        shape: str,
        reference: str,
        block: str,
        level: LevelRule,
        kind: EvidenceKind,
        places: int = 1,
        relation: Relation | None = None,
    ) -> float:
        """Return the effect that is found with power 0.90 at a level, by evidence of a kind.

        For a claim of no effect it is the one that is ruled out with that power on both sides where there is none;
        without a ``relation`` an effect is meant. Where it may be at any of several ``places``, one place is held to a
        level divided by their number: the maximum over places asks for less, the more they have in common (Bonferroni).
        """
        alpha = p_level(kind, level, b_max(kind, level)) / places
        return minimum_detectable_effect(self.spread(shape, reference, block), alpha, power_asked(relation))

    def sufficient(
        self,
        shape: str,
        reference: str,
        block: str,
        level: LevelRule,
        kind: EvidenceKind,
        relation: Relation | None = None,
    ) -> bool:
        """Return whether a test at this level is worth its level (gate G12b)."""
        detectable = self.minimum_detectable_effect(shape, reference, block, level, kind, relation=relation)
        return bool(power_gate(detectable, self._setting.sesoi(shape), margin_for(relation)).passed)


def block_spent(setting: Setting, ledger: Ledger, block: str) -> bool:
    """Return whether a hold-out block is spent for a campaign.

    It is once a round on it returned a support, and for every campaign that was opened after a test of another one on
    it was judged: who wrote the file could have seen what that test found (statistics §0b rule 4).
    """
    block_id = setting.split.block_id(block)
    if block_retired(ledger, block_id):
        return True
    # A campaign that allows a block fewer supports than the one before it did finds them used up.
    if block_returned(ledger, block_id) >= (setting.spec.error.supports_per_block or 1):
        return True
    return block_seen_before(ledger, block_id, setting.campaign_id)


class Registrar:
    """Registers the hypotheses of one round against the state of the ledger at its start."""

    def __init__(self, setting: Setting, ledger: Ledger, power: Power, block: str, *, reused: bool) -> None:
        self._setting = setting
        self._ledger = ledger
        self._power = power
        self._block = block
        self._block_id = setting.split.block_id(block)
        self.block_reused = reused

    @property
    def stream(self) -> str:
        """The error stream of the round; reused blocks have one of their own."""
        name = self._setting.spec.error.stream
        return f"{name}/reused" if self.block_reused else name

    @cached_property
    def _state(self) -> tuple[int, int]:
        return stream_use(self._ledger, self.stream)

    @cached_property
    def _block_history(self) -> tuple[int, int]:
        """Tests on the block, and the supports it has returned, before this round."""
        return block_use(self._ledger, self._block_id)

    @cached_property
    def _retired_families(self) -> frozenset[str]:
        if self._setting.spec.budget.retire_after is None:
            return frozenset()
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
        rule = level_rule(
            self.stream,
            q=spec.error.q,
            n_max=spec.n_max,
            provisional_t=spent + earlier_in_round + 1,
            supports_before=supports,
            rule="e-lond",
        )
        most = spec.error.supports_per_block
        if most is None or self.block_reused:
            return rule
        tests, returned = self._block_history
        multiplier = history_multiplier(tests + earlier_in_round + 1, returned, most)
        return rule.model_copy(
            update={"supports_per_block": most, "provisional_alpha": rule.provisional_alpha / multiplier}
        )

    def _taken(self, hypothesis: Hypothesis) -> int:
        """Return how many registrations of an identity stand in the way of another; 0 if it may be registered.

        A run that failed before its statistic was computed spent nothing and leaves its identity free, and a test whose
        verdict an invalidation turned says nothing and does so too. An inconclusive
        hypothesis may come back on an unused block, at most twice, and spends each time (statistics §0b rule 6). An
        agent's may once its block is retired: before that, an answer other than ``duplicate`` would tell the agent that
        it was inconclusive, where the bit says no more than not supported (rule 4). People can read how it ended.
        """
        earlier = [
            row
            for row in hypothesis_rows(self._ledger, hypothesis_id=hypothesis.id)
            if row.prereg_sha256 is not None
            and not (row.verdict is Verdict.ERROR and row.t is None)
            and row.invalid_because is None
        ]
        may_return = len(earlier) <= MOST_RETURNS and not self.block_reused
        told_all = hypothesis.author is Author.PERSON
        if may_return and all(
            row.verdict is Verdict.INCONCLUSIVE
            and row.block_id != self._block_id
            and (told_all or block_retired(self._ledger, str(row.block_id)))
            for row in earlier
        ):
            return 0
        return len(earlier)

    def _told_here(self, hypothesis: Hypothesis) -> bool:
        """Return whether an invalidated test of an identity told its bit of this very block, which is not reused."""
        return not self.block_reused and any(
            row.invalid_because is not None and row.t is not None
            for row in hypothesis_rows(self._ledger, hypothesis_id=hypothesis.id, block_id=self._block_id)
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
        identity = identity_gate(self._taken(hypothesis))
        if not identity.passed and setting.ablation != Ablation.NO_DEDUP:
            return Refusal("duplicate", identity.sentence)
        try:
            instrument = get_tool(hypothesis.tool.partition("@")[0])
        except KeyError as error:
            return Refusal("mismatch", str(error.args[0]))
        if hypothesis.tool != f"{instrument.name}@{instrument.version}":
            return Refusal(
                "mismatch", f"the tool is {hypothesis.tool!r}, this version has {instrument.name}@{instrument.version}"
            )
        above = unfit(self._ledger, instrument)
        if above is not None:
            return Refusal("unfit_tool", above)
        reference = setting.references[hypothesis.claim.reference.name]
        if hypothesis.claim != setting.claim(instrument, hypothesis.claim.reference.name):
            return Refusal(
                "mismatch",
                f"this is not the claim that {instrument.name} can make of {hypothesis.claim.reference.name!r} here: "
                "object, relation, hashes and adjustment follow from tool, reference, model and cells",
            )
        if reference not in setting.references_for(instrument):
            return Refusal("mismatch", f"{instrument.name} makes no claims of {reference.kind}: {reference.id!r}")
        where = self._where(instrument, hypothesis)
        if isinstance(where, Refusal):
            return where
        params, loci, places = where
        if instrument.name in self._retired_families:
            return Refusal(
                "retired",
                f"{instrument.name} has had {setting.spec.budget.retire_after} tries or more in this campaign and no "
                "support",
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
        kind = instrument.evidence
        panel = panel_for(shape, setting.ablation)
        # What the evidence against each null is held to: all of the level, or a share of it (Plan.explanations).
        held = level if places is None else _shared(level, len(panel))
        detectable = self._power.minimum_detectable_effect(
            shape,
            reference.id,
            self._block,
            held,
            kind,
            1 if places is None else len(places.listed),
            instrument.relation,
        )
        plan = Plan(
            hypothesis=hypothesis,
            claim_text=claim_text(hypothesis.claim, hypothesis.locus, hypothesis.direction, reference.title),
            campaign=setting.campaign_id,
            round=round_number,
            slot=slot,
            estimand=setting.estimand,
            statistic=setting.statistic,
            shape=shape,  # type: ignore[arg-type]
            params=params,
            variants=setting.measured_on(instrument, params),
            fitted=self._fitted(instrument, reference.id, params, loci),
            reference_sha256=reference.sha256,
            families_sha256=setting.families.sha256,
            cells_sha256=setting.cells.sha256,
            model_sha256=setting.model.sha256,
            block=Block(id=self._block_id, split_sha256=setting.split.sha256, reused=self.block_reused),
            level=level,
            null_panel=panel,
            draws=setting.draws(kind, held),
            seed=setting.seed("nulls", reference.id),
            sesoi=setting.sesoi(shape),
            minimum_detectable_effect=round(detectable, 6),
            reference_in_block=testable.in_block,
            families_in_block=testable.families,
            catalogue=setting.catalogue,
            decision=DECISION_VERSION,
            evidence=kind,
            unit=setting.unit,
            selected_on=DISCOVERY,
            loci=loci,
            coexpression_sha256=setting.coexpressed[self._block] if shape in _OF_PAIRS else None,
            sources=self._sources(hypothesis.claim, reference),
            shared_cell_units=setting.shared_cell_units,
            ablation=setting.ablation,
            places=places,
            tool_sha256=instrument.source_sha256,
            runs_on=setting.runs_on,
            unverified_model=None if setting.model.verified else True,
        )
        bad = resting_on_bad(self._ledger, plan)
        if bad is not None:
            return Refusal("invalidated", bad)
        if self._told_here(hypothesis):
            return Refusal(
                "duplicate",
                "it was tested on this hold-out block before its verdict was invalidated, and may come back on another",
            )
        failed = next((gate for gate in preflight(plan) if gate.passed is False), None)
        return plan if failed is None else Refusal(_REFUSED_BY[failed.gate], failed.sentence)

    def _fitted(
        self, instrument: Tool, reference: str, params: Params, loci: Mapping[str, Params] | None
    ) -> dict[str, str]:
        """Return the artefacts that a plan names, by what they are of."""
        return self._setting.fitted_for(instrument)

    def _where(
        self, instrument: Tool, hypothesis: Hypothesis
    ) -> tuple[Params, dict[str, Params] | None, Places | None] | Refusal:
        """Return the place of the model, those of the baselines, and the closed list where the claim is about any."""
        setting = self._setting
        try:
            if hypothesis.locus.kind is not LocusKind.ANY:
                params = setting.params_at(instrument, hypothesis.locus)
                own = setting.baseline_params(instrument, hypothesis.claim.reference.name, params)
                return params.model_dump(mode="json"), own, None
            places = setting.places(instrument)
        except ToolError as error:
            return Refusal("invalid_locus", str(error))
        defect = closed_list_defect(instrument, places)
        size = setting.model_shape
        if defect is None and (places.n_layers, places.n_heads, places.read_out) != (
            size.n_layers, size.n_heads, size.read_out,
        ):  # fmt: skip
            defect = f"the list of places is one of a model of {places.n_layers} layers and {places.n_heads} heads"
        return ({}, None, places) if defect is None else Refusal("invalid_locus", defect)

    def _sources(self, claim: Claim, reference: Reference) -> dict[str, tuple[str, ...]]:
        model, cells = f"model:{self._setting.model.name}", f"cells:{self._setting.cells.name}"
        counted = {item.value: (cells,) for item in claim.adjustment if item is not Covariate.DEGREE}
        ancestry = sorted(source.name for source in reference.source.ancestry().values())
        return {"score": (model, cells), "reference": tuple(ancestry), **counted}
