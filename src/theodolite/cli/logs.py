"""Structured logs of runs: one line an event, in a bounded file of the workspace and wherever else is asked for."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final, Literal, TextIO, get_args

from theodolite.cli.errors import UserError

__all__ = ["LEVELS", "LogChoice", "LogFormat", "choose_log", "chosen_log", "logging_to", "one_line", "run_log"]

LogFormat = Literal["text", "json"]
LEVELS: Final = ("debug", "info", "warning", "error")
LARGEST: Final = 20_000_000
"""Bytes of a log file, after which another is begun."""
KEPT: Final = 2
"""Older log files that are kept beside it."""

_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_PLACE = re.compile(r"(?P<campaign>[^/]+)(?:/r(?P<round>\d{2,}))?(?:\.s(?P<slot>\d{3,}))?/")
_ORDER = ("event", "campaign", "round", "slot", "job", "attempt", "worker")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogChoice:
    """What a person asked for.

    Attributes
    ----------
    format
        ``text`` or ``json``, one object a line.
    file
        A further place beside the workspace's own file; ``-`` is standard error; None for none.
    level
        The least level that is written.
    """

    format: LogFormat = "text"
    file: str | None = None
    level: str = "info"

    @property
    def words(self) -> list[str]:
        """The options that say the same."""
        file = [] if self.file is None else ["--log-file", self.file]
        return ["--log-format", self.format, "--log-level", self.level, *file]


_chosen = LogChoice()


def choose_log(format: str | None, file: str | None, level: str | None) -> None:
    """Keep what the options say for the command that follows; where they say nothing, variables do.

    Raises
    ------
    UserError
        If a value is none of those that there are.
    """
    global _chosen
    given = {}
    for name, option in (("format", format), ("file", file), ("level", level)):
        variable = f"THEODOLITE_LOG_{name.upper()}"
        value = option or os.environ.get(variable) or None
        allowed = {"format": get_args(LogFormat), "level": LEVELS}.get(name)
        if value is not None and allowed is not None and value.lower() not in allowed:
            where = f"--log-{name}" if option else variable
            raise UserError(f"{where} is {value!r}; it is one of {', '.join(allowed)}")
        if value is not None:
            given[name] = value if allowed is None else value.lower()
    _chosen = LogChoice(**given)  # type: ignore[arg-type]


def chosen_log() -> LogChoice:
    """Return what was asked for."""
    return _chosen


def run_log(folder: Path, campaign: str, format: LogFormat | None = None) -> Path:
    """Return the log file of a campaign in its workspace."""
    return folder / "logs" / f"{campaign}.{'jsonl' if (format or _chosen.format) == 'json' else 'log'}"


@contextmanager
def logging_to(own: Path | None, campaign: str | None = None) -> Iterator[None]:
    """Write what happens inside to a file of the workspace, and to the place that was asked for.

    What ends it in an error is written with its traceback. Nothing is made before there is something to write, so that
    a campaign that is refused leaves no file.

    Parameters
    ----------
    own
        The workspace's file; None where only what was asked for is written.
    campaign
        Named in lines that do not say of which campaign they are.

    Raises
    ------
    UserError
        If the file that was asked for cannot be written to.
    """
    handlers: list[logging.Handler] = []
    if own is not None:
        handlers.append(_Bounded(own))
    if _chosen.file is not None:
        handlers.append(_asked_for(_chosen.file))
    formatter = (JsonLines if _chosen.format == "json" else TextLines)(campaign)
    logger = logging.getLogger("theodolite")
    level = logger.level
    for handler in handlers:
        handler.setFormatter(formatter)
        logger.addHandler(handler)
    if handlers:
        logger.setLevel(_chosen.level.upper())
    try:
        yield
    except Exception as error:
        # A campaign that was refused before it began leaves no file; what was asked for is told in any case.
        for handler in handlers:
            if isinstance(handler, _Bounded) and handler.stream is None and handler.is_own:
                logger.removeHandler(handler)
        words = f"{type(error).__name__}: {error}"
        _log.error("%s", words, exc_info=error, extra={"event": "error"})
        raise
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(level)


def _asked_for(name: str) -> logging.Handler:
    if name == "-":
        return _Stream(sys.stderr)
    handler = _Bounded(Path(name), is_own=False)
    try:
        handler.stream = handler._open()
    except OSError as error:
        raise UserError(
            f"the log {name!r} cannot be written: {error.strerror}; give --log-file another path"
        ) from error
    return handler


class _ToldOnce(logging.Handler):
    """A log that cannot be written is told of once and never stops a campaign."""

    _told = False

    def handleError(self, record: logging.LogRecord) -> None:
        """Say so, once."""
        if not self._told:
            self._told = True
            from theodolite.cli.console import say

            say(f"The log cannot be written ({sys.exc_info()[1]}); the run goes on without it.", style="bold yellow")


class _Stream(_ToldOnce, logging.StreamHandler[TextIO]):
    """Standard error."""


class _Bounded(_ToldOnce, RotatingFileHandler):
    """A file of a bounded size that is made, with its folder, when there is something to write."""

    def __init__(self, path: Path, *, is_own: bool = True) -> None:
        self.is_own = is_own
        super().__init__(
            path, maxBytes=LARGEST, backupCount=KEPT, encoding="utf-8", errors="backslashreplace", delay=True
        )

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()


class _Lines(logging.Formatter):
    """Fields of a record in one order, what it carries along included, without secrets."""

    def __init__(self, campaign: str | None) -> None:
        super().__init__()
        self._campaign = campaign
        self._round: int | None = None

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the fields of a line."""
        extras = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        # A row's id says where it belongs; that of a stream or of a check of a tool belongs to no campaign.
        row = str(extras.get("id", "")) if extras.get("event") == "row" else ""
        place = None if row.startswith(f"{extras.get('kind')}/") else _PLACE.match(row)
        if place is not None:
            found = {"round": place["round"], "slot": place["slot"]}
            extras = {"campaign": place["campaign"], **{k: int(v) for k, v in found.items() if v}, **extras}
        elif extras.get("event") == "round_begins":
            self._round = extras.get("round")
        elif extras.get("event") == "session_ends":
            self._round = None
        known = {"campaign": self._campaign, "round": self._round}
        extras = {**{name: value for name, value in known.items() if value is not None}, **extras}
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        extras.setdefault("event", "message")
        first = {"time": at.replace("+00:00", "Z"), "level": record.levelname.lower(), "logger": record.name}
        ordered = {name: extras[name] for name in _ORDER if extras.get(name) is not None}
        rest = {name: value for name, value in extras.items() if name not in ordered and value is not None}
        found_all = {**first, **ordered, **rest, "message": record.getMessage()}
        if record.exc_info:
            found_all["traceback"] = self.formatException(record.exc_info)
        cleaned: dict[str, Any] = _scrubbed(found_all)
        return cleaned


