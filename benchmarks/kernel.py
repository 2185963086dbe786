"""How fast a null is drawn: the rank-once kernels against one AUROC of scikit-learn a draw, in one run.

Run ``python benchmarks/kernel.py``. Prints seconds for 100,000 draws of both nulls over 510 genes; then for 1,000 draws
of family blocks over 200 regulators and 500 targets, ranking and the making of draws included, whose statistics and p
must all equal those of scikit-learn; then microseconds a draw of every null of regulators and targets. One thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

# set before NumPy is imported: a matrix product must not use a second thread
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
from sklearn.metrics import roc_auc_score

from theodolite.gates.bipartite import BipartiteContrast, contrast_bipartite
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.gates.kernels import permutations
from theodolite.gates.nulls import Contrast, contrast_genes, contrast_pairs
from theodolite.plans import NullName

GENES, MEMBERS, PAIRS, DRAWS, ORACLE_DRAWS, SEED = 510, 40, 300, 100_000, 200, 1
REGULATORS, TARGETS, EDGES, ROW_DRAWS, TIMED_ORACLE_DRAWS = 200, 500, 1_000, 1_000, 50
LEAST_RATIO = 300


def seconds(function: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def report(what: str, contrast: Contrast, null: NullName, oracle: Callable[[np.ndarray], float]) -> None:
    """Print the time of one null, of scikit-learn per draw, and their ratio; fail if they disagree."""
    contrast.draw(null, 1, SEED)
    fast = seconds(lambda: contrast.draw(null, DRAWS, SEED))
    images = permutations(contrast.schemes[null], ORACLE_DRAWS, SEED)
    slow = seconds(lambda: [oracle(image) for image in images]) / ORACLE_DRAWS * DRAWS
    effects = contrast.to_effect(contrast.draw(null, 20, SEED)) + 0.5
    if not np.allclose(effects, [oracle(image) for image in images[:20]], atol=1e-3):
        raise SystemExit(f"{what}, {null}: the kernel and scikit-learn disagree")
    print(f"{what:5} {null:18} {fast:6.2f} s   scikit-learn {slow:7.0f} s   ratio {slow / fast:6.0f}")


def regulators_and_targets() -> BipartiteContrast:
    """Return a contrast of regulators in families of four and targets that are other genes."""
    rng = np.random.default_rng(0)
    edges = np.zeros((REGULATORS, TARGETS), dtype=bool)
    edges.flat[rng.choice(edges.size, EDGES, replace=False)] = True
    families = [f"R{index // 4}" for index in range(REGULATORS)]
    targets = [f"T{index}" for index in range(TARGETS)]
    score, coexpression = rng.standard_normal((2, REGULATORS, TARGETS))
    return contrast_bipartite(score, edges, families, targets, *rng.random((2, TARGETS)), coexpression)


def report_rows() -> None:
    """Print the time of a family-block null and of scikit-learn; fail if any of the draws, or p, differ."""
    contrast = regulators_and_targets()
    contrast.draw("family_block_swap", 1, SEED)
    fast = seconds(lambda: contrast.replaced(contrast.score).draw("family_block_swap", ROW_DRAWS, SEED))
    images, label = permutations(contrast.rows, ROW_DRAWS, SEED), contrast.labels.ravel()

    def oracle(draws: np.ndarray) -> np.ndarray:
        return np.array([roc_auc_score(label, contrast.score[image].ravel()) for image in draws])

    slow = seconds(lambda: oracle(images[:TIMED_ORACLE_DRAWS])) / TIMED_ORACLE_DRAWS * ROW_DRAWS
    print(f"rows  family_block_swap  {fast:6.4f} s   scikit-learn {slow:7.1f} s   ratio {slow / fast:6.0f}")
    if slow / fast < LEAST_RATIO:
        raise SystemExit(f"rows: {slow / fast:.0f} times scikit-learn, less than {LEAST_RATIO}")
    sums = contrast.draw("family_block_swap", ROW_DRAWS, SEED)
    expected = oracle(images)
    observed = float(roc_auc_score(label, contrast.score.ravel()))
    p = [
        monte_carlo_p(exceedances(statistics, value), ROW_DRAWS)
        for statistics, value in ((sums, contrast.observed()), (expected, observed))
    ]
    if np.abs(contrast.to_effect(sums) + 0.5 - expected).max() > 1e-12 or p[0] != p[1]:
        raise SystemExit(f"rows: p is {p[0]} by the kernel and {p[1]} by scikit-learn")
    print(f"      all {ROW_DRAWS:,} draws equal to 1e-12, p {p[0]:.4f} by both")


def report_bipartite() -> None:
    """Print the time of a draw of each null of regulators and targets; Curveball draws are made once a reference."""
    contrast = regulators_and_targets()
    for null in contrast.names:
        contrast.draw(null, 1, SEED)
        draws = 10_240 if null == "curveball" else DRAWS
        each = [1e6 * seconds(lambda null=null, draws=draws: contrast.draw(null, draws, SEED + 1)) / draws]
        if null == "curveball":
            each.append(1e6 * seconds(lambda null=null, draws=draws: contrast.draw(null, draws, SEED + 1)) / draws)
        print(f"rows  {null:19}" + "   then ".join(f"{value:8.2f} us a draw" for value in each))


def main() -> None:
    """Time sets and pairs under both nulls, and regulators under theirs."""
    report_rows()
    report_bipartite()
    rng = np.random.default_rng(0)
    families = [f"F{index // 2 if index < 200 else index}" for index in range(GENES)]
    mean, variance = rng.gamma(2.0, 1.0, (2, GENES))
    member = np.isin(np.arange(GENES), rng.choice(GENES, MEMBERS, replace=False))
    genes = contrast_genes(rng.standard_normal(GENES), member, families, mean, variance)

    family = np.array(families)
    i, j = np.nonzero(np.triu(family[:, None] != family[None, :]))
    chosen = rng.choice(len(i), PAIRS, replace=False)
    edges = np.zeros((GENES, GENES), dtype=bool)
    edges[i[chosen], j[chosen]] = edges[j[chosen], i[chosen]] = True
    upper = np.triu(rng.standard_normal((GENES, GENES)), 1)
    pairs = contrast_pairs(upper + upper.T, edges, families, mean, variance)
    first, second = np.triu_indices(GENES, 1)

    def set_auroc(image: np.ndarray) -> float:
        return float(roc_auc_score(member, genes.rank[image]))

    def pair_auroc(image: np.ndarray) -> float:
        return float(roc_auc_score(edges[first, second], pairs.rank[image[first], image[second]]))

    nulls: tuple[NullName, ...] = ("family_block_swap", "stratified_labels")
    for null in nulls:
        report("set", genes, null, set_auroc)
    for null in nulls:
        report("pairs", pairs, null, pair_auroc)


if __name__ == "__main__":
    main()
