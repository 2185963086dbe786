"""Everything leaves: hypotheses by filter and every other table as CSV and Parquet, and hypotheses as pages of JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from theodolite.dashboard.failing import Refused
from theodolite.dashboard.filters import Filtering, filtering
from theodolite.reports.export import ExportedHypothesis, as_exported, hypothesis_batches, hypothesis_columns
from theodolite.reports.leaving import Batch, Leaving, csv_pieces, parquet_pieces
from theodolite.reports.table_exports import TABLES, table_batches
from theodolite.store import Ledger, count_found, find

__all__ = ["router"]

router = APIRouter()

_FORMATS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
_HYPOTHESES = "hypotheses"
_LONGEST = 400
_MOST = 500
_Asked = Annotated[Filtering, Depends(filtering)]


class HypothesisCount(BaseModel):
    """How many hypotheses a filter leaves: exactly ``number``, or, with ``more``, more than that."""

    number: int
    more: bool


class HypothesisPage(BaseModel):
    """Some hypotheses of an order, and how to go on."""

    hypotheses: list[ExportedHypothesis]
    count: HypothesisCount
    next: str | None = Field(description="What to give as `cursor` for the rows after these; null at the end.")
    previous: str | None = Field(description="The same, with `backwards=true`, for the rows before these.")


class Failure(BaseModel):
    """Why a request cannot be answered, and what to do."""

    error: str
    remedy: str


@router.get(
    "/api/hypotheses",
    response_model=HypothesisPage,
    responses={status: {"model": Failure} for status in (400, 503)},
    summary="Hypotheses by filter and order, page by page",
)
def hypotheses(
    request: Request,
    asked: _Asked,
    cursor: Annotated[str, Query(max_length=_LONGEST, description="`next` or `previous` of another page.")] = "",
    backwards: Annotated[bool, Query(description="Return the rows before the cursor.")] = False,
    limit: Annotated[int, Query(ge=1, le=_MOST, description="Rows at most.")] = 50,
) -> HypothesisPage:
    """Return a page of the hypotheses that a filter leaves; all that is not given means any.

    `supported` says that the model encodes this, beyond the named controls; it does not say that biology does it.
    """
    ledger: Ledger = request.app.state.ledger
    found = find(
        ledger, asked.find, sort=asked.sort, descending=asked.descending, cursor=cursor or None, backwards=backwards,
        limit=limit,
    )  # fmt: skip
    number, more = count_found(ledger, asked.find)
    return HypothesisPage(
        hypotheses=[ExportedHypothesis(**row) for row in as_exported(ledger, found.rows)],
        count=HypothesisCount(number=number, more=more),
        next=found.next,
        previous=found.previous,
    )


@router.get("/export/{file}", include_in_schema=False)
async def export(request: Request, file: str, asked: _Asked) -> Response:
    """Send a table as a file while it is read; of hypotheses, those that a filter leaves, in its order."""
    ledger: Ledger = request.app.state.ledger
    name, _, format = file.rpartition(".")
    if format not in _FORMATS or (name != _HYPOTHESES and name not in TABLES):
        raise Refused(
            404,
            f"There is no file {file!r} to take away",
            f"Take one of {', '.join((_HYPOTHESES, *TABLES))}, with .csv or .parquet behind it.",
        )
    columns: Sequence[Leaving]
    batches: Iterable[Batch]
    if name == _HYPOTHESES:
        columns = hypothesis_columns()
        batches = hypothesis_batches(ledger, asked.find, sort=asked.sort, descending=asked.descending)
    else:
        columns, batches = TABLES[name].columns, table_batches(ledger, name)
    pieces: AsyncIterator[bytes]
    if format == "csv":
        pieces = iterate_in_threadpool(_csv(columns, batches))
    else:
        pieces = _one_at_a_time(parquet_pieces(columns, batches), request.app.state.parquet)
    # What cannot be asked is refused before the first byte.
    first = await anext(pieces)
    return StreamingResponse(
        _begun(first, pieces),
        media_type=_FORMATS[format],
        headers={"content-disposition": f'attachment; filename="{name}.{format}"'},
    )


def _csv(columns: Sequence[Leaving], batches: Iterable[Batch]) -> Iterator[bytes]:
    return (piece.encode("utf-8", errors="replace") for piece in csv_pieces(columns, batches))


async def _one_at_a_time(pieces: Iterator[bytes], turn: asyncio.Lock) -> AsyncIterator[bytes]:
    """Yield the pieces of a file, each made while no piece of another one is; whoever waits holds no thread.

    A turn ends with its piece, before that is sent: a reader who takes it slowly keeps nobody waiting.
    """
    while True:
        async with turn:
            piece = await run_in_threadpool(next, pieces, None)
        if piece is None:
            return
        yield piece


async def _begun(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece
