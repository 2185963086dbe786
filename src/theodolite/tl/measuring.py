"""Any registered instrument on an AnnData."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from theodolite.data import GeneFamilies, Reference
from theodolite.descriptions.saes import DictionaryParams, dictionary_bytes
from theodolite.plugins import find_tool
from theodolite.tl.choosing import given_once, regulators_among
from theodolite.tl.comparing import labelled, references_for, regulons_named, table_of
from theodolite.tl.errors import MeasureError
from theodolite.tl.memory import adjusting_bytes, measuring_bytes
from theodolite.tl.preparing import Prepared, prepare
from theodolite.tl.seeding import seeded
from theodolite.tl.storing import STORED, check_key, into, put_facts, put_measurement
from theodolite.tools import Tool, ToolParams

__all__ = ["STANDING", "measure"]

STANDING = (
    "description: axes, or features of one seed, where there are any, were fitted on the same genes that are measured, "
    "and no null was drawn; "
    "this is no held-out claim, and nothing was registered, tested or judged"
)
"""What a stored result says of itself."""


def measure(
    adata: Any,
    tool: str | Tool,
    *,
    model: Any,
    key_added: str | None = None,
    copy: bool = False,
    counts: str = "X",
    cells: Mapping[str, Any] | None = None,
    genes: str | Sequence[str] | np.ndarray[Any, Any] | None = None,
    families: str | Path | GeneFamilies | None = None,
    regulators: str | Sequence[str] | Reference | None = None,
    reference: Any = None,
    adjust: bool = True,
    cache: str | Path | None = None,
    max_memory_gb: float | None = None,
    seed: int = 0,
    params: Mapping[str, Any] | None = None,
    **named: Any,
) -> Any:
    """Run an instrument on the cells of an AnnData and store its scores there.

    This describes a model on cells. Axes are fitted on the genes that are measured and no null is drawn, so that a
    score, or an AUROC that was looked for in many places, is no finding; a campaign (``theodolite run``) locks a claim
    first and tests it on genes of other families.

    Parameters
    ----------
    adata
        Cells by genes, in memory, with integer counts.
    tool
        Name of an instrument that ``theodolite tools list`` prints, of an installed or loaded plug-in too, or the
        instrument.
    model
        Name of a packaged or added model or of a plug-in's, a folder, or an object of
        :class:`~theodolite.models.protocol.FoundationModel`, whose ``sha256`` stands for its weights.
    key_added
        Where the result is kept; the instrument's name with an underscore in place of the dot where not given.
    copy
        Whether to leave ``adata`` as it is and return a copy with the result.
    counts
        Which matrix of ``adata`` holds the counts: ``X``, ``raw``, the name of a layer, or ``auto`` to take the first
        that does. (``layer`` is a layer of the model here.)
    cells
        What else is to be known of the cells, by the keys of ``cells:`` in a campaign file: ``species``,
        ``gene_column``, ``ensembl_column``, ``aliases``, ``labels``, ``donor``, ``batch``, ``cell_type``, ...
    genes
        Names, a mask of shape (n_vars,), or the name of a boolean column of ``adata.var``. Genes that a mask holds and
        the model has no vector of are left out. None for all that the model knows (of one that reads the expressed
        genes of a cell, at most the 2,000 that most cells have, each in 20 cells or more). They are measured in the
        model's order.
    families
        Table of gene families: ``packaged`` (None), a path, or a resource of the catalogue. A pair inside a family is
        left out of AUROCs. A gene without an entry is a family of its own.
    regulators
        For an instrument that scores regulators: genes, a regulon, or the name of one. Those of the reference where not
        given.
    reference
        What scores are held against: a name, a :class:`~theodolite.data.Reference` or several, a list of genes, or a
        list of pairs of genes.
    adjust
        Whether AUROCs are also given of what is left of the scores after what gates take out of them. For pairs that
        takes memory: some 1.5 kB a pair.
    cache
        Folder in which the capture of the model is kept, as campaigns keep theirs; the setting where not given.
        Captures are kept in memory by content in any case, until :func:`theodolite.tl.forget`.
    max_memory_gb
        Gigabytes that the measurement may take by its estimate; the setting where not given.
    seed
        Seed of whatever the instrument draws; generators are put back as they were.
    params, named
        Parameters of the instrument by name; ``params`` for names that are taken here.

    Returns
    -------
    AnnData or None
        The copy, or None where ``adata`` itself was changed. Scores of genes are in ``var[key]``, of pairs in
        ``varp[key]`` (n_vars, n_vars), and of regulators in ``varm[key]``, a table with one column a regulator; NaN
        where a gene was not measured and for a gene with itself. ``uns[key]`` holds the instrument, its version and
        parameters, the unit, model and cells by hash, what standing the result has, and with ``reference`` the table
        ``references`` of :func:`theodolite.tl.comparing.table_of`.

    Raises
    ------
    MeasureError
        For an unknown instrument or parameter, a gene that is not to be had, missing regulators, a reference of another
        kind; the message names the value and the remedy.
    MemoryLimitError
        If the estimate exceeds the memory that is allowed; nothing has run then.
    ToolError
        If this model has no such place, or the instrument cannot measure.
    InterventionError
        If an edit of an instrument that intervenes does not do what it says.
    CellDataError, ModelNotFoundError, CheckpointError, CampaignError, CatalogueError, FamilyTableError
        If cells, model, reference or table of families cannot be had.
    """
    instrument = _instrument(tool)
    key = check_key(instrument.name.replace(".", "_") if key_added is None else key_added)
    ready = prepare(
        adata, model, counts=counts, cells=cells, genes=genes, families=families, cache=cache,
        max_memory_gb=max_memory_gb,
    )  # fmt: skip
    parsed = _parsed(instrument, ready, params or {}, named)
    references = () if reference is None else references_for(instrument, reference, ready.read.cells.genes)
    chosen = _regulators(instrument, ready, regulators, references)
    labels = labelled(references, ready.genes.names, ready.families, chosen) if references else {}
    size = ready.size(chosen)
    beside = {"the measurement": measuring_bytes(instrument, parsed, size, adata.n_vars)}
    if instrument.seeded:
        beside["a dictionary"] = dictionary_bytes(size, DictionaryParams())
    if labels and adjust:
        beside["adjusted AUROCs (adjust=False leaves them out)"] = adjusting_bytes(instrument.shape.shape, size)
    ready.check_memory(_doing(instrument, ready), beside)

    bench = ready.bench(chosen, axes="axes" in instrument.fits, seeded=instrument.seeded)
    with seeded(seed):
        measurement = instrument.measure(bench, parsed)

    facts: dict[str, Any] = {
        "tool": instrument.name,
        "version": instrument.version,
        "source_sha256": instrument.source_sha256,
        "params": parsed.model_dump(mode="json"),
        "place": str(parsed.locus()),
        "shape": instrument.shape.shape,
        "stored_in": STORED[instrument.shape.shape],
        "unit": instrument.unit,
        "seed": seed,
        **ready.facts(),
        "standing": STANDING,
    }
    if labels:
        facts["references"] = table_of(measurement, labels, ready.read.cells, adjust=adjust)
    target = into(adata, copy=copy)
    put_measurement(target, key, ready.read.rows, measurement)
    put_facts(target, key, facts)
    return target if copy else None


def _doing(instrument: Tool, ready: Prepared) -> str:
    shape = ready.shape
    return (
        f"{instrument.name} on {len(ready.genes.names):,} genes in {shape.n_layers} layers of {shape.n_heads} heads of "
        f"model {ready.model.facts.name!r}"
    )


def _instrument(tool: str | Tool) -> Tool:
    if isinstance(tool, Tool):
        found = tool
    else:
        try:
            found = find_tool(tool)
        except KeyError as error:
            raise MeasureError(f"{error.args[0]}; theodolite.plugins.load_plugin(PATH) loads one of your own") from None
    if found.relation.of_cells:
        raise MeasureError(
            f"{found.name} reads anchors, of which it scores no gene; theodolite.tl.manifold_search makes them of an "
            "AnnData and searches, and a campaign with `manifold:` claims"
        )
    if found.shape.shape not in STORED:
        raise MeasureError(
            f"{found.name} returns {found.shape.shape}, which has no place in an AnnData; these have: "
            f"{', '.join(STORED)}"
        )
    return found


def _parsed(instrument: Tool, ready: Prepared, given: Mapping[str, Any], named: Mapping[str, Any]) -> ToolParams:
    try:
        return instrument.check_params(given_once(given, named), ready.shape)
    except ValidationError as error:
        first = error.errors()[0]
        fields = instrument.params.model_fields
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise MeasureError(
                f"{instrument.name} has no parameter {name!r}; it has {', '.join(fields)} (and where the counts of "
                "adata are is said by `counts`)"
            ) from None
        meaning = f" ({fields[name].description})" if name in fields else ""
        # A check of several parameters together has no name.
        said = f"parameter {name} is missing" if first["type"] == "missing" else first["msg"]
        if name and first["type"] != "missing":
            said = f"{name} is {first['input']!r}: {said}"
        raise MeasureError(
            f"{instrument.name}: {said}{meaning}; see `theodolite tools describe {instrument.name}`"
        ) from None


def _regulators(instrument: Tool, ready: Prepared, given: Any, references: Sequence[Reference]) -> tuple[str, ...]:
    wanted = instrument.shape.shape == "BipartiteScores"
    if given is None and not wanted:
        return ()
    named = regulons_named(given) or tuple(item for item in references if item.kind == "regulon")
    return regulators_among(named, ready.genes.names)
