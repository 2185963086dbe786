"""Features over layers: what lasts and what goes together is found, and what only seems to is seen through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_dictionaries import made
from small_subjects import reference, subject

from theodolite.data import CellSet
from theodolite.descriptions import Described, DescriptionError, Offered, check_fit
from theodolite.descriptions.feature_layers import feature_highways, feature_persistence
from theodolite.descriptions.registry import Description
from theodolite.saes import Codes, Dictionary, DictionaryRecipe, SAESettings, SparseAutoencoder, positions
from theodolite.saes.positions import Positions
from theodolite.saes.state import TrainingState
from theodolite.tools import ModelShape

GENES = tuple(f"G{number}" for number in range(200))
LAYERS, WIDTH, FEATURES = 3, 64, 40
MEMBERS = GENES[:20]
SET = reference("set", MEMBERS, "a_set")
SHAPE = ModelShape(LAYERS, 1)


def dictionary(
    decoder: np.ndarray, *, with_set: np.ndarray | None = None, active: np.ndarray | None = None
) -> Dictionary:
    """Return a dictionary with these vectors, some features of which mark the set's genes."""
    features = len(decoder)
    by_gene = np.random.default_rng(0).random((len(GENES), features))
    by_gene[:20, np.zeros(features, dtype=bool) if with_set is None else with_set] += 1.0
    found = made(GENES, by_gene)
    weights = decoder.astype(np.float32)
    zero = np.zeros(features, dtype=np.float32)
    sae = SparseAutoencoder(weights, weights, zero, np.zeros(decoder.shape[1], dtype=np.float32), k=2)
    count = np.random.default_rng(9).integers(50, 5_000, features) if active is None else active
    return replace(found, sae=sae, reading=replace(found.reading, active=count.astype(np.int64)))


def directions(seed: int, features: int = FEATURES) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((features, WIDTH))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def lasting(recipe: DictionaryRecipe) -> Dictionary:
    """The first half of the features is the same in every layer, in an order of its own; these have a set."""
    lasts = np.arange(FEATURES) < FEATURES // 2
    vectors = np.where(lasts[:, None], directions(77), directions(100 + 10 * recipe.layer + recipe.seed))
    order = np.random.default_rng(recipe.layer).permutation(FEATURES)
    return dictionary(vectors[order], with_set=lasts[order])


def persist(trained: Callable[[DictionaryRecipe], Dictionary], **params: Any) -> Described:
    about = replace(subject(np.zeros((LAYERS + 1, len(GENES), 4)), GENES, SET), trained=trained)
    return feature_persistence.run(about, feature_persistence.parsed({"layer": 0, **params}))


