"""The packaged calibration is the published one, number by number; one of one's own is read where it lies."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from theodolite.reports.calibrated import PUBLISHED, Calibrated, Rate, own_calibration, published, read_calibration

DOCUMENT = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
RATES = {"FDR hypotheses": "fdr", "P(any support)": "any_support", "P(any reaches its level)": "any_reached"}


def rows(title: str) -> list[dict[str, str]]:
    """Return the rows of a table of the document, by column."""
    lines = [line for line in DOCUMENT.split(f"## {title}\n")[1].split("\n## ")[0].splitlines() if line[:1] == "|"]
    head, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(head, row, strict=True)) for row in body]


def rate(cell: str) -> dict[str, float]:
    value, upper = cell.split(" ≤ ")
    return {"value": float(value), "upper": float(upper)}


def share(cell: str) -> dict[str, int]:
    found = re.search(r"\((\d+)/(\d+)\)", cell)
    assert found is not None
    return {"count": int(found[1]), "of": int(found[2])}


def of_document() -> dict[str, Any]:
    """Return what the document says, in the form of the file that ``theodolite calibrate`` writes."""
    made = re.search(
        r"Made by `([^`]+)` at commit (\w+), seed (\d+), on (.*?)\. Each campaign registers up to (\d+) tests at "
        r"q = ([\d.]+)\. A number",
        DOCUMENT,
    )
    assert made is not None
    arms: dict[tuple[str, str | None, str], dict[str, Any]] = {}

    def arm(world: str, off: str | None, proposer: str) -> dict[str, Any]:
        key = (world.replace(" ", "_"), off and off.replace(" ", "_"), proposer.replace(" ", "_"))
        return arms.setdefault(key, dict(zip(("world", "ablation", "proposer"), key, strict=True)))

    ends = {row["proposer"]: row for row in rows("How tests ended in the standard world")}
    power = {row["proposer"]: row for row in rows("Power on true claims that were tried")}
    for row in rows("False discoveries in the standard world"):
        name = row["proposer"]
        arm("standard", None, name).update(
            campaigns=int(row["campaigns"]),
            tests=int(ends[name]["tests"].replace(",", "")),
            supports=float(row["supports"]),
            fdr=rate(row["FDR hypotheses"]),
            fdr_keys=rate(row["FDR keys"]),
            power=share(power[name]["strong"]),
            false_refutations=share(ends[name]["false refutations"]),
        )
    for row in rows("Any support at all where no claim is true"):
        arm("global_null", None, row["proposer"]).update(
            campaigns=int(row["campaigns"]),
            tests=int(row["tests"].replace(",", "")),
            any_support=rate(row["P(any support)"]),
            any_reached=rate(row["P(any reaches its level)"]),
        )
    for row in rows("One safeguard off"):
        field = RATES[row["rate"]]
        for off, found, supports in (
            (row["off"], "without it", "supports without"),
            (None, "with all", "supports with all"),
        ):
            one = arm(row["world"], off, row["proposer"])
            assert one.setdefault(field, rate(row[found])) == rate(row[found])
            assert one.setdefault("supports", float(row[supports])) == float(row[supports])
    return {
        "made": {"command": made[1], "commit": made[2], "machine": made[4], "rounded": True},
        "criteria": [
            {
                "what": row["criterion"],
                "value": float(row["found"]),
                "threshold": float(row["limit"].split()[1]),
                "at_most": row["limit"].startswith("≤"),
                "where": row["where"],
                "passed": row["met"] == "yes",
            }
            for row in rows("Criteria")
        ],
        "summary": {"q": float(made[6]), "tests": int(made[5]), "seed": int(made[3]), "arms": list(arms.values())},
    }


def test_the_packaged_numbers_are_those_of_the_document() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == of_document()


def test_the_packaged_calibration_says_what_made_it() -> None:
    found = published()
    assert found.command is not None and found.command.startswith("theodolite calibrate --campaigns 200")
    assert (found.q, found.seed, found.rounded) == (0.1, 1, True) and found.commit in DOCUMENT
    greedy = next(arm for arm in found.of_world("standard") if arm.proposer == "greedy")
    assert greedy.fdr == Rate(0.0, 0.015) and greedy.campaigns == 200


def test_a_safeguard_is_shown_beside_the_same_campaigns_with_all() -> None:
    off, control = next(pair for pair in published().ablations if pair[0].ablation == "no_confound_gate")
    assert off.rate is not None and control is not None and control.rate is not None
    assert (off.rate.value, control.rate.value) == (0.932, 0.0)
    assert (off.world, off.proposer) == (control.world, control.proposer)


def test_one_of_ones_own_is_found_beside_the_ledger(tmp_path: Path) -> None:
    assert own_calibration(tmp_path / "ledger.sqlite") is None
    folder = tmp_path / "theodolite-calibration"
    folder.mkdir()
    (folder / "calibration.json").write_text(PUBLISHED.read_text(encoding="utf-8"), encoding="utf-8")
    assert isinstance(own_calibration(tmp_path / "ledger.sqlite"), Calibrated)


@pytest.mark.parametrize(
    "wrong", ["", "[]", '{"summary": {}}', '{"summary": {"arms": [{"fdr": "x"}]}}', "\0", "[" * 9000]
)
def test_a_damaged_file_is_named_and_not_believed(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(wrong, encoding="utf-8")
    found = read_calibration(path)
    assert isinstance(found, str) and "calibration.json" in found
