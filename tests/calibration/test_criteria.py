"""The criteria of a study, met and missed."""

from __future__ import annotations

import pytest

from theodolite.calibration.criteria import MUST_BREAK, QUICK, Limits, criteria
from theodolite.calibration.summary import summarise


@pytest.fixture
def study_results(campaign_result, test_record):
    """Return a study of 200 clean campaigns a world, and of ablations that break what they should."""
    good = [test_record(n, truth="true", planted=0.2, verdict="supported") for n in range(1, 5)]
    bad = [test_record(n, verdict="supported") for n in range(1, 5)]

    def make(standard=good, null=(), off=bad, **changes):
        def campaigns(number, tests, **which):
            return [campaign_result(*tests, structure=i // 8, activation=i % 8, **which) for i in range(number)]

        return [
            *campaigns(200, standard, **changes),
            *campaigns(200, null, world="global_null"),
            *(r for ablation, world in MUST_BREAK.items() for r in campaigns(8, off, world=world, ablation=ablation)),
        ]

    return make


def verdicts(results, limits=Limits()):  # noqa: B008
    found = criteria(summarise(results, q=0.1, tests=40, seed=1), limits)
    return {item.what: item.passed for item in found}


def test_a_clean_study_meets_every_criterion(study_results):
    found = verdicts(study_results())
    assert all(found.values())
    assert len(found) == 10


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({"mismatches": 1}, "decisions that replay did not reproduce"),
        ({"through_graph": False}, "campaigns decided otherwise by the graph"),
    ],
)
def test_one_decision_that_differs_is_one_too_many(study_results, changes, missed):
    assert [what for what, passed in verdicts(study_results(**changes)).items() if not passed] == [missed]


def test_false_supports_miss_the_error_rates(study_results, test_record):
    false = [test_record(1, verdict="supported"), *(test_record(n, truth="true", planted=0.2) for n in (2, 3))]
    found = verdicts(study_results(standard=false, null=false))
    missed = {what for what, passed in found.items() if not passed}
    assert missed == {
        "upper bound of the FDR over hypotheses",
        "upper bound of the FDR over claim keys",
        "upper bound of P(any support) under the global null",
        "power on strong true claims",
    }


def test_refuted_true_claims_are_counted(study_results, test_record):
    some = [test_record(1, truth="true", planted=0.2, verdict="refuted")] + [
        test_record(n, truth="true", planted=0.2, verdict="supported") for n in range(2, 11)
    ]
    assert verdicts(study_results(standard=some))["false refutations of true claims"] is False


def test_an_ablation_that_breaks_nothing_is_a_criterion_missed(study_results):
    found = verdicts(study_results(off=()))
    assert sum(not passed for passed in found.values()) == len(MUST_BREAK)


def test_what_was_not_measured_is_not_met(campaign_result):
    found = verdicts([campaign_result(world="degree")])
    assert not any(passed for what, passed in found.items() if "differ" not in what and what.startswith(("upper", "p")))


def test_the_quick_study_has_wider_limits_and_no_ablations(study_results):
    results = [result for result in study_results() if result.ablation is None and result.structure < 2]
    assert not verdicts(results)["upper bound of the FDR over hypotheses"]
    assert all(verdicts(results, QUICK).values())
