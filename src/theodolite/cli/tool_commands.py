"""``tools``: the instruments and the descriptions, as their own signatures tell them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError

if TYPE_CHECKING:
    from theodolite.descriptions import Description
    from theodolite.tools import Tool

__all__ = ["JsonOption", "PluginOption", "app", "tool_called"]

app = typer.Typer(help="The instruments that a campaign may use.", no_args_is_help=True, rich_markup_mode=None)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option("--plugin", help="Path of a plug-in, a .py file or the folder of a package; may be repeated."),
]


def _known(plugins: list[Path] | None) -> dict[str, Tool | Description]:
    """Return by name what is built in, what installed packages offer, and what plug-ins at paths do; tools first.

    Raises
    ------
    PluginError
        If one cannot be loaded.
    """
    from theodolite.descriptions import descriptions
    from theodolite.plugins import load_installed, load_plugins
    from theodolite.tools import tools

    load_plugins(plugins or ())
    load_installed("tools")
    found: tuple[Tool | Description, ...] = (*tools(), *descriptions())
    return {item.name: item for item in found}


def _called(name: str, plugins: list[Path] | None) -> Tool | Description:
    known = _known(plugins)
    if name not in known:
        raise UserError(f"no tool {name!r}; there are {', '.join(known)}")
    return known[name]


def tool_called(name: str, plugins: list[Path] | None) -> Tool:
    """Return an instrument whose scores are judged, by name.

    Raises
    ------
    UserError
        If there is none, with those there are, or it is a description.
    """
    from theodolite.tools import Tool

    found = _called(name, plugins)
    if not isinstance(found, Tool):
        raise UserError(f"{name!r} is a description, which makes no claim; `theodolite tools describe {name}` tells it")
    return found


@app.command("list")
def list_tools(plugin: PluginOption = None, as_json: JsonOption = False) -> None:
    """List the instruments and descriptions, those of plug-ins among them."""
    from rich.table import Table

    from theodolite.tools import Tool

    known = _known(plugin)
    if as_json:
        print_json(
            [
                {
                    "name": found.name,
                    "kind": "tool" if isinstance(found, Tool) else "description",
                    "version": found.version,
                    "family": found.family,
                    "help": found.summary,
                }
                for found in known.values()
            ]
        )
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("tool", no_wrap=True)
    table.add_column("version", no_wrap=True)
    table.add_column("what it measures")
    for found in known.values():
        if isinstance(found, Tool):
            table.add_row(found.name, found.version, found.summary)
    table.add_section()
    table.add_row("")
    table.add_row("description", "version", "what it describes; makes no claim", style="bold")
    for found in known.values():
        if not isinstance(found, Tool):
            table.add_row(found.name, found.version, found.summary)
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
    """Describe one instrument or description: what it measures and reads, its parameters, memory, and how to use it."""
    from theodolite.cli.description_telling import lines_of_description, told_of
    from theodolite.cli.tool_describing import described, lines_of, paragraphs, parameter_line
    from theodolite.plugins import find_facts
    from theodolite.tools import Tool

    found = _called(name, plugin)
    facts = find_facts(model)
    told: dict[str, Any]
    if isinstance(found, Tool):
        told = described(found, facts, genes, regulators, plugin or [])
        lines = lines_of
    else:
        told = told_of(found, facts, genes, regulators, plugin or [])
        lines = lines_of_description
    if as_json:
        print_json(told)
        return
    console = results()
    console.print(f"{told['name']}, version {told['version']}", style="bold")
    for paragraph in paragraphs(told["help"]):
        console.print(paragraph)
        console.print()
    for label, value in lines(told):
        console.print(f"{label}: {value}")
    console.print("parameters:")
    for key, schema in told["parameters"].get("properties", {}).items():
        console.print(f"  {parameter_line(key, schema)}")
    for label, shown in (("in a campaign file", told["campaign"]), ("in Python, on an AnnData", told["python"])):
        console.print(f"{label}:")
        for line in shown:
            console.print(f"  {line}", markup=False, soft_wrap=True)
