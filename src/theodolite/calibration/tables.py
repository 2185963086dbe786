"""The tables of a calibration, as plain cells that the terminal and the documentation both show."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from theodolite.calibration.criteria import Criterion
from theodolite.calibration.summary import CURVE, ArmSummary, Mean, Share, Summary, pooled

__all__ = ["Table", "machine", "markdown", "tables"]

_ENDS = ("supported", "refuted", "inconclusive", "invalid", "error")


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    title, note
        What it shows, and how to read it.
    columns, rows
        Cells as text.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(summary: Summary, criteria: Sequence[Criterion]) -> list[Table]:
    """Return the tables of a study that have rows."""
    made = [
        _criteria(criteria),
        _errors(summary),
        _null(summary),
        _structures(summary),
        _outcomes(summary),
        _refusals(summary),
        _power(summary),
        _ablations(summary),
    ]
    return [table for table in made if table.rows]


def markdown(summary: Summary, criteria: Sequence[Criterion], *, command: str, commit: str, made_on: str) -> str:
    """Return the tables as Markdown, with what made them.

    Parameters
    ----------
    summary, criteria
        What was found.
    command, commit, made_on
        The command that made it, the commit of the code, the machine.
    """
    parts = [
        "# Calibration",
        f"Made by `{command}` at commit {commit}, seed {summary.seed}, on {made_on}. Each campaign registers up to "
        f"{summary.tests} tests at q = {summary.q:g}. A number after `≤` is an upper 95 % bound of a mean over "
        "campaigns (Hoeffding-Bentkus).",
    ]
    for table in tables(summary, criteria):
        lines = [
            "| " + " | ".join(table.columns) + " |",
            "|" + "|".join("---" if index == 0 else "---:" for index in range(len(table.columns))) + "|",
            *("| " + " | ".join(row) + " |" for row in table.rows),
        ]
        parts += [f"## {table.title}", table.note, "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def machine() -> str:
    """Return what this machine is, without its name."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _criteria(criteria: Sequence[Criterion]) -> Table:
    return Table(
        "Criteria",
        "The arm that comes nearest to its limit, or crosses it, decides.",
        ("criterion", "found", "limit", "where", "met"),
        tuple(
            (
                item.what,
                _number(item.value),
                f"{'≤' if item.at_most else '≥'} {item.threshold:g}",
                item.where.replace("_", " "),
                "yes" if item.passed else "NO",
            )
            for item in criteria
        ),
    )


def _errors(summary: Summary) -> Table:
    return Table(
        "False discoveries in the standard world",
        "Rates over hypotheses and over claim keys on fresh hold-out blocks; a claim that a confound explains is "
        "false. Reused blocks have a stream of their own.",
        ("proposer", "campaigns", "supports", "FDR hypotheses", "FDR keys", "mFDR", "FDR reused blocks", "tests there"),
        tuple(
            (
                _name(arm),
                str(arm.campaigns),
                f"{arm.supports:.1f}",
                _mean(arm.fdr),
                _mean(arm.fdr_keys),
                _number(arm.mfdr),
                _mean(arm.reused_fdr),
                f"{arm.reused_tests:,}",
            )
            for arm in summary.of_world("standard")
        ),
    )


def _structures(summary: Summary) -> Table:
    null = {arm.proposer: arm.any_support.upper_by_structure for arm in summary.of_world("global_null")}
    return Table(
        "The same bounds over structures",
        "Campaigns on one structure share its graph and its cells. These upper bounds take the means of structures as "
        "the independent values, and so are much wider.",
        ("proposer", "FDR hypotheses", "FDR keys", "P(any support)"),
        tuple(
            (
                _name(arm),
                _number(arm.fdr.upper_by_structure),
                _number(arm.fdr_keys.upper_by_structure),
                _number(null.get(arm.proposer)),
            )
            for arm in summary.of_world("standard")
        ),
    )


