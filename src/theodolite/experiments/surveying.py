"""Which genes of the cells a model can be surveyed on."""

from __future__ import annotations

from dataclasses import replace

from theodolite.data import CellSet, GeneFamilies
from theodolite.experiments.campaign import CampaignError, GenesSpec
from theodolite.models.facts import ModelFacts

__all__ = ["surveyed"]


def surveyed(model: ModelFacts, cells: CellSet, families: GeneFamilies, spec: GenesSpec | None = None) -> ModelFacts:
    """Return a model's facts with the genes that are surveyed, under the names that the cells give them.

    A model that reads all of its vocabulary is surveyed on all of it. Of one that reads the expressed genes of a cell,
    those genes are that have a family and are tokens of enough cells, by the counts alone.

    Raises
    ------
    CampaignError
        If model and cells do not fit together.
    """
    places = model.places(cells)
    if model.tokenise is None:
        return _whole(model, cells, spec)
    chosen = spec or GenesSpec()
    presence = model.tokenise(cells).presence(len(model.genes))
    first: dict[int, str] = {}
    for place, gene in zip(places.tolist(), cells.genes, strict=True):
        if place >= 0:
            first.setdefault(place, gene)
    ranked = sorted(first, key=lambda place: (-int(presence[place]), place))
    family = dict(zip(first.values(), families.of(first.values()), strict=True))
    kept = [place for place in ranked if presence[place] >= chosen.least_cells and family[first[place]] is not None][
        : chosen.most
    ]
    if len(kept) < 2:
        known = int((places >= 0).sum())
        raise CampaignError(
            f"{len(kept)} genes can be surveyed: of the {len(cells.genes)} genes of cells {cells.name!r} (such as "
            f"{', '.join(cells.genes[:3])}), {known} are known to model {model.name!r}, "
            f"{int((presence >= chosen.least_cells).sum())} are tokens of {chosen.least_cells} cells or more, and "
            f"{sum(item is not None for item in family.values())} have a family; name the column with Ensembl ids or "
            "symbols under `cells:`, a table of families under `families:`, or lower `genes: {least_cells: ...}`"
        )
    return replace(model, genes=tuple(first[place] for place in sorted(kept)))


def _whole(model: ModelFacts, cells: CellSet, spec: GenesSpec | None) -> ModelFacts:
    missing = sorted(set(model.genes) - set(cells.genes))
    if missing:
        raise CampaignError(
            f"{len(missing)} of the {len(model.genes)} genes of model {model.name!r} are not in cells {cells.name!r} "
            f"(such as {', '.join(missing[:3])}; these have {', '.join(cells.genes[:3])}); "
            "give human gene symbols, from another var column by `cells: {gene_column: ...}` where need be"
        )
    if spec is not None:
        raise CampaignError(
            f"genes: model {model.name!r} reads all {len(model.genes)} genes of its vocabulary and is surveyed on all "
            "of them; leave `genes:` out"
        )
    return model
