"""Whether features that respond to a perturbed target are those of the genes that it regulates (arXiv 2603.02952).

It was reported that this holds for 3 of 48 transcription factors, tested by the enrichment of responding features' top
genes in a factor's regulated ones, with no chance level beside it. Two things make an enrichment that is none.
Features that fire often both respond more readily and hold widely expressed genes, of which references are full; so
responding features are held against as many others of like firing rate. And features that respond to whatever is done
to a cell may hold genes that many factors regulate; so the share of targets is counted again with each target's
responses held against another target's genes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from theodolite.analysis.saes.firing import like_firing
from theodolite.analysis.saes.top_genes import TOP_GENES, membership, top_genes
from theodolite.gates.evidence import exceedances, exceeding, monte_carlo_p
from theodolite.gates.kernels import derive_seed, permutations
from theodolite.gates.schemes import blocked_labels

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["ResponseGenes", "response_genes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ResponseGenes:
    """Genes of responding features beside those that the target regulates; T targets that have both.

    Attributes
    ----------
    targets
        Names of the targets, those with a responding feature and a regulated gene among the genes.
    without_response, without_genes
        Names of the targets that were left out: those that no feature responds to, and of the others those without a
        regulated gene.
    responding, regulated
        Shape (T,): responding features, and regulated genes among the genes, the target itself not counted.
    overlap
        Shape (T,): mean number of a responding feature's top genes that the target regulates.
    matched
        Shape (T,): the same mean for as many features of like firing rate, over draws.
    p_matched
        Shape (T,): (1 + draws with an overlap at least as large) / (1 + draws).
    p_targets
        Shape (T,): share of all T targets whose genes are, by ``p_matched`` with this target's responses, at least as
        enriched; exact if the genes of all are alike in this, and never below 1 / T.
    share
        Share of the T targets whose ``p_matched`` is at most ``level``.
    shares_permuted
        Shape (draws,): the same share with targets permuted: each target's responses against another's genes.
    p
        (1 + draws with a share at least as large) / (1 + draws), over permuted targets.
    level
        Of ``p_matched``.
    """

    targets: tuple[str, ...]
    without_response: tuple[str, ...]
    without_genes: tuple[str, ...]
    responding: Ints
    regulated: Ints
    overlap: Floats
    matched: Floats
    p_matched: Floats
    p_targets: Floats
    share: float
    shares_permuted: Floats
    p: float
    level: float

    def frame(self) -> DataFrame:
        """Return a table: one row for each target."""
        import pandas as pd

        names = "targets responding regulated overlap matched p_matched p_targets"
        return pd.DataFrame({name: getattr(self, name) for name in names.split()})


def response_genes(
    responding: ArrayLike,
    targets: Sequence[str],
    regulated: Mapping[str, Collection[str]],
    activation: ArrayLike,
    genes: Sequence[str],
    firing_rate: ArrayLike,
    *,
    top: int = TOP_GENES,
    level: float = 0.05,
    draws: int = 999,
    seed: int = 0,
) -> ResponseGenes:
    """Compare top genes of responding features with the genes that each target regulates.

    Find the top genes in cells that were not perturbed. In perturbed cells a feature's top genes follow the response.

    Parameters
    ----------
    responding
        Shape (T, F): which features respond to which target (:meth:`theodolite.analysis.saes.Responses.responding`).
    targets
        Name of each target, as the gene that is perturbed.
    regulated
        Genes that each target regulates, from a reference made without these cells. A target is not counted among its
        own genes, for that it is perturbed is no finding.
    activation
        Shape (genes, F): mean activation of each feature over the tokens of each gene.
    genes
        Name of each row.
    firing_rate
        Shape (F,): share of tokens in which each feature is active.
    top
        Genes that stand for a feature.
    level
        Of the test against matched features. It is not corrected over targets: what their number gives by chance is in
        the share with targets permuted.
    draws, seed
        Draws of matched features, and as many of permuted targets, and their seed.

    Raises
    ------
    ValueError
        If shapes or names do not fit, fewer than two targets have responses and genes, or a parameter is out of range.
    """
    responds, rate = np.asarray(responding, dtype=np.bool_), np.asarray(firing_rate, dtype=np.float64)
    chosen = top_genes(activation, genes, top)
    if responds.shape != (len(targets), len(chosen)) or rate.shape != (len(chosen),):
        raise ValueError(
            f"responses of shape {responds.shape} and firing rates of {rate.shape} for {len(targets)} targets and "
            f"{len(chosen)} features; give (targets, features) and (features,)"
        )
    if len(set(targets)) < len(targets):
        raise ValueError(f"{len(targets)} targets have {len(set(targets))} names; give one row for each target")
    if not np.isfinite(rate).all():
        raise ValueError("a firing rate is not finite; give the share of tokens in which a feature is active")
    if draws < 1 or not 0.0 < level < 1.0:
        raise ValueError(f"{draws} draws, level {level:g}; need a draw and a level between 0 and 1")
    known = set(genes)
    of = {target: known & set(regulated.get(target, ())) - {target} for target in targets}
    some = {target: bool(row.any()) for target, row in zip(targets, responds, strict=True)}
    kept = [target for target in targets if some[target] and of[target]]
    if len(kept) < 2:
        raise ValueError(
            f"{sum(some.values())} of {len(targets)} targets have a response and {sum(map(bool, of.values()))} a "
            f"regulated gene among {len(genes)}; two need both. Check that names of targets and genes agree"
        )
    responds = responds[[target in set(kept) for target in targets]]
    common = (membership(chosen, len(genes)) @ _members([of[target] for target in kept], genes)).toarray()
    number = responds.sum(axis=1, dtype=np.int64)
    p_matched, overlap, matched = _against_matched(responds, common.astype(np.float64), rate, draws, seed)
    # Rows are responses and columns genes, so a target's own genes are on the diagonal.
    own = np.arange(len(kept))
    shown = p_matched <= level
    share = float(shown[own, own].mean())
    images = permutations(blocked_labels([""] * len(kept)), draws, derive_seed(seed, "targets"))
    permuted = shown[own[None], images].mean(axis=1)
    return ResponseGenes(
        targets=tuple(kept),
        without_response=tuple(target for target in targets if not some[target]),
        without_genes=tuple(target for target in targets if some[target] and not of[target]),
        responding=number,
        regulated=np.array([len(of[target]) for target in kept], dtype=np.int64),
        overlap=overlap[own, own],
        matched=matched[own, own],
        p_matched=p_matched[own, own],
        p_targets=(p_matched <= p_matched[own, own][:, None]).mean(axis=1),
        share=share,
        shares_permuted=permuted,
        p=monte_carlo_p(exceedances(permuted, share), draws),
        level=level,
    )


def _members(sets: Sequence[Collection[str]], genes: Sequence[str]) -> csr_array:
    """Return the matrix (genes, sets) of 0 and 1."""
    place = {gene: row for row, gene in enumerate(genes)}
    rows = [place[gene] for each in sets for gene in sorted(each)]
    columns = np.repeat(np.arange(len(sets)), [len(each) for each in sets])
    return csr_array((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=(len(genes), len(sets)))


def _against_matched(
    responds: Bools, common: Floats, rate: Floats, draws: int, seed: int
) -> tuple[Floats, Floats, Floats]:
    """Return p, the mean overlap, and its mean over draws, of each target's responses with each target's genes.

    Parameters
    ----------
    responds
        Shape (T, F).
    common
        Shape (F, T): top genes of each feature among each target's genes.
    rate, draws, seed
        Features are permuted within classes of the rate, the same for all targets.
    """
    weight = responds / responds.sum(axis=1, keepdims=True)
    observed = weight @ common
    scheme, root = like_firing(rate), derive_seed(seed, "features")
    reached, total = np.zeros(observed.shape), np.zeros(observed.shape)
    for draw in range(draws):
        drawn = weight @ common[permutations(scheme, 1, root, draw)[0]]
        reached += exceeding(drawn, observed)
        total += drawn
    return (reached + 1.0) / (draws + 1.0), observed, total / draws
