"""``data``: published references, what of them is here, and how to get the rest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theodolite.cli.console import print_json, results, say
from theodolite.cli.data_describing import describe
from theodolite.cli.errors import UserError
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.tool_commands import JsonOption

if TYPE_CHECKING:
    from theodolite.data.catalogue import Held, Resource

__all__ = ["app"]

app = typer.Typer(
    help="Cells and references: what files hold, and published references.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("describe")(describe)


@app.command("list")
def list_resources(as_json: JsonOption = False) -> None:
    """List the resources, and say which of them are here."""
    from rich.table import Table

    from theodolite.data.catalogue import CATALOGUE, data_folder

    told = [_described(resource) for resource in CATALOGUE.values()]
    if as_json:
        print_json({"folder": str(data_folder()), "resources": told})
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("resource", "here", "fetched by name", "licence", "title"):
        table.add_column(column, overflow="fold")
    for item in told:
        here = "damaged" if item["damage"] else "yes" if item["held"] else "no"
        table.add_row(item["name"], here, "yes" if item["url"] else "no", item["licence"], item["title"])
    results().print(table)
    say(f"Data folder: {data_folder()}")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A resource, as `data list` calls it.")],
    as_json: JsonOption = False,
) -> None:
    """Show what a resource gives, its terms, its ancestry, and what of it is here."""
    from rich.table import Table

    from theodolite.data.catalogue import how_to_get, resource_called

    resource = resource_called(name)
    item = _described(resource)
    if as_json:
        print_json(item)
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key in ("title", "gives", "drops", "licence", "page"):
        table.add_row(key, item[key])
    if item["sizes"]:
        table.add_row("sizes", f"sets of {item['sizes'][0]} to {item['sizes'][1]} of a campaign's genes")
    table.add_row("made from", ", ".join(item["ancestry"]) or "nothing that is a database")
    for known in item["known_files"]:
        where = known["url"] or "no address of it is known"
        table.add_row("known file", f"{known['file']}, {known['version']} ({where})\nSHA-256 {known['sha256']}")
    if item["damage"]:
        table.add_row("here", item["damage"])
    elif item["held"] is None:
        table.add_row("here", f"no; {how_to_get(resource)}")
    else:
        held = item["held"]
        table.add_row(
            "here",
            f"{held['path']}\nversion {held['version']}, {held['date']}; {held['licence']}\nSHA-256 {held['sha256']}",
        )
    results().print(table)


@app.command("fetch")
def fetch_resources(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Resources, as `data list` calls them.")
    ] = None,
    mirror: Annotated[
        str | None, typer.Option(metavar="URL", help="Where to get the files instead; their hashes stay.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All that can be fetched and are not here.")] = False,
) -> None:
    """Fetch resources from where they are published, check their hashes, and keep them in the data folder."""
    from theodolite.data.catalogue import CATALOGUE, CatalogueError, fetch, held_in, resource_called

    if bool(names) == every:
        raise UserError("name the resources to fetch, or give --all, not both; `theodolite data list` shows them")
    if every:
        chosen = [item for item in CATALOGUE.values() if item.published is not None and held_in(item) is None]
    else:
        chosen = [resource_called(name) for name in names or ()]
    failed: list[str] = []
    for resource in chosen:
        try:
            held = fetch(resource, mirror)
        except CatalogueError as error:
            failed.append(str(error))
            continue
        say(f"{resource.name}: {held.file}, {held.size:,} bytes, {held.licence}; {held.path}")
    if failed:
        raise UserError("\n".join(failed))
    if not chosen:
        say("Everything that can be fetched is here.")


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A resource, as `data list` calls it.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Your file of it; it is copied.")],
    licence: Annotated[
        str | None, typer.Option(help="The terms under which you have it; the resource's where not given.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Its version, to be noted.")] = None,
    date: Annotated[str | None, typer.Option(help="Its date; the day of its last change where not given.")] = None,
) -> None:
    """Take over your own file of a resource, once it has been read as one."""
    from theodolite.data.catalogue import add_file, resource_called

    resource = resource_called(name)
    held = add_file(resource, file, licence=licence, version=version, date=date)
    known = "a file that the catalogue knows" if resource.known(held.sha256) else "your own file"
    say(f"{resource.name}: {known}, version {held.version}, {held.date}, {held.licence}; {held.path}")


@app.command("verify")
def verify(as_json: JsonOption = False) -> None:
    """Check every file of the data folder against the hash that was noted; ends with 1 where one differs."""
    from theodolite.data.catalogue import CATALOGUE, data_folder

    found = [item for item in map(_described, CATALOGUE.values()) if item["held"] or item["damage"]]
    damaged = [item for item in found if item["damage"]]
    if as_json:
        print_json([{"name": item["name"], "sound": not item["damage"], "damage": item["damage"]} for item in found])
    else:
        for item in found:
            results().print(f"{item['name']}: {item['damage'] or 'as noted'}", soft_wrap=True)
        if not found:
            say(f"{data_folder()} holds no file; `theodolite data list` shows what there is to get.")
    if damaged:
        raise typer.Exit(ExitCode.PROBLEM)


def _described(resource: Resource) -> dict[str, Any]:
    """Return what is known of a resource, with what of it is here, as plain data."""
    from dataclasses import asdict

    from theodolite.data.ancestry import databases
    from theodolite.data.catalogue import CatalogueError, held_in

    held: Held | None = None
    damage = None
    try:
        held = held_in(resource)
        if held is not None:
            held.content()
    except (CatalogueError, OSError) as error:
        damage = str(error)
    ancestors = (source for one in databases(*resource.made_from) for source in one.ancestry().values())
    parents = {source.name.removeprefix("database:") for source in ancestors}
    return {
        "name": resource.name,
        "title": resource.title,
        "gives": resource.gives,
        "drops": resource.drops,
        "licence": resource.licence,
        "page": resource.page,
        "url": resource.published.url if resource.published else None,
        "own": resource.own or None,
        "sizes": resource.sizes,
        "ancestry": sorted(parents),
        "known_files": [asdict(file) for file in resource.files],
        "held": None if held is None or damage else {**asdict(held), "path": str(held.path)},
        "damage": damage,
    }
