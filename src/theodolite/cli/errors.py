"""Errors of users end in one message and a documented exit code, never in a traceback."""

from __future__ import annotations

import errno
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from theodolite.cli.exit_codes import ExitCode

__all__ = ["CODE_OF", "Commands", "UserError", "code_of"]


class UserError(Exception):
    """Wrong use that only the command line can notice; the message names the value and the remedy."""


# By name, so that looking up an error never imports the library that defines it.
CODE_OF: dict[str, ExitCode] = {
    "theodolite.agents.halting.CampaignPaused": ExitCode.CAMPAIGN,
    "theodolite.agents.replaying.ReplayError": ExitCode.PROBLEM,
    "theodolite.agents.llm.settings.SettingsError": ExitCode.BAD_INPUT,
    "theodolite.agents.llm.wire.CallsForbidden": ExitCode.BAD_INPUT,
    "theodolite.cli.errors.UserError": ExitCode.BAD_INPUT,
    "theodolite.data.catalogue.resources.CatalogueError": ExitCode.BAD_INPUT,
    "theodolite.data.counts.CellDataError": ExitCode.BAD_INPUT,
    "theodolite.data.families.FamilyTableError": ExitCode.BAD_INPUT,
    "theodolite.data.perturbations.EffectTableError": ExitCode.BAD_INPUT,
    "theodolite.data.references.ReferenceTableError": ExitCode.BAD_INPUT,
    "theodolite.data.splits.SplitError": ExitCode.BAD_INPUT,
    "theodolite.experiments.approvals.ApprovalError": ExitCode.BAD_INPUT,
    "theodolite.experiments.reading.CampaignError": ExitCode.BAD_INPUT,
    "theodolite.experiments.jobs.StepError": ExitCode.CAMPAIGN,
    "theodolite.experiments.handed.ProposalError": ExitCode.BAD_INPUT,
    "theodolite.experiments.nodes.NodeError": ExitCode.BAD_INPUT,
    "theodolite.gates.stream.StreamExhausted": ExitCode.BAD_INPUT,
    "theodolite.models.adding.AddingError": ExitCode.BAD_INPUT,
    "theodolite.models.facts.CheckpointError": ExitCode.BAD_INPUT,
    "theodolite.models.activations.errors.ActivationError": ExitCode.BAD_INPUT,
    "theodolite.models.activations.errors.HalfOverflowError": ExitCode.BAD_INPUT,
    "theodolite.models.facts.ModelNotFoundError": ExitCode.BAD_INPUT,
    "theodolite.prompts.PromptError": ExitCode.BAD_INPUT,
    "theodolite.models.training_settings.TrainingError": ExitCode.BAD_INPUT,
    "theodolite.plugins.PluginError": ExitCode.BAD_INPUT,
    "theodolite.saes.files.SAEFileError": ExitCode.BAD_INPUT,
    "theodolite.saes.settings.SAETrainingError": ExitCode.BAD_INPUT,
    "theodolite.store.errors.ArtefactError": ExitCode.LEDGER,
    "theodolite.store.errors.LedgerBusy": ExitCode.LEDGER,
    "theodolite.store.errors.LedgerExists": ExitCode.LEDGER,
    "theodolite.store.errors.LedgerFormatError": ExitCode.LEDGER,
    "theodolite.store.errors.LedgerNetworkFolder": ExitCode.LEDGER,
    "theodolite.store.errors.LedgerNotFound": ExitCode.LEDGER,
    "theodolite.store.errors.LedgerReadOnly": ExitCode.LEDGER,
    "theodolite.store.errors.LedgerDamaged": ExitCode.LEDGER,
    "theodolite.store.errors.LedgerDiskError": ExitCode.LEDGER,
    "theodolite.store.errors.LedgerFull": ExitCode.LEDGER,
    "theodolite.store.errors.LedgerUnreachable": ExitCode.LEDGER,
    "theodolite.store.errors.PlaceError": ExitCode.LEDGER,
    "theodolite.store.errors.UpkeepError": ExitCode.LEDGER,
    "sqlalchemy.exc.OperationalError": ExitCode.LEDGER,
}
"""Errors that are no defect of the program, by full name."""


def code_of(error: BaseException) -> ExitCode | None:
    """Return the exit code of an error, None for one that nobody foresaw."""
    for cls in type(error).__mro__:
        code = CODE_OF.get(f"{cls.__module__}.{cls.__qualname__}")
        if code is not None:
            return code
    # A file that cannot be read or written is named by the error itself.
    return ExitCode.BAD_INPUT if isinstance(error, OSError) and error.filename is not None else None


_REMEDIES = {
    errno.EACCES: "change its owner or its permissions, or name another place",
    errno.EPERM: "change its owner or its permissions, or name another place",
    errno.EROFS: "its disk is mounted for reading only; name another place",
    errno.ENOENT: "make it first, or name another place",
    errno.EEXIST: "a file of that name stands where a folder is needed; name another place",
    errno.ENOTDIR: "a file stands where a folder is needed; name another place",
    errno.ENOSPC: "the disk is full; make room, then give the same command again",
}


class Commands(TyperGroup):
    """The top group: what a command raises becomes a message and an exit code."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the command; unforeseen errors go on as they are, with their traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _print("Interrupted. Nothing recorded is lost; give the same command again to continue.")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except Exception as error:
            code = code_of(error)
            if code is None:
                raise
            _print(f"Error: {_words(error)}")
            raise typer.Exit(code) from error


def _words(error: Exception) -> str:
    """Return the message of an error; a database's own is put into words of use."""
    if type(error).__module__.startswith("sqlalchemy"):
        cause = getattr(error, "orig", error)
        return f"the ledger cannot be used: {cause}; check that its folder can be written to and that the disk has room"
    if isinstance(error, OSError) and error.filename is not None:
        remedy = _REMEDIES.get(error.errno or 0)
        return f"{error.filename}: {error.strerror or error}" + (f"; {remedy}" if remedy else "")
    return str(error)


def _print(text: str) -> None:
    from theodolite.cli.console import say

    sys.stdout.flush()
    say(text, style="bold red" if text.startswith("Error") else "bold yellow")
