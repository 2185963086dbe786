"""Training of the compact model: seeded, resumable to the bit, with a held-out score beside two baselines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from theodolite.files import write_atomically
from theodolite.models.baselines import ShrinkageRegression, gene_mean_mse, masked_mse
from theodolite.models.checkpoint import save_checkpoint
from theodolite.models.stepping import COMMAND_FILE, Progress, SteppedTraining, torch_threads
from theodolite.models.training_folder import begin_anew, check_folder
from theodolite.models.training_settings import TrainingError, TrainSettings
from theodolite.models.transformer import CompactConfig, CompactTransformer

__all__ = [
    "HeldOut",
    "Progress",
    "TrainReport",
    "TrainSettings",
    "TrainingError",
    "hold_out",
    "predict_masked",
    "torch_threads",
    "train_command",
    "train_compact",
]

EVALUATION_BATCH = 35


@dataclass(frozen=True)
class TrainReport:
    """Outcome of a run; every error is over the hidden entries of the held-out cells, in log1p CP10K squared.

    ``r2`` is one minus the error over that of the training cells' gene mean; ``r2_shrinkage`` is the same for the
    covariance regression with the intensity tuned on training cells, ``r2_ledoit_wolf`` with the Ledoit-Wolf one.
    ``history`` holds one row for each held-out score; ``mean_loss`` in it is over the steps since the row before.
    """

    steps: int
    r2: float
    r2_shrinkage: float
    r2_ledoit_wolf: float
    shrinkage: float
    model_mse: float
    gene_mean_mse: float
    n_training_cells: int
    held_out_cells: tuple[int, ...]
    history: tuple[dict[str, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values without the history, which has a file of its own."""
        return {name: value for name, value in asdict(self).items() if name != "history"}


@dataclass(frozen=True)
class HeldOut:
    """The cells kept from training, with their fixed masks ``[K, cells, genes]``."""

    training: npt.NDArray[np.float32]
    values: npt.NDArray[np.float32]
    cells: tuple[int, ...]
    masks: npt.NDArray[np.bool_]


def hold_out(values: npt.NDArray[np.float32], settings: TrainSettings) -> HeldOut:
    """Split cells by the settings' seed and draw the fixed masks.

    Raises
    ------
    TrainingError
        When either side would be empty.
    """
    split_seed, mask_seed = np.random.SeedSequence([settings.seed, 1]).spawn(2)
    n_held_out = round(len(values) * settings.held_out_share)
    if not 0 < n_held_out < len(values):
        raise TrainingError(
            f"held_out_share={settings.held_out_share!r} of {len(values)} cells leaves one side empty: give more cells"
        )
    order = np.random.default_rng(split_seed).permutation(len(values))
    cells = np.sort(order[:n_held_out])
    training = values[np.sort(order[n_held_out:])]
    shape = (settings.evaluation_masks, n_held_out, values.shape[1])
    masks = np.random.default_rng(mask_seed).random(shape) < settings.mask_share
    if not masks.any():
        raise TrainingError(f"mask_share={settings.mask_share!r} hides no entry of {shape!r}: give a larger share")
    return HeldOut(training, values[cells], tuple(int(cell) for cell in cells), masks)


