"""Recovery of mixtures that are held out whole, on small generated mixtures where the answer is known."""

from __future__ import annotations

import importlib
from itertools import product
from typing import Any

import numpy as np
import pytest

PARTS = np.array(
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.68, 0.16, 0.16], [0.16, 0.68, 0.16], [0.16, 0.16, 0.68], [1 / 3] * 3]
)


@pytest.fixture
def recovery() -> Any:
    return importlib.import_module("lib.recovery")


def world(seed: int = 0, each: int = 12, genes: int = 200, noise: float = 1.0) -> tuple[Any, ...]:
    """Return profiles that are linear in proportions, with counting noise: linear values, truth, names and amounts."""
    draw = np.random.default_rng(seed)
    lines = draw.gamma(0.5, 20.0, (3, genes))
    truth = np.repeat(PARTS, each, axis=0)
    names = [f"mixture {number}" for number in range(len(PARTS)) for _ in range(each)]
    amounts = [("3.75", "30")[cell % 2] for cell in range(len(truth))]
    profiles = truth @ lines
    return (draw.poisson(profiles).astype(float) if noise else profiles), truth, names, amounts


def test_least_squares_on_counts_recovers_what_is_linear_also_beyond_the_mixtures_that_it_saw(recovery: Any) -> None:
    profiles, truth, names, _ = world(noise=0.0)

    def predict(count: int | None, fit: Any, out: Any) -> Any:
        return recovery.unmixed(profiles, names, truth, fit, out, count)

    found = recovery.leave_mixtures_out(names, truth, [50, None], predict)
    np.testing.assert_allclose(found.predicted, truth, atol=1e-6)
    noisy, truth, names, _ = world()
    found = recovery.leave_mixtures_out(
        names, truth, [None], lambda count, fit, out: recovery.unmixed(noisy, names, truth, fit, out, count)
    )
    assert np.abs(found.predicted - truth).mean() < 0.05


def test_a_profile_of_nothing_is_an_even_mixture(recovery: Any) -> None:
    profiles, truth, names, _ = world()
    profiles[0] = 0.0
    fit = np.array(names) != "mixture 0"
    np.testing.assert_allclose(recovery.unmixed(profiles, names, truth, fit, ~fit, None)[0], 1 / 3)


def test_the_mixture_that_is_held_out_has_no_say_in_the_choice(recovery: Any) -> None:
    profiles, truth, names, _ = world()
    label = np.array(names)
    asked: list[tuple[str, bool]] = []

    def predict(setting: str, fit: Any, out: Any) -> Any:
        # The held-out mixture, which comes with a fit on all six others, is predicted once and by one setting.
        assert not (fit & out).any() and len(set(label[out])) == 1
        asked.append((setting, len(set(label[fit])) == 6))
        right = truth[out] if setting == "good" else 1.0 - truth[out]
        return right if setting != "refused" else _refuse()

    found = recovery.leave_mixtures_out(names, truth, ["refused", "bad", "good"], predict)
    assert set(found.chosen.values()) == {"good"} and sum(last for _, last in asked) == 7
    with pytest.raises(ValueError, match="every setting is refused"):
        recovery.leave_mixtures_out(names, truth, ["refused", "refused"], predict)


def _refuse() -> Any:
    raise ValueError("no fit")


def test_ridge_without_a_penalty_is_the_least_norm_solution(recovery: Any) -> None:
    draw = np.random.default_rng(0)
    for rows, columns in ((30, 5), (10, 40)):
        values, truth = draw.standard_normal((rows, columns)), draw.random((rows, 3))
        others = draw.standard_normal((4, columns))
        centred = values - values.mean(axis=0)
        weights = np.linalg.pinv(centred) @ (truth - truth.mean(axis=0))
        expected = truth.mean(axis=0) + (others - values.mean(axis=0)) @ weights
        np.testing.assert_allclose(recovery.ridge(values, truth, others, 0.0), expected, atol=1e-8)
        large = recovery.ridge(values, truth, others, 1e9)
        np.testing.assert_allclose(large, np.tile(truth.mean(axis=0), (4, 1)), atol=1e-6)


def test_scores_are_those_of_scipy_in_each_stratum_with_a_jackknife_over_mixtures(recovery: Any) -> None:
    from scipy.stats import spearmanr

    _, truth, names, amounts = world()
    predicted = truth + 0.2 * np.random.default_rng(1).standard_normal(truth.shape)
    found = recovery.scores(predicted, truth, names, amounts)
    for (place, amount), line in product(enumerate(("3.75", "30")), range(3)):
        inside = np.array(amounts) == amount
        rho = spearmanr(predicted[inside, line], truth[inside, line]).statistic
        assert found["rho"]["cells"]["value"][place][line] == pytest.approx(rho, abs=1e-4)
        error = np.abs(predicted[inside, line] - truth[inside, line]).mean()
        assert found["error"]["cells"]["value"][place][line] == pytest.approx(error, abs=1e-4)
    mean = found["error"]["mean"]
    assert mean["low"] < mean["value"] < mean["high"] and len(found["error"]["without"]) == 7
    assert found["rho"]["mean"]["high"] <= 1.0
    assert recovery.spearman(np.ones(5), np.arange(5.0)) == 0.0


def test_the_jackknife_of_a_mean_is_the_interval_of_student(recovery: Any) -> None:
    from scipy.stats import sem, t

    values = np.array([0.1, 0.4, 0.2, 0.7, 0.3, 0.5, 0.9])
    low, high = recovery.jackknife(values.mean(), (values.sum() - values) / 6)
    expected = t.interval(0.95, 6, values.mean(), sem(values))
    assert (low, high) == pytest.approx(expected)


def test_rows_of_a_small_bench_put_what_is_linear_first_and_the_mean_last() -> None:
    rows = importlib.import_module("lib.mixture_rows")
    profiles, truth, names, amounts = world(each=20, genes=40)
    linear = 1e4 * profiles / profiles.sum(axis=1, keepdims=True)
    given = np.log1p(linear)
    draw = np.random.default_rng(2)
    layers = {f"layer {number}": given @ draw.standard_normal((40, 8)) for number in (1, 2)}
    bench = rows.Bench(
        names=tuple(names), amounts=tuple(amounts), truth=truth, linear=linear, given=given,
        static=given @ draw.standard_normal((40, 8)), layers=layers, untrained=layers,
        replicates=tuple(f"{cell % 4 // 2}" for cell in range(len(names))),
    )  # fmt: skip
    assert len(bench.anchor_names) == 28
    plain = {}
    for row in rows.plain_rows(bench):
        plain[row["row"]] = row["error"]["mean"]["value"]
    assert list(plain)[:3] == [
        "least squares on log1p CP10K", "least squares on counts", "principal components, then least squares",
    ]  # fmt: skip
    assert plain["least squares on counts"] == min(plain.values()) < 0.05
    assert plain["mean of the other mixtures"] == max(plain.values())
    fits = rows.AnchorFits(bench, {"expression": given}, lambda dimension, _: rows._fitter("LET", dimension, 5))
    found = fits.agreement(dict.fromkeys(sorted(set(names)), ("expression", 2, None)))
    assert found["value"] > 0.5 and set(found["by_mixture"]) == set(names)
