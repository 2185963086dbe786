"""A matrix: several campaigns in one file, each an ordinary one, under one error stream and one partition."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml

from theodolite.agents import LintReviewer, Planner, run_campaign
from theodolite.data import DISCOVERY, UnitTable, make_split
from theodolite.experiments import CampaignError, CampaignRun, CampaignSpec, Setting, StepError, load_campaign, prepare
from theodolite.experiments.matrix import Matrix, load_matrix
from theodolite.experiments.matrix_preparing import prepare_matrix
from theodolite.experiments.replay import verify_decisions
from theodolite.store import EntryKind, Ledger, block_rows, hypothesis_rows, stream_rows, verify

PLAIN = "name: a\nmatrix:\n  models: [compact-pbmc]\n  seeds: [1, 2]\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "my.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Matrix:
    found = load_matrix(written(folder, text))
    assert found is not None
    return found


def test_the_file_of_one_campaign_is_no_matrix(tmp_path: Path) -> None:
    assert load_matrix(written(tmp_path, "name: a\n")) is None


def test_the_lists_are_combined_models_first_and_seeds_last(tmp_path: Path) -> None:
    matrix = read(
        tmp_path,
        "name: blood\nmatrix:\n  models: [compact-pbmc, {name: own, model: some/Check.Point}]\n"
        "  cells: [pbmc, {name: lung, source: l.h5ad, layer: raw}]\n  references: [programs, sets/mine.yaml]\n"
        "  seeds: [1, 2]\nbudget: {experiments: 3}\n",
    )
    names = [child.name for child in matrix.children]
    assert len(names) == 16 and names[:3] == [
        "blood-compact-pbmc-pbmc-programs-s1", "blood-compact-pbmc-pbmc-programs-s2", "blood-compact-pbmc-pbmc-mine-s1",
    ]  # fmt: skip
    last = matrix.children[-1]
    assert last.name == "blood-own-lung-mine-s2"
    assert (last.spec.model, last.spec.cells.source, last.spec.cells.layer) == ("some/Check.Point", "l.h5ad", "raw")
    assert (last.spec.references, last.spec.seed) == ("sets/mine.yaml", 2)


def test_the_stream_is_planned_for_the_tests_of_all_campaigns(tmp_path: Path) -> None:
    matrix = read(tmp_path, PLAIN + "budget: {experiments: 3}\n")
    assert matrix.experiments == 6 and matrix.n_max == 60
    assert {child.spec.error.n_max for child in matrix.children} == {60}
    assert read(tmp_path, PLAIN + "error: {n_max: 17}\n").n_max == 17
    assert read(tmp_path, PLAIN + "budget: {experiments: 5000}\n").n_max == 10_000


def test_a_name_that_would_be_too_long_ends_in_a_hash_and_stays_the_same(tmp_path: Path) -> None:
    text = "name: a-campaign-with-a-long-name\nmatrix:\n  models: [compact-pbmc]\n  seeds: [1, 2]\n"
    first, second = (child.name for child in read(tmp_path, text).children)
    assert first.startswith("a-campaign-with-a-long-name-com") and len(first) <= 40 and first != second
    assert [child.name for child in read(tmp_path, text).children] == [first, second]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: a\nmatrix:\n  seeds: []\n", 3, ["matrix.seeds is []", "at least 1"]),
        ("name: a\nmatrix:\n  seeds: [1, 2, 1]\n", 3, ["matrix.seeds lists 1 twice", "delete"]),
        ("name: a\nmatrix:\n  models:\n    - x\n    - y/x\n", 5, ["two items called 'x'", "{name: ..., model: y/x}"]),
        ("name: a\nmatrix:\n  models:\n    - x\n    - x\n", 5, ["matrix.models lists 'x' twice"]),
        ("name: a\nmatrix:\n  seeds: [-1]\n", 3, ["matrix.seeds.0 is -1", "greater than or equal to 0"]),
        ("name: a\nmatrix:\n  models: [3]\n", 3, ["matrix.models.0 is 3", "give its keys", "name, model"]),
        ("name: a\nmatrix:\n  model: [x]\n", 3, ["matrix.model is no key", "did you mean 'models'"]),
        ("name: a\nmatrix:\n  cells:\n    - {sorce: x}\n", 4, ["matrix.cells.0.sorce", "did you mean 'source'"]),
        ("name: a\nmatrix:\n  cells:\n    - {name: Lung, source: x}\n", 4, ["'Lung'", "lower-case letters"]),
        ("name: a\nmatrix: {}\n", 2, ["names no list", "models, cells, references, seeds"]),
        ("name: a\nmatrix:\n  seeds: [1, 2]\nseed: 3\n", 4, ["seed is given beside matrix.seeds", "keep one"]),
        ("name: a\ncells: {source: x}\nmatrix:\n  cells: [pbmc]\n", 2, ["cells is given beside matrix.cells"]),
        (f"name: a\nmatrix:\n  seeds: {list(range(501))}\n", 2, ["501 campaigns, at most 500", "shorten a list"]),
        ("name: a\nbuget: 3\nmatrix:\n  seeds: [1]\n", 2, ["buget is no key", "did you mean 'budget'"]),
        ("matrix:\n  seeds: [1]\n", 1, ["name is missing"]),
    ],
)
def test_a_mistake_is_told_with_line_value_and_remedy(tmp_path: Path, text: str, line: int, said: list[str]) -> None:
    with pytest.raises(CampaignError) as caught:
        load_matrix(written(tmp_path, text))
    told = str(caught.value)
    assert told.startswith(f"{tmp_path / 'my.yaml'}, line {line}: ")
    for words in said:
        assert words in told


def test_who_reads_one_campaign_is_told_that_the_file_is_a_matrix(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match="line 2: this file is a matrix of campaigns"):
        load_campaign(written(tmp_path, PLAIN))


# With files.


@pytest.fixture
def matrix_file(small_world: Any, tmp_path: Path) -> Callable[..., Path]:
    """Write a matrix over the small world: lists in place of its keys, other arguments change the rest of the file."""

    def write(lists: dict[str, Any], **changes: Any) -> Path:
        content = small_world.content("many", **changes)
        for key in lists:
            content.pop({"models": "model", "seeds": "seed"}.get(key, key), None)
        path = tmp_path / "many.yaml"
        path.write_text(yaml.safe_dump({**content, "matrix": lists}), encoding="utf-8")
        return path

    return write


@pytest.fixture
def other_cells(small_world: Any, tmp_path: Path) -> dict[str, str]:
    """Write cells with the genes of the world, some of other families beside them, and the table of all families."""
    cells = small_world.planted.cells
    extra = [f"EXTRA{number}" for number in range(40)]
    counts = np.hstack([cells.counts[:60].toarray(), np.random.default_rng(1).poisson(3.0, (60, len(extra)))])
    anndata.AnnData(
        X=counts.astype(np.float32),
        obs=pd.DataFrame(index=[f"other-{name}" for name in cells.cells[:60]]),
        var=pd.DataFrame(index=[*cells.genes, *extra]),
    ).write_h5ad(tmp_path / "other.h5ad")
    families = (small_world.folder / "families.tsv").read_text(encoding="utf-8")
    rows = "".join(f"{gene}\tA-{gene}\n" for gene in extra)  # before all others in the order of names
    (tmp_path / "families.tsv").write_text(families + rows, encoding="utf-8")
    return {"cells": str(tmp_path / "other.h5ad"), "families": str(tmp_path / "families.tsv")}


def settings_of(small_world: Any, file: Path, folder: Path) -> list[Setting]:
    matrix = load_matrix(file)
    assert matrix is not None
    return prepare_matrix(matrix, small_world.workspace(folder))


def declared(small_world: Any, ledger: Ledger, settings: list[Setting]) -> list[CampaignRun]:
    runs = [CampaignRun(setting, ledger, small_world.runner(setting)) for setting in settings]
    for run in runs:
        run.declare()
    return runs


def payloads(ledger: Ledger) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of a chain but for what they say of the matrix."""
    entries = [(entry.id, dict(entry.payload)) for entry in ledger.entries()]
    return [(name, {key: value for key, value in said.items() if key != "matrix"}) for name, said in entries]


