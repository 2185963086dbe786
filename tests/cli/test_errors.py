"""Errors of users become a message and a code; errors of the program keep their traceback."""

from __future__ import annotations

import importlib

import pytest

from theodolite.cli.errors import CODE_OF, UserError, code_of
from theodolite.cli.exit_codes import ExitCode


@pytest.mark.parametrize("name", CODE_OF)
def test_every_named_error_exists(name):
    module, _, cls = name.rpartition(".")
    found = getattr(importlib.import_module(module), cls)
    assert issubclass(found, Exception)
    assert f"{found.__module__}.{found.__qualname__}" == name


def test_subclasses_share_the_code_of_their_base():
    from theodolite.store import ArtefactMissing, LedgerBusy

    assert code_of(ArtefactMissing("gone")) is code_of(LedgerBusy("held")) is ExitCode.LEDGER
    assert code_of(UserError("no")) is ExitCode.BAD_INPUT


def test_what_nobody_foresaw_has_no_code():
    from theodolite.store import LedgerPayloadError

    assert code_of(ZeroDivisionError()) is code_of(LedgerPayloadError("a defect")) is None


def test_a_file_that_cannot_be_used_is_the_users():
    assert code_of(PermissionError(13, "Permission denied", "out.csv")) is ExitCode.BAD_INPUT
    assert code_of(OSError("no file is named")) is None


def test_a_database_error_is_put_into_words_of_use():
    import sqlite3

    from sqlalchemy.exc import OperationalError

    from theodolite.cli.errors import _words

    words = _words(OperationalError("INSERT", {}, sqlite3.OperationalError("attempt to write a readonly database")))
    assert "attempt to write a readonly database" in words
    assert "check that its folder can be written to" in words
    assert "sqlalche.me" not in words
