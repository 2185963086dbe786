"""The page of claims about features is the record of the run that made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def record(checkout: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((checkout / "docs" / "evidence" / "feature_claims.json").read_text("utf-8"))
    return found


def test_every_claim_of_the_record_stands_on_the_page_with_its_verdict(checkout: Path, record: dict[str, Any]) -> None:
    page = (checkout / "docs" / "instruments" / "feature-claims.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| \u201c")]
    claims = [claim for name in ("packaged", "mixology") for claim in record["result"][name]["claims"]]
    assert len(rows) == len(claims) == 32
    for row, claim in zip(rows, claims, strict=True):
        assert row.startswith(f"| {claim['claim']} | {claim['outcome']} | {claim['auroc']:.2f} ")
        assert f"| {claim['first_unmet'] or ''} |" in row
        said = "" if claim["G15"] is None else "five alike" if claim["G15"]["passed"] else "not alike"
        assert row.endswith(f"| {said} |")


def test_the_page_of_autoencoders_counts_what_the_record_counts(checkout: Path, record: dict[str, Any]) -> None:
    page = (checkout / "docs" / "instruments" / "saes.md").read_text("utf-8")
    result = record["result"]
    counted = [
        sum(claim["outcome"] == outcome for claim in result[name]["claims"])
        for name in ("packaged", "mixology")
        for outcome in ("supported", "refuted", "inconclusive")
    ]
    runs = result["permuted"]
    judged, registered = (sum(run[what] for run in runs) for what in ("judged", "registered"))
    supported = sum(bool(run["supported"]) for run in runs)
    words = "{} supported, {} refuted, {} inconclusive"
    assert words.format(*counted[:3]) in page and words.format(*counted[3:]) in page
    assert f"{supported} of {len(runs)} campaigns on permuted gene names supports anything" in page
    assert f"{judged} of {registered} tests judged" in page and record["passed"]
