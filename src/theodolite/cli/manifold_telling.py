"""What a campaign about manifolds stands on, in a few plain lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from theodolite.experiments import Setting
    from theodolite.experiments.manifolds.setting import ManifoldSetting

__all__ = ["rows_of_anchors"]


def rows_of_anchors(setting: Setting) -> Iterator[tuple[str, str]]:
    """Yield what is told of anchors, rulers, donors and budget, each with its heading."""
    from theodolite.data import CONFIRMATION, DISCOVERY

    anchored = cast("ManifoldSetting", setting)
    table, spec = anchored.table, anchored.spec
    left = f"; {table.dropped} combinations had too few cells" if table.dropped else ""
    yield (
        "anchors",
        f"{len(table.anchors)} of {len(set(table.stage))} stages in {len(set(table.branch))} branches{left}",
    )
    block = setting.testability(setting.split.blocks[0])
    usable = sum(item.testable for item in block.values())
    yield "rulers", f"{', '.join(setting.references)}; {usable} of {len(block)} can be tested here"
    unit = "donors" if table.unit == "donor" else "groups of cells (there are no donors)"
    kept = len(setting.genes(CONFIRMATION))
    yield "split", f"{len(setting.genes(DISCOVERY))} {unit} to search by, {kept} others kept for tests"
    if anchored.panel is not None:
        yield "must fail", f"{len(anchored.panel.anchors)} anchors of the cells that `expected_fail` names"
    yield (
        "budget",
        f"{len(anchored.candidates())} candidates a ruler, {spec.budget.experiments} experiments; on average at most "
        f"{100 * spec.error.q:g} % of supports are false",
    )
