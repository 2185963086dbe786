"""A campaign about manifolds: a planted tree is found, clusters are not taken for one, and every step is a row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tree_runs import run

from theodolite.data import DISCOVERY
from theodolite.experiments import CampaignError, Setting, load_campaign, prepare
from theodolite.experiments.replay import verify_decisions
from theodolite.experiments.workspace import Workspace
from theodolite.measurements import load_measurement
from theodolite.store import EntryKind, Ledger

Run = tuple[Setting, Ledger]


def settled(ledger: Ledger) -> list[dict[str, Any]]:
    return [entry.payload["settlement"] for entry in ledger.entries(kind=EntryKind.VERDICT)]


def gates(settlement: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {gate["gate"]: gate for gate in settlement["gates"]}


def test_a_planted_tree_is_supported_and_its_controls_fail(tree: Run) -> None:
    setting, ledger = tree
    (first,) = settled(ledger)
    assert (first["verdict"], first["catalogue"]) == ("supported", "manifold-1")
    said = gates(first)
    assert all(said[name]["passed"] for name in ("M1", "M2", "M3", "M4", "M5", "G3", "G5", "G7-", "G7+", "G8", "G15"))
    assert "with a branch left out" in said["M2"]["sentence"]
    # Half of the donors were kept, and no verdict speaks of shared ones.
    assert len(setting.genes(DISCOVERY)) == 6 and first["tags"] == ["[one block]"]


def test_clusters_without_an_order_are_not_a_tree(clusters: Run) -> None:
    _, ledger = clusters
    found = settled(ledger)
    assert found and all(item["verdict"] != "supported" for item in found)


def test_every_candidate_is_a_row_with_its_scores_or_its_reason(tree: Run) -> None:
    setting, ledger = tree
    rows = [entry.payload for entry in ledger.entries(kind=EntryKind.LOOK)]
    assert len(rows) == len(setting.candidates()) == 5  # three residual streams and two drifts
    for row in rows:
        assert row["split"] == DISCOVERY
        if row["status"] == "done":
            assert set(row["scores"]["tree"]) == {"score", "gain", "trust", "both", "within"}
        else:
            assert row["reason"]


def test_the_search_sees_no_anchor_of_a_donor_that_judges(tree: Run) -> None:
    setting, ledger = tree
    kept = set(setting.genes(setting.split.blocks[0]))
    for entry in ledger.entries(kind=EntryKind.LOOK):
        if entry.payload["measurement"] is not None:
            measured = load_measurement(ledger.artefacts.get(entry.payload["measurement"]))
            assert not kept.intersection(measured.donor)


def test_a_confirmation_reads_no_row_that_it_judges(tree: Run) -> None:
    _, ledger = tree
    (result,) = list(ledger.entries(kind=EntryKind.RESULT))
    for name, sha256 in result.payload["measurements"].items():
        measured = load_measurement(ledger.artefacts.get(sha256))
        assert not (measured.read & measured.judged).any(), name
        assert measured.held[0].sum() == measured.judged.sum()


def test_the_ledger_follows_from_its_artefacts_figures_included(tree: Run, clusters: Run) -> None:
    for _, ledger in (tree, clusters):
        assert verify_decisions(ledger, deep=True) == []
    figures = [entry.payload for entry in tree[1].entries(kind=EntryKind.FIGURE)]
    assert [figure["view"] for figure in figures] == ["two dimensions", "three dimensions"]
    spec = json.loads(tree[1].artefacts.get(figures[1]["artefact"]))
    assert [panel["title"] for panel in spec["concat"]] == ["ruler", "branch", "donor", "error"]
    assert {param["name"] for param in spec["params"]} == {"azimuth", "elevation"}
    assert np.isfinite([point["x"] for point in spec["data"]["values"]]).all()


def test_what_let_may_read_of_a_ruler_names_discovery_donors_alone(tree: Run) -> None:
    setting, _ = tree
    given = json.loads(setting.read_ruler("tree", setting.split.blocks[0], "main"))
    donors = {name.split("|")[0] for name in given["anchors"]}
    assert donors == set(setting.genes(DISCOVERY))
    null = json.loads(setting.read_ruler("tree", setting.split.blocks[0], "null_branch(0)"))
    assert null["anchors"] == given["anchors"] and null["distances"] != given["distances"]


def changed(file: Path, **manifold: Any) -> Path:
    said = yaml.safe_load(file.read_text())
    said["manifold"] |= manifold
    other = file.with_name("changed.yaml")
    other.write_text(yaml.safe_dump(said))
    return other


@pytest.mark.parametrize(
    ("manifold", "says"),
    [
        ({"donor": "absent"}, "absent"),
        ({"stage": "branch"}, "no such node"),
        ({"rulers": [{"id": "r", "graph": "nowhere.yaml"}]}, "neither a packaged stage graph"),
        ({"rulers": [{"id": "r", "rank": {"trunk_1": 0}}], "branch": "branch"}, "no place for the stages"),
        ({"expected_fail": {"column": "tissue", "values": ["lung"]}}, "0 of"),
        ({"tips": ["branch_9"]}, "branch_9"),
        ({"donor": "branch", "branch": "branch"}, "donors make anchors"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(
    written: Callable[..., Path], tmp_path: Path, manifold: dict[str, Any], says: str
) -> None:
    # A plug-in of one name is loaded once in a process.
    file = changed(written(60_100 + len(says) + sum(map(ord, says))), **manifold)
    with pytest.raises(ValueError, match=says):
        prepare(load_campaign(file), Workspace(tmp_path / "none", tmp_path / "none" / "cache"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"references": "programs"}, "takes no references"),
        ({"tools": ["attention.edges"]}, "about anchors"),
        ({"agents": {"executor": "some-model"}}, "language models have no part"),
    ],
)
def test_keys_of_other_campaigns_are_refused(written: Callable[..., Path], more: dict[str, Any], says: str) -> None:
    file = written(60_003)
    said = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(said | more))
    with pytest.raises(CampaignError, match=says):
        load_campaign(file)


def test_the_instrument_of_anchors_belongs_to_no_campaign_about_genes(tmp_path: Path) -> None:
    file = tmp_path / "genes.yaml"
    file.write_text("name: genes\ntools: [manifold.follows]\n")
    with pytest.raises(CampaignError, match="manifold:"):
        load_campaign(file)


def test_a_ruler_from_the_counts_is_searched_by_and_claims_of_it_are_refused(written: Callable[..., Path]) -> None:
    file = changed(written(60_004), branch="branch", rulers=[{"id": "program", "program": ["G0001", "G0002", "G0003"]}])
    _, ledger = run(file)
    refusals = [entry.payload for entry in ledger.entries(kind=EntryKind.REFUSAL)]
    assert refusals and {item["code"] for item in refusals} <= {"leak", "not_testable"}
    assert not list(ledger.entries(kind=EntryKind.REGISTRATION))
    ledger.close()


def test_figures_are_vega_lite(tree: Run) -> None:
    altair = pytest.importorskip("altair")
    for entry in tree[1].entries(kind=EntryKind.FIGURE):
        spec = json.loads(tree[1].artefacts.get(entry.payload["artefact"]))
        altair.Chart.from_dict(spec, validate=True)
