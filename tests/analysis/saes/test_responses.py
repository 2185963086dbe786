from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, mannwhitneyu

from theodolite.analysis.saes import cell_means, responses

F = 40


def screen(targets: int, cells: int, controls: int) -> list[str]:
    return ["control"] * controls + [f"T{target:02d}" for target in range(targets) for _ in range(cells)]


def test_positions_as_pseudo_replicates_respond_to_targets_that_do_nothing_and_cells_do_not():
    """Published: 92 % of targets respond. Here no target does anything; cells differ, and tokens share their cell."""
    by_position, by_cell, p = [], [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        labels = screen(6, 20, 60)
        cell = np.repeat(np.arange(len(labels)), 50)
        tokens = np.exp(0.5 * rng.standard_normal((len(labels), F)))[cell] + 0.5 * rng.standard_normal((len(cell), F))
        of_token = np.array(labels)[cell]
        ranked = [
            mannwhitneyu(tokens[of_token == target], tokens[of_token == "control"]).pvalue
            for target in sorted(set(labels) - {"control"})
        ]
        by_position.append((false_discovery_control(np.array(ranked), axis=None) <= 0.05).reshape(6, F))
        found = responses(cell_means(tokens, cell, len(labels)), labels, control="control")
        by_cell.append(found.q <= 0.05)
        p.append(found.p)
    assert np.mean(np.any(by_position, axis=2)) == 1.0, "published: features respond to every target"
    assert np.mean(by_position) > 0.3
    # Tests share controls and one world can have several, but whole worlds without a find are the rule.
    assert np.sum(np.any(by_cell, axis=(1, 2))) <= 1
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.025)


def test_planted_responses_are_found_with_their_sign_and_size():
    rng = np.random.default_rng(1)
    labels = screen(5, 20, 200)
    activation = rng.gamma(2.0, 1.0, (len(labels), F))
    of = np.array(labels)
    activation[of == "T01", 3] += 4.0
    activation[of == "T04", 7] *= 0.1
    activation[:, 11] = 0.0
    found = responses(activation, labels, control="control")
    assert np.argwhere(found.responding()).tolist() == [[1, 3], [4, 7]]
    assert found.effect[1, 3] > 0.4 and found.effect[4, 7] < -0.4
    assert (found.p[:, 11] == 1.0).all() and (found.effect[:, 11] == 0.0).all(), "a silent feature responds to nothing"
    assert found.targets == ("T00", "T01", "T02", "T03", "T04") and found.controls == 200
    assert found.cells.tolist() == [20] * 5 and found.frame().shape == (5 * F, 5)
    assert found.q.ravel() == pytest.approx(false_discovery_control(found.p.ravel()))


@given(st.integers(0, 2**32 - 1), st.integers(10, 15), st.integers(1, 9))
@settings(max_examples=15)
def test_the_effect_is_the_share_of_pairs_of_cells_that_are_in_order(seed: int, cells: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    labels = screen(2, cells, 12)
    activation = rng.integers(0, values + 1, (len(labels), 3)).astype(float)
    found = responses(activation, labels, control="control")
    for row, target in enumerate(found.targets):
        one, other = activation[np.array(labels) == target], activation[:12]
        above = (one[:, None] > other[None]) + 0.5 * (one[:, None] == other[None])
        assert found.effect[row] == pytest.approx(above.mean(axis=(0, 1)) - 0.5)


def test_what_has_no_responses_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"shape \(3, 2\), 2 labels; give a row for each cell"):
        responses(np.ones((3, 2)), ["control", "A"], control="control")
    with pytest.raises(ValueError, match="need the control 'NT' and a target beside it"):
        responses(np.ones((40, 2)), screen(2, 10, 20), control="NT")
    with pytest.raises(ValueError, match="'T00' has 9 cells; leave out targets with fewer than 10"):
        responses(np.ones((29, 2)), screen(1, 9, 20), control="control")
    with pytest.raises(ValueError, match="leave cells without tokens out"):
        responses(np.full((30, 2), np.nan), screen(1, 10, 20), control="control")
