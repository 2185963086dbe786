"""A command in a terminal of its own, as a person would have it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Self

__all__ = ["Terminal"]

_STEERING = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """Runs a command as the leader of a session with a terminal of a given width; closing it hangs the session up.

    Attributes
    ----------
    text
        What was printed so far, without the sequences that steer a terminal.
    """

    def __init__(self, words: Sequence[str], *, columns: int = 80, env: Mapping[str, str] | None = None) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            # As a shell in a terminal does; who starts the tests in the background ignores Ctrl-C, and hands that on.
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.execvpe(words[0], list(words), {**os.environ, "TERM": "xterm", **(env or {})})
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self._printed = b""
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *given: object) -> None:
        self.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    @property
    def text(self) -> str:
        return _STEERING.sub("", self._printed.decode("utf-8", errors="replace")).replace("\r", "")

    def type(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def read_until(self, words: str, patience_s: float) -> None:
        """Read until some words are printed."""
        until = time.monotonic() + patience_s
        while words not in self.text:
            assert time.monotonic() < until, f"no {words!r} in {self.text[-2000:]}"
            assert self._read(0.2), f"it ended without {words!r}: {self.text[-2000:]}"

    def finish(self, patience_s: float) -> int:
        """Read to the end and return the exit code."""
        until = time.monotonic() + patience_s
        while self._read(0.2):
            assert time.monotonic() < until, self.text[-2000:]
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """Close the terminal, as whoever shuts its window does."""
        if self._open:
            self._open = False
            os.close(self._fd)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if not ready:
            return True
        try:
            found = os.read(self._fd, 65536)
        except OSError:  # so a terminal ends on Linux
            return False
        self._printed += found
        return bool(found)
