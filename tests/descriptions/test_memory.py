"""What a description says of its memory, from sizes alone, is what it takes."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from small_subjects import reference, subject

from theodolite.descriptions import descriptions, get_description
from theodolite.tools import BenchSize, ModelShape

GENES = tuple(f"G{place}" for place in range(400))
WIDTH, LAYERS, REGULATORS = 48, 4, 30
SHARE, ROOM = 1.2, 500_000
"""How far the peak may lie above what was said: a fifth, and what does not grow with sizes."""


def of_kind(kind: str) -> Any:
    draw = np.random.default_rng(1)
    if kind == "sets":
        return [reference("set", GENES[:40], "one"), reference("set", GENES[40:90], "two")]
    if kind == "pairs":
        pairs = {tuple(sorted(draw.choice(GENES, 2, replace=False).tolist())) for _ in range(2_000)}
        return [reference("pairs", sorted(pairs))]
    targets = [draw.choice(GENES[REGULATORS:], 30, replace=False).tolist() for _ in range(REGULATORS)]
    edges = [(GENES[regulator], target) for regulator, found in enumerate(targets) for target in found]
    return [reference("regulon", edges)] if kind == "regulons" else []


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("geometry.effective_rank", {}),
        ("geometry.intrinsic_dimension", {}),
        ("geometry.co_pole", {"draws": 200}),
        ("geometry.compartment_progression", {"draws": 200}),
        ("geometry.edge_recovery", {"draws": 99}),
        ("geometry.similarity_residuals", {"draws": 99}),
        ("geometry.lineage_convergence", {"followed": ("G0", "G50")}),
    ],
)
def test_a_description_stays_near_its_estimate(name: str, params: dict[str, Any]) -> None:
    found, draw = get_description(name), np.random.default_rng(0)
    parsed, counted = found.parsed(params), np.clip(0.1 * draw.standard_normal((400, 400)), -1.0, 1.0)
    vectors = draw.standard_normal((LAYERS + 1, 400, WIDTH))
    what = subject(vectors, GENES, *of_kind(found.references), coexpression=counted)
    found.run(what, parsed)  # libraries are there, and loops compiled
    regulators = REGULATORS if found.references == "regulons" else 0
    size = BenchSize(genes=400, regulators=regulators, cells=100, width=WIDTH, shape=ModelShape(LAYERS, 1))
    tracemalloc.start()
    try:
        found.run(what, parsed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= SHARE * found.memory(size, parsed) + ROOM


def test_every_estimate_grows_with_the_genes() -> None:
    for found in descriptions():
        examples = {
            name: info.examples[0]
            for name, info in found.params.model_fields.items()
            if info.is_required() and info.examples
        }
        parsed = found.parsed(examples)
        small, large = (
            found.memory(BenchSize(genes=n, regulators=n // 10, cells=100, width=64, shape=ModelShape(4, 4)), parsed)
            for n in (200, 2_000)
        )
        assert 0 <= small <= large and (small < large or not found.built_in)
