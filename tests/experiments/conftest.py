"""Campaigns of the small world, driven step by step."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from theodolite.claims import Direction, Hypothesis, Locus
from theodolite.experiments import CampaignRun, prepare
from theodolite.tools import get_tool
from theodolite.tools import registry as registry_module


@pytest.fixture
def open_campaign(small_world: Any, tmp_path: Any) -> Iterator[Callable[..., CampaignRun]]:
    """Open a campaign on one ledger a test: ``sets`` replace its references, other arguments change its file."""
    with ExitStack() as stack:

        def start(name: str = "small", *, sets: Any = None, runner: Any = None, **overrides: Any) -> CampaignRun:
            run = stack.enter_context(
                small_world.opened(tmp_path, small_world.spec(name, **overrides), references=sets, runner=runner)
            )
            run.open()
            return run

        yield start


@pytest.fixture
def settings_of(small_world: Any, tmp_path: Any) -> Callable[..., Any]:
    """Resolve a campaign file of the small world; nothing is written."""
    return lambda **overrides: prepare(small_world.spec(**overrides), small_world.workspace(tmp_path))


@pytest.fixture
def make_hypothesis() -> Callable[..., Hypothesis]:
    """Make a hypothesis about a reference of a run: by default that axis 1 of the embedding separates it."""

    def make(
        run: CampaignRun,
        reference: str = "program_1",
        *,
        tool: str = "geometry.axis_separation",
        locus: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Hypothesis:
        instrument = get_tool(tool)
        places = {
            "geometry.axis_separation": {"kind": "axis", "layer": 0, "index": (1,)},
            "geometry.pair_proximity": {"kind": "window", "layer": 0, "index": (1, 3)},
            "attention.edges": {"kind": "head", "layer": 1, "index": (1,)},
        }
        fields: dict[str, Any] = {
            "claim": run.setting.claim(instrument, reference),
            "locus": Locus.model_validate(locus or places[tool]),
            "direction": Direction.GREATER,
            "tool": f"{instrument.name}@{instrument.version}",
            "rationale": "a test wants to know",
            "parents": ("look",),
        }
        return Hypothesis(**(fields | changes))

    return make


@pytest.fixture
def strongest(make_hypothesis: Callable[..., Hypothesis]) -> Callable[..., Hypothesis]:
    """Make the hypothesis that the looks at discovery genes suggest for a reference: place and direction."""

    def make(run: CampaignRun, reference: str, tool: str = "geometry.axis_separation") -> Hypothesis:
        seen = [look for look in run.explore() if look.tool.name == tool and reference in look.effects]
        best = max(seen, key=lambda look: abs(look.effects[reference][0]))
        greater = best.effects[reference][0] > 0 or tool != "geometry.axis_separation"
        return make_hypothesis(
            run,
            reference,
            tool=tool,
            locus=best.params.locus().model_dump(),
            direction=Direction.GREATER if greater else Direction.LESS,
            parents=(best.id,),
        )

    return make


@pytest.fixture
def go_round() -> Callable[..., None]:
    """Take hypotheses through a whole round without agents."""

    def go(run: CampaignRun, number: int, hypotheses: list[Hypothesis]) -> None:
        for slot, hypothesis in enumerate(hypotheses, start=1):
            run.propose(number, slot, hypothesis)
        run.register(number)
        run.run_jobs(number)
        run.judge(number)
        run.record(number)
        run.close_round(number)

    return go


@pytest.fixture
def recorded_as() -> Callable[..., Any]:
    """Make a check that says of every instrument that so many of 200 empty worlds passed, without running any."""
    from theodolite.calibration.bounds import clopper_pearson_lower
    from theodolite.store import ToolCheckRecord

    def making(passed: int) -> Callable[[Any], ToolCheckRecord]:
        low = clopper_pearson_lower(passed, 200)
        return lambda tool: ToolCheckRecord(
            tool=tool.name,
            version=tool.version,
            source_sha256=tool.source_sha256,
            shape=tool.shape.shape,
            worlds="a test's",
            catalogue="2",
            places=("layer 0",),
            planted=40,
            found=40,
            power=1.0,
            power_low=0.92,
            empty=200,
            passed_empty=passed,
            error=passed / 200,
            error_low=low,
            error_high=1.0,
            unmeasured=0,
            level=0.05,
            fit=low <= 0.05,
        )

    return making


ODD = ("sleeps", "dies", "raises", "leaks", "segfaults", "garbles", "talks")
ODD_TOOLS = Path(__file__).with_name("odd_tools.py")


@pytest.fixture
def trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make the odd tools known here and in every worker; creating the file that is returned makes them misbehave."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "sitecustomize.py").write_text("import odd_tools\n")
    (plugins / "odd_tools.py").write_bytes(ODD_TOOLS.read_bytes())
    source = str(Path(sys.modules["theodolite"].__file__ or "").parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(plugins), source]))
    monkeypatch.setenv("ODD_TOOLS", str(tmp_path / "trouble"))
    monkeypatch.setattr(registry_module, "_REGISTRY", dict(registry_module._REGISTRY))
    found = importlib.util.spec_from_file_location("odd_tools", plugins / "odd_tools.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, "odd_tools", module)
    found.loader.exec_module(module)
    yield tmp_path / "trouble"


@pytest.fixture
def odd_setting(small_world: Any, tmp_path: Path, trouble: Path) -> Any:
    """Resolve a campaign whose tools misbehave, with results of its own: such tests count who ran what."""
    spec = small_world.spec(tools=(*(f"odd.{name}" for name in ODD), "geometry.axis_separation"))
    workspace = small_world.workspace(tmp_path / "ledger")
    # Captures are shared, results are not: this test counts who ran what.
    return replace(prepare(spec, replace(workspace, cache=tmp_path / "cache")))


ODD_DESCRIPTIONS = Path(__file__).with_name("odd_descriptions.py")
ONE_TOOL = ["geometry.axis_separation"]


@pytest.fixture
def description_plugin(tmp_path: Path) -> str:
    """Return the path of the plug-in of descriptions, with no other file beside it."""
    return str(shutil.copy(ODD_DESCRIPTIONS, tmp_path / ODD_DESCRIPTIONS.name))


@pytest.fixture
def open_described(small_world: Any, tmp_path: Path, description_plugin: str) -> Iterator[Callable[..., CampaignRun]]:
    """Open a campaign that asks for descriptions, each time on a ledger of a folder; arguments change its file."""
    with ExitStack() as stack:

        def start(*items: Any, folder: str = "work", runner: Any = None, **changes: Any) -> CampaignRun:
            asked = {"plugins": [description_plugin], "descriptions": list(items), "tools": ONE_TOOL, **changes}
            spec = small_world.spec(**asked)
            run = stack.enter_context(small_world.opened(tmp_path / folder, spec, runner=runner))
            run.open()
            return run

        yield start
