"""Ligand-receptor pairs: single genes, and apart from them the subunits of complexes."""

from __future__ import annotations

from itertools import product

from theodolite.canonical import digest, sha256_bytes
from theodolite.data.ancestry import database
from theodolite.data.columns import checked_gene, columns, delimiter_of
from theodolite.data.references import Pair, Reference, ReferenceTableError
from theodolite.sources import Source

__all__ = ["read_ligand_receptor"]

_COLUMNS = ("source_genesymbol", "target_genesymbol")


def read_ligand_receptor(text: str, *, where: str = "LIANA") -> tuple[Reference, ...]:
    """Read a table with the columns ``source_genesymbol`` and ``target_genesymbol``, complexes as ``GENE_GENE``.

    Returns
    -------
    tuple of Reference
        ``liana``, the pairs of a ligand and a receptor that are single genes; and ``liana.complexes``, every pair of a
        subunit of the ligand and one of the receptor where either is a complex, without the pairs of the first: nobody
        showed of such a pair that it binds. Pairs are unordered; which is the ligand is not kept. A gene that binds
        itself makes no pair.

    Raises
    ------
    ReferenceTableError
        For a missing column, an empty field or subunit, a date in place of a gene, and a table without pairs.
    """
    single: set[Pair] = set()
    inside: set[Pair] = set()
    for number, sides in columns(text, delimiter_of(text), _COLUMNS, where):
        at = f"{where}:{number}"
        ligand, receptor = ([checked_gene(unit, at) for unit in side.split("_")] for side in sides)
        found = single if len(ligand) == len(receptor) == 1 else inside
        found.update((min(pair), max(pair)) for pair in product(ligand, receptor) if pair[0] != pair[1])
    sha256 = sha256_bytes(text.encode())
    made = tuple(
        Reference(
            id=name,
            title=title,
            kind="pairs",
            members=tuple(sorted(pairs)),
            definition=definition,
            origins=(Source(f"table:{name}", digest([sha256, name]), (database("LIANA consensus"),)),),
        )
        for name, title, pairs, definition in (
            ("liana", "ligand-receptor pairs", single, "a ligand and its receptor, both single genes; no direction"),
            (
                "liana.complexes",
                "subunits of ligands and receptors",
                inside - single,
                "a subunit of a ligand and one of its receptor, where either is a complex; not a pair of single genes",
            ),
        )
        if pairs
    )
    if not made:
        raise ReferenceTableError(
            f"{where}: no pair of two genes in it; give a table with one ligand and receptor a line"
        )
    return made
