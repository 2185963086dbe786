"""Any registered description on an AnnData: what was seen is kept in ``uns``, and scores where scores are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from theodolite.data import GeneFamilies, Reference, within_sizes
from theodolite.descriptions import (
    STANDING,
    Described,
    Description,
    DescriptionError,
    DescriptionParams,
    Offered,
    Subject,
    check_fit,
)
from theodolite.experiments.needs import description_bytes
from theodolite.measurements import CurveFit, Measurement
from theodolite.plugins import find_description
from theodolite.tl.captures import dictionaries, placed
from theodolite.tl.choosing import given_once
from theodolite.tl.comparing import references_for
from theodolite.tl.errors import MeasureError
from theodolite.tl.preparing import Prepared, prepare
from theodolite.tl.seeding import seeded
from theodolite.tl.storing import STORED, check_key, into, put_facts, put_measurement

__all__ = ["describe"]


def describe(
    adata: Any,
    description: str | Description,
    *,
    model: Any,
    reference: Any = None,
    key_added: str | None = None,
    copy: bool = False,
    counts: str = "X",
    cells: Mapping[str, Any] | None = None,
    genes: str | Sequence[str] | np.ndarray[Any, Any] | None = None,
    families: str | Path | GeneFamilies | None = None,
    cache: str | Path | None = None,
    max_memory_gb: float | None = None,
    seed: int = 0,
    params: Mapping[str, Any] | None = None,
    **named: Any,
) -> Any:
    """Describe a model on the cells of an AnnData and keep what was seen there.

    A description reads all layers, draws its nulls and reports its controls. It makes no claim: nothing was locked
    before, axes are fitted on the genes that are described, and no level is spent. A campaign (``theodolite run``)
    makes claims, and tests them on genes of other families.

    Parameters
    ----------
    adata
        Cells by genes, in memory, with integer counts.
    description
        Name of a description that ``theodolite tools list`` prints, of an installed or loaded plug-in too, or the
        description.
    model
        Name of a packaged or added model or of a plug-in's, a folder, or an object of
        :class:`~theodolite.models.protocol.FoundationModel`.
    reference
        What it is held against, where it is held against something: a name, a :class:`~theodolite.data.Reference` or
        several, a list of genes, or a list of pairs of genes, with a score each where confidence counts. Pairs may be
        given as a set, which stands for the pairs of its members, or as a regulon.
    key_added
        Where the result is kept; the description's name with an underscore in place of the dot where not given.
    copy
        Whether to leave ``adata`` as it is and return a copy with the result.
    counts, cells, genes, families, cache, max_memory_gb
        As for :func:`theodolite.tl.measure`.
    seed
        Seed of whatever is drawn: the same seed gives the same bytes.
    params, named
        Parameters of the description by name; ``params`` for names that are taken here.

    Returns
    -------
    AnnData or None
        The copy, or None where ``adata`` itself was changed. ``uns[key]`` holds ``sentence`` (what was seen, beside
        which control), ``facts`` (every number with its controls and p-values, by name), ``measurement`` (its arrays)
        and, of curves, ``profile``: a table with a row a place and a column a curve. Beside them is what it is of:
        description, version, parameters, references, model and cells by hash. Scores of genes, pairs and regulators are
        in ``var``, ``varp`` and ``varm`` under the key, as those of instruments are.

    Raises
    ------
    MeasureError
        For an unknown description or parameter, a gene that is not to be had, and a reference that is missing or of
        another kind; the message names the value and the remedy.
    MemoryLimitError
        If the estimate exceeds the memory that is allowed; nothing has run then.
    DescriptionError
        If what was given cannot be described, such as a reference with too few genes.
    CellDataError, ModelNotFoundError, CheckpointError, CampaignError, CatalogueError, FamilyTableError
        If cells, model, reference or table of families cannot be had.
    """
    found = _description(description)
    key = check_key(found.name.replace(".", "_") if key_added is None else key_added)
    parsed = _parsed(found, given_once(params or {}, named))
    ready = prepare(
        adata, model, counts=counts, cells=cells, genes=genes, families=families, cache=cache,
        max_memory_gb=max_memory_gb,
    )  # fmt: skip
    references = _within(_references(found, reference, ready.read.cells.genes), ready.genes.names)
    regulating = frozenset(gene for item in references if item.kind == "regulon" for gene in item.regulators)
    regulators = tuple(gene for gene in ready.genes.names if gene in regulating)
    with_attention = "attention" in found.reads
    size = ready.size(regulators)
    check_fit(parsed, Offered(ready.genes.names, size.width, size.shape, references, ready.read.cells.roles))
    ready.check_memory(_doing(found, ready), description_bytes(found, parsed, size), with_attention=with_attention)

    bench = ready.bench(regulators, axes=False, with_attention=with_attention)
    with seeded(seed):
        trained = dictionaries(ready.model, ready.read.cells, ready.genes, ready.cache)
        subject = Subject.of(bench, ready.read.cells, references, seed, partial(placed, ready.model), trained=trained)
        described = found.run(subject, parsed)

    shape = found.shape.shape
    facts = {
        "description": found.name,
        "version": found.version,
        "source_sha256": found.source_sha256,
        "params": parsed.model_dump(mode="json"),
        "shape": shape,
        "stored_in": STORED.get(shape, "uns"),
        "unit": found.unit,
        "seed": seed,
        "references": {_flat(item.id): item.sha256 for item in references},
        "sentence": described.sentence,
        "facts": {_flat(name): _storable(value) for name, value in described.facts.items()},
        "measurement": _arrays(described.measurement),
        "sha256": described.sha256,
        **_profile(described),
        **ready.facts(),
        "standing": STANDING,
    }
    target = into(adata, copy=copy)
    if shape in STORED:
        put_measurement(target, key, ready.read.rows, described.measurement)
    put_facts(target, key, facts)
    return target if copy else None


def _description(description: str | Description) -> Description:
    if isinstance(description, Description):
        return description
    try:
        return find_description(description)
    except KeyError as error:
        raise MeasureError(f"{error.args[0]}; theodolite.plugins.load_plugin(PATH) loads one of your own") from None


def _parsed(found: Description, given: Mapping[str, Any]) -> DescriptionParams:
    try:
        return found.parsed(given)
    except DescriptionError as error:
        raise MeasureError(str(error)) from None


def _references(found: Description, reference: Any, genes: Sequence[str]) -> tuple[Reference, ...]:
    if found.references == "none":
        if reference is not None:
            raise MeasureError(
                f"{found.name} is held against nothing, and reference is {reference!r:.80}; leave it out"
            )
        return ()
    if reference is None:
        raise MeasureError(
            f"{found.name} is held against {found.references}, and reference is None; give a name, a Reference, a list "
            "of genes, or a list of pairs of genes"
        )
    return references_for(found, reference, genes)


def _within(references: Sequence[Reference], genes: Sequence[str]) -> tuple[Reference, ...]:
    fitting = within_sizes(references, genes)
    if references and not fitting:
        raise MeasureError(
            f"reference {references[0].id!r} may have {references[0].sizes} members among the {len(genes)} genes that "
            "are described, and has another number of them; give another one, or other sizes"
        )
    return fitting


def _doing(found: Description, ready: Prepared) -> str:
    shape = ready.shape
    return (
        f"{found.name} on {len(ready.genes.names):,} genes in {shape.n_layers} layers of {shape.n_heads} heads of "
        f"model {ready.model.facts.name!r}"
    )


def _arrays(measurement: Measurement) -> dict[str, Any]:
    """Return the fields of a measurement that are there."""
    given = {field.name: getattr(measurement, field.name) for field in fields(measurement)}
    return {name: value for name, value in given.items() if value is not None}


def _profile(described: Described) -> dict[str, Any]:
    """Return a curve as a table, a row a place and a column a group."""
    import pandas as pd

    curve = described.measurement
    if not isinstance(curve, CurveFit):
        return {}
    table = pd.DataFrame({curve.curve: curve.x, "value": curve.y, "group": curve.groups})
    profile = table.pivot_table(index=curve.curve, columns="group", values="value", sort=False)
    profile.columns = pd.Index([_flat(str(name)) for name in profile.columns], dtype=object)
    return {"profile": profile}


def _storable(value: Any) -> Any:
    """Return a fact as an ``.h5ad`` file can hold it: a list as an array with NaN for None, else as JSON."""
    if not isinstance(value, list):
        return np.nan if value is None else value
    if all(isinstance(item, str) for item in value):
        return np.array(value, dtype=object)
    try:
        return np.array(value, dtype=np.float64 if None in np.ravel(np.array(value, dtype=object)) else None)
    except (TypeError, ValueError):
        return json.dumps(value)


def _flat(name: str) -> str:
    # A slash separates groups in a file.
    return name.replace("/", "|")
