"""What attention recovers through the layers: found where it is planted, beside its controls, and nowhere else."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from planted_attention import World, make_world
from planted_attention_subjects import regulon, subject_of
from small_subjects import reference

from theodolite.descriptions import Described, DescriptionError, Subject
from theodolite.descriptions.attention import depth_profile, edge_recovery, layer_choice
from theodolite.tools import BenchSize, ModelShape


def run(description, subject: Subject, **params) -> Described:
    return description.run(subject, description.parsed(params))


def series(found: Described, group: str) -> np.ndarray:
    return found.measurement.y[np.array(found.measurement.groups) == group]


def interactions(world: World, seed: int = 5):
    rng = np.random.default_rng(seed)
    pairs = {tuple(sorted(rng.choice(world.genes, 2, replace=False).tolist())) for _ in range(220)}
    return reference("pairs", sorted(pairs), "interactions")


def knows(pairs, world: World, effect: float) -> np.ndarray:
    place = {gene: index for index, gene in enumerate(world.genes)}
    score = world.noise()
    for first, second in pairs.pairs:
        score[place[first], place[second]] += effect
        score[place[second], place[first]] += effect
    return score


def test_regulation_rises_where_interaction_falls_and_the_two_profiles_run_against_each_other() -> None:
    world = make_world("nothing", seed=1)
    pairs = interactions(world)
    layers = []
    for strength in np.linspace(0.0, 2.0, 6):
        score = knows(pairs, world, 2.0 - strength)
        score[world.edges.rows] += strength * world.edges.labels
        layers.append(score)
    found = run(depth_profile, subject_of(world, layers, pairs, regulon(world)), resamples=100)
    assert found.facts["known.trend.rho"] > 0.9 and found.facts["interactions.trend.rho"] < -0.9
    assert found.facts["contrast.correlation.rho"] < -0.9
    np.testing.assert_array_equal(found.measurement.x, [*range(1, 7)] * 2)
    np.testing.assert_allclose(series(found, "known"), found.facts["known.auroc"])
    rho, p = found.facts["contrast.correlation.rho"], found.facts["contrast.correlation.p"]
    last, low, high = (found.facts[f"contrast.{name}"][-1] for name in ("difference", "low", "high"))
    assert f"The correlation of the two profiles is {rho:+.2f}, p {p:.2g} of 0.0028 at the least;" in found.sentence
    assert last < high < 0.0, "regulation is what the last layer knows"
    assert f"interactions minus known is {last:+.3f} [{low:+.3f}, {high:+.3f}] in layer 6." in found.sentence
    assert found.facts["known.trend_low"] > 0.0 and "beside 0.5 by chance" in found.sentence


def test_noise_has_no_trend_and_no_contrast_is_made_of_one_reference() -> None:
    world = make_world("nothing", seed=2)
    found = run(depth_profile, subject_of(world, [world.noise() for _ in range(6)]), resamples=100)
    assert np.abs(series(found, "known") - 0.5).max() < 0.06 and found.facts["known.trend.p"] > 0.05
    assert not any(name.startswith("contrast") for name in found.facts)


def test_f6_three_layers_cannot_show_a_trend_and_the_sentence_says_what_p_they_can_have() -> None:
    world = make_world("nothing", seed=3)
    found = run(
        depth_profile, subject_of(world, [world.edge_score(effect) for effect in (0.0, 1.0, 2.0)]), resamples=20
    )
    assert found.facts["known.trend.rho"] == pytest.approx(1.0) and found.facts["known.trend.p"] == pytest.approx(1 / 3)
    assert "p 0.33 of 0.33 at the least" in found.sentence
    assert found.facts["known.trend_low"] is None and found.facts["known.trend_high"] is None
    with pytest.raises(DescriptionError, match="a profile of 1 references over 2 layers"):
        run(depth_profile, subject_of(world, [world.noise()] * 2))


def test_a_head_has_a_curve_of_its_own_and_the_planted_one_stands_out() -> None:
    world = make_world("nothing", seed=4)
    layers = [np.stack([world.noise(), world.noise()]) for _ in range(3)]
    layers[1][1] = world.edge_score(2.0)
    subject = subject_of(world, layers)
    found = run(depth_profile, subject, heads=True, resamples=20)
    assert series(found, "known, head 2").argmax() == 1 and series(found, "known, head 2")[1] > 0.85
    assert np.abs(series(found, "known, head 1") - 0.5).max() < 0.06
    assert series(found, "known")[1] > 0.7
    ranked = run(edge_recovery, subject, heads=True, shuffles=5, rewirings=5)
    np.testing.assert_allclose(series(ranked, "known, head 2"), series(found, "known, head 2"))


def test_planted_edges_are_beyond_hubs_in_their_layer_and_co_expression_stands_beside_them() -> None:
    world = make_world("hubs", seed=3)
    found = run(edge_recovery, subject_of(world, [world.noise(), world.edge_score(2.0)]), rewirings=100)
    facts = found.facts
    assert facts["known.auroc"][1] > 0.75 and abs(facts["known.auroc"][0] - 0.5) < 0.06
    assert facts["known.degree_preserving.z"][1] > 5 > 3 > abs(facts["known.degree_preserving.z"][0])
    assert facts["known.chance"][1] + facts["known.degree"][1] + facts["known.specific"][1] == pytest.approx(
        facts["known.auroc"][1]
    )
    assert facts["known.top_20.precision"][1] > 3 * facts["known.prevalence"][1]
    np.testing.assert_allclose(series(found, "known, coexpression"), [facts["known.coexpression.auroc"]] * 2)
    assert (
        "graphs with the same degrees" in found.sentence and "which was picked on what it is read on" in found.sentence
    )


def test_hub_degree_alone_beats_chance_and_the_label_shuffle_and_leaves_nothing_specific() -> None:
    """The trap of a score that knows who has many edges: AUROC far above 0.5, a huge z, and no edge in it."""
    world = make_world("hubs", seed=1)
    facts = run(edge_recovery, subject_of(world, [world.hub_score()]), rewirings=100).facts
    assert facts["known.auroc"][0] > 0.7 and facts["known.label_shuffle.z"][0] > 8
    assert abs(facts["known.specific"][0]) < 0.02 < 0.2 < facts["known.degree"][0]


def test_a_null_of_a_reference_that_cannot_move_says_so() -> None:
    """All pairs of a set have no edges to rewire to: its degrees are its membership, and no z is told."""
    world = make_world("nothing", seed=1)
    members = reference("set", world.genes[:30], "members")
    found = run(edge_recovery, subject_of(world, [world.noise()], members), shuffles=5, rewirings=20)
    assert found.facts["members.degree_preserving.moved"] == [0.0]
    assert found.facts["members.degree_preserving.z"] == [None]
    assert "no other graph has the same degrees" in found.sentence and "by degrees alone" not in found.sentence


def test_pairs_that_no_cell_holds_together_do_not_count() -> None:
    """Where a pair has no attention, a fit stands in its place; here it is wrong on purpose."""
    world = make_world("nothing", seed=5)
    score = world.edge_score(2.0)
    subject = subject_of(world, [score])
    together = np.full(score.shape, 3, dtype=np.int32)
    together[:, ::3] = together[::3] = 0
    maps = subject.bench.capture.attention.copy()
    maps[0, 0][together == 0] = 9.0 * ~regulates(world).T[together == 0]
    bench = replace(subject.bench, capture=replace(subject.bench.capture, attention=maps, together=together))
    found = run(edge_recovery, replace(subject, bench=bench), shuffles=5, rewirings=5)
    assert found.facts["known.auroc"][0] > 0.85
    assert found.facts["known.candidates"] < 0.6 * world.edges.count
    with pytest.raises(DescriptionError, match="nothing can be said of the reference 'known'"):
        run(edge_recovery, replace(subject, bench=bench), least_cells=4)


def regulates(world: World) -> np.ndarray:
    whole = np.zeros((len(world.genes),) * 2, dtype=bool)
    whole[world.edges.rows] = world.edges.labels
    return whole


def test_the_attention_of_a_target_to_its_regulator_is_asked_for_and_the_other_way_is_a_parameter() -> None:
    world = make_world("nothing", seed=6)
    subject = subject_of(world, [world.edge_score(2.0)])
    assert run(edge_recovery, subject, shuffles=5, rewirings=5).facts["known.auroc"][0] > 0.85
    turned = run(edge_recovery, subject, shuffles=5, rewirings=5, query="regulator")
    assert abs(turned.facts["known.auroc"][0] - 0.5) < 0.1


def test_a_reference_without_edges_here_is_left_out_with_the_reason_and_alone_refused() -> None:
    world = make_world("nothing", seed=7)
    strangers = reference("pairs", [("X", "Y")], "strangers")
    found = run(edge_recovery, subject_of(world, [world.noise()], strangers, regulon(world)), shuffles=5, rewirings=5)
    assert "0 of " in found.facts["left_out.strangers"] and "known.auroc" in found.facts
    with pytest.raises(DescriptionError, match="nothing can be said of the reference 'strangers'"):
        run(edge_recovery, subject_of(world, [world.noise()], strangers))


def test_the_best_of_many_layers_of_noise_looks_good_only_where_it_was_chosen() -> None:
    world = make_world("nothing", seed=8)
    found = run(layer_choice, subject_of(world, [world.noise() for _ in range(25)]), resamples=50)
    facts = found.facts
    assert facts["nested.optimistic"] > 0.52 and facts["nested.optimism"] > 0.01
    assert facts["nested.nested.low"] < 0.5 < facts["nested.nested.high"]
    assert f"would have shown {facts['nested.optimistic']:.3f}" in found.sentence


def test_the_planted_layer_is_chosen_in_every_fold_and_on_the_other_half_of_the_families() -> None:
    world = make_world("nothing", seed=9)
    subject = subject_of(world, [world.noise(), world.edge_score(2.0), world.noise()])
    found = run(layer_choice, subject, resamples=50)
    assert found.facts["nested.folds_at.layer 2"] == 5 and found.facts["halves.chosen"] == "layer 2"
    assert found.facts["nested.nested.low"] > 0.8 and found.facts["nested.gain.low"] > 0.2
    assert found.measurement.units == tuple(f"fold {k}" for k in range(1, 6))
    assert (found.measurement.effect > found.measurement.control[:, 0]).all()
    both = subject_of(world, [world.noise()] * 2, interactions(world), regulon(world))
    other = run(layer_choice, both, against="known", resamples=10).facts
    assert other["reference"] == "known" and other["not_looked_at"] == ["interactions"]
    with pytest.raises(DescriptionError, match="no reference has the id 'other'; given: 'known'"):
        run(layer_choice, subject, against="other")


@pytest.mark.parametrize("description", [depth_profile, edge_recovery, layer_choice])
def test_the_estimate_of_memory_covers_what_is_taken(description) -> None:
    world = make_world("nothing", seed=1)
    subject = subject_of(world, [np.stack([world.noise()] * 4) for _ in range(3)])
    params = description.parsed({"heads": True})
    subject.coexpression()
    description.run(subject, params)  # what is compiled or imported once is no part of it
    tracemalloc.start()
    description.run(subject, params)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = BenchSize(genes=140, regulators=28, cells=10, width=2, shape=ModelShape(3, 4))
    assert taken < description.memory(size, params) < 5 * taken


def test_equal_seeds_give_equal_bytes_and_facts_are_plain() -> None:
    world = make_world("nothing", seed=10)
    scores = [world.edge_score(0.5) for _ in range(3)]
    for description, params in (
        (depth_profile, {"resamples": 20}),
        (edge_recovery, {"shuffles": 20, "rewirings": 5}),
        (layer_choice, {"resamples": 20}),
    ):
        first, second = (run(description, subject_of(world, scores, seed=3), **params) for _ in range(2))
        assert first.to_bytes() == second.to_bytes()
        assert json.loads(json.dumps(first.facts)) == first.facts
