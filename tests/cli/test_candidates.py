"""What a search tried, as a person meets it: best first, refused fits with their reason, and never as a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trees import Refusing

from theodolite.cli.exit_codes import ExitCode

PLACES = {f"{name}_{step}": step for name in ("branch_1", "branch_2", "branch_3") for step in (1, 2, 3)}
RULERS = [{"id": "tree", "graph": "tree.yaml"}, {"id": "depth", "rank": {"trunk_1": -1, "trunk_2": 0, **PLACES}}]


@pytest.fixture(scope="module")
def searched(trees: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace in which layers were searched for two rulers; at one of them no fit came about."""
    folder = tmp_path_factory.mktemp("searched")
    with trees.opened(trees.file("searched", manifold={"rulers": RULERS}), folder) as run:
        run._runner = Refusing(run._runner)
        run.open()
        run.search()
    return folder


def _listed(cli: Callable[..., Any], folder: Path, *words: Any) -> list[dict[str, Any]]:
    found = cli("ledger", "candidates", "-w", folder, "--json", *words)
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout)


def test_the_best_come_first_and_refused_fits_last_with_their_reason(cli: Callable[..., Any], searched: Path) -> None:
    lines = _listed(cli, searched)
    measured = [line for line in lines if line["ruler"] is not None]
    refused = [line for line in lines if line["ruler"] is None]
    assert lines == measured + refused
    assert {line["ruler"] for line in measured} == {"tree", "depth"}
    fit = [line["fit"] for line in measured]
    assert fit == sorted(fit, reverse=True)
    assert [(line["reason"], line["place"], line["score"], line["fit"]) for line in refused] == [
        ("in two parts", "layer 1", None, False)
    ]
    assert not any(line["reason"] for line in measured)


def test_the_order_is_that_in_which_the_search_puts_them(cli: Callable[..., Any], trees: Any) -> None:
    with trees.opened(trees.finished_file(), trees.finished()) as run:
        best = [candidate.id for candidate in run.search()]
    assert [line["id"] for line in _listed(cli, trees.finished())] == best


def test_a_ruler_and_a_limit_narrow_it(cli: Callable[..., Any], searched: Path) -> None:
    every = [line for line in _listed(cli, searched) if line["ruler"] == "depth"]
    assert _listed(cli, searched, "--ruler", "depth") == every
    assert _listed(cli, searched, "--ruler", "depth", "--limit", 1) == every[:1]


def test_the_table_says_that_it_is_not_a_test(cli: Callable[..., Any], searched: Path) -> None:
    shown = cli("ledger", "candidates", "-w", searched)
    words = " ".join(shown.stdout.split())
    assert "nothing here is a test" in words
    for line in _listed(cli, searched):
        assert line["fitter"] in words
        assert line["reason"] in words


def test_a_ruler_that_no_search_had_is_refused_by_name(cli: Callable[..., Any], searched: Path) -> None:
    found = cli("ledger", "candidates", "-w", searched, "--ruler", "ranks")
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "--ruler is 'ranks'; searches here had depth, tree" in " ".join(found.stderr.split())


def test_a_ledger_without_a_search_says_what_makes_one(cli: Callable[..., Any], finished: Path) -> None:
    found = cli("ledger", "candidates", "-w", finished)
    assert found.exit_code == 0
    assert "`manifold:` in a campaign file makes one" in " ".join(found.stdout.split())
    assert _listed(cli, finished) == []
