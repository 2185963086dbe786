"""Checks of instruments: a plug-in earns verdicts by what it does in worlds of known truth, and its check is a row.

Who runs the check is given by whoever opens the campaign, for the worlds belong to a room above this one. Instruments
that are built in are measured by the calibration study of the whole product and need no row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from theodolite.canonical import digest
from theodolite.store import EntryKind, Ledger, ToolCheckRecord, ToolCheckRow, tool_check_rows
from theodolite.tools import Tool

__all__ = ["Check", "put_check", "recorded_check", "unchecked", "unfit"]

Check = Callable[[Tool], ToolCheckRecord]
"""Runs an instrument in worlds of known truth; raises ToolError where it cannot measure there."""


def recorded_check(ledger: Ledger, tool: Tool) -> ToolCheckRow | None:
    """Return the latest check of exactly this source of an instrument, None if there is none."""
    found = tool_check_rows(ledger, tool.name, source_sha256=tool.source_sha256)
    return next((row for row in reversed(found) if row.version == tool.version), None)


def put_check(ledger: Ledger, record: ToolCheckRecord) -> None:
    """Write a check as a row; one of the same source in the same worlds that is there already stands."""
    of = digest([record.tool, record.version, record.source_sha256, record.worlds, record.catalogue])
    identifier = f"tool_check/{record.tool}-{of[:16]}"
    if not ledger.has(identifier):
        subject = f"{record.tool}@{record.version}"
        # Once: another coordinator may have checked the same plug-in meanwhile.
        ledger.append_once(EntryKind.TOOL_CHECK, identifier, subject, record.model_dump(mode="json"))


def unchecked(ledger: Ledger, tools: Iterable[Tool]) -> tuple[Tool, ...]:
    """Return the plug-ins among instruments that the ledger holds no check of."""
    return tuple(tool for tool in tools if not tool.built_in and recorded_check(ledger, tool) is None)


def unfit(ledger: Ledger, tool: Tool) -> str | None:
    """Return in words why an instrument may not be used for verdicts, None if it may."""
    if tool.built_in:
        return None
    check = recorded_check(ledger, tool)
    if check is None:
        return (
            f"{tool.name} is a plug-in and this ledger holds no check of its source {tool.source_sha256[:12]}; "
            f"`theodolite tools check {tool.name} --plugin PATH -w WORKSPACE` runs one"
        )
    if check.fit:
        return None
    return (
        f"{tool.name} is above its level: {check.passed_empty} of {check.empty} worlds without any signal passed every "
        f"null at {check.level:g}, so its error is at least {check.error_low:.3f} (95 %), and {check.level:g} is "
        "allowed; it may be looked with, but not used for verdicts"
    )
