"""Features taken out of a stream: what they wrote goes, the autoencoder's error stays, and so do silent tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_models import toy_model, toy_tokens

from theodolite.models.batches import batch_of
from theodolite.models.edits import Where
from theodolite.models.protocol import Batch
from theodolite.models.running import run
from theodolite.models.sanity import CheckedRuns, InterventionError
from theodolite.models.sites import OUTPUT, residual
from theodolite.saes import SparseAutoencoder
from theodolite.saes.patching import TakeOut, random_directions

MODEL = toy_model()
SITE = residual(1)
FEATURES, K = 24, 3


def autoencoder(bias: float = 0.0, *, threshold: float | None = None) -> SparseAutoencoder:
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((FEATURES, MODEL.width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return SparseAutoencoder(
        encoder=vectors,
        decoder=vectors,
        encoder_bias=np.full(FEATURES, bias, dtype=np.float32),
        decoder_bias=np.zeros(MODEL.width, dtype=np.float32),
        k=K if threshold is None else None,
        threshold=None if threshold is None else np.full(FEATURES, threshold, dtype=np.float32),
    )


@pytest.fixture
def batch() -> Batch:
    return batch_of(MODEL, toy_tokens(), np.arange(4))


@pytest.fixture
def plain(batch: Batch) -> torch.Tensor:
    return run(MODEL, batch, read=[SITE]).read[SITE]


def edited(batch: Batch, edit: TakeOut) -> torch.Tensor:
    return run(MODEL, batch, read=[SITE], edits=[(SITE, edit)]).read[SITE]


@pytest.mark.parametrize("sae", [autoencoder(), autoencoder(threshold=0.3)], ids=["topk", "threshold"])
def test_what_goes_is_the_difference_of_two_reconstructions(
    batch: Batch, plain: torch.Tensor, sae: SparseAutoencoder
) -> None:
    rows = plain[batch.present].numpy()
    codes = sae.encode(rows).dense()
    feature = int((codes > 0).sum(axis=0).argmax())
    without = codes.copy()
    without[:, feature] = 0.0
    active = codes[:, feature] > 0
    assert active.any() and not active.all()
    after = edited(batch, TakeOut(sae, feature))[batch.present].numpy()
    np.testing.assert_allclose(after, rows + (without - codes) @ sae.decoder, rtol=1e-4, atol=1e-5)
    # Where the feature is silent nothing moves, though the autoencoder does not reconstruct the row.
    np.testing.assert_array_equal(after[~active], rows[~active])
    assert np.abs(sae.reconstruct(rows) - rows).max() > 0.1


def test_a_dose_is_a_multiple_and_a_direction_moves_the_same_tokens_as_far(batch: Batch, plain: torch.Tensor) -> None:
    sae = autoencoder()
    feature = int(sae.encode(plain[batch.present].numpy()).active_rows().argmax())
    (along,) = random_directions(MODEL.width, 1, 3)
    assert np.linalg.norm(along) == pytest.approx(1.0, abs=1e-6)
    moved = edited(batch, TakeOut(sae, feature)) - plain
    torch.testing.assert_close(edited(batch, TakeOut(sae, feature, -2.0)) - plain, -2.0 * moved, rtol=1e-3, atol=1e-5)
    other = edited(batch, TakeOut(sae, feature, along=along)) - plain
    torch.testing.assert_close(other.norm(dim=-1), moved.norm(dim=-1), rtol=1e-3, atol=1e-5)
    assert torch.nn.functional.cosine_similarity(other, moved, dim=-1).abs().max() < 0.99


def test_only_the_genes_that_are_named_are_edited(batch: Batch, plain: torch.Tensor) -> None:
    sae = autoencoder()
    feature = int(sae.encode(plain[batch.present].numpy()).active_rows().argmax())
    active = (edited(batch, TakeOut(sae, feature)) - plain).abs().sum(dim=-1) > 0
    gene = int(batch.genes[active & (batch.genes >= 0)][0])
    changed = edited(batch, TakeOut(sae, feature, where=Where(genes=[gene]))) != plain
    assert changed.any() and not changed[batch.genes != gene].any()


def test_a_feature_that_is_silent_in_a_batch_is_checked_in_the_next_in_which_it_is_not(batch: Batch) -> None:
    read = [SITE, OUTPUT]
    runs, clean = CheckedRuns(MODEL), run(MODEL, batch, read=read).read
    silent = TakeOut(autoencoder(bias=-1e6), 0)
    assert silent.silent(clean[SITE], batch)
    found = runs.run(batch, [(SITE, silent)], read=read).read
    assert torch.equal(found[OUTPUT], clean[OUTPUT])

    class Unsound(TakeOut):
        def __call__(self, value: torch.Tensor, batch: Batch) -> torch.Tensor:
            return value  # claims to be active, and does nothing

    rows = clean[SITE][batch.present].numpy()
    active = int(autoencoder().encode(rows).active_rows().argmax())
    runs.run(batch, [(SITE, TakeOut(autoencoder(), active))], read=read)
    with pytest.raises(InterventionError, match="responds"):
        runs.run(batch, [(SITE, Unsound(autoencoder(), active))], read=read)
