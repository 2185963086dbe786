"""Names of sites, and their order in a forward pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.models.sites import EMBEDDING, OUTPUT, Site, SiteKind, attention, forward_order, mlp_pre, residual


@given(st.integers(1, 40), st.data())
def test_every_site_reads_back_from_its_name(n_layers: int, data: st.DataObject) -> None:
    site = data.draw(st.sampled_from(forward_order(n_layers)))
    assert Site.parse(str(site)) == site


@given(st.integers(1, 40))
def test_the_forward_order_is_that_of_depth(n_layers: int) -> None:
    order = forward_order(n_layers)
    assert order[0] == EMBEDDING and order[-1] == OUTPUT
    assert list(order) == sorted(order, key=lambda site: site.depth)
    assert len(set(order)) == len(order) == 4 * n_layers + 2


def test_a_block_attends_before_its_mlp_and_its_stream_comes_last() -> None:
    assert attention(2).depth < mlp_pre(2).depth < residual(2).depth < attention(3).depth
    assert residual(0) == EMBEDDING


@pytest.mark.parametrize("text", ["", "residual", "residual.0", "residual.01", "embedding.1", "head.3", "residual.-1"])
def test_a_name_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="site"):
        Site.parse(text)


def test_a_site_of_a_block_names_its_block() -> None:
    with pytest.raises(ValueError, match="site 'attention' with layer 0: it belongs to a block"):
        Site(SiteKind.ATTENTION)
