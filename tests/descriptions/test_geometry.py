"""Spectrum and dimension: what is planted is told, beside vectors in which nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from small_subjects import subject

from theodolite.descriptions import DescriptionError
from theodolite.descriptions.geometry import effective_rank, intrinsic_dimension
from theodolite.measurements import CurveFit

GENES = tuple(f"G{place}" for place in range(150))


def flattening(seed: int) -> np.ndarray:
    """Return three layers of vectors: 10 equal axes, then 3, then 3 of noise as large as all else."""
    random = np.random.default_rng(seed)
    wide = random.standard_normal((150, 10)) @ np.linalg.qr(random.standard_normal((10, 10)))[0]
    flat = random.standard_normal((150, 3)) @ random.standard_normal((3, 10))
    return np.stack([wide, flat, flat + 0.01 * random.standard_normal((150, 10))])


def curve(measurement: CurveFit, name: str) -> np.ndarray:
    return measurement.y[[group == name for group in measurement.groups]]


def test_a_planted_rank_is_told_beside_shuffled_columns() -> None:
    found = effective_rank.run(subject(flattening(0), GENES), effective_rank.params(shuffles=5))
    present, shuffled = (curve(found.measurement, name) for name in ("present", "shuffled"))
    assert present[0] > 9.0 and present[1] < 3.1 and shuffled[1] > 2.0 * present[1]
    assert found.facts["present.effective_rank"] == pytest.approx(present)
    assert found.sentence.startswith("The effective rank of 150 gene vectors goes from 9.")
    assert found.measurement.curve == "depth" and found.measurement.unit == "axes"


def test_in_vectors_without_shape_the_rank_is_that_of_shuffled_columns() -> None:
    noise = np.random.default_rng(1).standard_normal((2, 150, 10))
    facts = effective_rank.run(subject(noise, GENES), effective_rank.params()).facts
    assert facts["present.effective_rank"] == pytest.approx(facts["shuffled"], rel=0.02)


def test_f3_rows_of_absent_genes_stand_under_a_name_of_their_own() -> None:
    vectors = np.concatenate([flattening(2) + 8.0, np.zeros((3, 100, 10))], axis=1)
    facts = effective_rank.run(
        subject(vectors, [f"G{place}" for place in range(250)]), effective_rank.params(shuffles=1)
    ).facts
    assert facts["absent"] == 100 and facts["present.rows"] == [150] * 3
    assert facts["with_zero_rows.first_share"][0] > 0.9 > facts["present.first_share"][0]


def test_a_planted_dimension_is_told_beside_shuffled_columns_with_its_interval() -> None:
    found = intrinsic_dimension.run(subject(flattening(3), GENES), intrinsic_dimension.params(shuffles=2))
    present, low, high, shuffled = (curve(found.measurement, n) for n in ("present", "low", "high", "shuffled"))
    assert low[1] < 3.0 < high[1] and present[0] > 6.0 and shuffled[1] > high[1]
    assert found.facts["dimension"] == pytest.approx(present) and "with columns shuffled" in found.sentence


def test_too_few_genes_have_no_dimension() -> None:
    with pytest.raises(DescriptionError, match=r"^geometry.intrinsic_dimension: 10 distinct rows are too few"):
        intrinsic_dimension.run(subject(flattening(4)[:, :10], GENES[:10]), intrinsic_dimension.params())


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_nulls() -> None:
    one, again, other = (
        effective_rank.run(subject(flattening(5), GENES, seed=seed), effective_rank.params(shuffles=2))
        for seed in (7, 7, 8)
    )
    assert one.to_bytes() == again.to_bytes() and one.sha256 != other.sha256
