"""Campaigns about planted worlds: a tree is supported, worlds that lack it are not, and all of it can be recomputed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from trees import rows_of
from worlds import InProcessRunner

from theodolite.agents import replay_campaign
from theodolite.claims import Tag, Verdict
from theodolite.experiments.dependence import dependence
from theodolite.experiments.invalidating import invalidate
from theodolite.experiments.jobs import StepError
from theodolite.experiments.nodes import named_nodes
from theodolite.experiments.rejudging import rejudge
from theodolite.experiments.replay import verify_decisions
from theodolite.judgements import Judgement
from theodolite.store import EntryKind, Ledger, hypothesis_rows, verify


def judgement_of(folder: Path) -> Judgement:
    """Return the judgement of a finished campaign's first claim."""
    return Judgement.model_validate(rows_of(folder, EntryKind.JUDGEMENT)[0].payload["judgement"])


def gates_of(folder: Path) -> dict[str, Any]:
    """Return the gates of a finished campaign's first claim, by name."""
    return {gate.gate: gate for gate in judgement_of(folder).gates}


def test_a_planted_tree_is_supported(trees: Any) -> None:
    with Ledger.open(trees.finished() / "ledger.sqlite", read_only=True) as ledger:
        (row,) = hypothesis_rows(ledger)
    assert row.verdict is Verdict.SUPPORTED
    assert row.unit == "Spearman's rho"
    assert Tag.NO_PANEL not in row.tags


def test_branches_that_the_fit_never_saw_follow_the_planted_tree(trees: Any) -> None:
    gates = gates_of(trees.finished())
    assert gates["M2"].number >= 0.5
    assert gates["M3"].number >= 0.5
    assert "with a branch left out" in gates["M2"].sentence


def test_the_null_branch_and_the_cells_that_must_fail_do_fail(trees: Any) -> None:
    gate = gates_of(trees.finished())["G7-"]
    assert gate.passed is True
    assert gate.number < 0.2
    assert "cells in which the claim must fail fail M2" in gate.sentence


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["line", "clusters", "none"])
def test_worlds_without_the_tree_are_not_supported(trees: Any, shape: str) -> None:
    with Ledger.open(trees.finished(shape) / "ledger.sqlite", read_only=True) as ledger:
        assert all(row.verdict is not Verdict.SUPPORTED for row in hypothesis_rows(ledger))
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=True) == []


def test_every_number_can_be_recomputed_from_the_artefacts(trees: Any) -> None:
    with Ledger.open(trees.finished() / "ledger.sqlite", read_only=True) as ledger:
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=True) == []


@pytest.fixture
def copied(trees: Any, tmp_path: Path) -> Path:
    """Return a copy of the workspace of the finished tree, to be written to."""
    shutil.copytree(trees.finished(), tmp_path / "copy")
    return tmp_path / "copy"


def test_a_finished_campaign_that_is_run_again_writes_nothing(trees: Any, copied: Path) -> None:
    with Ledger.open(copied / "ledger.sqlite", read_only=True) as ledger:
        before = ledger.head()
    trees.run(trees.finished_file(), copied)
    with Ledger.open(copied / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.head() == before


def test_a_replay_ends_in_the_same_head(trees: Any, tmp_path: Path) -> None:
    setting = trees.setting(trees.finished_file(), tmp_path / "again")
    with Ledger.open(trees.finished() / "ledger.sqlite", read_only=True) as original:
        runner = InProcessRunner(setting.materials())
        found = replay_campaign(setting, original, tmp_path / "again", runner, trials=None)
    assert found.differences == ()
    assert found.same_head


def test_another_split_of_the_same_donors_is_refused(trees: Any, copied: Path) -> None:
    other = trees.file("other-split", split={"seed": 2})
    with pytest.raises(StepError, match="donors were split with seed 1 .* 12 of them would change sides"):
        trees.run(other, copied)


def test_a_second_campaign_finds_the_donors_seen(trees: Any, copied: Path) -> None:
    """The block returned a support: whatever is claimed of it afterwards is said to be of a used block."""
    trees.run(trees.file("second"), copied)
    with Ledger.open(copied / "ledger.sqlite", read_only=True) as ledger:
        later = [row for row in hypothesis_rows(ledger) if row.campaign.startswith("second")]
    assert all(row.reused and "[block reused]" in row.tags for row in later if row.verdict is Verdict.SUPPORTED)
    assert all(row.stream == "main/reused" for row in later if row.stream)


def test_judging_again_under_the_same_catalogue_adds_nothing(copied: Path) -> None:
    with Ledger.open(copied / "ledger.sqlite") as ledger:
        assert list(rejudge(ledger)) == []


@pytest.mark.parametrize("name", ["cells:cells", "reference:tree", "tool:manifold.follows@1", "gate:manifold-1/M3"])
def test_a_support_falls_with_what_it_rests_on(copied: Path, name: str) -> None:
    with Ledger.open(copied / "ledger.sqlite") as ledger:
        nodes = named_nodes(name, dependence(ledger).nodes())
        assert list(invalidate(ledger, nodes, name, reason="the labels were wrong", person="Ada"))
        assert [row.verdict for row in hypothesis_rows(ledger)] == [Verdict.INVALID]
        assert verify(ledger).ok
        assert verify_decisions(ledger, deep=True) == []
