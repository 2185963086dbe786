"""The readers of published tables, by small examples of each form, and what each drops."""

from __future__ import annotations

import json

import pytest

from theodolite.data import FamilyTableError, ReferenceTableError, read_families, read_tf_classes
from theodolite.data.catalogue.compartments import read_compartments
from theodolite.data.catalogue.dorothea import read_dorothea
from theodolite.data.catalogue.factors import read_factors
from theodolite.data.catalogue.gmt import read_gmt
from theodolite.data.catalogue.ligands import read_ligand_receptor
from theodolite.data.catalogue.markers import read_markers
from theodolite.data.catalogue.naming import LONGEST_ID
from theodolite.data.catalogue.orthologues import carry, read_orthologues
from theodolite.data.catalogue.paralogues import read_family_table
from theodolite.data.catalogue.string_channels import read_string, read_string_names


def gmt(text: str, strip: str = "") -> dict[str, set[str]]:
    found = read_gmt(text, name="sets", made_from=("KEGG",), where="a.gmt", strip=strip)
    return {reference.id: set(reference.gene_set) for reference in found}


def test_gene_sets_read_alike_as_msigdb_and_as_enrichr_write_them() -> None:
    msigdb = "KEGG_RIBOSOME\thttp://somewhere/KEGG_RIBOSOME\tRPL3\tRPL4\nKEGG_PROTEASOME\tna\tPSMA1\tPSMA2\n"
    enrichr = "KEGG_RIBOSOME\t\tRPL3,1.0\tRPL4,1.0\t\nKEGG_PROTEASOME\t\tPSMA1\tPSMA2\t\t\n"
    assert (
        gmt(msigdb, "KEGG_")
        == gmt(enrichr, "KEGG_")
        == {
            "sets.RIBOSOME": {"RPL3", "RPL4"},
            "sets.PROTEASOME": {"PSMA1", "PSMA2"},
        }
    )


def test_a_go_term_goes_by_its_accession_and_keeps_its_name() -> None:
    (term,) = read_gmt(
        "'de novo' protein folding (GO:0051084)\t\tHSPA8\tBAG1\n", name="go-bp", made_from=("GO biological process",)
    )
    assert (term.id, term.title) == ("go-bp.GO:0051084", "'de novo' protein folding")


def test_ids_fit_a_claim_however_long_or_alike_the_names_of_the_sets_are() -> None:
    long = [f"{'A_VERY_LONG_NAME_OF_A_PATHWAY_' * 6}{number}" for number in range(3)]
    alike = ["T cells", "T-cells", "T/cells", "???"]
    text = "".join(f"{name}\tna\tA{place}\tB{place}\n" for place, name in enumerate([*long, *alike]))
    found = read_gmt(text, name="sets", made_from=())
    ids = [reference.id for reference in found]
    assert len(set(ids)) == 7 and all(len(name) <= LONGEST_ID for name in ids)
    assert all(reference.named.name == reference.id for reference in found)
    assert ids[3] == "sets.T-cells"


def test_of_sets_with_the_same_genes_the_first_stays() -> None:
    assert list(gmt("ONE\tna\tA\tB\nTWO\tna\tB\tA\nTHREE\tna\tA\n")) == ["sets.ONE", "sets.THREE"]


DOROTHEA = "tf,confidence,target,mor\nSPI1,A,CSF1R,1\nSPI1,A,CD14,1\nSPI1,E,ACTB,-1\nTP53,A,MDM2,1\nTP53,A,TP53,1\n"


def test_levels_of_dorothea_are_tables_of_their_own() -> None:
    best, last = read_dorothea(DOROTHEA)
    assert (best.name, last.name) == ("dorothea.A", "dorothea.E")
    assert best.signs == dict.fromkeys((("SPI1", "CD14"), ("SPI1", "CSF1R"), ("TP53", "MDM2")), "activation")
    assert last.signs == {("SPI1", "ACTB"): "repression"}
    assert best.loops == ("TP53",)
    decoupler = "source\tconfidence\ttarget\tweight\nSPI1\tB\tCD14\t0.5\nSPI1\tB\tACTB\t-0.5\n"
    (level,) = read_dorothea(decoupler)
    assert level.signs == {("SPI1", "CD14"): "activation", ("SPI1", "ACTB"): "repression"}


