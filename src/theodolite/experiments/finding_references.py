"""From what a campaign file names to references: packaged, a plug-in's, of the catalogue, or of a file."""

from __future__ import annotations

from pathlib import Path

from theodolite.data import GeneFamilies, Reference, load_families, load_programs
from theodolite.data.catalogue import is_resource, load_resource, load_resource_families
from theodolite.data.catalogue.entries import CATALOGUE
from theodolite.data.catalogue.paralogues import read_family_table
from theodolite.data.columns import decoded
from theodolite.experiments.campaign import CampaignError, CampaignSpec
from theodolite.experiments.references_spec import ReferenceItem, each_of
from theodolite.plugins import find_references

__all__ = ["PACKAGED", "PROGRAMS", "families_of", "references_of"]

PROGRAMS = "programs"
"""What a campaign file calls the packaged gene programs."""
PACKAGED = "packaged"
"""What a campaign file calls the packaged homology families."""
_TABLES = (".gmt", ".tsv", ".csv", ".txt", ".json", ".gz")
"""Endings of files that say nothing of what they are."""


def references_of(spec: CampaignSpec) -> tuple[Reference, ...]:
    """Return the references that a campaign file names, in its order.

    A name is looked for among the packaged, those of plug-ins, files, and resources of the catalogue, in this order.
    Of several that are named, one with the content of an earlier one is left out.

    Raises
    ------
    CampaignError, CatalogueError, ReferenceTableError, PluginError
        If one cannot be found or read, or two that are named hold the same id.
    """
    named: dict[str, tuple[Reference, str]] = {}
    contents: set[str] = set()
    several = each_of(spec.references)
    for item in several:
        of = item.resource if isinstance(item, ReferenceItem) else item
        for reference in _of_item(spec, item) if isinstance(item, ReferenceItem) else _of_name(spec, item):
            if len(several) > 1 and reference.id in named:
                first = named[reference.id][1]
                raise CampaignError(
                    f"references {first!r} and {of!r} both hold {reference.id!r}; leave one of them out"
                )
            if len(several) > 1 and reference.sha256 in contents:
                continue
            named[reference.id] = (reference, of)
            contents.add(reference.sha256)
    return tuple(reference for reference, _ in named.values())


def _of_item(spec: CampaignSpec, item: ReferenceItem) -> tuple[Reference, ...]:
    return load_resource(
        item.resource,
        file=None if item.file is None else Path(spec.place(item.file)),
        sizes=(item.min_size, item.max_size),
        threshold=item.threshold,
        classes=item.classes,
        orthologues=None if item.orthologues is None else spec.place(item.orthologues),
    )


def _of_name(spec: CampaignSpec, name: str) -> tuple[Reference, ...]:
    if name == PROGRAMS:
        return load_programs()
    file = Path(spec.place(name))
    offered = find_references(name, look=not file.is_file())
    if offered:
        return offered
    if file.is_file():
        if file.suffix.lower() in _TABLES:
            raise CampaignError(
                f"references is {name!r}, a table that does not say what it is; say it: "
                f"`references: {{resource: NAME, file: {name}}}`, where NAME is one of {_resources()}"
            )
        return load_programs(file)
    if is_resource(name):
        return load_resource(name)
    raise CampaignError(
        f"references is {name!r}: neither {PROGRAMS!r} nor a file that exists; give the path of one, or a resource of "
        f"`theodolite data list` ({_resources()})"
    )


def _resources() -> str:
    return ", ".join(resource.name for resource in CATALOGUE.values() if resource.references is not None)


def families_of(spec: CampaignSpec) -> GeneFamilies:
    """Return the table of families that a campaign file names: packaged, a file, or a resource of the catalogue.

    Raises
    ------
    CampaignError, CatalogueError, FamilyTableError
        If there is no such file or resource, or it is no table of families.
    """
    if spec.families == PACKAGED:
        return load_families()
    file = Path(spec.place(spec.families))
    if file.is_file():
        return read_family_table(decoded(file.read_bytes(), str(file)), where=str(file))
    if spec.families in CATALOGUE:
        return load_resource_families(spec.families)
    raise CampaignError(
        f"families is {spec.families!r}: neither {PACKAGED!r} nor a file that exists; give the path of one, or a "
        "resource of `theodolite data list` that gives families"
    )
