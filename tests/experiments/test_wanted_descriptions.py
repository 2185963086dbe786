"""What a campaign file asks for: references by name before anything runs, and what a job is given of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from theodolite.data import CONFIRMATION, DISCOVERY, Reference
from theodolite.descriptions import READABLE, Described, DescriptionParams, Subject, description
from theodolite.experiments import CampaignError, CampaignRun, CampaignSpec, prepare
from theodolite.experiments.bench import Bench
from theodolite.experiments.described_with import references_from_bytes, references_to_bytes
from theodolite.experiments.wanted_descriptions import description_conflicts, wanted_descriptions
from theodolite.measurements import GeneScores
from theodolite.sources import Source

pytestmark = pytest.mark.usefixtures("fresh_plugins")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("program_9", "'program_9' is no reference of this campaign; name one such as program_"),
        ("program_1_pairs", "held against sets, and 'program_1_pairs' is a list of pairs"),
    ],
)
def test_a_reference_that_the_campaign_does_not_have_is_named_before_anything_runs(
    small_world: Any, tmp_path: Path, description_plugin: str, name: str, said: str
) -> None:
    spec = small_world.spec(plugins=[description_plugin], descriptions=[{"name": "odd.tells", "references": name}])
    with pytest.raises(CampaignError, match=said):
        prepare(spec, small_world.workspace(tmp_path / "work"))
    assert not (tmp_path / "work" / "ledger.sqlite").exists()


def test_what_reads_more_than_the_genes_to_explore_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READABLE, "model", "the model itself")  # type: ignore[arg-type]  # a dict all the same

    @description(family="odd", shape=GeneScores, unit="one", reads=("model",), memory=lambda size, params: 0)
    def pries(subject: Subject, params: DescriptionParams) -> Described:
        """Read whatever the model says of any gene."""
        raise AssertionError("this was never to be begun")

    with pytest.raises(ValidationError, match=r"odd.pries reads the model itself, .* kept for tests too; it runs on"):
        CampaignSpec(name="a", descriptions=["odd.pries"])


def test_what_needs_regulons_is_refused_in_a_campaign_without_any(small_world: Any, tmp_path: Path) -> None:
    spec = small_world.spec(descriptions=["geometry.gene_class"])
    with pytest.raises(CampaignError, match="held against regulons, and the campaign has none .* leave the descr"):
        prepare(spec, small_world.workspace(tmp_path / "work"))


def test_the_lines_of_the_documentation_are_a_campaign_file(checkout: Path) -> None:
    text = (checkout / "docs" / "instruments" / "README.md").read_text(encoding="utf-8")
    block = text[text.index("    descriptions:\n") :].partition("\n\n")[0]
    spec = CampaignSpec.model_validate({"name": "documented", **yaml.safe_load(block)})
    assert [item.untrained for item in spec.descriptions or ()] == [False, True]


def test_a_reference_without_a_member_to_explore_says_so(
    small_world: Any, open_described: Callable[..., CampaignRun]
) -> None:
    probe = open_described("odd.draws", folder="probe")
    kept = probe.setting.genes(CONFIRMATION)[:5]
    hidden = Reference("hidden", "what is kept", "set", kept, "of tests alone", (Source(name="a test"),))
    (part,) = json.loads(references_to_bytes([hidden], probe.setting.genes(DISCOVERY)))
    assert (part["members"], part["sha256"]) == ([], hidden.sha256)
    job = next(probe._description_job(wanted) for wanted in wanted_descriptions(probe.setting))
    given = probe.ledger.artefacts.put(references_to_bytes([hidden], probe.setting.genes(DISCOVERY)))
    with pytest.raises(RuntimeError, match="no reference has a member among the genes to explore"):
        Bench(probe.setting.materials()).run(job.model_copy(update={"references": given}))


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"name": "geometry.co_pole", "params": {"axis": 17}}, "axis asks for axis 17: .* width 16 have axes 1 to 16"),
        (
            {"name": "attention.retention", "params": {"layer": 1, "head": 3}},
            "layer 1, head 3: this model has layers 1",
        ),
        (
            {"name": "geometry.lineage_convergence", "params": {"followed": ["SPIB"]}},
            "followed names 'SPIB', not among",
        ),
        ({"name": "attention.retention", "params": {"against": "program_9"}}, "no reference has the id 'program_9'"),
    ],
)
def test_what_parameters_name_and_is_not_there_is_refused_when_the_campaign_opens(
    small_world: Any, tmp_path: Path, item: dict[str, Any], said: str
) -> None:
    # Asked for twice, of the model and of a baseline, it is said once.
    spec = small_world.spec(descriptions=[{**item, "untrained": True}], tools=["geometry.axis_separation"])
    setting = prepare(spec, small_world.workspace(tmp_path / "work"))
    (conflict,) = description_conflicts(setting)
    assert conflict.startswith(f"descriptions: {item['name']}: ")
    with small_world.opened(tmp_path / "work", spec) as run, pytest.raises(CampaignError, match=said):
        run.open()


def test_a_gene_that_is_kept_for_tests_cannot_be_followed(settings_of: Callable[..., Any]) -> None:
    def asking(gene: str) -> tuple[str, ...]:
        item = {"name": "geometry.lineage_convergence", "references": "program_1", "params": {"followed": [gene]}}
        return description_conflicts(settings_of(descriptions=[item]))

    kept, explored = (settings_of().genes(part)[0] for part in (CONFIRMATION, DISCOVERY))
    assert asking(explored) == ()
    (conflict,) = asking(kept)
    assert f"followed names {kept!r}" in conflict
    assert conflict.endswith("genes to explore, and none that is kept for tests)")


names = st.sampled_from([f"G{number}" for number in range(12)])
pairs = st.tuples(names, names).filter(lambda pair: pair[0] < pair[1])


@given(
    sets=st.lists(st.frozensets(names, min_size=1), max_size=3),
    lists=st.lists(st.frozensets(pairs, min_size=1), max_size=3),
    genes=st.frozensets(names),
)
def test_what_a_job_is_given_of_references_is_what_lies_among_its_genes(
    sets: list[frozenset[str]], lists: list[frozenset[tuple[str, str]]], genes: frozenset[str]
) -> None:
    made: list[Any] = [("set", members) for members in sets] + [("pairs", members) for members in lists]
    whole = [
        Reference(f"r{place}", "one", kind, tuple(sorted(members)), "drawn", (Source(name="a test"),))
        for place, (kind, members) in enumerate(made)
    ]
    content = references_to_bytes(whole, genes)
    found = {reference.id: reference for reference in references_from_bytes(content)}
    for reference in whole:
        inside = [item for item in reference.members if genes >= ({item} if isinstance(item, str) else set(item))]
        if reference.id in found:
            assert (found[reference.id].kind, list(found[reference.id].members)) == (reference.kind, inside)
            assert found[reference.id].origins[0].sha256 == reference.sha256
        else:
            assert inside == []
    assert references_to_bytes(reversed(whole), sorted(genes)) == references_to_bytes(whole[::-1], genes)