def string_row(first: str, second: str, **scores: float) -> dict[str, object]:
    keys = ("score", "nscore", "fscore", "pscore", "ascore", "escore", "dscore", "tscore")
    return {"preferredName_A": first, "preferredName_B": second, **dict.fromkeys(keys, 0), **scores}


ANSWER = [
    string_row("TP53", "MDM2", escore=0.9, tscore=0.8, score=0.99),
    string_row("RPL3", "RPL4", escore=0.39, ascore=0.7, dscore=0.4, score=0.9),
]


def test_each_string_channel_is_a_list_of_pairs_by_its_own_score() -> None:
    found = {reference.id: set(reference.pairs) for reference in read_string(json.dumps(ANSWER))}
    assert found == {
        "string.experimental": {("MDM2", "TP53")},
        "string.textmining": {("MDM2", "TP53")},
        "string.coexpression": {("RPL3", "RPL4")},
        "string.database": {("RPL3", "RPL4")},
        "string.combined": {("MDM2", "TP53"), ("RPL3", "RPL4")},
    }
    low = read_string(json.dumps(ANSWER), thresholds={"experimental": 0.3})
    (experimental,) = (reference for reference in low if reference.id == "string.experimental")
    assert len(experimental.pairs) == 2 and "at least 0.3 in the STRING channel experimental" in experimental.definition


def test_string_reads_alike_from_json_from_a_table_and_from_its_links() -> None:
    keys = list(ANSWER[0])
    table = "\n".join(["\t".join(keys), *("\t".join(str(row[key]) for key in keys) for row in ANSWER)])
    links = (
        "protein1 protein2 neighborhood neighborhood_transferred fusion cooccurence homology coexpression "
        "coexpression_transferred experiments experiments_transferred database database_transferred textmining "
        "textmining_transferred combined_score\n"
        "9606.E1 9606.E2 0 0 0 0 0 0 0 900 0 0 0 800 0 990\n9606.E2 9606.E1 0 0 0 0 0 0 0 900 0 0 0 800 0 990\n"
        # What was transferred from other organisms is no evidence here.
        "9606.E3 9606.E4 0 0 0 0 0 700 0 390 999 400 0 0 999 900\n9606.E3 9606.E9 0 0 0 0 0 700 0 0 0 0 0 0 0 900\n"
    )
    info = "#string_protein_id\tpreferred_name\tprotein_size\tannotation\n" + "".join(
        f'9606.E{number}\t{name}\t1\tsays "something\n'
        for number, name in enumerate(["TP53", "MDM2", "RPL3", "RPL4"], 1)
    )
    names = read_string_names(info)
    by_form = [
        {reference.id: reference.pairs for reference in read_string(text, names=names)}
        for text in (json.dumps(ANSWER), table, links)
    ]
    assert by_form[0] == by_form[1] == by_form[2]
    with pytest.raises(ReferenceTableError, match="names proteins by STRING's ids; give the names of proteins too"):
        read_string(links)


def test_a_combined_score_alone_is_never_taken_for_a_channel() -> None:
    only = json.dumps({"pairs": [{"g1": "A", "g2": "B", "score": 0.5}, {"g1": "A", "g2": "C", "score": 0.1}]})
    assert {reference.id: set(reference.pairs) for reference in read_string(only)} == {"string.combined": {("A", "B")}}


def test_symbols_of_proteins_are_hgnc_s_where_there_are_many_names() -> None:
    aliases = (
        "#string_protein_id\talias\tsource\n9606.E1\tP04637\tUniProt_AC\n9606.E1\tTP53\tEnsembl_HGNC_symbol\n"
        "9606.E1\tTP53\tBioMart_HUGO Ensembl\n"
    )
    assert read_string_names(aliases) == {"9606.E1": "TP53"}
    with pytest.raises(ReferenceTableError, match="9606.E1 is called P53 here and TP53 above"):
        read_string_names(aliases + "9606.E1\tP53\tBioMart_HUGO\n")


