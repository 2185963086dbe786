"""``ledger bundle``: a campaign's pages as a folder that opens without a server."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from theodolite.cli.console import results
from theodolite.cli.errors import UserError
from theodolite.cli.progress import counted
from theodolite.cli.workspaces import WorkspaceOption, campaign_id, find_ledger

__all__ = ["bundle_campaign"]


def bundle_campaign(
    campaign: Annotated[str, typer.Option("--campaign", help="Which campaign (its id or its name).")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write, new or empty; with --zip a file.")],
    workspace: WorkspaceOption = None,
    as_zip: Annotated[bool, typer.Option("--zip", help="Write one .zip file in place of the folder.")] = False,
) -> None:
    """Write the dashboard's pages of one campaign to a folder that any browser opens, without a server.

    The copy is of one moment, and says of which entry; a campaign may be running. The same ledger gives the same bytes.
    """
    path = find_ledger(workspace)
    chosen = campaign_id(path, campaign)
    assert chosen is not None
    from theodolite.dashboard.bundle import bundle, zipped

    target = out.with_name(f"{out.name}.zip") if as_zip and out.suffix != ".zip" else out
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"--out {str(target)!r} exists and is not empty; name a new one")
    with counted("Writing pages", 1) as shown, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "copy" if as_zip else target
        made = bundle(path, chosen, folder, progress=lambda done, known: shown(done, "", known))
        if as_zip:
            zipped(folder, target)
    where = target if as_zip else target / "index.html"
    results().print(
        f"Wrote {made.pages} pages and {made.files} other files of {chosen}, as of entry {made.head.seq}: {where}",
        soft_wrap=True,
    )
