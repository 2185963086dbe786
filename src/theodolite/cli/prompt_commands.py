"""``prompts``: what language models are told, and under which hash."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError
from theodolite.cli.tool_commands import JsonOption

__all__ = ["app"]

app = typer.Typer(help="What language models are told.", no_args_is_help=True, rich_markup_mode=None)


@app.command("show")
def show(
    name: Annotated[str | None, typer.Argument(help="Name of a prompt; all are listed where not given.")] = None,
    campaign: Annotated[Path | None, typer.Option(help="A campaign file, whose own prompts are shown.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the prompts with their hashes, or print one."""
    from theodolite.prompts import PURPOSES, load_prompts

    folder = None
    if campaign is not None:
        from theodolite.experiments import load_campaign

        folder = load_campaign(campaign).prompts_folder
    prompts = load_prompts(folder)
    if name is not None and name not in prompts.texts:
        raise UserError(f"no prompt {name!r}; there are {', '.join(prompts.texts)}")
    hashes = prompts.hashes()
    if as_json:
        chosen = prompts.texts if name is None else {name: prompts.texts[name]}
        print_json(
            {
                "sha256": prompts.sha256,
                "prompts": [
                    {"name": key, "sha256": hashes[key], "own": key in prompts.replaced, "text": text}
                    for key, text in chosen.items()
                ],
            }
        )
        return
    console = results()
    if name is not None:
        # As it stands in the file: brackets in it are no markup.
        console.out(prompts.texts[name], end="", highlight=False)
        return
    for key in prompts.texts:
        own = ", the campaign's own" if key in prompts.replaced else ""
        console.print(f"{key:<10} {hashes[key][:16]}  {PURPOSES[key]}{own}", soft_wrap=True, markup=False)
    console.print(f"together   {prompts.sha256[:16]}", soft_wrap=True)
