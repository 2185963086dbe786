"""From a campaign file to its setting: every input found, read and checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from theodolite.claims import Named
from theodolite.data import (
    CellSet,
    Reference,
    UnitTable,
    choose_k,
    make_split,
    with_pairs,
    within_sizes,
)
from theodolite.experiments.campaign import CampaignError, CampaignSpec
from theodolite.experiments.finding_references import families_of, references_of
from theodolite.experiments.inputs import load_cells
from theodolite.experiments.setting import Setting
from theodolite.experiments.surveying import surveyed
from theodolite.experiments.wanted_descriptions import wanted_descriptions
from theodolite.experiments.workspace import Workspace
from theodolite.plugins import find_facts
from theodolite.prompts import load_prompts

__all__ = ["prepare"]


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
    if spec.manifold is not None:
        from theodolite.experiments.manifolds.preparing import prepare_manifold

        return prepare_manifold(spec, workspace, cells=cells)
    model = find_facts(spec.place(spec.model))
    if cells is None:
        cells = load_cells(spec.placed_cells)
    families = families_of(spec)
    model = surveyed(model, cells, families, spec.genes)
    _check_name("model", model.name, "rename its folder")
    _check_name("cells", cells.name, "rename the file")
    named = tuple(references_of(spec) if references is None else references)
    both = with_pairs(within_sizes(named, model.genes))
    if named and not both:
        low, high = named[0].sizes or (1, 1)
        raise CampaignError(
            f"none of {len(named)} references has a size within its bounds ({low} to {high} for {named[0].id}) among "
            f"the {len(model.genes):,} genes of {cells.name!r} that {model.name!r} knows; give others by `min_size` "
            f"and `max_size`, or genes by the same names ({', '.join(sorted(named[0].genes)[:3])} and "
            f"{', '.join(model.genes[:3])})"
        )
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
    wanted_descriptions(setting)
    found = setting.testability(split.blocks[0])
    if not any(item.testable for item in found.values()):
        first = next(iter(found.values()))
        raise CampaignError(f"no reference can be tested on these cells: {first.reason}; {first.remedy}")
    return setting


def _check_name(what: str, name: str, remedy: str) -> None:
    try:
        Named(name=name, sha256="0" * 64)
    except ValidationError:
        raise CampaignError(
            f"the {what} is called {name!r}; a claim bears names of 1 to 80 letters, digits and the signs _ . : + -, "
            f"beginning with a letter or digit: {remedy}"
        ) from None
