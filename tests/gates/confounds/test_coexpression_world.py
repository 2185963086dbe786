"""A small version of ``evidence/coexpression_world.py``: what is left of co-expression finds no reference."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

REPLICATES = 100


@pytest.fixture
def evidence(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(checkout / "evidence")
    return importlib.import_module("coexpression_world")


@pytest.mark.slow
def test_co_expression_alone_passes_the_published_recipe_and_not_this_one(evidence):
    """A binomial of 100 with 0.05 exceeds 12 once in 700 times; co-expression as measured alone would not do."""
    null, signal, reliability = evidence.replicates(evidence.Condition("small", REPLICATES))
    assert len(null) == len(signal) == REPLICATES
    error, power = evidence.rates(null, 0.05), evidence.rates(signal, 0.05)
    assert error["published"] > 0.95 and error["line_of_truth"] > 0.8
    assert error["measured"] > 0.12
    assert error["project"] <= 0.12 and error["truth"] <= 0.12
    assert power["project"] > 0.7
    assert 0.6 < reliability < 0.95


def test_what_is_not_as_it_must_be_is_said(evidence):
    columns = len(evidence.COLUMNS)
    never = np.ones((10, columns))
    never[:, 0] = 0.01
    assert evidence.failures(never) == []
    assert [line.split(" recipe ")[0] for line in evidence.failures(1.01 - never)] == ["the project's", "the published"]
    assert "0.800" in evidence.table(np.array([[0.01]] * 8 + [[0.5]] * 2) * np.ones(columns), never)