HPA = (
    "Gene\tGene name\tReliability\tValidated\tSupported\tApproved\tUncertain\n"
    "E1\tATP5F1A\tValidated\tMitochondria\t\t\tNucleus\nE2\tCS\tSupported\t\tMitochondria;Cytosol\t\t\n"
    "E3\tACTB\tApproved\t\t\tCytosol\t\nE4\tXYZ\tUncertain\t\t\t\tMitochondria\n"
)


def test_compartments_keep_their_levels_apart_and_leave_out_the_uncertain() -> None:
    found = {reference.id: set(reference.gene_set) for reference in read_compartments(HPA)}
    assert found == {
        "hpa.Cytosol": {"ACTB", "CS"},
        "hpa.Cytosol.supported": {"CS"},
        "hpa.Cytosol.approved": {"ACTB"},
        "hpa.Mitochondria": {"ATP5F1A", "CS"},
        "hpa.Mitochondria.validated": {"ATP5F1A"},
        # hpa.Mitochondria.supported would be hpa.Cytosol.supported again.
    }
    more = {reference.id for reference in read_compartments(HPA, uncertain=True)} - found.keys()
    assert more == {"hpa.Mitochondria.uncertain"}
    assert read_compartments(HPA.replace("Validated", "Enhanced"))[-1].id == "hpa.Mitochondria.enhanced"


MARKERS = (
    "species\tofficial gene symbol\tcell type\tnicknames\tcanonical marker\n"
    "Mm Hs\tCD3D\tT cells\t5' \"x\t1\nHs\tCD3E \tT cells\tNA\tNA\nMm\tCd3g\tT cells\tNA\t1\n"
    "None\tABC\tT cells\tNA\t1\n4\tDEF\tT cells\tNA\t1\nHs\tCD19\tB cells\tNA\t1\n"
)


def test_markers_are_of_one_species_and_canonical_ones_stand_apart() -> None:
    assert {reference.id: set(reference.gene_set) for reference in read_markers(MARKERS)} == {
        "panglaodb.B-cells": {"CD19"},
        "panglaodb.T-cells": {"CD3D", "CD3E"},
        "panglaodb.T-cells.canonical": {"CD3D"},
    }
    (mouse,) = read_markers(MARKERS, species="mouse")
    assert mouse.gene_set == {"CD3D", "Cd3g"}


PAIRS = "source,target,source_genesymbol,target_genesymbol,resource\n"


def test_subunits_of_complexes_are_no_pairs_of_ligand_and_receptor() -> None:
    text = PAIRS + "x,x,LGALS9,MET,c\nx,x,NRG2,ERBB2_ERBB3,c\nx,x,CDH1,CDH1,c\nx,x,MET,HGF_LGALS9,c\n"
    pairs, units = read_ligand_receptor(text)
    assert pairs.pairs == {("LGALS9", "MET")}
    assert units.pairs == {("ERBB2", "NRG2"), ("ERBB3", "NRG2"), ("HGF", "MET")}


def test_factors_are_sets_by_class_and_the_authors_own_columns_are_read() -> None:
    text = "symbol\tdbd\tis_tf\nJUN\tbZIP\tYes\nFOS\tbZIP\tYes\nZEB1\tC2H2 ZF; Homeodomain\tYes\nA\tUnknown\tNo\n"
    assert {reference.id: set(reference.gene_set) for reference in read_factors(text)} == {
        "lambert.factors": {"JUN", "FOS", "ZEB1"},
        "lambert.C2H2-ZF": {"ZEB1"},
        "lambert.bZIP": {"JUN", "FOS"},
    }
    assert read_tf_classes(',Ensembl ID,HGNC symbol,DBD,Is TF?\n0,E1,JUN,bZIP,Yes\n1,E2,ZNF,"A; B",Yes\n') == {
        "JUN": ("bZIP",),
        "ZNF": ("A", "B"),
    }