@pytest.mark.slow
def test_a_child_is_the_campaign_that_its_own_file_would_be(
    small_world: Any, matrix_file: Callable[..., Path], tmp_path: Path
) -> None:
    """Same ids; and where the files of their own are opened first too, the same rows to the last verdict."""
    changes = {"error": {"n_max": 40}, "budget": {"experiments": 2}}
    file = matrix_file({"seeds": [1, 2]}, **changes)
    chains = []
    for as_matrix in (True, False):
        folder = tmp_path / str(as_matrix)
        if as_matrix:
            settings = settings_of(small_world, file, folder)
        else:
            settings = [
                prepare(
                    CampaignSpec.model_validate(small_world.content(f"many-s{seed}", seed=seed, **changes)),
                    small_world.workspace(folder),
                )
                for seed in (1, 2)
            ]
        with Ledger.open(settings[0].workspace.ledger, create=True) as ledger:
            for run in declared(small_world, ledger, settings):
                run_campaign(run, Planner(), LintReviewer())
            assert verify(ledger).ok and verify_decisions(ledger, deep=True) == []
            campaigns = [entry.payload for entry in ledger.entries(kind=EntryKind.CAMPAIGN)]
            assert [("matrix" in payload) for payload in campaigns] == [as_matrix] * 2
            chains.append(payloads(ledger))
    assert chains[0] == chains[1]


