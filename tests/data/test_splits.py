from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.data import (
    CONFIRMATION,
    DEFAULT_SPLIT_SEED,
    DISCOVERY,
    GeneFamilies,
    Split,
    SplitError,
    UnitTable,
    load_families,
    load_pbmc,
    make_split,
    planted_cells,
)


def has_eight_families(table: dict[str, str | None]) -> bool:
    return len(set(table.values()) - {None}) >= 8


tables = (
    st.lists(st.one_of(st.none(), st.integers(0, 40)), min_size=20, max_size=60)
    .map(lambda drawn: {f"G{n}": None if family is None else f"F{family}" for n, family in enumerate(drawn)})
    .filter(has_eight_families)
)


def units(gene_family: dict[str, str | None], n_cells: int = 12) -> UnitTable:
    return UnitTable(
        tuple(sorted(gene_family.items())), tuple((f"cell_{n:02d}", f"cell_{n:02d}") for n in range(n_cells)), "cell"
    )


TOY = units({f"G{n:02d}": f"F{n % 20:02d}" for n in range(50)})
GOLDEN = (
    "bc1ea8ee5e7920b1585502a1da2e32dbc962f765033c3128aad0d1fbc1cd861c",
    (
        ("F01", "F04", "F08", "F09", "F16", "F17", "F18"),
        ("F03", "F05", "F06", "F12", "F14", "F15"),
        ("F00", "F02", "F07", "F10", "F11", "F13", "F19"),
    ),
)


@settings(max_examples=100)
@given(table=tables, seed=st.integers(0, 2**32), k=st.integers(1, 4))
def test_every_family_is_whole_in_exactly_one_part(table: dict[str, str | None], seed: int, k: int) -> None:
    unit_table = units(table)
    split = make_split(unit_table, seed, k=k)
    parts = (DISCOVERY, *split.blocks)
    assert len(parts) == k + 1
    assert sorted(family for part in parts for family in split.families(part)) == list(unit_table.families)
    assert sorted(unit for part in parts for unit in split.cell_units(part)) == list(unit_table.cell_units)
    for part in parts:
        assert {table[gene] for gene in split.genes(part)} == set(split.families(part))
    in_parts = {gene for part in parts for gene in split.genes(part)}
    assert in_parts == {gene for gene, family in table.items() if family is not None}
    assert unit_table.share_without_family == (len(table) - len(in_parts)) / len(table)


@settings(max_examples=100)
@given(n_families=st.integers(8, 300), seed=st.integers(0, 2**32), k=st.integers(1, 4), share=st.floats(0.5, 0.8))
def test_shares_are_of_families_and_blocks_are_balanced(n_families: int, seed: int, k: int, share: float) -> None:
    split = make_split(units({f"G{n}": f"F{n}" for n in range(n_families)}), seed, k=k, confirmation_share=share)
    confirmation = len(split.families(CONFIRMATION))
    assert abs(confirmation - share * n_families) <= 0.5 + 1e-9
    sizes = [len(split.families(block)) for block in split.blocks]
    assert sum(sizes) == confirmation
    assert max(sizes) - min(sizes) <= 1
    assert split.families(DISCOVERY) == make_split(split.units, seed, confirmation_share=share).families(DISCOVERY)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), data=st.data())
def test_the_split_does_not_depend_on_the_order_of_genes_or_cells(seed: int, data: st.DataObject) -> None:
    world = planted_cells(30, 60, 1, seed=0)
    cells = data.draw(st.permutations(world.cells.cells))
    rows = dict(world.families.family)
    shuffled = GeneFamilies({gene: rows[gene] for gene in data.draw(st.permutations(sorted(rows)))}, "other")
    split = make_split(UnitTable.of(world.cells, world.families), seed)
    again = make_split(UnitTable.of(world.cells.take_cells(cells), shuffled), seed)
    assert again == split
    assert again.sha256 == split.sha256


def test_the_partition_of_families_does_not_depend_on_the_cells_but_the_hash_does() -> None:
    other = units(TOY.family_of, n_cells=99)
    assert make_split(other).family_parts == make_split(TOY).family_parts
    assert make_split(other).sha256 != make_split(TOY).sha256


def test_the_hash_is_of_unit_table_seed_k_and_share() -> None:
    splits = [
        make_split(TOY),
        make_split(TOY, 2),
        make_split(TOY, k=2),
        make_split(TOY, confirmation_share=0.5),
        make_split(units(TOY.family_of | {"G99": "F01"})),
    ]
    assert len({split.sha256 for split in splits}) == len(splits)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32), k=st.integers(1, 2), data=st.data())
