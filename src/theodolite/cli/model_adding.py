"""``models add``: put a published model onto the user's shelf, from its authors' place or from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli.console import print_json, results, say
from theodolite.cli.errors import UserError
from theodolite.cli.tool_commands import JsonOption

if TYPE_CHECKING:
    from theodolite.models.adding import Plan
    from theodolite.models.known import ExpectedFile, KnownModel
    from theodolite.models.shelf import Card

__all__ = ["add_model"]


def add_model(
    name: Annotated[
        str | None, typer.Argument(help="A published model; without one, those known here are listed.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder with its files; where not given, they are downloaded.", show_default=False),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Another server of the repository; recorded in the model's card.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(metavar="REV", help="Another branch, tag or commit of the repository.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a published model: its files are copied, read strictly, and kept with licence, source and checksums.

    Campaign files then call it by its name. The folder is that of THEODOLITE_MODELS, or of the user's data.
    """
    from datetime import UTC, datetime

    from theodolite.cli.progress import waiting
    from theodolite.models.adding import add_from, known_model, plan_of_folder, staging

    if name is None:
        _list(as_json)
        return
    model = known_model(name)
    if folder is not None and (endpoint is not None or revision is not None):
        raise UserError("--endpoint and --revision are for downloads; leave them out, or leave the folder out")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if not as_json:
        _describe(model)
    if folder is not None:
        plan = plan_of_folder(model, folder)
        if not as_json:
            _compare(plan)
        with waiting(f"Adding {name}"):
            place, card = add_from(plan, now, say)
    else:
        if model.repository is None:
            raise UserError(
                f"{name} cannot be downloaded by a program: {model.fetch}, then give "
                f"`theodolite models add {name} FOLDER`"
            )
        from theodolite.models.fetching import fetch

        with staging(f"download-of-{name}") as fresh:
            plan = fetch(model, fresh, endpoint=endpoint, revision=revision, said=say)
            place, card = add_from(plan, now, say)
    _done(place, card, as_json)


def _list(as_json: bool) -> None:
    from rich.table import Table

    from theodolite.models.known import KNOWN
    from theodolite.models.shelf import registered_models

    there = registered_models()
    if as_json:
        print_json(
            [
                {"name": name, "licence": model.licence, "page": model.page, "folder": there.get(name)}
                for name, model in KNOWN.items()
            ]
        )
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("model", "licence", "what", "added"):
        table.add_column(column, no_wrap=column == "model")
    for name, model in KNOWN.items():
        table.add_row(name, model.licence, model.title, "yes" if name in there else "")
    results().print(table)


def _describe(model: KnownModel) -> None:
    say(f"{model.title}\nauthors' page: {model.page}\nlicence: {model.licence}\nexpected files:")
    for file in (*model.files, *model.dictionaries):
        say(f"  {' or '.join(_short(file))}  {file.why}{_about(file.bytes)}")
    if model.repository is None:
        say(f"to get them: {model.fetch}")


def _short(file: ExpectedFile) -> list[str]:
    return list(dict.fromkeys(Path(name).name for name in file.names))


def _about(size: int | None) -> str:
    if size is None:
        return ""
    return f", about {size / 1e6:,.0f} MB" if size >= 1e6 else f", about {size / 1e3:,.0f} kB"


def _compare(plan: Plan) -> None:
    say("found:")
    for target, path in plan.files.items():
        say(f"  {target}  {path.stat().st_size:,} bytes  {path}")


def _done(place: Path, card: Card, as_json: bool) -> None:
    if as_json:
        print_json({"folder": place, **{name: getattr(card, name) for name in card.__dataclass_fields__}})
        return
    total = sum(entry["bytes"] for entry in card.files.values())
    for note in card.notes:
        say(note, style="bold yellow")
    results().print(
        f"{card.name} is added: {place} ({total:,} bytes), content hash {card.model_sha256[:16]}", soft_wrap=True
    )
    if card.left_out:
        results().print(
            f"not read, for the model has no place for it: {', '.join(card.left_out[:5])}"
            + (f" and {len(card.left_out) - 5} more tensors" if len(card.left_out) > 5 else ""),
            soft_wrap=True,
        )
