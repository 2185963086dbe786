"""``tools``: the instruments, as their own signatures describe them."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError

__all__ = ["app"]

app = typer.Typer(help="The instruments that a campaign may use.", no_args_is_help=True, rich_markup_mode=None)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_tools(as_json: JsonOption = False) -> None:
    """List the instruments."""
    from rich.table import Table

    from theodolite.tools import tools

    known = tools()
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
    name: Annotated[str, typer.Argument(help="A name that `tools list` prints.")], as_json: JsonOption = False
) -> None:
    """Describe one instrument: what it measures, its unit, its parameters."""
    from theodolite.tools import get_tool, tools

    if name not in {tool.name for tool in tools()}:
        raise UserError(f"no tool {name!r}; there are {', '.join(tool.name for tool in tools())}")
    described = get_tool(name).describe()
    if as_json:
        print_json(described)
        return
    console = results()
    console.print(f"{described['name']}, version {described['version']}", style="bold")
    for paragraph in _paragraphs(described["help"]):
        console.print(paragraph)
        console.print()
    fitted = ", ".join(described["fitted on discovery"]) or "nothing"
    for label, value in (
        ("shape of the result", described["shape"]),
        ("claims that", f"{described['object']} {described['relation'].replace('_', ' ')} a reference"),
        ("unit of the score", described["unit"]),
        ("fitted on discovery genes", fitted),
    ):
        console.print(f"{label}: {value}")
    console.print("parameters:")
    for key, schema in described["parameters"]["properties"].items():
        console.print(f"  {key}: {schema.get('description', '')}{_bounds(schema)}")


def _paragraphs(docstring: str) -> list[str]:
    """Return the prose of a numpy docstring, which ends at its first underlined section, as unbroken paragraphs."""
    prose = re.split(r"\n\n[^\n]+\n-{3,}\n", docstring)[0]
    return [" ".join(paragraph.split()) for paragraph in prose.split("\n\n")]


def _bounds(schema: dict[str, object]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and high is None:
        return ""
    return f" ({low} or more)" if high is None else f" ({low} to {high})"
