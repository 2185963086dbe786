"""Figures of one hypothesis as Vega-Lite: its effect, its nulls, what was planted, and what it is held against.

Each figure carries its numbers as a table, so that it says the same where it is not drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final

from theodolite.gates.catalogue2.baselines import GAIN
from theodolite.judgements import Effect
from theodolite.reports.plain_terms import OF_ANCHORS, null_said, number_said
from theodolite.reports.slot_lives import SlotLife
from theodolite.reports.verdict_table import SCALES, as_line

__all__ = ["Figure", "slot_figures"]

_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.4.1.json"
_ROW: Final = 38
"""Pixels that a row takes."""
_LEAST_E: Final = 0.01
"""What stands for an e of 0 on an axis that has none."""
_BLUE, _ORANGE, _GREY = "#2a7fb8", "#c86414", "#7a8894"
"""They stand out on light and on dark ground alike."""


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name
        Its last part in an address.
    caption
        What it shows, in one sentence or two.
    spec
        Its Vega-Lite specification.
    columns, rows
        The numbers that it shows, as texts.
    """

    name: str
    caption: str
    spec: dict[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def slot_figures(life: SlotLife) -> list[Figure]:
    """Return the figures of a slot; of one whose statistic was never computed, those of its planted controls alone."""
    made = (_effect(life), _nulls(life), _margin(life), _planted(life, "G7+"), _planted(life, "G7-"))
    return [figure for figure in made if figure is not None]


def _spec(data: Sequence[dict[str, Any]], layers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return marks over upright lines, as wide as the page leaves; a mark stands in the row that its ``what`` names."""
    axis = {"labelExpr": "split(datum.label, '\\n')", "labelLimit": 175, "grid": False}
    y = {"field": "what", "type": "nominal", "sort": None, "title": None, "axis": axis}
    for layer in layers:
        if "data" not in layer:
            layer["encoding"]["y"] = y
    names = [wrap(str(item["what"]), 26) for item in data]
    row = max(_ROW, _ROW // 2 * max(len(lines) for lines in names))
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": row * len(data),
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": [{**item, "what": "\n".join(lines)} for item, lines in zip(data, names, strict=True)]},
        "layer": layers,
    }


def _rules(marks: Sequence[tuple[float, str, str]], x_title: str, scale: dict[str, Any]) -> list[dict[str, Any]]:
    """Return upright lines, each with a name: where there is nothing, and what counts."""
    layers: list[dict[str, Any]] = []
    for value, colour, name in marks:
        at = {"datum": value, "type": "quantitative", "title": x_title, "scale": scale}
        once = {"values": [{"name": name}]}
        line = {"type": "rule", "color": colour, "strokeDash": [5, 3]}
        text = {
            "type": "text",
            "align": "left",
            "baseline": "bottom",
            "dx": 3,
            "y": -2,
            "fontSize": 11,
            "color": colour,
        }
        layers.append({"data": once, "mark": line, "encoding": {"x": at}})
        layers.append({"data": once, "mark": text, "encoding": {"x": at, "text": {"field": "name"}}})
    return layers


def _interval_layers(x_title: str, scale: dict[str, Any]) -> list[dict[str, Any]]:
    x = {"type": "quantitative", "title": x_title, "scale": scale}
    tip = [{"field": "what", "title": "of"}, {"field": "said", "title": "with its 95 % interval"}]
    return [
        {
            "mark": {"type": "rule", "strokeWidth": 3, "color": _BLUE},
            "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}, "tooltip": tip},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 90, "color": _BLUE, "opacity": 1},
            "encoding": {"x": {"field": "estimate", **x}, "tooltip": tip},
        },
    ]


def _ends(data: Sequence[dict[str, Any]]) -> list[float]:
    return [float(item[end]) for item in data for end in ("low", "high")]


def _said(effect: Effect, chance: float = 0.0) -> str:
    return f"{effect.estimate + chance:.3f} ({effect.low + chance:.3f} to {effect.high + chance:.3f})"


def _effect(life: SlotLife) -> Figure | None:
    """Return the effect with its interval, beside nothing, the least effect that counts, and the best baseline."""
    judged, line = life.judgement, as_line(life.hypothesis, life.gates, life.refusal)
    if judged is None or not judged.evidence or judged.effect.unit not in SCALES:
        return None
    scale_name, chance = SCALES[judged.effect.unit]
    shown = [("the model", judged.effect)]
    if judged.raw is not None:
        shown.append(("before adjustment", judged.raw))
    if judged.baseline is not None:
        shown.append(("best baseline", judged.baseline))
    data: list[dict[str, Any]] = [
        {
            "what": name,
            "estimate": round(effect.estimate + chance, 4),
            "low": round(effect.low + chance, 4),
            "high": round(effect.high + chance, 4),
            "said": _said(effect, chance),
        }
        for name, effect in shown
    ]
    title = {"AUROC": "AUROC", "rho": "rank correlation with the ruler"}[scale_name]
    marks = [(chance, _GREY, "nothing")]
    counts = None if life.locked is None else life.locked.sesoi
    if counts is not None:
        bounds = (chance - counts, chance + counts) if line.of_no_effect else (chance + counts,)
        marks += [(round(bound, 4), _ORANGE, "counts") for bound in bounds]
    edges = [*_ends(data), *(mark[0] for mark in marks)]
    scale = {"domain": [round(min(edges) - 0.03, 3), round(max(edges) + 0.06, 3)], "nice": False, "zero": False}
    spec = _spec(data, [*_rules(marks, title, scale), *_interval_layers(title, scale)])
    least = "" if counts is None else f", orange the least effect that counts ({chance + counts:.2f})"
    caption = f"What was measured, with 95 % intervals; grey is nothing ({chance:.2f}){least}."
    rows = [
        (name, *(f"{value + chance:.3f}" for value in (effect.estimate, effect.low, effect.high)))
        for name, effect in shown
    ]
    rows.append(("nothing", f"{chance:.3f}", "", ""))
    if counts is not None:
        rows.append(("least effect that counts", f"{chance + counts:.3f}", "", ""))
    return Figure("effect", caption, spec, ("of", title, "from", "to"), tuple(rows))


def _nulls(life: SlotLife) -> Figure | None:
    """Return the evidence against each null beside what the level asks for."""
    if not life.nulls:
        return None
    line = as_line(life.hypothesis, life.gates, life.refusal)
    betting = all(null.e is not None for null in life.nulls)
    values = [max(null.e or 0.0, _LEAST_E) if betting else null.p for null in life.nulls]
    # A claim about any place shares its level among the nulls.
    parts = 1 if life.locked is None else life.locked.explanations
    asked = line.required if betting else line.level
    asked = None if asked is None else asked * parts if betting else asked / parts
    names = [null_said(null.null) for null in life.nulls]
    data = [
        {
            "what": name,
            "value": value,
            "said": f"{null.exceedances:,} of {null.draws:,} draws did as well as the real labels",
        }
        for name, value, null in zip(names, values, life.nulls, strict=True)
    ]
    title = "wealth of a bettor (e); right is more evidence" if betting else "p; left is more evidence"
    edges = [*values, *([asked] if asked else [])]
    scale = {"type": "log", "domain": [min(edges) / 2, max(*edges, 1.0) * 2], "nice": False}
    tip = [
        {"field": "what", "title": "null"},
        {"field": "value", "format": ".2g", "title": "e" if betting else "p"},
        {"field": "said", "title": "draws"},
    ]
    points = {
        "mark": {"type": "point", "filled": True, "size": 90, "color": _BLUE, "opacity": 1},
        "encoding": {"x": {"field": "value", "type": "quantitative", "title": title, "scale": scale}, "tooltip": tip},
    }
    marks = [] if not asked else [(asked, _ORANGE, "asked for")]
    spec = _spec(data, [*_rules(marks, title, scale), points])
    wanted = "" if asked is None else f", {number_said(asked)} or {'more' if betting else 'less'} is asked for"
    caption = (
        f"The evidence against each null, all of which must be beaten{wanted}"
        f"{'; an e of 0, of a bettor who gave up, is drawn at 0.01' if betting and min(values) <= _LEAST_E else ''}."
    )
    rows = [
        (
            name,
            f"{null.exceedances:,} of {null.draws:,}",
            number_said(null.p),
            "" if null.e is None else number_said(null.e),
            f"{100 * null.moved:.0f} %",
            f"{null.spread:.3f}",
        )
        for name, null in zip(names, life.nulls, strict=True)
    ]
    columns = ("null", "draws that did as well", "p", "e", "moved of the labels", "spread of the draws")
    return Figure("nulls", caption, spec, columns, tuple(rows))


def _margin(life: SlotLife) -> Figure | None:
    """Return how far the model is beyond the best baseline, and beyond controls that a reviewer ordered."""
    judged = life.judgement
    shown: list[tuple[str, float, float, float | None]] = []
    if judged is not None and judged.gain is not None:
        shown.append(("beyond the best baseline", judged.gain.estimate, judged.gain.low, judged.gain.high))
    for control in life.controls:
        if control.get("gain") is not None and control.get("low") is not None:
            name = f"beyond “{str(control['control']).replace('_', ' ')}”"
            shown.append((name, float(control["gain"]), float(control["low"]), None))
    if not shown:
        return None
    data: list[dict[str, Any]] = [
        {
            "what": name,
            "estimate": round(gain, 4),
            "low": round(low, 4),
            "high": round(gain if high is None else high, 4),
            "said": f"{gain:.3f} (from {low:.3f}" + (")" if high is None else f" to {high:.3f})"),
        }
        for name, gain, low, high in shown
    ]
    unit = "rank correlation" if judged is not None and judged.effect.unit == "Spearman's rho" else "AUROC"
    title = f"gain in {unit}"
    marks = [(0.0, _GREY, ""), (GAIN, _ORANGE, "counts")]
    edges = _ends(data)
    scale = {
        "domain": [round(min(*edges, 0.0) - 0.03, 3), round(max(*edges, GAIN) + 0.06, 3)],
        "nice": False,
        "zero": False,
    }
    spec = _spec(data, [*_rules(marks, title, scale), *_interval_layers(title, scale)])
    caption = (
        f"How far the model is beyond what it is held against; {GAIN:.2f} is the least gain, and the interval must lie "
        "above 0."
    )
    rows = [
        (name, f"{gain:.3f}", f"{low:.3f}", "" if high is None else f"{high:.3f}") for name, gain, low, high in shown
    ]
    return Figure("margin", caption, spec, ("gain", "estimate", "from", "to"), tuple(rows))


def _planted(life: SlotLife, name: str) -> Figure | None:
    """Return what was found where something was planted (G7+), or where nothing was (G7-), beside its limit."""
    gate = next((gate for gate in life.gates if gate.gate == name), None)
    if gate is None or gate.number is None or gate.threshold is None:
        return None
    of_anchors = (life.plan or {}).get("catalogue") == OF_ANCHORS
    if name == "G7+":
        what, limit, most = "planted ones that were found", "asked for", 30.0
        caption = "How often the same test finds what was planted for it to find"
        if not of_anchors:
            caption += "; no more are planted once enough were found, so that a bar at the line is not barely enough"
    elif of_anchors:
        what, limit, most = "correlation where stages changed places", "too much", 1.0
        caption = "What the same test finds where stages changed places within branches"
    else:
        what, limit, most = "references with p of 0.05 or less", "tolerated", 2 * gate.threshold
        caption = "How often the same test finds something where there is nothing"
    most = max(most, gate.number) * 1.08
    scale = {"domain": [min(0.0, round(gate.number, 4)), round(most, 3)], "nice": False}
    x = {"field": "value", "type": "quantitative", "title": what, "scale": scale}
    bar = {
        "mark": {"type": "bar", "height": 16, "color": _BLUE},
        "encoding": {"x": x, "tooltip": [{"field": "value", "title": what}]},
    }
    data = [{"what": gate.title, "value": round(gate.number, 4)}]
    spec = _spec(data, [bar, *_rules([(gate.threshold, _ORANGE, limit)], what, scale)])
    told = {True: "met", False: "not met", None: "does not apply"}[gate.passed]
    rows = (("found", f"{gate.number:.4g}"), (limit, f"{gate.threshold:g}"), ("the gate", told))
    short = "planted" if name == "G7+" else "nothing"
    return Figure(short, f"{caption}: {gate.number:.3g}, {gate.threshold:g} is {limit}.", spec, (what, "number"), rows)
