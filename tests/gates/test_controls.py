"""Planted controls: they pass where the test is sensitive and calibrated, and fail where it is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.gates.bipartite import BipartiteContrast, contrast_bipartite
from theodolite.gates.controls import (
    covariance_class,
    floor_125,
    forget_detections,
    negative,
    planted_null,
    planted_positive,
    positive,
)
from theodolite.gates.controls.replicas import Known, design_key, planted, replica_draws
from theodolite.gates.evidence import Stopping, exceedances, monte_carlo_p
from theodolite.gates.kernels import permutations
from theodolite.gates.nulls import Contrast, contrast_genes, contrast_pairs
from theodolite.gates.standins import SHARES, random_genes, random_pairs, random_regulation
from theodolite.measurements.centring import double_centred_bipartite

PANEL = ("family_block_swap", "stratified_labels")


def names(prefix: str, count: int, size: int) -> list[str]:
    return [f"{prefix}{index // size}" for index in range(count)]


def index(families: Sequence[str]) -> np.ndarray:
    return np.unique(np.array(families), return_inverse=True)[1].astype(np.int64)


def gene_set(seed: int, *, n: int = 240, size: int = 40, family: int = 2, share: float = 0.0) -> Contrast:
    rng = np.random.default_rng(seed)
    families = names("F", n, family)
    member = np.isin(np.arange(n), rng.choice(n, size, replace=False))
    score = random_genes(index(families), share, rng)
    return contrast_genes(score, member, families, *rng.gamma(2.0, 1.0, (2, n)))


def pair_list(seed: int, *, n: int = 90, edges: int = 100, share: float = 0.0) -> Contrast:
    rng = np.random.default_rng(seed)
    families = names("F", n, 3)
    family = index(families)
    i, j = np.nonzero(np.triu(family[:, None] != family[None, :]))
    chosen = rng.choice(len(i), edges, replace=False)
    reference = np.zeros((n, n), dtype=bool)
    reference[i[chosen], j[chosen]] = reference[j[chosen], i[chosen]] = True
    return contrast_pairs(random_pairs(family, share, rng), reference, families, *rng.gamma(2.0, 1.0, (2, n)))


def regulon(
    seed: int, *, r: int = 48, t: int = 80, edges: int = 300, share: float = 0.0, both: int = 0
) -> BipartiteContrast:
    """Regulators in families of three, targets in families of two; the first ``both`` families hold both."""
    rng = np.random.default_rng(seed)
    regulators, targets = names("R", r, 3), names("T", t, 2)
    targets[: 2 * both] = names("R", 2 * both, 2)
    pairs = np.array(regulators)[:, None] != np.array(targets)[None, :]
    reference = np.zeros((r, t), dtype=bool)
    reference[tuple(np.argwhere(pairs)[rng.choice(int(pairs.sum()), edges, replace=False)].T)] = True
    score = double_centred_bipartite(random_regulation(index(regulators), index(targets), share, rng), pairs)
    return contrast_bipartite(score, reference, regulators, targets, rng.gamma(2.0, 1.0, t), rng.random(t))


def paralogues(seed: int) -> Contrast:
    """Families of four share scores, and are in the set together or not at all."""
    rng = np.random.default_rng(seed)
    families = names("F", 240, 4)
    member = np.isin(index(families), rng.choice(60, 12, replace=False))
    return contrast_genes(random_genes(index(families), 0.75, rng), member, families, *rng.gamma(2.0, 1.0, (2, 240)))


def betting(level: float) -> Stopping:
    return Stopping("betting", 20_000, threshold=1 / level)


def fixed(level: float) -> Stopping:
    return Stopping("besag_clifford", round(20 / level))


EVERY_SHAPE = pytest.mark.parametrize("make", [gene_set, pair_list, regulon])
BOTH_KINDS = pytest.mark.parametrize("rule", [betting, fixed])


@pytest.mark.parametrize(
    ("alpha", "below"), [(0.0227, 0.02), (0.02, 0.02), (0.0199, 0.01), (1e-3, 1e-3), (0.00099, 5e-4), (6e-7, 5e-7)]
)
def test_levels_are_rounded_down_on_a_grid(alpha, below):
    assert floor_125(alpha) == below


@given(st.floats(1e-12, 0.999))
def test_a_rounded_level_is_never_easier_and_at_most_two_and_a_half_times_harder(alpha):
    assert alpha / 2.5 <= floor_125(alpha) * (1 + 1e-9)
    assert floor_125(alpha) <= alpha
    assert floor_125(floor_125(alpha)) == floor_125(alpha)


def test_a_level_is_between_zero_and_one():
    with pytest.raises(ValueError, match="alpha is 1.0"):
        floor_125(1.0)


@pytest.mark.parametrize("share", SHARES)
def test_the_covariance_class_is_seen_without_labels(share):
    pairs, regulation = pair_list(1, share=share), regulon(1, share=share)
    assert covariance_class(pairs) == share
    assert covariance_class(regulation) == share
    assert covariance_class(regulation.relabelled(np.roll(regulation.labels, 1, axis=1))) == share
    assert covariance_class(gene_set(1, n=2_400, family=4, share=share)) == share


@EVERY_SHAPE
def test_the_planted_effect_is_the_one_that_was_asked_for(make):
    replicas = planted(make(3), 0.15, 0.25, 40, seed=1)
    effects = [replica.to_effect(np.array([replica.observed()]))[0] for replica in replicas]
    assert np.mean(effects) == pytest.approx(0.15, abs=4 * np.std(effects) / 40**0.5)
    assert {covariance_class(replica) for replica in replicas} <= {0.0, 0.25, 0.5}


@EVERY_SHAPE
def test_replicas_share_their_draws(make):
    replicas = planted(make(4), 0.1, 0.0, 3, seed=2)
    for null in replicas[0].names:
        together = replica_draws(replicas, null, 700, 11, start=40)
        assert np.array_equal(together, [replica.draw(null, 700, 11, 40) for replica in replicas])


@EVERY_SHAPE
@BOTH_KINDS
def test_a_planted_effect_is_found_with_a_reference_that_is_large_enough(make, rule):
    contrast = make(5)
    sesoi = 0.2 if make is gene_set else 0.1
    found = planted_positive(
        contrast, sesoi=sesoi, alpha=0.0021, stopping_for=rule, panel=contrast.names, seed=1, replicates=10, needed=8
    )
    assert found.passed
    assert (found.detected, found.level, found.share) == (found.replicates, 0.002, 0.0)


@BOTH_KINDS
def test_a_test_on_too_small_a_reference_is_insensitive(rule):
    small = gene_set(6, size=10)
    found = planted_positive(small, sesoi=0.2, alpha=0.001, stopping_for=rule, panel=PANEL, seed=1)
    assert not found.passed
    assert found.detected + 30 - found.replicates < 24, "it was tried until 24 of 30 were out of reach"


def test_paralogues_make_the_same_reference_less_sensitive():
    related, unrelated = (
        planted_positive(
            contrast, sesoi=0.2, alpha=0.005, stopping_for=betting, panel=PANEL, seed=2, replicates=30, needed=30
        )
        for contrast in (paralogues(1), paralogues(1).replaced(np.random.default_rng(0).standard_normal(240)))
    )
    assert (related.share, unrelated.share) == (0.75, 0.0)
    assert related.detected < unrelated.detected


def test_draws_that_cannot_reach_the_level_detect_nothing():
    def few(level: float) -> Stopping:
        return Stopping("betting", 1_000, threshold=1 / level)

    found = planted_positive(gene_set(5), sesoi=0.2, alpha=0.001, stopping_for=few, panel=PANEL, seed=1)
    assert (found.detected, found.passed) == (0, False)


def test_a_level_that_the_draws_only_just_reach_is_not_rounded():
    def few(level: float) -> Stopping:
        return Stopping("betting", 999, threshold=1 / level)

    found = planted_positive(gene_set(5), sesoi=0.2, alpha=1 / 345, stopping_for=few, panel=PANEL, seed=1)
    assert found.level == 1 / 345
    assert found.passed


@pytest.mark.parametrize("size", [16, 40])
@BOTH_KINDS
def test_stopping_early_for_what_is_far_out_changes_no_detection(size, rule, monkeypatch):
    contrast = gene_set(7, size=size)

    def count() -> int:
        forget_detections()
        return planted_positive(
            contrast, sesoi=0.2, alpha=0.005, stopping_for=rule, panel=PANEL, seed=3, replicates=30, needed=30
        ).detected

    quick = count()
    monkeypatch.setattr(positive, "_MARGIN", 1e200)
    assert count() == quick


def test_a_remembered_detection_equals_the_one_that_would_be_computed(monkeypatch):
    contrast, computed = gene_set(8, size=24), []

    def spy(*arguments: object) -> list[Known]:
        computed.append(arguments)
        return planted(*arguments)

    def ask(contrast: Contrast, alpha: float = 0.01, seed: int = 4):
        return planted_positive(contrast, sesoi=0.2, alpha=alpha, stopping_for=betting, panel=PANEL, seed=seed)

    monkeypatch.setattr(positive, "planted", spy)
    forget_detections()
    first = ask(contrast)
    times = len(computed)
    assert ask(contrast, alpha=0.0123) == first, "the level is rounded down"
    assert ask(contrast.replaced(np.random.default_rng(1).standard_normal(240))) == first, "scores of the same class"
    assert len(computed) == times
    forget_detections()
    assert ask(contrast) == first
    assert len(computed) == 2 * times
    ask(contrast, seed=5)
    ask(contrast, alpha=0.009)
    ask(contrast.relabelled(np.roll(contrast.labels, 1)))
    assert len(computed) >= 2 * times + 3, "another seed, level or reference is another question"


@EVERY_SHAPE
def test_the_design_is_everything_but_the_scores(make):
    contrast = make(9)
    assert design_key(contrast) == design_key(contrast.replaced(-contrast.score))
    assert design_key(contrast) != design_key(make(10))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sesoi": 0.4}, "sesoi is 0.4"),
        ({"sesoi": 0.0}, "sesoi is 0.0"),
        ({"panel": ()}, "under 0 nulls"),
        ({"needed": 31}, "31 of 30"),
        ({"alpha": 0.0}, "alpha is 0.0"),
    ],
)
def test_a_control_that_cannot_be_planted_is_refused(changes, message):
    fields = {"sesoi": 0.2, "alpha": 0.01, "stopping_for": betting, "panel": PANEL, "seed": 1}
    with pytest.raises(ValueError, match=message):
        planted_positive(gene_set(1), **(fields | changes))


def test_only_known_shapes_have_controls():
    with pytest.raises(TypeError, match="no stand-in scores for a str"):
        covariance_class("contrast")  # type: ignore[arg-type]


@EVERY_SHAPE
@pytest.mark.parametrize("share", [0.0, 0.75])
def test_a_calibrated_test_passes_its_planted_null(make, share):
    contrast = make(11, share=share)
    found = planted_null(contrast, panel=contrast.names, seed=1)
    assert found.passed
    assert (found.references, found.most) == (200, 18)


def test_small_p_values_come_at_the_rate_of_chance():
    """200 references at 0.05 give 10 on average; the mean of 60 claims is known to a twentieth of that."""
    counts = [planted_null(gene_set(seed), panel=PANEL[:1], seed=seed).small for seed in range(60)]
    assert np.mean(counts) == pytest.approx(10.0, abs=4 * (9.5 / 60) ** 0.5)


def test_a_panel_that_moves_single_genes_is_miscalibrated_among_paralogues():
    contrast = paralogues(3)
    alone = planted_null(contrast, panel=("stratified_labels",), seed=1, moved_by="family_block_swap")
    assert not alone.passed
    assert alone.small > 18
    assert planted_null(contrast, panel=PANEL, seed=1).passed


def test_regulators_that_are_paralogues_need_their_families_moved_together():
    rng = np.random.default_rng(5)
    contrast = regulon(5, edges=150, share=0.75)
    by_family = np.repeat(rng.random((16, 80)) < 0.08, 3, axis=0)
    contrast = contrast.relabelled(by_family & contrast.pairs)
    alone = planted_null(contrast, panel=("curveball",), seed=1, moved_by="family_block_swap", references=60, most=8)
    assert not alone.passed
    assert planted_null(contrast, panel=contrast.names, seed=1).passed


@pytest.mark.parametrize("null", PANEL)
@pytest.mark.parametrize("mover", PANEL)
@EVERY_SHAPE
def test_draws_of_moved_references_are_those_of_relabelled_contrasts(make, mover, null):
    contrast = make(12)
    rows = np.array([0, 3, 4, 9])
    fast = negative._exceedances(contrast, mover, 7, rows, null, 60, 8)
    if isinstance(contrast, BipartiteContrast):
        scheme = contrast.rows if mover == "family_block_swap" else contrast.columns
    else:
        scheme = contrast.schemes[mover]
    by_hand = []
    for image in permutations(scheme, 10, 7)[rows]:
        labels = np.zeros_like(contrast.labels)
        if isinstance(contrast, BipartiteContrast):
            if mover == "family_block_swap":
                labels[image] = contrast.labels
            else:
                labels[:, image] = contrast.labels
        elif contrast.second is None:
            labels[image] = contrast.labels
        else:
            labels[np.ix_(image, image)] = contrast.labels
        moved = contrast.relabelled(labels)
        by_hand.append(exceedances(moved.draw(null, 60, 8), moved.observed()))
    assert fast.tolist() == by_hand


def test_a_moved_pair_that_lands_inside_a_family_is_left_out_where_the_reference_is_attached_anew():
    contrast = regulon(13, both=8)
    moved = negative._moved_edges(contrast, "family_block_swap", 7, np.arange(20))
    assert not any((labels & ~contrast.pairs).any() for labels in moved)
    assert min(int(labels.sum()) for labels in moved) < contrast.size
    found = planted_null(contrast, panel=contrast.names, seed=1, references=60, most=0)
    assert found.nulls[:2] == ("family_block_swap", "curveball"), "a p-value in sixty is small: another null is asked"


def test_further_nulls_are_drawn_only_where_they_could_help():
    contrast = regulon(14)
    enough = planted_null(contrast, panel=contrast.names, seed=2)
    assert enough.nulls == ("family_block_swap",)
    strict = planted_null(contrast, panel=contrast.names, seed=2, most=enough.small - 1)
    assert strict.nulls[:2] == ("family_block_swap", "curveball")
    assert strict.small <= enough.small
    assert strict.mean_e <= enough.mean_e


def test_the_null_that_moves_references_is_drawn_first_whatever_its_place():
    found = planted_null(gene_set(15), panel=PANEL[::-1], seed=1)
    assert found.nulls == ("family_block_swap",)
    single = planted_null(gene_set(15), panel=PANEL[1:], seed=1)
    assert single.nulls == ("stratified_labels",)


def test_a_panel_that_moves_no_genes_needs_to_be_told_what_does():
    with pytest.raises(ValueError, match="permutes genes"):
        planted_null(regulon(1), panel=("curveball",), seed=1)
    with pytest.raises(ValueError, match="1 references"):
        planted_null(gene_set(1), panel=PANEL, seed=1, references=1)


def test_the_p_of_a_moved_reference_is_that_of_the_whole_test():
    contrast = gene_set(16)
    lost = negative._exceedances(contrast, "family_block_swap", 7, np.arange(5), "family_block_swap", 199, 8)
    drawn = contrast.draw("family_block_swap", 5, 7)
    for row, statistic in enumerate(drawn):
        labels = np.zeros(240, dtype=bool)
        labels[permutations(contrast.schemes["family_block_swap"], 5, 7)[row][contrast.first]] = True
        assert contrast.relabelled(labels).observed() == statistic
        p = monte_carlo_p(exceedances(contrast.relabelled(labels).draw("family_block_swap", 199, 8), statistic), 199)
        assert p == monte_carlo_p(int(lost[row]), 199)
