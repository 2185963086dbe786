"""From names to references: whole resources, parts of them, bounds, classes, another species; and the real files."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_tables import NAMES, TABLES

from theodolite.canonical import sha256_bytes
from theodolite.data import Reference, within_sizes
from theodolite.data.ancestry import databases
from theodolite.data.catalogue import (
    CATALOGUE,
    CatalogueError,
    PublishedFile,
    Resource,
    add_file,
    is_resource,
    load_resource,
    load_resource_families,
)
from theodolite.data.catalogue.resources import Options


@pytest.fixture
def filled(folder: Path, tmp_path: Path) -> Path:
    """Return a data folder with a small file of every resource."""
    for name, texts in TABLES.items():
        file = tmp_path / name
        file.write_text(texts[0])
        add_file(CATALOGUE[name], file)
    return folder


def ids(references: tuple[Reference, ...]) -> list[str]:
    return [reference.id for reference in references]


def test_a_name_means_a_resource_one_of_its_references_or_several(filled: Path) -> None:
    assert ids(load_resource("trrust")) == ["trrust", "trrust.activation", "trrust.repression"]
    assert ids(load_resource("trrust.repression")) == ["trrust.repression"]
    assert ids(load_resource("dorothea")) == ["dorothea.A", "dorothea.E"]
    assert ids(load_resource("dorothea.A")) == ["dorothea.A"]
    assert ids(load_resource("hpa.Mitochondria")) == ["hpa.Mitochondria", "hpa.Mitochondria.enhanced"]
    assert is_resource("hpa.Mitochondria") and not is_resource("programs") and not is_resource("sets/hpa.yaml")


def test_the_combined_score_of_string_is_there_only_by_its_name(filled: Path) -> None:
    assert ids(load_resource("string")) == ["string.experimental", "string.textmining"]
    assert ids(load_resource("string.combined")) == ["string.combined"]
    assert ids(load_resource("string", threshold=0.8)) == ["string.experimental"]


def test_links_of_string_are_read_with_the_names_of_proteins_from_the_data_folder(filled: Path, tmp_path: Path) -> None:
    file = tmp_path / "links.txt"
    file.write_text(TABLES["string"][3])
    (pairs,) = load_resource("string.experimental", file=file)
    assert pairs.pairs == {("MDM2", "TP53")} and "TP53" in NAMES


def test_regulons_are_cut_by_class_where_that_is_asked_for(filled: Path, tmp_path: Path) -> None:
    with pytest.raises(
        CatalogueError, match="no reference 'trrust.bZIP'.*cut by class with `{resource: ..., classes: t"
    ):
        load_resource("trrust.bZIP")
    # Two factors of a class, of several edges, so that the class is no sign and no table again.
    file = tmp_path / "regulons.tsv"
    file.write_text("JUN\tA\tActivation\t1\nJUN\tB\tRepression\t1\nZEB1\tA\tActivation\t1\n")
    assert ids(load_resource("trrust.bZIP", file=file, classes=True)) == ["trrust.bZIP", "trrust.bZIP.activation"]


def test_a_reference_is_carried_to_another_species(filled: Path) -> None:
    (carried,) = load_resource("kegg.SET_ONE", orthologues="orthologues")
    assert carried.gene_set == {"Cd4"} and "2 of 3 left out" in carried.definition
    assert set(databases("KEGG", "Ensembl Compara")) <= set(carried.source.ancestry().values())
    with pytest.raises(CatalogueError, match="no gene of liana has a counterpart"):
        load_resource("liana", orthologues="orthologues")


def test_sets_of_a_collection_declare_their_sizes_and_others_none(filled: Path) -> None:
    assert {reference.sizes for reference in load_resource("go-bp")} == {(10, 500)}
    assert {reference.sizes for reference in load_resource("go-bp", sizes=(2, None))} == {(2, 500)}
    assert {reference.sizes for reference in load_resource("trrust")} == {None}
    assert {reference.sizes for reference in load_resource("liana", sizes=(None, 9))} == {(1, 9)}
    with pytest.raises(CatalogueError, match="sizes from 600 to 500 hold nothing"):
        load_resource("go-bp", sizes=(600, None))


def test_sizes_count_members_among_the_genes_given_and_change_no_content(filled: Path) -> None:
    found = load_resource("go-bp", sizes=(2, 3))
    assert ids(within_sizes(found, ("CD4", "CD8A", "LYZ"))) == ["go-bp.SET_ONE"]
    assert ids(within_sizes(found, ("LYZ", "MS4A1", "CD4"))) == ["go-bp.SET_ONE", "go-bp.SET_TWO"]
    assert [item.sha256 for item in found] == [item.sha256 for item in load_resource("go-bp")]
    pairs = load_resource("string.textmining", sizes=(1, 9))
    assert within_sizes(pairs, ("RPL3", "RPL4")) == pairs and within_sizes(pairs, ("RPL3",)) == ()
    plain = load_resource("trrust")
    assert within_sizes(plain, ()) == plain


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: load_resource("trust"), "there is no resource 'trust'; there are trrust, collectri"),
        (lambda: load_resource("hpa.Nowhere"), "no reference 'hpa.Nowhere' in its file, which gives hpa.Cytosol"),
        (lambda: load_resource("orthologues"), "orthologues gives a table of genes .*it has no references"),
        (lambda: load_resource("kegg", threshold=0.5), "kegg has no scores; leave out `threshold`"),
        (lambda: load_resource("kegg", file=Path("nowhere.gmt")), "nowhere.gmt: there is no such file of kegg"),
        (lambda: load_resource_families("kegg"), "kegg gives no gene families; paralogues, hgnc do"),
    ],
)
def test_what_cannot_be_had_is_told_by_name_and_remedy(filled: Path, ask, words: str) -> None:
    with pytest.raises(CatalogueError, match=words):
        ask()


def test_families_come_from_the_resources_that_give_them(filled: Path) -> None:
    assert load_resource_families("paralogues").family == {"HBB": "HBB", "HBD": "HBB", "LYZ": "LYZ"}
    assert load_resource_families("hgnc").family["HBD"] == "HBB"


def test_the_catalogue_pins_what_it_knows_and_says_where_all_of_it_is() -> None:
    for resource in CATALOGUE.values():
        assert resource.page.startswith(("http://", "https://")) and resource.licence and resource.gives
        assert all(file.version and file.date and file.size > 0 for file in resource.files)
        assert resource.references or resource.families or resource.check
        assert databases(*resource.made_from) or resource.name == "string-names"
    assert CATALOGUE["kegg"].own and CATALOGUE["kegg"].published is None
    with pytest.raises(ValueError, match="is no SHA-256"):
        PublishedFile("a", "unknown", 1, "1", "2020")
    with pytest.raises(ValueError, match="is made from 'Nothing'"):
        Resource("a", "a", "a", "https://a", "a", ("Nothing",))


EXPECTED = {
    # What each published file gives: how many references, and the size of one of them.
    "trrust_rawdata.human.tsv": (4, "trrust", 8_419),
    "collectri.csv": (3, "collectri", 42_716),
    "enrichr.GO_Biological_Process_2021.gmt": (5_805, "go-bp.GO:0006103", 14),
    "reactome.gmt": (674, "reactome.TRANSLATION", 222),
    "c2.cp.kegg.v7.5.1.symbols.gmt": (186, "kegg.N_GLYCAN_BIOSYNTHESIS", 46),
    "h.all.v7.0.symbols.gmt": (50, "hallmark.HYPOXIA", 200),
    "hpa_subcellular_location_2017.tsv": (119, "hpa.Actin-filaments", 204),
    "PanglaoDB_markers_27_Mar_2020.tsv": (293, "panglaodb.Adipocytes.canonical", 103),
    "Human-2022-Dimitrov-LR-pairs.csv": (2, "liana", 3_587),
    "lambert2018_tfs_dbd.tsv": (56, "lambert.factors", 1_639),
    "string_human_subset_scores.json": (5, "string.experimental", 99),
    "string_human_subset_ge04.json": (1, "string.combined", 3_092),
}


@pytest.mark.parametrize(
    ("resource", "published"),
    [pytest.param(resource, file, id=file.file) for resource in CATALOGUE.values() for file in resource.files],
)
def test_every_file_that_is_pinned_is_what_it_was_and_can_be_read(
    resource: Resource, published: PublishedFile, shared_data: Path
) -> None:
    path = shared_data / "references" / published.file
    content = path.read_bytes()
    assert (sha256_bytes(content), len(content)) == (published.sha256, published.size)
    assert resource.references is not None
    found = resource.references(content.decode(), published.file, Options())
    count, name, size = EXPECTED[published.file]
    by_id = {reference.id: reference for reference in found}
    assert len(found) == len(by_id) == count
    assert len({reference.sha256 for reference in found}) == count
    assert len(by_id[name].members) == size
    assert all(reference.named.name == reference.id for reference in found)
    parents = {source.name for source in found[0].source.ancestry().values()}
    assert any(source.startswith("database:") for source in parents)
