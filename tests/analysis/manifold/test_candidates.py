from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_panel import planted_panel

from theodolite.analysis.manifold import Candidate, Drift, FitterChoice, Layer, Mixture, candidates

WHOLE = planted_panel("tree", 0)
ISOMAP = FitterChoice("isomap", (("dimension", 3), ("neighbours", 10)))


def test_the_list_is_rulers_times_features_times_fitters_with_their_settings():
    found = candidates(WHOLE, dimensions=(2, 3), neighbours=(10, 15), components=(20,), mixtures=(0.3, 0.7))
    # Two layers, a drift and two mixtures; four fitters of two dimensions and two numbers of neighbours, and LET.
    assert len(found) == 5 * (4 * 4 + 2)
    assert len({candidate.sha256 for candidate in found}) == len(found)
    kinds = {candidate.record["features"]["kind"] for candidate in found}
    assert kinds == {"layer", "drift", "mixture"}
    assert all(set(dict(c.choice.settings)) == {"components", "dimension"} for c in found if c.choice.name == "let")


def test_layers_of_different_widths_have_no_drift():
    layers = {"expression": WHOLE.expression, **WHOLE.layers}
    found = candidates(replace(WHOLE, layers=layers), fitters=("isomap",), neighbours=(10,))
    features = {candidate.features for candidate in found}
    assert Layer("expression") in features and {f for f in features if isinstance(f, Drift)} == {
        Drift("first", "second")
    }
    with pytest.raises(ValueError, match="of widths 200 and 64 have no difference"):
        Drift("expression", "first").rows(replace(WHOLE, layers=layers))


def test_features_are_layers_their_differences_and_scaled_mixtures():
    first, second = WHOLE.layers["first"], WHOLE.layers["second"]
    np.testing.assert_array_equal(Candidate("tree", Layer("first"), ISOMAP).rows(WHOLE), first)
    np.testing.assert_array_equal(Candidate("tree", Drift("first", "second"), ISOMAP).rows(WHOLE), second - first)
    mixed = Candidate("tree", Mixture((Layer("first"), Drift("first", "second")), (0.3, 0.7)), ISOMAP)
    seen = np.arange(len(first)) % 3 > 0
    rows = mixed.rows(WHOLE, seen)
    parts = rows[:, :64], rows[:, 64:]
    assert [part[seen].var(axis=0).sum() for part in parts] == pytest.approx([0.3, 0.7])
    # Rows that are not fitted set no scale.
    moved = first + 100.0 * ~seen[:, None]
    changed = replace(WHOLE, layers={"first": moved, "second": second})
    np.testing.assert_array_equal(mixed.rows(changed, seen)[seen], rows[seen])


def test_only_a_fitter_that_reads_the_ruler_is_given_it():
    rows, ruler = WHOLE.layers["first"][::4], WHOLE.rulers["tree"][::4, ::4]
    wrong = ruler[::-1, ::-1]
    np.testing.assert_array_equal(ISOMAP.fitter()(rows, ruler).latent, ISOMAP.fitter()(rows, wrong).latent)
    let = FitterChoice("let", (("components", 20), ("dimension", 3))).fitter()
    assert not np.allclose(let(rows, ruler).latent, let(rows, wrong).latent)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Candidate("tree", Layer("third"), ISOMAP).rows(WHOLE), "no layer 'third'; it has first, second"),
        (lambda: Candidate("line", Layer("first"), ISOMAP).distances(WHOLE), "no ruler 'line'; it has tree"),
        (lambda: FitterChoice("umap", (("dimension", 2),)), "no fitter 'umap'; there are isomap"),
        (lambda: FitterChoice("isomap", (("neighbours", 2),)), "with a dimension"),
        (lambda: Mixture((Layer("first"),), (1.0,)), "1 parts with the weights"),
        (lambda: Mixture((Layer("first"), Layer("second")), (0.5, 0.6)), "1 in sum"),
        (lambda: candidates(WHOLE, fitters=()), "no candidate is left"),
        (
            lambda: Candidate("tree", Mixture((Layer("first"), Drift("first", "first")), (0.5, 0.5)), ISOMAP).rows(
                WHOLE
            ),
            "is the same in all rows",
        ),
    ],
)
def test_what_is_not_in_the_lists_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
