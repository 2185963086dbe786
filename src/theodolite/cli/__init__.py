"""The command line."""

from __future__ import annotations

from theodolite.cli.app import app, main
from theodolite.cli.exit_codes import ExitCode

__all__ = ["ExitCode", "app", "main"]
