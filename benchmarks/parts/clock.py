"""Where the time of a program goes, by what runs."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

__all__ = ["Clock"]


class Clock:
    """Wall time of the main thread by what runs: each moment counts for the innermost name that was entered."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._stack = ["graph and checkpoints"]
        self._since = time.perf_counter()
        self._main = threading.main_thread()

    def _charge(self) -> None:
        now = time.perf_counter()
        self.spent[self._stack[-1]] += now - self._since
        self._since = now

    @contextmanager
    def during(self, name: str) -> Iterator[None]:
        """Count what runs inside under a name; another thread runs while this one waits, and counts as it."""
        if threading.current_thread() is not self._main:
            yield
            return
        self._charge()
        self.calls[name] += 1
        self._stack.append(name)
        try:
            yield
        finally:
            self._charge()
            self._stack.pop()

    def read(self) -> Counter[str]:
        """Return the seconds by name so far."""
        self._charge()
        return Counter(self.spent)

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose time counts under a name."""

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.during(name):
                return function(*args, **kwargs)

        return call
