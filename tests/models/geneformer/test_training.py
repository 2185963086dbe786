"""Training of a small Geneformer on cells of planted types: it learns them, and goes on where it stopped."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from theodolite.data import CellSet
from theodolite.models.geneformer.dictionaries import read_dictionary
from theodolite.models.geneformer.mini import hold_out_plate, published_dictionary
from theodolite.models.geneformer.model import load_geneformer
from theodolite.models.geneformer.training import REPORT_FILE, MiniReport, train_mini
from theodolite.models.geneformer.training_settings import MiniSettings
from theodolite.models.geneformer.writing import made_up_genes, write_dictionaries
from theodolite.models.training_settings import TrainingError
from theodolite.models.verifying.unseen import Plates as UnseenPlates
from theodolite.models.verifying.unseen import read_plates

N_GENES, N_CELLS = 48, 150
GENES = tuple(made_up_genes(N_GENES))
SHORT = MiniSettings(
    genes=40,
    layers=1,
    width=16,
    heads=2,
    feedforward=16,
    context=24,
    steps=10,
    cells_per_step=8,
    warmup=2,
    eval_every=4,
    save_every=3,
    seed=5,
)


def planted_cells(n_cells: int = N_CELLS) -> CellSet:
    """Three hidden types, each with its own third of the genes switched on; the last eight genes are rare."""
    draw = np.random.default_rng(0)
    kind = draw.integers(3, size=n_cells)
    on = (np.arange(N_GENES) % 3)[None, :] == kind[:, None]
    counts = draw.poisson(np.where(on, 8.0, 0.3))
    counts[:, 40:] = draw.random((n_cells, 8)) < 0.1
    counts[:, 0] += 1
    return CellSet.from_counts(
        "planted",
        counts,
        GENES,
        [f"cell{row}" for row in range(n_cells)],
        species="human",
        origin="a test",
        labels={"plate": [f"p{row % 3}" for row in range(n_cells)]},
        batch="plate",
    )


def run(out: Path, settings: MiniSettings = SHORT, *, resume: bool = False, **options: Any) -> MiniReport:
    return train_mini(planted_cells(), settings, out, resume=resume, **options)


class StopTraining(Exception):
    """Raised by a progress callback in place of a power cut."""


def stop_at(step: int) -> Any:
    def progress(done: int, steps: int, latest: dict[str, Any]) -> None:
        if done == step:
            raise StopTraining

    return progress


def test_planted_types_are_learned_beyond_every_rival(tmp_path: Path) -> None:
    settings = dataclasses.replace(
        SHORT, width=32, steps=500, warmup=50, learning_rate=5e-3, cells_per_step=32, eval_every=250, dropout=0.0
    )
    found = run(tmp_path / "mini", settings).evaluation
    for name, rival in found.rivals.items():
        if name != "model, context shuffled":
            assert rival.nats_interval[0] > 0, name
    assert found.rivals["model, context of another cell"].nats_gain > 0.3


def test_the_checkpoint_is_of_the_published_format_and_loads(tmp_path: Path) -> None:
    report = run(tmp_path / "my-mini", command="theodolite models train geneformer-mini …")
    model = load_geneformer(tmp_path / "my-mini")
    assert (model.name, model.n_layers, model.width, model.context, len(model.genes)) == ("my-mini", 1, 16, 24, 40)
    cells = planted_cells()
    plates = hold_out_plate(cells)
    assert (report.held_out, plates.name, report.n_training_cells) == ("p2", "p2", 100)
    assert set(plates.held_out.labels["plate"]) == {"p2"}
    assert model.tokenise(cells).lengths.max() <= 24
    written = json.loads((tmp_path / "my-mini" / REPORT_FILE).read_text())
    assert written["report"]["evaluation"]["nats"] == report.evaluation.nats
    # What `models verify` holds it to.
    assert read_plates(tmp_path / "my-mini") == UnseenPlates("p2", ("p0", "p1"))
    assert (tmp_path / "my-mini" / "command.txt").read_text().startswith("theodolite models train")


def test_vocabulary_and_medians_come_from_training_cells_alone(tmp_path: Path) -> None:
    run(tmp_path / "mini")
    dictionary = read_dictionary(tmp_path / "mini")
    # The rare genes are not in the vocabulary.
    assert dictionary.ensembl == GENES[:40]
    training = hold_out_plate(planted_cells()).training
    counts = training.counts.toarray()
    values = counts / counts.sum(axis=1, keepdims=True) * 10_000
    for gene in (0, 7, 39):
        expressed = counts[:, gene] > 0
        assert dictionary.medians[gene] == pytest.approx(np.median(values[expressed, gene]))


def test_genes_are_chosen_among_those_of_a_published_dictionary(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    names = {f"SYMBOL{index}": gene for index, gene in enumerate(GENES[:30])}
    write_dictionaries(folder, "gc104M", GENES[:30], np.ones(30), names=names, aliases={"OLD": GENES[2]})
    settings = dataclasses.replace(SHORT, genes=20)
    run(tmp_path / "mini", settings, known=published_dictionary(folder))
    dictionary = read_dictionary(tmp_path / "mini")
    assert set(dictionary.names) < set(names)
    assert len(dictionary.ensembl) == 20
    assert not (folder / "gene_dictionary.json").exists()
    with pytest.raises(TrainingError, match=r"genes=40, but the training cells express 30 known genes"):
        run(tmp_path / "more", known=published_dictionary(folder))


@pytest.mark.parametrize("stop", [1, 4, 8])
def test_an_interrupted_run_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path, stop: int) -> None:
    unbroken = run(tmp_path / "unbroken" / "mini")
    with pytest.raises(StopTraining):
        run(tmp_path / "broken" / "mini", progress=stop_at(stop))
    assert not (tmp_path / "broken" / "mini" / "config.json").exists()
    torch.rand(7)
    seen: list[int] = []
    resumed = run(tmp_path / "broken" / "mini", resume=True, progress=lambda done, steps, latest: seen.append(done))
    assert seen[0] == stop - stop % SHORT.save_every + 1
    assert resumed == unbroken
    for name in ("train_log.jsonl", "model.safetensors", "config.json", REPORT_FILE):
        broken, whole = (tmp_path / part / "mini" / name for part in ("broken", "unbroken"))
        assert broken.read_bytes() == whole.read_bytes(), name


def test_a_state_of_another_run_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    for settings in (dataclasses.replace(SHORT, learning_rate=1e-4), dataclasses.replace(SHORT, held_out="p0")):
        with pytest.raises(TrainingError, match="saved under other settings, genes or cells"):
            run(tmp_path, settings, resume=True)
    (tmp_path / "training_state.pt").write_bytes(b"not a state")
    with pytest.raises(TrainingError, match=r"training_state.pt: not a training state .* train without resuming"):
        run(tmp_path, resume=True)


def in_folder(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def other_cells() -> CellSet:
    """Cells in which other genes are detected most, so that the vocabulary is another one of the same size."""
    cells = planted_cells()
    return dataclasses.replace(cells, genes=cells.genes[::-1])


def test_a_run_that_is_refused_leaves_a_finished_checkpoint_as_it_was(tmp_path: Path) -> None:
    run(tmp_path)
    before = in_folder(tmp_path)
    with pytest.raises(TrainingError, match="saved under other settings, genes or cells"):
        train_mini(other_cells(), SHORT, tmp_path, resume=True)
    assert in_folder(tmp_path) == before


def test_a_run_that_begins_anew_and_is_killed_leaves_no_checkpoint_with_parts_of_two(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(StopTraining):
        train_mini(other_cells(), SHORT, tmp_path, resume=False, progress=stop_at(1))
    assert not (tmp_path / "config.json").exists()
    report = train_mini(other_cells(), SHORT, tmp_path, resume=True)
    assert report.steps == SHORT.steps
    assert load_geneformer(tmp_path).dictionary.ensembl == read_dictionary(tmp_path, keep=False).ensembl != GENES[:40]


@pytest.mark.parametrize("resume", [True, False])
def test_a_checkpoint_of_somebody_else_is_not_replaced(tmp_path: Path, resume: bool) -> None:
    run(tmp_path)
    (tmp_path / "training_state.pt").unlink()
    before = in_folder(tmp_path)
    with pytest.raises(TrainingError, match=r"holds a checkpoint \(config\.json\) without .* into another folder"):
        run(tmp_path, resume=resume)
    assert in_folder(tmp_path) == before


def test_training_leaves_the_global_generator_and_threads_alone(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    run(tmp_path)
    assert torch.equal(torch.rand(2), expected)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"mask_share": 0.0}, "mask_share=0.0"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"width": 30, "heads": 4}, "width=30 must be a multiple of heads=4"),
        ({"context": 3}, "context=3 must hold"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_settings_with_which_no_run_can_end_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        MiniSettings(**change)


def test_cells_that_cannot_be_split_or_named_are_refused(tmp_path: Path) -> None:
    cells = planted_cells(12)
    with pytest.raises(TrainingError, match=r"cannot hold out 'p9' of 'p0', 'p1', 'p2'"):
        train_mini(cells, dataclasses.replace(SHORT, held_out="p9"), tmp_path, resume=False)
    with pytest.raises(TrainingError, match=r"neither batches nor donors"):
        train_mini(dataclasses.replace(cells, batch=None), SHORT, tmp_path, resume=False)
    named = dataclasses.replace(cells, genes=tuple(f"G{index}" for index in range(N_GENES)))
    with pytest.raises(TrainingError, match=r"no gene of cells 'planted' has an Ensembl id"):
        train_mini(named, SHORT, tmp_path, resume=False)
