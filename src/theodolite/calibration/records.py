"""What a calibration keeps of a campaign: one record a test with the planted truth beside the verdict."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from theodolite.claims import Verdict
from theodolite.gates.ablation import Ablation
from theodolite.records import Closed

__all__ = ["CampaignResult", "ProposerName", "Terms", "TestRecord", "Truth", "TruthKind"]


class ProposerName(StrEnum):
    """Who proposes; each is an adversary of its own kind (statistics §5)."""

    RANDOM = "random"
    GREEDY = "greedy"
    P_HACKER = "p_hacker"
    EARLY_HAMMER = "early_hammer"
    PADDER = "padder"
    PEEKER = "peeker"
    ALIAS_MAKER = "alias_maker"
    CONTROL_GAMER = "control_gamer"


class TruthKind(StrEnum):
    """What a hypothesis is in a planted world."""

    TRUE = "true"
    """An effect in the claimed direction, at least the smallest effect of interest, beyond the named confounds."""
    SMALL = "small"
    """An effect in the claimed direction, smaller than that: neither a false discovery nor a false refutation."""
    NULL = "null"
    """No effect, or one in the other direction."""
    CONFOUNDED = "confounded"
    """An association that a named confound explains; false as a claim beyond confounds."""

    @property
    def false(self) -> bool:
        """Whether a support is a false discovery."""
        return self in (TruthKind.NULL, TruthKind.CONFOUNDED)


class Truth(Closed):
    """The planted truth of one hypothesis.

    Attributes
    ----------
    kind
        What it is.
    effect
        Planted effect in the direction of the hypothesis, in the unit of the effect (AUROC - 0.5).
    """

    kind: TruthKind
    effect: float


class Terms(Closed):
    """The terms of the campaigns of a study.

    Attributes
    ----------
    tests
        Hypotheses to register a campaign.
    q
        False-discovery rate of the error stream.
    round_size
        Slots a round.
    """

    tests: int = Field(default=40, ge=1)
    q: float = Field(default=0.10, gt=0, lt=0.5)
    round_size: int = Field(default=10, ge=1)


class TestRecord(Closed):
    """One registered test.

    Attributes
    ----------
    round, slot, hypothesis_id, claim_key, reference, locus
        Which.
    truth, planted
        The planted truth and effect, in the direction of the hypothesis.
    block_se
        Standard deviation of the null's effect in the block, known before any statistic was computed.
    effect, p, e
        The estimate and the evidence; None if the run failed or the tool gives the other kind.
    t, alpha
        Index and level in the stream; None where nothing was spent.
    verdict, tags, first_unmet
        How it ended.
    reused
        Whether its hold-out block had returned a support before.
    """

    __test__ = False

    round: int
    slot: int
    hypothesis_id: str
    claim_key: str
    reference: str
    locus: str
    truth: TruthKind
    planted: float
    block_se: float
    effect: float | None
    p: float | None
    e: float | None
    t: int | None
    alpha: float | None
    verdict: Verdict
    tags: tuple[str, ...]
    first_unmet: str | None
    reused: bool

    @property
    def supported(self) -> bool:
        """Whether it ended supported."""
        return self.verdict is Verdict.SUPPORTED

    @property
    def reached(self) -> bool:
        """Whether its evidence against every null reached its level (G3 and G8), whatever the other gates said."""
        return self.e is not None and self.alpha is not None and self.e * self.alpha >= 1.0


class CampaignResult(Closed):
    """One campaign.

    Attributes
    ----------
    world, structure, activation
        The planted world: its kind, which graph and cells, which draw of the model.
    proposer, ablation, terms, seed
        Who proposed, what was off, on which terms, and the seed of the proposer.
    sesoi
        Smallest effect of interest.
    tests
        Every registered test, in order.
    refusals
        Number of proposals refused before anything was spent, by code.
    credits
        Distinct claim keys that the main stream counted as supported.
    stopped
        Why it ended.
    head
        Hash of the last entry of the ledger: equal heads are equal ledgers, entry by entry.
    mismatches
        Decisions that a replay of the ledger did not reproduce.
    seconds
        Processor time, replay included.
    through_graph
        Whether the same campaign through the graph and a ledger file decided the same; None if it was not run.
    """

    world: str
    structure: int
    activation: int
    proposer: ProposerName
    ablation: Ablation | None
    terms: Terms
    seed: int
    sesoi: float
    tests: tuple[TestRecord, ...]
    refusals: dict[str, int]
    credits: int
    stopped: str
    head: str
    mismatches: int
    seconds: float
    through_graph: bool | None = None

    @property
    def name(self) -> tuple[str, int, int, str, str]:
        """World, structure, activation, proposer, ablation: one campaign of a study."""
        return self.world, self.structure, self.activation, self.proposer.value, self.ablation or ""

    def fresh(self) -> list[TestRecord]:
        """Return the tests on blocks that had returned no support."""
        return [test for test in self.tests if not test.reused]
