"""Running a study: units in processes of their own, each campaign kept as soon as it is finished."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from theodolite.calibration.campaigns import World, identical_decisions, run_full, run_one
from theodolite.calibration.planted_setting import planted_worlds
from theodolite.calibration.study import ACTIVATIONS, Cell, Store, Study, StudyError, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Progress", "run_study", "run_unit"]

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_WAIT_S = 1.0


@dataclass(frozen=True)
class Progress:
    """How far a study is: campaigns done, those found done at the start among them, of how many."""

    done: int
    found: int
    total: int
    note: str


def run_study(
    study: Study, store: Store, *, processes: int, notify: Callable[[Progress], None] = lambda progress: None
) -> None:
    """Run whatever of a study the store does not hold yet.

    Parameters
    ----------
    study, store
        What to run and where its results are kept.
    processes
        Processes with one thread each; with 1 nothing is started.
    notify
        Called after each campaign.

    Raises
    ------
    StudyError
        If the folder holds another study, or a process died or met an error.
    """
    store.lock(study)
    left = [(unit, _missing(store, unit)) for unit in study.units]
    total = study.campaigns
    found = done = total - sum(len(cells) for _, cells in left)
    units = [unit for unit, cells in left if cells]
    notify(Progress(done, found, total, ""))

    def finished(note: str) -> None:
        nonlocal done
        done += 1
        notify(Progress(done, found, total, note))

    if processes == 1 or len(units) <= 1:
        for unit in units:
            run_unit(study, store, unit, finished)
        return
    with _pool(study, store, units, min(processes, len(units))) as (answers, workers):
        idle = 0
        while idle < len(workers):
            kind, text = _answer(answers, workers)
            if kind == "error":
                raise StudyError(f"a process met an error; what was finished is kept.\n{text}")
            if kind == "idle":
                idle += 1
            else:
                finished(text)


def run_unit(study: Study, store: Store, unit: Unit, finished: Callable[[str], None]) -> None:
    """Run the campaigns of a unit that the store does not hold, and keep each as it is finished."""
    missing = _missing(store, unit)
    worlds = planted_worlds(unit.world, study.seed_of(unit), structure=unit.structure, activations=ACTIVATIONS)
    for cell in missing:
        world = worlds[cell.activation]
        result = _run(study, unit, cell, world)
        kept = [other for other in store.results(unit) if other.name != result.name]
        store.put(unit, [*kept, result])
        finished(f"{unit.name}, {cell.proposer.value.replace('_', ' ')}")


def _run(study: Study, unit: Unit, cell: Cell, world: World) -> Any:
    seed = study.seed_of(unit, cell)
    result = run_one(world, cell.proposer, cell.ablation, terms=study.terms, seed=seed)
    if not cell.full:
        return result
    again = run_full(world, cell.proposer, cell.ablation, terms=study.terms, seed=seed)
    return result.model_copy(update={"through_graph": identical_decisions(result, again)})


def _missing(store: Store, unit: Unit) -> list[Cell]:
    found = store.results(unit)
    return [cell for cell in unit.cells if not any(cell.done_by(result) for result in found)]


@contextmanager
def _pool(study: Study, store: Store, units: list[Unit], processes: int) -> Iterator[tuple[Any, list[BaseProcess]]]:
    context = multiprocessing.get_context("spawn")
    tasks, answers = context.Queue(), context.Queue()
    for unit in units:
        tasks.put(unit.model_dump_json())
    for _ in range(processes):
        tasks.put(None)
    before = {name: os.environ.get(name) for name in _THREADS}
    # Thread pools read these once, when the child imports its libraries.
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    workers: list[BaseProcess] = [
        context.Process(target=_serve, args=(study.model_dump_json(), store.folder, tasks, answers), daemon=True)
        for _ in range(processes)
    ]
    try:
        for worker in workers:
            worker.start()
        yield answers, workers
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        for worker in workers:
            worker.terminate()
            worker.join()


def _serve(study_json: str, folder: Any, tasks: Any, answers: Any) -> None:
    # An interrupt in a terminal reaches the whole group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        study, store = Study.model_validate_json(study_json), Store(folder)
        while (task := tasks.get()) is not None:
            unit = Unit.model_validate_json(task)
            run_unit(study, store, unit, lambda note: answers.put(("done", note)))
    except Exception:  # noqa: BLE001  whatever it was, the parent tells it and stops
        answers.put(("error", traceback.format_exc()))
        return
    answers.put(("idle", ""))


def _answer(answers: Any, workers: list[BaseProcess]) -> tuple[str, str]:
    while True:
        try:
            kind, text = answers.get(timeout=_WAIT_S)
            return str(kind), str(text)
        except queue.Empty:
            dead = [worker.exitcode for worker in workers if worker.exitcode not in (None, 0)]
            if dead:
                raise StudyError(
                    f"a process died with exit code {dead[0]} (out of memory?); what was finished is kept: give the "
                    "same command again, with fewer --processes where memory is short"
                ) from None