def test_features_that_last_are_counted_and_those_with_a_set_last_longer() -> None:
    found = persist(lasting)
    assert found.measurement.units == ("layers 0 and 1", "layers 1 and 2", "layers 2 and 3")
    np.testing.assert_allclose(found.measurement.effect, 0.5)
    assert found.measurement.control.shape == (3, 20) and found.measurement.control.max() == 0.0
    facts = found.facts
    assert facts["p_random"] == facts["p_rotated"] == pytest.approx([1 / 21] * 3)
    assert facts["lasts.mean"] == [2.5, 2.0, 1.5, 1.0] and facts["lasts.most"] == [4, 3, 2, 1]
    assert facts["another_seed"] == 0.5 and facts["annotated"] == 0.5 and facts["sets"] == ["a_set"]
    first = np.random.default_rng(0).permutation(FEATURES)  # the order of layer 0
    assert sorted(facts["found.feature"]) == np.flatnonzero(first < FEATURES // 2).tolist()
    assert facts["found.lasts"] == [4] * 20 and facts["found.end_cosine"] == pytest.approx([1.0] * 20, abs=1e-6)
    assert facts["firing.partial"] > 0.9 and facts["firing.p"] == pytest.approx(1 / 1_000)
    assert found.sentence.startswith(
        "From one layer to the next 50.0% to 50.0% of the features have a partner (cosine of 0.7 or more, one to one), "
        "0.0% at most with random directions, 0.0% with the later dictionary turned at random; 3 of 3 steps are beyond "
        "both (p of 0.05). In layer 0 another seed finds 50.0% again; its features last 2.5 of 4 layers on average."
    )
    further = persist(lasting, furthest=3, draws=2).measurement
    assert further.units[:3] == ("layers 0 and 1", "layers 0 and 2", "layers 0 and 3")
    np.testing.assert_allclose(further.effect, 0.5)


def test_where_nothing_lasts_the_controls_say_so() -> None:
    found = persist(lambda recipe: dictionary(directions(10 * recipe.layer + recipe.seed)))
    assert found.measurement.effect.max() == 0.0 and found.facts["p_rotated"] == [1.0] * 3
    assert "0 of 3 steps are beyond both" in found.sentence
    reason = "0 of its features last into the next layer and 0 have a set; 5 of each are needed"
    assert f"Whether those with more sets last longer is not told: {reason}." in found.sentence
    assert found.facts["firing.reason"] == reason and "firing.p" not in found.facts


def test_that_all_features_last_alike_is_told_and_correlates_with_nothing() -> None:
    with_set = np.arange(FEATURES) < FEATURES // 2
    found = persist(lambda recipe: dictionary(directions(77), with_set=with_set))
    assert found.facts["lasts.mean"][0] == 4 and "firing.p" not in found.facts
    assert "is not told: a number is the same for all features" in found.sentence


def test_one_feature_that_lasts_and_one_with_a_set_do_not_say_whether_they_go_together() -> None:
    def few(recipe: DictionaryRecipe) -> Dictionary:
        own = directions(10 * recipe.layer + recipe.seed)
        return dictionary(
            np.where(np.arange(FEATURES)[:, None] < 4, directions(77), own), with_set=np.arange(FEATURES) < 6
        )

    facts = persist(few).facts
    assert facts["firing.reason"].startswith("4 of its features last into the next layer and 6 have a set")


def test_dictionaries_that_hardly_moved_since_they_began_do_not_last() -> None:
    """Of one seed they begin with the same vectors in each layer; each layer has a seed of its own."""

    def begun(recipe: DictionaryRecipe) -> Dictionary:
        return dictionary(TrainingState.begin(SAESettings(features=FEATURES, k=2, seed=recipe.seed), WIDTH).decoder)

    found = persist(begun, furthest=3)
    assert found.measurement.effect.max() == 0.0 and found.facts["another_seed"] == 0.0


def test_what_follows_the_firing_rate_alone_is_left_with_nothing_once_it_is_held() -> None:
    """Features that fire often last and have a set, the one by lot and the other."""
    features = 400
    draw = np.random.default_rng(5)
    active = np.sort(draw.integers(1, 10_000, features))
    often = active / 10_000
    lasts, with_set = draw.random(features) < often, draw.random(features) < often

    def trained(recipe: DictionaryRecipe) -> Dictionary:
        own = directions(100 + 10 * recipe.layer + recipe.seed, features)
        return dictionary(np.where(lasts[:, None], directions(77, features), own), with_set=with_set, active=active)

    facts = persist(trained, draws=1).facts
    assert facts["firing.raw"] > 0.15 and facts["firing.raw"] > 2 * abs(facts["firing.partial"])
    assert facts["firing.p"] > 0.05


def test_features_that_are_never_active_do_not_last() -> None:
    def half_dead(recipe: DictionaryRecipe) -> Dictionary:
        return dictionary(directions(77), active=np.where(np.arange(FEATURES) < 10, 100, 0))

    found = persist(half_dead)
    assert sorted(found.facts["found.feature"]) == list(range(10))
    assert found.facts["features"] == [10] * 4 and found.measurement.effect.tolist() == [1.0] * 3
    with pytest.raises(DescriptionError, match="no feature at layer 0 is active in any token"):
        persist(lambda recipe: dictionary(directions(77), active=np.zeros(FEATURES)))


def test_the_dictionary_of_the_layer_that_is_followed_is_the_one_that_others_describe() -> None:
    asked: list[DictionaryRecipe] = []

    def noted(recipe: DictionaryRecipe) -> Dictionary:
        asked.append(recipe)
        return lasting(recipe)

    persist(noted, layer=2, steps=7, features=40, k=2)
    assert DictionaryRecipe(2, 40, 2, 7, seed=0) in asked
    assert len({recipe.seed for recipe in asked}) == len(asked) == LAYERS + 2
    assert [recipe.layer for recipe in asked] == [0, 1, 2, 3, 2]


CELLS, TOKENS, SEEN = 60, 60, 40
"""Each cell holds the first sixty genes."""


def places() -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(CELLS), TOKENS), np.tile(np.arange(TOKENS), CELLS)


def codes_of(active: np.ndarray) -> Codes:
    row, feature = np.nonzero(active)
    start = np.searchsorted(row, np.arange(len(active) + 1))
    return Codes(start.astype(np.int64), feature.astype(np.int32), np.ones(len(row), dtype=np.float32), active.shape[1])


