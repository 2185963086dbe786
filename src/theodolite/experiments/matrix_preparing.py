"""From a matrix to the settings of its campaigns: every input read once, checked, and one partition for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from theodolite.canonical import digest
from theodolite.data import (
    CellSet,
    Reference,
    SplitError,
    UnitTable,
    choose_common_k,
    make_split,
    with_pairs,
    within_sizes,
)
from theodolite.experiments.campaign import CampaignSpec
from theodolite.experiments.finding_references import families_of, references_of
from theodolite.experiments.inputs import load_cells
from theodolite.experiments.matrix import SINGLE, Axis, Child, Matrix
from theodolite.experiments.preparing import prepare
from theodolite.experiments.reading import CampaignError
from theodolite.experiments.reference_kinds import REFERENCE_KIND
from theodolite.experiments.setting import Setting
from theodolite.experiments.surveying import surveyed
from theodolite.experiments.workspace import Workspace
from theodolite.models.facts import ModelFacts
from theodolite.plugins import find_facts

__all__ = ["instruments_of", "prepare_matrix"]

Found = TypeVar("Found")


def prepare_matrix(matrix: Matrix, workspace: Workspace, notify: Callable[[str], None] | None = None) -> list[Setting]:
    """Resolve the inputs of all campaigns of a matrix; nothing is written.

    Parameters
    ----------
    matrix
        The matrix.
    workspace
        Where all of them will run.
    notify
        Told of every campaign that is resolved, by name.

    Returns
    -------
    list of Setting
        One for each campaign, in the order in which they run.

    Raises
    ------
    CampaignError
        If an input cannot be read, two of a list have the same content, or one of the campaigns could not run.
    """
    models = _read(matrix, "models", lambda spec: find_facts(spec.place(spec.model)))
    cells = _read(matrix, "cells", lambda spec: load_cells(spec.placed_cells))
    references = _read(matrix, "references", references_of)
    _refuse_equal(matrix, "models", {place: facts.sha256 for place, facts in models.items()})
    _refuse_equal(matrix, "cells", {place: found.sha256 for place, found in cells.items()})
    _refuse_equal(
        matrix,
        "references",
        {
            place: digest(sorted([item.sha256, *(item.sizes or ())] for item in sets))
            for place, sets in references.items()
        },
    )
    blocks = _common_blocks(matrix, models, cells, references)
    found = []
    for child in matrix.children:
        if notify is not None:
            notify(child.name)
        spec = child.spec
        if blocks is not None:
            spec = spec.model_copy(update={"split": spec.split.model_copy(update={"blocks": blocks})})
        own = {key: axis.place for key, axis in child.axes.items()}
        try:
            setting = prepare(spec, workspace, references=references[own["references"]], cells=cells[own["cells"]])
        except ValueError as error:
            raise CampaignError(
                f"{matrix.path}: campaign {child.name!r} of the matrix cannot run: {error}; correct that, or leave "
                "one of its values out of the lists"
            ) from error
        found.append(setting)
    everything = digest([setting.campaign_id for setting in found])
    return [
        replace(setting, matrix=_note(matrix, child, setting, place, everything))
        for place, (child, setting) in enumerate(zip(matrix.children, found, strict=True), start=1)
    ]


def _read(matrix: Matrix, key: str, read: Callable[[CampaignSpec], Found]) -> dict[int | None, Found]:
    """Return what each value of a list points at, by position in the list, read once."""
    found: dict[int | None, Found] = {}
    for child in matrix.children:
        axis = child.axes[key]
        if axis.place not in found:
            try:
                found[axis.place] = read(child.spec)
            except (ValueError, OSError, LookupError) as error:
                raise matrix.mistake(axis, str(error)) from error
    return found


def _refuse_equal(matrix: Matrix, key: str, contents: dict[int | None, str]) -> None:
    """Refuse two values of a list that hold the same: their campaigns would be one campaign, under two names."""
    axes = {child.axes[key].place: child.axes[key] for child in matrix.children}
    first: dict[str, Axis] = {}
    for place, sha256 in contents.items():
        earlier = first.setdefault(sha256, axes[place])
        if earlier.place != place:
            raise matrix.mistake(
                axes[place],
                f"{axes[place].name!r} and {earlier.name!r} of matrix.{key} have the same content ({sha256[:12]}), so "
                "that the same campaign would be run twice; delete one of them",
            )


def _common_blocks(
    matrix: Matrix,
    models: dict[int | None, ModelFacts],
    cells: dict[int | None, CellSet],
    references: dict[int | None, tuple[Reference, ...]],
) -> int | None:
    """Return the number of hold-out blocks that fits all campaigns; None where each would choose the same by itself."""
    split = matrix.children[0].spec.split
    if split.blocks is not None or not {"cells", "references"} & set(matrix.listed):
        return split.blocks
    families = families_of(matrix.base)
    table = families if split.over == "families" else None
    units: dict[tuple[int | None, int | None], tuple[ModelFacts, UnitTable]] = {}
    for child in matrix.children:
        of_model, of_cells = child.axes["models"].place, child.axes["cells"]
        if (of_model, of_cells.place) in units:
            continue
        found = cells[of_cells.place]
        try:
            make_split(UnitTable.of(found, families), split.seed, table=table)
        except SplitError as error:
            raise matrix.mistake(of_cells, f"cells {found.name!r} cannot be split: {error}") from error
        # As in a campaign of its own: what is not surveyed is in no block.
        model = surveyed(models[of_model], found, families, child.spec.genes)
        measured = UnitTable.of(found, families, None if model.tokenise is None else model.genes)
        units[of_model, of_cells.place] = model, measured
    cases = [
        (with_pairs(within_sizes(sets, model.genes)), measured)
        for sets in references.values()
        for model, measured in units.values()
    ]
    return choose_common_k(cases, split.seed, table=table)


def _note(matrix: Matrix, child: Child, setting: Setting, place: int, everything: str) -> dict[str, Any]:
    """Return what the row of a campaign says of its matrix."""
    return {
        "name": matrix.name,
        "sha256": everything,
        "place": place,
        "children": len(matrix.children),
        "axes": {SINGLE[key]: axis.name for key, axis in child.axes.items()},
        "instruments": instruments_of(setting),
    }


def instruments_of(setting: Setting) -> dict[str, dict[str, Any]]:
    """Return for each tool of a campaign the number of its places in the model, and the kind of reference it takes."""
    return {
        tool.name: {
            "places": sum(1 for _ in tool.params.enumerate(setting.model_shape)),
            "kind": REFERENCE_KIND[tool.shape.shape],
        }
        for tool in setting.tools
    }
