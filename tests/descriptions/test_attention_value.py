"""What gene statistics leave of a score of attention and what it adds to them, in worlds whose edges follow these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from planted_attention import World, make_world
from planted_attention_subjects import subject_of
from small_subjects import reference

from theodolite.analysis.attention import incremental, residual
from theodolite.data import EffectTable, effect_references, effects_tested
from theodolite.descriptions import Described, DescriptionError, Subject
from theodolite.descriptions.attention_targets import perturbation_ranking
from theodolite.descriptions.attention_value import incremental_value, matched, retention

QUICK = {"resamples": 40, "training_pairs": 1_500}


def run(description, subject: Subject, **params) -> Described:
    return description.run(subject, description.parsed(params))


@pytest.fixture(autouse=True, scope="module")
def quick_trees() -> Iterator[None]:
    """Fewer trees that learn faster, for worlds of four thousand pairs."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (incremental, residual):
            patch.setattr(module, "_TREES", {**module._TREES, "max_iter": 25, "learning_rate": 0.2})
        yield


@pytest.fixture(scope="module")
def expressed() -> World:
    return make_world("expression", seed=1)


@pytest.fixture(scope="module")
def subject(expressed: World) -> Subject:
    """Return a subject whose layers know edges, the expression of targets, that of both genes, and nothing."""
    of_targets = np.tile(expressed.statistics[:, 0] ** 2, (140, 1)) + 0.2 * expressed.noise()
    scores = [expressed.edge_score(2.0), of_targets, expressed.expression_score(), expressed.noise()]
    return subject_of(expressed, scores)


def test_retention_separates_a_signal_of_edges_from_one_of_expression(subject: Subject) -> None:
    edges, expression = (
        run(retention, subject, layer=layer, learners=["ols"], folds=3, rewirings=50, **QUICK) for layer in (1, 3)
    )
    assert edges.facts["attention.ols.genes.retention.estimate"] > 0.8 and edges.facts["attention.accepted"]
    assert expression.facts["attention.ols.genes.raw.estimate"] > 0.15
    assert expression.facts["attention.ols.genes.retention.estimate"] < 0.5
    assert not expression.facts["attention.accepted"]
    assert edges.facts["coexpression.ols.genes.raw.estimate"] == pytest.approx(
        expression.facts["coexpression.ols.genes.raw.estimate"]
    )
    curve = edges.measurement
    assert curve.groups == ("attention, ols",) * 3 + ("coexpression, ols",) * 2
    assert curve.x.tolist() == [0, 1, 2, 0, 1]
    assert "once gene statistics" in expression.sentence and "co-expression keeps" in expression.sentence


def test_f4_a_score_of_co_expression_survives_gene_statistics_and_not_real_co_expression() -> None:
    world = make_world("coexpression", seed=2)
    subject = subject_of(world, [5.0 * np.abs(world.coexpression) + 0.3 * world.noise()])
    facts = run(retention, subject, layer=1, learners=["ols"], folds=3, rewirings=20, **QUICK).facts
    assert facts["attention.ols.genes.retention.estimate"] > 0.8
    assert facts["attention.ols.genes+coexpression.retention.estimate"] < 0.4
    assert not facts["attention.accepted"]


def test_a_signal_of_edges_is_accepted_under_both_learners_in_all_splits_and_one_of_expression_in_none(
    subject: Subject,
) -> None:
    edges, expression = (
        run(incremental_value, subject, layer=layer, folds=2, joint_folds=2, top_k=[10], **QUICK) for layer in (1, 2)
    )
    lows = {name: value for name, value in edges.facts.items() if name.endswith("d_auroc.low")}
    six = [value for name, value in lows.items() if name.startswith("attention")]
    assert len(six) == 6 and min(six) > 0.0 and edges.facts["attention.accepted"]
    assert "in 6 of 6 pairs of learner and held-out side, so it is accepted" in edges.sentence
    assert not expression.facts["attention.accepted"] and "so it is not accepted" in expression.sentence
    assert not edges.facts["coexpression.accepted"]


