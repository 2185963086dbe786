from __future__ import annotations

from dataclasses import replace
from statistics import median

import pytest

from theodolite.analysis.manifold import CandidateEvidence, ManifoldGates, judge

GATES = ManifoldGates()
KINDS = ("random", "donor", "branch")
MARGINS = {"principal components": 0.01, "random projection": 0.2, "static embedding": 0.03}
GOOD = CandidateEvidence(
    trust=0.80,
    both=dict.fromkeys(KINDS, 0.20),
    within=dict.fromkeys(KINDS, 0.20),
    p=0.001,
    donor_p={"branch": (0.02, 0.03), "depth": (0.025,)},
    margins=MARGINS,
)
NULL = replace(GOOD, within={"random": 0.25, "donor": 0.0, "branch": None})
FAULTS = {
    "trustworthiness": {"trust": 0.79},
    "random hold-out": {"both": {**GOOD.both, "random": 0.19}},
    "donor hold-out": {"both": {**GOOD.both, "donor": None}},
    "branch hold-out": {"both": {**GOOD.both, "branch": -0.5}},
    "blocked permutation": {"p": 0.0011},
    "random hold-out, within branches": {"within": {**GOOD.within, "random": None}},
    "donor hold-out, within branches": {"within": {**GOOD.within, "donor": 0.19}},
    "branch hold-out, within branches": {"within": {"random": 0.2, "donor": 0.2}},
    "donor null within branch": {"donor_p": {**GOOD.donor_p, "branch": (0.02, 0.0301)}},
    "donor null within depth": {"donor_p": {**GOOD.donor_p, "depth": ()}},
    "margin over principal components": {"margins": {**MARGINS, "principal components": 0.0}},
    "margin over random projection": {"margins": {**MARGINS, "random projection": -0.1}},
    "margin over static embedding": {"margins": {name: low for name, low in MARGINS.items() if name[0] != "s"}},
}


def test_what_meets_every_threshold_passes():
    verdict = judge(GOOD, GATES, null=NULL)
    assert verdict.passed and verdict.failed == () and verdict.sha256 == GATES.sha256
    assert {gate.name for gate in verdict.gates} == {*FAULTS, "paired null branch fails"}


@pytest.mark.parametrize("name", FAULTS)
def test_each_gate_alone_is_enough_to_fail(name):
    verdict = judge(replace(GOOD, **FAULTS[name]), GATES, null=NULL)
    assert verdict.failed == (name,) and not verdict.passed
    (gate,) = (gate for gate in verdict.gates if gate.name == name)
    assert ("was not measured" in gate.says) == (gate.number is None)
    assert gate.number is None or f"{gate.number:.3g}" in gate.says and f"{gate.threshold:g}" in gate.says


def test_donors_are_combined_by_a_rule_that_is_valid_and_not_by_the_median():
    few = (0.001, 0.001, 0.001, 1.0, 1.0)
    assert median(few) < GATES.most_donor_p
    verdict = judge(replace(GOOD, donor_p={"branch": few, "depth": (0.001,)}), GATES, null=NULL)
    assert verdict.failed == ("donor null within branch",)
    (gate,) = (gate for gate in verdict.gates if gate.name == "donor null within branch")
    assert gate.number == pytest.approx(2 * sum(few) / 5)


def test_a_refused_fit_fails_and_says_why():
    verdict = judge(CandidateEvidence(refused="the graph falls into 2 parts"), GATES, null=NULL)
    assert verdict.failed == ("fit",) and "falls into 2 parts" in verdict.gates[0].says


@pytest.mark.parametrize(
    ("null", "says"),
    [
        (None, "was not run"),
        (CandidateEvidence(refused="too few rows"), "too few rows"),
        (replace(GOOD, within=dict.fromkeys(KINDS)), "no correlation"),
        (GOOD, "not below 0.2"),
    ],
)
def test_a_null_branch_that_did_not_fail_fails_the_candidate(null, says):
    verdict = judge(GOOD, GATES, null=null)
    assert verdict.failed == ("paired null branch fails",) and says in verdict.gates[-1].says


@pytest.mark.parametrize(
    ("panel", "passed"),
    [(replace(GOOD, trust=0.5), True), (GOOD, False), (CandidateEvidence(refused="too few rows"), False)],
)
def test_a_panel_that_must_fail_has_to_show_that_it_does(panel, passed):
    verdict = judge(GOOD, GATES, null=NULL, panel=panel)
    assert verdict.passed == passed and verdict.gates[-1].name == "expected-fail panel fails"


def test_a_panel_that_is_required_and_missing_fails():
    assert judge(GOOD, ManifoldGates(panel_required=True), null=NULL).failed == ("expected-fail panel fails",)


def test_the_hash_is_of_the_thresholds():
    assert ManifoldGates().sha256 == GATES.sha256
    assert len({GATES.sha256, ManifoldGates(least_rho=0.21).sha256, ManifoldGates(panel_required=True).sha256}) == 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"least_trust": 1.2}, "least_trust 1.2"),
        ({"most_donor_p": 0.0}, "most_donor_p 0.0"),
        ({"above_margin": 2.0}, "above_margin 2.0"),
        ({"draws": 998}, "998 draws give no p of 0.001; give 1000"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        ManifoldGates(**settings)
