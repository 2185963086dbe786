"""The resources there are. Hashes are those of files that were read; nothing is pinned that nobody saw."""

from __future__ import annotations

from collections.abc import Mapping

from theodolite.data.catalogue.compartments import read_compartments
from theodolite.data.catalogue.dorothea import read_dorothea
from theodolite.data.catalogue.factors import read_factors
from theodolite.data.catalogue.gmt import read_gmt
from theodolite.data.catalogue.ligands import read_ligand_receptor
from theodolite.data.catalogue.markers import read_markers
from theodolite.data.catalogue.orthologues import read_orthologues
from theodolite.data.catalogue.paralogues import read_family_table
from theodolite.data.catalogue.resources import CatalogueError, Options, PublishedFile, Resource
from theodolite.data.catalogue.string_channels import THRESHOLD, read_string, read_string_names
from theodolite.data.references import Reference
from theodolite.data.regulons import read_collectri, read_trrust, regulon_references

__all__ = ["CATALOGUE", "resource_called"]

_SIZES = (10, 500)
"""A set of fewer genes among those measured cannot be tested on a part of them; one of more says little."""
_NO_SELF = "edges of a gene to itself"


def _trrust(text: str, where: str, options: Options) -> tuple[Reference, ...]:
    return regulon_references(read_trrust(text, where=where), options.classes)


def _collectri(text: str, where: str, options: Options) -> tuple[Reference, ...]:
    return regulon_references(read_collectri(text, where=where), options.classes)


def _dorothea(text: str, where: str, options: Options) -> tuple[Reference, ...]:
    tables = read_dorothea(text, where=where)
    return tuple(reference for table in tables for reference in regulon_references(table, options.classes))


def _string(text: str, where: str, options: Options) -> tuple[Reference, ...]:
    least = THRESHOLD if options.threshold is None else options.threshold
    return read_string(text, where=where, threshold=least, names=options.names)


def _gene_sets(
    name: str,
    title: str,
    database: str,
    page: str,
    licence: str,
    *files: PublishedFile,
    strip: str = "",
    own: str = "",
) -> Resource:
    def read(text: str, where: str, _: Options) -> tuple[Reference, ...]:
        return read_gmt(text, name=name, made_from=(database,), where=where, strip=strip)

    return Resource(
        name,
        title,
        "one gene set a term",
        page,
        licence,
        (database,),
        files,
        references=read,
        sizes=_SIZES,
        drops="a set with the same genes as an earlier one",
        own=own,
    )


