"""Error control: streams, planted controls, reviewers, and the calibration of the whole machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from theodolite.dashboard.error_figures import (
    calibration_figure,
    control_figure,
    course_figure,
    reviewers_figure,
    safeguards_figure,
)
from theodolite.dashboard.failing import Refused
from theodolite.dashboard.templating import page
from theodolite.gates.advisory import CEILING, FLOOR, LEAST_PLANTS, LEAST_SHAMS
from theodolite.reports.calibrated import Calibrated, own_calibration, published
from theodolite.reports.error_control import (
    AUDITED,
    CONTROLS,
    ControlsOfStream,
    StreamCourse,
    StreamLine,
    blocks,
    planted_controls,
    stream_course,
    stream_lines,
    stream_tiers,
)
from theodolite.reports.reviewers import DEFECT_WORDS, ReviewerRecord, reviewer_records, standing_sentence
from theodolite.store import Ledger

__all__ = ["router"]

router = APIRouter()
_Given = Annotated[str, Query(max_length=400)]
_STREAMS, _TABLE, _BLOCKS, _FAILED = 60, 100, 50, 20
"""Streams, tests, blocks and failed controls that are listed at most."""
_AT_ONCE = 200
"""Tiers of so many tests are computed without being asked for."""


@dataclass(frozen=True)
class _Seen:
    """What the page shows, and its figures are drawn from."""

    streams: list[StreamLine]
    chosen: StreamLine | None
    course: StreamCourse | None
    reused: StreamCourse | None
    controls: ControlsOfStream | None
    reviewers: tuple[ReviewerRecord, ...]
    published: Calibrated
    own: Calibrated | str | None

    def figures(self) -> dict[str, dict[str, Any]]:
        """Return the specifications of all figures that have anything to show, by name."""
        found: dict[str, dict[str, Any]] = {}
        for name, course in (("stream", self.course), ("stream-reused", self.reused)):
            if course is not None and course.points:
                found[name] = course_figure(course)
        for number, control in enumerate(self.controls.controls if self.controls else (), start=1):
            found[f"control-{number}"] = control_figure(control)
        for number, record in enumerate(self.reviewers, start=1):
            found[f"reviewer-{number}"] = reviewers_figure(record)
        for name, calibrated in (("", self.published), ("own-", self.own)):
            if isinstance(calibrated, Calibrated):
                found[f"{name}calibration"] = calibration_figure(calibrated)
                if any(True for _ in calibrated.ablations):
                    found[f"{name}safeguards"] = safeguards_figure(calibrated)
        return found


@router.get("/error-control")
def error_control_page(request: Request, stream: _Given = "", tiers: _Given = "") -> Response:
    """Show how errors are kept down, for one stream and for the whole ledger."""
    ledger: Ledger = request.app.state.ledger
    seen = _look(ledger, stream)
    chosen = seen.chosen
    wanted = chosen is not None and (tiers == "yes" or chosen.tests <= _AT_ONCE)
    return page(
        request,
        "error_control.html",
        seen=seen,
        figures=seen.figures(),
        tiers=stream_tiers(ledger, chosen) if chosen is not None and wanted else None,
        blocks=blocks(ledger),
        standing_sentence=standing_sentence,
        defects=DEFECT_WORDS,
        asked={"floor": FLOOR, "ceiling": CEILING, "plants": LEAST_PLANTS, "shams": LEAST_SHAMS},
        most={
            "streams": _STREAMS, "table": _TABLE, "blocks": _BLOCKS, "failed": _FAILED, "controls": CONTROLS,
            "audited": AUDITED,
        },
    )  # fmt: skip


@router.get("/error-control/figures/{name}.json")
def error_control_figure(request: Request, name: str, stream: _Given = "") -> Response:
    """Return the Vega-Lite source of a figure of the page, numbers included."""
    figures = _look(request.app.state.ledger, stream).figures()
    if name not in figures:
        raise Refused(404, f"There is no figure {name!r} here", f"There are {', '.join(figures)}.")
    return JSONResponse(figures[name])


def _look(ledger: Ledger, stream: str) -> _Seen:
    streams = stream_lines(ledger)
    chosen = next((line for line in streams if line.stream == stream), None) if stream else _usual(streams)
    if stream and chosen is None:
        raise Refused(404, f"There is no error stream {stream!r}", "Choose one on the page of error control.")
    beside = (
        None if chosen is None else next((line for line in streams if line.stream == f"{chosen.stream}/reused"), None)
    )
    return _Seen(
        streams=streams,
        chosen=chosen,
        course=None if chosen is None else stream_course(ledger, chosen),
        reused=None if beside is None else stream_course(ledger, beside),
        controls=None if chosen is None else planted_controls(ledger, chosen.stream),
        reviewers=reviewer_records(ledger),
        published=published(),
        own=own_calibration(ledger.path),
    )


def _usual(streams: list[StreamLine]) -> StreamLine | None:
    """Return the stream with the most tests of those on fresh blocks, the first where none has any."""
    return max((line for line in streams if not line.reused), key=lambda line: line.tests, default=None)
