"""``ledger``: read, check, rebuild, compare, correct, export and keep what campaigns recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theodolite.cli import anchoring, bundling, upkeep
from theodolite.cli.console import print_json, results
from theodolite.cli.errors import UserError
from theodolite.cli.exit_codes import ExitCode
from theodolite.cli.invalidating import invalidate_node, list_nodes
from theodolite.cli.tool_commands import JsonOption
from theodolite.cli.workspaces import WorkspaceOption, campaign_id, find_ledger

if TYPE_CHECKING:
    from theodolite.store import Problem

__all__ = ["app"]

app = typer.Typer(
    help="Read, check, rebuild, compare, correct, export and keep the ledger.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

CampaignOption = Annotated[str | None, typer.Option("--campaign", help="Only this campaign (its id or its name).")]


@app.command("list")
def list_hypotheses(
    workspace: WorkspaceOption = None,
    campaign: CampaignOption = None,
    verdict: Annotated[
        str | None,
        typer.Option(help="Only this outcome: supported, refuted, inconclusive, invalid, error, pending, refused."),
    ] = None,
    family: Annotated[str | None, typer.Option(help="Only this instrument, such as attention.edges.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List hypotheses with effect, evidence, verdict, first unmet gate and next step."""
    path = find_ledger(workspace)
    from theodolite.cli.verdicts import print_counts, print_verdicts
    from theodolite.reports import OUTCOMES, count_outcomes, reused_supports, verdict_lines
    from theodolite.store import Ledger

    if verdict is not None and verdict not in OUTCOMES:
        raise UserError(f"--verdict is {verdict!r}; it is one of {', '.join(OUTCOMES)}")
    with Ledger.open(path, read_only=True) as ledger:
        chosen = campaign_id(path, campaign)
        if family is not None:
            families = sorted({line.family for line in verdict_lines(ledger, chosen)})
            if family not in families:
                raise UserError(f"--family is {family!r}; the ledger has {', '.join(families) or 'no hypothesis'}")
        lines = verdict_lines(ledger, chosen, verdict=verdict, family=family, limit=limit)
    if as_json:
        print_json(lines)
        return
    print_verdicts(lines)
    if lines:
        print_counts(count_outcomes(lines), reused_supports(lines))


