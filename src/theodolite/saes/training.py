"""Training of sparse autoencoders: seeded, resumable to the bit, scored on cells that were held out.

Rows are centred and brought to unit mean square, so that one recipe fits every layer; the result is folded back, so
that what is written reads activations as the model has them, and its features' values are in their units.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from theodolite.canonical import digest
from theodolite.files import write_atomically
from theodolite.models.stepping import LOG_FILE, Progress
from theodolite.saes.autoencoder import SparseAutoencoder
from theodolite.saes.dense_step import DenseStep
from theodolite.saes.files import CONFIGURATION, load_sae, save_sae
from theodolite.saes.rows import Rows, Scaling, scaling_of
from theodolite.saes.scores import score
from theodolite.saes.settings import SAESettings, SAETrainingError
from theodolite.saes.sparse_step import SparseStep
from theodolite.saes.state import StepReport, TrainingState

__all__ = ["REPORT", "STATE", "Trained", "folded", "train_sae"]

REPORT, STATE = "training.json", "training_state.safetensors"
_REMEDY = "train without resuming, or into another folder (--restart, or another --out)"
_MEMORYLESS = ("threads", "save_every", "report_every")
"""Settings that do not change what is learned, save for the last bits."""
_ARRAYS = (
    "encoder", "decoder", "encoder_bias", "decoder_bias", "moments", "bias_moments", "centre_moments", "last_active",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained autoencoder and how it went.

    Attributes
    ----------
    sae
        The autoencoder, for activations as the model has them.
    report
        Plain data: settings, rows, gamma, scores on training and held-out rows.
    history
        One row for every so many steps: mean loss, explained variance of the batches, dead features.
    """

    sae: SparseAutoencoder
    report: dict[str, Any]
    history: tuple[dict[str, float], ...]


class _Step(Protocol):
    def step(self, batch: NDArray[np.float32]) -> StepReport: ...


