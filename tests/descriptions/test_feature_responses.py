"""Features that respond to perturbed genes: planted ones are found with their genes, batches and chance are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_dictionaries import given, made
from small_subjects import reference, subject

from theodolite.data import CellSet, EffectTable, effect_references
from theodolite.descriptions import Described, DescriptionError, Offered, check_fit
from theodolite.descriptions.feature_responses import feature_responses
from theodolite.saes import Codes, SparseAutoencoder, positions
from theodolite.saes.positions import Positions
from theodolite.tools import ModelShape

GENES = tuple(f"G{number:02d}" for number in range(90))
TARGETS = GENES[:6]
CONTROLS, EACH, FEATURES, EDGES = 60, 25, 40, 8
LABELS = ["none"] * CONTROLS + [target for target in TARGETS for _ in range(EACH)]
N = len(LABELS)


def regulated(target: int) -> tuple[str, ...]:
    """Return the eight genes that a target regulates, none of which another does."""
    return GENES[10 + EDGES * target : 10 + EDGES * (target + 1)]


REGULON = reference("regulon", [(name, gene) for place, name in enumerate(TARGETS) for gene in regulated(place)], "r")


def cells(labels: Sequence[str] = LABELS, batch: Sequence[str] | None = None, **roles: str) -> CellSet:
    columns = {"target": list(labels)} | ({} if batch is None else {"batch": list(batch)})
    roles = {"perturbation": "target", "control": "none"} | roles | ({} if batch is None else {"batch": "batch"})
    counts = np.ones((len(labels), len(GENES)), dtype=np.int64)
    names = [f"c{row}" for row in range(len(labels))]
    return CellSet.from_counts("perturbed", counts, GENES, names, labels=columns, species="p", origin="test", **roles)


def activity(moved: bool) -> np.ndarray:
    """Return features (cells, F); if moved, each target has two of its own, which rise or fall in its cells."""
    found = np.random.default_rng(0).random((N, FEATURES)) + 1.0
    for place, target in enumerate(TARGETS if moved else ()):
        found[np.array(LABELS) == target, 2 * place] += 1.0
        found[np.array(LABELS) == target, 2 * place + 1] -= 0.7
    return found


def genes_of(own: bool) -> list[tuple[str, ...]]:
    """Return the genes of each feature: those that its target regulates, or some by lot."""
    draw = np.random.default_rng(4)
    lot = [tuple(draw.choice(GENES[10:], EDGES, replace=False).tolist()) for _ in range(FEATURES)]
    return [regulated(f // 2) if own and f < 2 * len(TARGETS) else lot[f] for f in range(FEATURES)]


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Described]:
    """Return a function that describes features by cell, and by gene in control cells."""

    def run(
        by_cell: np.ndarray,
        of_gene: Sequence[Sequence[str]],
        read: CellSet | None = None,
        *references: Any,
        **params: Any,
    ) -> Described:
        def in_controls(model: Any, held: CellSet, genes: Any, found: dict[int, SparseAutoencoder]) -> Positions:
            assert set(held.label("target")) == {"none"} and len(held.cells) <= 30 and tuple(genes) == GENES
            (layer,) = found
            cell, gene = (
                np.repeat(np.arange(len(held.cells)), len(GENES)),
                np.tile(np.arange(len(GENES)), len(held.cells)),
            )
            active = np.array([[name in each for each in of_gene] for name in GENES])[gene]
            row, feature = np.nonzero(active)
            start = np.searchsorted(row, np.arange(len(active) + 1)).astype(np.int64)
            value = np.ones(len(row), dtype=np.float32)
            return Positions(cell, gene, {layer: Codes(start, feature.astype(np.int32), value, FEATURES)})

        monkeypatch.setattr(positions, "read_positions", in_controls)
        # In all cells, perturbed ones too, features are on other genes, which must not be taken for theirs.
        found = made(GENES, np.random.default_rng(8).random((len(GENES), FEATURES)))
        rate = np.random.default_rng(2).integers(100, 5_000, FEATURES)
        reading = replace(
            found.reading, by_cell=by_cell.astype(np.float32), cell_tokens=np.full(len(by_cell), 40), active=rate
        )
        about = subject(np.zeros((3, len(GENES), 4)), GENES, *(references or (REGULON,)))
        about = replace(
            about, read_cells=cells() if read is None else read, loaded=lambda: None,  # type: ignore[arg-type, return-value]
            trained=given(replace(found, reading=reading)),
        )  # fmt: skip
        asked = {"top": EDGES, "cells_at_most": 30, "draws": 199, **params}
        return feature_responses.run(about, feature_responses.parsed(asked))

    return run


def test_planted_responses_and_their_genes_are_found(see: Callable[..., Described]) -> None:
    found = see(activity(moved=True), genes_of(own=True))
    assert found.measurement.units == TARGETS
    np.testing.assert_allclose(found.measurement.effect, 2 / FEATURES)
    assert found.measurement.control.shape == (6, 19) and found.measurement.control.mean() < 0.005
    facts = found.facts
    assert (facts["share"], facts["responding"], facts["controls"]) == (1.0, [2] * 6, CONTROLS)
    assert facts["p"] == 1 / 20 and facts["exchanged.mean"] < 0.2 and facts["exchanged.moved"] > 0.5
    assert (
        facts["genes.share"] == 1.0
        and facts["genes.overlap"] == [EDGES] * 6
        and facts["genes.targets"] == list(TARGETS)
    )
    assert facts["genes.other_targets"] < 0.5 and facts["genes.p"] < 0.05 and facts["of_effects"] == []
    assert found.sentence.startswith("A feature at layer 1 responds to 100.0% of 6 targets (by cell, q of 0.05 and an ")
    assert "that the target regulates for 100.0% of 6 targets" in found.sentence


def test_where_nothing_responds_nothing_is_found_nor_told_of_genes(see: Callable[..., Described]) -> None:
    found = see(activity(moved=False), genes_of(own=True))
    assert found.facts["share"] == 0.0 and found.facts["p"] == 1.0 and found.measurement.effect.max() == 0.0
    assert "0 of 6 targets have a response" in found.facts["genes.reason"] and "genes.p" not in found.facts
    assert "is not told: 0 of 6 targets have a response" in found.sentence


def test_features_of_other_genes_respond_and_are_not_taken_for_what_the_target_regulates(
    see: Callable[..., Described],
) -> None:
    facts = see(activity(moved=True), genes_of(own=False)).facts
    assert facts["share"] == 1.0 and facts["genes.share"] <= 0.2 and facts["genes.p"] > 0.2


def test_a_batch_that_holds_a_target_alone_cannot_be_told_from_it_and_the_control_says_so(
    see: Callable[..., Described],
) -> None:
    batch = [label if label in TARGETS else "controls" for label in LABELS]
    found = see(activity(moved=True), genes_of(own=True), cells(batch=batch))
    assert found.facts["share"] == 1.0 == found.facts["exchanged.mean"] == found.facts["p"]
    assert found.facts["exchanged.moved"] == 0.0 and found.facts["replicates"] == "batch"
    spread = see(activity(moved=True), genes_of(own=True), cells(batch=[f"b{row % 2}" for row in range(N)]))
    assert spread.facts["p"] == 1 / 20 and spread.facts["replicates"] == "batch"


def test_targets_that_are_not_described_or_have_few_cells_are_counted_and_not_named(
    see: Callable[..., Described],
) -> None:
    labels = np.array(LABELS, dtype=object)
    labels[CONTROLS : CONTROLS + EACH] = "XIST"
    labels[CONTROLS + EACH : CONTROLS + 2 * EACH] = f"{TARGETS[0]}+{TARGETS[1]}"
    labels[-5:] = GENES[50]
    found = see(activity(moved=True), genes_of(own=True), cells(labels.tolist()))
    assert found.measurement.units == TARGETS[2:] and found.facts["cells"] == [EACH, EACH, EACH, EACH - 5]
    assert (found.facts["left_out.few_cells"], found.facts["left_out.not_described"]) == (1, 2)
    with pytest.raises(DescriptionError, match="0 of 6 targets among the 90 genes .* have 26 cells, and 60 cells are"):
        see(activity(moved=True), genes_of(own=True), least_of_target=EACH + 1)


def test_references_that_were_computed_from_effects_are_named(see: Callable[..., Described]) -> None:
    pairs = tuple((name, gene) for place, name in enumerate(TARGETS) for gene in regulated(place))
    table = EffectTable("screen", pairs, (-1.0,) * len(pairs), (0.01,) * len(pairs))
    every = effect_references(table, q=0.05)[0]
    found = see(activity(moved=True), genes_of(own=True), None, every)
    assert found.facts["of_effects"] == [every.id] and found.facts["genes.share"] == 1.0


def test_cells_without_a_perturbation_are_refused_when_asked_and_beforehand(see: Callable[..., Described]) -> None:
    counts = np.ones((N, len(GENES)), dtype=np.int64)
    names = [f"c{row}" for row in range(N)]
    bare = CellSet.from_counts("bare", counts, GENES, names, species="p", origin="test")
    said = r"to hold their perturbation \(roles they have: none\); name it .*'control': '\.\.\.'"
    with pytest.raises(DescriptionError, match=said):
        see(activity(moved=True), genes_of(own=True), bare)
    offered = Offered(GENES, 16, ModelShape(2, 2), (REGULON,), bare.roles)
    with pytest.raises(DescriptionError, match=said):
        check_fit(feature_responses.parsed({}), offered)
    check_fit(feature_responses.parsed({}), replace(offered, roles=cells().roles))
