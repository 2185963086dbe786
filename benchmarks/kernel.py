"""How fast a null is drawn: the rank-once kernels against one AUROC of scikit-learn a draw, in one run.

Run ``python benchmarks/kernel.py``. Prints seconds for 100,000 draws of both nulls over 510 genes, one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from sklearn.metrics import roc_auc_score

from theodolite.gates.kernels import permutations
from theodolite.gates.nulls import Contrast, contrast_genes, contrast_pairs
from theodolite.plans import NullName

GENES, MEMBERS, PAIRS, DRAWS, ORACLE_DRAWS, SEED = 510, 40, 300, 100_000, 200, 1


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


def main() -> None:
    """Time sets and pairs under both nulls."""
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
