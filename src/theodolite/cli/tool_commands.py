"""``tools``: the instruments, as their own signatures describe them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError

if TYPE_CHECKING:
    from theodolite.tools import Tool

__all__ = ["JsonOption", "PluginOption", "app", "known_tools", "tool_called"]

app = typer.Typer(help="The instruments that a campaign may use.", no_args_is_help=True, rich_markup_mode=None)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option("--plugin", help="Path of a plug-in, a .py file or the folder of a package; may be repeated."),
]


def known_tools(plugins: list[Path] | None) -> tuple[Tool, ...]:
    """Return every instrument: what is built in, what installed packages offer, and what plug-ins at paths do.

    Raises
    ------
    PluginError
        If one cannot be loaded.
    """
    from theodolite.plugins import load_installed, load_plugins
    from theodolite.tools import tools

    load_plugins(plugins or ())
    load_installed("tools")
    return tools()


def tool_called(name: str, plugins: list[Path] | None) -> Tool:
    """Return an instrument by name.

    Raises
    ------
    UserError
        If there is none, with those there are.
    """
    known = {tool.name: tool for tool in known_tools(plugins)}
    if name not in known:
        raise UserError(f"no tool {name!r}; there are {', '.join(known)}")
    return known[name]


@app.command("list")
def list_tools(plugin: PluginOption = None, as_json: JsonOption = False) -> None:
    """List the instruments, those of plug-ins among them."""
    from rich.table import Table

    known = known_tools(plugin)
    if as_json:
        print_json(
            [
                {"name": tool.name, "version": tool.version, "family": tool.family, "help": tool.summary}
                for tool in known
            ]
        )
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("tool", no_wrap=True)
    table.add_column("version", no_wrap=True)
    table.add_column("what it measures")
    for tool in known:
        table.add_row(tool.name, tool.version, tool.summary)
    results().print(table)


@app.command("describe")
def describe_tool(
    name: Annotated[str, typer.Argument(help="A name that `tools list` prints.")],
    plugin: PluginOption = None,
    model: Annotated[str, typer.Option("--model", help="Model whose places, memory and examples are told.")] = (
        "compact-pbmc"
    ),
    genes: Annotated[int, typer.Option("--genes", min=1, help="Genes for which memory is told.")] = 1_000,
    regulators: Annotated[int, typer.Option("--regulators", min=0, help="Regulators likewise.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Describe one instrument: what it measures and reads, its unit, parameters, places, memory, and how to use it."""
    from theodolite.cli.tool_describing import described, lines_of, paragraphs, parameter_line
    from theodolite.plugins import find_facts

    told = described(tool_called(name, plugin), find_facts(model), genes, regulators, plugin or [])
    if as_json:
        print_json(told)
        return
    console = results()
    console.print(f"{told['name']}, version {told['version']}", style="bold")
    for paragraph in paragraphs(told["help"]):
        console.print(paragraph)
        console.print()
    for label, value in lines_of(told):
        console.print(f"{label}: {value}")
    console.print("parameters:")
    for key, schema in told["parameters"].get("properties", {}).items():
        console.print(f"  {parameter_line(key, schema)}")
    for label, lines in (("in a campaign file", told["campaign"]), ("in Python, on an AnnData", told["python"])):
        console.print(f"{label}:")
        for line in lines:
            console.print(f"  {line}", markup=False, soft_wrap=True)
