"""Kinds of genes: a planted class and a gene that comes near its lineage are told, and nothing else is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from planted_vectors import World, plant
from small_subjects import reference, subject

from theodolite.data import GeneStatistics
from theodolite.descriptions import DescriptionError, Subject
from theodolite.descriptions.geometry_classes import depth_signals, gene_class, lineage_convergence

CLASS: dict[str, Any] = {"first": 1, "last": 1, "draws": 19}
GENES = tuple(f"G{place}" for place in range(120))
NEAR, FAR = reference("set", GENES[:15], "near"), reference("set", GENES[15:30], "far")


def given(world: World, layers: int = 1) -> Subject:
    found = reference("regulon", world.edges)
    return subject(world.vectors[:layers], world.genes, found, statistics=world.statistics)


def test_a_planted_class_is_a_gain_over_expression_and_an_empty_world_has_none() -> None:
    found = gene_class.run(given(plant(4, gene_class=2.0)), gene_class.params(**CLASS))
    assert found.facts["known.null.p_any"] == 0.05 and found.facts["known.gain_null.p_any"] == 0.05
    assert found.facts["known.profile.estimand"] == "gene class"
    assert found.sentence.endswith("This is gene class, not edges.")
    empty = gene_class.run(given(plant(6)), gene_class.params(**CLASS)).facts
    assert empty["known.null.p_any"] > 0.05 and empty["known.profile.auroc.mean"] < 0.65


def test_f5_what_expression_alone_does_stands_beside_and_takes_the_gain_away() -> None:
    facts = gene_class.run(given(plant(3, class_by_expression=1.8)), gene_class.params(**CLASS)).facts
    assert facts["known.profile.auroc.mean"] > 0.75 and facts["known.covariates"] > 0.75
    assert facts["known.null.p_any"] <= 0.05 < facts["known.gain_null.p_any"]


def test_f5_edges_and_class_have_depths_of_their_own() -> None:
    """Edges fade with depth while the class becomes clearer."""
    worlds = [plant(3, edges=share, gene_class=apart) for share, apart in ((0.9, 0.3), (0.5, 0.9), (0.0, 1.8))]
    world, vectors = worlds[0], np.stack([world.vectors[0] for world in worlds])
    what = subject(vectors, world.genes, reference("regulon", world.edges), statistics=world.statistics)
    params = depth_signals.params(**CLASS | {"draws": 4}, edge_first=2, edge_last=4, edge_draws=49)
    found = depth_signals.run(what, params)
    assert found.facts["known.edges.first"] > 0.6 > found.facts["known.edges.last"]
    assert found.facts["known.gene_class.last"] > 0.75 > found.facts["known.gene_class.first"]
    assert found.facts["known.edges.p_any"] <= 0.05 and set(found.measurement.groups) == {
        "known, edges",
        "known, gene class",
    }


def walking(seed: int) -> Subject:
    """Return four layers in which gene G40 walks to the first lineage and G41 stays."""
    random = np.random.default_rng(seed)
    base = 2.0 * random.standard_normal((120, 10))
    centres = 4.0 * random.standard_normal((2, 10))
    base[:15] = centres[0] + 0.3 * random.standard_normal((15, 10))
    base[15:30] = centres[1] + 0.3 * random.standard_normal((15, 10))
    vectors = np.repeat(base[None], 4, axis=0) + 0.05 * random.standard_normal((4, 120, 10))
    for layer, share in enumerate((0.0, 0.3, 0.6, 0.9)):
        vectors[layer, 40] = (1.0 - share) * base[40] + share * centres[0]
    mean = random.lognormal(0.0, 0.3, 120)
    statistics = GeneStatistics(GENES, mean, mean, np.exp(-mean))
    return subject(vectors, GENES, NEAR, FAR, statistics=statistics)


def test_a_gene_that_comes_near_its_lineage_is_told_and_one_that_stays_is_not() -> None:
    params = lineage_convergence.params(followed=("G40", "G41"), matched=60)
    found = lineage_convergence.run(walking(0), params)
    assert found.facts["G40.null.p_drop"] <= 0.05 < found.facts["G41.null.p_drop"]
    assert found.facts["G40.specific"] is True and found.facts["G40.null.genes"] == 60
    assert found.sentence.startswith(
        "'G40' has the smallest p of 2 genes, the least that 60 matched genes can give, before any correction for "
        "choosing among them: its rank among 120 genes"
    )
    ranks, matched = (found.measurement.y[np.array(found.measurement.groups) == f"G40{of}"] for of in ("", ", matched"))
    assert (
        "the mean of 60 of 104 genes that are expressed and begin most alike, which begin at rank "
        f"{matched[0]:.4g} where it begins at {ranks[0]:.4g}, goes to {matched[-1]:.4g} (p of the fall 0.016 of 0.016"
    ) in found.sentence
    assert "on no other lineage as far" in found.sentence and len(found.facts["G40.other_lineages.far"]) == 4


def test_a_tenth_of_the_genes_is_matched_where_nobody_says_how_many_and_one_at_the_least() -> None:
    found = lineage_convergence.run(walking(0), lineage_convergence.params(followed=("G40", "G1")))
    assert (found.facts["G40.null.genes"], found.facts["G40.null.candidates"]) == (10, 104)
    assert found.facts["G1.null.candidates"] == 105, "a marker is none of those that the others are matched among"
    whole, few = walking(0), GENES[:22] + ("G40",)
    places = [GENES.index(gene) for gene in few]
    statistics = GeneStatistics(few, *(np.linspace(1.0, 2.0, len(few)),) * 3)
    tiny = subject(whole.vectors()[:, places], few, NEAR, statistics=statistics)
    facts = lineage_convergence.run(tiny, lineage_convergence.params(followed=("G40",))).facts
    assert (facts["G40.null.genes"], facts["G40.null.candidates"]) == (1, 7)
    facts = lineage_convergence.run(tiny, lineage_convergence.params(followed=("G40",), matched=200)).facts
    assert facts["G40.null.genes"] == 7


def test_the_other_lineage_can_be_asked_about_and_one_that_is_not_there_is_named() -> None:
    found = lineage_convergence.run(walking(1), lineage_convergence.params(followed=("G40",), lineage="far"))
    assert found.facts["lineage"] == "far" and found.facts["G40.specific"] is False
    with pytest.raises(DescriptionError, match="no lineage 'liver' was given; there are near, far"):
        lineage_convergence.run(walking(1), lineage_convergence.params(followed=("G40",), lineage="liver"))
    with pytest.raises(DescriptionError, match="PAX5 have no vector at every layer; leave them out"):
        lineage_convergence.run(walking(1), lineage_convergence.params(followed=("PAX5",)))
