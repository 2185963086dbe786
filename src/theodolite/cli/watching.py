"""``status --watch``: a live view of the campaign that runs; a line or a JSON object a change where no terminal is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from theodolite.cli.console import json_line, results, say
from theodolite.reports.row_words import ROW_WORDS, STATE_WORDS, STOP_WORDS

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from theodolite.reports.watching import Budget, CampaignNow, Watched
    from theodolite.store import JobRow
    from theodolite.store.live import RowLine

__all__ = ["coordinator_words", "view", "watch"]

_LEAST_ROWS, _FIXED_LINES, _BAR = 3, 12, 20


def watch(path: Path, *, campaign: str | None = None, interval_s: float, as_json: bool) -> None:
    """Show a ledger until nothing runs in it any more, or until Ctrl-C.

    Parameters
    ----------
    path
        The ledger, opened for reading.
    campaign
        Which of its campaigns; the one that was started last where not given.
    interval_s
        Seconds between two looks.
    as_json
        One JSON object a change in place of words.
    """
    console = results()
    try:
        from theodolite.reports.watching import Watcher
        from theodolite.store import Ledger

        with Ledger.open(path, read_only=True) as ledger:
            look = Watcher(ledger, campaign).look
            if as_json or not console.is_terminal or console.is_dumb_terminal:
                _lines(look, interval_s, json_line if as_json else change_line)
            else:
                _live(console, look, interval_s)
    except KeyboardInterrupt:
        say("No longer watching; whatever runs goes on.")


def _lines(look: Callable[[], Watched], interval_s: float, words: Callable[[Watched], str]) -> None:
    shown: Watched | None = None
    while True:
        now = look()
        if now != shown:
            shown = now
            sys.stdout.write(words(now) + "\n")
            sys.stdout.flush()
        if now.over:
            return
        time.sleep(interval_s)


def _live(console: Console, look: Callable[[], Watched], interval_s: float) -> None:
    from rich.live import Live

    # Nothing else prints meanwhile, and a redirected stream does not say which signs it can show.
    with Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as live:
        while True:
            now = look()
            if now.over:
                break
            live.update(view(now, console.height), refresh=True)
            time.sleep(interval_s)
    console.print(view(now, console.height))


def change_line(now: Watched) -> str:
    """Return how a ledger stands, on one line."""
    from theodolite.cli.logs import one_line

    parts = [_clock(now.at)]
    campaign = now.campaign
    if campaign is None:
        parts.append("no campaign")
    else:
        slots = _counts(campaign.slots) or "nothing proposed"
        parts += [campaign.campaign, f"round {campaign.round}: {slots}"]
        parts += [f"jobs: {_counts(campaign.jobs)}"] if campaign.jobs else []
        parts += [f"{_name(budget)} {_used(budget)}" for budget in campaign.budgets]
        if now.over:
            parts.append(_end(campaign))
            parts += [f"verdicts: {_counts(campaign.verdicts)}"] if campaign.verdicts else []
    if now.stop_asked is not None and not now.over:
        parts.append(f"asked by {now.stop_asked.person} to stop {STOP_WORDS[now.stop_asked.stop]}")
    parts += [f"row {now.last[-1].seq}: {_row_words(now.last[-1])}"] if now.last else []
    parts.append(now.coordinator.life.value if now.coordinator is not None else "nothing runs")
    return one_line("; ".join(parts))


def view(now: Watched, height: int = 40) -> RenderableType:
    """Return the whole view, for a terminal of so many lines."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True, min_width=13)
    table.add_column(overflow="fold")
    campaign = now.campaign
    if now.coordinator is None:
        table.add_row("coordinator", "none: nothing runs here")
    else:
        table.add_row("coordinator", coordinator_words(now), style=None if not now.over else "bold yellow")
    for other in now.beside:
        table.add_row("beside it", f"{other} (--campaign {other} shows it)")
    parts: list[RenderableType] = []
    jobs = 0
    if campaign is not None:
        parts.append(Text(f"Campaign {campaign.campaign}", style="bold"))
        jobs = len(campaign.running)
        _add_campaign(table, now, campaign)
    parts.append(table)
    budgets = 0 if campaign is None else len(campaign.budgets)
    rows = max(_LEAST_ROWS, min(len(now.last), height - _FIXED_LINES - jobs - budgets))
    if now.last:
        parts += [Text("last rows", style="bold"), *_last(now.last[-rows:])]
    return Group(*parts)


def coordinator_words(now: Watched) -> str:
    """Return who coordinates, and whether that process lives."""
    lease = now.coordinator
    assert lease is not None
    words = {"alive": "alive", "stale": "dead: `theodolite run` continues", "unknown": "on another machine"}
    lives = words[lease.life.value]
    return f"{lease.name}, process {lease.pid} on {lease.host} since {_clock(lease.at)}, {lives}"