_MSIGDB = "https://www.gsea-msigdb.org/gsea/msigdb/"
_ENTRIES = (
    Resource(
        "trrust",
        "TRRUST v2",
        "curated regulons, whole and by sign; by DNA-binding class with `classes: true`",
        "https://www.grnpedia.org/trrust/",
        "CC BY-SA 4.0",
        ("TRRUST",),
        (
            PublishedFile(
                "trrust_rawdata.human.tsv",
                "6ca6ce2f91accb06559d81cc172393ff86a804cb3a28f8546bcc346e25bf7011",
                297_724,
                "2, human, a copy with a header line",
                "2018",
            ),
        ),
        references=_trrust,
        drops=_NO_SELF,
    ),
    Resource(
        "collectri",
        "CollecTRI",
        "signed regulons, whole and by sign; by DNA-binding class with `classes: true`",
        "https://github.com/saezlab/CollecTRI",
        "terms of OmniPath and of the resources that it joins",
        ("CollecTRI",),
        (
            PublishedFile(
                "collectri.csv",
                "f746151ef057e2520a5c5a4699c6056ce91e15be7b9e1bdfbeac9267f41c4839",
                745_276,
                "human, the columns source, target and weight",
                "2023",
            ),
        ),
        references=_collectri,
        drops=_NO_SELF,
    ),
    Resource(
        "dorothea",
        "DoRothEA",
        "signed regulons of each level of confidence, A to E, apart",
        "https://saezlab.github.io/dorothea/",
        "GPL-3 (package); terms of the resources that it joins",
        tuple(f"DoRothEA {level}" for level in "ABCDE"),
        references=_dorothea,
        drops=_NO_SELF,
    ),
    Resource(
        "string",
        "STRING",
        "one list of pairs an evidence channel; the combined score only as `string.combined`",
        "https://string-db.org/cgi/download",
        "CC BY 4.0",
        ("STRING combined",),
        (
            PublishedFile(
                "string_human_subset_scores.json",
                "4093822d6e333d308048c3ac4e941234c9552368c707628cfad9aa839bbf871f",
                2_685_087,
                "human, all pairs among some 200 genes, every channel",
                "not said",
            ),
            PublishedFile(
                "string_human_subset_ge04.json",
                "e07f52ddb47b334f57c41fe60cae2f324daa6724cb5557f1bc4bfc2ce44a677d",
                144_545,
                "human, pairs among some 200 genes, combined score only",
                "not said",
            ),
        ),
        references=_string,
        drops=f"pairs below {THRESHOLD:g} in a channel; evidence transferred from other organisms where it is apart",
    ),
    Resource(
        "string-names",
        "STRING names of proteins",
        "gene symbols for the file protein.links.full of `string`",
        "https://string-db.org/cgi/download",
        "CC BY 4.0",
        (),
        check=lambda text, where: read_string_names(text, where=where),
        drops="of protein.aliases all names but HGNC's",
    ),
    _gene_sets(
        "go-bp",
        "GO biological process",
        "GO biological process",
        "https://maayanlab.cloud/Enrichr/#libraries",
        "CC BY 4.0 (GO)",
        PublishedFile(
            "enrichr.GO_Biological_Process_2021.gmt",
            "5987ce789053fdd5533393cd65b9abdb5e08e4fade7b0625a1fe234a1207eea4",
            1_531_081,
            "Enrichr library 2021",
            "2021",
        ),
        strip="GOBP_",
    ),
    _gene_sets(
        "go-mf",
        "GO molecular function",
        "GO molecular function",
        "https://maayanlab.cloud/Enrichr/#libraries",
        "CC BY 4.0 (GO)",
        strip="GOMF_",
    ),
    _gene_sets(
        "go-cc",
        "GO cellular component",
        "GO cellular component",
        "https://maayanlab.cloud/Enrichr/#libraries",
        "CC BY 4.0 (GO)",
        strip="GOCC_",
    ),
    _gene_sets(
        "reactome",
        "Reactome",
        "Reactome",
        _MSIGDB,
        "CC0 (Reactome); CC BY 4.0 (MSigDB)",
        PublishedFile(
            "reactome.gmt",
            "3168f672fca6eabf5d21d99181b87fd8c4304866acd0930712a61e9140c7b4ae",
            330_737,
            "MSigDB, a release before 7.0 that the file does not name",
            "not said",
        ),
        strip="REACTOME_",
    ),
    _gene_sets(
        "kegg",
        "KEGG pathways",
        "KEGG",
        "https://www.kegg.jp/kegg/legal.html",
        "KEGG's own; a licence for many uses",
        PublishedFile(
            "c2.cp.kegg.v7.5.1.symbols.gmt",
            "b0aacb577ac7b4623c64627a2a3713ea2e8d935360ccff7aa7b6d8cb92183dfd",
            98_562,
            "MSigDB 7.5.1",
            "2022",
        ),
        strip="KEGG_",
        own="KEGG does not let others hand on its pathways",
    ),
    _gene_sets(
        "hallmark",
        "MSigDB Hallmark",
        "MSigDB Hallmark",
        _MSIGDB,
        "CC BY 4.0",
        PublishedFile(
            "h.all.v7.0.symbols.gmt",
            "4803c09aae50bbd96d53fc681bd5545a4c89278993c15145dd7b7c994f893516",
            48_334,
            "MSigDB 7.0",
            "2019",
            "https://data.broadinstitute.org/gsea-msigdb/msigdb/release/7.0/h.all.v7.0.symbols.gmt",
        ),
        strip="HALLMARK_",
    ),
    Resource(
        "hpa",
        "Human Protein Atlas compartments",
        "one gene set a compartment, of the reliable levels together and of each apart",
        "https://www.proteinatlas.org/about/download",
        "CC BY-SA (the atlas says which version)",
        ("Human Protein Atlas",),
        (
            PublishedFile(
                "hpa_subcellular_location_2017.tsv",
                "6338baa4d722c45a016fb09f64847da83c2075b7d18c4c343bda9ab6889c6b05",
                1_224_495,
                "2017",
                "2017",
            ),
        ),
        references=lambda text, where, _: read_compartments(text, where=where),
        sizes=_SIZES,
        drops="compartments of reliability Uncertain",
    ),
    Resource(
        "panglaodb",
        "PanglaoDB markers",
        "one gene set a cell type: its human markers, and those flagged as canonical",
        "https://panglaodb.se/markers.html",
        "none stated; cite Franzén et al. 2019",
        ("PanglaoDB",),
        (
            PublishedFile(
                "PanglaoDB_markers_27_Mar_2020.tsv",
                "a8246bd9036dd0aa169b0d0ab45b0b9129890232f0e50055c38abee6c735e0b9",
                1_219_342,
                "27 Mar 2020",
                "2020-03-27",
                "https://panglaodb.se/markers/PanglaoDB_markers_27_Mar_2020.tsv.gz",
            ),
        ),
        references=lambda text, where, _: read_markers(text, where=where),
        sizes=_SIZES,
        drops="markers of mouse only, and rows that name no species",
    ),
    Resource(
        "liana",
        "LIANA consensus of ligands and receptors",
        "pairs of single genes; pairs of subunits of complexes apart, as `liana.complexes`",
        "https://github.com/LewisLabUCSD/Ligand-Receptor-Pairs",
        "terms of OmniPath and of the resources that it joins",
        ("LIANA consensus",),
        (
            PublishedFile(
                "Human-2022-Dimitrov-LR-pairs.csv",
                "629e6bf9e983c7d1b4fabb9948fe5ed38bd4ba1b7363a1603d396b98ae297641",
                190_586,
                "Dimitrov et al. 2022, human",
                "2022",
                "https://raw.githubusercontent.com/LewisLabUCSD/Ligand-Receptor-Pairs/"
                "941f31f5cd6e2bc6cb9089aba3df494c536400d0/Human/Human-2022-Dimitrov-LR-pairs.csv",
            ),
        ),
        references=lambda text, where, _: read_ligand_receptor(text, where=where),
        drops="which of the two is the ligand; a gene that binds itself",
    ),
    Resource(
        "lambert",
        "Human transcription factors",
        "gene sets of all factors and of each DNA-binding class; the classes that `classes: true` cuts regulons by",
        "http://humantfs.ccbr.utoronto.ca/",
        "none stated; cite Lambert et al. 2018",
        ("Lambert 2018",),
        (
            PublishedFile(
                "lambert2018_tfs_dbd.tsv",
                "ffd3946bba4e56213f1681b7493ab32475c94d42552cbe6604fa68198215fc37",
                94_164,
                "the columns ensembl_id, symbol, dbd and is_tf",
                "2018",
            ),
        ),
        references=lambda text, where, _: read_factors(text, where=where),
        sizes=_SIZES,
        drops="genes that the catalogue decided are no factors; the class Unknown",
    ),
    Resource(
        "paralogues",
        "Ensembl paralogues",
        "gene families, for `families:`: connected components of paralogue pairs",
        "https://www.ensembl.org/biomart/martview",
        "none: Ensembl's data are free of restrictions",
        ("Ensembl Compara",),
        families=lambda text, where: read_family_table(text, where=where),
        drops="genes without a symbol",
    ),
    Resource(
        "hgnc",
        "HGNC gene groups",
        "gene families, for `families:`: genes that share a group, directly or by others",
        "https://www.genenames.org/download/",
        "CC0",
        ("HGNC",),
        families=lambda text, where: read_family_table(text, where=where),
    ),
    Resource(
        "orthologues",
        "Ensembl orthologues",
        "a table of genes of two species, for `orthologues:` of another resource",
        "https://www.ensembl.org/biomart/martview",
        "none: Ensembl's data are free of restrictions",
        ("Ensembl Compara",),
        check=lambda text, where: read_orthologues(text, where=where),
        drops="genes that do not correspond one to one",
    ),
)
CATALOGUE: Mapping[str, Resource] = {entry.name: entry for entry in _ENTRIES}
"""The resources by name."""


def resource_called(name: str) -> Resource:
    """Return a resource by name.

    Raises
    ------
    CatalogueError
        Naming those there are.
    """
    if name not in CATALOGUE:
        raise CatalogueError(f"there is no resource {name!r}; there are {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
