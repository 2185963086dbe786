"""Features of cell types: planted ones are found, and those of donors, of rare labels or of nobody are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_dictionaries import given, made
from small_subjects import subject

from theodolite.data import CellSet
from theodolite.descriptions import Described, DescriptionError, Offered, check_fit
from theodolite.descriptions.feature_cells import feature_specificity
from theodolite.tools import ModelShape

GENES = tuple(f"G{number}" for number in range(30))
EACH, TYPES, FEATURES = 30, 3, 12
LABELS = [f"type {number}" for number in np.repeat(range(TYPES), EACH)]
N = EACH * TYPES


def cells(labels: list[str] = LABELS, donors: list[str] | None = None, **roles: str) -> CellSet:
    columns = {"kind": labels} | ({} if donors is None else {"donor": donors})
    roles = ({} if donors is None else {"donor": "donor"}) | (roles or {"cell_type": "kind"})
    counts = np.ones((len(labels), len(GENES)), dtype=np.int64)
    names = [f"c{row}" for row in range(len(labels))]
    return CellSet.from_counts("kinds", counts, GENES, names, labels=columns, species="planted", origin="test", **roles)


def activity(seed: int = 0) -> np.ndarray:
    """Return features (cells, F) that nothing of the cells is behind."""
    return np.random.default_rng(seed).random((N, FEATURES))


def see(by_cell: np.ndarray, read: CellSet, tokens: np.ndarray | None = None, **params: Any) -> Described:
    found = made(GENES, np.ones((len(GENES), by_cell.shape[1])))
    count = np.full(len(by_cell), 50, dtype=np.int64) if tokens is None else tokens
    reading = replace(found.reading, by_cell=by_cell.astype(np.float32), cell_tokens=count)
    about = replace(subject(np.zeros((3, len(GENES), 4)), GENES), read_cells=read)
    about = replace(about, trained=given(replace(found, reading=reading)))
    return feature_specificity.run(about, feature_specificity.parsed({"draws": 400, **params}))


def test_planted_features_are_found_in_their_type_and_no_other_is() -> None:
    by_cell = activity()
    for feature, kind in ((2, 0), (5, 0), (7, 2)):
        by_cell[np.array(LABELS) == f"type {kind}", feature] += 1.0
    found = see(by_cell, cells())
    assert found.measurement.units == ("type 0", "type 1", "type 2")
    np.testing.assert_allclose(found.measurement.effect, [2 / 12, 0.0, 1 / 12])
    assert found.measurement.control.shape == (3, 19) and found.measurement.control.max() == 0.0
    facts = found.facts
    assert (facts["share"], facts["p"], facts["exchanged.mean"]) == (3 / 12, 1 / 20, 0.0)
    assert sorted(zip(facts["found.label"], facts["found.feature"], strict=True)) == [
        ("type 0", 2), ("type 0", 5), ("type 2", 7),
    ]  # fmt: skip
    assert facts["unit"] == ["cells"] * 3 and facts["cells"] == [EACH] * 3 and facts["exchanged.moved"] > 0.5
    assert min(facts["found.auroc"]) > 0.95 and max(facts["found.q"]) <= 0.05
    assert found.sentence.startswith("25.0% of 12 active features at layer 1 are specific to one of 3 labels (kind; ")
    assert "0.0% with labels exchanged (0.0% at most, p 0.05 of 19 exchanges)" in found.sentence
    assert "3 by exchanging cells, which says nothing of other donors" in found.sentence


def test_where_nothing_is_behind_features_as_much_is_found_with_labels_exchanged() -> None:
    # An effect of any size counts, so that what is held back is held back by the nulls alone.
    found = see(activity(3), cells(), least_auroc=0.5)
    assert found.facts["share"] == 0.0 and found.facts["p"] == 1.0
    assert found.measurement.effect.max() == 0.0 and found.facts["found.feature"] == []


def test_what_differs_between_donors_is_no_cell_type_where_donors_have_one_type_each() -> None:
    donors = [f"d{row // 6}" for row in range(N)]  # five of each type
    shift = np.random.default_rng(1).standard_normal((15, FEATURES))
    by_cell = activity() + 2.0 * shift[np.arange(N) // 6]
    blind, seen = see(by_cell, cells()), see(by_cell, cells(donors=donors))
    assert blind.facts["share"] >= 0.25 and blind.facts["unit"] == ["cells"] * 3
    assert seen.facts["share"] == 0.0 and seen.facts["unit"] == ["donors"] * 3
    assert seen.facts["units"] == [15] * 3 and "3 by exchanging donors" in seen.sentence
    # Whole donors change places in the control, so that what donors give by chance is in it.
    assert seen.facts["replicates"] == "donor" and seen.facts["exchanged.moved"] > 0.3


def test_four_donors_can_tell_of_no_type_and_the_sentence_says_so() -> None:
    by_cell = activity()
    by_cell[np.array(LABELS) == "type 0", 2] += 1.0
    found = see(by_cell, cells(donors=[f"d{row % 4}" for row in range(N)]))
    assert found.facts["share"] == 0.0 and found.facts["unit"] == ["donors_within"] * 3
    assert "cannot be told: with 4 donor units at most no p is below 0.062, and 0.05 is asked for" in found.sentence


def test_a_type_that_all_its_donors_have_is_found_across_donors() -> None:
    donors = [f"d{row // 6}" for row in range(N)]
    by_cell = activity()
    by_cell[:EACH, 4] += 3.0
    found = see(by_cell, cells(donors=donors), draws=5_000)
    assert found.facts["found.feature"] == [4] and found.facts["found.label"] == ["type 0"]
    assert found.facts["exchanged.mean"] < found.facts["share"] == 1 / 12


def test_rare_labels_and_cells_without_a_token_are_left_out() -> None:
    labels = [*LABELS[:-4], *["rare"] * 4]
    tokens = np.full(N, 50)
    tokens[:3] = 0
    found = see(activity(), cells(labels), tokens)
    assert found.facts["labels"] == ["type 0", "type 1", "type 2"] and found.facts["left_out"] == ["rare"]
    assert found.facts["cells"] == [EACH - 3, EACH, EACH - 4]
    with pytest.raises(DescriptionError, match=r"1 labels of 'kind' have 29 cells .*type 1: 30.*least_cells"):
        see(activity(), cells(labels), tokens, least_cells=29)


def test_cells_whose_role_nobody_named_are_refused_when_asked_and_beforehand() -> None:
    said = r"no label of these cells is said to hold their condition \(roles they have: cell_type \(kind\)\); name it"
    with pytest.raises(DescriptionError, match=said):
        see(activity(), cells(), role="condition")
    assert see(activity(), cells(condition="kind"), role="condition").facts["column"] == "kind"
    offered = Offered(GENES, 16, ModelShape(2, 2), (), cells().roles)
    check_fit(feature_specificity.parsed({}), offered)
    with pytest.raises(DescriptionError, match=said):
        check_fit(feature_specificity.parsed({"role": "condition"}), offered)
    with pytest.raises(DescriptionError, match="layer 3: this model has the layers 0"):
        check_fit(feature_specificity.parsed({"layer": 3}), offered)


def test_features_that_are_never_active_are_refused() -> None:
    found = made(GENES, np.ones((len(GENES), FEATURES)))
    dead = replace(
        found.reading, by_cell=np.zeros((N, FEATURES), dtype=np.float32), cell_tokens=np.full(N, 50),
        active=np.zeros(FEATURES, dtype=np.int64),
    )  # fmt: skip
    about = replace(subject(np.zeros((3, len(GENES), 4)), GENES), read_cells=cells())
    with pytest.raises(DescriptionError, match="no feature is active in any token"):
        feature_specificity.run(
            replace(about, trained=given(replace(found, reading=dead))), feature_specificity.parsed({})
        )
