"""Network file systems are recognised and refused."""

from __future__ import annotations

import pytest

from theodolite.store import Ledger, LedgerNetworkFolder
from theodolite.store.folders import file_system_of, refuse_network_folder


def mounts_of(tmp_path, kind):
    here = str(tmp_path.resolve()).replace(" ", "\\040")
    return (
        f"/dev/vda / ext4 rw 0 0\nserver:/home {here}/net nfs4 rw 0 0\nnone {here}/net/my\\040scratch {kind} rw 0 0\n"
    )


def test_the_innermost_mount_counts(tmp_path):
    mounts = mounts_of(tmp_path, "xfs")
    assert file_system_of(tmp_path, mounts) == "ext4"
    assert file_system_of(tmp_path / "net" / "campaign", mounts) == "nfs4"
    assert file_system_of(tmp_path / "network", mounts) == "ext4", "a name that starts alike is another folder"
    assert file_system_of(tmp_path / "net" / "my scratch" / "campaign", mounts) == "xfs"
    assert file_system_of(tmp_path, "/dev/vda / ext4 rw 0 0\nserver:/ / nfs rw 0 0\n") == "nfs", "the later one hides"


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "gpfs", "lustre"])
def test_a_ledger_on_a_network_file_system_is_refused(tmp_path, kind, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(mounts_of(tmp_path, kind))
    folder = tmp_path / "net" / "my scratch"
    folder.mkdir(parents=True)
    with pytest.raises(LedgerNetworkFolder, match=rf"my scratch is on a network file system \({kind}\)"):
        refuse_network_folder(folder, mounts)
    refuse_network_folder(tmp_path, mounts)
    refuse_network_folder(folder, tmp_path / "absent")
    monkeypatch.setattr(
        "theodolite.store.folders.refuse_network_folder", lambda where: refuse_network_folder(where, mounts)
    )
    with pytest.raises(LedgerNetworkFolder, match="local disk"):
        Ledger.create(folder / "ledger.sqlite")
    assert not (folder / "ledger.sqlite").exists()
