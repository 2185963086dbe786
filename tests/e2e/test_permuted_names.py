"""The whole pipeline under a null: with gene names permuted within strata, planted programs are found no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from theodolite.data import permute_gene_names
from theodolite.experiments.replay import verify_decisions
from theodolite.store import Ledger, stream_state

BUDGET = 6
SEEDS = range(1, 7)


def spec(small_world: Any, name: str) -> Any:
    return small_world.spec(name, budget={"experiments": BUDGET}, round_size=3, error={"n_max": 24})


@pytest.fixture(scope="module")
def permuted(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Return the slots of one campaign for each permutation, of the world's own references."""
    planted = small_world.planted
    statistics = planted.cells.gene_statistics()
    rows = []
    for seed in SEEDS:
        null = permute_gene_names(planted.references, planted.families, statistics, seed)
        assert null.share_moved > 0.5
        folder: Path = tmp_path_factory.mktemp("permuted")
        small_world.run_in_process(folder, spec(small_world, f"permuted-{seed}"), references=null.references)
        rows += small_world.rows(folder)
        with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
            assert verify_decisions(ledger) == []
    return rows


def test_true_names_support_the_planted_programs(small_world: Any, tmp_path: Path) -> None:
    small_world.run_in_process(tmp_path, spec(small_world, "true-names"))
    rows = small_world.rows(tmp_path)
    found = {row.reference.removesuffix("_pairs") for row in rows if row.verdict == "supported"}
    assert found == small_world.real
    with Ledger.open(tmp_path / "ledger.sqlite", read_only=True) as ledger:
        assert len(stream_state(ledger, "main").supported_keys) >= 2


@pytest.mark.slow
def test_permuted_names_support_no_more_than_the_stream_allows(permuted: list[Any]) -> None:
    tested = [row for row in permuted if row.t is not None]
    found = [row for row in tested if row.verdict == "supported"]
    assert len(tested) >= 2 * len(SEEDS)
    # Under a global null a campaign supports anything with probability q = 0.1 at most: among six campaigns three or
    # more have probability 0.016. The seeds are fixed, so this never changes between runs.
    campaigns = {row.campaign for row in found}
    assert len(campaigns) <= 2


@pytest.mark.slow
def test_p_values_of_permuted_names_are_not_too_small(permuted: list[Any]) -> None:
    values = sorted(float(row.p) for row in permuted if row.t is not None)
    n = len(values)
    # Super-uniform up to noise: the share at or below u is at most u plus three standard errors. The p-values of a
    # campaign depend on one another, so the count of effective tests is taken as half.
    for u in (0.05, 0.1, 0.25):
        share = sum(value <= u for value in values) / n
        assert share <= u + 3 * (u * (1 - u) / (n / 2)) ** 0.5
