"""A panel of bone-marrow anchors, and the gates of candidates and baselines on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.arrangements import arrangement, between_types
from lib.real_cells import dealt
from theodolite.analysis.manifold import (
    Candidate,
    CandidateEvidence,
    Fitter,
    ManifoldGates,
    Panel,
    PanelSplit,
    anchors,
    candidates,
    confirm,
    graph_ruler,
    judge,
    latent_distances,
    null_branch,
    panel,
    principal_components,
    random_projection,
    rank_ruler,
    search,
    split_by_donor,
    static_features,
    unsupervised,
)
from theodolite.analysis.manifold.confirm import measure
from theodolite.manifolds.fitters import READS_RULER

__all__ = [
    "BRANCH",
    "EDGES",
    "PUBLISHED",
    "REPLICATES",
    "Fixed",
    "arranged",
    "baselines",
    "marrow_panel",
    "only",
    "searched",
    "told",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ROOT: Final = "Multipotent progenitors"
PROGENITOR: Final = "megakaryocyte-erythroid progenitor"
"""Between the root and two types, and not in the file."""
EDGES: Final = (
    (ROOT, "GMP"),
    ("GMP", "Monocytes"),
    ("GMP", "Neutrophils"),
    ("GMP", "Basophils"),
    (ROOT, PROGENITOR),
    (PROGENITOR, "Megakaryocytes"),
    (PROGENITOR, "Erythrocyte"),
)
"""The accepted tree of these types (Orkin and Zon 2008; Akashi et al. 2000)."""
BRANCH: Final = {
    ROOT: "trunk",
    "GMP": "granulocyte-monocyte",
    "Monocytes": "granulocyte-monocyte",
    "Neutrophils": "granulocyte-monocyte",
    "Basophils": "granulocyte-monocyte",
    "Megakaryocytes": "megakaryocyte-erythroid",
    "Erythrocyte": "megakaryocyte-erythroid",
}
"""A branch of one type has no pair of different types inside, so mature types are no branches of their own."""
TIPS: Final = ("granulocyte-monocyte", "megakaryocyte-erythroid")
PUBLISHED: Final = (
    "trustworthiness", "random hold-out", "donor hold-out", "branch hold-out", "blocked permutation",
)  # fmt: skip
"""Gates of arXiv 2603.10261; the paired null branch and the panel that must fail are theirs too, read within branches
here."""
REPLICATES: Final = 12
DIMENSION: Final = 3


def marrow_panel(
    types: Sequence[str],
    layers: Mapping[str, ArrayLike],
    expression: Floats,
    table: Floats,
    *,
    seed: int = 0,
    swap: Mapping[str, str] | None = None,
) -> tuple[PanelSplit, tuple[str, ...]]:
    """Deal cells of each type into twelve replicates, half of them to each side of a panel of centroids.

    The type of each anchor is returned beside it.

    Parameters
    ----------
    types
        Of each cell, nodes of :data:`EDGES`.
    layers
        Features (cells, width) by name.
    expression
        Shape (cells, genes).
    table
        Shape (genes, width): the model's gene vectors.
    seed
        Of the deal and of the division.
    swap
        The node of each type, for a tree in which types have swapped places; their own where None.
    """
    labels = {"replicate": dealt(types, most=REPLICATES, seed=seed), "type": tuple(types)}
    points = anchors(expression, labels)
    nodes = [swap[name] if swap else name for name in points.labels["type"]]
    graph = graph_ruler(EDGES)
    rank = graph.depth(ROOT, nodes)
    whole = panel(
        {name: anchors(rows, labels).rows for name, rows in layers.items()},
        {"lineage rank": rank_ruler(rank), "lineage graph": graph.between(nodes)},
        points.rows,
        static=static_features(points.rows, table),
        donors=points.labels["replicate"],
        branches=[BRANCH[node] for node in nodes],
        depths=[f"{depth:g}" for depth in rank],
        tips=TIPS,
    )
    return split_by_donor(whole, seed=seed), points.labels["type"]


def only(split: PanelSplit, ruler: str, layers: Mapping[str, Floats] | None = None) -> PanelSplit:
    """Return a split with one of its rulers, and with other layers of the same anchors where these are given."""
    whole = replace(split.whole, rulers={ruler: split.whole.rulers[ruler]}, layers=layers or split.whole.layers)
    return PanelSplit(whole, split.seen)


@dataclass(frozen=True, eq=False)
class _Choice:
    """Stands for a fitter of the list where the fitter is a baseline, which no search tries."""

    made: Fitter
    dimension: int = DIMENSION

    def fitter(self) -> Fitter:
        return self.made


@dataclass(frozen=True, eq=False)
class Fixed:
    """A baseline that is measured as a candidate is.

    Attributes
    ----------
    ruler
        Name of a ruler.
    features
        Shape (n, width).
    choice
        The fitter.
    """

    ruler: str
    features: Floats
    choice: _Choice

    def distances(self, source: Panel) -> Floats:
        """Return the ruler."""
        return source.rulers[self.ruler]

    def rows(self, source: Panel, fitted: Bools | None = None) -> Floats:
        """Return the features, whatever is fitted."""
        return self.features


def baselines(whole: Panel, ruler: str) -> dict[str, Candidate]:
    """Return what must be beaten, first of the table, in the shape of candidates."""
    assert whole.static is not None
    components = unsupervised(principal_components, dimension=DIMENSION)
    fixed = {
        "principal components of expression": Fixed(ruler, whole.expression, _Choice(components)),
        "random projection": Fixed(
            ruler, whole.expression, _Choice(unsupervised(random_projection, dimension=DIMENSION))
        ),
        "static embedding": Fixed(ruler, whole.static, _Choice(components)),
    }
    return {name: cast(Candidate, each) for name, each in fixed.items()}


def told(
    candidate: Candidate, split: PanelSplit, types: Sequence[str], gates: ManifoldGates, *, seed: int = 0
) -> dict[str, Any]:
    """Measure one candidate or baseline on the replicates that judge, and compare it with every gate."""
    evidence = measure(candidate, split, gates, seed=seed)
    image = null_branch(split.whole.branches, donors=split.whole.donors, seed=seed)
    null = measure(candidate, split, gates, image=image, seed=seed)
    return {**_plain(evidence, null, gates), "arrangement": arranged({"": candidate}, split, types)}


def arranged(tried: Mapping[str, Candidate], split: PanelSplit, types: Sequence[str]) -> dict[str, Any] | None:
    """Tell whether types lie as the ruler has them beyond other arrangements, in the best of some candidates.

    Each is fitted on the replicates of discovery and places the others. Fitters that read the ruler are left out, for
    they were given the arrangement; None where no other can be fitted.

    Parameters
    ----------
    tried
        Candidates of one ruler, by name.
    split
        See :func:`marrow_panel`.
    types
        Of each row of the panel.
    """
    whole, seen = split.whole, split.seen
    names = [name for name, fitted in zip(types, seen, strict=True) if not fitted]
    found: dict[str, Floats] = {}
    ruler = np.empty((0, 0))
    for name, candidate in tried.items():
        if getattr(candidate.choice, "name", "") in READS_RULER:
            continue
        rows, lengths = candidate.rows(whole, seen), candidate.distances(whole)
        try:
            fitted = candidate.choice.fitter()(rows[seen], lengths[np.ix_(seen, seen)])
            found[name] = between_types(latent_distances(fitted.place(rows[~seen])), names)
        except ValueError:
            continue
        ruler = between_types(lengths[np.ix_(~seen, ~seen)], names)
    if not found:
        return None
    best = arrangement(found, ruler)
    return {"rho": round(best.rho, 4), "p": round(best.p, 4), "arrangements": best.arrangements, "latents": len(found)}


def _plain(evidence: CandidateEvidence, null: CandidateEvidence, gates: ManifoldGates) -> dict[str, Any]:
    verdict = judge(evidence, gates, null=null)
    return {
        "gates": {
            gate.name: {
                "number": None if gate.number is None else round(gate.number, 4),
                "threshold": gate.threshold,
                "passed": gate.passed,
            }
            for gate in verdict.gates
        },
        "passed": verdict.passed,
        "published_passed": all(gate.passed for gate in verdict.gates if gate.name in PUBLISHED)
        and evidence.refused is None,
        "refused": evidence.refused,
    }


def searched(
    split: PanelSplit, types: Sequence[str], gates: ManifoldGates, journal: Path, *, budget: int, seed: int = 0
) -> tuple[Candidate | None, dict[str, Any]]:
    """Search the replicates of discovery, confirm the first candidate on the others, and tell both.

    ``arrangement`` is of the candidate alone and overlooks that it was chosen; ``arrangement_of_all`` is of the best of
    all, and does not.
    """
    tried = candidates(split.discovery)
    found = search(split.discovery, tried, gates, journal=journal, budget=budget, seed=seed)
    chosen = found.chosen
    told_rows = {
        "tried": len(found.rows),
        "left": found.left,
        "could_not_be_fitted": sum(row.refused is not None for row in found.rows),
        "fit_for_gates": sum(row.fit_for(gates) for row in found.rows),
    }
    if chosen is None:
        return None, {**told_rows, "chosen": None}
    confirmed = confirm(found, split, gates, seed=seed)
    best = found.rows[0]
    return chosen, {
        **told_rows,
        "chosen": chosen.record,
        "score": None if best.score is None else round(best.score, 4),
        **_plain(confirmed.evidence, confirmed.null, gates),
        "arrangement": arranged({"": chosen}, split, types),
        "arrangement_of_all": arranged({each.sha256: each for each in tried}, split, types),
    }
