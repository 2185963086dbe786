"""From a campaign file to its setting: every input found, read and checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from theodolite.claims import Named
from theodolite.data import (
    CellSet,
    GeneFamilies,
    Reference,
    UnitTable,
    choose_k,
    load_families,
    load_programs,
    make_split,
    member_pairs,
)
from theodolite.experiments.campaign import CampaignError, CampaignSpec
from theodolite.experiments.inputs import load_cells
from theodolite.experiments.setting import Setting
from theodolite.experiments.surveying import surveyed
from theodolite.experiments.workspace import Workspace
from theodolite.plugins import find_facts, find_references
from theodolite.prompts import load_prompts

__all__ = ["PACKAGED", "PROGRAMS", "families_of", "prepare", "references_of", "with_pairs"]

PROGRAMS = "programs"
"""What a campaign file calls the packaged gene programs."""
PACKAGED = "packaged"
"""What a campaign file calls the packaged homology families."""


def prepare(
    spec: CampaignSpec,
    workspace: Workspace,
    *,
    references: Iterable[Reference] | None = None,
    cells: CellSet | None = None,
) -> Setting:
    """Resolve a campaign's inputs; nothing is written.

    Parameters
    ----------
    spec
        The campaign file.
    workspace
        Where it will run.
    references
        Gene sets and regulons to use in place of those that the file names.
    cells
        The cells that the file names, where they were read before.

    Raises
    ------
    CampaignError
        If model and cells do not fit together, nothing can be tested, or a name is none that a claim can bear.
    """
    model = find_facts(spec.place(spec.model))
    if cells is None:
        cells = load_cells(spec.placed_cells)
    families = families_of(spec)
    model = surveyed(model, cells, families, spec.genes)
    _check_name("model", model.name, "rename its folder")
    _check_name("cells", cells.name, "rename the file")
    both = with_pairs(references_of(spec) if references is None else references)
    for reference in both:
        _check_name("reference", reference.id, "give it another id; its title may be anything")
    units = UnitTable.of(cells, families, None if model.tokenise is None else model.genes)
    table = families if spec.split.over == "families" else None
    k = spec.split.blocks or choose_k(both, units, spec.split.seed, table=table)
    split = make_split(units, spec.split.seed, k=k, table=table)
    setting = Setting(
        spec,
        workspace,
        model,
        cells,
        families,
        {reference.id: reference for reference in both},
        split,
        prompts=None if spec.agents is None else load_prompts(spec.prompts_folder),
    )
    found = setting.testability(split.blocks[0])
    if not any(item.testable for item in found.values()):
        first = next(iter(found.values()))
        raise CampaignError(f"no reference can be tested on these cells: {first.reason}; {first.remedy}")
    return setting


def families_of(spec: CampaignSpec) -> GeneFamilies:
    """Return the table of families that a campaign file names.

    Raises
    ------
    CampaignError, FamilyTableError
        If there is no such file, or it is no table.
    """
    return load_families(_file(spec, "families", PACKAGED))


def with_pairs(references: Iterable[Reference]) -> tuple[Reference, ...]:
    """Return references, and after them the pairs inside each set, of which pair claims are made."""
    sets = tuple(references)
    return (*sets, *(member_pairs(reference) for reference in sets if reference.kind == "set"))


def references_of(spec: CampaignSpec) -> tuple[Reference, ...]:
    """Return the packaged references, those of a plug-in, or those of a file; a name comes before a path."""
    if spec.references == PROGRAMS:
        return load_programs()
    named = find_references(spec.references, look=not Path(spec.place(spec.references)).is_file())
    return named or load_programs(_file(spec, "references", PROGRAMS))


def _check_name(what: str, name: str, remedy: str) -> None:
    try:
        Named(name=name, sha256="0" * 64)
    except ValidationError:
        raise CampaignError(
            f"the {what} is called {name!r}; a claim bears names of 1 to 80 letters, digits and the signs _ . : + -, "
            f"beginning with a letter or digit: {remedy}"
        ) from None


def _file(spec: CampaignSpec, key: str, packaged: str) -> Path | None:
    value: str = getattr(spec, key)
    if value == packaged:
        return None
    file = Path(spec.place(value))
    if not file.is_file():
        raise CampaignError(f"{key} is {value!r}: neither {packaged!r} nor a file that exists; give the path of one")
    return file
