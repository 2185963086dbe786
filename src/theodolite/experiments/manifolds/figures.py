"""Figures of a latent space as Vega-Lite: anchors in two and in three dimensions, by ruler, branch, donor and error."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from theodolite.gates.anchors.pairs import pair_spearman
from theodolite.manifolds.distances import latent_distances
from theodolite.measurements import AnchorLatents

__all__ = ["VIEWS", "figure_of"]

VIEWS: Final = ("two dimensions", "three dimensions")
_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v5.json"
_DECIMALS: Final = 4
_COLOURS: Final[dict[str, dict[str, Any]]] = {
    "ruler": {"field": "ruler", "type": "quantitative", "scale": {"scheme": "viridis"}, "title": "depth on the ruler"},
    "branch": {"field": "branch", "type": "nominal", "scale": {"scheme": "tableau10"}},
    "donor": {"field": "donor", "type": "nominal", "scale": {"scheme": "tableau20"}},
    "error": {
        "field": "error",
        "type": "quantitative",
        "scale": {"scheme": "magma", "reverse": True},
        "title": "1 - correlation of its distances",
    },
}


def figure_of(measured: AnchorLatents, view: str, title: str) -> bytes:
    """Return a figure of the placement by all that may be read, as the JSON of a Vega-Lite specification.

    Anchors that are judged are drawn full, those that the fit read faint. The third dimension is turned by two sliders.

    Parameters
    ----------
    measured
        With its ruler attached.
    view
        One of :data:`VIEWS`.
    title
        The claim in words.

    Raises
    ------
    ValueError
        If there is no such view, or no ruler.
    """
    if view not in VIEWS or measured.ruler is None:
        raise ValueError(f"no figure of {view!r}; there are {', '.join(VIEWS)}, of anchors with a ruler")
    deep = view == VIEWS[1]
    across, up = ("turned x", "turned y") if deep else ("x", "y")
    panels = [
        {
            "title": name,
            "width": 240,
            "height": 240,
            "mark": {"type": "point", "filled": True, "size": 45},
            "encoding": {
                "x": {"field": across, "type": "quantitative", "axis": None, "scale": {"zero": False}},
                "y": {"field": up, "type": "quantitative", "axis": None, "scale": {"zero": False}},
                "color": colour,
                "opacity": {"condition": {"test": "datum.judged", "value": 0.9}, "value": 0.2},
                "shape": {"field": "judged", "type": "nominal", "legend": None},
                "tooltip": [{"field": field} for field in ("anchor", "branch", "donor", "ruler", "error", "judged")],
            },
        }
        for name, colour in _COLOURS.items()
    ]
    spec: dict[str, Any] = {
        "$schema": _SCHEMA,
        "title": {"text": title, "subtitle": f"{view}; faint: anchors that the fit read"},
        "data": {"values": _points(measured)},
        "concat": panels,
        "columns": 2,
        "resolve": {"scale": {"color": "independent"}},
    }
    if deep:
        spec["params"] = [
            {"name": name, "value": value, "bind": {"input": "range", "min": -180, "max": 180, "step": 5}}
            for name, value in (("azimuth", 30), ("elevation", 25))
        ]
        # A rotation about the upright axis, then a tilt towards the reader.
        spec["transform"] = [
            {
                "calculate": "datum.x * cos(azimuth * PI / 180) - datum.z * sin(azimuth * PI / 180)",
                "as": "turned x",
            },
            {
                "calculate": "datum.y * cos(elevation * PI / 180) - (datum.x * sin(azimuth * PI / 180) + datum.z * "
                "cos(azimuth * PI / 180)) * sin(elevation * PI / 180)",
                "as": "turned y",
            },
        ]
    # Plain JSON: in the canonical form of the ledger a number is text, which Vega-Lite would not draw.
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _points(measured: AnchorLatents) -> list[dict[str, Any]]:
    assert measured.ruler is not None
    where = measured.positions(0)
    three = np.zeros((len(where), 3))
    three[:, : min(3, where.shape[1])] = where[:, :3]
    known = measured.read[0] | measured.held[0]
    error = _errors(latent_distances(where), measured.ruler, known)
    depth = [float(text) if text else None for text in measured.depth or ()]
    if all(value is None for value in depth):
        # A ruler without depth is shown by the distance from the anchor that lies farthest from all others.
        centre = int(measured.ruler.sum(axis=1).argmax())
        depth = [float(value) for value in measured.ruler[centre]]
    return [
        {
            "anchor": anchor,
            "x": round(float(three[row, 0]), _DECIMALS),
            "y": round(float(three[row, 1]), _DECIMALS),
            "z": round(float(three[row, 2]), _DECIMALS),
            "branch": measured.branch[row],
            "donor": measured.donor[row],
            "ruler": depth[row],
            "error": round(float(error[row]), _DECIMALS),
            "judged": bool(measured.judged[row]),
        }
        for row, anchor in enumerate(measured.anchors)
        if known[row]
    ]


def _errors(distance: NDArray[np.float64], ruler: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each anchor 1 minus the correlation of its distances to the others with the ruler's."""
    found = np.zeros(len(ruler))
    for row in np.flatnonzero(known):
        pairs = np.zeros(ruler.shape, dtype=np.bool_)
        pairs[row, known] = pairs[known, row] = True
        pairs[row, row] = False
        rho = pair_spearman(distance, ruler, pairs)
        found[row] = 1.0 - (rho or 0.0)
    return found
