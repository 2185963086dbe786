"""``doctor``: whether this machine has what a campaign needs, and what to do where it has not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.tool_commands import JsonOption
from theodolite.cli.workspaces import LEDGER_FILE

__all__ = ["Finding", "doctor"]

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "numba",
    "pandas",
    "anndata",
    "scanpy",
    "torch",
    "langgraph",
    "sqlalchemy",
)
LEAST_DISK_BYTES = 2 * 2**30
LEAST_MEMORY_BYTES = 4 * 2**30


@dataclass(frozen=True)
class Finding:
    """One check: ``ok`` is None where there is nothing to judge, False where something needed is broken."""

    name: str
    value: str
    ok: bool | None
    remedy: str = ""


def doctor(
    workspace: Annotated[Path, typer.Option("--workspace", "-w", help="Where campaigns would be kept.")] = Path("."),
    as_json: JsonOption = False,
) -> None:
    """Check this machine, the packages, the packaged model and cells; exit code 1 if something needed is broken."""
    from theodolite.cli.progress import waiting

    with waiting("Examining this machine"):
        findings = list(_findings(workspace))
    broken = [finding for finding in findings if finding.ok is False]
    if as_json:
        print_json({"ok": not broken, "findings": findings})
    else:
        _print(findings)
        results().print(
            f"{len(broken)} of {len(findings)} checks found something broken." if broken else "All is well.",
            style="bold red" if broken else "bold green",
        )
    if broken:
        raise typer.Exit(ExitCode.PROBLEM)


def _findings(workspace: Path) -> Iterator[Finding]:
    yield Finding("Python", platform.python_version(), sys.version_info >= (3, 11), "install Python 3.11 or later")
    yield Finding("platform", platform.platform(), None)
    yield Finding("cores", str(_cores()), None)
    yield _memory()
    yield _disk(workspace)
    yield from _file_system(workspace)
    for package in PACKAGES:
        yield _package(package)
    for name, check in (("torch threads", _torch), ("packaged model", _model), ("packaged cells", _cells)):
        yield _tried(name, check)
    yield _language_models()


def _tried(name: str, check: Callable[[], str]) -> Finding:
    """Run a check of a library; whatever it raises is the finding."""
    try:
        return Finding(name, check(), True)
    except Exception as error:  # noqa: BLE001  a broken installation may raise anything, and naming it is the task
        reinstall = "install theodolite again in a fresh virtual environment (`make clean`, then `make demo`)"
        return Finding(name, f"{type(error).__name__}: {error}", False, reinstall)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return Finding("memory", "unknown", None)
    return Finding(
        "memory", f"{total / 2**30:.1f} GB", total >= LEAST_MEMORY_BYTES, "the demonstration needs about 4 GB"
    )


def _disk(workspace: Path) -> Finding:
    from theodolite.store.room import LEAST_BYTES, existing, folder_concerns

    folder = existing(workspace)
    free = shutil.disk_usage(folder).free
    concerns = list(folder_concerns(folder, needed=LEAST_DISK_BYTES - LEAST_BYTES))
    said = "; ".join(concern.said for concern in concerns)
    return Finding(
        "free disk",
        f"{free / 2**30:.1f} GB at {folder}{f'; {said}' if concerns else ''}",
        not any(concern.fatal for concern in concerns),
        "name a folder that can be written, with 2 GB free: --workspace",
    )


def _file_system(workspace: Path) -> Iterator[Finding]:
    """Check where the ledger lies or would, and its artefacts and cache, which may be links to other disks."""
    from theodolite.store.folders import network_file_system
    from theodolite.store.room import existing, ledger_concerns

    concerns = [concern.said for concern in ledger_concerns(workspace / LEDGER_FILE)]
    if concerns:
        yield Finding("file system", "; ".join(concerns), False, "see above, or name another workspace: --workspace")
    else:
        yield Finding("file system", "local, as far as can be told", True)
    for name in ("artefacts", "cache"):
        kind = network_file_system(existing(workspace / name))
        if kind is not None:
            yield Finding(name, f"on the network ({kind}): slower, and no second campaign may use it meanwhile", None)


def _package(name: str) -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Finding(name, version(name), True)
    except PackageNotFoundError:
        return Finding(name, "not installed", False, f"pip install {name}, or install theodolite again")


def _torch() -> str:
    import torch

    return str(torch.get_num_threads())


def _model() -> str:
    from theodolite.models.facts import available_models
    from theodolite.models.registry import load_model

    names = available_models()
    if not names:
        raise FileNotFoundError("the package carries no checkpoint")
    loaded = [load_model(name) for name in names]
    return ", ".join(f"{model.name}, sha256 {model.sha256[:16]}" for model in loaded)


def _cells() -> str:
    from theodolite.data import load_pbmc

    cells = load_pbmc()
    return f"{cells.name}, {len(cells.cells)} cells x {len(cells.genes)} genes, sha256 {cells.sha256[:16]}"


def _language_models() -> Finding:
    """Say where language models would be asked; nothing is sent."""
    from theodolite.agents.llm import ModelSettings, SettingsError, calls_allowed

    try:
        settings, allowed = ModelSettings.read(), calls_allowed()
    except SettingsError as error:
        return Finding("language models", str(error), False, "mend or remove that setting")
    key = "a key is set" if settings.key is not None else "no key is set"
    where = settings.server or "the hosted server of OpenAI"
    only = "" if allowed == "all" else f"; calls allowed: {allowed}"
    return Finding("language models", f"{where}, {key}{only}; asked only where a campaign file names a model", None)


def _print(findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for finding in findings:
        mark = {True: Text("ok", "green"), False: Text("BROKEN", "bold red"), None: Text("")}[finding.ok]
        remedy = f". Remedy: {finding.remedy}" if finding.ok is False else ""
        table.add_row(finding.name, mark, f"{finding.value}{remedy}")
    results().print(table)
