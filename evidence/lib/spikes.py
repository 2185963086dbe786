"""Spike-ins: an effect of known size planted into what instruments read of a real model on real cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lib.in_process import InProcessRunner
from theodolite.experiments import JobSpec, Setting
from theodolite.experiments.bench import Bench
from theodolite.experiments.setting import adjustment_of
from theodolite.gates.catalogue2.views import adjusted_score
from theodolite.measurements import BipartiteScores, Coexpression, GeneScores, PairScores, load_measurement
from theodolite.tools import Tool, ToolParams

__all__ = ["Spike", "SpikedRunner", "spiked"]

Scores = TypeVar("Scores", GeneScores, PairScores, BipartiteScores)

_QUANTILES = 1_000
_STEPS = 4


@dataclass(frozen=True)
class Spike:
    """An effect planted at one place of the model: reference members are raised in what a tool reads there.

    Attributes
    ----------
    tool, params
        The instrument and the place.
    reference
        Id of the gene set, pair list or regulon.
    effect
        Expected AUROC - 0.5, below 0.5.
    least
        What the effect is not to fall below, wherever one is planted.
    """

    tool: Tool
    params: ToolParams
    reference: str
    effect: float
    least: float = 0.0

    @property
    def place(self) -> tuple[str, dict[str, Any]]:
        """Tool and parameters as a job names them."""
        return self.tool.name, self.params.model_dump(mode="json")


def spiked(
    measurement: Scores,
    labels: NDArray[np.bool_],
    effect: float,
    coexpression: Coexpression | None = None,
) -> Scores:
    """Return a measurement in which every member of a reference scores higher by one and the same amount.

    The amount is such that a reference that lies at random on these scores, as the gates adjust them, has an expected
    AUROC of 0.5 + ``effect``: after the adjustment the members lead by the quantile of that order of the differences
    between two scores (for normal scores ``sqrt(2) * probit(0.5 + effect)`` standard deviations). What the adjustment
    takes of the lead, for raised pairs also raise their genes, is put on top, in a few steps, as it need not be linear.
    What the model itself shows of the reference is neither measured nor taken out: it adds.

    Parameters
    ----------
    measurement
        Of the model.
    labels
        Members, shape (n,); pairs, shape (n, n), symmetric; or edges, shape (r, n). No pair or edge inside a family.
    effect
        Expected AUROC - 0.5.
    coexpression
        What claims on pairs and edges hold fixed.

    Raises
    ------
    ValueError
        If the effect is not between 0 and 0.5, there is no member, or nothing is left after the adjustment.
    """
    if not 0.0 < effect < 0.5:
        raise ValueError(f"an effect of {effect!r} cannot be planted; AUROC - 0.5 lies between 0 and 0.5")
    if not labels.any():
        raise ValueError("the reference has no member among these genes; plant one that has")
    adjustment = adjustment_of(measurement.shape)
    score = adjusted_score(measurement, adjustment, coexpression)
    counted = np.ones(len(labels), dtype=bool) if isinstance(measurement, GeneScores) else measurement.candidates()
    spread = np.quantile(score[counted], (np.arange(_QUANTILES) + 0.5) / _QUANTILES)
    wanted = amount = float(np.quantile(spread[:, None] - spread[None, :], 0.5 + effect))
    for _ in range(_STEPS):
        raised = replace(measurement, score=measurement.score + amount * labels)
        gain = adjusted_score(raised, adjustment, coexpression) - score
        lead = float(gain[labels].mean() - gain[counted & ~labels].mean())
        if lead <= 0.0:
            raise ValueError("the adjustment takes the whole effect out; plant it in a reference that is no hub")
        amount *= wanted / lead
    return replace(measurement, score=measurement.score + amount * labels)


class SpikedRunner(InProcessRunner):
    """Runs jobs with spike-ins.

    A spike is in what a tool reads of the model itself, on discovery and on confirmation genes, and in no baseline.
    Axes are fitted on the model as it is. What holds a spike is kept apart, for the hash of its job says nothing of it.

    Parameters
    ----------
    setting
        Of the campaign.
    bench
        The worker's own; campaigns on the same materials may share it.
    spikes
        At most one a place.
    """

    def __init__(self, setting: Setting, bench: Bench, spikes: Sequence[Spike] = ()) -> None:
        super().__init__(bench, Path(setting.materials().results))
        self._setting, self._spikes = setting, tuple(spikes)

    def _folder(self, job: JobSpec) -> Path:
        return self._results if self._spike(job) is None else self._setting.workspace.folder / "spiked"

    def _measured(self, job: JobSpec) -> bytes:
        spike, content = self._spike(job), super()._measured(job)
        return content if spike is None else self._plant(spike, job.split, content)

    def _spike(self, job: JobSpec) -> Spike | None:
        if job.variant != "main":
            return None
        return next((spike for spike in self._spikes if spike.place == (job.tool, job.params)), None)

    def _plant(self, spike: Spike, split: str, content: bytes) -> bytes:
        measurement = load_measurement(content)
        assert isinstance(measurement, (GeneScores, PairScores, BipartiteScores))
        coexpression = None if isinstance(measurement, GeneScores) else self._setting.coexpression(split)
        labels = self._setting.labels(spike.reference, split)
        return spiked(measurement, labels, spike.effect, coexpression).to_bytes()
