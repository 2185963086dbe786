"""Campaign files: every mistake is answered with its line, its value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from theodolite.experiments import TEMPLATE, CampaignError, CampaignSpec, load_campaign


def written(folder: Path, text: str) -> Path:
    path = folder / "my.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(CampaignError) as caught:
        load_campaign(written(folder, text))
    return str(caught.value)


def test_a_name_is_all_that_a_campaign_needs(tmp_path: Path) -> None:
    spec = load_campaign(written(tmp_path, "name: my-campaign\n"))
    assert spec.model_dump() == CampaignSpec(name="my-campaign").model_dump()


def test_the_template_says_the_defaults(tmp_path: Path) -> None:
    spec = load_campaign(written(tmp_path, TEMPLATE.format(name="my-campaign")))
    assert spec.model_dump() == CampaignSpec(name="my-campaign").model_dump()


def test_every_key_that_the_template_hides_in_a_comment_exists(tmp_path: Path) -> None:
    # `# key: value  # why` becomes `key: value`; the layer is no label, so each is tried by itself.
    text = TEMPLATE.format(name="my-campaign")
    hidden = [line for line in text.splitlines() if line.lstrip().startswith("# ") and ": " in line.split("#")[1]]
    assert len(hidden) >= 5
    for line in hidden:
        if line.startswith(("# A Theodolite campaign", "# matrix:")):  # a matrix is read by `load_matrix`
            continue
        shown = line.replace("# ", "", 1)
        load_campaign(written(tmp_path, text.replace(line, shown)))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: a\nbuget:\n  experiments: 3\n", 2, ["buget", "did you mean 'budget'", "tools"]),
        ("name: a\nbudget:\n  experimnets: 3\n", 3, ["budget.experimnets", "'experiments'", "job_timeout_s"]),
        ("name: a\nseed: 1\nzzz: 1\n", 3, ["zzz is no key", "Allowed here: name, seed"]),
        ("name: a\nbudget:\n  experiments: many\n", 3, ["budget.experiments", "'many'", "integer"]),
        ("name: a\nbudget: 3\n", 2, ["budget", "3"]),
        ("name: a\nbudget:\n  job_timeout_s: 0\n", 3, ["job_timeout_s is 0", "greater than 0"]),
        ("name: a\nbudget:\n\n  experiments: 0\n", 4, ["experiments is 0", "greater than or equal to 1"]),
        ("name: a\nerror:\n  q: 0.7\n", 3, ["error.q is 0.7", "less than 0.5"]),
        ("name: a\nerror:\n  stream: Main Stream\n", 3, ["error.stream is 'Main Stream'", "pattern"]),
        ("name: a\nerror:\n  n_max: 10001\n", 3, ["10001", "less than or equal to 10000"]),
        ("name: a\nsesoi:\n  GeneScores: 0.4\n", 3, ["sesoi.GeneScores is 0.4", "less than 0.333"]),
        ("name: a\nerror:\n  supports_per_block: 0\n", 3, ["error.supports_per_block is 0", "equal to 1", "economy"]),
        ("name: a\nsesoi:\n  CurveFit: 0.1\n", 3, ["sesoi.CurveFit is no key", "GeneScores, PairScores"]),
        ("name: a\nspent_blocks: retry\n", 2, ["'retry'", "'continue' or 'stop'"]),
        ("name: a\ntools:\n  - geometry.axes\n", 2, ["geometry.axes", "geometry.axis_separation"]),
        ("name: a\ntools: []\n", 2, ["tools is []", "at least 1"]),
        ("name: a\ntools: [attention.edges, attention.edges]\n", 2, ["listed twice"]),
        ("name: a\ndescriptions: [geometry.rank]\n", 2, ["no description 'geometry.rank'", "geometry.effective_rank"]),
        ("name: a\ndescriptions:\n  - attention.edges\n", 3, ["is an instrument", "list it under `tools:`"]),
        (
            "name: a\ndescriptions:\n  - {name: geometry.effective_rank, params: {shuffles: 0}}\n",
            3,
            ["descriptions.0.params", "shuffles 0", "greater than or equal to 1", "tools describe"],
        ),
        (
            "name: a\ndescriptions:\n- geometry.effective_rank\n- {name: geometry.effective_rank, params: {n: 1}}\n",
            4,
            ["descriptions.1.params", "no parameter 'n'; it has shuffles"],
        ),
        (
            "name: a\ndescriptions:\n  - {name: geometry.effective_rank, references: x}\n",
            3,
            ["held against no reference; leave `references` out"],
        ),
        (
            "name: a\ndescriptions: [geometry.lineage_convergence]\n",
            2,
            ["descriptions.0.params", "needs the parameter 'followed'"],
        ),
        ("name: a\ndescriptions:\n  - {nam: b}\n", 3, ["descriptions.0.nam", "did you mean 'name'"]),
        ("name: a\ndescriptions: geometry.effective_rank\n", 2, ["'geometry.effective_rank'", "list"]),
        (
            "name: a\ndescriptions: [geometry.effective_rank, geometry.effective_rank]\n",
            2,
            ["geometry.effective_rank is listed twice"],
        ),
        ("name: My Campaign\n", 1, ["'My Campaign'", "pattern"]),
        ("seed: 1\n", 1, ["name is missing", "name: my-campaign"]),
        ("name: a\ncells:\n  source: x.h5ad\n  label: [cell_type]\n", 4, ["cells.label", "did you mean 'labels'"]),
        ("name: a\nthreads: true\nround_size: -1\n", 3, ["round_size is -1"]),
    ],
)
def test_a_mistake_is_told_with_line_value_and_what_is_allowed(
    tmp_path: Path, text: str, line: int, said: list[str]
) -> None:
    told = complaint(tmp_path, text)
    assert told.startswith(f"{tmp_path / 'my.yaml'}, line {line}: ")
    for words in said:
        assert words in told


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    told = complaint(tmp_path, "name: a\nseed: -1\nbudget:\n  experiments: 0\ncolour: red\n").splitlines()
    assert [line.split(": ")[0].rpartition(" ")[2] for line in told] == ["2", "4", "5"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nname: b\n", "line 2: 'name' is given twice"),
        ("name: a\nbudget:\n  experiments: 1\n  experiments: 2\n", "line 4: 'experiments' is given twice"),
        ("name: [a\n", "line 2: not valid YAML"),
        ("name: a\n\tseed: 1\n", "line 2: not valid YAML"),
        ("- name: a\n", "a list of `key: value` lines, found"),
        ("just words\n", "a list of `key: value` lines, found 'just words'"),
        ("", "found None"),
        ("name: !!python/object:os.system {}\n", "not valid YAML"),
    ],
)
def test_what_is_no_mapping_of_yaml_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in complaint(tmp_path, text)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match=r"cannot be read .*theodolite init"):
        load_campaign(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CampaignError, match="cannot be read"):
        load_campaign(tmp_path / "binary.yaml")


def test_a_stream_is_planned_for_ten_times_the_budget_at_most_ten_thousand() -> None:
    assert CampaignSpec(name="a", budget={"experiments": 16}).n_max == 160
    assert CampaignSpec(name="a", budget={"experiments": 4000}).n_max == 10_000
    assert CampaignSpec(name="a", error={"n_max": 7}).n_max == 7


@pytest.mark.parametrize(
    "change",
    [{"name": "b"}, {"seed": 2}, {"budget": {"experiments": 17}}, {"split": {"seed": 2}}, {"error": {"q": 0.2}}],
    ids=str,
)
def test_a_campaign_is_its_content(change: dict[str, Any]) -> None:
    contents = {"model": "1" * 64}
    spec = CampaignSpec(name="a")
    assert spec.campaign_id(contents).startswith("a-")
    assert CampaignSpec(name="a").campaign_id(contents) == spec.campaign_id(contents)
    assert CampaignSpec(**({"name": "a"} | change)).campaign_id(contents) != spec.campaign_id(contents)
    assert spec.campaign_id({"model": "2" * 64}) != spec.campaign_id(contents)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "elsewhere"},
        {"cells": {"source": "moved.h5ad"}},
        {"cells": {"aliases": "moved.tsv"}},
        {"references": "a.yaml"},
        {"families": "b.tsv"},
    ],
    ids=str,
)
def test_where_the_inputs_lie_is_no_part_of_it(change: dict[str, Any]) -> None:
    contents = {"model": "1" * 64}
    assert CampaignSpec(**({"name": "a"} | change)).campaign_id(contents) == CampaignSpec(name="a").campaign_id(
        contents
    )


def test_paths_are_relative_to_the_campaign_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    spec = load_campaign(written(tmp_path, "name: a\nreferences: sets/mine.yaml\n"))
    assert spec.place(spec.references) == "sets/mine.yaml"
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "mine.yaml").touch()
    assert Path(spec.place(spec.references)) == tmp_path / "sets" / "mine.yaml"
    assert spec.place("compact-pbmc") == "compact-pbmc"
    assert spec.place(str(tmp_path / "my.yaml")) == str(tmp_path / "my.yaml")


def test_what_cells_came_to_say_later_moves_no_campaign_that_does_not_say_it() -> None:
    plain = CampaignSpec(name="a")
    assert plain.words["cells"] == {
        "layer": "X", "species": "human", "gene_column": None, "labels": [], "donor": None, "batch": None,
    }  # fmt: skip
    assert set(plain.model_dump()["cells"]) == {"source", *plain.words["cells"]}
    for key in ("ensembl_column", "cell_type", "condition", "perturbation", "control"):
        said = CampaignSpec(name="a", cells={key: "x"})
        assert said.words["cells"][key] == "x" and said.campaign_id({}) != plain.campaign_id({})


def test_places_of_cells_and_aliases_are_as_seen_from_the_file_but_for_names(tmp_path: Path) -> None:
    for name in ("pbmc", "packaged", "mine.h5", "mine.tsv"):
        (tmp_path / name).touch()
    named = load_campaign(written(tmp_path, "name: a\ncells: {aliases: packaged}\n")).placed_cells
    assert (named.source, named.aliases) == ("pbmc", "packaged")
    placed = load_campaign(written(tmp_path, "name: a\ncells: {source: mine.h5, aliases: mine.tsv}\n")).placed_cells
    assert (placed.source, placed.aliases) == (str(tmp_path / "mine.h5"), str(tmp_path / "mine.tsv"))


def test_a_spec_survives_the_ledger() -> None:
    spec = CampaignSpec(name="a", cells={"source": "x.h5ad", "labels": ("cell_type",)})
    assert CampaignSpec.model_validate(yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json")))) == spec
