"""Training of a small model in the format of Geneformer on cells at hand, and its test on a plate unseen.

Some genes of a cell are replaced by ``<mask>`` and predicted from the others and from their ranks. Every masked gene
becomes ``<mask>``: the variant that leaves a tenth as it is and swaps another tenth is not used.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from theodolite.canonical import digest
from theodolite.data import CellSet
from theodolite.files import write_atomically
from theodolite.models.geneformer.checkpoint import new_network, save_network
from theodolite.models.geneformer.configuration import configuration_of
from theodolite.models.geneformer.dictionaries import GeneDictionary
from theodolite.models.geneformer.evaluation import Evaluation, evaluate, mask_cells, score_model
from theodolite.models.geneformer.mini import Plates, choose_vocabulary, dictionary_of_cells, hold_out_plate
from theodolite.models.geneformer.model import GeneformerModel
from theodolite.models.geneformer.rivals import unigram
from theodolite.models.geneformer.tokeniser import rank_value_tokens
from theodolite.models.geneformer.training_settings import MiniSettings
from theodolite.models.stepping import COMMAND_FILE, Progress, SteppedTraining, torch_threads
from theodolite.models.tokens import Tokens
from theodolite.models.training_folder import begin_anew, check_folder
from theodolite.models.verifying.unseen import TRAINING_FILE as REPORT_FILE

__all__ = ["REPORT_FILE", "MiniReport", "train_mini"]

CORPUS = "mini"


@dataclass(frozen=True)
class MiniReport:
    """Outcome of a run.

    Attributes
    ----------
    steps
        Optimiser steps.
    held_out
        The plate that was never trained on.
    n_training_cells
        Cells of the other plates.
    evaluation
        On the held-out plate, beside the rivals.
    """

    steps: int
    held_out: str
    n_training_cells: int
    evaluation: Evaluation

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def train_mini(
    cells: CellSet,
    settings: MiniSettings,
    out: Path,
    *,
    known: GeneDictionary | None = None,
    resume: bool,
    progress: Progress | None = None,
    command: str | None = None,
) -> MiniReport:
    """Train a model and write its checkpoint in the published format into ``out``, with dictionaries, log and state.

    Parameters
    ----------
    cells
        Human cells with raw counts, and with plates or donors.
    settings
        How to train.
    out
        Folder of the checkpoint; its name is the model's name. An interrupted run leaves its state here.
    known
        Genes that the vocabulary may be chosen from; those of the cells with an Ensembl id where not given.
    resume
        Continue from the state in ``out`` where there is one; otherwise start anew and replace it.
    progress
        Called with the steps done, all steps and the latest numbers after every step.
    command
        Written to ``command.txt``.

    Raises
    ------
    TrainingError
        If cells or settings cannot be used, the state in ``out`` belongs to other ones, or ``out`` holds a checkpoint
        without a state; then ``out`` is as it was.
    CellDataError
        If the cells are not human, or some express no gene of the vocabulary.
    """
    check_folder(out)
    plates = hold_out_plate(cells, settings.held_out)
    vocabulary = choose_vocabulary(CORPUS, plates.training, known or dictionary_of_cells(cells), settings.genes)
    size = settings.size(out.name, settings.genes)
    document = size.configuration() | {
        "hidden_dropout_prob": settings.dropout,
        "attention_probs_dropout_prob": settings.dropout,
    }
    with torch_threads(settings.threads):
        run = _Run(plates, vocabulary.dictionary, document, settings, out)
        # A state of other settings or cells is refused before anything in the folder changes.
        if resume:
            run.restore()
        else:
            begin_anew(out)
        vocabulary.write(out)
        run.advance(progress)
        return run.finish(command)


class _Run(SteppedTraining):
    """One training run, and the plates it learns from and is scored on."""

    def __init__(
        self,
        plates: Plates,
        dictionary: GeneDictionary,
        document: dict[str, Any],
        settings: MiniSettings,
        out: Path,
    ) -> None:
        self.plates, self.settings, self.document = plates, settings, document
        schedule = {key: value for key, value in asdict(settings).items() if key != "save_every"}
        fingerprint = digest([schedule, dictionary.sha256, plates.training.sha256, plates.held_out.sha256])
        self.tokens, self.test = (
            rank_value_tokens(part, dictionary, settings.context, threads=settings.threads)
            for part in (plates.training, plates.held_out)
        )
        self.ids, self.genes = _padded(self.tokens)
        shape = configuration_of(document, out / "config.json")
        self.model = GeneformerModel(out.name, "", shape, dictionary, new_network(shape, settings.seed))
        frequent = unigram(self.tokens, len(dictionary.ensembl)).log_p
        with torch.no_grad():
            # Begun at the frequencies of genes, no step is spent on learning them; special tokens are never predicted.
            bias = self.model.network.cls.predictions.bias
            bias.fill_(float(frequent.min()))
            bias[dictionary.token_ids] = torch.from_numpy(frequent).float()
        self.masked = mask_cells(
            self.test, self.model.mask_id, settings.mask_share, settings.evaluation_masks, settings.seed
        )
        super().__init__(cast("nn.Module", self.model.network), settings, fingerprint, out)

    def scores(self) -> dict[str, float]:
        """Return how well hidden genes of the unseen plate are named."""
        self.network.train(False)
        scores = score_model(self.model, self.masked)
        asked = scores.asked.sum()
        return {
            "held_out_nats": float(scores.log_loss.sum() / asked),
            "held_out_accuracy": float(scores.correct.sum() / asked),
        }

    def loss(self) -> Tensor:
        """Return the loss of freshly drawn cells and masks, in nats a masked gene."""
        chosen = torch.randint(len(self.ids), (self.settings.cells_per_step,))
        ids, is_gene = self.ids[chosen], self.genes[chosen] >= 0
        longest = int((ids != self.model.pad_id).sum(dim=1).max())
        ids, is_gene = ids[:, :longest], is_gene[:, :longest]
        drawn = torch.rand(ids.shape).masked_fill(~is_gene, 2.0)
        hidden = drawn < self.settings.mask_share
        # A cell of few genes may have none drawn; it then hides one.
        hidden[torch.arange(len(ids)), drawn.argmin(dim=1)] = True
        present = ids != self.model.pad_id
        self.network.train(True)
        read = ids.masked_fill(hidden, self.model.mask_id)
        attended = None if bool(present.all()) else present.long()
        states = self.model.network.bert(read, attention_mask=attended).last_hidden_state
        logits = self.model.network.cls(states[hidden])
        lost: Tensor = torch.nn.functional.cross_entropy(logits, ids[hidden])
        return lost

    def finish(self, command: str | None) -> MiniReport:
        """Score the rivals, then write the checkpoint, the report and the command."""
        settings = self.settings
        self.network.train(False)
        evaluation = evaluate(
            self.model,
            self.tokens,
            self.test,
            mask_share=settings.mask_share,
            repeats=settings.evaluation_masks,
            seed=settings.seed,
        )
        report = MiniReport(self.step, self.plates.name, len(self.plates.training.cells), evaluation)
        save_network(self.out / "model.safetensors", self.model.network)
        written = {
            "settings": asdict(settings),
            "report": report.to_dict(),
            # What `models verify` must not call unseen.
            "trained_on": sorted(set(self.plates.training.units)),
            "fingerprint": self.fingerprint,
        }
        write_atomically(self.out / REPORT_FILE, (json.dumps(written, indent=1) + "\n").encode())
        if command is not None:
            write_atomically(self.out / COMMAND_FILE, (command + "\n").encode())
        # Last, for a folder with a configuration counts as a checkpoint.
        write_atomically(self.out / "config.json", (json.dumps(self.document, indent=2) + "\n").encode())
        return report


def _padded(tokens: Tokens) -> tuple[Tensor, Tensor]:
    within = np.arange(int(tokens.lengths.max())) < tokens.lengths[:, None]
    ids, genes = np.zeros(within.shape, dtype=np.int64), np.full(within.shape, -1, dtype=np.int64)
    ids[within], genes[within] = tokens.ids, tokens.genes
    return torch.from_numpy(ids), torch.from_numpy(genes)
