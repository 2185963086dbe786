"""A forecast counts what could be tested, says what could be seen, and writes nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from theodolite.experiments import Workspace, prepare
from theodolite.gates import BASELINES, level_rule
from theodolite.reports.forecast import forecast
from theodolite.store import Ledger, stream_state


@pytest.fixture
def setting(small_world, tmp_path):
    return prepare(
        small_world.spec(**small_world.two_blocks), Workspace(tmp_path / "none", tmp_path / "none" / "cache")
    )


def test_claims_are_loci_times_testable_references(setting, tmp_path):
    found = forecast(setting)
    assert {tool.tool for tool in found.tools} == set(setting.spec.tools)
    for tool in found.tools:
        assert tool.claims == tool.loci * len(tool.detectable) > 0
    assert {item.title for item in found.not_testable} == {"a set too small to test"}
    assert all(item.reason and item.remedy for item in found.not_testable)
    assert not (tmp_path / "none").exists()


def test_later_levels_see_less_and_the_limit_decides(setting):
    found = forecast(setting)
    rule = {"q": setting.spec.error.q, "n_max": setting.spec.n_max, "supports_before": 0, "rule": "e-lond"}
    assert found.level_first == level_rule("main", provisional_t=1, **rule).provisional_alpha
    assert found.level_last == level_rule("main", provisional_t=4, **rule).provisional_alpha
    for item in (item for tool in found.tools for item in tool.detectable):
        assert 0.5 < item.first < item.last < 1.0
        assert (item.worth_first, item.worth_last) == (item.first <= item.limit, item.last <= item.limit)


def test_a_fresh_ledger_leaves_every_block_and_a_used_one_fewer(small_world, setting):
    assert (forecast(setting).blocks_left, forecast(setting).blocks) == (2, 2)
    folder = small_world.finished(2)
    same = prepare(small_world.finished_spec(2), Workspace(folder, small_world.cache))
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        found = forecast(same, ledger)
        assert found.blocks_left == 0 and found.stream == "main/reused"
        assert found.spent == stream_state(ledger, found.stream).t


def test_a_locked_stream_that_the_file_contradicts_is_named(small_world, setting):
    folder = small_world.finished()
    spec = setting.spec
    other = replace(setting, spec=spec.model_copy(update={"error": spec.error.model_copy(update={"n_max": 13})}))
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        (conflict,) = forecast(other, ledger).conflicts
        assert "n_max = 12" in conflict and "13" in conflict
        assert forecast(setting, ledger).conflicts == ()


def test_costs_grow_with_what_is_asked(setting):
    small, large = forecast(setting), forecast(replace(setting, spec=_with_budget(setting.spec, 40)))
    assert large.jobs - small.jobs == (1 + len(BASELINES)) * 36
    assert large.seconds > small.seconds > 0
    attention = 4 * setting.model.n_layers * setting.model.n_heads * len(setting.model.genes) ** 2
    assert math.isfinite(small.memory_bytes) and small.memory_bytes > 2 * attention


def _with_budget(spec, experiments):
    return spec.model_copy(update={"budget": spec.budget.model_copy(update={"experiments": experiments})})


def test_progress_ends_at_its_total(setting):
    told = []
    forecast(setting, progress=lambda done, total, title: told.append((done, total)))
    assert [done for done, _ in told] == list(range(len(told)))
    assert told[-1][0] == told[-1][1] > 0
