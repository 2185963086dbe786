"""Which genes of the cells a model can be surveyed on."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from theodolite.data import CellSet, GeneFamilies
from theodolite.experiments.campaign import CampaignError, GenesSpec
from theodolite.experiments.machine import memory_bytes
from theodolite.models.facts import ModelFacts

__all__ = ["surveyed"]

_BYTES_A_PAIR = 20
"""A double of the running sum, and a float of the mean three times: made, written, and as the file's content."""


def surveyed(model: ModelFacts, cells: CellSet, families: GeneFamilies, spec: GenesSpec | None = None) -> ModelFacts:
    """Return a model's facts with the genes that are surveyed, under the names that the cells give them.

    A model that reads all of its vocabulary is surveyed on all of it. Of one that reads the expressed genes of a cell,
    those genes are that have a family and are tokens of enough cells, by the counts alone. A token that several columns
    of the cells make up is left out: what the model reads is none of them.

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
    columns = Counter(places[places >= 0].tolist())
    first = {place: gene for place, gene in zip(places.tolist(), cells.genes, strict=True) if columns[place] == 1}
    ranked = sorted(first, key=lambda place: (-int(presence[place]), place))
    family = dict(zip(first.values(), families.of(first.values()), strict=True))
    enough = (place for place in ranked if presence[place] >= chosen.least_cells)
    kept = [place for place in enough if family[first[place]] is not None][: chosen.most]
    if len(kept) < 2:
        known = int((places >= 0).sum())
        raise CampaignError(
            f"{len(kept)} genes can be surveyed: of the {len(cells.genes)} genes of cells {cells.name!r} (such as "
            f"{', '.join(cells.genes[:3])}), {known} are known to model {model.name!r}, "
            f"{known - len(first)} of them share a token with another, "
            f"{int((presence >= chosen.least_cells).sum())} are tokens of {chosen.least_cells} cells or more, and "
            f"{sum(item is not None for item in family.values())} have a family; name the column with Ensembl ids or "
            "symbols under `cells:`, a table of families under `families:`, or lower `genes: {least_cells: ...}`"
        )
    _refuse_too_many(model, len(kept))
    return replace(model, genes=tuple(first[place] for place in sorted(kept)))


def _refuse_too_many(model: ModelFacts, n: int) -> None:
    """Refuse a survey whose sums and means of attention no worker of this machine could hold."""
    heads, memory = model.n_layers * model.n_heads, memory_bytes()
    if _BYTES_A_PAIR * heads * n**2 > memory:
        fits = math.isqrt(memory // (_BYTES_A_PAIR * heads))
        raise CampaignError(
            f"attention between {n} genes in {heads} heads of model {model.name!r} takes some "
            f"{_BYTES_A_PAIR * heads * n**2 / 2**30:.0f} GiB while it is read, and this machine has "
            f"{memory / 2**30:.0f}; give `genes: {{most: {fits // 100 * 100 or fits}}}` or less"
        )


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
