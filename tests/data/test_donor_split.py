"""Donors in two halves: one to search by, one to judge by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theodolite.data import CONFIRMATION, DISCOVERY, SplitError
from theodolite.data.splits import DonorSplit, donor_split

DONORS = tuple(f"d{number:02d}" for number in range(12))


def dealt(prefix: str = "c", turned: int = 0) -> dict[str, str]:
    """The donor of each of some cells."""
    return {f"{prefix}{row}": DONORS[(row + turned) % len(DONORS)] for row in range(24)}


def split(donors: tuple[str, ...] = DONORS, seed: int = 1, donor_of: dict[str, str] | None = None) -> DonorSplit:
    return donor_split(donor_of or dealt(), donors, seed, "donor")


@given(n=st.integers(2, 40), seed=st.integers(0, 2**32))
def test_every_donor_is_in_one_half_and_halves_differ_by_one_at_most(n: int, seed: int) -> None:
    donors = tuple(f"d{number:02d}" for number in range(n))
    found = split(donors, seed)
    first, second = found.cell_units(DISCOVERY), found.cell_units("block-1")
    assert sorted((*first, *second)) == list(donors)
    assert len(second) - len(first) == n % 2
    assert found.cell_units(CONFIRMATION) == second


@given(order=st.permutations(DONORS), seed=st.integers(0, 100))
def test_the_order_of_donors_and_how_often_they_are_named_do_not_matter(order: list[str], seed: int) -> None:
    expected = split(seed=seed)
    for donors in (tuple(order), (*order, *order[:3])):
        found = split(donors, seed)
        assert found.cell_parts == expected.cell_parts and found.sha256 == expected.sha256


def test_a_seed_divides_donors_as_it_did_before_and_another_otherwise() -> None:
    assert split().cell_units(DISCOVERY) == ("d00", "d04", "d07", "d08", "d10", "d11")
    assert len({split(seed=seed).cell_units(DISCOVERY) for seed in range(20)}) > 15


def test_the_hash_tells_seeds_donors_cells_and_how_they_were_dealt_apart() -> None:
    found = split()
    others = [split(seed=2), split(DONORS[:-1]), split(donor_of=dealt("other")), split(donor_of=dealt(turned=1))]
    assert len({found.sha256, *(other.sha256 for other in others)}) == 5
    assert set(found.cells(DISCOVERY)) == {
        cell for cell, donor in dealt().items() if donor in found.cell_units(DISCOVERY)
    }
    assert found.block_id("block-1") == f"{found.sha256[:12]}/block-1"
    assert donor_split(dealt(), DONORS, 1, "cell").units.cell_unit_kind == "cell"


def test_genes_are_in_no_part() -> None:
    assert split().genes(DISCOVERY) == split().genes("block-1") == ()
    with pytest.raises(SplitError, match="no part 'block-2'"):
        split().cell_units("block-2")


def test_too_few_donors_or_a_negative_seed_are_refused() -> None:
    with pytest.raises(SplitError, match="the anchors are of 1 donors; halves need two or more"):
        split(("d1", "d1"))
    with pytest.raises(SplitError, match="seed is -1"):
        split(seed=-1)