def test_where_the_table_is_cut_a_family_is_in_the_same_part_whatever_the_cells(
    seed: int, k: int, data: st.DataObject
) -> None:
    table = GeneFamilies({f"G{n:03d}": f"F{n % 60:02d}" for n in range(120)}, "1")
    genes = st.lists(st.sampled_from(sorted(table.family)), min_size=70, unique=True)
    chosen = [data.draw(genes) for _ in range(2)]
    first, second = (
        make_split(units({gene: table.family[gene] for gene in one}, n_cells), seed, k=k, table=table)
        for one, n_cells in zip(chosen, (12, 30), strict=True)
    )
    assert first.sha256 == second.sha256
    for part in (DISCOVERY, *first.blocks):
        assert set(first.genes(part)) | set(second.genes(part)) <= set(table.family)
        for other in {DISCOVERY, *first.blocks} - {part}:
            assert not set(first.families(part)) & set(second.families(other))


def test_the_hash_of_a_split_of_a_table_is_of_table_seed_k_and_share() -> None:
    table = GeneFamilies({gene: family for gene, family in TOY.gene_family if family is not None}, "1")
    larger = GeneFamilies({**table.family, "G99": "F99"}, "1")
    splits = [
        make_split(TOY),
        make_split(TOY, table=table),
        make_split(TOY, 2, table=table),
        make_split(TOY, k=2, table=table),
        make_split(TOY, confirmation_share=0.5, table=table),
        make_split(TOY, table=larger),
    ]
    assert len({split.sha256 for split in splits}) == len(splits)
    # All of this table's families are those of the units, so that the parts are the same.
    assert splits[1].family_parts == splits[0].family_parts


def test_cells_of_which_a_block_of_the_table_holds_nothing_are_refused() -> None:
    table = GeneFamilies({f"G{n:02d}": f"F{n:02d}" for n in range(50)}, "1")
    with pytest.raises(SplitError, match="too few"):
        make_split(units({"G00": "F00"}), table=table)


def test_a_locked_split_comes_out_the_same_for_ever() -> None:
    split = make_split(TOY, DEFAULT_SPLIT_SEED, k=2)
    assert (split.sha256, split.family_parts) == GOLDEN


def test_seeds_give_different_partitions_and_each_family_its_share() -> None:
    held_out = [make_split(TOY, seed).families(CONFIRMATION) for seed in range(600)]
    assert len(set(held_out)) > 500
    # 600 draws of a share of 13 in 20: standard error 0.02.
    for family in TOY.families:
        assert abs(sum(family in chosen for chosen in held_out) / 600 - 13 / 20) < 0.08


def test_cells_of_one_donor_stay_together() -> None:
    world = planted_cells(80, 60, 1, seed=0, n_donors=8)
    split = make_split(UnitTable.of(world.cells, world.families), 3)
    assert split.units.cell_unit_kind == "donor"
    assert len(split.cell_units(DISCOVERY)) == 3
    donor = dict(zip(world.cells.cells, world.cells.label("donor"), strict=True))
    assert {donor[cell] for cell in split.cells(DISCOVERY)} == set(split.cell_units(DISCOVERY))
    assert not set(split.cells(DISCOVERY)) & set(split.cells(CONFIRMATION))
    assert len(split.cells(DISCOVERY)) + len(split.cells(CONFIRMATION)) == 80


def test_parts_are_named_and_block_ids_are_unique_over_splits() -> None:
    split = make_split(TOY, k=3)
    assert split.blocks == ("block-1", "block-2", "block-3")
    assert split.block_id("block-2") == f"{split.sha256[:12]}/block-2"
    with pytest.raises(SplitError, match="no part 'block-4'; there is discovery, confirmation, block-1"):
        split.genes("block-4")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"k": 0}, "k is 0"),
        ({"k": 5}, "1 to 4 confirmation blocks"),
        ({"seed": -1}, "seed is -1"),
        ({"confirmation_share": 1.0}, "between 0 and 1"),
    ],
)
def test_what_cannot_be_split_is_refused(arguments: dict[str, int], words: str) -> None:
    with pytest.raises(SplitError, match=words):
        make_split(TOY, **arguments)  # type: ignore[arg-type]


def test_too_few_families_are_refused() -> None:
    with pytest.raises(SplitError, match="2 families are too few for discovery and 4 blocks"):
        make_split(units({"A": "F1", "B": "F2"}), k=4)


def test_the_demo_holds_out_two_thirds_of_the_families() -> None:
    table = UnitTable.of(load_pbmc(), load_families())
    split = make_split(table)
    assert isinstance(split, Split)
    assert round(len(table.families) * 2 / 3) == len(split.families("block-1"))
    assert table.share_without_family < 0.05
    assert len(split.cells(DISCOVERY)) == 233