def train_sae(
    rows: Rows,
    settings: SAESettings,
    out: Path,
    *,
    device: str = "cpu",
    resume: bool = True,
    progress: Progress | None = None,
) -> Trained:
    """Train a sparse autoencoder and write it, its report and its log into a folder.

    Parameters
    ----------
    rows
        What is trained on, and what is held out.
    settings
        The recipe.
    out
        The folder. One that holds the same training to the end is read and left as it is; one in which it was broken
        off goes on from there.
    device
        ``cpu`` takes the sparse way, anything else automatic differentiation on that device of torch.
    resume
        Whether to go on; otherwise anew, and what is there is replaced.
    progress
        Called with the steps done, all steps and the latest numbers.

    Raises
    ------
    SAETrainingError
        If ``out`` holds another training, or its state is none; if the rows hold nothing to learn.
    """
    fingerprint = digest(["sae-training-1", _recipe(settings), rows.key, device])
    if resume and (found := _finished(out, fingerprint)) is not None:
        return found
    scaling = scaling_of(rows, settings.rows, _seed(settings, 3))
    run = _Run(settings, fingerprint, out, TrainingState.begin(settings, rows.width))
    if resume:
        run.restore()
    elif out.is_dir():
        for name in (REPORT, CONFIGURATION, STATE):
            (out / name).unlink(missing_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    run.advance(rows, scaling, device, progress)
    about = {"rows": rows.about, "settings": _plain(settings), "gamma": scaling.gamma, "scale": scaling.scale}
    sae = folded(run.state, scaling, settings, about)
    seed = _seed(settings, 5)
    report = {
        "fingerprint": fingerprint,
        **about,
        "device": device,
        "held_out": score(sae, rows, seed).plain(),
        "training": score(sae, rows, seed, held_out=False).plain(),
    }
    save_sae(sae, out)
    write_atomically(out / REPORT, (json.dumps(report, indent=1, sort_keys=True) + "\n").encode())
    (out / STATE).unlink(missing_ok=True)
    return Trained(sae, report, tuple(run.history))


def folded(state: TrainingState, scaling: Scaling, settings: SAESettings, about: dict[str, Any]) -> SparseAutoencoder:
    """Return the weights for activations as they are, from those for scaled ones.

    With x = centre + scale * y, values and threshold of y are multiplied by the scale, so that they keep unit decoder
    vectors: ``value = (x - centre - scale * b_dec) @ encoder.T + scale * b_enc``.
    """
    scale = np.float32(scaling.scale)
    topk = settings.sparsity == "topk"
    return SparseAutoencoder(
        state.encoder.copy(),
        state.decoder.copy(),
        state.encoder_bias * scale,
        scaling.centre + scale * state.decoder_bias,
        k=settings.k if topk else None,
        threshold=None if topk else np.full(settings.features, state.threshold * scale, dtype=np.float32),
        about=about,
    )


def _recipe(settings: SAESettings) -> dict[str, Any]:
    return {name: value for name, value in _plain(settings).items() if name not in _MEMORYLESS}


def _plain(settings: SAESettings) -> dict[str, Any]:
    return asdict(settings) | {"widths": list(settings.widths)}


def _seed(settings: SAESettings, purpose: int) -> int:
    return int(np.random.SeedSequence([settings.seed, purpose]).generate_state(1)[0])


def _finished(out: Path, fingerprint: str) -> Trained | None:
    path = out / REPORT
    if not path.is_file():
        return None
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        said = report["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SAETrainingError(f"{path} is no report of a training ({error}); train into another folder") from error
    if said != fingerprint:
        raise SAETrainingError(f"{out} holds an autoencoder of other settings or activations; {_REMEDY}")
    lines = (out / LOG_FILE).read_text(encoding="utf-8").splitlines() if (out / LOG_FILE).is_file() else []
    return Trained(load_sae(out), report, tuple(json.loads(line) for line in lines))


class _Run:
    """One training: its state, its history and the folder that both are kept in."""

    def __init__(self, settings: SAESettings, fingerprint: str, out: Path, state: TrainingState) -> None:
        self.settings, self.fingerprint, self.out, self.state = settings, fingerprint, out, state
        self.history: list[dict[str, float]] = []
        self._reports: list[StepReport] = []

    def restore(self) -> None:
        path = self.out / STATE
        if not path.is_file():
            return
        try:
            with safe_open(path, framework="numpy") as file:
                said = file.metadata() or {}
                kept = json.loads(said["run"])
                arrays = {name: file.get_tensor(name) for name in _ARRAYS}
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise SAETrainingError(f"{path}: not the state of a training ({error}); {_REMEDY}") from error
        if kept["fingerprint"] != self.fingerprint:
            raise SAETrainingError(f"{path}: saved under other settings or activations; {_REMEDY}")
        self.state = TrainingState(**arrays, threshold=kept["threshold"], step=kept["step"])
        self.history = kept["history"]
        self._reports = [StepReport(**report) for report in kept["reports"]]

    def save(self) -> None:
        state = self.state
        kept = {
            "fingerprint": self.fingerprint,
            "step": state.step,
            "threshold": state.threshold,
            "history": self.history,
            "reports": [asdict(report) for report in self._reports],
        }
        arrays = {name: np.ascontiguousarray(getattr(state, name)) for name in _ARRAYS}
        write_atomically(self.out / STATE, save(arrays, metadata={"run": json.dumps(kept)}))
        lines = [json.dumps(row) + "\n" for row in self.history]
        write_atomically(self.out / LOG_FILE, "".join(lines).encode())

    def advance(self, rows: Rows, scaling: Scaling, device: str, progress: Progress | None) -> None:
        settings = self.settings
        if self.state.step >= settings.steps:
            return
        drawn = rows.draws(settings.rows, _seed(settings, 2), first=self.state.step)
        if device == "cpu":
            sparse = SparseStep(settings, self.state)
            with sparse.running():
                self._steps(sparse, map(scaling, drawn), progress)
            return
        dense = DenseStep(settings, self.state, device)
        with dense.running():
            self._steps(dense, map(scaling, drawn), progress, dense)

    def _steps(
        self,
        way: _Step,
        batches: Iterable[NDArray[np.float32]],
        progress: Progress | None,
        elsewhere: DenseStep | None = None,
    ) -> None:
        settings = self.settings
        for batch in batches:
            self._reports.append(way.step(batch))
            done = self.state.step
            last = done == settings.steps
            latest: dict[str, Any] = {"loss": self._reports[-1].loss}
            if done % settings.report_every == 0 or last:
                self.history.append(self._summary())
                latest |= self.history[-1]
            if done % settings.save_every == 0 or last:
                if elsewhere is not None:
                    elsewhere.write_back()
                self.save()
            if progress is not None:
                progress(done, settings.steps, latest)
            if last:
                return

    def _summary(self) -> dict[str, float]:
        reports, self._reports = self._reports, []
        return {
            "step": self.state.step,
            "learning_rate": self.settings.rate(self.state.step - 1),
            "mean_loss": float(np.mean([report.loss for report in reports])),
            "explained_variance": 1.0 - float(np.mean([report.missed for report in reports])),
            "active": float(np.mean([report.active for report in reports])),
            "dead": reports[-1].dead / self.settings.features,
        }
