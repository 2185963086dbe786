"""``data``: the group of commands about cells and references."""

from __future__ import annotations

import typer

__all__ = ["app"]

app = typer.Typer(help="Cells and references: what is in a file.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    # Without a callback a group of one command would be that command.
    return
