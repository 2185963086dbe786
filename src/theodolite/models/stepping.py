"""Training step by step: seeded so that a broken-off run ends where an unbroken one does, scored and saved as it goes.

Every step draws from a seed of its own, derived from the run's seed and the step number, so that the state to save is
weights, optimiser and step. The last weights are kept: held-out cells choose nothing.
"""

from __future__ import annotations

import io
import json
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from theodolite.files import write_atomically
from theodolite.models.training_folder import STATE_FILE
from theodolite.models.training_settings import TrainingError

__all__ = ["COMMAND_FILE", "LOG_FILE", "Progress", "Schedule", "SteppedTraining", "torch_threads"]

LOG_FILE = "train_log.jsonl"
COMMAND_FILE = "command.txt"

CLIP_NORM = 1.0

Progress = Callable[[int, int, dict[str, Any]], None]
"""Called with the steps done, all steps and the latest numbers."""


class Schedule(Protocol):
    """What of its settings a training needs to know to make its steps."""

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        ...

    @property
    def eval_every(self) -> int:
        """Steps between scores of held-out cells."""
        ...

    @property
    def save_every(self) -> int:
        """Steps between writes of the state."""
        ...

    @property
    def seed(self) -> int:
        """Seed of every step."""
        ...

    @property
    def learning_rate(self) -> float:
        """Peak rate of AdamW."""
        ...

    @property
    def weight_decay(self) -> float:
        """Decoupled decay of matrices."""
        ...

    def rate(self, step: int) -> float:
        """Return the learning rate of a step counted from zero."""
        ...


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Compute with so many threads; afterwards torch has as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class SteppedTraining(ABC):
    """One training run: network, optimiser, step and log.

    Parameters
    ----------
    network
        What is trained, by AdamW; matrices are decayed, biases and norms are not.
    schedule
        How many steps, at which rates.
    fingerprint
        Of everything that the final weights depend on; a state of another one is refused.
    out
        Where state and log are kept.
    """

    def __init__(self, network: nn.Module, schedule: Schedule, fingerprint: str, out: Path) -> None:
        self.network, self.schedule, self.fingerprint, self.out = network, schedule, fingerprint, out
        self.step = 0
        self.history: list[dict[str, float]] = []
        self.losses: list[float] = []
        parameters = list(network.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": schedule.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=(0.9, 0.99))

    @abstractmethod
    def loss(self) -> Tensor:
        """Return the loss of freshly drawn cells and masks."""

    @abstractmethod
    def scores(self) -> dict[str, float]:
        """Return the scores of the held-out cells."""

    def restore(self) -> None:
        """Continue from the saved state, if there is one.

        Raises
        ------
        TrainingError
            If it is none, or that of other settings, genes or cells.
        """
        path = self.out / STATE_FILE
        if not path.exists():
            return
        remedy = "train without resuming, or into another folder"
        try:
            state = torch.load(path, weights_only=True)
            fingerprint = state["fingerprint"]
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
            # Torch's own message proposes to load without its safety check, which is no remedy.
            raise TrainingError(f"{path}: not a training state ({type(error).__name__}); {remedy}") from error
        if fingerprint != self.fingerprint:
            raise TrainingError(f"{path}: saved under other settings, genes or cells; {remedy}")
        self.network.load_state_dict(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.history, self.losses = state["step"], state["history"], state["losses"]

    def save(self) -> None:
        """Write the state and the log, each atomically."""
        state = {
            "fingerprint": self.fingerprint,
            "step": self.step,
            "weights": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "history": self.history,
            "losses": self.losses,
        }
        content = io.BytesIO()
        torch.save(state, content)
        write_atomically(self.out / STATE_FILE, content.getvalue())
        lines = [json.dumps(row) + "\n" for row in self.history]
        write_atomically(self.out / LOG_FILE, "".join(lines).encode())

    def advance(self, progress: Progress | None) -> None:
        """Run the steps that are left, scoring and saving on the way."""
        schedule = self.schedule
        while self.step < schedule.steps:
            self.losses.append(self._take_step())
            self.step += 1
            latest: dict[str, Any] = {"loss": self.losses[-1]}
            last = self.step == schedule.steps
            if self.step % schedule.eval_every == 0 or last:
                self.history.append(
                    {
                        "step": self.step,
                        "learning_rate": schedule.rate(self.step - 1),
                        "mean_loss": float(np.mean(self.losses)),
                        **self.scores(),
                    }
                )
                latest |= self.history[-1]
                self.losses = []
            if self.step % schedule.save_every == 0 or last:
                self.save()
            if progress is not None:
                progress(self.step, schedule.steps, latest)

    def _take_step(self) -> float:
        with torch.random.fork_rng(devices=[]):
            seed = np.random.SeedSequence([self.schedule.seed, 2, self.step]).generate_state(1, np.uint64)[0]
            torch.manual_seed(int(seed >> np.uint64(1)))
            loss = self.loss()
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.rate(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP_NORM)
        self.optimiser.step()
        return float(loss.detach())
