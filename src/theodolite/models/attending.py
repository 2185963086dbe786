"""Attention as a block computes it: fused where nobody looks, whole where it is read or edited, in parts for a sink."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from theodolite.models.protocol import Batch, Sink, Tap
from theodolite.models.sites import Site

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["attend"]

_PART_BYTES = {"cpu": 768 * 2**10}
"""Rows of attention that are made, read and thrown away before they leave the second-level cache."""
_PART_BYTES_ELSEWHERE = 256 * 2**20


def attend(query: Tensor, key: Tensor, value: Tensor, batch: Batch, site: Site, tap: Tap) -> Tensor:
    """Return what each head has read, [B, H, T, d / H], of queries, keys and values of that shape.

    What the tap wants decides how it is computed; results agree to rounding. Padding is never attended to. What queries
    of padding read means nothing.

    Parameters
    ----------
    query, key, value
        [B, H, T, d / H], unscaled.
    batch
        Which tokens are present.
    site
        The attention of this block.
    tap
        As the block got it.
    """
    hidden_keys = None if batch.full else ~batch.present[:, None, None, :]
    if not tap.wants(site):
        mask = None if hidden_keys is None else ~hidden_keys
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    sink = tap.sink(site)
    if sink is not None:
        return _in_parts(query, key, value, batch, sink)
    scores = query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1)
    if hidden_keys is not None:
        scores.masked_fill_(hidden_keys, -torch.inf)
    return tap(site, torch.softmax(scores, dim=-1)) @ value


def _in_parts(query: Tensor, key: Tensor, value: Tensor, batch: Batch, sink: Sink) -> Tensor:
    n_cells, n_heads, n_tokens, _ = query.shape
    mixed = torch.zeros_like(query, memory_format=torch.contiguous_format)
    scaled = query * query.shape[-1] ** -0.5
    lengths = [n_tokens] * n_cells if batch.full else batch.present.sum(dim=1).tolist()
    on_cpu = query.device.type == "cpu"
    heads = 1 if on_cpu else n_heads
    room = _PART_BYTES.get(query.device.type, _PART_BYTES_ELSEWHERE) * (torch.get_num_threads() if on_cpu else 1)
    buffer = query.new_empty(max(room // query.element_size(), heads * n_tokens))
    for cell, length in enumerate(lengths):
        if length == 0:
            continue
        step = max(1, buffer.numel() // (heads * length))
        for head in range(0, n_heads, heads):
            of = (cell, slice(head, head + heads))
            keys, values = key[of][:, :length].transpose(-2, -1), value[of][:, :length]
            for first in range(0, length, step):
                last = min(first + step, length)
                part = buffer[: heads * (last - first) * length].view(heads, last - first, length)
                torch.matmul(scaled[of][:, first:last], keys, out=part)
                torch.softmax(part, dim=-1, out=part)
                sink(part, cell, head, first)
                torch.matmul(part, values, out=mixed[of][:, first:last])
    return mixed