def test_a_child_that_was_opened_by_its_own_file_goes_on_in_the_matrix(
    small_world: Any, matrix_file: Callable[..., Path], tmp_path: Path
) -> None:
    settings = settings_of(small_world, matrix_file({"seeds": [1, 2]}), tmp_path / "w")
    with Ledger.open(settings[0].workspace.ledger, create=True) as ledger:
        alone = prepare(settings[0].spec, settings[0].workspace)
        assert alone.campaign_id == settings[0].campaign_id
        CampaignRun(alone, ledger, small_world.runner(alone)).declare()
        declared(small_world, ledger, settings)
        assert ledger.count(EntryKind.CAMPAIGN) == 2


def test_nobody_chooses_which_campaign_comes_next(
    small_world: Any, matrix_file: Callable[..., Path], tmp_path: Path
) -> None:
    """All were opened before the first test: picking one by the tests so far would be picking what is tested."""
    settings = settings_of(small_world, matrix_file({"seeds": [1, 2]}), tmp_path / "w")
    with Ledger.open(settings[0].workspace.ledger, create=True) as ledger:
        declared(small_world, ledger, settings)
        by_its_own_file = prepare(settings[1].spec, settings[1].workspace)
        for setting in (settings[1], by_its_own_file):
            with pytest.raises(StepError, match=r"number 2 of the matrix 'many', and number 1, many-s1-\w+, is not"):
                CampaignRun(setting, ledger, small_world.runner(setting)).open()
        assert ledger.count(EntryKind.FIT) == 0


def test_all_campaigns_draw_on_one_stream_and_what_is_spent_in_one_counts_in_the_next(
    small_world: Any, matrix_file: Callable[..., Path], tmp_path: Path
) -> None:
    """Opened before the first test, both may use the same block; a support in one retires it for the other."""
    file = matrix_file({"seeds": [1, 2]}, error={"n_max": 40}, **small_world.two_blocks)
    settings = settings_of(small_world, file, tmp_path / "w")
    with Ledger.open(settings[0].workspace.ledger, create=True) as ledger:
        for run in declared(small_world, ledger, settings):
            run_campaign(run, Planner(), LintReviewer())
        rows = hypothesis_rows(ledger)
        campaigns = {row.campaign for row in rows if row.t is not None}
        assert campaigns == {setting.campaign_id for setting in settings}
        for stream in stream_rows(ledger):
            spent = [row.t for row in rows if row.stream == stream.stream and row.t is not None]
            assert spent == list(range(1, len(spent) + 1)) and stream.n_max == 40
        retired = {row.block_id: row for row in block_rows(ledger) if row.retired_in_round is not None}
        first = settings[0].campaign_id
        assert first in {row.retired_in_campaign for row in retired.values()}, "the world has real programs"
        for row in rows:
            if row.campaign != first and row.block_id in retired:
                assert row.reused or retired[row.block_id].retired_in_campaign == row.campaign


def test_several_cell_sets_share_one_partition(
    small_world: Any, matrix_file: Callable[..., Path], other_cells: dict[str, str], tmp_path: Path
) -> None:
    """No gene is explored on one cell set and tested on the other, as it would be by splits of their own."""
    file = matrix_file(
        {"cells": [str(small_world.cells), other_cells["cells"]]}, families=other_cells["families"],
        **small_world.two_blocks,
    )  # fmt: skip
    first, second = settings_of(small_world, file, tmp_path / "w")
    assert first.cells.sha256 != second.cells.sha256 and len(second.cells.genes) > len(first.cells.genes)

    def sides(one: Any, other: Any) -> int:
        return len(set(one.genes("confirmation")) & set(other.genes(DISCOVERY)))

    own = [make_split(UnitTable.of(setting.cells, setting.families), 1) for setting in (first, second)]
    assert sides(*own) + sides(*reversed(own)) > 0
    assert sides(first.split, second.split) + sides(second.split, first.split) == 0
    assert first.split.sha256 == second.split.sha256
    for block in first.split.blocks:
        assert first.split.block_id(block) == second.split.block_id(block)
        assert first.genes(block) == second.genes(block) != ()


