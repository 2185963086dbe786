"""Poles of an axis: pairs, confidence and compartments that are planted are told, and random ones are not."""

from __future__ import annotations

import numpy as np
import pytest
from small_subjects import reference, subject

from theodolite.data import confidence_tiers
from theodolite.descriptions import DescriptionError
from theodolite.descriptions.geometry_poles import co_pole, compartment_progression, confidence_gradient
from theodolite.sources import Source

N = 120
GENES = tuple(f"G{place}" for place in range(N))
AXIS = np.random.default_rng(0).standard_normal(N)


def world(seed: int = 0) -> np.ndarray:
    """Return three layers whose first axis is :data:`AXIS`."""
    random = np.random.default_rng(seed)
    rest = random.standard_normal((3, N, 7))
    return np.concatenate([np.repeat(8.0 * AXIS[None, :, None], 3, axis=0), rest], axis=2)


def near() -> list[tuple[str, str]]:
    """Return pairs of neighbours at the ends of the axis."""
    order = np.argsort(AXIS)
    return [(GENES[order[i]], GENES[order[i + 1]]) for i in (*range(0, 30, 2), *range(90, 118, 2))]


def anyhow(seed: int) -> list[tuple[str, str]]:
    random = np.random.default_rng(seed)
    drawn = {tuple(sorted(random.choice(GENES, 2, replace=False).tolist())) for _ in range(30)}
    return sorted(drawn)  # type: ignore[arg-type]


def test_planted_pairs_lie_at_one_pole_and_random_ones_no_more_than_permuted_ones() -> None:
    given = (reference("pairs", near(), "near"), reference("pairs", anyhow(1), "anyhow"))
    found = co_pole.run(subject(world(), GENES, *given), co_pole.params(draws=99))
    assert found.facts["near.nulls.gene_labels.p_any"] == 0.01 and found.facts["near.nulls.degree_strata.p_any"] == 0.01
    assert found.facts["anyhow.nulls.gene_labels.p_any"] > 0.05
    assert found.sentence.startswith(
        "'near' has the smallest p of 2 references, the least that 99 draws can give, before any correction for "
        "choosing among them: 1 of its 29 pairs"
    )
    assert found.measurement.groups[:3] == ("near",) * 3 and found.measurement.y[0] == 1.0


def test_a_set_stands_for_its_pairs_and_a_reference_without_genes_is_told_why() -> None:
    (pairs,) = co_pole.fitting([reference("set", GENES[:4])])
    strangers = reference("pairs", [("X", "Y")], "strangers")
    found = co_pole.run(subject(world(), GENES, pairs, strangers), co_pole.params(draws=9))
    assert found.facts["known_pairs.pairs"] == 6
    assert found.facts["left_out.strangers"].startswith("no pair of the reference joins two of the 120 genes")
    with pytest.raises(DescriptionError, match="nothing can be said of the reference 'strangers': no pair"):
        co_pole.run(subject(world(), GENES, strangers), co_pole.params())


def test_a_null_that_moves_nothing_is_no_hurdle_and_is_named() -> None:
    """All members of a set have one degree among its pairs, so that strata of degree change them among themselves."""
    order = np.argsort(AXIS)
    (pairs,) = co_pole.fitting([reference("set", [GENES[i] for i in order[:12]])])
    found = co_pole.run(subject(world(), GENES, pairs), co_pole.params(draws=99))
    assert found.facts["known_pairs.nulls.degree_strata.p_any"] == 1.0
    assert found.facts["known_pairs.nulls.degree_strata.moved"] == 0.0
    assert found.sentence.endswith(
        "is 0.01, the largest over 2 nulls; numbers of partners are not controlled here (degree_strata moves nothing)."
    )


def test_a_set_at_one_end_is_followed_through_turned_axes() -> None:
    order = np.argsort(AXIS)
    vectors = world(1)
    vectors[1] *= -1.0
    given = (
        reference("set", [GENES[i] for i in order[:15]], "low"),
        reference("set", [GENES[i] for i in order[::8]], "spread"),
    )
    found = compartment_progression.run(subject(vectors, GENES, *given), compartment_progression.params(draws=99))
    assert len(set(found.facts["low.pole"])) == 1 and min(found.facts["agreement"]) > 0.9
    assert found.facts["low.nulls.gene_labels.p_any"] == 0.01 < found.facts["spread.nulls.gene_labels.p_any"]
    assert found.sentence.startswith("'low' has the smallest p of 2 references, the least that 99 draws can give,")
    assert "choosing among them: 15 of its 15 members" in found.sentence
    assert {"low.nulls.degree_strata.p_any", "low.nulls.family_block_swap.p_any"} <= set(found.facts)


def scored(strength: float, seed: int) -> list[tuple[str, str, float]]:
    """Return pairs whose score rises with their nearness on the axis, as far as ``strength`` says."""
    random = np.random.default_rng(seed)
    ends = [random.choice(N, 2, replace=False) for _ in range(400)]
    return [(GENES[a], GENES[b], strength * AXIS[a] * AXIS[b] + random.standard_normal()) for a, b in ends]


def test_a_planted_gradient_of_confidence_is_told_and_a_random_one_is_not() -> None:
    for strength, there in ((1.5, True), (0.0, False)):
        tiers = confidence_tiers(scored(strength, 2), name="given", origin=Source(name="made up"))
        found = confidence_gradient.run(subject(world(2), GENES, *tiers), confidence_gradient.params(draws=99))
        p = max(found.facts[f"nulls.{null}.p_any"] for null in ("gene_labels", "degree_strata", "family_block_swap"))
        assert (p <= 0.05) is there and (found.facts["trend.rho"] > 0.8) is there
        assert f"p is {p:.2g}, the largest over 3 nulls" in found.sentence
        assert found.measurement.groups[:5] == ("mean",) * 5 and found.measurement.curve == "confidence"


def test_one_list_has_no_gradient() -> None:
    with pytest.raises(DescriptionError, match="many equal ones leave a bin of 5 empty; give fewer bins"):
        confidence_gradient.run(subject(world(), GENES, reference("pairs", near())), confidence_gradient.params())


def test_an_axis_that_is_not_there_is_refused() -> None:
    with pytest.raises(DescriptionError, match="vectors of width 8 have no 9 axes"):
        co_pole.run(subject(world(), GENES, reference("pairs", near())), co_pole.params(axis=9))