def _add_campaign(table: Table, now: Watched, campaign: CampaignNow) -> None:
    from rich.text import Text

    if now.stop_asked is not None and not now.over:
        asked = f"{now.stop_asked.person} asked it to stop {STOP_WORDS[now.stop_asked.stop]}"
        table.add_row("stopping", Text(asked, style="bold yellow"))
    if now.over:
        table.add_row("ended", _end(campaign))
    table.add_row(f"round {campaign.round}", _counts(campaign.slots) or "nothing is proposed yet")
    if now.over and campaign.verdicts:
        table.add_row("verdicts", _counts(campaign.verdicts))
    table.add_row("jobs", _counts(campaign.jobs) or "none recorded")
    for job in campaign.running:
        table.add_row("", Text(_job(job, now.at), overflow="ellipsis", no_wrap=True))
    for budget in (*campaign.budgets, *([campaign.wall_time] if campaign.wall_time else [])):
        table.add_row(_name(budget), _bar(budget))
    for stream in campaign.streams:
        of = "" if stream.n_max is None else f" of {stream.n_max}"
        if stream.t or not stream.stream.endswith("/reused"):
            table.add_row("error stream", f"{stream.stream}: {stream.t}{of} levels spent, {stream.supports} supported")
    if campaign.blocks:
        table.add_row("blocks", f"{campaign.blocks_left} of {campaign.blocks} hold-out blocks left")


def _bar(budget: Budget) -> str:
    """Return how much of a budget is used as a bar that is read without colours."""
    if budget.limit is None:
        return _used(budget)
    full = min(round(_BAR * budget.used / max(budget.limit, 1e-9)), _BAR)
    used, free = ("█", "░") if (sys.stdout.encoding or "").lower().startswith("utf") else ("#", ".")
    return f"{used * full}{free * (_BAR - full)}  {_used(budget)}"


def _last(rows: Sequence[RowLine]) -> list[RenderableType]:
    from rich.text import Text

    wide = len(f"{rows[-1].seq:,}")
    return [
        Text(f"  {row.seq:>{wide},}  {_clock(row.at)}  {_row_words(row)}", no_wrap=True, overflow="ellipsis")
        for row in rows
    ]


def _row_words(row: RowLine) -> str:
    words = ROW_WORDS.get(row.kind, row.kind)
    if row.verdict is not None:
        words = f"{words}: {row.verdict}"
    # The id without its campaign and its kind: the slot, the round, the place of a look.
    place = "/".join(part for part in row.id.split("/")[1:] if part != row.kind)
    return f"{words}, {place}" if place else words


def _job(job: JobRow, now: str) -> str:
    # What it is comes last: it is the longest, and the part that a narrow screen may cut.
    parts = [f"worker {job.worker_pid}"] if job.worker_pid is not None else []
    parts += [f"for {_age(job.started_at, now)}"] if job.started_at is not None else []
    parts += [f"attempt {job.attempts}"] if job.attempts > 1 else []
    parts += [f"seen {_age(job.heartbeat_at, now)} ago"] if job.heartbeat_at is not None else []
    return f"{', '.join(parts)}: {job.what or job.job_id[:12]}"


def _end(campaign: CampaignNow) -> str:
    if campaign.stopped is not None:
        return campaign.stopped
    session = campaign.session
    if session is None:
        return "not finished; `theodolite run` continues"
    if session.ended is None:
        return "killed before it said how; `theodolite run` continues"
    return f"{session.ended}: {session.detail}; `theodolite run` continues"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {STATE_WORDS.get(name, name)}" for name, count in sorted(counts.items()))


def _name(budget: Budget) -> str:
    return {"wall_time": "time"}.get(budget.name, budget.name)


def _used(budget: Budget) -> str:
    used = _amount(budget.name, budget.used)
    return used if budget.limit is None else f"{used} of {_amount(budget.name, budget.limit)}"


def _amount(name: str, value: float) -> str:
    match name:
        case "wall_time":
            return _duration(value)
        case "money":
            return f"${value:,.2f}"
        case _:
            return f"{value:,.0f}"


def _duration(seconds: float) -> str:
    whole = int(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"


def _age(since: str, now: str) -> str:
    return _duration(max((datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds(), 0.0))


def _clock(at: str) -> str:
    """Return a moment as the clock on the wall shows it, with its day where that is not today."""
    moment = datetime.fromisoformat(at).astimezone()
    today = moment.date() == datetime.now(UTC).astimezone().date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")