@pytest.fixture
def highways(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Described]:
    """Return a function that describes two layers whose features are active as it is given, (positions, features)."""

    def see(earlier: np.ndarray, later: np.ndarray, **params: Any) -> Described:
        read: list[tuple[int, int]] = []

        def given(model: Any, cells: CellSet, genes: Any, found: dict[int, SparseAutoencoder]) -> Positions:
            read.append((len(cells.cells), len(found)))
            return Positions(*places(), {1: codes_of(earlier), 2: codes_of(later)})

        monkeypatch.setattr(positions, "read_positions", given)
        names = [f"c{row}" for row in range(CELLS)]
        counts = np.ones((CELLS, len(GENES)), dtype=np.int64)
        cells = CellSet.from_counts("made", counts, GENES, names, species="planted", origin="test")
        about = subject(np.zeros((LAYERS + 1, len(GENES), 4)), GENES)
        about = replace(about, read_cells=cells, loaded=lambda: None, trained=lasting)  # type: ignore[arg-type, return-value]
        found = feature_highways.run(
            about, feature_highways.parsed({"layer": 2, "least_together": 30, "cells_at_most": SEEN, **params})
        )
        assert read == [(SEEN, 2)]
        return found

    return see


def random_activity(seed: int, features: int = 10, rate: float = 0.04) -> np.ndarray:
    return np.random.default_rng(seed).random((CELLS * TOKENS, features)) < rate


def test_features_that_fire_at_the_same_positions_go_together(highways: Callable[..., Described]) -> None:
    earlier, later = random_activity(1), random_activity(2)
    later[:, 7], later[:, 8] = earlier[:, 2], earlier[:, 5]
    found = highways(earlier, later)
    facts = found.facts
    assert found.measurement.effect[0] == facts["share"] == pytest.approx(0.2)
    assert sorted(zip(facts["found.feature"], facts["found.partner"], strict=True)) == [(2, 7), (5, 8)]
    assert [facts[f"{null}.p"] for null in ("within_cells", "within_genes", "positions")] == pytest.approx([1 / 20] * 3)
    assert found.measurement.control.shape == (1, 19) and found.measurement.control.max() == 0.0
    assert found.sentence.startswith(
        "20.0% of 10 features at layer 1 that are active at 30 of 3,600 positions or more go with a feature of layer 2"
    )
    assert "0.0% within genes (p 0.05)" in found.sentence


def test_features_that_mark_the_same_genes_go_together_as_much_with_cells_exchanged(
    highways: Callable[..., Described],
) -> None:
    _, gene = places()
    marked = gene[:, None] % 20 == np.arange(10)
    draw = np.random.default_rng(3)
    # Each is active at nine in ten of its genes' positions, by lot, in either layer by itself.
    earlier, later = (marked & (draw.random(marked.shape) < 0.9) for _ in range(2))
    found = highways(earlier, later)
    assert found.facts["share"] == 1.0 and found.facts["positions.p"] == pytest.approx(1 / 20)
    assert found.facts["within_genes.p"] == 1.0 and found.facts["within_genes.mean"] == 1.0
    # The null that is hardest to beat is the control.
    assert found.measurement.control.min() == 1.0
    assert "100.0% within genes (p 1)" in found.sentence


def test_where_nothing_goes_together_no_feature_does(highways: Callable[..., Described]) -> None:
    found = highways(random_activity(1), random_activity(2), least_together=3)
    assert found.facts["share"] == 0.0 and found.facts["positions.p"] == 1.0 and found.facts["found.feature"] == []
    with pytest.raises(DescriptionError, match="none of 10 features is active at 1000 of 3600 positions"):
        highways(random_activity(1), random_activity(2), least_together=1_000)


@pytest.mark.parametrize(
    ("run", "params", "said"),
    [
        (feature_persistence, {"layer": 3}, "layer 3 is the last of this model, and no feature lasts past it"),
        (feature_persistence, {"layer": 4}, r"layer 4: this model has the layers 0 \(the embedding\) to 3"),
        (feature_persistence, {"features": 3, "k": 4}, "k is 4 of 3 features"),
        (feature_highways, {"layer": 4}, "layer 4: this model has the layers 0"),
        (feature_highways, {"layer": 2, "earlier": 2}, "earlier is 2 and the later layer is 2; name one of .* 0 to 1"),
        (feature_highways, {"features": 3, "k": 4}, "k is 4 of 3 features"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_before_it_runs(
    run: Description, params: dict[str, Any], said: str
) -> None:
    with pytest.raises(DescriptionError, match=said):
        check_fit(run.parsed(params), Offered(GENES, WIDTH, SHAPE, (SET,)))


@pytest.mark.parametrize("layers", [1, 2, 3, 12])
def test_two_layers_in_the_middle_are_taken_where_none_is_named(layers: int) -> None:
    offered = Offered(GENES, WIDTH, ModelShape(layers, 1), (SET,))
    for run in (feature_persistence, feature_highways):
        check_fit(run.parsed({}), offered)
