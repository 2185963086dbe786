from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from planted_latents import components, features, fixed, latents
from planted_tree import planted_anchors

from theodolite.analysis.manifold import held_out, latent_distances, pair_spearman, principal_components
from theodolite.analysis.manifold.holdouts import kind_means
from theodolite.gates.anchors.scores import KINDS, anchor_scores
from theodolite.manifolds.embedding import unsupervised
from theodolite.manifolds.holdouts import Holdout

WORLD = planted_anchors("tree", 0)


def by_hand(measured, placement, out):
    """Correlations over pairs of held-out rows and of these with what was read, one matrix at a time."""
    read = measured.read[placement]
    pairs = (out[:, None] & (out | read)) | ((out | read)[:, None] & out)
    branch = np.asarray(measured.branch)
    distance = latent_distances(measured.positions(placement))
    inside = pairs & (branch[:, None] == branch)
    return pair_spearman(distance, measured.ruler, pairs), pair_spearman(distance, measured.ruler, inside)


def test_on_discovery_donors_every_fit_that_left_rows_out_is_a_hold_out_of_its_kind():
    rows = WORLD.anchors.rows
    measured = latents(WORLD, components(rows), discovery=True)
    scores = anchor_scores(measured, 0)
    wanted = [
        Holdout(kind, rest, measured.held[number])
        for number, name in enumerate(measured.placements)
        for kind, _, rest in [name.partition(" ")]
        if kind in KINDS
    ]
    fitter = unsupervised(principal_components, dimension=4)
    found = held_out(rows, WORLD.ruler, fitter, wanted, branches=WORLD.branches, draws=1)
    assert scores.both == pytest.approx(kind_means(found, "both"))
    assert scores.within == pytest.approx(kind_means(found, "within"))
    assert scores.least == min([*scores.both.values(), *scores.within.values()])


def test_in_confirmation_fifths_and_donors_are_looked_at_in_the_one_fit():
    measured = latents(WORLD, components(WORLD.anchors.rows))
    scores, donor = anchor_scores(measured, 4), np.asarray(WORLD.donors)
    judged = sorted(set(donor[measured.judged]))
    donors = [by_hand(measured, 0, measured.judged & (donor == name)) for name in judged]
    assert scores.both["donor"] == pytest.approx(np.mean([both for both, _ in donors]))
    assert scores.within["donor"] == pytest.approx(np.mean([within for _, within in donors]))
    branches = [by_hand(measured, number, measured.held[number]) for number in (1, 2, 3)]
    assert scores.both["branch"] == pytest.approx(np.mean([both for both, _ in branches]))
    assert scores.within["branch"] == pytest.approx(np.mean([within for _, within in branches]))
    assert scores.both["random"] is not None and scores == anchor_scores(measured, 4)
    assert scores.both["random"] != anchor_scores(measured, 5).both["random"]


def test_rows_that_do_not_count_change_nothing_where_no_fit_read_them():
    measured = latents(WORLD, fixed(features(WORLD, 0.5, 0)))
    none = measured.held.copy()
    none[1:] |= ~measured.judged & ~measured.read[1:]
    also_placed = replace(measured, held=none)
    assert anchor_scores(also_placed, 0) == anchor_scores(measured, 0)


def test_what_has_no_correlation_is_none():
    measured = latents(WORLD, fixed(features(WORLD, 0.5, 0)))
    branch = np.asarray(WORLD.branches)
    flat = measured.with_ruler((branch[:, None] != branch).astype(float), measured.depth)
    scores = anchor_scores(flat, 0)
    assert scores.within == dict.fromkeys(KINDS) and scores.least is None
    assert scores.both["random"] is not None
    p = measured.placements.index("branch branch_1")
    kept = [number for number in range(len(measured.placements)) if number < p]
    n = len(measured.anchors)
    only_fit = replace(
        measured,
        placements=tuple(measured.placements[number] for number in kept),
        read=measured.read[kept],
        held=measured.held[kept],
        latent=measured.latent[: n * len(kept)],
    )
    assert anchor_scores(only_fit, 0).both["branch"] is None
    with pytest.raises(ValueError, match="the anchors have no ruler"):
        anchor_scores(latents(WORLD, fixed(features(WORLD, 0.5, 0)), ruler=False), 0)


def test_a_search_can_score_many_candidates():
    measured = latents(WORLD, fixed(features(WORLD, 0.5, 0)), discovery=True)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        anchor_scores(measured, 0)
        times.append(time.perf_counter() - start)
    # 168 rows and 21 placements, about 3.5 times the pairs of a search's; shared machines are slow.
    assert min(times) < 0.5
