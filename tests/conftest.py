"""What every test relies on: one thread, no key, no download, and fixed examples."""

from __future__ import annotations

import os

# Set before any test imports torch or NumPy: thread pools read these once, and two threads may sum in another order.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
# A test must never spend a developer's money, fetch a model, or send a trace of a graph anywhere.
os.environ.pop("OPENAI_API_KEY", None)
os.environ.pop("OPENAI_BASE_URL", None)
os.environ.update(HF_HUB_OFFLINE="1", LANGSMITH_TRACING="false", LANGCHAIN_TRACING_V2="false")
os.environ["THEODOLITE_MODEL_CALLS"] = "local"

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("theodolite", derandomize=True, deadline=None)
settings.load_profile("theodolite")

CHECKOUT = Path(__file__).parents[1]
# Last, so that it hides no library: test modules share the plain ones beside this file (`chat_server`, `players`).
sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Return the root of the checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real cells and references that are not part of the project, or skip."""
    named = os.environ.get("THEODOLITE_SHARED_DATA")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        if named:
            pytest.fail(f"THEODOLITE_SHARED_DATA is {named!r}, which is not a folder")
        pytest.skip("needs real cells outside the project: set THEODOLITE_SHARED_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the ``SmallWorld`` of ``worlds.py``: cells, references and a model with a known truth, for campaigns."""
    return _worlds().make_small_world(tmp_path_factory.mktemp("small-world"))


@pytest.fixture(scope="session")
def other_world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a second ``SmallWorld``, which has no gene in common with the first."""
    return _worlds().make_small_world(tmp_path_factory.mktemp("other-world"), prefix="X")


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the ``TreeWorlds`` of ``trees.py``: planted trees of cells, and worlds that lack them, for campaigns."""
    _worlds()
    from trees import TreeWorlds

    return TreeWorlds(tmp_path_factory.mktemp("trees"))


def _worlds() -> Any:
    # Loaded on demand: most tests need neither torch nor a campaign.
    name = "theodolite_test_worlds"
    if name not in sys.modules:
        found = importlib.util.spec_from_file_location(name, Path(__file__).with_name("worlds.py"))
        assert found is not None and found.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(found)
        found.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture
def example_plan() -> Any:
    """Return a complete, flawless plan of a set claim on an axis; vary it with ``Plan.model_validate``."""
    from theodolite.claims import Claim, Covariate, Direction, Hypothesis, Locus, LocusKind, Named, Relation
    from theodolite.plans import Block, LevelRule, Plan

    sha = "0" * 64
    return Plan(
        hypothesis=Hypothesis(
            claim=Claim(
                object="axis_coordinate",
                relation=Relation.SEPARATES,
                reference=Named(name="secreted", sha256=sha),
                model=Named(name="planted", sha256=sha),
                context=Named(name="blood", sha256=sha),
                adjustment=(Covariate.DROPOUT, Covariate.MEAN, Covariate.VARIANCE),
            ),
            locus=Locus(kind=LocusKind.AXIS, layer=1, index=(1,)),
            direction=Direction.GREATER,
            tool="geometry.axis_separation@1",
            rationale="on the discovery genes the effect is +0.412 over 12 genes of the reference",
            parents=("small/look/1",),
        ),
        claim_text="secreted genes lie at the upper end of axis 1",
        campaign="small-00000000",
        round=1,
        slot=1,
        estimand="AUROC - 0.5",
        statistic="auroc",
        shape="GeneScores",
        params={"layer": 1, "axis": 1},
        variants=("main", "untrained(1)"),
        fitted={"main": sha, "untrained(1)": sha},
        reference_sha256=sha,
        families_sha256=sha,
        cells_sha256=sha,
        model_sha256=sha,
        block=Block(id="split/block-1", split_sha256=sha, reused=False),
        level=LevelRule(stream="main", rule="r-lond", q=0.1, n_max=40, provisional_t=1, provisional_alpha=0.03),
        null_panel=("family_block_swap", "stratified_labels"),
        draws=2_000,
        seed=7,
        sesoi=0.2,
        minimum_detectable_effect=0.15,
        reference_in_block=40,
        families_in_block=20,
        catalogue="1",
        decision="1",
    )


@pytest.fixture
def fresh_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a test load plug-ins of its own: what it registers and imports is forgotten after it."""
    from theodolite import plugins
    from theodolite.data import offered as references
    from theodolite.descriptions import registry as descriptions
    from theodolite.models import offered as models
    from theodolite.tools import registry as tools

    for registry in (tools, descriptions):
        built_in = {name: found for name, found in registry._REGISTRY.items() if found.built_in}
        monkeypatch.setattr(registry, "_REGISTRY", built_in)
    monkeypatch.setattr(references, "_OFFERED", {})
    monkeypatch.setattr(models, "_OFFERED", {})
    loaded: dict[Path, Any] = {}
    monkeypatch.setattr(plugins, "_LOADED", loaded)
    yield
    for plugin in loaded.values():
        for name in [name for name in sys.modules if name.partition(".")[0] == plugin.name]:
            del sys.modules[name]