class JsonLines(_Lines):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps(self.fields(record), ensure_ascii=True)


class TextLines(_Lines):
    """Time, level, event, message, then ``name=value``; of a traceback, every line is indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = self.fields(record)
        traceback = fields.pop("traceback", None)
        time, level, message = (fields.pop(name) for name in ("time", "level", "message"))
        event, logger = fields.pop("event", "message"), fields.pop("logger")
        said = str(message).split()
        pairs = "".join(f" {name}={_word(value)}" for name, value in fields.items() if str(value) not in said)
        line = f"{time} {level.upper():<7} {event:<14} {one_line(str(message))} [{logger}{pairs}]"
        if traceback is not None:
            line += "".join(f"\n    {one_line(part)}" for part in str(traceback).splitlines())
        return line


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if re.fullmatch(r"[^\s\"=\[\]]+", text) else json.dumps(text)


def one_line(text: str) -> str:
    """Return text with line breaks and signs that steer a terminal in their escaped form."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _scrubbed(value: Any) -> Any:
    """Return a value with every text in it cleared of keys, in the one way in which answers of models are."""
    if isinstance(value, str):
        from theodolite.agents.llm.wire import scrubbed

        return scrubbed(str(value), os.environ.get("OPENAI_API_KEY", "").strip() or None)
    if isinstance(value, Mapping):
        return {_scrubbed(str(name)): _scrubbed(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_scrubbed(part) for part in value]
    return value if isinstance(value, (bool, int, float, type(None))) else _scrubbed(str(value))
