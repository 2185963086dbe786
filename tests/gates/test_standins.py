from __future__ import annotations

import numpy as np
import pytest

from theodolite.gates.standins import (
    SHARES,
    covariance_share,
    nearest_share,
    random_genes,
    random_pairs,
    random_regulation,
)

FAMILY = np.arange(120) // 4
WITHIN = np.triu(FAMILY[:, None] == FAMILY[None, :], 1)
BETWEEN = FAMILY[:, None] != FAMILY[None, :]


@pytest.mark.parametrize("share", SHARES)
def test_the_share_that_families_have_in_common_is_recovered(share):
    rng = np.random.default_rng(1)
    targets = np.arange(90) // 3
    everything = np.ones((120, 90), dtype=bool)
    regulation = random_regulation(FAMILY, targets, share, rng)
    assert covariance_share(regulation, FAMILY, everything) == pytest.approx(share, abs=0.08)
    assert covariance_share(regulation.T, targets, everything.T) == pytest.approx(share, abs=0.08)
    assert covariance_share(random_pairs(FAMILY, share, rng), FAMILY, BETWEEN) == pytest.approx(share, abs=0.08)
    genes = [random_genes(FAMILY, share, rng)[:, None] for _ in range(60)]
    shares = [covariance_share(score, FAMILY, np.ones((120, 1), dtype=bool)) for score in genes]
    assert np.mean(shares) == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize("share", SHARES)
def test_stand_ins_have_unit_variance_and_correlate_within_families(share):
    rng = np.random.default_rng(2)
    genes = np.stack([random_genes(FAMILY, share, rng) for _ in range(4_000)], axis=1)
    correlation = np.corrcoef(genes)
    assert genes.std() == pytest.approx(1.0, abs=0.02)
    assert correlation[WITHIN].mean() == pytest.approx(share, abs=0.02)
    assert correlation[np.triu(BETWEEN)].mean() == pytest.approx(0.0, abs=0.02)
    pairs = random_pairs(FAMILY, share, rng)
    assert np.array_equal(pairs, pairs.T)
    assert pairs[BETWEEN].std() == pytest.approx(1.0, abs=0.1)


def test_nothing_is_shared_where_there_is_nothing_to_share():
    score = np.random.default_rng(3).standard_normal((50, 1))
    assert covariance_share(score, np.arange(50), np.ones((50, 1), dtype=bool)) == 0.0
    assert covariance_share(np.ones((50, 1)), np.arange(50) // 2, np.ones((50, 1), dtype=bool)) == 0.0


@pytest.mark.parametrize(
    ("share", "known"), [(0.0, 0.0), (0.1, 0.0), (0.2, 0.25), (0.4, 0.5), (0.7, 0.75), (1.0, 0.75)]
)
def test_shares_are_rounded_to_a_class(share, known):
    assert nearest_share(share) == known
