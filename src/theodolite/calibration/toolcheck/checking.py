"""The check: in each world the best place on discovery genes is tested on the others, once, at a fixed level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.random import SeedSequence

from theodolite.calibration.bounds import clopper_pearson_lower, clopper_pearson_upper
from theodolite.calibration.toolcheck.judging import passes, readable
from theodolite.calibration.toolcheck.worlds import MODEL, Profile, World, make_world
from theodolite.gates import CATALOGUE_VERSION, PANELS
from theodolite.store import ToolCheckRecord
from theodolite.tools import Tool, ToolError, ToolParams

__all__ = ["EMPTY", "LEVEL", "PLANTED", "WORLDS", "check_record", "check_tool"]

PLANTED: Final = 40
"""Worlds in which the claim is true: whose model knows the reference."""
EMPTY: Final = 200
"""Worlds in which it is not: whose model knows only confounds, or, where no effect is claimed, has one."""
LEVEL: Final = 0.05
"""Level of each test, which an instrument's error may not be shown to exceed."""
WORLDS: Final = "2"
"""Version of the worlds and of how they are judged; raised whenever a count of the same instrument could change."""

_MOST_PLACES: Final = 24
_ROOT: Final = 20_262
_SHAPES: Final = ("GeneScores", "PairScores", "BipartiteScores")


def check_tool(
    tool: Tool,
    *,
    planted: int = PLANTED,
    empty: int = EMPTY,
    progress: Callable[[int, int], None] | None = None,
) -> ToolCheckRecord:
    """Run an instrument in worlds where its claim is true, and where it is not, and return its power and its error.

    A claim passes where it beats every null of its shape in the current catalogue, in scores that were adjusted as the
    gates adjust them. Worlds and draws follow from fixed seeds and are the same for every instrument of a shape.

    Parameters
    ----------
    tool
        The instrument.
    planted, empty
        Numbers of worlds; only checks of the usual numbers belong in a ledger.
    progress
        Called with worlds done and worlds in all.

    Raises
    ------
    ToolError
        If it reads anchors of cells, the catalogue judges no claims on its shape, it has no place in the worlds' model,
        or it could not measure in any world.
    """
    shape = tool.shape.shape
    if tool.relation.of_cells:
        raise ToolError(
            f"{tool.name} reads anchors of cells, and the check's worlds have genes only; what measures its power and "
            "error is `python evidence/manifold_campaigns.py`"
        )
    if shape not in PANELS:
        raise ToolError(
            f"{tool.name} returns {shape}, on which catalogue {CATALOGUE_VERSION} judges no claims; "
            f"it judges {', '.join(PANELS)}"
        )
    places = _places(tool)
    passed = {True: 0, False: 0}
    failures: list[str] = []
    worlds = [(True, number) for number in range(planted)] + [(False, number) for number in range(empty)]
    for done, (known, number) in enumerate(worlds):
        if progress is not None:
            progress(done, len(worlds))
        seed = SeedSequence([_ROOT, _SHAPES.index(shape), int(known), number])
        in_world, in_draws = seed.spawn(2)
        root = int(in_draws.generate_state(1, np.uint64)[0] >> 1)
        try:
            passed[known] += passes(tool, places, _world(tool, in_world, number, known=known), root, LEVEL)
        except ToolError as error:
            failures.append(str(error))
    if progress is not None:
        progress(len(worlds), len(worlds))
    if len(failures) == len(worlds):
        raise ToolError(f"{tool.name} could not measure in any of {len(worlds)} worlds of its check: {failures[0]}")
    return check_record(
        tool,
        tuple(str(params.locus()) for params in places),
        worlds=WORLDS,
        planted=planted,
        found=passed[True],
        empty=empty,
        passed_empty=passed[False],
        unmeasured=len(failures),
    )


def _world(tool: Tool, seed: SeedSequence, number: int, *, known: bool) -> World:
    """Return a world in which what an instrument claims is true, or is not.

    An effect is there where the model knows the reference, the more the deeper. That there is none over depth is true
    where a reference that is known stands alike in all layers, and false where it rises, or falls, by an effect that
    counts.
    """
    shape = tool.shape.shape
    if not tool.relation.of_no_effect:
        return make_world(shape, seed, planted=known)
    changing = (Profile.GROWING, Profile.FALLING)[number % 2]
    return make_world(shape, seed, planted=True, profile=Profile.LEVEL if known else changing)


def check_record(
    tool: Tool,
    places: tuple[str, ...],
    *,
    worlds: str,
    planted: int,
    found: int,
    empty: int,
    passed_empty: int,
    unmeasured: int,
) -> ToolCheckRecord:
    """Return what counts say of an instrument; arguments are attributes of :class:`ToolCheckRecord`.

    Raises
    ------
    ValueError
        If nothing was counted, or more passed than there were.
    """
    low = _rounded(clopper_pearson_lower(passed_empty, empty))
    return ToolCheckRecord(
        tool=tool.name,
        version=tool.version,
        source_sha256=tool.source_sha256,
        shape=tool.shape.shape,
        worlds=worlds,
        catalogue=CATALOGUE_VERSION,
        places=places,
        planted=planted,
        found=found,
        power=_rounded(found / planted),
        power_low=_rounded(clopper_pearson_lower(found, planted)),
        empty=empty,
        passed_empty=passed_empty,
        error=_rounded(passed_empty / empty),
        error_low=low,
        error_high=_rounded(clopper_pearson_upper(passed_empty, empty)),
        unmeasured=unmeasured,
        level=LEVEL,
        fit=low <= LEVEL,
    )


def _rounded(value: float) -> float:
    """Return what a hashed row may hold: special functions differ in their last digits between machines."""
    return round(value, 6)


def _places(tool: Tool) -> list[ToolParams]:
    """Return where an instrument is read: its closed list in the worlds' model, thinned evenly where it is long.

    For a claim of no effect it is the first place: of the worlds in which it is false this is known of the whole depth.
    """
    listed = readable(tool, MODEL)
    if tool.relation.of_no_effect:
        return listed[:1]
    if len(listed) <= _MOST_PLACES:
        return listed
    return [listed[index] for index in np.linspace(0, len(listed) - 1, _MOST_PLACES).round().astype(int)]
