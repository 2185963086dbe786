"""A planted model answers tools with the planted scores."""

from __future__ import annotations

import numpy as np
import pytest

from theodolite.data.planted import PlantedActivations, PlantedStructure, plant_structure
from theodolite.measurements import Variant, VariantKind
from theodolite.models.planted import PlantedModel, counts_attention

MAIN = Variant(VariantKind.MAIN)


@pytest.fixture(scope="module")
def structure() -> PlantedStructure:
    return plant_structure(21)


@pytest.fixture(scope="module")
def model(structure: PlantedStructure) -> PlantedModel:
    return PlantedModel(PlantedActivations(structure, 0), counts_attention(structure))


@pytest.mark.parametrize("head", [1, 6, None])
def test_the_logarithm_of_attention_to_a_regulator_is_the_planted_score(model: PlantedModel, head: int | None) -> None:
    structure = model.activations.structure
    genes = structure.split.genes("block-2")
    regulators = [gene for gene in genes if gene in structure.graph.regulators]
    columns = [genes.index(gene) for gene in regulators]
    attention = model.attention(2, head, genes, MAIN)
    position = {gene: index for index, gene in enumerate(structure.graph.genes)}
    planted = model.activations.score(2, head)[
        np.ix_([position[gene] for gene in regulators], [position[gene] for gene in genes])
    ]
    assert np.array_equal(np.log(attention[:, columns].T).astype(np.float32), planted)
    others = np.setdiff1d(np.arange(len(genes)), columns)
    assert (attention[:, others] == 0).all()


def test_facts_name_the_world_and_change_with_the_model(structure: PlantedStructure, model: PlantedModel) -> None:
    other = PlantedModel(PlantedActivations(structure, 1), model.counts)
    assert model.facts.genes == structure.cells.genes
    assert (model.facts.n_layers, model.facts.n_heads, model.facts.read_out) == (6, 6, False)
    assert model.facts.sha256 != other.facts.sha256
    assert model.facts.name != other.facts.name


def test_counts_stand_in_with_co_expression_and_are_the_same_in_every_head(model: PlantedModel) -> None:
    structure = model.activations.structure
    genes = structure.split.genes("block-1")
    counts = Variant(VariantKind.COUNTS)
    attention = model.attention(1, 1, genes, counts)
    assert np.array_equal(attention, model.attention(5, None, genes, counts))
    position = {gene: index for index, gene in enumerate(structure.graph.genes)}
    module = structure.graph.module[[position[gene] for gene in genes]]
    inside = (module[:, None] == module[None, :]) & (module[:, None] >= 0) & ~np.eye(len(genes), dtype=bool)
    assert attention[inside].mean() > 2 * attention[~inside].mean()


def test_a_gene_of_another_world_is_refused(model: PlantedModel) -> None:
    with pytest.raises(KeyError):
        model.attention(1, 1, ("TP53",), MAIN)
