"""How reviewers did on sealed plants and clean shams: a table in words, and a figure of sensitivity by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Final

from theodolite.calibration.bounds import clopper_pearson_upper
from theodolite.calibration.plants.track_records import Agreement, Sensitivity, Standing, agreement, standings
from theodolite.gates.advisory import (
    BEYOND_CODE,
    CEILING,
    FLOOR,
    LEAST_PLANTS,
    LEAST_SHAMS,
    ReviewerStanding,
    TrialCounts,
    reviewer_standing,
)
from theodolite.judgements import ObjectionCode
from theodolite.store import Ledger, trial_rows, trial_tallies
from theodolite.store.stream_queries import reviewer_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "DEFECT_WORDS",
    "STANDING_WORDS",
    "ReviewerRecord",
    "reviewer_agreements",
    "reviewer_records",
    "reviewer_standings",
    "save_reviewer_figure",
    "standing_sentence",
]

DEFECT_WORDS: Final[dict[ObjectionCode, str]] = {
    "label_leak": "label leaks into the score",
    "wrong_null": "wrong null",
    "metric_switch": "metric switched after the lock",
    "double_dipping": "double dipping",
    "degenerate_statistic": "degenerate statistic",
    "sign_flip": "flipped sign",
    "too_few_draws": "p = 0 or too few draws",
    "own_embedding_covariate": "own embedding as covariate",
    "donor_leakage": "donors shared",
    "tie_artefact": "ties and zero vectors",
    "wrong_unit": "wrong unit of analysis",
    "cherry_picked_locus": "cherry-picked place",
    "hash_mismatch": "hash of another result",
}
"""The classes in words, in the order of the specification."""

STANDING_WORDS: Final[dict[ReviewerStanding, str]] = {
    ReviewerStanding.BINDING: "its cap binds",
    ReviewerStanding.ADVISORY: "advisory: its cap does not bind, a support needs two independent replications",
    ReviewerStanding.UNMEASURED: "unmeasured: too few trials to say; its cap binds",
}

_LINTED, _READ, _ALARM = "#0072B2", "#D55E00", "#555555"
_CAPTION: Final = (
    "Dot: share of plants that drew the right objection (last row: of clean items that drew any).\n"
    "Line: to its one-sided 95 % bound. Blue: lints are held to all of these.\n"
    "Orange: a reviewer is held to these, together; bar: how low the bound (last row: how high the share) may be."
)


@dataclass(frozen=True)
class ReviewerRecord:
    """What a reviewer is held to; fields as in :class:`~theodolite.calibration.plants.Standing`."""

    reviewer: str
    classes: dict[ObjectionCode, Sensitivity]
    beyond_code: Sensitivity
    shams: int
    false_alarms: int
    upper: float | None
    standing: ReviewerStanding


def reviewer_records(ledger: Ledger, most: int = 20) -> tuple[ReviewerRecord, ...]:
    """Return the records of the reviewers that were tried, the newest ``most``, from counts and not trial by trial."""
    return tuple(_record(ledger, name) for name in reviewer_names(ledger)[-most:])


def _record(ledger: Ledger, reviewer: str) -> ReviewerRecord:
    plants: dict[ObjectionCode, list[int]] = {code: [0, 0] for code in DEFECT_WORDS}
    shams = alarms = 0
    for tally in trial_tallies(ledger, reviewer):
        if tally.defect is None:
            shams += tally.trials
            alarms += tally.trials * tally.objected
        else:
            counted = plants[tally.defect]
            counted[0] += tally.trials
            counted[1] += tally.trials * tally.caught
    beyond = Sensitivity(*(sum(plants[code][part] for code in BEYOND_CODE) for part in (0, 1)))
    return ReviewerRecord(
        reviewer=reviewer,
        classes={code: Sensitivity(*counted) for code, counted in plants.items()},
        beyond_code=beyond,
        shams=shams,
        false_alarms=alarms,
        upper=clopper_pearson_upper(alarms, shams) if shams else None,
        standing=reviewer_standing(TrialCounts(beyond.plants, beyond.caught, shams, alarms)),
    )


def reviewer_standings(ledger: Ledger) -> tuple[Standing, ...]:
    """Return the record of every reviewer that was tried in a ledger."""
    return standings(trial_rows(ledger))


def reviewer_agreements(ledger: Ledger) -> tuple[Agreement, ...]:
    """Return how far each two reviewers agree on the items that both were given; pairs without any are left out."""
    rows = trial_rows(ledger)
    names = list(dict.fromkeys(row.reviewer for row in rows))
    found = (agreement(rows, first, second) for first, second in combinations(names, 2))
    return tuple(pair for pair in found if pair.items)


def standing_sentence(standing: Standing | ReviewerRecord) -> str:
    """Return what a reviewer's record amounts to, in one sentence."""
    beyond, words = standing.beyond_code, STANDING_WORDS[standing.standing]
    if standing.standing is ReviewerStanding.UNMEASURED:
        return (
            f"{standing.reviewer}: {words} ({beyond.plants} plants that code cannot always catch and "
            f"{standing.shams} shams; {LEAST_PLANTS} and {LEAST_SHAMS} are asked for)."
        )
    return (
        f"{standing.reviewer}: {words}. Of the plants that code cannot always catch it found {beyond.caught} of "
        f"{beyond.plants} (at least {100 * (beyond.lower or 0.0):.0f} % with 95 % confidence, {100 * FLOOR:.0f} % is "
        f"asked for); it objected to {standing.false_alarms} of {standing.shams} clean items "
        f"({100 * CEILING:.0f} % is allowed)."
    )


