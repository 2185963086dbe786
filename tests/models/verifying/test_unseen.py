"""What is predicted in a verification is of a plate that the model never saw, where its training says which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from theodolite.data import CellSet
from theodolite.models.facts import CheckpointError
from theodolite.models.verifying.unseen import Plates, choose_unit, read_plates


def cells_of(*plates: str, column: str | None = "plate") -> CellSet:
    names = [f"c{row}" for row in range(len(plates))]
    counts = [[1, 2]] * len(plates)
    labels = {"plate": list(plates)}
    import numpy as np

    return CellSet.from_counts(
        "drawn", np.array(counts), ["A", "B"], names, labels=labels, species="human", origin="here", batch=column
    )


def test_the_plate_of_the_training_is_held_out_whatever_is_not_named() -> None:
    plates = Plates("p2", ("p0", "p1"))
    assert choose_unit(cells_of("p0", "p1", "p2"), plates, None, seed=1) == "p2"
    assert choose_unit(cells_of("p0", "p1", "p2"), plates, "p2", seed=1) == "p2"
    for named in ("p0", "p9"):
        with pytest.raises(CheckpointError, match=rf"batch '{named}' is not what the model never saw.*all but 'p2'"):
            choose_unit(cells_of("p0", "p1", "p2"), plates, named, seed=1)


def test_of_other_cells_no_plate_of_the_training_is_predicted() -> None:
    plates = Plates("p2", ("p0", "p1"))
    assert choose_unit(cells_of("q0", "q1"), plates, None, seed=1) is None
    assert choose_unit(cells_of("q0", "q1"), plates, "q1", seed=1) == "q1"
    assert choose_unit(cells_of("p0", "q1"), plates, None, seed=1) == "q1"
    with pytest.raises(CheckpointError, match=r"was trained on 'p0' and never saw 'p2', which cells 'drawn' lack"):
        choose_unit(cells_of("p0", "q1"), plates, "p0", seed=1)
    with pytest.raises(CheckpointError, match=r"trained on all batches of cells 'drawn'; it never saw 'p2'"):
        choose_unit(cells_of("p0", "p1"), plates, None, seed=1)


def test_without_a_column_of_plates_nobody_can_tell() -> None:
    with pytest.raises(CheckpointError, match=r"never saw 'p2'; name the column of plates with --batch or --donor"):
        choose_unit(cells_of("p0", "p2", column=None), Plates("p2"), None, seed=1)


def test_a_model_that_was_not_trained_here_takes_what_is_named() -> None:
    assert choose_unit(cells_of("p0", "p1"), None, None, seed=1) is None
    assert choose_unit(cells_of("p0", "p1"), None, "p1", seed=1) == "p1"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"report": {"held_out": "p2"}, "trained_on": ["p0"]}, Plates("p2", ("p0",))),
        ({"report": {"held_out": "p2"}}, Plates("p2")),
        ({"epochs": 3}, None),
    ],
)
def test_the_record_of_a_training_is_read(tmp_path: Path, document: dict[str, Any], expected: Plates | None) -> None:
    assert read_plates(tmp_path) is None
    (tmp_path / "training.json").write_text(json.dumps(document), encoding="utf-8")
    assert read_plates(tmp_path) == expected


def test_a_record_that_is_cut_short_is_named(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text('{"report":', encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"training\.json.*which plate the model never saw"):
        read_plates(tmp_path)
