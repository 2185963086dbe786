"""A forward pass: read, edited, resumed, and cut short where nothing deeper is wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import LAYERS, ToyModel, toy_model, toy_tokens

from theodolite.models.batches import batch_of, in_batches
from theodolite.models.edits import AddDirection, Zero
from theodolite.models.protocol import Batch, Tap
from theodolite.models.running import Resumption, run
from theodolite.models.sites import EMBEDDING, OUTPUT, attention, forward_order, mlp_post, residual

MODEL = toy_model()


def batch(cells: int = 4) -> Batch:
    return batch_of(MODEL, toy_tokens(), np.arange(cells))


def test_every_site_is_read_as_the_model_computes_it() -> None:
    found = run(MODEL, batch(), read=forward_order(LAYERS))
    hidden = MODEL.embed(batch())
    torch.testing.assert_close(found.read[EMBEDDING], hidden)
    for layer in range(1, LAYERS + 1):
        rows = found.read[attention(layer)].sum(dim=-1)[batch().present[:, None].expand(-1, MODEL.n_heads, -1)]
        torch.testing.assert_close(rows, torch.ones_like(rows))
    with torch.inference_mode():
        torch.testing.assert_close(found.read[OUTPUT], MODEL.predict(found.hidden, batch()))


@settings(deadline=None, max_examples=25)
@given(st.integers(1, LAYERS), st.floats(-2, 2, width=32))
def test_a_pass_that_is_resumed_ends_as_the_whole_one(layer: int, scale: float) -> None:
    direction = torch.linspace(-1, 1, MODEL.width)
    edits = [(residual(layer), AddDirection(direction, scale))] if layer < LAYERS else []
    whole = run(MODEL, batch(), read=[residual(LAYERS), OUTPUT], edits=edits)
    before = run(MODEL, batch(), until=layer - 1)
    assert before.layer == layer - 1
    resumed = run(
        MODEL, batch(), read=[residual(LAYERS), OUTPUT], edits=edits, resume=Resumption(before.layer, before.hidden)
    )
    for site in (residual(LAYERS), OUTPUT):
        torch.testing.assert_close(resumed.read[site], whole.read[site])


class Counted(ToyModel):
    """Notes which blocks ran."""

    def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        ran.append(layer)
        return super().block(layer, hidden, batch, tap)

    def predict(self, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
        ran.append("predict")
        return super().predict(hidden, batch)


ran: list[Any] = []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"read": [EMBEDDING]}, []),
        ({"read": [residual(2)]}, [1, 2]),
        ({"read": [attention(1)]}, [1]),
        ({"until": 1}, [1]),
        ({}, [1, 2, 3]),
        ({"read": [OUTPUT]}, [1, 2, 3, "predict"]),
        ({"read": [mlp_post(3)], "resume": 2}, [3]),
    ],
)
def test_nothing_is_computed_that_nobody_asked_for(asked: dict[str, Any], expected: list[Any]) -> None:
    counted = toy_model(kind=Counted)
    if "resume" in asked:
        asked = asked | {"resume": Resumption(2, run(MODEL, batch(), until=2).hidden)}
    ran.clear()
    run(counted, batch(), **asked)
    assert ran == expected


def test_edits_at_one_site_compose_in_the_order_given() -> None:
    add, zero = AddDirection(torch.ones(MODEL.width)), Zero()
    site = residual(1)
    first = run(MODEL, batch(), read=[site], edits=[(site, add), (site, zero)]).read[site]
    second = run(MODEL, batch(), read=[site], edits=[(site, zero), (site, add)]).read[site]
    present = batch().present
    assert not first[present].any()
    torch.testing.assert_close(second[present], torch.ones_like(second[present]))


def test_an_edit_leaves_what_other_passes_read_as_it_is() -> None:
    plain = run(MODEL, batch(), read=forward_order(LAYERS)).read
    run(MODEL, batch(), edits=[(residual(1), Zero()), (attention(2), Zero())], read=[OUTPUT])
    again = run(MODEL, batch(), read=forward_order(LAYERS)).read
    assert all(torch.equal(plain[site], again[site]) for site in plain)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"read": [residual(9)]}, "residual.9 is no site of toy, which has 3 blocks"),
        ({"until": 5}, "until=5: give 0 to 3 blocks"),
        ({"until": 1, "read": [residual(2)]}, "until=1 ends before what is read"),
        ({"resume": 2, "read": [EMBEDDING]}, "embedding lies before layer 2, from which the pass resumes"),
        ({"resume": 2, "read": [residual(2)]}, "residual.2 lies before layer 2"),
        ({"edits": [(residual(1), lambda value, batch: value[..., :2])]}, "must keep the shape"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(asked: dict[str, Any], said: str) -> None:
    if "resume" in asked:
        asked = asked | {"resume": Resumption(2, run(MODEL, batch(), until=2).hidden)}
    with pytest.raises(ValueError, match=said):
        run(MODEL, batch(), **asked)


class Deaf(ToyModel):
    """Its blocks hand nothing to the tap."""

    def block(self, layer: int, hidden: torch.Tensor, batch: Batch, tap: Tap) -> torch.Tensor:
        return hidden + 1


def test_a_model_that_hides_a_site_is_named() -> None:
    with pytest.raises(ValueError, match=r"model toy gave nothing at attention.2, mlp_post.1; its blocks must hand"):
        run(toy_model(kind=Deaf), batch(), read=[attention(2), mlp_post(1), residual(1)])


def test_a_cell_does_not_depend_on_what_it_is_batched_with() -> None:
    tokens = toy_tokens()
    together = run(MODEL, batch_of(MODEL, tokens, np.arange(4)), read=[residual(LAYERS)]).read[residual(LAYERS)]
    for cells, _, alone in in_batches(MODEL, tokens.take(range(4)), 1, lambda one: run(MODEL, one).hidden):
        length = alone.shape[1]
        torch.testing.assert_close(together[cells[0], :length], alone[0], rtol=1e-4, atol=1e-5)
