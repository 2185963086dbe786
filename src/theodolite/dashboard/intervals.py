"""Effects with their intervals as small drawings: places along a line with chance in the middle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from theodolite.reports.listed import ListedHypothesis
from theodolite.reports.verdict_table import SCALES

__all__ = ["Interval", "Ruler", "rulers"]

WIDTH, MARGIN = 132, 4
_CHANCE = dict(SCALES.values())
_WIDEST = {"AUROC": 0.5, "rho": 1.0}


@dataclass(frozen=True)
class Interval:
    """Places from the left, in pixels; ``zone`` is where an effect is too small to count."""

    effect: float
    low: float
    high: float
    zone: tuple[float, float] | None


@dataclass(frozen=True)
class Ruler:
    """What the ends of the drawings of a page stand for on one scale; all rows share it, so that they compare."""

    scale: str
    first: float
    chance: float
    last: float

    def draw(self, item: ListedHypothesis) -> Interval | None:
        """Return the places of a row's effect and interval; None where nothing was measured on this scale."""
        line = item.line
        if line.scale != self.scale or line.effect is None or line.low is None or line.high is None:
            return None
        least = item.least
        zone = None if least is None else (self._at(self.chance - least), self._at(self.chance + least))
        return Interval(self._at(line.effect), self._at(line.low), self._at(line.high), zone)

    def _at(self, value: float) -> float:
        share = (value - self.first) / (self.last - self.first)
        return round(MARGIN + min(1.0, max(0.0, share)) * (WIDTH - 2 * MARGIN), 1)


def rulers(items: Iterable[ListedHypothesis]) -> dict[str, Ruler]:
    """Return the rulers of a page by their scales: chance in the middle, as wide as what is shown needs."""
    reach: dict[str, float] = {}
    for item in items:
        line, chance = item.line, _CHANCE[item.line.scale]
        if line.effect is None:
            continue
        shown = (line.effect, line.low, line.high)
        far = max(abs(value - chance) for value in shown if value is not None)
        reach[line.scale] = max(reach.get(line.scale, 0.1), far, item.least or 0.0)
    found = {}
    for scale, far in reach.items():
        half = ceil(min(far, _WIDEST[scale]) * 10) / 10
        found[scale] = Ruler(scale, _CHANCE[scale] - half, _CHANCE[scale], _CHANCE[scale] + half)
    return found