def test_a_score_that_knows_which_perturbations_are_strong_is_accepted_and_ranks_no_targets_within_one() -> None:
    """The trap of a pooled AUROC: the baseline knows targets only. Recall within perturbations does not rise."""
    world = make_world("hubs", seed=3)
    strength = np.zeros((140, 1))
    strength[world.edges.rows, 0] = np.log1p(world.edges.labels.sum(axis=1))
    subject = subject_of(world, [np.tile(strength, 140) + 0.05 * world.noise()])
    found = run(incremental_value, subject, layer=1, folds=2, joint_folds=2, top_k=[10], **QUICK)
    assert found.facts["attention.logistic.both.d_auroc.low"] > 0.0
    recall = [value for name, value in found.facts.items() if name.startswith("attention") and "recall_10.low" in name]
    assert len(recall) == 6 and max(recall) < 0.01


def test_what_is_measured_is_what_a_gate_would_fit_again(subject: Subject, expressed: World) -> None:
    found = run(incremental_value, subject, layer=1, folds=2, joint_folds=2, top_k=[], **QUICK).measurement
    edges = expressed.edges
    assert found.outcome.sum() == edges.size and found.baseline.shape == (edges.count, 3)
    rows, columns = np.nonzero(edges.candidates)
    np.testing.assert_allclose(found.baseline, expressed.statistics[columns])
    np.testing.assert_allclose(found.signal[:, 0], subject.attention_of(1)[columns, edges.rows[rows]])
    assert found.groups[0] == edges.row_families[rows[0]]


def test_matching_takes_a_confounded_score_to_chance_and_reports_the_balance(expressed: World) -> None:
    # The propensity is logistic in the statistics, so a score of these has its form right.
    subject = subject_of(expressed, [expressed.edge_score(2.0), np.tile(expressed.statistics[:, 0], (140, 1))])
    edges, expression = (run(matched, subject, layer=layer, resamples=40) for layer in (1, 2))
    assert edges.facts["scores.attention.matched"] > 0.8
    assert expression.facts["scores.attention.raw"] > 0.7
    assert abs(expression.facts["scores.attention.matched"] - 0.5) < 0.08
    assert edges.facts["balance.mean.before"] > 0.5 > 0.1 > abs(edges.facts["balance.mean.after"])
    assert edges.measurement.groups == ("attention", "attention", "coexpression", "coexpression")
    assert ("within 0.1" in edges.sentence) == edges.facts["balanced"]


def test_a_match_without_balance_says_that_statistics_may_explain_what_is_left() -> None:
    world = make_world()
    mean, rng = world.statistics[:, 0], np.random.default_rng(0)
    away = np.abs(mean - np.median(mean)) ** 3  # edges avoid middling expression, which a line does not see
    targets = [rng.choice(140, 12, replace=False, p=away / away.sum()) for _ in range(28)]
    pairs = [(world.genes[i], world.genes[j]) for i in range(28) for j in targets[i].tolist() if i != j]
    skewed = replace(world, statistics=np.column_stack([mean, np.exp(3.0 * mean), world.statistics[:, 2]]))
    subject = subject_of(skewed, [world.noise()], reference("regulon", pairs, "both sides"))
    found = run(matched, subject, layer=1, affected=False, resamples=20)
    assert not found.facts["balanced"] and "no balance was reached" in found.sentence


@pytest.fixture(scope="module")
def ranked() -> Subject:
    """Return a world of hubs whose mean expression is that of hubs: targets alone rank well."""
    world = make_world("hubs", seed=4)
    world.statistics[:, 0] = np.log1p(world.edges.labels.sum(axis=0))
    return subject_of(world, [world.edge_score(2.5), world.hub_score(), world.noise()])


