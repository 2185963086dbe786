"""Structured logs: one line an event, nothing secret in it, bounded, and never a reason for a run to end."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from theodolite.cli import logs
from theodolite.cli.errors import UserError
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.logs import LogChoice, choose_log, logging_to, run_log

KEY = "sk-an0therSecretThatMustNotBeTold"
log = logging.getLogger("theodolite.experiments.runner")


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORMAT", "FILE", "LEVEL"):
        monkeypatch.delenv(f"THEODOLITE_LOG_{name}", raising=False)
    monkeypatch.setattr(logs, "_chosen", LogChoice())


def json_lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_carries_where_it_belongs_and_what_came_with_it(tmp_path):
    choose_log("json", None, None)
    path = run_log(tmp_path, "mine-00000001")
    assert path == tmp_path / "logs" / "mine-00000001.jsonl"
    with logging_to(path, "mine-00000001"):
        log.info("round %d", 2, extra={"event": "round_begins", "round": 2})
        log.info("job done", extra={"event": "job_ends", "job": "abc", "attempt": 1, "worker": 17, "seconds": 1.5})
        row = "other-00000002/r03.s004/verdict"
        log.info("%s", row, extra={"event": "row", "seq": 9, "kind": "verdict", "id": row})
        log.info("stream", extra={"event": "row", "seq": 1, "kind": "stream", "id": "stream/main"})
    _, job, row_line, stream = json_lines(path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(job.pop("time")))
    assert job == {
        "level": "info", "logger": "theodolite.experiments.runner", "event": "job_ends", "campaign": "mine-00000001",
        "round": 2, "job": "abc", "attempt": 1, "worker": 17, "seconds": 1.5, "message": "job done",
    }  # fmt: skip
    assert (row_line["campaign"], row_line["round"], row_line["slot"]) == ("other-00000002", 3, 4)
    assert stream["campaign"] == "mine-00000001", "a stream is no campaign"


def test_text_has_one_line_an_event_whatever_is_in_it(tmp_path):
    path = run_log(tmp_path, "mine")
    with logging_to(path, "mine"):
        log.warning("two\nlines and \x1b[31m", extra={"event": "warning", "note": "a b", "odd": "x\ny"})
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert "WARNING warning        two\\nlines and \\x1b[31m [theodolite.experiments.runner campaign=mine" in line
    assert 'note="a b" odd="x\\ny"]' in line


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_written(tmp_path, monkeypatch, form):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    choose_log(form, None, None)
    path = run_log(tmp_path, "mine")
    with pytest.raises(ValueError), logging_to(path, "mine"):
        log.info("sent with %s", KEY, extra={"header": {"Authorization": f"Bearer {KEY}"}, "all": [KEY], KEY: 1})
        log.info("another's hf_abcdefghijklmnopqrstuvwx")
        raise ValueError(f"the key {KEY} is wrong")
    text = path.read_text(encoding="utf-8")
    assert KEY not in text and "hf_abc" not in text and text.count("[secret]") >= 5


def test_an_error_is_written_with_its_traceback_and_goes_on(tmp_path):
    choose_log("json", None, None)
    path = run_log(tmp_path, "mine")
    with pytest.raises(RuntimeError, match="broken"), logging_to(path):
        log.info("begun")
        raise RuntimeError("broken")
    last = json_lines(path)[-1]
    assert (last["level"], last["event"], last["message"]) == ("error", "error", "RuntimeError: broken")
    assert "test_logs.py" in str(last["traceback"])


def test_the_lines_of_a_traceback_are_indented_in_text(tmp_path):
    path = run_log(tmp_path, "mine")
    with pytest.raises(RuntimeError), logging_to(path):
        log.info("begun")
        raise RuntimeError("broken\nin two")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line[0].isdigit() for line in lines[:2]] == [True, True]
    assert len(lines) > 3 and all(line.startswith("    ") for line in lines[2:])


def test_what_was_refused_before_it_began_leaves_no_file(tmp_path):
    with pytest.raises(UserError), logging_to(run_log(tmp_path, "mine")):
        raise UserError("no")
    assert list(tmp_path.iterdir()) == []


def test_a_second_place_is_told_as_well(tmp_path, monkeypatch):
    monkeypatch.setenv("THEODOLITE_LOG_FILE", str(tmp_path / "all.log"))
    monkeypatch.setenv("THEODOLITE_LOG_LEVEL", "warning")
    choose_log(None, None, None)
    with pytest.raises(UserError), logging_to(run_log(tmp_path, "mine")):
        log.info("not this")
        raise UserError("no")
    assert [path.name for path in tmp_path.iterdir()] == ["all.log"]
    assert (
        "UserError: no" in (tmp_path / "all.log").read_text() and "not this" not in (tmp_path / "all.log").read_text()
    )


def test_standard_error_may_be_the_place(monkeypatch):
    heard = io.StringIO()
    monkeypatch.setattr(sys, "stderr", heard)
    choose_log("json", "-", None)
    with logging_to(None):
        log.info("hello")
    assert json.loads(heard.getvalue())["message"] == "hello"


def test_a_file_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "LARGEST", 2_000)
    path = run_log(tmp_path, "mine")
    with logging_to(path):
        for number in range(100):
            log.info("line %d of a hundred", number)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["mine.log", "mine.log.1", "mine.log.2"]
    assert all(file.stat().st_size <= 2_000 for file in files) and "line 99" in path.read_text()


def test_a_log_that_cannot_be_written_is_told_once_and_ends_nothing(tmp_path, capsys):
    (tmp_path / "logs").write_text("a file where the folder would be")
    with logging_to(run_log(tmp_path, "mine")):
        log.info("one")
        log.info("two")
    told = capsys.readouterr().err
    assert told.count("log cannot be written") == 1 and "Traceback" not in told


def test_without_anybody_who_listens_nothing_is_printed():
    code = "import theodolite, logging; logging.getLogger('theodolite.any').error('unheard')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize(
    ("words", "variable", "told"),
    [
        (["--log-format", "xml"], {}, "--log-format is 'xml'; it is one of text, json"),
        ([], {"THEODOLITE_LOG_LEVEL": "loud"}, "THEODOLITE_LOG_LEVEL is 'loud'"),
    ],
)
def test_a_wrong_value_is_refused(cli, monkeypatch, words, variable, told):
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    found = cli(*words, "status")
    assert found.exit_code == ExitCode.BAD_INPUT and told in found.stderr


def test_a_place_that_cannot_be_written_is_refused(cli, finished_file, tmp_path):
    (tmp_path / "file").touch()
    found = cli("--log-file", tmp_path / "file" / "x.log", "run", finished_file)
    assert found.exit_code == ExitCode.BAD_INPUT and "--log-file" in found.stderr


def test_a_campaign_is_logged_row_by_row(cli, small_world, tmp_path):
    """A whole campaign is logged in ``tests/e2e/test_operating.py``; here the replay of one."""
    folder = tmp_path / "copy.theodolite"
    small_world.run_in_process(small_world.workspace(folder), small_world.spec("copy", budget={"experiments": 2}))
    file = small_world.campaign_file(tmp_path / "copy.yaml", budget={"experiments": 2})
    (folder / "cache").symlink_to(small_world.cache)
    found = cli("--log-format", "json", "--log-file", tmp_path / "replay.jsonl", "replay", file)
    assert found.exit_code == 0, found.output
    lines = json_lines(tmp_path / "replay.jsonl")
    kinds = [line["kind"] for line in lines if line["event"] == "row"]
    assert kinds.count("verdict") == 2 and kinds[-1] == "stop"
