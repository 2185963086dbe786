"""Features taken out: the direction that a set is read out along beats random ones of equal size, another does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from planted_heads import LAYERS, WIDTH, model_with_a_head
from small_subjects import reference

from theodolite.data import CellSet, planted_cells
from theodolite.descriptions import Described, DescriptionError, Offered, Subject, check_fit
from theodolite.descriptions.patching import feature_patching
from theodolite.experiments.workbench import GeneWorkbench
from theodolite.models.capture import Capture
from theodolite.models.compact_model import CompactModel
from theodolite.saes import Dictionary, SparseAutoencoder
from theodolite.saes.reading import FeatureReading
from theodolite.tools import ModelShape

FEATURES = 6


@pytest.fixture(scope="module")
def cells() -> CellSet:
    return planted_cells(24, 120, 2, seed=3).cells


@pytest.fixture(scope="module")
def members(cells: CellSet) -> tuple[str, ...]:
    return tuple(np.random.default_rng(1).choice(cells.genes, 40, replace=False).tolist())


@pytest.fixture(scope="module")
def model(cells: CellSet, members: tuple[str, ...]) -> CompactModel:
    values = torch.from_numpy(cells.log1p_cp10k())
    network = model_with_a_head(cells.genes, members, values.mean(dim=0), values.std(dim=0).clamp_min(0.1))
    return CompactModel("planted", "0" * 64, network)


def direction() -> np.ndarray:
    """The direction that members are read out along, as the model was given it."""
    drawn = torch.randn(WIDTH, generator=torch.Generator().manual_seed(11))
    drawn -= drawn.mean()
    return (drawn / drawn.norm()).numpy()


def dictionary(genes: tuple[str, ...], members: tuple[str, ...], first: np.ndarray, bias: float) -> Dictionary:
    """Return a dictionary whose first feature is said to mark the members, and writes along a direction everywhere."""
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((FEATURES, WIDTH)).astype(np.float32)
    vectors[0] = first
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sae = SparseAutoencoder(
        vectors * 0.01, vectors, np.full(FEATURES, bias, dtype=np.float32), np.zeros(WIDTH, dtype=np.float32),
        k=FEATURES,
    )  # fmt: skip
    by_gene = draw.random((len(genes), FEATURES))
    by_gene[:, 0] += [gene in members for gene in genes]
    counts = np.full((FEATURES, FEATURES), 100, dtype=np.int64)
    reading = FeatureReading(
        by_gene.astype(np.float32), np.full(len(genes), 24, dtype=np.int64),
        np.ones((24, FEATURES), dtype=np.float32), np.full(24, 120, dtype=np.int64), np.diag(counts), counts,
    )  # fmt: skip
    return Dictionary(genes, sae, reading, np.zeros(WIDTH), np.eye(WIDTH), {})


def see(
    model: Any, cells: CellSet, members: tuple[str, ...], first: np.ndarray, bias: float = 1.0, **params: Any
) -> Described:
    genes = cells.genes
    capture = Capture(genes, np.zeros((LAYERS + 1, len(genes), 2)), np.zeros((LAYERS, 4, 0, 0), dtype=np.float32))
    bench = GeneWorkbench(genes, genes, np.ones((len(genes), 3)), capture, ())
    subject = Subject.of(bench, cells, [reference("set", members)], seed=2, model=lambda: model)
    subject = replace(subject, trained=lambda recipe: dictionary(genes, members, first, bias))
    asked = {"layer": LAYERS, "cells_at_most": 8, **params}
    return feature_patching.run(subject, feature_patching.parsed(asked))


def test_the_direction_that_members_are_read_out_along_does_more_than_random_ones_of_equal_size(
    model: CompactModel, cells: CellSet, members: tuple[str, ...]
) -> None:
    found = see(model, cells, members, direction())
    assert found.facts["known.feature"] == 0
    assert found.measurement.control.shape == (1, 19)
    assert found.measurement.effect[0] > 0.3 and found.measurement.effect[0] > found.measurement.control.max()
    assert found.facts["known.p"] == pytest.approx(1 / 20)
    assert "1 of 1 do more than such directions at p of 0.05" in found.sentence
    # The more of it, the larger the change; its place is the same.
    assert found.facts["known.rises"] is True
    assert found.facts["known.by_dose"] == pytest.approx([found.measurement.effect[0]] * 3, abs=0.1)


def test_a_feature_that_marks_the_members_and_writes_elsewhere_does_no_more(
    model: CompactModel, cells: CellSet, members: tuple[str, ...]
) -> None:
    elsewhere = np.random.default_rng(5).standard_normal(WIDTH).astype(np.float32)
    elsewhere -= elsewhere @ direction() * direction()
    found = see(model, cells, members, elsewhere)
    assert found.facts["known.feature"] == 0
    assert found.facts["known.p"] > 0.05
    assert "0 of 1 do more" in found.sentence


def test_a_feature_that_turns_no_token_tested_nothing(
    model: CompactModel, cells: CellSet, members: tuple[str, ...]
) -> None:
    found = see(model, cells, members, direction(), bias=1e-3)
    assert found.facts["known.p"] is None
    assert "known: the feature turned no token by 0.02, and so tested nothing" in found.sentence
    assert "do more" not in found.sentence


def test_a_set_that_is_too_small_is_refused(model: CompactModel, cells: CellSet, members: tuple[str, ...]) -> None:
    with pytest.raises(DescriptionError, match="none of 1 sets has 5 genes in each half of the families"):
        see(model, cells, members[:6], direction())


def test_the_embedding_is_refused_beforehand() -> None:
    offered = Offered(("A", "B"), 16, ModelShape(2, 4))
    with pytest.raises(DescriptionError, match="layer 0 is the embedding; take features out after a block"):
        check_fit(feature_patching.parsed({"layer": 0}), offered)
