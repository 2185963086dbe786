"""What a study found: realised error rates with their bounds, power, and the criteria that they are held against."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from theodolite.calibration.bounds import clopper_pearson_lower, clopper_pearson_upper, hoeffding_bentkus_upper
from theodolite.calibration.records import CampaignResult, ProposerName, TestRecord, TruthKind
from theodolite.claims import Verdict
from theodolite.gates.ablation import Ablation
from theodolite.records import Closed

__all__ = ["CURVE", "ArmSummary", "Mean", "Share", "Summary", "pooled", "summarise"]

CURVE: dict[str, tuple[float, float]] = {
    "2.5": (2.0, 3.0),
    "3.5": (3.0, 4.0),
    "4.5": (4.0, 5.0),
    "6": (5.0, 7.0),
    "8": (7.0, float("inf")),
}
"""Bins of planted effect over block standard error, by their middle."""
POWERED_SESOI, POWERED_SE = 2.0, 4.5
"""A true claim counts for power from this many smallest effects of interest and block standard errors on."""
_CONFIDENCE_TAIL = 0.05
_ENDS = (Verdict.SUPPORTED, Verdict.REFUTED, Verdict.INCONCLUSIVE, Verdict.INVALID, Verdict.ERROR)


class Mean(Closed):
    """A mean over campaigns of something in [0, 1].

    Attributes
    ----------
    value, campaigns
        The mean and of how many; None of none.
    upper
        Upper 95 % bound (Hoeffding-Bentkus), campaigns taken as independent.
    upper_by_structure
        The same bound over means of structures: campaigns on one structure share its graph and cells.
    """

    value: float | None
    upper: float | None
    upper_by_structure: float | None
    campaigns: int


class Share(Closed):
    """A share of tests, with exact 95 % limits on either side as if tests were independent."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """The share; None of none."""
        return self.count / self.of if self.of else None

    @property
    def lower(self) -> float:
        """Lower limit (Clopper-Pearson, one-sided 95 %)."""
        return clopper_pearson_lower(self.count, self.of) if self.of else 0.0

    @property
    def upper(self) -> float:
        """Upper limit (Clopper-Pearson, one-sided 95 %)."""
        return clopper_pearson_upper(self.count, self.of) if self.of else 1.0


class ArmSummary(Closed):
    """The campaigns of one proposer in one world, with all safeguards or with one off.

    Attributes
    ----------
    world, ablation, proposer, campaigns, tests
        Which, and how many.
    fdr, fdr_keys
        False-discovery rate over hypotheses and over claim keys, on fresh blocks. A confounded claim is false; a key is
        false when all its supported hypotheses are.
    mfdr
        False supports over supports of all campaigns together.
    any_support
        Share of campaigns with any support; under the global null the familywise error rate.
    any_reached
        Share of campaigns in which the evidence of any test reached its level (G3 and G8), whatever the other gates
        said of it: what nulls and error stream alone would let through.
    supports, keys
        Mean number of supports and of supported keys a campaign, fresh blocks.
    reused_fdr, reused_tests
        False-discovery rate over hypotheses on blocks that had returned a support, of the campaigns that went on to
        use one, and tests there.
    power
        Supported among tests of true claims with an effect of at least twice the smallest of interest and 4.5 block
        standard errors, on fresh blocks; all had passed blinded power, or they would not be registered.
    curve
        Supported among claims with a planted effect, also below the smallest of interest, by effect in block standard
        errors.
    false_refutations
        Refuted among true claims.
    ends
        Verdicts of all tests.
    refused
        Proposals refused before anything was spent, by code.
    mismatches
        Decisions that replay did not reproduce.
    through_graph, graph_mismatches
        Campaigns that were also run through the graph, and those of them that decided otherwise there.
    seconds
        Processor time a test, everything in it.
    """

    world: str
    ablation: Ablation | None
    proposer: ProposerName
    campaigns: int
    tests: int
    fdr: Mean
    fdr_keys: Mean
    mfdr: float | None
    any_support: Mean
    any_reached: Mean
    supports: float
    keys: float
    reused_fdr: Mean
    reused_tests: int
    power: Share
    curve: dict[str, Share]
    false_refutations: Share
    ends: dict[str, int]
    refused: dict[str, int]
    mismatches: int
    through_graph: int
    graph_mismatches: int
    seconds: float


class Summary(Closed):
    """A study in numbers.

    Attributes
    ----------
    q, tests, seed
        Terms of the campaigns.
    arms
        One entry a world, ablation and proposer, in the order of the study.
    """

    q: float
    tests: int
    seed: int
    arms: tuple[ArmSummary, ...]

    def arm(self, world: str, proposer: ProposerName, ablation: Ablation | None = None) -> ArmSummary | None:
        """Return one arm, None if the study has none such."""
        wanted = (world, proposer, ablation)
        return next((arm for arm in self.arms if (arm.world, arm.proposer, arm.ablation) == wanted), None)

    def of_world(self, world: str) -> list[ArmSummary]:
        """Return the arms of a world with all safeguards on."""
        return [arm for arm in self.arms if arm.world == world and arm.ablation is None]


def summarise(results: Iterable[CampaignResult], *, q: float, tests: int, seed: int) -> Summary:
    """Summarise finished campaigns, an arm for each world, ablation and proposer among them."""
    arms: defaultdict[tuple[str, str, str], list[CampaignResult]] = defaultdict(list)
    for result in results:
        arms[result.world, result.ablation or "", result.proposer.value].append(result)
    proposers, ablations = [name.value for name in ProposerName], ["", *(name.value for name in Ablation)]
    order = sorted(
        arms, key=lambda arm: (ablations.index(arm[1]), arm[0] != "standard", arm[0], proposers.index(arm[2]))
    )
    return Summary(q=q, tests=tests, seed=seed, arms=tuple(_arm(arms[name]) for name in order))


def pooled(shares: Iterable[Share]) -> Share:
    """Return the share of all tests together."""
    found = list(shares)
    return Share(count=sum(share.count for share in found), of=sum(share.of for share in found))


def _arm(results: list[CampaignResult]) -> ArmSummary:
    first = results[0]
    everything = [test for result in results for test in result.tests]
    fresh = [test for test in everything if not test.reused]
    supports = [test for test in fresh if test.supported]
    true = [test for test in everything if test.truth is TruthKind.TRUE]
    strong = [
        test
        for test in fresh
        if test.truth is TruthKind.TRUE
        and test.planted >= POWERED_SESOI * first.sesoi
        and test.planted >= POWERED_SE * test.block_se
    ]
    planted = [test for test in fresh if test.truth in (TruthKind.TRUE, TruthKind.SMALL)]
    again = [result for result in results if any(test.reused for test in result.tests)]
    checked = [result.through_graph for result in results if result.through_graph is not None]
    return ArmSummary(
        world=first.world,
        ablation=first.ablation,
        proposer=first.proposer,
        campaigns=len(results),
        tests=len(everything),
        fdr=_mean(results, [_false_share(result.fresh()) for result in results]),
        fdr_keys=_mean(results, [_false_keys(result.fresh()) for result in results]),
        mfdr=sum(test.truth.false for test in supports) / len(supports) if supports else None,
        any_support=_mean(results, [float(any(test.supported for test in result.tests)) for result in results]),
        any_reached=_mean(results, [float(any(test.reached for test in result.tests)) for result in results]),
        supports=len(supports) / len(results),
        keys=sum(len({test.claim_key for test in result.fresh() if test.supported}) for result in results)
        / len(results),
        reused_fdr=_mean(again, [_false_share([test for test in result.tests if test.reused]) for result in again]),
        reused_tests=len(everything) - len(fresh),
        power=_share(strong, Verdict.SUPPORTED),
        curve={
            middle: _share(
                [test for test in planted if low <= test.planted / test.block_se < high],
                Verdict.SUPPORTED,
            )
            for middle, (low, high) in CURVE.items()
        },
        false_refutations=_share(true, Verdict.REFUTED),
        ends={verdict.value: sum(test.verdict is verdict for test in everything) for verdict in _ENDS},
        refused=dict(sorted(sum((Counter(result.refusals) for result in results), Counter()).items())),
        mismatches=sum(result.mismatches for result in results),
        through_graph=len(checked),
        graph_mismatches=sum(not same for same in checked),
        seconds=sum(result.seconds for result in results) / max(len(everything), 1),
    )


def _false_share(tests: Sequence[TestRecord]) -> float:
    supports = [test for test in tests if test.supported]
    return sum(test.truth.false for test in supports) / max(len(supports), 1)


def _false_keys(tests: Sequence[TestRecord]) -> float:
    keys: defaultdict[str, list[bool]] = defaultdict(list)
    for test in tests:
        if test.supported:
            keys[test.claim_key].append(test.truth.false)
    return sum(all(false) for false in keys.values()) / max(len(keys), 1)


def _mean(results: Sequence[CampaignResult], values: Sequence[float]) -> Mean:
    if not values:
        return Mean(value=None, upper=None, upper_by_structure=None, campaigns=0)
    by_structure: defaultdict[int, list[float]] = defaultdict(list)
    for result, value in zip(results, values, strict=True):
        by_structure[result.structure].append(value)
    means = [sum(found) / len(found) for found in by_structure.values()]
    return Mean(
        value=sum(values) / len(values),
        upper=hoeffding_bentkus_upper(sum(values) / len(values), len(values), _CONFIDENCE_TAIL),
        upper_by_structure=hoeffding_bentkus_upper(sum(means) / len(means), len(means), _CONFIDENCE_TAIL),
        campaigns=len(values),
    )


def _share(tests: Sequence[TestRecord], verdict: Verdict) -> Share:
    return Share(count=sum(test.verdict is verdict for test in tests), of=len(tests))
