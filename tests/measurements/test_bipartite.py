"""Scores of regulators against targets: which pairs count, and what is stored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.measurements import BipartiteScores, load_measurement

GENES = tuple("abcdefgh")


@st.composite
def scores(draw: st.DrawFn) -> BipartiteScores:
    """Any regulators and targets among eight genes, which may be both."""
    regulators = tuple(draw(st.lists(st.sampled_from(GENES), min_size=1, max_size=4, unique=True)))
    targets = tuple(draw(st.lists(st.sampled_from(GENES), min_size=1, max_size=6, unique=True)))
    family = {gene: draw(st.sampled_from(("F", "G", gene))) for gene in GENES}
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    covariates = rng.standard_normal((len(GENES), 2))
    return BipartiteScores(
        regulators=regulators,
        targets=targets,
        score=rng.standard_normal((len(regulators), len(targets))) * 10.0 ** rng.integers(-20, 20),
        regulator_families=tuple(family[gene] for gene in regulators),
        target_families=tuple(family[gene] for gene in targets),
        covariate_names=("mean_expression", "dropout"),
        regulator_covariates=covariates[[GENES.index(gene) for gene in regulators]],
        target_covariates=covariates[[GENES.index(gene) for gene in targets]],
        unit="nats",
    )


@given(scores())
def test_a_pair_counts_between_two_genes_of_two_families(measured: BipartiteScores) -> None:
    candidates = measured.candidates()
    for row, regulator in enumerate(measured.regulators):
        for column, target in enumerate(measured.targets):
            counts = regulator != target and measured.regulator_families[row] != measured.target_families[column]
            assert candidates[row, column] == counts


@given(scores(), st.frozensets(st.tuples(st.sampled_from(GENES), st.sampled_from(GENES))))
def test_only_candidates_become_edges_and_direction_counts(
    measured: BipartiteScores, pairs: frozenset[tuple[str, str]]
) -> None:
    labelled = measured.with_edges(pairs)
    assert labelled.edges is not None
    named = {(labelled.regulators[row], labelled.targets[column]) for row, column in np.argwhere(labelled.edges)}
    here = {(r, t) for r, t in pairs if r in measured.regulators and t in measured.targets}
    assert named <= here
    assert not (labelled.edges & ~measured.candidates()).any()
    assert len(here - named) == sum(
        not measured.candidates()[measured.regulators.index(r), measured.targets.index(t)] for r, t in here
    )


@given(scores(), st.booleans())
def test_bytes_survive_a_round_trip_and_are_judged_as_stored(measured: BipartiteScores, labelled: bool) -> None:
    if labelled:
        measured = measured.with_edges(frozenset({(measured.regulators[0], measured.targets[0])}))
    back = load_measurement(measured.to_bytes())
    assert isinstance(back, BipartiteScores)
    assert back.to_bytes() == measured.to_bytes()
    np.testing.assert_array_equal(back.score, measured.score)
    np.testing.assert_array_equal(measured.score, measured.score.astype(np.float32))


def test_the_score_of_a_gene_with_itself_is_ignored() -> None:
    def of(score: float) -> BipartiteScores:
        return BipartiteScores(
            ("a",), ("a", "b"), np.array([[score, 2.0]]), ("A",), ("A", "B"), (), np.empty((1, 0)), np.empty((2, 0)), ""
        )

    assert of(7.0).score.tolist() == [[0.0, 2.0]]
    assert of(7.0).sha256 == of(-1.0).sha256


def test_scores_and_edges_take_the_bytes_of_their_precision() -> None:
    r, t = 40, 500
    measured = BipartiteScores(
        regulators=tuple(f"R{index}" for index in range(r)),
        targets=tuple(f"T{index}" for index in range(t)),
        score=np.random.default_rng(0).standard_normal((r, t)),
        regulator_families=("R",) * r,
        target_families=("T",) * t,
        covariate_names=(),
        regulator_covariates=np.empty((r, 0)),
        target_covariates=np.empty((t, 0)),
        unit="nats",
    ).with_edges(frozenset({("R1", "T1")}))
    names = sum(len(name) + 4 for name in (*measured.regulators, *measured.targets))
    assert len(measured.to_bytes()) == pytest.approx(5 * r * t + 2 * names, rel=0.05)