def _outcomes(summary: Summary) -> Table:
    def row(arm: ArmSummary) -> Iterator[str]:
        yield _name(arm)
        yield f"{arm.tests:,}"
        yield from (_percent(arm.ends[end], arm.tests) for end in _ENDS)
        yield _share(arm.false_refutations)
        yield f"{arm.seconds * 1000:.0f}"

    return Table(
        "How tests ended in the standard world",
        "Shares of registered tests. False refutations are refuted true claims, of all true claims tried.",
        ("proposer", "tests", *_ENDS, "false refutations", "ms a test"),
        tuple(tuple(row(arm)) for arm in summary.of_world("standard")),
    )


def _refusals(summary: Summary) -> Table:
    arms = summary.of_world("standard")
    codes = sorted({code for arm in arms for code in arm.refused})
    return Table(
        "Proposals refused in the standard world",
        "Shares of proposals that were not registered, by code; nothing is spent by them.",
        ("proposer", "proposals", *(code.replace("_", " ") for code in codes)),
        tuple(
            (
                _name(arm),
                f"{arm.tests + sum(arm.refused.values()):,}",
                *(_percent(arm.refused.get(code, 0), arm.tests + sum(arm.refused.values())) for code in codes),
            )
            for arm in arms
            if codes
        ),
    )


def _power(summary: Summary) -> Table:
    arms = summary.of_world("standard")
    rows = [(_name(arm), _share(arm.power), *(_share(arm.curve[middle]) for middle in CURVE)) for arm in arms]
    if arms:
        everyone = (pooled(arm.curve[middle] for arm in arms) for middle in CURVE)
        rows.append(("all", _share(pooled(arm.power for arm in arms)), *map(_share, everyone)))
    return Table(
        "Power on true claims that were tried",
        "Strong claims have a planted effect of at least twice the smallest of interest and 4.5 block standard errors. "
        "Then all claims with a planted effect, the small ones too, by effect in block standard errors.",
        ("proposer", "strong", *(f"{middle} SE" for middle in CURVE)),
        tuple(rows),
    )


def _null(summary: Summary) -> Table:
    return Table(
        "Any support at all where no claim is true",
        "Share of campaigns with a support in the global null: the familywise error rate. Then the share in which any "
        "test reached its level against every null (G3 and G8), whatever the other gates said.",
        ("proposer", "campaigns", "tests", "P(any support)", "P(any reaches its level)"),
        tuple(
            (_name(arm), str(arm.campaigns), f"{arm.tests:,}", _mean(arm.any_support), _mean(arm.any_reached))
            for arm in summary.of_world("global_null")
        ),
    )


def _ablations(summary: Summary) -> Table:
    rows = []
    for arm in summary.arms:
        if arm.ablation is None:
            continue
        control = summary.arm(arm.world, arm.proposer)
        fields = {"FDR hypotheses": "fdr"}
        if arm.world == "global_null":
            fields = {"P(any support)": "any_support", "P(any reaches its level)": "any_reached"}
        rows += [
            (
                arm.ablation.value.replace("_", " "),
                arm.world.replace("_", " "),
                _name(arm),
                what,
                _mean(getattr(arm, field)),
                "–" if control is None else _mean(getattr(control, field)),
                f"{arm.supports:.1f}",
                "–" if control is None else f"{control.supports:.1f}",
            )
            for what, field in fields.items()
        ]
    return Table(
        "One safeguard off",
        "The same worlds and proposers without and with the safeguard, and supports a campaign.",
        ("off", "world", "proposer", "rate", "without it", "with all", "supports without", "supports with all"),
        tuple(rows),
    )


def _name(arm: ArmSummary) -> str:
    return arm.proposer.value.replace("_", " ")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".removesuffix(".000")


def _mean(mean: Mean) -> str:
    return "–" if mean.value is None else f"{mean.value:.3f} ≤ {mean.upper:.3f}"


def _share(share: Share) -> str:
    return "–" if share.value is None else f"{share.value:.2f} ({share.count}/{share.of})"


def _percent(count: int, of: int) -> str:
    return f"{100 * count / max(of, 1):.0f} %"
