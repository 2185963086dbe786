from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from planted_panel import TIPS, planted_panel
from scipy.stats import spearmanr

from theodolite.analysis.manifold import (
    Candidate,
    FitterChoice,
    Layer,
    ManifoldGates,
    ManifoldSearch,
    PanelSplit,
    candidates,
    confirm,
    isomap,
    latent_distances,
    search,
    split_by_donor,
    trustworthiness,
)
from theodolite.manifolds.fitters import FITTERS
from theodolite.analysis.manifold.confirm import measure
from theodolite.data.tree_world import WorldShape

GATES = ManifoldGates()
ISOMAP = Candidate("tree", Layer("first"), FitterChoice("isomap", (("dimension", 3), ("neighbours", 15))))


@cache
def split_of(shape: WorldShape, seed: int) -> PanelSplit:
    return split_by_donor(planted_panel(shape, seed))


def searched(split: PanelSplit, journal) -> ManifoldSearch:
    """Landmark Isomap of two layers and their drift; LET, which takes longer, of one layer."""
    listed = candidates(split.whole, fitters=("landmark_isomap", "let"), neighbours=(15,), mixtures=())
    tried = [one for one in listed if one.choice.name != "let" or one.features == Layer("first")]
    return search(split.discovery, tried, GATES, journal=journal)


@pytest.mark.parametrize("seed", range(2))
def test_what_is_found_in_a_tree_passes_on_other_donors_and_its_null_fails(seed, tmp_path):
    split = split_of("tree", seed)
    found = searched(split, tmp_path / "search.jsonl")
    confirmed = confirm(found, split, GATES, panel=split_of("none", 50))
    assert found.chosen is not None and confirmed.candidate == found.chosen.sha256
    assert confirmed.verdict.passed, confirmed.verdict.failed
    assert confirmed.evidence.both is not None and confirmed.evidence.both["branch"] >= 0.5
    # The null tells branches apart, and passes over all pairs; not so within branches.
    assert confirmed.null.both is not None and confirmed.null.both["donor"] > 0.2
    assert confirmed.null.within is not None and max(confirmed.null.within.values()) < 0.2
    assert confirmed.panel is not None and confirmed.verdict.gates[-1].name == "expected-fail panel fails"


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize(
    ("shape", "gate"),
    [("line", "donor null within depth"), ("clusters", "donor null within branch"), ("none", "donor hold-out")],
)
def test_where_there_is_no_tree_nothing_passes(shape, gate, seed, tmp_path):
    split = split_of(shape, seed)
    confirmed = confirm(searched(split, tmp_path / "search.jsonl"), split, GATES)
    assert gate in confirmed.verdict.failed


def test_fits_see_discovery_donors_only_and_none_of_a_branch_that_is_held_out(monkeypatch):
    split = split_of("tree", 0)
    whole, seen = split.whole, split.seen
    fitted: list[np.ndarray] = []
    monkeypatch.setitem(FITTERS, "isomap", lambda rows, **settings: fitted.append(rows) or isomap(rows, **settings))
    evidence = measure(ISOMAP, split, GATES)
    rows, ruler, branches = whole.layers["first"], whole.rulers["tree"], np.array(whole.branches)
    expected = [seen, *(seen & (branches != tip) for tip in TIPS)]
    assert len(fitted) == len(expected)
    for given, chosen in zip(fitted, expected, strict=True):
        np.testing.assert_array_equal(given, rows[chosen])

    # And the numbers are those of rows of confirmation donors, each computed here anew.
    def rho(kept: np.ndarray, held: np.ndarray) -> float:
        at = np.concatenate([np.flatnonzero(kept), np.flatnonzero(held)])
        model = isomap(rows[kept], dimension=3, neighbours=15)
        distance = latent_distances(np.vstack([model.latent, model.place(rows[held])]))
        pairs = [(i, j) for j in range(int(kept.sum()), len(at)) for i in range(j)]
        known = ruler[np.ix_(at, at)]
        return float(spearmanr([distance[pair] for pair in pairs], [known[pair] for pair in pairs]).statistic)

    donor = np.array(whole.donors)
    by_donor = [rho(seen, donor == name) for name in sorted(set(donor[~seen]))]
    by_branch = [rho(seen & (branches != tip), ~seen & (branches == tip)) for tip in TIPS]
    assert evidence.both["donor"] == pytest.approx(np.mean(by_donor))
    assert evidence.both["branch"] == pytest.approx(np.mean(by_branch))
    placed = isomap(rows[seen], dimension=3, neighbours=15).place(rows[~seen])
    assert evidence.trust == pytest.approx(trustworthiness(rows[~seen], placed))
    assert {swap: len(values) for swap, values in evidence.donor_p.items()} == {"branch": 6, "depth": 6}


def test_a_fit_that_is_refused_is_told_and_a_panel_without_static_features_lacks_a_margin():
    split = split_of("tree", 0)
    refused = measure(
        replace(ISOMAP, choice=FitterChoice("isomap", (("dimension", 3), ("neighbours", 1)))), split, GATES
    )
    assert refused.refused is not None and "falls into" in refused.refused and refused.trust is None
    bare = PanelSplit(replace(split.whole, static=None), split.seen)
    assert set(measure(ISOMAP, bare, GATES).margins) == {"principal components", "random projection"}


def test_only_what_was_searched_is_confirmed_under_the_same_gates(tmp_path):
    split = split_of("tree", 0)
    found = search(split.discovery, [ISOMAP], GATES, journal=tmp_path / "search.jsonl")
    with pytest.raises(ValueError, match="not the discovery rows of this split"):
        confirm(found, split_by_donor(split.whole, seed=1), GATES)
    with pytest.raises(ValueError, match="gates are fixed before a search"):
        confirm(found, split, ManifoldGates(least_trust=0.7))
    required = ManifoldGates(panel_required=True)
    again = search(split.discovery, [ISOMAP], required, journal=tmp_path / "search.jsonl")
    with pytest.raises(ValueError, match="these gates need a panel"):
        confirm(again, split, required)
    other = search(split.discovery, [ISOMAP], GATES, journal=tmp_path / "search.jsonl")
    renamed = replace(split.whole, layers={"third": split.whole.layers["first"]})
    with pytest.raises(ValueError, match="no layer 'first'; it has third"):
        confirm(other, split, GATES, panel=PanelSplit(renamed, split.seen))
    hopeless = replace(ISOMAP, choice=FitterChoice("isomap", (("dimension", 3), ("neighbours", 500))))
    nothing = search(split.discovery, [hopeless], GATES, journal=tmp_path / "search.jsonl")
    with pytest.raises(ValueError, match="all 1 fits of the search were refused"):
        confirm(nothing, split, GATES)
