"""Where a ledger may lie: not on file systems on which SQLite's write-ahead log does not work."""

from __future__ import annotations

from pathlib import Path

from theodolite.store.errors import LedgerFormatError, LedgerNetworkFolder, LedgerNotFound

__all__ = ["NETWORK_FILE_SYSTEMS", "file_system_of", "network_file_system", "prepare_file", "refuse_network_folder"]

NETWORK_FILE_SYSTEMS = frozenset(
    {
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "panfs",
        "pvfs2",
        "smb3",
        "smbfs",
        "wekafs",
    }
)
"""File system types, as Linux names them, whose machines do not share the memory that the write-ahead log needs."""


def file_system_of(folder: Path, mounts: str) -> str | None:
    """Return the type of the file system that holds a folder, given the text of ``/proc/mounts``."""
    resolved = folder.resolve()
    best: tuple[int, str | None] = (-1, None)
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = Path(fields[1].encode().decode("unicode_escape"))
        # A later line hides an earlier one at the same place, hence >=.
        if resolved.is_relative_to(mount) and len(mount.parts) >= best[0]:
            best = (len(mount.parts), fields[2])
    return best[1]


def network_file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """Return the type of the network file system that a folder lies on; None on a local one, or if nothing is known."""
    try:
        kind = file_system_of(folder, mounts.read_text(errors="replace"))
    except OSError:
        return None
    return kind if kind in NETWORK_FILE_SYSTEMS else None


def refuse_network_folder(folder: Path, mounts: Path = Path("/proc/mounts")) -> None:
    """Raise if a folder lies on a network file system; where there is no ``/proc/mounts`` nothing is known.

    Raises
    ------
    LedgerNetworkFolder
        Naming the folder and the file system.
    """
    kind = network_file_system(folder, mounts)
    if kind is not None:
        raise LedgerNetworkFolder(
            f"{folder} is on a network file system ({kind}), on which SQLite's write-ahead log can corrupt the ledger; "
            "put the workspace on a local disk (scratch of the login node, /tmp) and copy it when the campaign is done"
        )


def prepare_file(path: Path, *, make: bool) -> None:
    """Make an empty file for a new ledger, and its folder, or refuse a path at which there is none.

    Raises
    ------
    LedgerNotFound
        If there is no file and none is to be made.
    LedgerFormatError
        If the file is empty and none is to be made.
    LedgerNetworkFolder
        If the folder is on a network file system.
    """
    if not path.exists():
        if not make:
            raise LedgerNotFound(f"there is no ledger at {path}; create one, or give the path of a ledger.sqlite")
        path.parent.mkdir(parents=True, exist_ok=True)
    refuse_network_folder(path.parent)
    if path.exists() and path.stat().st_size > 0:
        return
    if not make:
        raise LedgerFormatError(f"{path} is an empty file, not a ledger; remove it and create a ledger there")
    path.touch()
