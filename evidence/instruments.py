"""Power and error of every built-in instrument in worlds whose truth is known, in one table.

Each instrument is checked as a plug-in is (``theodolite tools check``): the place that the discovery genes suggest is
tested against every null on genes of other families, at a level of 5 %, in worlds whose model knows the reference and
in worlds whose model knows only what reference and model both owe to expression, hubs, co-expression and families.

Criterion, written before the first run: for no instrument is the error shown to exceed its level, that is, the exact
one-sided 95 % lower bound of the share that passes in empty worlds is at most 0.05. Power is reported.
"""

from __future__ import annotations

import sys
from typing import Any

from lib.record import write_evidence

from theodolite.calibration.toolcheck import EMPTY, PLANTED, check_tool
from theodolite.tools import tools


def main() -> None:
    """Check every instrument and write the table."""
    rows: list[dict[str, Any]] = []
    print(
        f"{'instrument':34} {'power':>6} {'at least':>9} {'error':>6} {'bounds':>15}   ({PLANTED} and {EMPTY} worlds)"
    )
    for tool in tools():
        if not tool.built_in:
            continue
        found = check_tool(tool)
        bounds = f"{found.error_low:.3f} to {found.error_high:.3f}"
        print(f"{tool.name:34} {found.power:6.2f} {found.power_low:9.2f} {found.error:6.3f} {bounds:>15}", flush=True)
        rows.append(found.model_dump(mode="json"))
    criteria = {"no instrument is shown to be above its level": all(row["fit"] for row in rows)}
    result = {"checks": rows, "criteria": criteria}
    write_evidence("instruments", "power and error of every instrument", result, all(criteria.values()))


if __name__ == "__main__":
    sys.exit(main())
