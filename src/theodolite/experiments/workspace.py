"""The folder of a ledger, and where everything in it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Workspace"]


@dataclass(frozen=True)
class Workspace:
    """The folder of a ledger and of what its campaigns keep.

    Attributes
    ----------
    folder
        Holds ``ledger.sqlite``, ``artefacts/`` (by content hash), ``checkpoints/`` (of the graph, a file a campaign,
        expendable) and ``worker.log``.
    cache
        Folder of captures and of ``results/`` (by job hash); several workspaces may share one.
    """

    folder: Path
    cache: Path

    @classmethod
    def at(cls, folder: Path, cache: Path | None = None) -> Workspace:
        """Return the workspace at a folder, made if it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder.resolve(), (cache or folder / "cache").resolve())

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.folder / "ledger.sqlite"

    @property
    def artefacts(self) -> Path:
        """Folder of the artefact store."""
        return self.folder / "artefacts"

    @property
    def results(self) -> Path:
        """Folder of result files."""
        return self.cache / "results"

    def checkpoints(self, campaign: str) -> Path:
        """Return where the checkpoints of a campaign's graph are; each has a file of its own, for several may run."""
        return self.folder / "checkpoints" / f"{campaign}.sqlite"

    @property
    def worker_log(self) -> Path:
        """What the worker printed."""
        return self.folder / "worker.log"
