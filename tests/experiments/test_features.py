"""Claims about features in a campaign: five dictionaries of discovery genes, baselines of their own, and a verdict."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.agents import LintReviewer
from theodolite.claims import Verdict
from theodolite.data import DISCOVERY
from theodolite.experiments import fitted_features, needs
from theodolite.experiments.bench import Bench
from theodolite.experiments.dependence import dependence
from theodolite.experiments.jobs import FIT_FEATURES, JobOutcome
from theodolite.experiments.needs import fitting_bytes, memory_conflict
from theodolite.experiments.replay import verify_decisions
from theodolite.gates import BASELINES, REFITS
from theodolite.judgements import Review
from theodolite.measurements import GeneScores, Variant, VariantKind, load_measurement
from theodolite.plans import Plan
from theodolite.reports.forecast import forecast
from theodolite.saes import DictionaryRecipe
from theodolite.saes.count_factors import factors_from_bytes
from theodolite.saes.ranked import ranked_from_bytes
from theodolite.store import EntryKind, Ledger, verify
from theodolite.tools import N_FEATURES, get_tool

TOOL = "saes.feature_value"


def small_recipe(layer: int, variant: Variant = Variant(VariantKind.MAIN)) -> DictionaryRecipe:  # noqa: B008  frozen
    return DictionaryRecipe(layer, 32, 4, 150, 256, seed=variant.seed if variant.kind is VariantKind.REFITTED else 0)


class Ordering(LintReviewer):
    """Orders a control on every plan."""

    def review_plan(self, plan: Plan) -> Review:
        return super().review_plan(plan).model_copy(update={"controls": ("untrained_again",)})


@pytest.fixture(scope="module")
def told(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the workspace of a campaign about features, with dictionaries small enough to wait for."""
    folder = tmp_path_factory.mktemp("features")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitted_features, "recipe_of", small_recipe)
        spec = small_world.spec("features", tools=[TOOL], budget={"experiments": 4})
        small_world.run_in_process(folder, spec, reviewer=Ordering())
    return folder


@pytest.fixture
def ledger(told: Path) -> Any:
    with Ledger.open(told / "ledger.sqlite", read_only=True) as opened:
        yield opened


def plans(ledger: Ledger) -> list[Plan]:
    return [Plan.model_validate(entry.payload["plan"]) for entry in ledger.entries(kind=EntryKind.REGISTRATION)]


def test_what_is_planted_is_found_and_no_decoy_is(small_world: Any, told: Path) -> None:
    rows = small_world.rows(told)
    assert len(rows) == 4 and {row.locus_kind for row in rows} == {"feature"}
    supported = {row.reference for row in rows if row.verdict == Verdict.SUPPORTED}
    assert supported == small_world.real


def test_a_verdict_over_chance_holds_g15_over_five_dictionaries(ledger: Ledger) -> None:
    said = [
        {gate["gate"]: gate for gate in entry.payload["settlement"]["gates"]} | {"": entry.payload["settlement"]}
        for entry in ledger.entries(kind=EntryKind.VERDICT)
    ]
    supported = [gates for gates in said if gates[""]["verdict"] == "supported"]
    assert supported
    for gates in supported:
        assert gates["G15"]["passed"] and "Over 5 seeds" in gates["G15"]["sentence"]
        assert "The best of 5 baselines" in gates["G5"]["sentence"]


def test_a_look_shows_the_least_of_five_dictionaries_and_nothing_where_they_disagree(
    small_world: Any, told: Path, ledger: Ledger
) -> None:
    with small_world.opened(told, small_world.spec("features", tools=[TOOL], budget={"experiments": 4})) as run:
        run.open()
        tool, kinds = get_tool(TOOL), set()
        for entry in list(ledger.entries(kind=EntryKind.LOOK))[:8]:
            jobs = [run._tool_job(tool, entry.payload["params"], DISCOVERY, name) for name in ("main", *REFITS)]
            shown = [
                run._discovery_effects(tool, Path(str(outcome.content_file)).read_bytes())["program_1"][0]
                for outcome in run._runner.submit(jobs)
            ]
            agree = min(shown) * max(shown) > 0
            told_of = entry.payload["effects"]["program_1"]
            assert float(told_of["effect"]) == (min(shown, key=abs) if agree else 0.0)
            assert ("gain" in told_of) == agree
            kinds.add(agree)
    assert kinds == {True, False}


def test_every_test_measures_the_baselines_and_four_more_dictionaries(ledger: Ledger) -> None:
    for plan in plans(ledger):
        assert plan.variants == ("main", *BASELINES, *REFITS)
        assert set(plan.variants) <= set(plan.fitted) and set(plan.loci or {}) == set(BASELINES)
    for entry in ledger.entries(kind=EntryKind.RESULT):
        scores = {
            name: load_measurement(ledger.artefacts.get(sha)) for name, sha in entry.payload["measurements"].items()
        }
        assert set(scores) == {"main", *BASELINES, *REFITS}
        for measured in scores.values():
            # What no feature is active at is told apart too.
            assert isinstance(measured, GeneScores) and len(np.unique(measured.score)) == len(measured.genes)
        for one, other in itertools.combinations(("main", *REFITS), 2):
            assert not np.array_equal(scores[one].score, scores[other].score)  # type: ignore[attr-defined]


