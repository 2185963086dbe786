from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import hypergeom

from theodolite.analysis.saes import cell_pairs

CELLS, GENES = 40, 30
CELL, GENE = np.divmod(np.arange(CELLS * GENES), GENES)
FIRST, SECOND = np.arange(0, 40, 2), np.arange(1, 40, 2)


def position_p(active: np.ndarray) -> np.ndarray:
    """Return p of each pair over positions that are taken for independent."""
    a, b = active[:, FIRST], active[:, SECOND]
    return hypergeom.sf((a & b).sum(axis=0) - 1, len(active), a.sum(axis=0), b.sum(axis=0))


def test_positions_as_pseudo_replicates_join_features_that_cells_do_not():
    """Each feature is on in some cells, at most of their positions, whatever the others do."""
    by_position, by_cell = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        on = rng.random((CELLS, 40)) < 0.3
        active = on[CELL] & (rng.random((CELLS * GENES, 40)) < 0.8)
        by_position.append(position_p(active) <= 0.05)
        by_cell.append(cell_pairs(csr_array(active), CELL, GENE, FIRST, SECOND, seed=seed).p <= 0.05)
    assert np.mean(by_position) > 0.2, "pairs that have nothing to do with each other"
    # A binomial of 100 at 0.05 stays at or below 13 in all but about 1 of 1,000 runs.
    assert np.sum(by_cell) <= 13


def test_features_of_the_same_gene_are_active_together_because_of_the_gene():
    rng = np.random.default_rng(0)
    active = (GENE[:, None] == np.repeat(np.arange(20), 2)) & (rng.random((CELLS * GENES, 40)) < 0.8)
    found = cell_pairs(csr_array(active), CELL, GENE, FIRST, SECOND)
    assert (position_p(active) < 1e-12).all(), "over positions every pair is certain"
    assert not (found.q <= 0.05).any() and found.expected == pytest.approx(found.share, abs=0.15)


def test_a_planted_pair_is_found_and_one_that_shares_a_cell_type_only_without_blocks():
    rng = np.random.default_rng(1)
    active = rng.random((CELLS * GENES, 40)) < 0.1
    active[:, 1] = active[:, 0] & (rng.random(len(active)) < 0.7) | (rng.random(len(active)) < 0.03)
    kind = CELL < CELLS // 2
    active[:, 2:4] = (rng.random((len(active), 2)) < 0.4) & kind[:, None]
    found = cell_pairs(csr_array(active), CELL, GENE, FIRST, SECOND, draws=999)
    assert found.p[:2].tolist() == [1 / 1_000] * 2 and (found.q[2:] > 0.05).all()
    assert found.share[0] > 0.6 and found.expected[0] < 0.2
    types = ["B cell" if cell < CELLS // 2 else "T cell" for cell in range(CELLS)]
    within = cell_pairs(csr_array(active), CELL, GENE, FIRST, SECOND, blocks=types, draws=999)
    assert within.p[0] == 1 / 1_000 and within.p[1] > 0.01


def test_genes_that_cells_lack_do_not_feign_a_pair():
    """Cells show different genes. Positions that another cell lacks are left out, not taken for silence."""
    found = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        shown = rng.random(CELLS * GENES) < 0.4
        active = rng.random((int(shown.sum()), 40)) < 0.3
        found += int(
            (cell_pairs(csr_array(active), CELL[shown], GENE[shown], FIRST, SECOND, seed=seed).p <= 0.05).sum()
        )
    assert found <= 13


def test_positions_that_do_not_fit_are_refused_with_a_remedy():
    active = csr_array(np.ones((4, 2)))
    with pytest.raises(ValueError, match="gene 1 has two positions in cell 0; keep one"):
        cell_pairs(active, [0, 0, 0, 1], [0, 1, 1, 0], [0], [1])
    with pytest.raises(ValueError, match="give a cell and a gene for each position"):
        cell_pairs(active, [0, 0], [0, 1], [0], [1])
    with pytest.raises(ValueError, match="0 pairs, 199 draws"):
        cell_pairs(active, [0, 0, 1, 1], [0, 1, 0, 1], [], [])
    with pytest.raises(ValueError, match="1 blocks for 2 cells"):
        cell_pairs(active, [0, 0, 1, 1], [0, 1, 0, 1], [0], [1], blocks=["a"])
