"""What a campaign file may name under ``references:`` and ``families:``, and what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from small_tables import TABLES

from theodolite.data import Reference, ReferenceTableError, load_programs
from theodolite.data.catalogue import CATALOGUE, CatalogueError, add_file
from theodolite.data.pairing import MOST_PAIRED, with_pairs
from theodolite.experiments import CampaignError, CampaignSpec, load_campaign, prepare
from theodolite.experiments.finding_references import families_of, references_of
from theodolite.experiments.matrix import load_matrix
from theodolite.experiments.matrix_preparing import prepare_matrix


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a data folder of one's own with a few small files."""
    monkeypatch.setenv("THEODOLITE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("THEODOLITE_SHARED_DATA", raising=False)
    for name in ("trrust", "string", "kegg", "hallmark", "paralogues"):
        file = tmp_path / f"{name}.txt"
        file.write_text(TABLES[name][0])
        add_file(CATALOGUE[name], file)
    return tmp_path


def written(folder: Path, references: Any, **more: Any) -> CampaignSpec:
    file = folder / "campaign.yaml"
    file.write_text(yaml.safe_dump({"name": "a", "references": references, **more}))
    return load_campaign(file)


def ids(spec: CampaignSpec) -> list[str]:
    return [reference.id for reference in references_of(spec)]


TRRUST = ["trrust", "trrust.activation", "trrust.repression"]


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        ("trrust", TRRUST),
        ("string.experimental", ["string.experimental"]),
        (["trrust.activation", "string.textmining"], ["trrust.activation", "string.textmining"]),
        (["trrust"], TRRUST),
        ({"resource": "trrust"}, TRRUST),
        ({"resource": "kegg.SET_ONE", "min_size": 3}, ["kegg.SET_ONE"]),
        ({"resource": "string", "threshold": 0.8}, ["string.experimental"]),
        ([{"resource": "trrust", "file": "own.tsv"}, "kegg.SET_ONE"], ["trrust", "kegg.SET_ONE"]),
        # The sets of hallmark have the genes of those of kegg: of one content the first stays.
        (["kegg", "hallmark"], ["kegg.SET_ONE", "kegg.SET_TWO", "kegg.GO:0051084"]),
    ],
)
def test_names_lists_and_mappings_are_found(folder: Path, references: Any, expected: list[str]) -> None:
    (folder / "own.tsv").write_text("A\tB\tUnknown\t1\n")
    assert ids(written(folder, references)) == expected


def test_what_was_named_before_means_the_same(folder: Path) -> None:
    assert references_of(written(folder, "programs"))[0].sha256 == load_programs()[0].sha256
    (folder / "sets").mkdir()
    own = "- {id: mine, title: mine, kind: set, definition: by hand, source: me, members: [A, B]}\n"
    (folder / "sets" / "mine.yaml").write_text(own)
    assert ids(written(folder, "sets/mine.yaml")) == ["mine"]
    # A file beside the campaign file comes before a resource of its name, as it did before there were resources.
    (folder / "trrust").write_text(own)
    assert ids(written(folder, "trrust")) == ["mine"]
    assert ids(written(folder, ["sets/mine.yaml", "kegg.SET_ONE"])) == ["mine", "kegg.SET_ONE"]


def test_the_place_of_references_is_no_part_of_a_campaigns_identity(folder: Path) -> None:
    contents = {"references": "same"}
    names = {
        written(folder, references).campaign_id(contents)
        for references in ("programs", "trrust", ["trrust", "kegg"], {"resource": "trrust", "file": "x.tsv"})
    }
    assert len(names) == 1
    assert written(folder, "programs").references == "programs"
    assert written(folder, ["trrust"]).references == "trrust"
    spec = written(folder, ["kegg", {"resource": "trrust", "min_size": 3}])
    assert spec.model_dump(mode="json")["references"] == ["kegg", {"resource": "trrust", "min_size": 3}]
    assert CampaignSpec.model_validate(spec.model_dump(mode="json")).references == spec.references


@pytest.mark.parametrize(
    ("references", "words"),
    [
        ([], "line 2: references is .*name at least one"),
        (["kegg", "kegg"], "line 2: .*'kegg' is listed twice; delete one of them"),
        (3, "line 2: references is 3: 3 is no name, no path and no mapping"),
        ({"file": "x"}, "line 2: .*resource is missing; say what the file is"),
        ({"resource": "kegg", "sizes": 3}, "line 2: .*'sizes' is no key here; there are resource, file, min_size"),
        ({"resource": "kegg", "min_size": 0}, "line 2: .*min_size is 0: .*fewest members"),
        ({"resource": "string", "threshold": 2}, "line 2: .*threshold is 2"),
    ],
)
def test_a_mistake_is_told_with_its_line_before_anything_is_read(folder: Path, references: Any, words: str) -> None:
    with pytest.raises(CampaignError, match=words):
        written(folder, references)


