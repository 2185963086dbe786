"""Edits: what they put where, and what they leave as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_models import toy_model, toy_tokens

from theodolite.models.batches import batch_of
from theodolite.models.edits import AddDirection, Patch, Replace, SetMean, Where, Zero
from theodolite.models.protocol import Batch
from theodolite.models.running import Edit, run
from theodolite.models.sites import attention, residual

MODEL = toy_model()
SITE = residual(1)


@pytest.fixture
def batch() -> Batch:
    return batch_of(MODEL, toy_tokens(), np.arange(4))


@pytest.fixture
def plain(batch: Batch) -> torch.Tensor:
    return run(MODEL, batch, read=[SITE]).read[SITE]


def edited(batch: Batch, edit: Edit) -> torch.Tensor:
    return run(MODEL, batch, read=[SITE], edits=[(SITE, edit)]).read[SITE]


def a_gene(batch: Batch) -> int:
    return int(batch.genes[0][batch.genes[0] >= 0][0])


def test_padding_is_never_edited(batch: Batch, plain: torch.Tensor) -> None:
    assert not batch.full
    for edit in (Zero(), AddDirection(torch.ones(MODEL.width)), SetMean(torch.ones(MODEL.width))):
        assert torch.equal(edited(batch, edit)[~batch.present], plain[~batch.present])


def test_only_the_genes_and_cells_that_are_named_are_edited(batch: Batch, plain: torch.Tensor) -> None:
    gene, cells = a_gene(batch), torch.tensor([True, False, True, False])
    changed = edited(batch, Zero(Where(genes=[gene], cells=cells)))
    chosen = (batch.genes == gene) & cells[:, None]
    assert chosen.any() and not changed[chosen].any()
    assert torch.equal(changed[~chosen], plain[~chosen])


def test_a_head_that_is_zeroed_reads_nothing_and_the_others_read_on(batch: Batch) -> None:
    site = attention(2)
    before = run(MODEL, batch, read=[site]).read[site]
    after = run(MODEL, batch, read=[site], edits=[(site, Zero(Where(heads=[2])))]).read[site]
    present = batch.present[:, None, :, None].expand_as(after[:, :1])
    assert torch.equal(after[:, 0], before[:, 0])
    assert not after[:, 1:2][present].any()


def test_heads_are_named_at_a_site_of_attention_only(batch: Batch) -> None:
    with pytest.raises(ValueError, match=r"heads \[1\]: there are none: heads are named at a site of attention only"):
        edited(batch, Zero(Where(heads=[1])))
    with pytest.raises(ValueError, match=r"heads \[7\]: there are 1 to 2"):
        run(MODEL, batch, edits=[(attention(1), Zero(Where(heads=[7])))])


def test_a_mean_by_gene_goes_to_that_genes_tokens(batch: Batch, plain: torch.Tensor) -> None:
    means = torch.arange(30.0)[:, None].expand(-1, MODEL.width)
    changed = edited(batch, SetMean(means))
    of_genes = batch.genes >= 0
    torch.testing.assert_close(changed[of_genes], means[batch.genes[of_genes]])
    assert torch.equal(changed[~of_genes], plain[~of_genes])


def test_a_direction_is_added_by_its_strength(batch: Batch, plain: torch.Tensor) -> None:
    direction = torch.linspace(0, 1, MODEL.width)
    changed = edited(batch, AddDirection(direction, -3.0))
    torch.testing.assert_close((changed - plain)[batch.present], (-3 * direction).expand(int(batch.present.sum()), -1))
    assert torch.equal(edited(batch, AddDirection(direction, 0.0)), plain)


def test_a_replacement_is_broadcast(batch: Batch) -> None:
    changed = edited(batch, Replace(torch.tensor(2.5)))
    assert (changed[batch.present] == 2.5).all()


def test_a_patch_moves_what_another_run_had_gene_by_gene(batch: Batch, plain: torch.Tensor) -> None:
    # The other run holds the same genes in another order, but for one that it lacks.
    lacking = a_gene(batch)
    other = torch.arange(29, -1, -1).expand(4, -1).clone()
    other[other == lacking] = -1
    source = other[..., None].float().expand(-1, -1, MODEL.width)
    changed = edited(batch, Patch(source, other))
    moved = (batch.genes >= 0) & (batch.genes != lacking)
    torch.testing.assert_close(changed[moved], batch.genes[moved][:, None].float().expand(-1, MODEL.width))
    assert torch.equal(changed[~moved], plain[~moved])


def test_a_patch_of_other_cells_is_refused(batch: Batch) -> None:
    with pytest.raises(ValueError, match="run the same cells through the same site"):
        edited(batch, Patch(torch.zeros(2, 5, MODEL.width), torch.zeros(2, 5, dtype=torch.long)))