def test_families_are_the_components_of_paralogue_pairs() -> None:
    pairs = (
        "Gene stable ID\tGene name\tHuman paralogue associated gene name\nE\tHBB\tHBD\nE\tHBD\tHBA1\nE\tLYZ\t\nE\t\tX\n"
    )
    found = read_family_table(pairs).family
    assert found == {"HBA1": "HBA1", "HBB": "HBA1", "HBD": "HBA1", "LYZ": "LYZ"}
    groups = 'symbol,gene_group\nHBB,"Globins|Carriers"\nHBD,Globins\nSLC1,Carriers\nLYZ,\n'
    assert read_family_table(groups).family == {"HBB": "HBB", "HBD": "HBB", "SLC1": "HBB", "LYZ": "LYZ"}
    own = "# version: 3\ngene\tfamily\nLYZ\tLYZ\n"
    assert read_family_table(own).sha256 == read_families(own).sha256 and read_family_table(own).version == "3"


ORTHOLOGUES = (
    "Gene stable ID\tGene name\tMouse gene name\tMouse homology type\n"
    "E1\tCD4\tCd4\tortholog_one2one\nE2\tGZMB\tGzmb\tortholog_one2many\nE2\tGZMB\tGzmc\tortholog_one2many\n"
    "E3\tLYZ\tLyz1\tortholog_one2one\nE3\tLYZ\tLyz2\tortholog_one2one\nE4\tACTB\t\t\nE5\tMYC\tMyc\tortholog_one2one\n"
)


def test_only_genes_that_correspond_one_to_one_carry_a_reference_over() -> None:
    table = read_orthologues(ORTHOLOGUES)
    assert table.target == {"CD4": "Cd4", "MYC": "Myc"} and table.dropped == 2
    assert read_orthologues("source,target\nA,a\nB,b\nC,b\n").target == {"A": "a"}
    (human,) = read_gmt("SET\tna\tCD4\tGZMB\tMYC\n", name="sets", made_from=("KEGG",))
    carried = carry(human, table)
    assert carried.reference is not None and carried.dropped == 1
    assert carried.reference.gene_set == {"Cd4", "Myc"} and "1 of 3 left out" in carried.reference.definition
    assert human.source in carried.reference.origins
    (edges,) = read_string(json.dumps([string_row("CD4", "MYC", score=1), string_row("CD4", "LYZ", score=1)]))
    moved = carry(edges, table)
    assert moved.reference is not None and moved.reference.pairs == {("Cd4", "Myc")} and moved.dropped == 1
    (lone,) = read_gmt("SET\tna\tGZMB\n", name="sets", made_from=())
    assert carry(lone, table).reference is None


@pytest.mark.parametrize("date", ["1-Mar", "Sep-2", "2-SEP", "1-Dec-2001", "2001-03-01", "3/1/2001"])
def test_a_date_that_a_spreadsheet_made_is_refused_with_the_remedy(date: str) -> None:
    words = f"a.gmt:2: '{date}' is a date, which a spreadsheet made of a gene symbol .*as its authors publish it"
    with pytest.raises(ReferenceTableError, match=words):
        gmt(f"ONE\tna\tCD4\nTWO\tna\tCD8A\t{date}\n")