@pytest.mark.parametrize(
    ("references", "error", "words"),
    [
        ("trust", CampaignError, "neither 'programs' nor a file that exists; give the path of one, or a resource of"),
        ("kegg.txt", CampaignError, "a table that does not say what it is; say it: .*resource: NAME, file: kegg.txt"),
        ("liana", CatalogueError, "'liana' .* is not here; `theodolite data fetch liana` gets it"),
        ("collectri", CatalogueError, "'collectri' .* is not here; get it from https://.*data add collectri FILE"),
        ({"resource": "trrust", "file": "nowhere.tsv"}, CatalogueError, "nowhere.tsv: there is no such file of trrust"),
        ({"resource": "trrust", "file": "kegg.txt"}, ReferenceTableError, "kegg.txt:1: .*four filled columns"),
        (["trrust", "trrust.activation"], CampaignError, "'trrust' and 'trrust.activation' both hold 'trrust.activ"),
    ],
)
def test_what_cannot_be_found_is_told_with_the_remedy(folder: Path, references: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        references_of(written(folder, references))


def test_families_may_be_those_of_a_resource(folder: Path) -> None:
    assert families_of(written(folder, "programs", families="paralogues")).family["HBD"] == "HBB"
    (folder / "pairs.tsv").write_text("gene\tparalogue\nA\tB\nB\tC\n")
    assert families_of(written(folder, "programs", families="pairs.tsv")).family == {"A": "A", "B": "A", "C": "A"}
    with pytest.raises(CatalogueError, match="kegg gives no gene families"):
        families_of(written(folder, "programs", families="kegg"))
    with pytest.raises(CampaignError, match="families is 'nothing': neither 'packaged' nor a file that exists"):
        families_of(written(folder, "programs", families="nothing"))


def test_a_broad_set_of_a_collection_makes_no_pairs() -> None:
    def a_set(size: int, sizes: tuple[int, int] | None) -> Reference:
        members = tuple(f"G{number}" for number in range(size))
        return Reference("s", "s", "set", members, "s", (), sizes)

    assert len(with_pairs([a_set(MOST_PAIRED, (10, 500))])) == 2
    assert len(with_pairs([a_set(MOST_PAIRED + 1, (10, 500))])) == 1
    assert len(with_pairs([a_set(MOST_PAIRED + 1, None)])) == 2


@pytest.fixture
def planted_gmt(small_world: Any, folder: Path) -> Path:
    """Write the planted programs of the small world as a file of gene sets, with one that is far too broad."""
    sets = {item.id: sorted(item.genes) for item in small_world.planted.references}
    rows = ["\t".join([name, "na", *map(str, genes)]) for name, genes in sets.items()]
    rows.append("\t".join(["EVERYTHING", "na", *sorted({str(gene) for genes in sets.values() for gene in genes})]))
    file = folder / "planted.gmt"
    file.write_text("\n".join(rows) + "\n")
    return file


def test_sets_outside_their_sizes_are_no_part_of_a_campaign(small_world: Any, planted_gmt: Path, folder: Path) -> None:
    def kept(**sizes: int) -> set[str]:
        references = {"resource": "kegg", "file": str(planted_gmt), **sizes}
        setting = prepare(small_world.spec(references=references), small_world.workspace(folder / "w"))
        assert any(item.testable for item in setting.testability(setting.split.blocks[0]).values())
        return {name for name, reference in setting.references.items() if reference.kind == "set"}

    names = {f"kegg.{item.id}" for item in small_world.planted.references}
    largest = max(len(item.genes) for item in small_world.planted.references)
    assert kept(min_size=1) == names | {"kegg.EVERYTHING"}
    assert kept(min_size=1, max_size=largest) == names
    with pytest.raises(CampaignError, match="none of .* references has a size within its bounds .499 to 500 for kegg"):
        kept(min_size=499)


def test_a_matrix_names_references_in_all_these_ways(small_world: Any, planted_gmt: Path, folder: Path) -> None:
    content = small_world.content("grid")
    content.pop("references")
    file_of = {"resource": "kegg", "file": str(planted_gmt), "min_size": 1}
    largest = max(len(item.genes) for item in small_world.planted.references)
    ways = [
        small_world.content()["references"],
        file_of,
        {"name": "narrow", **file_of, "max_size": largest},
        [file_of, "trrust"],
    ]
    file = folder / "matrix.yaml"
    file.write_text(yaml.safe_dump({**content, "matrix": {"references": ways}}))
    matrix = load_matrix(file)
    assert matrix is not None
    assert [child.name for child in matrix.children] == [
        "grid-references", "grid-kegg", "grid-narrow", "grid-kegg-trrust",
    ]  # fmt: skip
    settings = prepare_matrix(matrix, small_world.workspace(folder / "w"))
    assert len({setting.campaign_id for setting in settings}) == 4
    assert "trrust" in settings[3].references
    assert "kegg.EVERYTHING" in settings[1].references and "kegg.EVERYTHING" not in settings[2].references
    assert len({setting.split.sha256 for setting in settings}) == 1
    file.write_text(yaml.safe_dump({**content, "matrix": {"references": [file_of, {"name": "b", **file_of}]}}))
    with pytest.raises(CampaignError, match="matrix.references lists 'kegg' twice"):
        load_matrix(file)
