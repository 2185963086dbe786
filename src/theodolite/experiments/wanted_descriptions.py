"""Which descriptions a campaign asks for: with their parameters, what they are held against, and on which variants."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from theodolite.data import DISCOVERY, Reference
from theodolite.descriptions import Description, DescriptionError, Offered, check_fit
from theodolite.experiments.described_with import references_from_bytes, references_to_bytes
from theodolite.experiments.descriptions_spec import DescriptionItem
from theodolite.experiments.reading import CampaignError
from theodolite.gates import BASELINES
from theodolite.measurements import Variant, VariantKind
from theodolite.plugins import find_description

if TYPE_CHECKING:
    from theodolite.experiments.setting import Setting

__all__ = ["UNTRAINED", "Wanted", "description_conflicts", "wanted_descriptions"]

UNTRAINED = next(variant for variant in BASELINES if Variant.parse(variant).kind is VariantKind.UNTRAINED)
"""The baseline that may be described beside the model: the untrained one that every claim is held against too."""

_IN_WORDS = {"set": "set", "pairs": "list of pairs", "regulon": "regulon"}


@dataclass(frozen=True)
class Wanted:
    """One description of one variant of a campaign's model.

    Attributes
    ----------
    description, params
        What is run, with every parameter as plain data.
    references
        What it is held against, whole.
    variant
        ``main``, or :data:`UNTRAINED`.
    """

    description: Description
    params: Mapping[str, Any]
    references: tuple[Reference, ...]
    variant: str


def wanted_descriptions(setting: Setting) -> tuple[Wanted, ...]:
    """Return what a campaign's file asks for, in its order; a baseline comes behind the model.

    Raises
    ------
    CampaignError
        If a description names a reference that the campaign does not have, or one of a kind that it does not take.
    """
    return tuple(
        wanted for item in setting.spec.descriptions or () for wanted in _variants(item, dict(setting.references))
    )


def description_conflicts(setting: Setting) -> tuple[str, ...]:
    """Return why descriptions of a campaign could say nothing: parameters that name what is not there, one text each.

    A layer, head or axis that the model does not have, a reference that is not among those of the description, or a
    gene that is not among those to explore.

    Raises
    ------
    CampaignError
        As of :func:`wanted_descriptions`.
    """
    genes = setting.genes(DISCOVERY)
    found: list[str] = []
    for wanted in wanted_descriptions(setting):
        # What a job is given, for a reference without a member to explore is not there.
        given = references_from_bytes(references_to_bytes(wanted.references, genes))
        offered = Offered(genes, setting.model.width, setting.model_shape, given, setting.cells.roles)
        try:
            check_fit(wanted.description.parsed(wanted.params), offered)
        except DescriptionError as error:
            found.append(
                f"descriptions: {wanted.description.name}: {error} (a campaign describes the {len(genes):,} genes to "
                "explore, and none that is kept for tests)"
            )
    # The same is said of the model and of a baseline.
    return tuple(dict.fromkeys(found))


def _variants(item: DescriptionItem, references: Mapping[str, Reference]) -> Iterator[Wanted]:
    description = find_description(item.name)
    params = description.parsed(item.params).model_dump(mode="json")
    against = _held_against(description, item, references)
    for variant in ("main", UNTRAINED) if item.untrained else ("main",):
        yield Wanted(description, params, against, variant)


def _held_against(
    description: Description, item: DescriptionItem, references: Mapping[str, Reference]
) -> tuple[Reference, ...]:
    if description.references == "none":
        return ()
    # Only what the campaign's own row names: a set alone would make pairs of any size here.
    fitting = {item.id: item for item in description.fitting(tuple(references.values())) if item.id in references}
    if not fitting:
        raise CampaignError(
            f"descriptions: {description.name} is held against {description.references}, and the campaign has none "
            "within its sizes; name some under `references:`, or leave the description out"
        )
    if item.references is None:
        return tuple(fitting.values())
    named = [_called(name, description, fitting, references) for name in item.references]
    return tuple({reference.id: reference for reference in named}.values())


def _called(
    name: str, description: Description, fitting: Mapping[str, Reference], references: Mapping[str, Reference]
) -> Reference:
    """Return the reference of a name; a set stands for the pairs of its members where pairs are asked for."""
    pairs = f"{name}_pairs" if description.references == "pairs" else name
    found = fitting.get(name) or fitting.get(pairs)
    if found is not None:
        return found
    known = references.get(name)
    near = difflib.get_close_matches(name, fitting, n=3, cutoff=0.4) or list(fitting)[:3]
    what = "is no reference of this campaign" if known is None else f"is a {_IN_WORDS[known.kind]}"
    raise CampaignError(
        f"descriptions: {description.name} is held against {description.references}, and {name!r} {what}; name one "
        f"such as {', '.join(near)}, or leave `references` out for all {len(fitting)}"
    )
