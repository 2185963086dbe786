"""The circuit breaker: pauses that grow after failed calls, then probes, then a person is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable

from theodolite.agents.llm.settings import ModelSettings

__all__ = ["CircuitBreaker"]


class CircuitBreaker:
    """Counts failed calls in a row, of all conversations of a process together.

    Closed, it lets calls through with a growing pause after each failure. Open, it lets one probe through after every
    cool-down. After the last probe it gives up.

    Parameters
    ----------
    settings
        Pauses and numbers.
    sleep
        Waits so many seconds; replaced where nothing is to be waited for.
    """

    def __init__(self, settings: ModelSettings, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._sleep = sleep
        self.failures = 0

    @property
    def is_open(self) -> bool:
        """Whether calls are probes only."""
        return self.failures >= self._settings.opens_after

    @property
    def given_up(self) -> bool:
        """Whether the last probe has failed too."""
        return self.failures >= self._settings.opens_after + self._settings.probes

    def succeeded(self) -> None:
        """Close the circuit."""
        self.failures = 0

    def failed(self, retry_after_s: float | None = None) -> None:
        """Count a failure, and wait before the next call unless there will be none."""
        self.failures += 1
        if self.given_up:
            return
        settings = self._settings
        if self.is_open:
            pause = settings.cool_down_s
        else:
            pause = min(settings.backoff_s * 2 ** (self.failures - 1), settings.longest_backoff_s)
        self._sleep(max(pause, min(retry_after_s or 0.0, settings.longest_backoff_s)))
