"""Placements: which rows a fit reads, and which it places without having read them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from theodolite.manifolds.fitters import FITTERS, READS_RULER, FitterChoice
from theodolite.manifolds.placing import Placement, place_all, placements_of

DONORS = [f"d{number}" for number in range(4) for _ in range(6)]
BRANCHES = ["trunk", "trunk", "left", "left", "right", "right"] * 4
N = len(DONORS)
EVERY = np.ones(N, dtype=bool)
DISCOVERY = np.isin(DONORS, ["d0", "d1"])
TIPS = ("left", "right")


def of(names: list[str], label: str) -> np.ndarray:
    return np.asarray(names) == label


def test_a_search_leaves_out_fifths_donors_and_branches_of_rows_that_it_may_read_too() -> None:
    found = {each.name: each for each in placements_of(DONORS, BRANCHES, TIPS, EVERY, EVERY, seed=3)}
    randoms = [f"random {number}" for number in range(1, 6)]
    donors = [f"donor d{number}" for number in range(4)]
    assert list(found) == ["fit", *randoms, *donors, "branch left", "branch right"]
    assert found["fit"].read.all() and not found["fit"].held.any()
    for name in randoms:
        assert found[name].held.sum() == round(0.2 * N)
    np.testing.assert_array_equal(found["donor d2"].held, of(DONORS, "d2"))
    np.testing.assert_array_equal(found["branch left"].held, of(BRANCHES, "left"))
    for each in found.values():
        np.testing.assert_array_equal(each.read, ~each.held)


def test_random_placements_follow_the_seed() -> None:
    def held(seed: int) -> list[np.ndarray]:
        placements = placements_of(DONORS, BRANCHES, TIPS, EVERY, EVERY, seed)
        return [each.held for each in placements if each.name.startswith("random")]

    np.testing.assert_array_equal(held(3), held(3))
    assert not np.array_equal(held(3), held(4))


def test_a_confirmation_reads_donors_of_the_search_and_places_the_others() -> None:
    found = {each.name: each for each in placements_of(DONORS, BRANCHES, TIPS, DISCOVERY, ~DISCOVERY, seed=3)}
    assert list(found) == ["fit", "branch left", "branch right"]
    np.testing.assert_array_equal(found["fit"].read, DISCOVERY)
    np.testing.assert_array_equal(found["fit"].held, ~DISCOVERY)
    left = of(BRANCHES, "left")
    np.testing.assert_array_equal(found["branch left"].read, DISCOVERY & ~left)
    np.testing.assert_array_equal(found["branch left"].held, ~DISCOVERY & left)


def test_branches_that_are_not_there_or_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no row has the branch 'up'; there are left, right, trunk"):
        placements_of(DONORS, BRANCHES, ("up",), EVERY, EVERY, seed=0)
    with pytest.raises(ValueError, match="all rows have the branch 'trunk'"):
        placements_of(DONORS, ["trunk"] * N, ("trunk",), DISCOVERY, ~DISCOVERY, seed=0)
    with pytest.raises(ValueError, match="leave 3 rows or more on both sides"):
        placements_of(DONORS[:8], BRANCHES[:8], TIPS, EVERY[:8], EVERY[:8], seed=0)


@dataclass
class Spy:
    """A fitter that keeps the first two columns and notes all that it is shown."""

    shown: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    placed: list[np.ndarray] = field(default_factory=list)
    latent: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))

    def __call__(self, rows: np.ndarray, ruler: np.ndarray) -> Spy:
        self.shown.append((rows, ruler))
        self.latent = rows[:, :2]
        return self

    def place(self, rows: np.ndarray) -> np.ndarray:
        self.placed.append(rows)
        return -rows[:, :2]


def numbered() -> tuple[np.ndarray, np.ndarray]:
    """Rows and a ruler that tell which anchors they are of."""
    number = np.arange(1.0, N + 1.0)
    return np.column_stack([number, 10.0 * number, 100.0 * number]), np.add.outer(1_000.0 * number, number)


@pytest.mark.parametrize(("readable", "judged"), [(EVERY, EVERY), (DISCOVERY, ~DISCOVERY)], ids=["search", "test"])
def test_a_fit_is_shown_its_own_rows_of_features_and_ruler_and_no_other(
    readable: np.ndarray, judged: np.ndarray
) -> None:
    rows, ruler = numbered()
    placements, spy = placements_of(DONORS, BRANCHES, TIPS, readable, judged, seed=1), Spy()
    found = place_all(rows, spy, ruler, placements).latent.reshape(len(placements), N, 2)
    assert len(spy.shown) == len(placements)
    for each, (seen, known), where in zip(placements, spy.shown, found, strict=True):
        np.testing.assert_array_equal(seen, rows[each.read])
        np.testing.assert_array_equal(known, ruler[each.read][:, each.read])
        np.testing.assert_array_equal(where[each.read], rows[each.read, :2])
        np.testing.assert_array_equal(where[each.held], -rows[each.held, :2])
        assert not where[~each.read & ~each.held].any()


def test_without_a_ruler_a_fitter_is_given_none_and_nothing_is_placed_where_nothing_is_held() -> None:
    rows, _ = numbered()
    spy = Spy()
    place_all(rows, spy, None, [Placement("fit", EVERY, ~EVERY)])
    assert spy.shown[0][1].shape == (0, 0) and not spy.placed


@pytest.mark.parametrize("name", sorted(FITTERS))
def test_held_rows_have_no_say_in_where_others_are(name: str) -> None:
    draw = np.random.default_rng(5)
    rows = draw.standard_normal((40, 12))
    ruler = np.abs(np.subtract.outer(np.arange(40.0), np.arange(40.0)))
    read = np.arange(40) < 30
    size = ("components", 5) if name in READS_RULER else ("neighbours", 8)
    settings = tuple(sorted([("dimension", 2), size]))
    if name == "landmark_isomap":
        settings = tuple(sorted([*settings, ("landmarks", 20)]))
    fitter, placement = FitterChoice(name, settings).fitter(), [Placement("fit", read, ~read)]
    first = place_all(rows, fitter, ruler, placement).latent
    other_rows, other_ruler = rows.copy(), ruler.copy()
    other_rows[35] += 50.0
    other_ruler[~read], other_ruler[:, ~read] = 7.0, 7.0
    again = place_all(other_rows, fitter, other_ruler, placement).latent
    kept = np.arange(40) != 35
    np.testing.assert_allclose(again[kept], first[kept], atol=1e-9)
    if name not in READS_RULER:
        np.testing.assert_array_equal(place_all(rows, fitter, None, placement).latent, first)


def test_a_choice_of_fitter_is_of_the_list_in_order_and_with_a_dimension() -> None:
    assert FitterChoice("isomap", (("dimension", 3), ("neighbours", 10))).dimension == 3
    with pytest.raises(ValueError, match="no fitter 'umap'; there are isomap, landmark_isomap"):
        FitterChoice("umap", (("dimension", 3),))
    for settings in ((("neighbours", 10),), (("neighbours", 10), ("dimension", 3)), (("dimension", 3),) * 2):
        with pytest.raises(ValueError, match="of isomap must be in order, each once, with a dimension"):
            FitterChoice("isomap", settings)