def test_dictionaries_are_fitted_to_discovery_genes_and_others_are_matched_to_the_models_own(ledger: Ledger) -> None:
    fits = {
        entry.payload["variant"]: ledger.artefacts.get(entry.payload["artefact"])
        for entry in ledger.entries(kind=EntryKind.FIT)
        if entry.payload["what"] == "features"
    }
    assert set(fits) == {"main", *BASELINES, *REFITS, "untrained(3)"}, "that of the control that was ordered too"
    assert factors_from_bytes(fits["counts"]).shape == (N_FEATURES, 96)
    own = ranked_from_bytes(fits["main"])
    assert [each.layer for each in own] == [1, 2]
    for name in REFITS:
        for mine, other in zip(own, ranked_from_bytes(fits[name]), strict=True):
            assert len(set(other.chosen.tolist())) == N_FEATURES
            cosine = (mine.sae.decoder[mine.chosen] * other.sae.decoder[other.chosen]).sum(axis=1)
            np.testing.assert_allclose(other.cosine, cosine, atol=1e-5)


def test_the_ledger_verifies_to_the_last_number_controls_included(ledger: Ledger) -> None:
    assert [entry.payload["variant"] for entry in ledger.entries(kind=EntryKind.CONTROL)].count("untrained(3)") == 4
    assert verify(ledger).ok and verify_decisions(ledger, deep=True) == []


def test_a_verdict_rests_on_the_fit_of_features_and_on_the_one_that_others_are_matched_to(ledger: Ledger) -> None:
    test = next(iter(dependence(ledger).tests.values()))
    titles = [node.title for node in test.nodes]
    assert {f"features, {name}" for name in (*BASELINES, *REFITS)} <= set(titles)
    assert any(node.name.startswith(FIT_FEATURES) for node in test.nodes)
    refit = next(node for node in test.made_of if node.title == "features, refitted(1)")
    assert [node.title for node in test.made_of[refit]].count("features, main") == 1


def test_another_worker_measures_the_same_bytes_from_what_was_fitted(
    small_world: Any, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitted_features, "recipe_of", small_recipe)
    spec = small_world.spec("features", tools=[TOOL], budget={"experiments": 4})
    with small_world.opened(told, spec) as run:
        run.open()
        tool = get_tool(TOOL)
        jobs = [
            run._tool_job(tool, {"layer": 2, "feature": 3}, part, variant)
            for part in (DISCOVERY, run.setting.split.blocks[0])
            for variant in ("main", "refitted(2)", "counts")
        ]
        known = [Path(str(outcome.content_file)).read_bytes() for outcome in run._runner.submit(jobs)]
        assert [Bench(run.setting.materials()).run(job) for job in jobs] == known


def test_a_control_is_read_where_its_dictionary_resembles_the_models_own_most(ledger: Ledger) -> None:
    fits = {
        entry.payload["variant"]: ranked_from_bytes(ledger.artefacts.get(entry.payload["artefact"]))
        for entry in ledger.entries(kind=EntryKind.FIT)
        if entry.payload["what"] == "features" and entry.payload["variant"] != "counts"
    }
    assert all((each.cosine == 1.0).all() for each in fits["untrained(0)"]), "baselines are ranked by themselves"
    assert all((each.cosine < 0.999).all() for each in fits["untrained(3)"])


def test_a_look_that_another_seed_cannot_give_is_a_row_that_says_so(
    small_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitted_features, "recipe_of", small_recipe)
    with small_world.opened(tmp_path, small_world.spec("failing", tools=[TOOL])) as run:
        run.open()
        tool = get_tool(TOOL)
        bad = run._tool_job(tool, {"layer": 1, "feature": 1}, DISCOVERY, "refitted(3)").sha256
        submit = run._runner.submit

        def failing(jobs: Any) -> Any:
            for outcome in submit(jobs):
                late = JobOutcome(job_sha256=bad, status="timeout", reason="it took too long")
                yield late if outcome.job_sha256 == bad else outcome

        monkeypatch.setattr(run._runner, "submit", failing)
        assert run.look(tool, tool.params(layer=1, feature=1)).effects == {}
        (entry,) = list(run.ledger.entries(kind=EntryKind.LOOK))
        assert (entry.payload["status"], entry.payload["measurement"]) == ("timeout", None)
        assert entry.payload["reason"] == "with what another seed fitted: it took too long"


def test_what_is_too_small_for_features_is_refused_before_it_opens(settings_of: Any) -> None:
    setting = settings_of(tools=[TOOL])
    assert needs.size_conflict(setting) is None
    narrow = replace(setting, model=replace(setting.model, width=2))
    said = needs.size_conflict(narrow)
    assert said is not None and said.startswith("8 features in a dictionary of a model of width 2")
    assert said in forecast(narrow).conflicts


def test_memory_of_a_fit_is_told_beforehand(settings_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = settings_of(tools=[TOOL])
    assert memory_conflict(setting) is None
    needed = fitting_bytes(setting, "features")
    monkeypatch.setattr(needs, "job_memory_bytes", lambda spec: needed - 1)
    monkeypatch.setattr(needs, "own_bytes", lambda tool, params, size: 0)
    monkeypatch.setattr(needs, "_capturing", lambda setting: 0)
    assert TOOL in str(memory_conflict(setting))
