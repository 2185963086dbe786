"""Which references can be tested on which part of a split: the minimum counts that a claim needs to generalise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from theodolite.data.families import GeneFamilies
from theodolite.data.references import Reference
from theodolite.data.splits import (
    CONFIRMATION,
    DEFAULT_SPLIT_SEED,
    MOST_BLOCKS,
    Split,
    SplitError,
    UnitTable,
    make_split,
)

__all__ = [
    "MIN_FAMILIES",
    "MIN_GENES",
    "MIN_PAIRS",
    "Testability",
    "choose_common_k",
    "choose_k",
    "testability",
]

MIN_GENES = 10
MIN_PAIRS = 30
MIN_FAMILIES = 8
MOST_WITHOUT_FAMILY = 0.20


@dataclass(frozen=True)
class Testability:
    """Whether a reference meets the minimum counts in one part of a split. Necessary, not sufficient: power decides.

    Attributes
    ----------
    reference, part
        Id of the reference, name of the part.
    in_universe
        Genes of the reference that were measured.
    without_family
        Share of these that have no family.
    in_block
        Member genes in the part; for pairs and regulons, pairs of two families with both genes in the part.
    families
        Families that these span; for a regulon, families of their regulators.
    testable
        The answer.
    reason, remedy
        Why not, and what would make it testable; empty where it is.
    """

    # Keeps pytest from collecting a class whose name begins with Test.
    __test__ = False

    reference: str
    part: str
    in_universe: int
    without_family: float
    in_block: int
    families: int
    testable: bool
    reason: str = ""
    remedy: str = ""


def testability(reference: Reference, split: Split, part: str = "block-1") -> Testability:
    """Count a reference's members in a part of a split and compare with the minimum counts.

    A set needs 10 member genes in 8 families, a list of pairs 30 pairs over 8 families, a regulon 30 edges from
    regulators of 8 families (the side that is permuted), and at most a fifth of the measured genes of any may be
    without a family.

    Raises
    ------
    SplitError
        If the split has no such part.
    """
    family_of = split.units.family_of
    measured = [gene for gene in reference.genes if gene in family_of]
    orphans = sum(family_of[gene] is None for gene in measured)
    inside = set(split.genes(part))
    if reference.kind == "set":
        genes = reference.gene_set & inside
        counted, minimum, what = len(genes), MIN_GENES, "genes"
    else:
        directed = reference.kind == "regulon"
        pairs = [
            pair
            for pair in (reference.edges if directed else reference.pairs)
            if inside.issuperset(pair) and family_of[pair[0]] != family_of[pair[1]]
        ]
        genes = frozenset(gene for pair in pairs for gene in (pair[:1] if directed else pair))
        counted, minimum = len(pairs), MIN_PAIRS
        what = "edges between families, their regulators" if directed else "pairs of two families"
    families = len({family_of[gene] for gene in genes})
    share = orphans / len(measured) if measured else 0.0
    reason = remedy = ""
    if share > MOST_WITHOUT_FAMILY:
        reason = f"{share:.0%} of its measured genes have no family (at most {MOST_WITHOUT_FAMILY:.0%})"
        remedy = f"give {orphans} genes a family in the family table"
    elif counted < minimum or families < MIN_FAMILIES:
        reason = f"{counted} {what} in {families} families in {part} (at least {minimum} in {MIN_FAMILIES})"
        remedy = "measure more genes of it, or use a larger reference" + (", or fewer blocks" if split.k > 1 else "")
    return Testability(
        reference.id, part, len(measured), share, counted, families, testable=not reason, reason=reason, remedy=remedy
    )


# The function would be collected too: its name begins with test.
testability.__test__ = False  # type: ignore[attr-defined]


def choose_k(
    references: Iterable[Reference],
    units: UnitTable,
    seed: int = DEFAULT_SPLIT_SEED,
    *,
    confirmation_share: float = 2 / 3,
    table: GeneFamilies | None = None,
) -> int:
    """Return the largest number of blocks, 1 to 4, in which all that is testable in one block stays testable in each.

    Raises
    ------
    SplitError
        If not even one block can be made.
    """
    return choose_common_k([(references, units)], seed, confirmation_share=confirmation_share, table=table)


def choose_common_k(
    cases: Iterable[tuple[Iterable[Reference], UnitTable]],
    seed: int = DEFAULT_SPLIT_SEED,
    *,
    confirmation_share: float = 2 / 3,
    table: GeneFamilies | None = None,
) -> int:
    """Return the largest number of blocks, 1 to 4, that :func:`choose_k` could choose for each of several campaigns.

    Parameters
    ----------
    cases
        References and unit table of each campaign.
    seed, confirmation_share, table
        As for :func:`make_split`.

    Raises
    ------
    SplitError
        If not even one block can be made for one of them.
    """
    listed = [(tuple(references), units) for references, units in cases]
    wholes = [make_split(units, seed, confirmation_share=confirmation_share, table=table) for _, units in listed]
    testable = [
        [reference for reference in references if testability(reference, whole).testable]
        for (references, _), whole in zip(listed, wholes, strict=True)
    ]
    most = min(MOST_BLOCKS, *(len(whole.families(CONFIRMATION)) for whole in wholes))

    def fits(k: int) -> bool:
        for (_, units), wanted in zip(listed, testable, strict=True):
            try:
                split = make_split(units, seed, k=k, confirmation_share=confirmation_share, table=table)
            except SplitError:  # a block that holds none of the families of these cells
                return False
            if not all(testability(reference, split, block).testable for reference in wanted for block in split.blocks):
                return False
        return True

    return next((k for k in range(most, 1, -1) if fits(k)), 1)
