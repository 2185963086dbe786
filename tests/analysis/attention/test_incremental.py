from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.attention import edge_labels, incremental_value
from theodolite.analysis.attention import incremental as module

SIX = {(learner, split) for learner in ("logistic", "boosting") for split in ("perturbation", "target", "both")}


@pytest.fixture(autouse=True, scope="module")
def published():
    """Fewer trees that learn faster, for worlds of four thousand pairs; returns the parameters of the default."""
    published = dict(module._TREES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TREES", {**published, "max_iter": 25, "learning_rate": 0.2})
        yield published


@pytest.fixture(scope="module")
def expressed(world):
    """Return the gains of an edge signal, of expression, and of noise, where expression makes an edge likely."""
    w = world("expression", seed=1)
    mean = w.statistics[:, 0]
    of_targets = np.broadcast_to(mean**2, (140, 140)) + 0.2 * w.noise()
    signals = {"edges": w.edge_score(1.5), "expression": of_targets, "noise": w.noise()}
    return w, incremental_value(w.edges, signals, w.statistics, folds=4, resamples=100, top_k=(5, 20))


def test_a_signal_of_edges_is_accepted_under_both_learners_in_all_splits(expressed) -> None:
    _, found = expressed
    gains = found.of("edges")
    assert {(gain.learner, gain.split) for gain in gains} == SIX
    assert all(gain.d_auroc.low > 0.03 and gain.d_auprc.low > 0 for gain in gains)
    assert all(gain.d_auroc.low < gain.d_auroc.estimate < gain.d_auroc.high for gain in gains)
    assert found.accepted("edges")
    assert max(dict(gain.recall)[5].low for gain in gains) > 0.05


@pytest.mark.parametrize("signal", ["expression", "noise"])
def test_what_the_baseline_knows_already_and_noise_are_not_accepted(expressed, signal: str) -> None:
    """The trap of a score that ranks targets well alone: it adds nothing to what the statistics say."""
    _, found = expressed
    assert not found.accepted(signal)
    assert all(gain.d_auroc.high < 0.03 for gain in found.of(signal))
    if signal == "expression":
        assert min(gain.base_auroc for gain in found.of(signal)) > 0.6


def test_a_score_that_knows_which_targets_respond_is_no_edge_and_its_own_target_mean_shows_it(world) -> None:
    """The trap of hubs that three statistics do not know: accepted beside them, and not beside the score's own mean."""
    w = world("hubs", seed=3)
    hub = np.broadcast_to(np.log1p(w.edges.labels.sum(axis=0)), (140, 140)) + 0.1 * w.noise()
    plain = incremental_value(w.edges, {"hub": hub}, w.statistics, folds=4, resamples=60, top_k=())
    assert plain.accepted("hub")
    strict = incremental_value(w.edges, {"hub": hub}, w.statistics, folds=4, resamples=60, top_k=(), target_means=True)
    assert not strict.accepted("hub") and np.median([gain.d_auroc.estimate for gain in strict.gains]) < 0.01


def test_acceptance_needs_every_learner_and_split(world) -> None:
    w = world()
    part = incremental_value(
        w.edges, {"edges": w.edge_score(3.0)}, w.statistics, learners=("logistic",), splits=("target",),
        resamples=20, top_k=(),
    )  # fmt: skip
    assert part.gains[0].d_auroc.low > 0
    with pytest.raises(ValueError, match="was not tried in .*boosting.*acceptance needs all six"):
        part.accepted("edges")
    with pytest.raises(KeyError, match="'string' was not tried"):
        part.accepted("string")
    assert {"d_auroc_low", "d_auprc", "split"} <= set(part.frame().columns)


@pytest.mark.parametrize(("split", "rows", "columns"), [("perturbation", 1, 0), ("target", 0, 1), ("both", 1, 1)])
def test_a_split_holds_out_whole_families_on_its_side_or_sides(world, split: str, rows: int, columns: int) -> None:
    w = world()
    families = [f"F{index // 2}" for index in range(140)]
    pairs = [(w.genes[i], w.genes[(3 * i + 40) % 140]) for i in range(30)]
    edges = edge_labels(pairs, w.genes, families=families, directed=True)
    row_family, column_family = np.array(edges.row_families), np.array(edges.column_families)
    seen = np.zeros(edges.candidates.shape, dtype=int)
    for test, train in module._cells(edges, split, 3, 0):
        seen += test
        assert not (test & train).any()
        if rows:
            assert not set(row_family[test.any(axis=1)]) & set(row_family[train.any(axis=1)])
        if columns:
            assert not set(column_family[test.any(axis=0)]) & set(column_family[train.any(axis=0)])
    assert np.array_equal(seen, edges.candidates.astype(int))


def test_targets_learnt_by_heart_help_where_only_perturbations_are_held_out(world) -> None:
    """Trees name a target by its statistics: the baseline profits where the targets of the test were seen before."""
    w = world("hubs", seed=5)
    found = incremental_value(
        w.edges, {"noise": w.noise()}, w.statistics, learners=("boosting",), splits=("perturbation", "target"),
        resamples=20, top_k=(),
    )  # fmt: skip
    base = {gain.split: gain.base_auroc for gain in found.gains}
    assert base["perturbation"] > base["target"] + 0.1


def test_what_cannot_be_tried_is_refused(world) -> None:
    w = world()
    pairs = edge_labels([(w.genes[0], w.genes[1])], w.genes, directed=False)
    with pytest.raises(ValueError, match="need edges with a direction and a signal"):
        incremental_value(pairs, {"noise": w.noise()}, w.statistics)
    one = edge_labels([(w.genes[0], w.genes[5]), (w.genes[1], w.genes[5])], w.genes, directed=True)
    with pytest.raises(ValueError, match="a training set of .* holds 0 edges"):
        incremental_value(one, {"noise": w.noise()}, w.statistics, splits=("target",), learners=("logistic",))


def test_the_trees_are_those_of_the_specification(published: dict) -> None:
    assert published == {"max_iter": 200, "max_depth": 6, "learning_rate": 0.05, "early_stopping": False}
    assert module._model("boosting", 0).max_depth == 6
