"""The instrument that places anchors: its closed list, its features, and what it may read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from theodolite.calibration.toolcheck import check_tool
from theodolite.manifolds.baselines import principal_components
from theodolite.manifolds.embedding import unsupervised
from theodolite.measurements import AnchorLatents
from theodolite.tools import ModelShape, ToolError, get_tool
from theodolite.tools.manifold import Follows, follows

SHAPE = ModelShape(n_layers=2, n_heads=2)


@dataclass(frozen=True)
class Bench:
    """Anchors of 12 donors on a fork of two branches with four stages each; the last six donors count."""

    known: bool = False
    substitute: Any = None
    noise: float = 0.1
    rows: np.ndarray = field(default_factory=lambda: np.random.default_rng(0).standard_normal((3, 96, 6)))
    tips: tuple[str, ...] = ("left", "right")
    seed: int = 1

    @property
    def donors(self) -> tuple[str, ...]:
        return tuple(f"donor_{number:02d}" for number in range(12) for _ in range(8))

    @property
    def blocks(self) -> tuple[str, ...]:
        return self.donors

    @property
    def branches(self) -> tuple[str, ...]:
        return (("left",) * 4 + ("right",) * 4) * 12

    @property
    def anchors(self) -> tuple[str, ...]:
        return tuple(f"{donor}|{row % 8}" for row, donor in enumerate(self.donors))

    @property
    def readable(self) -> np.ndarray:
        return np.arange(96) < 48

    @property
    def judged(self) -> np.ndarray:
        return ~self.readable

    def _places(self) -> np.ndarray:
        step = np.tile([1.0, 2, 3, 4, -1, -2, -3, -4], 12)
        return np.column_stack([np.maximum(step, 0.0), np.maximum(-step, 0.0), *np.zeros((4, 96))])

    def residual(self, layer: int) -> np.ndarray:
        return (1 + layer) * self._places() + self.noise * self.rows[layer]

    def attention(self, layer: int) -> np.ndarray:
        return layer * self._places() + self.noise * self.rows[layer]

    def operated(self, layer: int) -> np.ndarray:
        return -self.residual(layer)

    def ruler(self) -> np.ndarray | None:
        if not self.known:
            return None
        step = self._places()[:, 0] - self._places()[:, 1]
        both = np.outer(self.readable, self.readable)
        return np.where(both, np.abs(step[:, None] - step[None]), 0.0)

    def instead(self, dimension: int) -> Any:
        return self.substitute


def params(**changes: Any) -> Follows:
    """Return parameters: the residual stream after block 1, by Isomap of 15 neighbours, unless said otherwise."""
    return Follows(**{"features": "residual", "layer": 1, "fitter": "isomap", "size": 15, **changes})


def measure(bench: Bench, **changes: Any) -> AnchorLatents:
    """Return what the instrument measures on a bench."""
    found = follows.measure(bench, params(**changes))
    assert isinstance(found, AnchorLatents)
    return found


def test_the_closed_list_has_every_layer_with_every_fitter() -> None:
    listed = list(Follows.enumerate(SHAPE))
    assert len(listed) == len({item.model_dump_json() for item in listed}) == 90
    assert {str(item.locus()) for item in listed if item.features == "residual"} == {"layer 0", "layer 1", "layer 2"}
    assert {item.size for item in listed if item.fitter == "let"} == {20}
    assert {(item.layer, item.to) for item in listed if item.features == "attention_drift"} == {(1, 2)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"features": "drift"},
        {"features": "drift", "to": 1},
        {"features": "residual", "to": 2},
        {"layer": -1},
        {"size": 1},
        {"dimension": 0},
        {"fitter": "umap"},
    ],
)
def test_parameters_that_name_no_place_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        params(**wrong)


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"fitter": "landmark_isomap"},
        {"fitter": "diffusion_map"},
        {"fitter": "geodesic_mds"},
        {"features": "drift", "to": 2},
        {"features": "mixture", "to": 2},
        {"features": "attention_drift", "to": 2},
        {"features": "operator"},
    ],
)
def test_anchors_are_placed_with_and_without_each_branch(chosen: dict[str, Any]) -> None:
    found = measure(Bench(), **chosen)
    assert found.placements == ("fit", "branch left", "branch right")
    assert not (found.read & ~Bench().readable).any()
    assert found.trust[0] > 0.8
    assert np.isfinite(found.latent).all()


class Search(Bench):
    """Anchors of a search, in which those that are read are those that count."""

    @property
    def judged(self) -> np.ndarray:
        return self.readable


def test_in_a_search_each_donor_is_left_out_once_too() -> None:
    found = measure(Search())
    assert {name.split(" ")[0] for name in found.placements} == {"fit", "branch", "donor", "random"}
    assert not (found.read & found.held).any()


def test_what_is_held_out_is_never_read() -> None:
    found = measure(Bench())
    assert not (found.read & found.held).any()


def test_another_value_of_a_row_that_counts_moves_no_other_row() -> None:
    """Rows that may be read, and other rows that count, lie where they lay."""
    plain = Bench()
    rows = plain.rows.copy()
    rows[:, 95] += 5.0
    for features in ({}, {"features": "mixture", "to": 2}):
        before, after = measure(plain, **features), measure(replace(plain, rows=rows), **features)
        for number in range(len(before.placements)):
            np.testing.assert_allclose(before.positions(number)[:95], after.positions(number)[:95], atol=1e-9)


def test_a_fitter_that_reads_a_ruler_is_given_one() -> None:
    with pytest.raises(ToolError, match="choose another fitter"):
        measure(Bench(), fitter="let", size=5)
    assert measure(Bench(known=True), fitter="let", size=5).trust[0] > 0.8


def test_a_baseline_stands_in_the_place_of_the_model() -> None:
    rows = Bench().residual(0)
    substitute = (rows, unsupervised(principal_components, dimension=3))
    found = measure(Bench(substitute=substitute), fitter="let", size=5)
    assert np.array_equal(found.latent, measure(Bench(substitute=substitute)).latent)


class Flat(Bench):
    """Anchors of which the model holds one thing."""

    def residual(self, layer: int) -> np.ndarray:
        return np.ones((96, 6))


def test_a_mixture_of_nothing_is_refused() -> None:
    with pytest.raises(ToolError, match="leave the mixture out"):
        measure(Flat(), features="mixture", to=2)


def test_a_check_in_worlds_of_genes_says_what_measures_it_instead() -> None:
    with pytest.raises(ToolError, match=r"manifold\.follows reads anchors .*`python evidence/manifold_campaigns\.py"):
        check_tool(get_tool("manifold.follows"))
