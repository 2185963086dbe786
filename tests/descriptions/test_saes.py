"""Descriptions of dictionaries: what is planted in features is found, beside its control, and sentences equal facts."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_subjects import reference, subject

from theodolite.data import Reference, load_pbmc
from theodolite.descriptions import (
    Described,
    DescriptionError,
    DescriptionParams,
    Offered,
    Subject,
    check_fit,
    description,
    get_description,
)
from theodolite.descriptions import registry as registry_module
from theodolite.descriptions.saes import dictionary_bytes, dictionary_quality, feature_alignment, feature_annotation
from theodolite.measurements import CurveFit
from theodolite.models.registry import load_model
from theodolite.saes import Dictionary, DictionaryRecipe, SAESettings, SAETrainingError, SparseAutoencoder
from theodolite.saes.dictionaries import make_dictionary
from theodolite.saes.histograms import VALUE_EDGES
from theodolite.saes.reading import FeatureReading
from theodolite.saes.state import TrainingState
from theodolite.tools import BenchSize, ModelShape

LAYERS, WIDTH, N = 4, 16, 120
GENES = tuple(f"G{number:03d}" for number in range(N))
MEMBERS = GENES[3:51:4]
"""Twelve genes, on which one feature is planted."""
Trained = Callable[[DictionaryRecipe], Dictionary]
COVARIANCE = np.diag(np.arange(WIDTH, 0, -1.0))
"""Its axes are those of the coordinates, with shares of the variance of 16, 15, ... parts of 136."""


def binned(features: int) -> np.ndarray:
    """Return a histogram of each feature: seven values in the bins from 1 to 2 on, those of later ones further up."""
    found = np.zeros((features, len(VALUE_EDGES) - 1), dtype=np.int64)
    for feature in range(features):
        found[feature, 48 + feature % 20 : 50 + feature % 20] = (3, 4)
    return found


def dictionary(
    decoder: np.ndarray, by_gene: np.ndarray | None = None, active: Sequence[int] | None = None, **scores: float
) -> Dictionary:
    """Return a dictionary that nobody trained."""
    features = len(decoder)
    values = np.ones((N, features)) if by_gene is None else by_gene
    zero = np.zeros(features, dtype=np.float32)
    weights = np.asarray(decoder, dtype=np.float32)
    sae = SparseAutoencoder(weights, weights, zero, np.zeros(WIDTH, dtype=np.float32), k=2)
    read = FeatureReading(
        by_gene=values.astype(np.float32),
        gene_tokens=np.full(N, 5, dtype=np.int64),
        by_cell=np.zeros((10, features), dtype=np.float32),
        cell_tokens=np.full(10, 30, dtype=np.int64),
        active=np.array([7] * features if active is None else active, dtype=np.int64),
        together=np.zeros((features, features), dtype=np.int64),
        values=binned(features),
    )
    held_out = {"rows": 100, "explained_variance": 0.8, "active": 2.0, "dead": 0.125, "dense": 0.25, **scores}
    return Dictionary(GENES, sae, read, np.zeros(WIDTH), COVARIANCE, {"held_out": held_out, "gamma": 0.5})


def with_dictionaries(trained: Trained | None, *references: Reference, seed: int = 0) -> Subject:
    vectors = np.zeros((LAYERS + 1, N, WIDTH))
    return replace(subject(vectors, GENES, *references, seed=seed), trained=trained)


def basis(rows: Sequence[int]) -> np.ndarray:
    return np.eye(WIDTH)[list(rows)]


class Shelf:
    """Gives dictionaries whose features are coordinates, and notes which recipes were asked for."""

    def __init__(self) -> None:
        self.asked = list[DictionaryRecipe]()

    def __call__(self, recipe: DictionaryRecipe) -> Dictionary:
        self.asked.append(recipe)
        first = 2 * recipe.seed
        # Each seed has two features that the one before does not have, in an order of its own.
        rows = np.random.default_rng(recipe.seed).permutation(np.arange(first, first + 8))
        return dictionary(basis(rows), explained_variance=0.7 + recipe.seed / 10)


def test_the_quality_of_dictionaries_is_told_with_what_seeds_share() -> None:
    shelf = Shelf()
    found = dictionary_quality.run(with_dictionaries(shelf), dictionary_quality.parsed({"layer": 3, "steps": 9}))
    assert [(recipe.seed, recipe.layer, recipe.steps) for recipe in shelf.asked] == [(0, 3, 9), (1, 3, 9), (2, 3, 9)]
    measured = found.measurement
    assert measured.units == ("seeds 0 and 1", "seeds 0 and 2", "seeds 1 and 2")
    np.testing.assert_allclose(measured.effect, [0.75, 0.5, 0.75])
    assert measured.control.shape == (3, 1) and measured.control.max() < 0.5
    facts = found.facts
    assert facts["matched"] == [0.75, 0.5, 0.75]
    # Equal sums: the first six are told.
    assert facts["values.feature"] == [0, 1, 2, 3, 4, 5] and np.sum(facts["values.counts"], axis=1).tolist() == [7] * 6
    assert facts["explained_variance"] == pytest.approx([0.7, 0.8, 0.9])
    assert facts["svd_explained_variance"] == pytest.approx([31 / 136] * 3)
    assert (facts["layer"], facts["features"], facts["tokens"], facts["gamma"]) == (3, 8, 5 * N, [0.5] * 3)
    assert found.sentence == (
        "3 dictionaries of 8 features at layer 3, 2 active a token, explain 0.800 of the variance of held-out cells; "
        f"the best 2 singular axes, of all tokens, {31 / 136:.3f}. 12.5% of the features are dead. Another seed finds "
        f"75.0% of them again (cosine of 0.7 or more, one to one), random directions {np.median(measured.control):.1%}."
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_the_random_directions_are_not_those_that_training_began_with(seed: int) -> None:
    """A dictionary that hardly moved since would else be held against itself."""

    def begun(recipe: DictionaryRecipe) -> Dictionary:
        settings = SAESettings(features=64, k=2, seed=recipe.seed)
        return dictionary(TrainingState.begin(settings, WIDTH).decoder)

    found = dictionary_quality.run(with_dictionaries(begun, seed=seed), dictionary_quality.parsed({}))
    # Chance is chance, whether the other directions are those of a seed or the control's.
    assert abs(found.measurement.control - found.measurement.effect[:, None]).max() < 0.3
    assert found.measurement.control.max() < 0.5


def annotated(by_gene: np.ndarray, *references: Reference, seed: int = 0, **params: Any) -> Described:
    given = dictionary(basis(range(by_gene.shape[1])), by_gene)
    return feature_annotation.run(
        with_dictionaries(lambda recipe: given, *references, seed=seed),
        feature_annotation.parsed({"top": 12, "draws": 99, **params}),
    )


PLANTED, DECOY = reference("set", MEMBERS, "planted"), reference("set", GENES[:51:4], "decoy")

AT = [2, 3, 5]


def activity(planted: bool) -> np.ndarray:
    """Return eight features that are active on genes by lot, three of which are so on the planted ones instead."""
    values = np.random.default_rng(8).random((N, 8))
    if planted:
        values[:, AT] = np.isin(GENES, MEMBERS)[:, None]
    return values


def test_features_that_are_active_on_a_set_are_annotated_with_it_and_no_others_are() -> None:
    found = annotated(activity(planted=True), PLANTED, DECOY)
    facts = found.facts
    assert facts["found.gene_set"] == ["planted"] * 3 and facts["found.feature"] == AT
    assert (facts["found.overlap"], facts["found.size"]) == ([12] * 3, [12] * 3)
    assert facts["rate"] == found.measurement.effect[0] == 3 / 8
    assert (facts["features"], facts["tests"], facts["background"]) == (8, 16, N)
    assert facts["sets"] == ["planted", "decoy"] and facts["left_out"] == []
    assert facts["dictionary.explained_variance"] == 0.8
    # Of features 2, 3 and 5, by the bins that one of them has a value in.
    assert facts["values.feature"] == AT
    assert facts["values.edges"] == pytest.approx([2.0 ** (quarter / 4) for quarter in range(2, 8)])
    assert facts["values.counts"] == [[3, 4, 0, 0, 0], [0, 3, 4, 0, 0], [0, 0, 0, 3, 4]]
    assert found.measurement.units == ("annotated",) and found.measurement.control.shape == (1, 99)
    hardest = max(facts[f"{null}.p"] for null in ("gene_labels", "degree_strata", "family_block_swap"))
    assert hardest <= 0.03
    assert found.sentence.startswith("37.5% of 8 active features at layer 2 have top genes enriched in one of 2 sets, ")
    assert f"(p {hardest:.2g} of 99 draws)" in found.sentence
    assert f"{found.measurement.control.mean():.1%} (" in found.sentence


def test_features_by_lot_are_annotated_no_more_than_permuted_ones() -> None:
    found = annotated(activity(planted=False), PLANTED, DECOY)
    assert found.facts["rate"] == 0.0 and found.facts["found.feature"] == []
    assert found.facts["values.edges"] == found.facts["values.counts"] == []
    assert found.facts["gene_labels.p"] == 1.0
    assert found.sentence.startswith("0.0% of 8 active features")


def test_a_set_of_genes_of_like_expression_is_held_against_a_null_that_keeps_it() -> None:
    """Where a feature follows expression, a set of loud genes is found in it and is nothing beyond expression."""
    mean = with_dictionaries(None).statistics.mean_expression
    loud = [GENES[place] for place in np.argsort(-mean)[:12]]
    found = annotated(mean[:, None].repeat(2, axis=1), reference("set", loud, "loud"))
    assert found.facts["rate"] == 1.0 and found.facts["gene_labels.p"] <= 0.05
    assert found.facts["degree_strata.mean"] > 0.5 and found.facts["degree_strata.p"] > 0.05
    assert "where gene labels are permuted among genes of like expression" in found.sentence


def test_equal_seeds_give_equal_bytes_and_another_seed_other_draws() -> None:
    first, again, other = (annotated(activity(planted=True), PLANTED, seed=seed) for seed in (1, 1, 2))
    assert first.to_bytes() == again.to_bytes() != other.to_bytes()
    assert first.facts["found.feature"] == other.facts["found.feature"]


def test_sets_without_five_genes_and_features_that_are_never_active_are_refused() -> None:
    with pytest.raises(DescriptionError, match="none of 1 sets has 5 to 500 of the 120 genes"):
        annotated(activity(planted=True), reference("set", MEMBERS[:4], "few"))
    with pytest.raises(DescriptionError, match="none of 8 features is active"):
        annotated(np.zeros((N, 8)), PLANTED)


@pytest.mark.parametrize(("rows", "share"), [(range(4), 1.0), (range(4, 12), 0.0)], ids=["within", "outside"])
def test_features_on_the_first_axes_and_beside_them_are_told_apart(rows: Sequence[int], share: float) -> None:
    # A feature that is never active does not count, wherever it lies.
    dead = basis([WIDTH - 1 if share else 0])
    given = dictionary(np.concatenate([basis(rows), dead]), active=[3] * len(rows) + [0])
    found = feature_alignment.run(with_dictionaries(lambda recipe: given), feature_alignment.parsed({"draws": 200}))
    facts = found.facts
    assert (facts["features"], facts["axes"], facts["width"], facts["layer"]) == (len(rows), 4, WIDTH, 2)
    assert facts["mean_share"] == found.measurement.effect[0] == pytest.approx(share, abs=1e-12)
    assert facts["beyond_chance"] == facts["aligned"] == share
    assert facts["tokens"] == pytest.approx((16 + 15 + 14 + 13) / 136)
    assert found.measurement.control.shape == (1, 999)
    assert found.measurement.control.mean() == pytest.approx(4 / WIDTH, abs=0.02)
    assert found.sentence.startswith(
        f"{share:.2f} of the squared length of {len(rows)} features at layer 2 lies in the span of the first 4 "
        f"singular axes, 0.25 of a random direction and {58 / 136:.2f} of the tokens; {share:.1%} of the features lie"
    )
    assert f"{share:.1%} of them have a cosine above 0.7" in found.sentence


def test_random_features_lie_in_the_span_as_random_directions_do() -> None:
    draw = np.random.default_rng(2).standard_normal((400, WIDTH))
    given = dictionary(draw / np.linalg.norm(draw, axis=1, keepdims=True))
    found = feature_alignment.run(with_dictionaries(lambda recipe: given), feature_alignment.parsed({"axes": 6}))
    assert found.facts["mean_share"] == pytest.approx(6 / WIDTH, abs=0.02)
    assert found.facts["beyond_chance"] < 0.02
    assert found.facts["aligned"] == pytest.approx(found.facts["aligned_random"], abs=0.05)


ALL = pytest.mark.parametrize("name", ["saes.dictionary_quality", "saes.feature_annotation", "saes.feature_alignment"])


@ALL
def test_what_was_captured_of_a_model_is_not_enough(name: str) -> None:
    known = get_description(name)
    with pytest.raises(DescriptionError, match="only what was captured of the model is at hand.*give the model"):
        known.run(with_dictionaries(None, PLANTED), known.parsed({}))


@ALL
def test_a_training_that_cannot_be_is_told_by_the_description(name: str) -> None:
    def nothing(recipe: DictionaryRecipe) -> Dictionary:
        raise SAETrainingError("all rows of activations are the same; there is nothing to learn from them")

    known = get_description(name)
    with pytest.raises(DescriptionError, match=f"{name}: all rows of activations are the same"):
        known.run(with_dictionaries(nothing, PLANTED), known.parsed({}))


@ALL
@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"layer": LAYERS + 1}, r"layer 5: this model has the layers 0 \(the embedding\) to 4"),
        ({"features": 3, "k": 4}, "k is 4 of 3 features; it cannot be more than there are"),
        ({"k": 65}, "k is 65 of 64 features"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_before_it_runs(name: str, params: dict[str, Any], said: str) -> None:
    offered = Offered(GENES, WIDTH, ModelShape(LAYERS, 2, read_out=False), (PLANTED,))
    known = get_description(name)
    with pytest.raises(DescriptionError, match=said):
        check_fit(known.parsed(params), offered)
    check_fit(known.parsed({"layer": LAYERS, "features": 4, "k": 4}), offered)


def test_as_many_axes_as_the_width_are_refused_before_it_runs_and_then() -> None:
    offered = Offered(GENES, WIDTH, ModelShape(LAYERS, 2, read_out=False), ())
    with pytest.raises(DescriptionError, match="axes is 16 of a width of 16, where every vector lies; give fewer"):
        check_fit(feature_alignment.parsed({"axes": 16}), offered)
    check_fit(feature_alignment.parsed({"axes": 15}), offered)
    with pytest.raises(DescriptionError, match="axes is 16 of a width of 16"):
        feature_alignment.run(with_dictionaries(Shelf()), feature_alignment.parsed({"axes": 16}))


@pytest.mark.parametrize(("layers", "middle"), [(1, 1), (4, 2), (5, 3), (12, 6)])
def test_the_middle_layer_is_described_where_none_is_named(layers: int, middle: int) -> None:
    recipe = dictionary_quality.parsed({}).recipe(ModelShape(layers, 2, read_out=False))  # type: ignore[attr-defined]
    assert (recipe.layer, recipe.features, recipe.k, recipe.seed) == (middle, None, None, 0)


def test_only_a_description_that_declares_dictionaries_is_given_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "_REGISTRY", dict(registry_module._REGISTRY))

    @description(family="hand", shape=CurveFit, unit="one", reads=("vectors",), memory=lambda size, params: 0)
    def sneaks(subject: Subject, params: DescriptionParams) -> Described:
        """Declares vectors and asks for a dictionary."""
        subject.dictionary(DictionaryRecipe(layer=1))
        raise AssertionError

    shelf = Shelf()
    with pytest.raises(DescriptionError, match=r"asks for dictionary and declares reads=\('vectors',\)"):
        sneaks.run(with_dictionaries(shelf), DescriptionParams())
    assert shelf.asked == []
    limited = with_dictionaries(shelf).limited(("dictionary",))
    assert limited.dictionary(DictionaryRecipe(layer=1)).sae.features == 8
    with pytest.raises(DescriptionError, match=r"asks for vectors and declares reads=\('dictionary',\)"):
        limited.vectors()


def test_what_a_dictionary_takes_is_what_was_said(tmp_path: Path) -> None:
    model, cells = load_model("compact-pbmc"), load_pbmc().take_evenly(40)
    genes = tuple(gene for gene in cells.genes if gene in set(model.genes))
    params = dictionary_quality.parsed({"steps": 3})
    recipe = params.recipe(ModelShape(model.n_layers, model.n_heads))  # type: ignore[attr-defined]
    make_dictionary(tmp_path / "first", model, cells, genes[:50], recipe)  # loops are compiled, libraries loaded
    tracemalloc.start()
    try:
        make_dictionary(tmp_path / "second", model, cells, genes, recipe)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    said = dictionary_bytes(BenchSize(len(genes), 0, 40, model.width, ModelShape(model.n_layers, 1)), params)  # type: ignore[arg-type]
    assert said / 3 < peak <= 1.1 * said


def test_more_genes_features_and_dictionaries_are_said_to_take_more_memory() -> None:
    size = BenchSize(300, 0, 100, WIDTH, ModelShape(LAYERS, 2, read_out=False))
    params = dictionary_quality.parsed({})
    least = dictionary_bytes(size, params)  # type: ignore[arg-type]
    assert dictionary_quality.memory(size, params) > least
    assert dictionary_bytes(replace(size, genes=600), params) > least  # type: ignore[arg-type]
    assert dictionary_bytes(size, dictionary_quality.parsed({"features": 1_000})) > least  # type: ignore[arg-type]
