"""The table fits its terminal and says each thing once."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from theodolite.cli.verdicts import effect_text, evidence_text, number, print_counts, print_verdicts, unmet_text
from theodolite.reports import VerdictLine

SUPPORTED = VerdictLine(
    subject="pbmc-1a2b3c4d/r01.s001", campaign="pbmc-1a2b3c4d", slot="r01.s001",
    claim="“Myeloid lineage”: genes lie at the lower end of axis 3, after block 1", family="geometry.axis_separation",
    outcome="supported", tags=("[one block]", "[reused hold-out]"), effect=0.84, low=0.75, high=0.91, p=2e-4,
    level=1.1e-3, e=None, required=None, first_unmet=None, unmet_sentence=None,
    next_step="Register the same claim in other cells.",
)  # fmt: skip
INVALID = VerdictLine(
    subject="pbmc-1a2b3c4d/r01.s002", campaign="pbmc-1a2b3c4d", slot="r01.s002",
    claim="“T lineage”: genes attend to one another, head 2 of block 3", family="attention.edges",
    outcome="invalid", tags=(), effect=None, low=None, high=None, p=None, level=None,
    e=None, required=None, first_unmet="G1 input", unmet_sentence="The input cannot be tested: 40 scores are tied.",
    next_step="Mend the input that the first gate names.",
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1.00"), (0.31, "0.31"), (0.3, "0.30"), (0.0123, "0.012"), (0.0011, "1.1e-03"), (2e-4, "2e-04")],
)
def test_probabilities_are_short(value, text):
    assert number(value) == text


def test_effect_and_evidence_in_words():
    assert effect_text(SUPPORTED) == "AUROC 0.84 (0.75-0.91)"
    assert evidence_text(SUPPORTED) == "p 2e-04 / 1.1e-03"
    assert (effect_text(INVALID), evidence_text(INVALID)) == ("not measured", "no level spent")
    bet = replace(SUPPORTED, p=None, level=None, e=12_345.6, required=3805.9)
    assert evidence_text(bet) == "e 1.23e+04 / 3,806"
    assert evidence_text(replace(bet, e=812.4, required=380.0)) == "e 812 / 380"
    assert unmet_text(SUPPORTED) == "none"
    assert unmet_text(INVALID) == "G1 input: The input cannot be tested: 40 scores are tied."


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_table_fits_and_is_complete(monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", str(width))
    print_verdicts([SUPPORTED, INVALID])
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    words = re.sub(r"\s+", " ", shown)
    for text in ("r01.s001", "[reused hold-out]", "AUROC 0.84 (0.75-0.91)", "p 2e-04 / 1.1e-03", "not measured"):
        assert text in words
    assert words.index("supported") < words.index("invalid")


def test_what_stability_means_is_told_where_it_is_claimed_and_only_there(capsys):
    print_verdicts([SUPPORTED])
    assert "stable" not in capsys.readouterr().out
    print_verdicts([replace(SUPPORTED, effect=0.5, low=0.45, high=0.55, of_no_effect=True)])
    words = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "supported where its AUROC lies near 0.5" in words and "No baseline is asked" in words


def test_without_a_terminal_there_is_no_control_character(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    print_verdicts([SUPPORTED, INVALID])
    print_counts({"supported": 1, "invalid": 1})
    shown = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", shown)
    assert "1 supported · 1 invalid" in shown


def test_an_empty_ledger_says_so(capsys):
    print_verdicts([])
    assert capsys.readouterr().out == "No hypothesis yet.\n"
