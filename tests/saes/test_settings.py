"""Settings with which no run can end are refused with the value and the remedy; rates rise, stay and fall."""

from __future__ import annotations

from typing import Any

import pytest

from theodolite.saes import SAESettings, SAETrainingError


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"features": 0}, "features is 0; it must be at least 1"),
        ({"k": 0}, "k is 0; it must be at least 1"),
        ({"k": 65}, "k is 65 of 64 features; it cannot be more"),
        ({"steps": 0}, "steps is 0"),
        ({"rows": -1}, "rows is -1"),
        ({"threads": 0}, "threads is 0"),
        ({"save_every": 0}, "save_every is 0"),
        ({"report_every": 0}, "report_every is 0"),
        ({"sparsity": "l1"}, "sparsity is 'l1'; use 'topk' or 'batchtopk'"),
        ({"widths": (32, 16)}, r"widths are \(32, 16\); give ascending numbers of features, each below 64"),
        ({"widths": (16, 16)}, r"widths are \(16, 16\); give ascending"),
        ({"widths": (0, 16)}, r"widths are \(0, 16\); give ascending"),
        ({"widths": (16, 64)}, r"widths are \(16, 64\); .* each below 64"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"warmup_share": 1.5}, "warmup_share is 1.5; give a share of the steps, 0 to 1"),
        ({"decay_share": -0.1}, "decay_share is -0.1"),
        ({"dead_share": float("nan")}, "dead_share is nan"),
        ({"aux_k": -1}, "aux_k is -1; give 0 to leave dead features alone"),
        ({"seed": -1}, "seed is -1; it must be 0 or more"),
    ],
)
def test_a_wrong_value_is_refused_with_its_remedy(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SAETrainingError, match=said):
        SAESettings(**({"features": 64, "k": 4} | wrong))


def test_the_rate_rises_stays_and_falls() -> None:
    settings = SAESettings(features=64, k=4, steps=100, learning_rate=1.0, warmup_share=0.1, decay_share=0.2)
    rates = [settings.rate(step) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * number for number in range(1, 11)])
    assert rates[10:80] == [1.0] * 70
    assert rates[80:] == pytest.approx([0.05 * number for number in range(20, 0, -1)])


def test_the_usual_rate_is_that_of_a_dictionary_of_16384_scaled_by_the_root_of_the_size() -> None:
    for features, rate in ((2**14, 2e-4), (2**10, 8e-4)):
        assert SAESettings(features=features, k=4, warmup_share=0, decay_share=0).rate(0) == pytest.approx(rate)


@pytest.mark.parametrize(("steps", "share", "after"), [(1_000, 0.02, 20), (10, 0.02, 1), (100, 0.0, 1)])
def test_a_feature_is_dead_after_a_share_of_the_run_whatever_its_length(steps: int, share: float, after: int) -> None:
    assert SAESettings(features=64, k=4, steps=steps, dead_share=share).dead_after == after


@pytest.mark.parametrize(("aux_k", "width", "most"), [(None, 100, 8), (None, 10, 5), (0, 100, 0), (70, 10, 70)])
def test_auxk_is_twice_k_or_half_the_width_where_it_is_not_given(aux_k: int | None, width: int, most: int) -> None:
    assert SAESettings(features=64, k=4, aux_k=aux_k).aux_features(width) == most


def test_levels_end_with_the_whole_dictionary() -> None:
    assert SAESettings(features=64, k=4).levels == (64,)
    assert SAESettings(features=64, k=4, widths=(8, 32)).levels == (8, 32, 64)
