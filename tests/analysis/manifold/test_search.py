from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_panel import TIPS, planted_panel

from theodolite.analysis.manifold import (
    Candidate,
    FitterChoice,
    Layer,
    ManifoldGates,
    ManifoldSearch,
    Panel,
    candidates,
    held_out,
    label_holdouts,
    principal_components,
    search,
    split_by_donor,
    trustworthiness,
    unsupervised,
)
from theodolite.manifolds.fitters import FITTERS

GATES = ManifoldGates()
WHOLE = planted_panel("tree", 0)
SPLIT = split_by_donor(WHOLE)
TRIED = candidates(WHOLE, fitters=("landmark_isomap", "diffusion_map"), neighbours=(10, 500))
"""Two layers, their drift and a mixture; half of the fits ask for more neighbours than there are rows."""


def run(discovery: Panel, journal: Path, **settings: int) -> ManifoldSearch:
    return search(discovery, TRIED, GATES, journal=journal, **settings)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[ManifoldSearch, Path]:
    journal = tmp_path_factory.mktemp("search") / "search.jsonl"
    return run(SPLIT.discovery, journal), journal


def test_every_candidate_is_a_row_and_refused_ones_say_why(found):
    result, journal = found
    assert {row.candidate for row in result.rows} == {candidate.sha256 for candidate in TRIED} and result.left == 0
    refused = [row for row in result.rows if row.refused is not None]
    assert len(refused) == len(TRIED) / 2 and all("500 neighbours among 84 rows" in row.refused for row in refused)
    assert result.rows[-len(refused) :] == tuple(refused)
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len(TRIED) and {line["protocol"]["data"] for line in lines} == {SPLIT.discovery.sha256}
    by_hash = {candidate.sha256: candidate.record for candidate in TRIED}
    assert all(line["candidate"] == by_hash[line["row"]["candidate"]] for line in lines)


def test_a_row_holds_the_means_over_hold_outs_and_the_gain_over_baselines(found):
    result, _ = found
    discovery, row = SPLIT.discovery, result.rows[0]
    chosen = result.chosen
    assert chosen is not None and chosen.sha256 == row.candidate
    rows, ruler = chosen.rows(discovery), discovery.rulers["tree"]
    fitter = chosen.choice.fitter()
    branches = label_holdouts(discovery.branches, "branch", names=TIPS)
    scores = held_out(rows, ruler, fitter, branches, branches=discovery.branches, draws=1)
    assert row.both["branch"] == pytest.approx(np.mean([score.both for score in scores]))
    assert row.within["branch"] == pytest.approx(np.mean([score.within for score in scores]))
    assert row.trust == pytest.approx(trustworthiness(rows, fitter(rows, ruler).latent))
    donors = label_holdouts(discovery.donors, "donor")
    components = unsupervised(principal_components, dimension=3)
    other = np.mean([s.both for s in held_out(discovery.expression, ruler, components, donors, draws=1)])
    assert row.gains["principal components"] == pytest.approx(row.both["donor"] - other)
    assert row.score == min(*row.both.values(), *row.within.values())


def test_the_best_score_comes_first_among_those_that_the_gates_may_pass(found):
    result, _ = found
    measured = [row for row in result.rows if row.refused is None]
    fit = [row for row in measured if row.fit_for(GATES)]
    assert 0 < len(fit) < len(measured) and measured[: len(fit)] == fit
    scores = [[row.score for row in rows] for rows in (fit, measured[len(fit) :])]
    assert all(part == sorted(part, reverse=True) for part in scores)
    # A candidate that a baseline beats comes later, with a higher score too.
    assert max(scores[1]) > min(scores[0])


def test_the_choice_does_not_see_the_rows_that_will_judge_it(found, tmp_path):
    result, _ = found
    draw = np.random.default_rng(1)
    held = ~SPLIT.seen
    noise = {name: rows.copy() for name, rows in WHOLE.layers.items()}
    for rows in [*noise.values(), expression := WHOLE.expression.copy(), static := WHOLE.static.copy()]:
        rows[held] = draw.permuted(rows[held], axis=0) + 3.0
    changed = split_by_donor(replace(WHOLE, layers=noise, expression=expression, static=static))
    assert changed.whole.sha256 != WHOLE.sha256 and changed.discovery.sha256 == SPLIT.discovery.sha256
    again = run(changed.discovery, tmp_path / "search.jsonl")
    assert again.rows == result.rows and again.chosen == result.chosen


@pytest.mark.parametrize("cut", [1, 200])
def test_a_search_that_was_killed_goes_on_and_gives_the_same_rows(found, tmp_path, cut, monkeypatch):
    result, journal = found
    lines = journal.read_bytes().splitlines(keepends=True)
    stopped = tmp_path / "search.jsonl"
    stopped.write_bytes(b"".join(lines[:4]) + lines[4][:-cut])
    fits: list[str] = []
    fit = FITTERS["landmark_isomap"]
    monkeypatch.setitem(FITTERS, "landmark_isomap", lambda *rows, **settings: fits.append("") or fit(*rows, **settings))
    again = run(SPLIT.discovery, stopped)
    assert again == result and stopped.read_bytes() == journal.read_bytes()
    assert fits
    fits.clear()
    assert run(SPLIT.discovery, stopped) == result and not fits


def test_rows_of_other_data_or_another_seed_are_not_taken(found, tmp_path):
    result, journal = found
    copied = tmp_path / "search.jsonl"
    copied.write_bytes(journal.read_bytes())
    fewer = SPLIT.discovery.part(np.array(SPLIT.discovery.branches) != "trunk")
    other = run(fewer, copied)
    assert other.data != result.data and {row.candidate for row in other.rows} == {c.sha256 for c in TRIED}
    assert len(copied.read_bytes().splitlines()) == 2 * len(TRIED)
    run(SPLIT.discovery, copied, seed=1, budget=2)
    assert len(copied.read_bytes().splitlines()) == 2 * len(TRIED) + 2
    assert run(SPLIT.discovery, copied) == result


def test_a_budget_leaves_candidates_out_and_a_larger_one_goes_on(found, tmp_path):
    result, _ = found
    journal = tmp_path / "search.jsonl"
    few = run(SPLIT.discovery, journal, budget=3)
    assert len(few.rows) == 3 and few.left == len(TRIED) - 3
    first = journal.read_bytes()
    assert run(SPLIT.discovery, journal).rows == result.rows and journal.read_bytes().startswith(first)


def test_where_every_fit_is_refused_nothing_is_chosen(tmp_path):
    choice = FitterChoice("isomap", (("dimension", 3), ("neighbours", 500)))
    tried = [Candidate("tree", features, choice) for features in (Layer("first"), Layer("third"))]
    result = search(SPLIT.discovery, tried, GATES, journal=tmp_path / "search.jsonl")
    assert result.chosen is None and len(result.rows) == 2
    assert any("no layer 'third'" in row.refused for row in result.rows)


def test_nothing_to_try_and_unknown_rulers_are_refused(tmp_path):
    journal = tmp_path / "search.jsonl"
    with pytest.raises(ValueError, match="0 candidates and a budget of 200"):
        search(SPLIT.discovery, [], GATES, journal=journal)
    with pytest.raises(ValueError, match="a budget of 0"):
        run(SPLIT.discovery, journal, budget=0)
    with pytest.raises(ValueError, match="no ruler 'line'; it has tree"):
        search(SPLIT.discovery, [replace(TRIED[0], ruler="line")], GATES, journal=journal)
