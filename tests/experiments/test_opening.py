"""Opening: what a campaign writes before its first look, and streams that an earlier version locked."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theodolite.claims import Hypothesis, Relation
from theodolite.data import DISCOVERY
from theodolite.experiments import TEMPLATE, CampaignRun, StepError, Workspace, load_campaign, prepare
from theodolite.experiments.replay import verify_decisions
from theodolite.gates import BASELINES
from theodolite.gates.stream import e_lond_level, settle_level
from theodolite.measurements import Coexpression, load_measurement
from theodolite.store import EntryKind, Ledger, hypothesis_rows, stream_rows, stream_state

Open = Callable[..., CampaignRun]
Make = Callable[..., Hypothesis]
Go = Callable[..., None]

KEPT = Path(__file__).parents[1] / "ledgers" / "pbmc-demo-0.1.0"


def fits(run: CampaignRun) -> dict[str, dict[str, Any]]:
    """Return the payloads of the fits of a campaign by the last part of their ids."""
    return {entry.id.rpartition("/")[2]: entry.payload for entry in run.ledger.entries(kind=EntryKind.FIT)}


def test_the_fits_of_an_opening_are_co_expression_axes_and_places_of_the_baselines(open_campaign: Open) -> None:
    run = open_campaign()
    tools = [tool.name for tool in run.setting.tools]
    assert list(fits(run)) == [
        *(f"coexpression-{part}" for part in (DISCOVERY, *run.setting.split.blocks)),
        "main",
        *BASELINES,
        *(f"{variant}-loci-{tool}" for variant in BASELINES for tool in tools),
    ]
    assert all(entry.payload["artefact"] in run.ledger.artefacts for entry in run.ledger.entries(kind=EntryKind.FIT))


def test_co_expression_is_that_of_each_part_of_the_split(open_campaign: Open) -> None:
    run = open_campaign()
    for part in (DISCOVERY, *run.setting.split.blocks):
        recorded = load_measurement(run.ledger.artefacts.get(fits(run)[f"coexpression-{part}"]["artefact"]))
        assert isinstance(recorded, Coexpression)
        assert recorded.genes == run.setting.genes(part)
        assert run.setting.coexpressed[part] == fits(run)[f"coexpression-{part}"]["artefact"]


def test_a_campaign_without_pair_instruments_counts_no_co_expression(
    open_campaign: Open, make_hypothesis: Make
) -> None:
    run = open_campaign(tools=["geometry.axis_separation"])
    assert not run.setting.paired
    assert [name for name in fits(run) if "coexpression" in name] == []
    assert run.setting.coexpressed == {}
    run.propose(1, 1, make_hypothesis(run))
    run.register(1)
    assert run.plans(1)[1].coexpression_sha256 is None


def test_a_place_of_a_baseline_is_one_of_the_instruments_and_says_what_it_showed(open_campaign: Open) -> None:
    run = open_campaign()
    for tool in run.setting.tools:
        admissible = [params.model_dump(mode="json") for params in tool.params.enumerate(run.setting.model_shape)]
        shown = {reference.id for reference in run.setting.references_for(tool)}
        for variant in BASELINES:
            places = json.loads(run.ledger.artefacts.get(fits(run)[f"{variant}-loci-{tool.name}"]["artefact"]))
            assert set(places) <= shown
            assert {name.removesuffix("_pairs") for name in places} >= {"program_1", "program_2", "decoy_1", "decoy_2"}
            assert all(
                place["params"] in admissible and -0.5 <= float(place["effect"]) <= 0.5 for place in places.values()
            )


def test_a_look_says_what_a_reference_adds_to_the_best_baseline_at_its_own_best_place(open_campaign: Open) -> None:
    run = open_campaign()
    looks = list(run.explore())
    for look in looks:
        either = look.tool.relation is Relation.SEPARATES
        assert look.margins.keys() == look.effects.keys()
        for reference, margin in look.margins.items():
            size = abs if either else float
            known = [run.setting.loci[variant, look.tool.name].effects for variant in BASELINES]
            hardest = max(size(effects[reference]) for effects in known if reference in effects)
            assert margin.gain == pytest.approx(size(look.effects[reference][0]) - hardest)
            assert min(margin.error, margin.gain_error) >= 0
    assert looks == list(run.explore())


def test_a_look_of_an_earlier_version_knows_nothing_of_baselines(
    open_campaign: Open, small_world: Any, tmp_path: Path
) -> None:
    run = open_campaign()
    (look, *_) = run.explore()
    folder = tmp_path / "earlier"
    shutil.copytree(tmp_path / "artefacts", folder / "artefacts")
    with Ledger.create(folder / "ledger.sqlite") as ledger:
        for entry in run.ledger.entries():
            payload = copy.deepcopy(entry.payload)
            if entry.kind is EntryKind.LOOK:
                for effect in payload["effects"].values():
                    for name in ("error", "gain", "gain_error"):
                        del effect[name]
            ledger.append(entry.kind, entry.id, entry.subject, payload)
    with small_world.opened(folder, small_world.spec("small")) as earlier:
        earlier.open()
        (found, *_) = earlier.explore()
        assert (found.effects, found.margins) == (look.effects, {})


def test_opening_again_finds_what_it_wrote_and_measures_nothing(open_campaign: Open) -> None:
    class NoRunner:
        def submit(self, jobs: Any) -> Any:
            assert not list(jobs), "a job was run for what is on record"

    first = open_campaign()
    again = open_campaign(runner=NoRunner())
    assert again.ledger.head() == first.ledger.head()
    for setting in (first.setting, again.setting):
        assert (setting.fitted, setting.loci, setting.coexpressed) == (
            first.setting.fitted, first.setting.loci, first.setting.coexpressed,
        )  # fmt: skip


@pytest.fixture
def locked_before(
    small_world: Any, open_campaign: Open, make_hypothesis: Make, go_round: Go, tmp_path: Path
) -> Callable[..., Any]:
    """Return how to open a campaign on a ledger with one spent test whose streams were locked as ``r-lond``."""
    run = open_campaign()
    go_round(run, 1, [make_hypothesis(run, "decoy_1")])
    folder = tmp_path / "r-lond"
    shutil.copytree(tmp_path / "artefacts", folder / "artefacts")
    with Ledger.create(folder / "ledger.sqlite") as ledger:
        for entry in run.ledger.entries():
            payload = copy.deepcopy(entry.payload)
            if entry.kind is EntryKind.STREAM:
                assert payload["rule"] == "e-lond"
                payload["rule"] = "r-lond"
            ledger.append(entry.kind, entry.id, entry.subject, payload)
    return lambda name="small", **overrides: small_world.opened(folder, small_world.spec(name, **overrides))


def test_a_stream_that_was_locked_as_r_lond_goes_on(
    locked_before: Callable[..., Any], make_hypothesis: Make, strongest: Make, go_round: Go
) -> None:
    with locked_before() as run:
        head = run.ledger.head()
        run.open()
        assert run.ledger.head() == head
        assert [(row.rule, row.t) for row in stream_rows(run.ledger)] == [("r-lond", 1), ("r-lond", 0)]
        go_round(run, 2, [strongest(run, "program_1"), make_hypothesis(run, "decoy_2")])
        rows = hypothesis_rows(run.ledger, round=2)
        # The next index, and levels to which r-LOND and e-LOND agree once p is laid on the grid.
        assert [(row.t, row.stream, row.verdict == "supported") for row in rows] == [
            (2, "main", True),
            (3, "main", False),
        ]
        for row, before in zip(rows, (0, 1), strict=True):
            assert row.alpha == e_lond_level(row.t, before, 0.10, 12).alpha
            assert (row.e >= 1 / row.alpha) is (row.p <= settle_level(row.t, before, 0.10, 12).alpha)
        assert stream_state(run.ledger, "main").t == 3
        assert verify_decisions(run.ledger, deep=True) == []


def test_its_other_terms_still_bind(locked_before: Callable[..., Any]) -> None:
    with locked_before("later", error={"q": 0.2}) as run:
        head = run.ledger.head()
        with pytest.raises(StepError, match=r"'main' was locked with q = 0.1, this campaign asks for 0.2"):
            run.open()
        assert run.ledger.head() == head


def test_the_demo_of_the_first_version_may_be_followed_by_todays(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    shutil.copytree(KEPT, folder)
    (tmp_path / "demo.yaml").write_text(TEMPLATE.format(name="pbmc-demo"), encoding="utf-8")
    setting = prepare(load_campaign(tmp_path / "demo.yaml"), Workspace.at(folder))
    with Ledger.open(setting.workspace.ledger) as ledger:
        run, head = CampaignRun(setting, ledger, None), ledger.head()  # type: ignore[arg-type]
        # What opening asks of the ledger before it reads the model: the same split, and streams of the same terms.
        run._lock_split()
        run._lock_stream()
        assert ledger.head() == head
        assert {row.rule for row in stream_rows(ledger)} == {"r-lond"}
        # Sixteen tests of its block are judged: today's campaign finds it used, and the stream of used blocks open.
        assert run.blocks_spent()
        level = run.registrar().level(0)
        assert (level.stream, level.provisional_t, level.rule) == ("main/reused", 1, "e-lond")
