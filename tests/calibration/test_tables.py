"""Tables for the terminal and for the documentation."""

from __future__ import annotations

import platform

from theodolite.calibration.criteria import Limits, criteria
from theodolite.calibration.summary import summarise
from theodolite.calibration.tables import machine, markdown, tables


def study(campaign_result, test_record):
    results = [
        campaign_result(test_record(1, verdict="supported", truth="true", planted=0.2), refusals={"duplicate": 3}),
        campaign_result(world="global_null", proposer="peeker"),
        campaign_result(
            test_record(1, verdict="supported"), world="global_null", proposer="peeker", ablation="no_lock"
        ),
    ]
    summary = summarise(results, q=0.1, tests=40, seed=7)
    return summary, criteria(summary, Limits())


def test_every_row_has_every_column(campaign_result, test_record):
    found = tables(*study(campaign_result, test_record))
    assert [table.title for table in found][0] == "Criteria" and len(found) == 8
    for table in found:
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_a_rate_stands_beside_its_bound(campaign_result, test_record):
    cells = {cell for table in tables(*study(campaign_result, test_record)) for row in table.rows for cell in row}
    # One campaign of one support: the bound says how little that is.
    assert {"0.000 ≤ 0.950", "1.000 ≤ 1.000"} <= cells


def test_refusals_are_told_by_code(campaign_result, test_record):
    table = next(t for t in tables(*study(campaign_result, test_record)) if t.title.startswith("Proposals refused"))
    assert table.columns == ("proposer", "proposals", "duplicate") and table.rows == (("greedy", "4", "75 %"),)


def test_an_ablation_stands_beside_its_control(campaign_result, test_record):
    table = next(t for t in tables(*study(campaign_result, test_record)) if t.title == "One safeguard off")
    assert table.rows == (
        ("no lock", "global null", "peeker", "P(any support)", "1.000 ≤ 1.000", "0.000 ≤ 0.950", "1.0", "0.0"),
        (
            "no lock",
            "global null",
            "peeker",
            "P(any reaches its level)",
            "1.000 ≤ 1.000",
            "0.000 ≤ 0.950",
            "1.0",
            "0.0",
        ),
    )


def test_markdown_says_what_made_it(campaign_result, test_record):
    summary, found = study(campaign_result, test_record)
    text = markdown(summary, found, command="theodolite calibrate", commit="0123abc", made_on="a machine")
    assert "Made by `theodolite calibrate` at commit 0123abc, seed 7, on a machine." in text
    for line in text.splitlines():
        assert not line.startswith("|") or line.endswith("|")


def test_the_machine_is_described_without_its_name():
    assert platform.node() not in machine() or not platform.node()
