"""The check of an instrument: honest ones are at their level, mistaken ones above it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theodolite.calibration.toolcheck import LEVEL, check_tool
from theodolite.plugins import load_plugin
from theodolite.store import ToolCheckRecord
from theodolite.tools import ToolError, get_tool, tools


@pytest.fixture
def mistaken(fresh_plugins: None, checkout: Path) -> Callable[[str], Any]:
    """Return one of the instruments of people who were mistaken."""
    load_plugin(checkout / "tests" / "plugins" / "mistaken.py")
    return lambda name: get_tool(f"mistaken.{name}")


def test_an_honest_instrument_finds_what_is_planted_and_is_at_its_level() -> None:
    steps: list[tuple[int, int]] = []
    found = check_tool(get_tool("geometry.axis_separation"), progress=lambda done, total: steps.append((done, total)))
    assert found.power_low > 0.8
    assert found.fit and found.error_low <= LEVEL <= found.error_high
    assert found.error == found.passed_empty / found.empty and found.unmeasured == 0
    assert steps[0] == (0, 240) and steps[-1] == (240, 240)


@pytest.mark.parametrize("name", [tool.name for tool in tools() if tool.built_in and not tool.relation.of_cells])
def test_every_instrument_that_is_built_in_has_power_in_the_worlds(name: str) -> None:
    found = check_tool(get_tool(name), planted=12, empty=12)
    assert found.found >= 10 and found.fit


# Trends, peaks and stability share their scores: one of each here, and all of them in `evidence/instruments.py`.
OF_DEPTH = ("depth.attention_trend", "depth.regulator_peak", "depth.proximity_stability")
OF_GENES = [tool for tool in tools() if tool.built_in and not tool.relation.of_cells]
WHOLE = [tool.name for tool in OF_GENES if tool.family != "depth" or tool.name in OF_DEPTH]


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_every_instrument_that_is_built_in_passes_its_check(name: str) -> None:
    found = check_tool(get_tool(name))
    assert found.power_low > 0.8 and found.fit


def test_a_check_is_the_same_whenever_it_is_run() -> None:
    first, second = (check_tool(get_tool("attention.regulation"), planted=3, empty=3) for _ in range(2))
    assert first == second


def test_expression_with_its_covariates_hidden_is_above_its_level(mistaken: Callable[[str], Any]) -> None:
    found = check_tool(mistaken("expression"), planted=10, empty=60)
    assert not found.fit and found.error_low > 0.5
    with pytest.raises(ValueError, match="fit is True with an error of at least"):
        ToolCheckRecord.model_validate(found.model_dump() | {"fit": True})


def test_what_cannot_be_measured_or_judged_is_said(mistaken: Callable[[str], Any]) -> None:
    with pytest.raises(ToolError, match="could not measure in any of 4 worlds .*there is nothing to measure"):
        check_tool(mistaken("broken"), planted=2, empty=2)
    with pytest.raises(ToolError, match="cannot be judged .*return the genes, families, covariate names"):
        check_tool(mistaken("bare"), planted=2, empty=2)
