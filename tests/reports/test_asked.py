"""What a campaign was asked is read from its row, whoever wrote it and with which plug-ins."""

from __future__ import annotations

import pytest

from theodolite.reports.asked import asked
from theodolite.store import CampaignRow, campaign_rows


def row(spec: object) -> CampaignRow:
    sha = "0" * 64
    return CampaignRow("mine-00000001", 1, "mine", "planted", sha, "blood", sha, "2", "1", 1, spec, None, None)


def test_a_campaign_of_this_version(ledger):
    said = asked(campaign_rows(ledger)[0])
    assert (said.limits, said.stream, said.retire_after, said.round_size) == ({"experiments": 6.0}, "main", 6, 2)
    assert (said.approve, said.executor, said.describes, said.searches) == (None, None, False, False)
    assert "geometry.axis_separation" in said.tools


def test_tools_of_plugins_that_are_not_here_are_named(ledger):
    assert asked(row({"tools": ["somebody.elses_tool"]})).tools == ("somebody.elses_tool",)


def test_a_language_model_is_limited_where_the_file_names_no_limit():
    said = asked(row({"budget": {"experiments": 4, "money": "2.5"}, "agents": {"executor": "gpt", "reviewer": "lint"}}))
    assert said.executor == "gpt" and said.limits["money"] == 2.5
    assert {"tokens", "looks", "repeats"} <= set(said.limits)


@pytest.mark.parametrize("spec", [None, [], {"budget": 40, "error": "x", "tools": 3}, {"budget": {"experiments": "x"}}])
def test_a_row_that_says_something_else_is_read_as_saying_nothing(spec):
    said = asked(row(spec))
    assert (said.limits, said.stream, said.tools, said.round_size) == ({}, None, (), None)