@app.command("candidates")
def list_candidates(
    workspace: WorkspaceOption = None,
    campaign: CampaignOption = None,
    ruler: Annotated[str | None, typer.Option(help="Only those about this ruler.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List what searches for manifolds tried on discovery donors, best first, refused fits with their reason."""
    path = find_ledger(workspace)
    from theodolite.cli.candidates import print_candidates
    from theodolite.reports import candidate_lines
    from theodolite.store import Ledger

    with Ledger.open(path, read_only=True) as ledger:
        chosen = campaign_id(path, campaign)
        rulers = sorted({line.ruler for line in candidate_lines(ledger, chosen) if line.ruler is not None})
        if ruler is not None and ruler not in rulers:
            raise UserError(f"--ruler is {ruler!r}; searches here had {', '.join(rulers) or 'none'}")
        lines = candidate_lines(ledger, chosen, ruler=ruler, limit=limit)
    if as_json:
        print_json(lines)
    elif lines:
        print_candidates(lines)
    else:
        results().print("No search; `manifold:` in a campaign file makes one (docs/instruments/manifold.md).")


@app.command("descriptions")
def list_descriptions(
    workspace: WorkspaceOption = None, campaign: CampaignOption = None, as_json: JsonOption = False
) -> None:
    """List what campaigns described of their models: a sentence each, beside its controls; none is a claim."""
    path = find_ledger(workspace)
    from theodolite.cli.descriptions import print_descriptions
    from theodolite.reports import description_lines
    from theodolite.store import Ledger

    with Ledger.open(path, read_only=True) as ledger:
        lines = description_lines(ledger, campaign_id(path, campaign))
    if as_json:
        print_json(lines)
    elif lines:
        print_descriptions(lines, ids=True)
    else:
        results().print("No description; `descriptions:` in a campaign file asks for some (`theodolite tools list`).")


@app.command("show")
def show(
    name: Annotated[
        str, typer.Argument(metavar="SLOT_OR_ENTRY", help="A slot (r01.s003, or with its campaign) or an entry's id.")
    ],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the life of one hypothesis, gate by gate, or one entry of the chain."""
    path = find_ledger(workspace)
    from theodolite.cli.descriptions import print_description
    from theodolite.cli.slot_view import print_entry, print_life
    from theodolite.reports import as_description, exchange, find_subject, slot_life
    from theodolite.store import EntryKind, Ledger

    with Ledger.open(path, read_only=True) as ledger:
        subjects = find_subject(ledger, name)
        if len(subjects) > 1:
            raise UserError(f"{name!r} is a slot of several campaigns; choose one: {', '.join(subjects)}")
        entry = None if subjects else ledger.get(name)
        said = None if entry is None else exchange(ledger, entry)
        life = slot_life(ledger, subjects[0]) if subjects else None
    if life is not None:
        print_json(life) if as_json else print_life(life)
    elif entry is not None:
        if as_json:
            print_json(entry)
        elif entry.kind is EntryKind.DESCRIPTION:
            print_description(as_description(entry))
        else:
            print_entry(entry, said)
    else:
        raise UserError(f"{name!r} is neither a slot nor an entry of {path}; `theodolite ledger list` shows the slots")


@app.command("verify")
def verify_ledger(
    workspace: WorkspaceOption = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Recompute the numbers of every gate from the artefacts as well.")
    ] = False,
    head: Annotated[
        str | None, typer.Option(help="Hash of the head as you noted it; it must still be in the chain.")
    ] = None,
    anchor: anchoring.AnchorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the chain, the artefacts, the tables, and every level and decision; exit code 1 if anything is wrong."""
    path = find_ledger(workspace)
    from theodolite.cli.progress import waiting

    with waiting("Checking the chain, the artefacts and the tables"):
        from theodolite.store import refuse_no_ledger, verify

        refuse_no_ledger(path)
        report = verify(path, expected_head=head)
    problems = list(report.problems)
    # Decisions are replayed from the rows; on a broken chain they would only repeat the damage.
    if report.ok:
        problems += _verify_decisions(path, deep)
    anchored = None if anchor is None else anchoring.anchors_hold(path, anchor)
    problems += anchored.problems if anchored is not None else ()
    if as_json:
        print_json(
            {
                "ok": not problems,
                "entries": report.entries,
                "head": report.head.hash,
                "deep": deep,
                "anchors": None if anchored is None else anchored.held,
                "problems": problems,
            }
        )
    elif not problems:
        checked = "chain, artefacts, tables, levels and decisions agree"
        deeply = (
            "; every gate number was recomputed from the artefacts, and descriptions agree with theirs" if deep else ""
        )
        results().print(f"{report.entries} entries, head {report.head.hash}: {checked}{deeply}.", soft_wrap=True)
        if anchored is not None:
            others = f"; {anchored.others} are of other ledgers" if anchored.others else ""
            results().print(
                f"It extends {anchored.held} anchor{'s' * (anchored.held != 1)}, "
                f"the last at row {anchored.last}{others}."
            )
    else:
        for problem in problems:
            results().print(str(problem), soft_wrap=True)
        results().print(
            f"{len(problems)} problem{'s' * (len(problems) != 1)} in {path}", style="bold red", soft_wrap=True
        )
    if problems:
        raise typer.Exit(ExitCode.PROBLEM)


def _verify_decisions(path: Path, deep: bool) -> list[Problem]:
    from theodolite.cli.progress import waiting

    what = "Recomputing every gate from the artefacts" if deep else "Replaying levels and decisions"
    with waiting(what):
        from theodolite.experiments.replay import verify_decisions
        from theodolite.store import Ledger

        with Ledger.open(path, read_only=True) as ledger:
            return list(verify_decisions(ledger, deep=deep))


@app.command("rejudge")
def rejudge_ledger(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Judge every test of an older catalogue under today's gates; adds rows, and the first verdicts stand."""
    path = find_ledger(workspace)
    from theodolite.cli.progress import waiting
    from theodolite.cli.verdicts import print_rejudgements

    with waiting("Judging again"):
        from theodolite.experiments.rejudging import rejudge
        from theodolite.store import Ledger, hypothesis_rows

        with Ledger.open(path) as ledger, ledger.coordinator("theodolite ledger rejudge"):
            again = list(rejudge(ledger))
            first = {row.subject: row for row in hypothesis_rows(ledger)}
    if as_json:
        print_json(again)
    else:
        print_rejudgements(again, first)


app.command("nodes")(list_nodes)
app.command("invalidate")(invalidate_node)


@app.command("audit")
def audit_streams(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Show what other rules would say of each error stream: headline, candidate and re-audited tiers; binds nothing."""
    path = find_ledger(workspace)
    from theodolite.cli.verdicts import print_tiers
    from theodolite.reports import audit
    from theodolite.store import Ledger

    with Ledger.open(path, read_only=True) as ledger:
        tiers = audit(ledger)
    if as_json:
        print_json(tiers)
    else:
        print_tiers(tiers)


@app.command("rebuild")
def rebuild_tables(workspace: WorkspaceOption = None) -> None:
    """Make the tables again from the chain; a ledger with a broken chain is refused."""
    path = find_ledger(workspace)
    from theodolite.cli.progress import waiting

    with waiting("Rebuilding the tables"):
        from theodolite.store import Ledger, rebuild

        with Ledger.open(path) as ledger, ledger.coordinator("theodolite ledger rebuild"):
            count = rebuild(ledger)
    results().print(f"The tables were made again from {count} entries.")


@app.command("diff")
def diff_ledgers(
    first: Annotated[Path, typer.Argument(help="A workspace or its ledger.sqlite.")],
    second: Annotated[Path, typer.Argument(help="Another.")],
    campaign: Annotated[
        str | None, typer.Option(help="Compare the rows of this campaign alone, by its id or name.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what two ledgers record, clocks aside; exit code 1 if they differ."""
    one, two = find_ledger(first), find_ledger(second)
    of = campaign_id(one, campaign)
    from theodolite.store import Ledger, diff

    with Ledger.open(one, read_only=True) as left, Ledger.open(two, read_only=True) as right:
        found = diff(left, right, of)
        entries = left.head().seq
    if as_json:
        print_json(found)
    elif not found:
        which = f"the same {entries} entries" if of is None else f"the same entries of {of}"
        results().print(f"Both record {which}.", soft_wrap=True)
    else:
        for difference in found:
            results().print(str(difference), soft_wrap=True)
        results().print(f"{len(found)} differences", style="bold red")
    if found:
        raise typer.Exit(ExitCode.PROBLEM)


@app.command("export")
def export(
    workspace: WorkspaceOption = None,
    campaign: CampaignOption = None,
    format: Annotated[str, typer.Option("--format", help="csv or json.")] = "csv",
    out: Annotated[Path | None, typer.Option("--out", help="File to write; standard output where not given.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write every hypothesis with all its numbers as CSV or JSON."""
    if format not in ("csv", "json"):
        raise UserError(f"--format is {format!r}; it is csv or json")
    if out is not None and out.exists() and not force:
        raise UserError(f"{str(out)!r} exists; give another name, or --force to replace it")
    path = find_ledger(workspace)
    from theodolite.reports.export import hypothesis_batches, hypothesis_columns
    from theodolite.reports.leaving import csv_pieces, json_pieces
    from theodolite.store import Find, Ledger, count_found

    what = Find(campaign=campaign_id(path, campaign))
    with Ledger.open(path, read_only=True) as ledger:
        batches = hypothesis_batches(ledger, what, descending=False)
        pieces = csv_pieces(hypothesis_columns(), batches) if format == "csv" else json_pieces(batches)
        if out is None:
            for piece in pieces:
                typer.echo(piece, nl=False)
            return
        with out.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        number = count_found(ledger, what).number
    results().print(f"Wrote {number} hypotheses to {out}.", soft_wrap=True)


app.command("bundle", short_help="Write a campaign's pages to a folder that opens without a server.")(
    bundling.bundle_campaign
)
app.command("backup", short_help="Copy the ledger and its artefacts, verified.")(upkeep.backup_ledger)
app.command("restore", short_help="Make a workspace from a backup.")(upkeep.restore_ledger)
app.command("anchor", short_help="Note the head where agents cannot write.")(anchoring.anchor)
app.command("collect", short_help="Remove what no row names.")(upkeep.collect)