def test_a_score_of_edges_beats_every_control_and_one_of_hubs_does_not_beat_the_targets_alone(ranked: Subject) -> None:
    edges, hubs, noise = (run(perturbation_ranking, ranked, layer=layer, resamples=100) for layer in (1, 2, 3))
    controls = edges.facts["controls"]
    assert controls == ["coexpression", "mean", "variance", "detection"]
    assert all(edges.facts[f"against.{name}.difference.low"] > 0.0 for name in controls)
    assert hubs.facts["mean.attention.estimate"] > 0.65 and hubs.facts["against.mean.difference.low"] < 0.02
    assert abs(noise.facts["mean.attention.estimate"] - 0.5) < 0.06
    assert edges.measurement.control.shape == (len(edges.measurement.units), 4)
    assert f"Over {len(edges.measurement.units)} regulators of known, targets" in edges.sentence
    assert "mean, the best of 4 controls" in hubs.sentence and "all other genes, tested or not" in hubs.sentence


def test_effects_of_perturbations_are_ranked_among_the_genes_that_were_tested() -> None:
    """A gene that nobody tested is none that did not respond: left out, it cannot stand above those that do."""
    world = make_world("nothing", seed=5)
    edges, rng = world.edges, np.random.default_rng(0)
    tested = edges.labels | (rng.random(edges.labels.shape) < 0.3)
    tested &= edges.candidates
    score = world.edge_score(2.0)
    score[edges.rows] += 6.0 * ~tested  # untested genes get the most attention
    rows, columns = np.nonzero(tested)
    pairs = tuple((edges.row_names[row], world.genes[column]) for row, column in zip(rows, columns, strict=True))
    responds = edges.labels[tested]
    table = EffectTable("screen", pairs, tuple(np.where(responds, -1.0, 0.1)), tuple(np.where(responds, 0.001, 0.5)))
    references = effect_references(table, q=0.05)
    whole = subject_of(world, [score], *references, effects_tested(table))
    right = run(perturbation_ranking, whole, layer=1, tested="screen.tested", resamples=20)
    naive = run(perturbation_ranking, whole, layer=1, resamples=20)
    assert right.facts["mean.attention.estimate"] > 0.85 > 0.5 > naive.facts["mean.attention.estimate"]
    assert "among the pairs of screen.tested" in right.sentence
    assert " perturbations of screen" in right.sentence and " perturbations of screen" in naive.sentence
    assert right.facts["candidates"] == tested.sum()


def test_what_has_no_direction_or_is_not_there_is_named_with_the_remedy(expressed: World) -> None:
    pairs = reference("pairs", [("G001", "G002"), ("G003", "G004")], "pairs")
    for description in (perturbation_ranking, incremental_value, matched):
        with pytest.raises(DescriptionError, match=r"effect_references\(table, q=0.05\) of effects of perturbations"):
            run(description, subject_of(expressed, [expressed.noise()], pairs))
    subject = subject_of(expressed, [expressed.noise()])
    with pytest.raises(DescriptionError, match="held against regulons, and none were given"):
        run(perturbation_ranking, Subject(subject.bench))
    with pytest.raises(DescriptionError, match="layer 4, head None: this model has layers 1 to 1"):
        run(matched, subject, layer=4)
    with pytest.raises(DescriptionError, match="a head is one of a layer"):
        run(retention, subject, head=1)
    with pytest.raises(DescriptionError, match="no reference has the id 'nobody'"):
        run(perturbation_ranking, subject, tested="nobody")


def test_without_a_layer_all_are_averaged_so_that_none_was_picked(expressed: World) -> None:
    scores = [expressed.noise(), expressed.edge_score(3.0)]
    averaged = run(matched, subject_of(expressed, scores), resamples=10)
    alone = run(matched, subject_of(expressed, [(scores[0] + scores[1]) / 2]), layer=1, resamples=10)
    assert averaged.facts["scores.attention.raw"] == pytest.approx(alone.facts["scores.attention.raw"])
    assert "Attention of all 2 layers" in averaged.sentence


def test_equal_seeds_give_equal_bytes(expressed: World) -> None:
    score = expressed.expression_score()
    for description in (perturbation_ranking, matched):
        first, second = (run(description, subject_of(expressed, [score]), resamples=10) for _ in range(2))
        assert first.to_bytes() == second.to_bytes()
