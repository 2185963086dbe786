"""Parameters that name what a model, its genes or its references do not have are told before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import Field
from small_subjects import reference

from theodolite.descriptions import (
    DescriptionError,
    DescriptionParams,
    Offered,
    check_fit,
    descriptions,
    get_description,
)
from theodolite.descriptions.registry import Description
from theodolite.tools import ModelShape

GENES = tuple(f"G{number:02d}" for number in range(12))
SET, PAIRS = reference("set", GENES[:4], "a_set"), reference("pairs", [(GENES[0], GENES[1])], "a_list")
REGULON = reference("regulon", [(GENES[0], GENES[1])], "a_regulon")
OF_KIND = {"none": (), "sets": (SET,), "pairs": (PAIRS,), "regulons": (REGULON,)}
NEEDED: Mapping[str, dict[str, Any]] = {"geometry.lineage_convergence": {"followed": [GENES[5]]}}


def offered(known: Description, width: int = 8) -> Offered:
    """Return twelve genes of a model of two layers of three heads, and one reference of the kind that is taken."""
    return Offered(GENES, width, ModelShape(2, 3, read_out=False), OF_KIND[known.references])


@pytest.mark.parametrize("known", [item for item in descriptions() if item.built_in], ids=lambda item: item.name)
def test_every_description_fits_where_it_says_nothing(known: Description) -> None:
    check_fit(known.parsed(NEEDED.get(known.name, {})), offered(known))


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("attention.retention", {"layer": 3}, "layer 3, head None: this model has layers 1 to 2 of heads 1 to 3"),
        ("attention.matched", {"layer": 1, "head": 4}, "layer 1, head 4: this model has layers 1 to 2 of heads 1 to 3"),
        ("attention.stratified", {"head": 1}, "a head is one of a layer"),
        ("attention.matched", {"against": "other"}, "no reference has the id 'other'; given: 'a_regulon'"),
        ("attention.incremental_value", {"tested": "other"}, "no reference has the id 'other'"),
        ("attention.layer_choice", {"against": "other"}, "no reference has the id 'other'"),
        ("ablation.head_sets", {"layer": 3}, "layer 3"),
        ("ablation.head_sets", {"against": "other"}, "no reference has the id 'other'"),
        ("ablation.head_sets", {"sizes": [1, 6]}, "sizes names 6: this model has 6 heads; give numbers from 1 to 5"),
        ("geometry.co_pole", {"axis": 9}, "axis asks for axis 9: 12 vectors of width 8 have axes 1 to 8"),
        ("geometry.compartment_progression", {"axis": 9}, "axis asks for axis 9"),
        ("geometry.confidence_gradient", {"axis": 9}, "axis asks for axis 9"),
        ("geometry.edge_recovery", {"windows": [[2, 9], [1, 2]]}, "windows asks for axis 9"),
        ("geometry.similarity_residuals", {"last": 9}, "last asks for axis 9"),
        ("geometry.depth_signals", {"edge_last": 9}, "edge_last asks for axis 9"),
        (
            "geometry.lineage_convergence",
            {"followed": ["G05", "SPIB"]},
            "followed names 'SPIB', not among the 12 genes",
        ),
        ("geometry.lineage_convergence", {"followed": ["G05"], "lineage": "other"}, "no reference has the id 'other'"),
    ],
)
def test_what_is_not_there_is_named_with_what_there_is(name: str, params: dict[str, Any], said: str) -> None:
    known = get_description(name)
    with pytest.raises(DescriptionError, match=said):
        check_fit(known.parsed(params), offered(known))


def test_axes_are_as_many_as_columns_or_free_rows_whichever_are_fewer() -> None:
    known = get_description("geometry.co_pole")
    check_fit(known.parsed({"axis": 11}), offered(known, width=64))
    with pytest.raises(DescriptionError, match="12 vectors of width 64 have axes 1 to 11"):
        check_fit(known.parsed({"axis": 12}), offered(known, width=64))


def test_a_plug_in_adds_a_check_of_its_own_parameters() -> None:
    class Cut(DescriptionParams):
        first: int = Field(default=1, description="first gene that is read")

    @check_fit.register(Cut)
    def _(params: Cut, there: Offered) -> None:
        if params.first > len(there.genes):
            raise DescriptionError(f"first is {params.first}: there are {len(there.genes)} genes")

    given = offered(get_description("geometry.effective_rank"))
    check_fit(Cut(), given)
    with pytest.raises(DescriptionError, match="first is 13: there are 12 genes"):
        check_fit(Cut(first=13), given)