def predict_masked(
    model: CompactTransformer, values: npt.NDArray[np.float32], masks: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Return the model's predictions ``[K, cells, genes]`` with all genes of the vocabulary presented."""
    was_training = model.training
    model.eval()
    genes = torch.arange(values.shape[1])
    predicted = np.empty(masks.shape, dtype=np.float32)
    with torch.inference_mode():
        for repeat in range(len(masks)):
            for start in range(0, len(values), EVALUATION_BATCH):
                batch = slice(start, start + EVALUATION_BATCH)
                hidden = torch.from_numpy(masks[repeat, batch])
                predicted[repeat, batch] = model(torch.from_numpy(values[batch]), genes, hidden).numpy()
    model.train(was_training)
    return predicted


def train_compact(
    values: npt.NDArray[np.float32],
    genes: Sequence[str],
    settings: TrainSettings,
    config_options: Mapping[str, Any],
    out: Path,
    *,
    resume: bool,
    progress: Progress | None = None,
    command: str | None = None,
) -> TrainReport:
    """Train a compact model and write its checkpoint, log, command and resumable state into ``out``.

    Parameters
    ----------
    values
        log1p CP10K, ``[cells, genes]``.
    genes
        Symbols of the columns.
    settings
        How to train.
    config_options
        Fields of :class:`CompactConfig` other than ``genes``; its defaults for the rest.
    out
        Folder of the checkpoint. An interrupted run leaves its state here.
    resume
        Continue from the state in ``out`` when there is one; otherwise start anew and replace it.
    progress
        Called with the steps done, all steps and the latest numbers after every step.
    command
        Written to ``command.txt``; by default the command that gives these settings on the packaged cells.

    Raises
    ------
    TrainingError
        When the values are unusable, the state in ``out`` belongs to other settings, genes or cells, or ``out`` holds
        a checkpoint without a state.
    """
    values = np.ascontiguousarray(values, dtype=np.float32)
    if values.ndim != 2 or values.shape[1] != len(genes):
        raise TrainingError(f"values of shape {values.shape!r} do not fit {len(genes)} genes: give [cells, genes]")
    if not np.isfinite(values).all():
        raise TrainingError("values hold a number that is not finite: give log1p of counts per 10,000")
    config = CompactConfig(genes=tuple(genes), **config_options)
    check_folder(out)
    cells = hold_out(values, settings)
    out.mkdir(parents=True, exist_ok=True)
    with torch_threads(settings.threads):
        run = _Run(config, settings, cells, _fingerprint(values, config, settings), out)
        if resume:
            run.restore()
        else:
            begin_anew(out)
        run.advance(progress)
        return run.finish(command or train_command(settings, config, out))


def train_command(settings: TrainSettings, config: CompactConfig, out: Path) -> str:
    """Return the command line that trains with these settings on the packaged cells.

    Options at their defaults are left out, except the steps and the seed.
    """
    words = ["theodolite models train compact --cells pbmc", f"--steps {settings.steps}", f"--seed {settings.seed}"]
    shape = CompactConfig(genes=config.genes)
    for given, default in ((settings, TrainSettings()), (config, shape)):
        for field in fields(given):
            value = getattr(given, field.name)
            if field.name not in ("steps", "seed", "genes") and value != getattr(default, field.name):
                words.append(f"--{field.name.replace('_', '-')} {value}")
    return " ".join([*words, f"--out {out.name}"])


def _fingerprint(values: npt.NDArray[np.float32], config: CompactConfig, settings: TrainSettings) -> str:
    """Return the digest of everything that the final weights depend on."""
    schedule = {key: value for key, value in asdict(settings).items() if key != "save_every"}
    digest = hashlib.sha256(json.dumps([schedule, config.to_dict()], sort_keys=True).encode())
    digest.update(values.tobytes())
    return digest.hexdigest()


class _Run(SteppedTraining):
    """One training run, and the cells it learns from."""

    def __init__(
        self, config: CompactConfig, settings: TrainSettings, cells: HeldOut, fingerprint: str, out: Path
    ) -> None:
        mean = torch.from_numpy(cells.training.mean(axis=0, dtype=np.float64).astype(np.float32))
        sd = torch.from_numpy(cells.training.std(axis=0, dtype=np.float64).astype(np.float32))
        sd[sd == 0] = 1.0
        self.model = CompactTransformer(config, mean, sd, seed=settings.seed)
        # Errors are scored in log1p CP10K, so that a gene counts in the loss as it counts in the score; the common
        # factor keeps the gradients of any data set at the scale that the learning rate was chosen for.
        self.weights = sd.square() / sd.square().mean()
        self.settings = settings
        self.cells = cells
        super().__init__(self.model, settings, fingerprint, out)
        self.training = torch.from_numpy(cells.training)
        self.mean_mse = gene_mean_mse(cells.training, cells.values, cells.masks)

    def scores(self) -> dict[str, float]:
        """Return the error over the hidden entries of the held-out cells, beside that of the gene mean."""
        error = self.held_out_mse()
        return {"held_out_mse": error, "gene_mean_mse": self.mean_mse, "r2": 1 - error / self.mean_mse}

    def loss(self) -> Tensor:
        """Return the loss of freshly drawn cells, genes and masks; one for a model that predicts the gene mean."""
        settings = self.settings
        n_cells, n_genes = self.training.shape
        chosen = torch.randint(n_cells, (settings.cells_per_step,))
        presented = min(settings.genes_per_step, n_genes)
        genes = torch.rand(settings.cells_per_step, n_genes).argsort(dim=1)[:, :presented]
        hidden = torch.rand(genes.shape) < settings.mask_share
        # A draw that hides nothing, possible with very few genes, would make the mean below undefined.
        hidden[:, 0] |= ~hidden.any(dim=1)
        values = self.training[chosen].gather(1, genes)
        self.model.train()
        errors = (self.model(values, genes, hidden) - values) / self.model.gene_sd[genes]
        weighted: Tensor = errors.square() * self.weights[genes]
        return weighted[hidden].mean()

    def held_out_mse(self) -> float:
        """Return the error over the hidden entries of the held-out cells."""
        predicted = predict_masked(self.model, self.cells.values, self.cells.masks)
        return masked_mse(predicted, self.cells.values, self.cells.masks)

    def finish(self, command: str) -> TrainReport:
        """Score the baselines, then write the checkpoint and the command."""
        cells, settings = self.cells, self.settings
        error = self.held_out_mse()
        tuned = ShrinkageRegression.tune(cells.training, settings.mask_share, settings.seed)
        automatic = ShrinkageRegression.fit(cells.training)
        tuned_r2, automatic_r2 = (
            1 - masked_mse(each.predict(cells.values, cells.masks), cells.values, cells.masks) / self.mean_mse
            for each in (tuned, automatic)
        )
        report = TrainReport(
            steps=self.step,
            r2=1 - error / self.mean_mse,
            r2_shrinkage=tuned_r2,
            r2_ledoit_wolf=automatic_r2,
            shrinkage=tuned.shrinkage,
            model_mse=error,
            gene_mean_mse=self.mean_mse,
            n_training_cells=len(cells.training),
            held_out_cells=cells.cells,
            history=tuple(self.history),
        )
        extra = {"settings": asdict(settings), "report": report.to_dict(), "fingerprint": self.fingerprint}
        self.model.eval()
        save_checkpoint(self.out, self.model, extra)
        write_atomically(self.out / COMMAND_FILE, (command + "\n").encode())
        return report