def test_symbols_that_only_look_like_dates_are_genes() -> None:
    genes = {"MARCHF1", "SEPTIN2", "DEC1", "DEC-205", "SEP15", "HLA-A", "1-8D", "NKX2-1"}
    assert gmt("ONE\tna\t" + "\t".join(sorted(genes)) + "\n") == {"sets.ONE": genes}


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: gmt("ONE\tna\n"), "a.gmt:1: 'ONE.*' is no gene set; a line holds name, description and genes"),
        (lambda: gmt("ONE\tna\tA\nONE\tna\tB\n"), "a.gmt:2: the set 'ONE' is on line 1 too; delete one"),
        (lambda: gmt("ONE\tna\tA\tB\tA\n"), "a.gmt:1: the set 'ONE' names A twice; name each gene once"),
        (lambda: gmt("ONE\tna\tA\t\tB\n"), "a.gmt:1: '' is no gene symbol"),
        (lambda: gmt("\n\n"), "no gene set in it"),
        (lambda: read_dorothea(DOROTHEA + "A,F,B,1\n"), "DoRothEA:7: level 'F' of A and B is none of A, B, C, D, E"),
        (lambda: read_dorothea(DOROTHEA + "A,B,C,0\n"), "DoRothEA:7: the mode of regulation of A and C is 0"),
        (lambda: read_dorothea(DOROTHEA + "A,B,C,up\n"), "DoRothEA:7: 'up' is no number from -1 to 1"),
        (lambda: read_dorothea("tf,target\nA,B\n"), "DoRothEA:1: .*no column 'confidence', 'mor'"),
        (lambda: read_string("[{"), "STRING: no JSON"),
        (lambda: read_string('{"a": 1}'), "JSON without a list of pairs"),
        (lambda: read_string('[{"g1": "A", "g2": 3, "score": 1}]'), "pair 1 is .*it has preferredName_A"),
        (lambda: read_string('[{"g1": "A", "g2": "B", "score": 2}]'), "pair 1: '2' is no number from 0 to 1"),
        (lambda: read_string('[{"g1": "A", "g2": "B", "score": NaN}]'), "pair 1: 'nan' is no number from 0 to 1"),
        (lambda: read_string('[{"g1": "A", "g2": "B", "score": true}]'), "pair 1: the score True is no number"),
        (lambda: read_string('[{"g1": "A", "g2": "B", "score": 0.1}]'), "no pair .* reaches its threshold"),
        (lambda: read_string("[]", thresholds={"genes": 1}), "no channel 'genes'; there are neighbourhood"),
        (lambda: read_compartments(HPA + "E5\t\tApproved\t\t\tCytosol\t\n"), "HPA:6: '' is no gene symbol"),
        (lambda: read_compartments(HPA + "E5\tA\tApproved\t\t\tCytosol;;Nucleus\t\n"), "HPA:6: .*empty compartment"),
        (lambda: read_compartments("Gene name\tUncertain\nA\tNucleus\n"), "no compartment in it of a level"),
        (lambda: read_compartments("Gene name\tPlace\nA\tB\n"), "HPA:1: .*no column 'Approved'"),
        (lambda: read_markers(MARKERS + "Rn\tA\tB\tNA\t1\n"), "PanglaoDB:8: species 'Rn' is not made of Hs and Mm"),
        (lambda: read_markers(MARKERS + "Hs\tA\tB\tNA\tyes\n"), "PanglaoDB:8: the flag canonical marker of A is 'yes'"),
        (lambda: read_markers(MARKERS + "Hs\tA\t\tNA\t1\n"), "PanglaoDB:8: .*has no cell type; fill it or drop"),
        (lambda: read_ligand_receptor(PAIRS + "x,x,A_,B,c\n"), "LIANA:2: '' is no gene symbol"),
        (lambda: read_ligand_receptor(PAIRS + "x,x,A,A,c\n"), "LIANA: no pair of two genes in it"),
        (lambda: read_orthologues("source,target\nA,a\nA,b\n"), "no one-to-one pair in it .1 genes have several"),
        (lambda: read_string_names("id\tname\nA\tB\n"), "header begins with 'id', not with '#string_protein_id'"),
    ],
)
def test_a_malformed_table_is_refused_with_line_value_and_remedy(read, words) -> None:
    with pytest.raises(ReferenceTableError, match=words):
        read()


def test_a_malformed_family_table_says_which_columns_there_may_be() -> None:
    with pytest.raises(FamilyTableError, match="families:1: .*no column 'gene', 'paralogue'.*symbol and gene_group"):
        read_family_table("a\tb\n1\t2\n")
    with pytest.raises(FamilyTableError, match="families:3: '1-Mar' is a date"):
        read_family_table("gene\tparalogue\nA\tB\n1-Mar\tB\n")
