"""Every word of the gates and of the pages is explained, at an address of its own."""

from __future__ import annotations

import re
from html import escape
from typing import get_args

import pytest
from starlette.testclient import TestClient

from theodolite.claims import Covariate, LocusKind, Relation, Tag, Verdict
from theodolite.dashboard.glossary import alphabetical, gloss, glossed, term_id, terms
from theodolite.dashboard.static_files import STATIC, vendored_files
from theodolite.gates import CATALOGUES, catalogue2, catalogue_manifold
from theodolite.judgements import GateId, ObjectionCode
from theodolite.plans import NullName
from theodolite.reports.reviewers import DEFECT_WORDS

TEMPLATES = STATIC.parent / "templates"
USED = re.compile(r"""\b(?:term|gloss)\(\s*["']([^"']+)["']""")


@pytest.mark.parametrize("word", [*get_args(GateId), *Tag, *Verdict, *Relation, *LocusKind, *Covariate, "pending"])
def test_every_word_of_a_claim_and_of_its_verdict_has_its_term(word: str) -> None:
    assert term_id(str(word)) in terms()
    assert glossed(str(word)) == gloss(term_id(str(word))).short


def test_every_gate_of_every_catalogue_and_every_null_has_its_term() -> None:
    assert set(CATALOGUES) == {"1", "2", "manifold-1"}
    gates = {*catalogue2.words.GATE_ORDER, *catalogue_manifold.words.GATE_ORDER}
    assert {gate.lower() for gate in gates} <= set(terms())
    assert {name.replace("_", "-") for name in get_args(NullName)} <= set(terms())


def test_objections_are_all_named_in_words() -> None:
    told = gloss("objection").long.replace("the model's own", "own")
    assert [DEFECT_WORDS[code] for code in get_args(ObjectionCode) if DEFECT_WORDS[code].split()[-1] not in told] == []


def test_a_gate_says_what_it_asks_why_and_what_follows() -> None:
    for gate in get_args(GateId):
        term = gloss(gate.lower())
        assert term.term.startswith(f"{gate}: ")
        # M6 and G11 inform; they ask for nothing that could be unmet.
        assert gate in ("M6", "G11") or ("Why: " in term.long and " met: " in term.long), gate


def test_what_is_shown_on_hover_is_short_and_every_cross_reference_leads_somewhere() -> None:
    for term in terms().values():
        assert 0 < len(term.short) <= 160, term.id
        assert term.long.strip(), term.id
        assert set(term.see) <= set(terms()) - {term.id}, term.id
        assert re.fullmatch(r"[a-z0-9][a-z0-9+-]*", term.id)


def test_every_term_that_a_page_uses_exists() -> None:
    files = [*TEMPLATES.rglob("*.html"), *(STATIC.parent).rglob("*.py")]
    used = {(path.name, id) for path in files for id in USED.findall(path.read_text("utf-8"))}
    assert {id for _, id in used} <= set(terms()), used


def test_terms_stand_in_the_order_in_which_a_reader_looks() -> None:
    order = [term.id for term in alphabetical()]
    assert order.index("g2") < order.index("g10") < order.index("g12") < order.index("g12b") < order.index("g13")
    assert order.index("ablation") < order.index("these-cells") < order.index("window")


def test_supported_and_causal_carry_their_gloss() -> None:
    assert "does not say that biology does it" in gloss("supported").short
    assert "inside the model" in gloss("causal").short


def test_a_word_of_a_newer_version_has_no_explanation_and_breaks_nothing() -> None:
    assert glossed("[seen in a dream]") == ""


def test_the_page_holds_every_term_under_its_id(client: TestClient) -> None:
    page = client.get("/glossary").text
    for term in terms().values():
        assert f'id="{term.id}"' in page
        assert escape(term.short, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page
    assert "/licences" in page


def test_what_the_package_carries_of_others_is_shown_with_licence_and_hash(client: TestClient) -> None:
    page = client.get("/licences").text
    for item in vendored_files():
        assert item["version"] in page and item["license"] in page and item["sha256"] in page
    assert "THE SOFTWARE IS PROVIDED" in page.upper()
