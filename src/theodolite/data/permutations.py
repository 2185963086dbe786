"""References with gene names permuted within strata: the null that keeps families, sizes and expression."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theodolite.data.cells import GeneStatistics
from theodolite.data.families import GeneFamilies
from theodolite.data.references import Reference
from theodolite.data.seeded import seeded_bits, stable_permutation
from theodolite.sources import Source

__all__ = ["PermutedReferences", "family_strata", "permute_gene_names"]

N_STRATA = 5
FEWEST_IN_STRATUM = 5
_NAME_STREAM = 4


@dataclass(frozen=True, eq=False)
class PermutedReferences:
    """References after one permutation of gene names.

    Attributes
    ----------
    references
        The permuted references, in the order given.
    mapping
        New name of each gene that has a family; a bijection.
    share_moved
        Share of these genes that got the name of another gene.
    overlap
        By id of the permuted reference: share of the original's members that are members still. A reference made of a
        family of which no other has the size stays as it is and is no null; its overlap says so.
    """

    references: tuple[Reference, ...]
    mapping: Mapping[str, str]
    share_moved: float
    overlap: Mapping[str, float]


def family_strata(statistics: GeneStatistics, families: GeneFamilies) -> list[list[tuple[str, ...]]]:
    """Group whole families that may change places: equal size, same stratum of mean expression.

    Strata are the quintiles of family mean expression over all families; within one size, neighbouring quintiles are
    merged until each holds five families or more. Each family is its genes in ascending order of mean expression.
    A size with one family only makes a stratum of one, which cannot move.
    """
    members: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for gene, family, mean in zip(
        statistics.genes, families.of(statistics.genes), statistics.mean_expression.tolist(), strict=True
    ):
        if family is not None:
            members[family].append((mean, gene))
    blocks = sorted(
        (float(np.mean([mean for mean, _ in genes])), tuple(gene for _, gene in sorted(genes)))
        for genes in members.values()
    )
    by_size: dict[int, dict[int, list[tuple[str, ...]]]] = defaultdict(lambda: defaultdict(list))
    for rank, (_, genes) in enumerate(blocks):
        by_size[len(genes)][rank * N_STRATA // len(blocks)].append(genes)
    strata: list[list[tuple[str, ...]]] = []
    for _, quintiles in sorted(by_size.items()):
        strata.extend(_merged([quintiles[quintile] for quintile in sorted(quintiles)]))
    return strata


def _merged(quintiles: Sequence[list[tuple[str, ...]]]) -> list[list[tuple[str, ...]]]:
    merged: list[list[tuple[str, ...]]] = []
    for stratum in quintiles:
        if merged and len(merged[-1]) < FEWEST_IN_STRATUM:
            merged[-1].extend(stratum)
        else:
            merged.append(list(stratum))
    if len(merged) > 1 and len(merged[-1]) < FEWEST_IN_STRATUM:
        last = merged.pop()
        merged[-1].extend(last)
    return merged


def permute_gene_names(
    references: Iterable[Reference], families: GeneFamilies, statistics: GeneStatistics, seed: int
) -> PermutedReferences:
    """Relabel genes by one permutation that swaps whole families within strata, and apply it to every reference.

    A family takes the place of another of equal size and the same stratum of expression (:func:`family_strata`), gene
    for gene in order of expression, so that a reference keeps its size, the way its members fall into families, and
    their expression. Genes without a family, or outside the universe, keep their names.

    Parameters
    ----------
    references
        Sets or pair lists.
    families
        The family table.
    statistics
        Gene statistics; their genes are the universe.
    seed
        Seed of the permutation.
    """
    bits = seeded_bits(seed, _NAME_STREAM)
    mapping: dict[str, str] = {}
    for stratum in family_strata(statistics, families):
        for genes, place in zip(stratum, stable_permutation(bits, len(stratum)), strict=True):
            mapping.update(zip(genes, stratum[place], strict=True))
    moved = sum(gene != name for gene, name in mapping.items())
    originals = tuple(references)
    renamed = tuple(_renamed(reference, mapping, seed) for reference in originals)
    return PermutedReferences(
        references=renamed,
        mapping=mapping,
        share_moved=moved / len(mapping) if mapping else 0.0,
        overlap={
            after.id: len(set(before.members) & set(after.members)) / len(before.members)
            for before, after in zip(originals, renamed, strict=True)
        },
    )


def _renamed(reference: Reference, mapping: Mapping[str, str], seed: int) -> Reference:
    members: tuple[str, ...] | tuple[tuple[str, str], ...]
    if reference.kind == "set":
        members = tuple(mapping.get(gene, gene) for gene in reference.gene_set)
    else:
        members = tuple((mapping.get(first, first), mapping.get(second, second)) for first, second in reference.pairs)
    return Reference(
        id=f"{reference.id}_permuted{seed}",
        title=f"{reference.title}, gene names permuted (seed {seed})",
        kind=reference.kind,
        members=members,
        definition=f"{reference.id} after a permutation of gene names within strata of family size and expression",
        origins=(reference.source, Source(name=f"permutation of gene names, seed {seed}")),
    )
