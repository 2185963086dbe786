"""What a ledger itself says of a campaign's menus."""

from __future__ import annotations

from typing import Any

from theodolite.reports.menus import MenuTool, menu, tools_of
from theodolite.store import Ledger, campaign_rows


def test_instruments_references_and_places_come_from_the_ledger(small_world: Any) -> None:
    with Ledger.open(small_world.finished() / "ledger.sqlite", read_only=True) as ledger:
        (row,) = campaign_rows(ledger)
        axis, near, attends = tools_of(row.spec)
        assert (axis.name, axis.kind, axis.directions) == ("geometry.axis_separation", "set", ("greater", "less"))
        assert near.directions == attends.directions == ("greater",)
        found = menu(ledger, row.campaign, axis)
        assert "program_1" in {item.name for item in found.references}
        assert "too_small" not in {item.name for item in found.references} and found.untestable == 1
        assert "layer 1 axis 2" in found.places and found.places[-1] == "any place"
        assert menu(ledger, "nowhere", axis).references == ()


def test_an_instrument_of_a_plug_in_is_known_by_its_name_alone(small_world: Any) -> None:
    (odd,) = tools_of({"tools": ["odd.one"]})
    assert odd == MenuTool("odd.one", "", None, ("greater", "less"))
    with Ledger.open(small_world.finished() / "ledger.sqlite", read_only=True) as ledger:
        found = menu(ledger, campaign_rows(ledger)[0].campaign, odd)
    assert found.places == () and found.references
