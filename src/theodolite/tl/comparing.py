"""Scores against references: AUROC as measured, and with what the gates take out taken out; no null, no level."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from theodolite.data import CellSet, Reference, coexpression, confidence_tiers, load_programs, of_kind, within_sizes
from theodolite.data.catalogue import is_resource
from theodolite.descriptions import Description
from theodolite.experiments.campaign import CampaignSpec
from theodolite.experiments.finding_references import PROGRAMS, references_of
from theodolite.experiments.labels import edge_places, pair_labels
from theodolite.experiments.reference_kinds import REFERENCE_KIND
from theodolite.experiments.setting import adjustment_of
from theodolite.gates.adjust import least_genes, midranks
from theodolite.gates.exploration import LEAST_GENES, shown
from theodolite.measurements import BipartiteScores, GeneScores, Measurement, PairScores
from theodolite.plugins import find_references
from theodolite.sources import Source
from theodolite.tl.errors import MeasureError
from theodolite.tools import Tool

__all__ = ["Labels", "labelled", "references_for", "regulons_named", "table_of"]

Bools = NDArray[np.bool_]
Labels = Mapping[str, tuple[Reference, Bools]]

_LEAST_CELLS = 4
"""Cells that co-expression needs."""
_GIVEN = Source(name="given as a list")


def references_for(
    instrument: Tool | Description, reference: Any, genes: Collection[str] = ()
) -> tuple[Reference, ...]:
    """Return the references that an instrument's scores, or a description, can be held against.

    Parameters
    ----------
    instrument
        Scores of genes take sets, of pairs take pairs (of a set, all pairs of its members), and of regulators take
        regulons. A description says what it takes.
    reference
        A :class:`~theodolite.data.Reference` or several; genes, or pairs of genes (regulator and target for what takes
        regulons), with a score each for five lists of rising confidence; the id of a packaged program; or what
        ``references:`` of a campaign file may say: a resource of the catalogue, one of its references, a plug-in's
        name, a file, or a mapping.
    genes
        Those of the cells, by which a list of genes is told from one of names of references.

    Raises
    ------
    MeasureError
        If it is none of these, a list of names of references, or of no kind that the scores can be held against.
    CampaignError, CatalogueError, ReferenceTableError, PluginError
        If a named one cannot be found or read.
    """
    if isinstance(instrument, Description):
        wanted: str = instrument.references
        of = "is"
        given = _given(reference, "regulon" if wanted == "regulons" else "pairs", genes)
        found = instrument.fitting(given)
    else:
        shape = instrument.shape.shape
        kind = REFERENCE_KIND.get(shape)
        wanted, of = kind or "none", f"returns {shape}, which are"
        given = _given(reference, "regulon" if shape == "BipartiteScores" else "pairs", genes)
        found = () if kind is None else of_kind(given, kind)
    if not found:
        kinds = ", ".join(sorted({item.kind for item in given}))
        raise MeasureError(
            f"reference is of kind {kinds} ({given[0].id!r}), and {instrument.name} {of} held against references of "
            f"kind {wanted}; give such a one, or another instrument"
        )
    return found


def regulons_named(regulators: Any) -> tuple[str | Reference, ...]:
    """Return what names regulators: genes as they are, and regulons by name, by object or of a list of these.

    Raises
    ------
    MeasureError
        If a reference is no regulon, or it is neither text nor a list.
    """
    if regulators is None:
        return ()
    if isinstance(regulators, (str, Mapping, Reference)):
        regulons = tuple(item for item in _given(regulators, "regulon") if item.kind == "regulon")
        if not regulons:
            raise MeasureError(
                f"regulators is {regulators!r:.80}, which holds no regulon; give one (such as 'trrust'), or a list of "
                "genes"
            )
        return regulons
    items = tuple(regulators)
    wrong = [item for item in items if not isinstance(item, str) and getattr(item, "kind", None) != "regulon"]
    if wrong:
        raise MeasureError(f"regulators holds {wrong[0]!r:.80}; give genes or regulons")
    return items


def _given(reference: Any, pairs: Any, genes: Collection[str] = ()) -> tuple[Reference, ...]:
    if isinstance(reference, Reference):
        return (reference,)
    if isinstance(reference, (str, Path, Mapping)):
        packaged = [item for item in load_programs() if item.id == reference] if isinstance(reference, str) else []
        return (packaged[0],) if packaged else _named(reference)
    items = list(reference)
    if items and all(isinstance(item, Reference) for item in items):
        return tuple(items)
    try:
        if items and all(isinstance(item, str) for item in items):
            _refuse_names([str(item) for item in items], genes)
            return (Reference("given", "genes given as a list", "set", tuple(items), "as given", (_GIVEN,)),)
        if items and all(isinstance(item, (list, tuple)) and len(item) == 2 for item in items):
            members = tuple((str(first), str(second)) for first, second in items)
            return (Reference("given", "pairs given as a list", pairs, members, "as given", (_GIVEN,)),)
        if items and all(isinstance(item, (list, tuple)) and len(item) == 3 for item in items):
            scored = [(str(first), str(second), float(score)) for first, second, score in items]
            return confidence_tiers(scored, name="given", origin=_GIVEN)
    except ValueError as error:
        raise MeasureError(str(error)) from None
    raise MeasureError(
        f"reference is {reference!r:.80}; give a name, a Reference, a list of genes, or a list of pairs of genes (with "
        "a score each, if there is one)"
    )


def _refuse_names(items: Sequence[str], genes: Collection[str]) -> None:
    """Refuse a list of texts of which none is a gene of the cells, and some are names of references."""
    named = [] if frozenset(genes).intersection(items) else [item for item in items if _is_reference(item)]
    if named:
        raise MeasureError(
            f"reference is {items!r:.80}; a list of texts stands for genes, and {named[0]!r} is the name of a "
            f"reference: give one by its name alone (reference={named[0]!r}), several as a list of References, such as "
            "[*theodolite.data.load_programs(), *theodolite.data.catalogue.load_resource('trrust')]"
        )


def _is_reference(name: str) -> bool:
    packaged = name == PROGRAMS or any(item.id == name for item in load_programs())
    return packaged or is_resource(name) or bool(find_references(name, look=False))


def _named(reference: Any) -> tuple[Reference, ...]:
    try:
        plain = str(reference) if isinstance(reference, Path) else reference
        return references_of(CampaignSpec.model_validate({"name": "tl", "references": plain}))
    except ValidationError as error:
        raise MeasureError(f"reference: {error.errors()[0]['msg']}") from None


def labelled(
    references: Sequence[Reference], genes: Sequence[str], families: Sequence[str], regulators: Sequence[str]
) -> Labels:
    """Return the labels of references among genes by id: (n,), (n, n) symmetric, or (regulators, n).

    Raises
    ------
    MeasureError
        If none of them has three genes there, or every one has all.
    """
    fitting = within_sizes(references, genes)
    found: dict[str, tuple[Reference, Bools]] = {}
    for item in fitting:
        if item.kind == "set":
            labels = np.array([gene in item.gene_set for gene in genes])
        elif item.kind == "pairs":
            labels = pair_labels(item, genes, families)
        else:
            labels = np.zeros((len(regulators), len(genes)), dtype=bool)
            labels.reshape(-1)[edge_places(item, regulators, genes, families)] = True
        found[item.id] = (item, labels)
    if not any(_genes_of(item, labels) >= LEAST_GENES for item, labels in found.values()):
        most = max((_genes_of(*pair) for pair in found.values()), default=0)
        raise MeasureError(
            f"reference {references[0].id!r}{f' and {len(references) - 1} others' if len(references) > 1 else ''} "
            f"{'has' if len(references) == 1 else 'have'} {most} genes at most among the {len(genes)} that are "
            f"measured (such as {', '.join(genes[:3])}), and {LEAST_GENES} are needed; give another one, or more genes"
        )
    return found


def _genes_of(reference: Reference, labels: Bools) -> int:
    if reference.kind == "set":
        return int(labels.sum())
    ends = labels.any(axis=1).sum() + labels.any(axis=0).sum()
    return int(ends) // (2 if reference.kind == "pairs" else 1)


def table_of(measurement: Measurement, labels: Labels, cells: CellSet, *, adjust: bool = True) -> Any:
    """Return a table of references: what each is, how much of it was measured, and its AUROC.

    The AUROC is the chance that an item of the reference has a higher score than one that is none (Mann and Whitney
    1947): a gene, or a pair of two families. ``auroc`` is of the scores as measured. ``auroc_adjusted`` is of what is
    left of them after mean, variance and dropout of the genes and, for pairs, hubs and two estimates of co-expression
    from the same cells, as gates would leave it; NaN where it was not asked for, or genes or cells are too few.

    Parameters
    ----------
    measurement
        Scores of genes, pairs, or regulators.
    labels
        As of :func:`labelled`.
    cells
        The cells, for co-expression.
    adjust
        Whether scores are adjusted too.

    Returns
    -------
    pandas.DataFrame
        Indexed by id, with ``kind``, ``genes`` and ``members`` (of the reference, among what was measured), ``auroc``,
        ``auroc_adjusted`` and ``sha256``. NaN for a reference of fewer than three genes.
    """
    import pandas as pd

    raw, adjusted = _views(measurement, cells, adjust=adjust)
    rows = []
    for item, label in labels.values():
        plain = raw.effect(label)
        left = None if adjusted is None else adjusted.effect(label)
        rows.append(
            {
                "kind": item.kind,
                "genes": _genes_of(item, label),
                "members": int(label.sum()) // (2 if item.kind == "pairs" else 1),
                "auroc": np.nan if plain is None else 0.5 + plain[0],
                "auroc_adjusted": np.nan if left is None else 0.5 + left[0],
                "sha256": item.sha256,
            }
        )
    return pd.DataFrame(rows, index=pd.Index(list(labels), name="reference", dtype=object))


def _views(measurement: Measurement, cells: CellSet, *, adjust: bool) -> tuple[Any, Any]:
    """Return the scores as measured and as adjusted, each ranked among its candidates."""
    assert isinstance(measurement, (GeneScores, PairScores, BipartiteScores))
    basis = shown(measurement, (), None)
    raw = replace(basis, rank=midranks(measurement.score[basis.candidates]))
    adjustment = adjustment_of(measurement.shape)
    n = len(measurement.targets if isinstance(measurement, BipartiteScores) else measurement.genes)
    if not adjust or n < least_genes(len(measurement.covariate_names)):
        return raw, None
    if isinstance(measurement, GeneScores):
        return raw, shown(measurement, adjustment, None)
    if len(cells.cells) < _LEAST_CELLS:
        return raw, None
    names = measurement.targets if isinstance(measurement, BipartiteScores) else measurement.genes
    return raw, shown(measurement, adjustment, coexpression(cells, names))
