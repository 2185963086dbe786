"""A small world with a known truth: generated cells in which some gene programs co-vary and others do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.data.cells import CellSet
from theodolite.data.families import GeneFamilies
from theodolite.data.references import Reference
from theodolite.sources import Source

__all__ = ["PlantedCells", "planted_cells"]

_FAMILY_SIZES = (1, 2, 3, 4)
_FAMILY_SIZE_SHARES = (0.76, 0.14, 0.06, 0.04)
_LOADING = 1.0
_INVERSE_DISPERSION = 2.0
_COUNTS_PER_GENE = 3.0


@dataclass(frozen=True, eq=False)
class PlantedCells:
    """Generated cells and the truth about them.

    Attributes
    ----------
    cells, families, references
        What a campaign sees. References are the real programs and as many decoys, each matched to a real one in size.
    real
        Ids of the programs whose genes truly co-vary; every other reference is a decoy.
    """

    cells: CellSet
    families: GeneFamilies
    references: tuple[Reference, ...]
    real: frozenset[str]


def planted_cells(n_cells: int, n_genes: int, n_programs: int, seed: int, *, n_donors: int = 0) -> PlantedCells:
    """Generate negative-binomial counts with latent programs.

    Gene means are log-normal (heavy tail), shared in part within a family; cell totals are log-normal; counts are
    negative binomial with inverse dispersion 2. Each program has one activity a cell, standard normal, that
    multiplies the mean of its genes by exp(activity). A third of the genes is in real programs and a third in decoys,
    whole families at a time, so that membership says nothing about means.

    Parameters
    ----------
    n_cells, n_genes, n_programs
        Sizes; at least 12 genes a program.
    seed
        Seed of the world.
    n_donors
        Number of donors, each with its own shift of gene means; 0 for a world without donors.

    Raises
    ------
    ValueError
        If there are fewer than 12 genes a program, or no program or cell.
    """
    if n_programs < 1 or n_cells < 1 or n_genes < 12 * n_programs:
        raise ValueError(
            f"{n_cells!r} cells, {n_genes!r} genes, {n_programs!r} programs; a world has a cell, a program and "
            "12 genes a program or more"
        )
    structure, noise = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
    family_of = _family_indices(n_genes, structure)
    members = _program_members(family_of, n_programs, structure)
    activity = noise.standard_normal((n_cells, n_programs))
    shared = structure.normal(0.0, 0.6, family_of.max() + 1)
    log_mean = shared[family_of] + structure.normal(0.0, 1.0, n_genes)
    log_rate = np.tile(log_mean, (n_cells, 1))
    for program in range(n_programs):
        log_rate[:, members[program]] += _LOADING * activity[:, [program]]
    labels = {"cell_type": tuple(f"type_{index + 1}" for index in activity.argmax(axis=1))}
    if n_donors:
        donor = np.arange(n_cells) % n_donors
        log_rate += noise.normal(0.0, 0.2, (n_donors, n_genes))[donor]
        labels["donor"] = tuple(f"donor_{index + 1}" for index in donor)
    rate = np.exp(log_rate)
    rate *= noise.lognormal(np.log(_COUNTS_PER_GENE * n_genes), 0.3, (n_cells, 1)) / rate.sum(axis=1, keepdims=True)
    counts = noise.poisson(rate * noise.gamma(_INVERSE_DISPERSION, 1.0 / _INVERSE_DISPERSION, rate.shape))
    genes = tuple(f"G{index + 1:04d}" for index in range(n_genes))
    cells = CellSet.from_counts(
        f"planted({n_cells},{n_genes},{n_programs},{seed})",
        counts,
        genes,
        tuple(f"cell_{index + 1:05d}" for index in range(n_cells)),
        labels=labels,
        species="planted",
        origin=f"generated with seed {seed}",
        donor="donor" if n_donors else None,
    )
    families = GeneFamilies(
        {gene: f"F{index + 1:04d}" for gene, index in zip(genes, family_of.tolist(), strict=True)}, f"planted-{seed}"
    )
    references = tuple(
        _reference(index, n_programs, [genes[gene] for gene in chosen.tolist()], seed)
        for index, chosen in enumerate(members)
    )
    real = frozenset(reference.id for reference in references[:n_programs])
    return PlantedCells(cells, families, references, real)


def _family_indices(n_genes: int, rng: np.random.Generator) -> NDArray[np.intp]:
    sizes = rng.choice(_FAMILY_SIZES, size=n_genes, p=_FAMILY_SIZE_SHARES)
    return np.repeat(np.arange(n_genes), sizes)[:n_genes]


def _program_members(family_of: NDArray[np.intp], n_programs: int, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Return gene indices of the real programs, then of the decoys: disjoint unions of whole families."""
    size = family_of.size // (3 * n_programs)
    waiting = rng.permutation(family_of.max() + 1).tolist()
    programs = []
    for _ in range(2 * n_programs):
        chosen: list[int] = []
        while len(chosen) < size:
            chosen.extend(np.flatnonzero(family_of == waiting.pop()).tolist())
        programs.append(np.array(sorted(chosen), dtype=np.intp))
    return programs


def _reference(index: int, n_programs: int, members: list[str], seed: int) -> Reference:
    kind = "program" if index < n_programs else "decoy"
    number = index % n_programs + 1
    return Reference(
        id=f"{kind}_{number}",
        title=f"planted {kind} {number}",
        kind="set",
        members=tuple(members),
        definition="genes that share one activity a cell" if kind == "program" else "genes that share nothing",
        origins=(Source(name=f"planted world, seed {seed}"),),
    )
