"""Attention is the same to rounding whether nobody looks, somebody reads it whole, or takes it in parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_models import HEADS, LAYERS, toy_model, toy_tokens

from theodolite.models import attending
from theodolite.models.batches import batch_of
from theodolite.models.edits import Zero
from theodolite.models.running import run
from theodolite.models.sites import OUTPUT, attention, residual


class Keeper:
    """Puts the parts of a batch together again."""

    def __init__(self, cells: int, tokens: int) -> None:
        self.maps = torch.zeros(cells, HEADS, tokens, tokens)
        self.calls = 0

    def __call__(self, part: torch.Tensor, cell: int, head: int, query: int) -> None:
        h, t, k = part.shape
        self.maps[cell, head : head + h, query : query + t, :k] = part
        self.calls += 1


@pytest.mark.parametrize("cells", [[0, 1, 2, 3], [4]])
def test_parts_make_up_the_whole_and_the_stream_stays(cells: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(attending._PART_BYTES, "cpu", 256)
    model = toy_model()
    batch = batch_of(model, toy_tokens(), np.array(cells))
    assert batch.full == (len(cells) == 1)
    read = run(model, batch, read=[attention(2), residual(LAYERS)])
    keeper = Keeper(*batch.ids.shape)
    streamed = run(model, batch, read=[residual(LAYERS)], sinks={attention(2): keeper})
    present = batch.present
    rows = present[:, None, :, None].expand_as(keeper.maps)
    torch.testing.assert_close(keeper.maps[rows], read.read[attention(2)][rows])
    assert keeper.calls > HEADS * len(cells)
    bare = run(model, batch, read=[residual(LAYERS)])
    for other in (read, streamed):
        torch.testing.assert_close(other.read[residual(LAYERS)][present], bare.read[residual(LAYERS)][present])


def test_padding_is_not_attended_to() -> None:
    model, tokens = toy_model(), toy_tokens()
    together = run(model, batch_of(model, tokens, np.arange(5)), read=[OUTPUT, attention(1)])
    for cell in range(5):
        alone = run(model, batch_of(model, tokens, np.array([cell])), read=[OUTPUT])
        n_tokens = alone.read[OUTPUT].shape[1]
        torch.testing.assert_close(together.read[OUTPUT][cell, :n_tokens], alone.read[OUTPUT][0])
        assert not together.read[attention(1)][cell, :, :, n_tokens:].any()


def test_a_sink_beside_an_edit_takes_what_the_edit_left() -> None:
    model = toy_model()
    batch = batch_of(model, toy_tokens(), np.array([0]))
    keeper = Keeper(*batch.ids.shape)
    run(model, batch, edits=[(attention(1), Zero())], sinks={attention(1): keeper})
    assert keeper.calls == 1
    assert not keeper.maps.any()


def test_a_sink_elsewhere_than_at_attention_is_refused() -> None:
    model = toy_model()
    with pytest.raises(ValueError, match=r"a sink at residual\.1"):
        run(model, batch_of(model, toy_tokens(), np.array([0])), sinks={residual(1): Keeper(1, 1)})
