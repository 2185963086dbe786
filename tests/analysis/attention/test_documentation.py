"""The worked example of ``docs/instruments/attention.md`` gives what it says, and its figure can be drawn."""

from __future__ import annotations

import doctest
import importlib.util
import xml.etree.ElementTree as tree
from pathlib import Path

import numpy as np
import pytest

from theodolite.analysis import attention


def test_the_worked_example_prints_what_stands_in_the_page(checkout: Path) -> None:
    failed, tried = doctest.testfile(str(checkout / "docs" / "instruments" / "attention.md"), module_relative=False)
    assert tried > 10 and not failed


def test_the_page_names_every_function_that_measures(checkout: Path) -> None:
    page = (checkout / "docs" / "instruments" / "attention.md").read_text("utf-8")
    functions = ("edge_recovery", "depth_profiles", "profile_contrast", "residualised", "retained_signals",
                 "perturbation_ranking", "incremental_value", "matched_scores", "stratified_recovery",
                 "choose_nested", "choose_on_discovery")  # fmt: skip
    assert all(f"`{name}`" in page and name in attention.__all__ for name in functions)


def test_the_figure_is_drawn_from_what_is_computed(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = checkout / "docs" / "instruments" / "figures" / "attention.py"
    found = importlib.util.spec_from_file_location("figure_of_attention", where)
    assert found is not None and found.loader is not None
    script = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    monkeypatch.setattr(script, "OUT", tmp_path / "figure.svg")
    world = script.World()
    profiles = attention.depth_profiles(world.deep(world.interactions())[:3], [world.edges], resamples=20)
    bars = {"a": {"raw": 0.7, "beyond degree": 0.6, "without gene statistics": 0.55, "and co-expression": 0.5}}
    script.draw(bars, profiles.profiles * 2, [1, 3], np.array([[0.5, 0.5], [0.6, 0.5]]))
    assert tree.parse(tmp_path / "figure.svg").getroot().tag.endswith("svg")
    assert tree.parse(checkout / "docs" / "instruments" / "attention.svg").getroot().tag.endswith("svg")
