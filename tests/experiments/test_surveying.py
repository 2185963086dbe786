"""A campaign on a model that reads the expressed genes of a cell: a Geneformer with something planted in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from worlds import REAL_STRENGTHS, SmallWorld

from theodolite.claims import Tag
from theodolite.data import CellSet, load_cells
from theodolite.experiments import CampaignError, Setting, prepare
from theodolite.experiments.campaign import GenesSpec
from theodolite.experiments.opening import opened_as
from theodolite.experiments.surveying import surveyed
from theodolite.models.facts import ModelFacts
from theodolite.models.geneformer.sizes import Size
from theodolite.models.geneformer.writing import write_dictionaries, write_random_checkpoint
from theodolite.models.registry import model_facts
from theodolite.models.verifying import Check, write_verification
from theodolite.store import EntryKind, Ledger, verify

WIDTH = 32


def plant_geneformer(folder: Path, world: SmallWorld, *, context: int = 256) -> Path:
    """Write a small Geneformer whose embedding holds the world's real programs; its genes have Ensembl ids."""
    genes = world.planted.cells.genes
    ids = [f"ENSG{90_000_000_000 + number:011d}" for number, _ in enumerate(genes)]
    size = Size(
        name="planted",
        version=2,
        layers=2,
        width=WIDTH,
        heads=2,
        feedforward=64,
        context=context,
        vocabulary=len(genes) + 4,
    )
    write_random_checkpoint(folder, size, seed=3)
    by_symbol = dict(zip(genes, ids, strict=True))
    for old in folder.glob("*.pkl"):
        old.unlink()
    write_dictionaries(
        folder, "gc104M", ids, np.ones(len(ids)), names=by_symbol, aliases={k.upper(): v for k, v in by_symbol.items()}
    )
    tensors = load_file(folder / "model.safetensors")
    words = tensors["bert.embeddings.word_embeddings.weight"]
    directions = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(5)))[0]
    for column, (name, strength) in enumerate(REAL_STRENGTHS.items()):
        reference = next(item for item in world.planted.references if item.id == name)
        members = [4 + place for place, gene in enumerate(genes) if gene in reference.genes]
        words[members] += strength * words.std() * directions[:, column]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def geneformer(small_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant_geneformer(tmp_path_factory.mktemp("models") / "planted-geneformer", small_world)


@pytest.fixture
def spec_of(small_world: Any, geneformer: Path) -> Callable[..., Any]:
    def spec(**overrides: Any) -> Any:
        cells = {"source": str(small_world.cells), "species": "human"}
        given = {"model": str(geneformer), "cells": cells, "tools": ["geometry.axis_separation"]} | overrides
        return small_world.spec("rank", **given)

    return spec


@pytest.fixture
def setting_of(small_world: Any, tmp_path: Path, spec_of: Callable[..., Any]) -> Callable[..., Setting]:
    return lambda **overrides: prepare(spec_of(**overrides), small_world.workspace(tmp_path / "ledger"))


@pytest.fixture
def survey(small_world: Any, geneformer: Path) -> Callable[..., tuple[ModelFacts, dict[str, int]]]:
    """Return the facts with the genes that a choice leaves, and in how many cells each gene of the cells is a token."""
    facts, cells, families = model_facts(str(geneformer)), human(small_world), small_world.planted.families

    def choose(**words: int) -> tuple[ModelFacts, dict[str, int]]:
        presence = facts.tokenise(cells).presence(len(facts.genes))
        counted = dict(zip(cells.genes, presence[facts.places(cells)].tolist(), strict=True))
        return surveyed(facts, cells, families, GenesSpec(**words)), counted

    return choose


def human(small_world: Any) -> CellSet:
    return load_cells(small_world.cells, layer="X", species="human")


def test_genes_are_surveyed_that_enough_cells_have_as_tokens(small_world: Any, survey: Callable[..., Any]) -> None:
    (few, presence), (many, _) = survey(least_cells=60), survey(least_cells=5)
    assert 0 < len(few.genes) < len(many.genes) <= 300
    family = small_world.planted.families.family
    assert {gene for gene, n in presence.items() if n >= 60 and family.get(gene)} == set(few.genes)
    in_order = {gene: column for column, gene in enumerate(human(small_world).genes)}
    assert list(few.genes) == sorted(few.genes, key=in_order.__getitem__)


def test_of_too_many_genes_those_are_kept_that_most_cells_have(survey: Callable[..., Any]) -> None:
    (most, presence), (every, _) = survey(most=50), survey()
    assert len(most.genes) == 50
    left_out = set(every.genes) - set(most.genes)
    assert min(presence[gene] for gene in most.genes) >= max(presence[gene] for gene in left_out)


def test_a_token_that_two_columns_make_up_is_left_out(small_world: Any, geneformer: Path) -> None:
    facts, cells = model_facts(str(geneformer)), human(small_world)
    whole = surveyed(facts, cells, small_world.planted.families)
    twice, other = whole.genes[0], whole.genes[1]
    ids = dict(zip(facts.vocabulary.names, facts.vocabulary.ensembl, strict=True))
    # An id that the model's makers know under another one.
    known = {**facts.vocabulary.aliases, "ENSG00000000777": ids[twice]}
    both = replace(facts, vocabulary=replace(facts.vocabulary, aliases=known))
    named = tuple("ENSG00000000777" if gene == other else ids[gene] for gene in cells.genes)
    found = surveyed(both, replace(cells, ensembl=named), small_world.planted.families)
    # What the model reads there is the sum of both columns, and neither gene's own.
    assert set(whole.genes) - set(found.genes) == {twice, other}


def test_results_of_other_surveyed_genes_are_not_taken(setting_of: Callable[..., Setting]) -> None:
    """A split of the whole family table is the same whatever is surveyed, and no job names the genes."""
    table = {"over": "families", "blocks": 1}
    few, many = (setting_of(genes={"least_cells": least}, split=table) for least in (40, 20))
    assert few.split.sha256 == many.split.sha256 and few.model.genes != many.model.genes
    assert few.materials().results != many.materials().results


def test_a_survey_that_no_worker_could_hold_is_refused_with_what_fits(
    small_world: Any, geneformer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theodolite.experiments.surveying.memory_bytes", lambda: 20 * 4 * 150**2)
    facts, cells, families = model_facts(str(geneformer)), human(small_world), small_world.planted.families
    with pytest.raises(CampaignError, match=r"in 4 heads of model .* give `genes: \{most: 100\}` or less"):
        surveyed(facts, cells, families)
    assert len(surveyed(facts, cells, families, GenesSpec(most=100)).genes) == 100


def test_the_split_holds_no_gene_that_is_not_surveyed(setting_of: Callable[..., Setting]) -> None:
    setting = setting_of(genes={"least_cells": 40})
    assert {gene for gene, _ in setting.split.units.gene_family} == set(setting.model.genes)
    assert json.loads(setting.split_document)["captured"] == list(setting.model.genes)


def test_cells_that_the_model_does_not_know_are_refused_with_what_was_found(setting_of: Callable[..., Setting]) -> None:
    with pytest.raises(CampaignError, match=r"0 genes can be surveyed: .* 300 are known .* 0 are tokens of 97 cells"):
        setting_of(genes={"least_cells": 97})


def test_a_model_that_reads_all_of_its_vocabulary_has_no_genes_to_choose(small_world: Any, tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match="reads all 300 genes of its vocabulary"):
        prepare(small_world.spec(genes={"most": 60}), small_world.workspace(tmp_path))


def test_a_campaign_on_it_finds_what_was_planted_and_says_that_the_model_is_unverified(
    small_world: Any, spec_of: Callable[..., Any], geneformer: Path, tmp_path: Path
) -> None:
    def verdicts(folder: Path, name: str) -> dict[str, tuple[str, tuple[str, ...]]]:
        spec = spec_of().model_copy(update={"name": name})
        small_world.run_in_process(folder, spec)
        return {row.reference: (row.verdict, row.tags) for row in small_world.rows(folder)}

    found = verdicts(tmp_path / "unverified", "rank")
    assert found["program_1"][0] == "supported"
    assert found and all(Tag.UNVERIFIED_MODEL.value in tags for _, tags in found.values())
    with Ledger.open(tmp_path / "unverified" / "ledger.sqlite", read_only=True) as ledger:
        plans = [entry.payload["plan"] for entry in ledger.entries(kind=EntryKind.REGISTRATION)]
        assert all(plan["unverified_model"] is True and "runs_on" not in plan for plan in plans)
        assert verify(ledger).ok

    setting = prepare(spec_of(), small_world.workspace(tmp_path / "other"))
    record = write_verification(geneformer, setting.model.sha256, [Check("c", True, 1.0, 0.5, "s")], {"cells": "here"})
    try:
        verified = verdicts(tmp_path / "verified", "rank")
    finally:
        record.unlink()
    assert verified.keys() == found.keys()
    assert not any(Tag.UNVERIFIED_MODEL.value in tags for _, tags in verified.values())


def test_a_verification_of_other_weights_or_a_failed_one_says_nothing(
    setting_of: Callable[..., Setting], geneformer: Path
) -> None:
    sha256, held = setting_of().model.sha256, Check("c", True, 1.0, 0.5, "s")
    try:
        for named, checks in (("0" * 64, [held]), (sha256, [held, Check("d", False, 0.1, 0.5, "s")])):
            write_verification(geneformer, named, checks, {})
            assert not setting_of().model.verified
        write_verification(geneformer, sha256, [held], {})
        assert setting_of().model.verified
        assert setting_of().model.sha256 == sha256
    finally:
        (geneformer / "verification.json").unlink()


def test_a_verification_that_comes_later_changes_nothing_of_an_open_campaign(
    small_world: Any, spec_of: Callable[..., Any], geneformer: Path, tmp_path: Path
) -> None:
    folder, sha256 = tmp_path / "ledger", model_facts(str(geneformer)).sha256
    with small_world.opened(folder, spec_of()) as run:
        run.open()
    try:
        write_verification(geneformer, sha256, [Check("c", True, 1.0, 0.5, "s")], {})
        small_world.run_in_process(folder, spec_of())
        rows = small_world.rows(folder)
        assert rows and all(Tag.UNVERIFIED_MODEL.value in row.tags for row in rows)
        # What replays a ledger takes it from there too.
        setting = prepare(spec_of(), small_world.workspace(tmp_path / "again"))
        with Ledger.open(folder / "ledger.sqlite", read_only=True) as original:
            assert setting.model.verified and not opened_as(setting, original).model.verified
    finally:
        (geneformer / "verification.json").unlink()
