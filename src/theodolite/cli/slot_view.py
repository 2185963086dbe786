"""One hypothesis in full, and one entry of the chain, as text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from theodolite.cli.console import results
from theodolite.cli.verdicts import STYLES, effect_text, evidence_text, number

if TYPE_CHECKING:
    from theodolite.reports import Exchange, SlotLife
    from theodolite.store import Entry

__all__ = ["print_entry", "print_life", "way_text"]

_MARK = {True: ("met", "green"), False: ("NOT met", "bold red"), None: ("does not apply", "dim")}


def print_life(life: SlotLife) -> None:
    """Print what was proposed, locked, measured, judged, objected and decided."""
    from rich.padding import Padding

    from theodolite.reports.verdict_table import as_line

    console = results()
    row = life.hypothesis
    line = as_line(row, life.gates, life.refusal)
    console.print(row.subject, style="bold", soft_wrap=True)
    console.print(row.claim_text)
    console.print(line.outcome.upper() + "".join(f" {tag}" for tag in line.tags), style=STYLES[line.outcome])
    if line.effect is not None:
        console.print(f"{effect_text(line)}, {evidence_text(line)}")
    if line.next_step:
        console.print(f"Next: {line.next_step}")
    for turned in life.invalidations:
        _heading("Invalidated")
        console.print(Padding(f"{turned.node}, by {turned.person}: {turned.reason}", (0, 0, 0, 2)))
        console.print(f"  {way_text(turned.path)}", soft_wrap=True)
        console.print(f"  it was {turned.was} until then; the row of that verdict stands below", soft_wrap=True)
    _heading("Proposed")
    author = f"the {row.author}" if life.person is None else f"{life.person} (a person)"
    console.print(Padding(f"by {author} with {row.tool}: {row.rationale}", (0, 0, 0, 2)))
    if life.refusal is not None:
        _heading("Refused before it ran")
        console.print(Padding(life.refusal, (0, 0, 0, 2)))
    if life.plan is not None:
        _print_plan(life)
    if row.failure_reason is not None:
        _heading("Failed")
        console.print(Padding(f"{row.failure_phase}, {row.failure_code}: {row.failure_reason}", (0, 0, 0, 2)))
    if life.gates:
        _print_gates(life)
    for null in life.nulls:
        console.print(
            f"  null {null.null.replace('_', ' ')}: {null.exceedances:,} of {null.draws:,} draws did as well, "
            f"p {number(null.p)}"
        )
    if life.controls:
        _heading("Controls that the reviewer ordered")
        for control in life.controls:
            mark, style = _MARK[control["passed"]]
            console.print(f"  {control['control'].replace('_', ' ')} ({control['variant']}): {mark}", style=style)
            console.print(Padding(control["sentence"], (0, 0, 0, 4)))
    for review in life.reviews:
        _heading(f"Review of the {'plan' if review.stage == 1 else 'record'} by {review.reviewer}")
        console.print(Padding(f"likeliest confound: {review.likely_confound}", (0, 0, 0, 2)))
        console.print(f"  predicted {review.predicted_verdict}; cap: {review.cap}")
        for item in review.objections:
            console.print(Padding(f"objects ({item['code']}, {item['gate']}): {item['note']}", (0, 0, 0, 2)))
    if life.approvals:
        _heading("People")
    for said in life.approvals:
        did = "approved" if said.approved else "rejected"
        why = f": {said.reason}" if said.reason else ""
        console.print(Padding(f"{said.person} {did} the {said.of}{why}", (0, 0, 0, 2)))
    _heading("Entries")
    for step in life.steps:
        console.print(f"  {step.seq:>5}  {step.at[:19]}  {step.kind:<14} {step.hash[:16]}", soft_wrap=True)


def print_entry(entry: Entry, said: Exchange | None = None) -> None:
    """Print one entry with its payload, and what was said where it is a call of a language model."""
    console = results()
    console.print(entry.id, style="bold", soft_wrap=True)
    console.print(f"row {entry.seq}, {entry.kind.value}, written {entry.at}", soft_wrap=True)
    console.print(f"hash {entry.hash}", soft_wrap=True)
    console.print(json.dumps(entry.payload, indent=2, ensure_ascii=False), soft_wrap=True)
    if said is not None:
        for role, text in (*said.messages, ("answer", said.answer)):
            _heading(role)
            console.print(text, soft_wrap=True, markup=False, highlight=False)


def way_text(path: Sequence[str]) -> str:
    """Return how a test rests on the first node of a way."""
    return f"its rows name {path[0]}" if len(path) == 1 else f"by way of {' > '.join(path)}, which its rows name"


def _heading(text: str) -> None:
    results().print(f"\n{text}", style="bold")


def _print_plan(life: SlotLife) -> None:
    plan = life.plan or {}
    console = results()
    _heading("Locked")
    level = plan["level"]
    of_anchors = plan["shape"] == "AnchorLatents"
    of = ("anchors of", "donors" if plan["unit"] == "donor" else "groups") if of_anchors else ("members in", "families")
    scale, chance = ("rho", 0.0) if of_anchors else ("AUROC", 0.5)
    for label, value in (
        ("pre-registration", str(life.hypothesis.prereg_sha256)),
        ("estimand", plan["estimand"]),
        ("where", _where(life)),
        ("hold-out block", f"{plan['block']['id']}{' (used before)' if plan['block']['reused'] else ''}"),
        ("reference there", f"{plan['reference_in_block']} {of[0]} {plan['families_in_block']} {of[1]}"),
        ("smallest detectable", f"{scale} {chance + float(plan['minimum_detectable_effect']):.2f}"),
        ("smallest of interest", f"{scale} {chance + float(plan['sesoi']):.2f}"),
        ("nulls", f"{', '.join(plan['null_panel'])}; {plan['draws']:,} draws each"),
        ("level if all spend", f"{number(float(level['provisional_alpha']))} in stream {level['stream']}"),
    ):
        console.print(f"  {label:<21} {value}", soft_wrap=True)


def _where(life: SlotLife) -> str:
    places = (life.plan or {}).get("places")
    if places is None:
        return life.hypothesis.locus
    listed = f"{life.hypothesis.locus}: the best of {len(places['listed'])}, chosen again in every draw"
    return listed if life.found_at is None else f"{listed}; found at {life.found_at}"


def _print_gates(life: SlotLife) -> None:
    from rich.table import Table
    from rich.text import Text

    _heading("Gates")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for gate in life.gates:
        mark, style = _MARK[gate.passed]
        table.add_row(f"  {gate.gate} {gate.title}", Text(mark, style=style), gate.sentence)
    results().print(table)
