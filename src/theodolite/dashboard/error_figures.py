"""The figures of error control as Vega-Lite specifications: plain data, drawn in the reader's browser."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, log10
from typing import Any

from theodolite.gates.advisory import BEYOND_CODE, CEILING, FLOOR
from theodolite.reports.calibrated import Calibrated, CalibratedArm, Rate
from theodolite.reports.error_control import PlantedControl, StreamCourse
from theodolite.reports.reviewers import DEFECT_WORDS, ReviewerRecord

__all__ = ["calibration_figure", "control_figure", "course_figure", "reviewers_figure", "safeguards_figure"]

Spec = dict[str, Any]
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
# Each is at least 3 : 1 against the page in both themes.
_COLOURS = {
    "supported": "#0b8f69", "refuted": "#8568d6", "inconclusive": "#b07100", "invalid": "#74808a", "error": "#d1495b",
    "pending": "#2489ad",
}  # fmt: skip
_SHAPES = {
    "supported": "triangle-up", "refuted": "square", "inconclusive": "circle", "invalid": "cross", "error": "diamond",
    "pending": "stroke",
}  # fmt: skip
_BLUE, _ORANGE, _RED, _GREY = "#2b7fb8", "#b07100", "#d1495b", "#74808a"
_SMALLEST = 1e-12
"""Evidence below it is drawn at it, so that one test does not flatten all others."""


def course_figure(course: StreamCourse) -> Spec:
    """Return evidence and the level asked for, test by test."""
    values = [
        {
            "t": point.t,
            "asked": point.asked,
            "evidence": None if point.evidence is None else max(point.evidence, _SMALLEST),
            "outcome": point.outcome,
            "test": point.subject,
        }
        for point in course.points
    ]
    domain = [name for name in _COLOURS if any(point.outcome == name for point in course.points)]
    ranges = [[table[name] for name in domain] for table in (_COLOURS, _SHAPES)]
    x = {"field": "t", "type": "quantitative", "title": "test of the stream", "axis": {"tickMinStep": 1, "grid": False}}
    y = {"type": "quantitative", "scale": {"type": "log"}, "axis": {"format": "~g", "values": _decades(values)}}
    marks = {
        "color": {"field": "outcome", "type": "nominal", "scale": {"domain": domain, "range": ranges[0]}},
        "shape": {"field": "outcome", "type": "nominal", "scale": {"domain": domain, "range": ranges[1]}},
    }
    for channel in marks.values():
        channel["title"] = "how it ended"
        channel["legend"] = {"orient": "bottom"}
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": 300,
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "line", "interpolate": "step", "color": _GREY, "strokeWidth": 2},
                "encoding": {"x": x, "y": {**y, "field": "asked", "title": "p or 1/e, and the level asked (line)"}},
            },
            {
                "transform": [{"filter": "isValid(datum.evidence)"}],
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.85},
                "encoding": {
                    "x": x,
                    "y": {**y, "field": "evidence"},
                    **marks,
                    "tooltip": [{"field": name, "type": "nominal"} for name in ("test", "t", "outcome")]
                    + [{"field": name, "type": "quantitative", "format": ".3g"} for name in ("evidence", "asked")],
                },
            },
        ],
    }


def _decades(values: Sequence[Spec]) -> list[float]:
    """Return powers of ten for an axis, eight or so, down to the least number that is drawn."""
    known = [item[name] for item in values for name in ("asked", "evidence") if item[name]]
    deepest = -floor(log10(min(known, default=1.0)))
    return [10.0**-power for power in range(0, deepest + 1, max(1, deepest // 8))]


def control_figure(control: PlantedControl) -> Spec:
    """Return the numbers of a planted control, test by test, with its threshold."""
    found = control.gate == "G7+"
    if control.counts:
        title = "planted effects found" if found else "null references with p ≤ 0.05"
    else:
        title = "correlation"
    values = [
        {"t": row.t, "number": row.number, "test": row.subject, "passed": "yes" if row.passed else "no"}
        for row in control.rows
        if row.number is not None
    ]
    y = {"type": "quantitative", "scale": {"zero": True}}
    passed = {"field": "passed", "type": "nominal", "legend": {"orient": "bottom"}}
    layer: list[Spec] = [
        {
            "data": {"values": values},
            "mark": {"type": "point", "filled": True, "size": 45, "opacity": 0.8},
            "encoding": {
                "x": {"field": "t", "type": "quantitative", "title": "test of the stream", "axis": {"tickMinStep": 1}},
                "y": {**y, "field": "number", "title": title},
                "color": {**passed, "scale": {"domain": ["yes", "no"], "range": [_BLUE, _RED]}},
                "shape": {**passed, "scale": {"domain": ["yes", "no"], "range": ["circle", "cross"]}},
                "tooltip": [{"field": "test", "type": "nominal"}, {"field": "number", "type": "quantitative"}],
            },
        }
    ]
    if control.threshold is not None:
        # Of maps of stages the null must stay below, as the null references of others.
        layer += _limit(control.threshold, "y", "at least" if found else "at most", y)
    return {"$schema": _SCHEMA, "width": "container", "height": 180, "layer": layer}


def reviewers_figure(record: ReviewerRecord) -> Spec:
    """Return how much of each class of defect a reviewer caught, and its false alarms, with one-sided bounds."""
    named = [
        *((DEFECT_WORDS[code], one, "held to it" if code in BEYOND_CODE else "lints are held to it")
          for code, one in record.classes.items()),
        ("these three together", record.beyond_code, "held to it"),
    ]  # fmt: skip
    values = [
        {"what": words, "rate": one.rate, "bound": one.lower, "said": f"{one.caught} of {one.plants}", "of": of}
        for words, one, of in named
        if one.rate is not None
    ]
    if record.shams:
        values.append(
            {
                "what": "false alarms on clean items",
                "rate": record.false_alarms / record.shams,
                "bound": record.upper,
                "said": f"{record.false_alarms} of {record.shams}",
                "of": "false alarms",
            }
        )
    asked = [
        {"what": "these three together", "limit": FLOOR},
        {"what": "false alarms on clean items", "limit": CEILING},
    ]
    y = {"field": "what", "type": "nominal", "sort": [item["what"] for item in values], "title": None,
         "axis": {"labelLimit": 190}}  # fmt: skip
    x = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"format": "%", "tickCount": 4}}
    colour = {
        "field": "of",
        "type": "nominal",
        "title": None,
        "scale": {
            "domain": ["held to it", "lints are held to it", "false alarms"],
            "range": [_ORANGE, _BLUE, _GREY],
        },
        "legend": {"orient": "bottom", "columns": 1},
    }
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": 24 * len(values),
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.5},
                "encoding": {"y": y, "x": {**x, "field": "rate"}, "x2": {"field": "bound"}, "color": colour},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
                "encoding": {
                    "y": y,
                    "x": {**x, "field": "rate", "title": "share objected to (mark), bound (line)"},
                    "color": colour,
                    "tooltip": [{"field": "what", "type": "nominal"}, {"field": "said", "type": "nominal"}],
                },
            },
            {
                "data": {"values": [item for item in asked if any(item["what"] == one["what"] for one in values)]},
                "mark": {"type": "tick", "thickness": 3, "size": 20, "color": _RED},
                "encoding": {"y": y, "x": {**x, "field": "limit"}},
            },
        ],
    }


def calibration_figure(found: Calibrated) -> Spec:
    """Return realised error rates by proposer, with upper bounds, against q."""
    standard, null = found.of_world("standard"), found.of_world("global_null")
    values = [
        *_rates(standard, "FDR over hypotheses", [arm.fdr for arm in standard]),
        *_rates(standard, "FDR over claims", [arm.fdr_keys for arm in standard]),
        *_rates(null, "any support where no claim is true", [arm.any_support for arm in null]),
    ]
    names = ["FDR over hypotheses", "FDR over claims", "any support where no claim is true"]
    y = {"field": "proposer", "type": "nominal", "title": None, "sort": None}
    offset = {"field": "rate of", "type": "nominal", "sort": names}
    x = {"type": "quantitative", "axis": {"tickCount": 5}}
    colour = {
        "field": "rate of",
        "type": "nominal",
        "title": None,
        "scale": {"domain": names, "range": [_BLUE, _COLOURS["supported"], _ORANGE]},
        "legend": {"orient": "bottom", "columns": 1, "labelLimit": 300},
    }
    shape = {**colour, "scale": {"domain": names, "range": ["circle", "square", "triangle-up"]}}
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": 12 * len(values),
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.6},
                "encoding": {
                    "y": y, "yOffset": offset, "x": {**x, "field": "rate"}, "x2": {"field": "bound"}, "color": colour,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
                "encoding": {
                    "y": y,
                    "yOffset": offset,
                    "x": {**x, "field": "rate", "title": "rate found (mark), upper bound (line)"},
                    "color": colour,
                    "shape": shape,
                },
            },
            *_limit(found.q, "x", "q =", x),
        ],
    }  # fmt: skip


def safeguards_figure(found: Calibrated) -> Spec:
    """Return error rates with one safeguard off, beside the same campaigns with all on."""
    values = []
    for off, control in found.ablations:
        what = f"{_words(off.ablation or '')}: {_words(off.proposer)}"
        for arm, side in ((off, "safeguard off"), (control, "all on")):
            if arm is not None and arm.rate is not None:
                values.append({"what": what, "side": side, "rate": arm.rate.value, "bound": arm.rate.upper})
    y = {"field": "what", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 190}}
    offset = {"field": "side", "type": "nominal", "sort": ["safeguard off", "all on"]}
    x = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"tickCount": 5}}
    colour = {
        "field": "side",
        "type": "nominal",
        "title": None,
        "scale": {"domain": ["safeguard off", "all on"], "range": [_ORANGE, _BLUE]},
        "legend": {"orient": "bottom"},
    }
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": 14 * len(values),
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "bar"},
                "encoding": {
                    "y": y, "yOffset": offset, "color": colour,
                    "x": {**x, "field": "rate", "title": "error rate found"},
                },
            },
            *_limit(found.q, "x", "q =", x),
        ],
    }  # fmt: skip


def _rates(arms: Sequence[CalibratedArm], of: str, rates: Iterable[Rate | None]) -> list[Spec]:
    return [
        {"proposer": _words(arm.proposer), "rate of": of, "rate": rate.value, "bound": rate.upper}
        for arm, rate in zip(arms, rates, strict=True)
        if rate is not None
    ]


def _limit(value: float, axis: str, words: str, encoding: Spec) -> list[Spec]:
    """Return a line at a threshold, and what it is."""
    text = {"align": "left", "baseline": "bottom", "dx": 4, "dy": -3, "color": _RED}
    other = {"x": {"value": 0}} if axis == "y" else {"y": {"value": 0}}
    return [
        {
            "data": {"values": [{"limit": value, "said": f"{words} {value:g}"}]},
            "mark": {"type": "rule", "color": _RED, "strokeWidth": 1.5, "strokeDash": [6, 3]},
            "encoding": {axis: {**encoding, "field": "limit"}},
        },
        {
            "data": {"values": [{"limit": value, "said": f"{words} {value:g}"}]},
            "mark": {"type": "text", **text},
            "encoding": {axis: {**encoding, "field": "limit"}, **other, "text": {"field": "said"}},
        },
    ]


def _words(name: str) -> str:
    return name.replace("_", " ")
