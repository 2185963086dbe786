from __future__ import annotations

import numpy as np
import pytest

from theodolite.analysis.attention import edge_labels, retained_signals
from theodolite.analysis.attention import residual as module


@pytest.fixture(autouse=True)
def fewer_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer trees that learn faster and come as far."""
    monkeypatch.setattr(module, "_TREES", {**module._TREES, "max_iter": 60, "learning_rate": 0.15})


def test_a_signal_passes_under_every_learner_or_not_at_all() -> None:
    """Few regulators: what trees leave of a score of expression, a line takes out."""
    rng = np.random.default_rng(1)
    genes = [f"G{index:02d}" for index in range(60)]
    mean = rng.gamma(2.0, 0.6, 60)
    statistics = np.column_stack([mean, rng.random(60), rng.random(60)])
    score = np.broadcast_to(mean, (60, 60)) + 0.2 * rng.standard_normal((60, 60))
    drawn = rng.random((6, 60)) < np.minimum(0.25 * mean, 1.0)
    pairs = [(genes[i], genes[j]) for i, j in np.argwhere(drawn).tolist() if i != j]
    edges = edge_labels(pairs, genes, directed=True)
    found = retained_signals(edges, {"expression": score}, statistics, resamples=50, rewirings=50)
    assert {row.learner for row in found.rows} == {"ols", "boosting"}
    assert not found.accepted("expression")
    line = next(row for row in found.rows if row.learner == "ols")
    assert line.r2 > 0.8 and line.retention.estimate < 0.5


def test_retention_separates_a_signal_of_edges_from_one_of_expression(world) -> None:
    w = world("expression", seed=2)
    signals = {"edges": w.edge_score(1.5), "expression": w.expression_score()}
    found = retained_signals(w.edges, signals, w.statistics, learners=("ols", "boosting"), resamples=300, rewirings=100)
    rows = {(row.signal, row.learner): row for row in found.rows}
    true, false = rows["edges", "boosting"], rows["expression", "boosting"]
    # a part of what makes an edge likely is expression, and goes with it
    assert true.accepted and true.retention.low > 0.7 and true.degree_z > 3
    assert not false.accepted and false.retention.high < 0.4
    assert false.raw.low > 0.1 and false.residual.low < 0.02
    assert all(row.adjusted_for == ("genes",) for row in found.rows)
    assert found.accepted("edges") and not found.accepted("expression")
    assert {"r2", "retention_low", "degree_z"} <= set(found.frame().columns)
    with pytest.raises(KeyError, match="'string' was not tried"):
        found.accepted("string")
    assert true.retention.estimate == pytest.approx(true.residual.estimate / true.raw.estimate)


def test_co_expression_is_the_rival_that_is_not_adjusted_for_itself(world) -> None:
    w = world("coexpression", seed=3)
    rival = np.abs(w.coexpression)
    found = retained_signals(
        w.edges, {"noise": w.noise(), "coexpression": rival}, w.statistics, coexpression=w.coexpression,
        learners=("ols",), resamples=100, rewirings=0,
    )  # fmt: skip
    assert [(row.signal, row.adjusted_for) for row in found.rows] == [
        ("noise", ("genes",)), ("noise", ("genes", "coexpression")), ("coexpression", ("genes",))
    ]  # fmt: skip
    assert not any(row.accepted for row in found.rows), "without a degree-preserving null nothing is accepted"
