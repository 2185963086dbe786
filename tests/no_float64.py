"""A device without float64, as mps is one: a tensor becomes double only once it was brought to the host."""

from __future__ import annotations

from typing import Any

import pytest
import torch


class OnHost(torch.Tensor):
    """What ``.cpu()`` gives."""


def without_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every tensor stand for one on such a device."""
    to_host, to_double = torch.Tensor.cpu, torch.Tensor.double

    def cpu(self: torch.Tensor, *given: Any) -> torch.Tensor:
        return to_host(self, *given).as_subclass(OnHost)

    def double(self: torch.Tensor) -> torch.Tensor:
        if not isinstance(self, OnHost):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64")
        return to_double(self)

    monkeypatch.setattr(torch.Tensor, "cpu", cpu)
    monkeypatch.setattr(torch.Tensor, "double", double)
