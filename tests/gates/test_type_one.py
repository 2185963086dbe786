"""A small version of ``evidence/type_one.py``: the panel of regulator-target scores where there is nothing to find."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from theodolite.data.pair_worlds import NULL_WORLDS, PairWorld

REPLICATES = 240


@pytest.fixture
def type_one(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(checkout / "evidence")
    return importlib.import_module("type_one")


@pytest.mark.slow
def test_the_panel_holds_in_all_six_worlds_and_finds_what_is_there(type_one):
    """A binomial of 240 with 0.05 exceeds 24 once in 3,000 times; the pair shuffle and the family null show why."""
    found = type_one.replicates(PairWorld, REPLICATES, type_one.DRAWS)
    rate = {world: type_one.rates(p, type_one.ALPHA) for world, p in found.items()}
    for world in NULL_WORLDS:
        assert len(found[world]) == REPLICATES
        assert rate[world]["panel"] <= 24 / REPLICATES
        assert rate[world]["family_block_swap"] <= 0.12
    assert rate[PairWorld.HUB_INDEP]["pair_shuffle"] > 0.12
    assert rate[PairWorld.HUB_DEGREE_CONF]["pair_shuffle"] > 0.9
    assert rate[PairWorld.PARALOG]["curveball"] > 24 / REPLICATES
    assert rate[PairWorld.HUB_INDEP_EDGE]["panel"] > 0.9
    assert rate[PairWorld.LOWRANK_EDGE]["panel"] > 0.9


def test_what_is_not_as_it_must_be_is_said(type_one):
    always, never = np.zeros((10, len(type_one.COLUMNS))), np.ones((10, len(type_one.COLUMNS)))
    assert type_one.failures({PairWorld.IID: never, PairWorld.LOWRANK_EDGE: always}) == []
    wrong = type_one.failures({PairWorld.IID: always, PairWorld.LOWRANK_EDGE: never, PairWorld.HUB_INDEP: never})
    assert [line.split(":")[0] for line in wrong] == ["iid", "lowrank+edge", "hub_indep"]