@pytest.mark.slow
def test_a_block_that_one_cell_set_spent_is_spent_for_the_next(
    small_world: Any, matrix_file: Callable[..., Path], other_cells: dict[str, str], tmp_path: Path
) -> None:
    file = matrix_file(
        {"cells": [{"source": str(small_world.cells), "species": "planted"}, other_cells["cells"]]},
        families=other_cells["families"], budget={"experiments": 2},
    )  # fmt: skip
    settings = settings_of(small_world, file, tmp_path / "w")
    with Ledger.open(settings[0].workspace.ledger, create=True) as ledger:
        runs = declared(small_world, ledger, settings)
        run_campaign(runs[0], Planner(), LintReviewer())
        spent = [row for row in block_rows(ledger) if row.retired_in_round is not None]
        assert spent, "the world has real programs"
        assert runs[1].blocks_spent() == (len(spent) == settings[1].split.k)
        level = runs[1].registrar().level(0)
        assert level.provisional_t == 1 + next(row.t for row in stream_rows(ledger) if row.stream == level.stream)
        run_campaign(runs[1], Planner(), LintReviewer())
        tested = [row for row in hypothesis_rows(ledger, settings[1].campaign_id) if row.block_id]
        assert tested and all(row.reused for row in tested if row.block_id in {block.block_id for block in spent})
        assert verify(ledger).ok and verify_decisions(ledger, deep=True) == []


def test_a_split_of_its_own_is_refused_beside_the_common_one(
    small_world: Any, matrix_file: Callable[..., Path], tmp_path: Path
) -> None:
    settings = settings_of(small_world, matrix_file({"cells": [str(small_world.cells)]}), tmp_path / "w")
    with Ledger.open(settings[0].workspace.ledger, create=True) as ledger:
        declared(small_world, ledger, settings)
        alone = prepare(small_world.spec(error={"n_max": 12}), settings[0].workspace)
        with pytest.raises(StepError, match=r"the same family table and `split: \{seed: 1, over: families\}`"):
            CampaignRun(alone, ledger, small_world.runner(alone)).declare()


def test_references_that_alone_would_have_more_blocks_share_their_number(
    small_world: Any, matrix_file: Callable[..., Path], tmp_path: Path
) -> None:
    one, two = small_world.folder / "references.yaml", small_world.folder / "references-two-blocks.yaml"
    sesoi = {"GeneScores": 0.25}
    alone = [
        prepare(small_world.spec(references=str(file), sesoi=sesoi), small_world.workspace(tmp_path / "w"))
        for file in (one, two)
    ]
    assert [setting.split.k for setting in alone] == [1, 2]
    settings = settings_of(small_world, matrix_file({"references": [str(one), str(two)]}, sesoi=sesoi), tmp_path / "w")
    assert [setting.split.k for setting in settings] == [1, 1]
    assert settings[0].split.sha256 == settings[1].split.sha256


def test_two_values_with_the_same_content_are_refused(
    small_world: Any, matrix_file: Callable[..., Path], tmp_path: Path
) -> None:
    shutil.copytree(small_world.model, tmp_path / "copied")
    file = matrix_file({"models": [str(small_world.model), str(tmp_path / "copied")]})
    with pytest.raises(CampaignError, match=r"many.yaml, line \d+: 'copied' and 'planted-model' .* the same content"):
        settings_of(small_world, file, tmp_path / "w")


def test_an_input_that_is_missing_is_told_with_the_line_of_its_list(
    small_world: Any, matrix_file: Callable[..., Path], tmp_path: Path
) -> None:
    file = matrix_file({"cells": [str(small_world.cells), "absent.h5ad"]})
    line = 1 + next(n for n, text in enumerate(file.read_text().splitlines()) if "absent" in text)
    with pytest.raises(CampaignError, match=rf"many.yaml, line {line}: .*absent.h5ad"):
        settings_of(small_world, file, tmp_path / "w")


def test_a_combination_that_cannot_run_is_told_by_its_name(
    small_world: Any, matrix_file: Callable[..., Path], tmp_path: Path
) -> None:
    file = matrix_file({"models": [str(small_world.model), "compact-pbmc"]})
    with pytest.raises(
        CampaignError, match="campaign 'many-compact-pbmc' of the matrix cannot run: .* are not in cells"
    ):
        settings_of(small_world, file, tmp_path / "w")


def test_cells_of_other_families_than_the_table_are_told_with_their_line(
    small_world: Any, matrix_file: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(CampaignError, match=r"many.yaml, line \d+: cells 'pbmc.*' cannot be split: 0 families"):
        settings_of(small_world, matrix_file({"cells": [str(small_world.cells), "pbmc"]}), tmp_path / "w")