def save_reviewer_figure(found: Sequence[Standing], path: Path) -> None:
    """Draw sensitivity by class and false alarms, with their one-sided 95 % bounds, one panel a reviewer.

    Parameters
    ----------
    found
        At least one reviewer.
    path
        Where to; its suffix, ``.png`` or ``.svg``, says as what.

    Raises
    ------
    ValueError
        If no reviewer was tried.
    """
    if not found:
        raise ValueError("no reviewer was tried; run `theodolite reviewers trials` first")
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Text stays text, and nothing random names the parts: the same trials give the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "theodolite", "font.size": 9}):
        figure = Figure(figsize=(3.9 + 3.9 * len(found), 5.9), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
        for panel, standing in zip(panels, found, strict=True):
            _panel(panel, standing)
        colours = [*(_READ if code in BEYOND_CODE else _LINTED for code in DEFECT_WORDS), _READ, _ALARM]
        panels[0].set_yticks(range(len(colours)), [*DEFECT_WORDS.values(), "the three in orange", "clean items"])
        panels[0].set_ylim(len(colours) - 0.5, -0.5)
        for tick, colour in zip(panels[0].get_yticklabels(), colours, strict=True):
            tick.set_color(colour)
        figure.supxlabel(_CAPTION, fontsize=8, color="0.25")
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, dpi=200, metadata=metadata)


def _panel(panel: Axes, standing: Standing) -> None:
    for place, (code, one) in enumerate(standing.classes.items()):
        _sensitivity(panel, place, one, _READ if code in BEYOND_CODE else _LINTED)
    together = len(standing.classes)
    _sensitivity(panel, together, standing.beyond_code, _READ)
    if standing.shams and standing.upper is not None:
        rate = standing.false_alarms / standing.shams
        _interval(panel, together + 1, rate, standing.upper, _ALARM, f"{standing.false_alarms} of {standing.shams}")
    for line in (together, together + 1):
        panel.axhline(line - 0.5, color="0.8", linewidth=0.8)
    for place, limit, colour in ((together, FLOOR, _READ), (together + 1, CEILING, _ALARM)):
        panel.plot([limit, limit], [place - 0.42, place + 0.42], color=colour, linewidth=2)
    panel.set_xlim(-0.03, 1.24)
    panel.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100"])
    panel.set_xlabel("% objected to")
    panel.set_title(f"{standing.reviewer}\n{STANDING_WORDS[standing.standing].partition(':')[0]}", fontsize=10)
    panel.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)


def _sensitivity(panel: Axes, place: int, one: Sensitivity, colour: str) -> None:
    if one.rate is not None and one.lower is not None:
        _interval(panel, place, one.rate, one.lower, colour, f"{one.caught} of {one.plants}")


def _interval(panel: Axes, place: int, rate: float, bound: float, colour: str, words: str) -> None:
    panel.plot([rate, bound], [place, place], color=colour, linewidth=2, alpha=0.45, solid_capstyle="butt")
    panel.plot([rate], [place], marker="o", color=colour, markersize=6)
    panel.text(1.04, place, words, va="center", fontsize=8, color="0.25")
