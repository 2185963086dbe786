"""Which database was made from which: the ancestry that references declare, for the check of leaks.

Two references share evidence where their ancestries meet. What stands here is what the authors of each database say
that they took in. The literature itself is no ancestor: everything curated would be derived from it.
"""

from __future__ import annotations

from collections.abc import Mapping

from theodolite.sources import Source

__all__ = ["MADE_FROM", "STRING_CHANNELS", "database", "databases"]

STRING_CHANNELS = (
    "neighbourhood",
    "fusion",
    "cooccurrence",
    "coexpression",
    "experimental",
    "database",
    "textmining",
)
"""The evidence channels of STRING; each is a database of its own here, so that they do not leak into one another."""

_CURATED_REGULATION = ("TRRUST", "TFactS", "HTRIdb", "IntAct", "Reactome", "KEGG", "ORegAnno", "TRED", "PAZAR")

MADE_FROM: Mapping[str, tuple[str, ...]] = {
    # Transcription factors and targets.
    "TRRUST": (),
    "TFactS": (),
    "HTRIdb": (),
    "ORegAnno": (),
    "TRED": (),
    "PAZAR": (),
    "ExTRI": (),
    "SIGNOR": (),
    "CytReg": (),
    "GEREDB": (),
    "ReMap": (),
    "JASPAR": (),
    "HOCOMOCO": (),
    "GTEx": (),
    "DoRothEA curated": _CURATED_REGULATION,
    "DoRothEA ChIP-seq": ("ReMap",),
    "DoRothEA motifs": ("JASPAR", "HOCOMOCO"),
    "DoRothEA expression": ("GTEx",),
    # Levels A to D rest on curation or ChIP-seq with any of the rest; E on computation alone.
    **{
        f"DoRothEA {level}": ("DoRothEA curated", "DoRothEA ChIP-seq", "DoRothEA motifs", "DoRothEA expression")
        for level in "ABCD"
    },
    "DoRothEA E": ("DoRothEA motifs", "DoRothEA expression"),
    "CollecTRI": (
        "ExTRI",
        "HTRIdb",
        "TRRUST",
        "TFactS",
        "GO biological process",
        "IntAct",
        "SIGNOR",
        "CytReg",
        "GEREDB",
        "DoRothEA A",
    ),
    # DNA-binding domains.
    "Pfam": (),
    "CisBP": (),
    "Lambert 2018": ("Pfam", "CisBP"),
    # Pathways and annotation.
    "KEGG": (),
    "Reactome": (),
    "BioCarta": (),
    "BioCyc": (),
    "Human Protein Atlas": (),
    "GO biological process": ("Reactome", "IntAct"),
    "GO molecular function": ("Reactome", "IntAct"),
    "GO cellular component": ("Reactome", "IntAct", "Human Protein Atlas"),
    "MSigDB Hallmark": (
        "KEGG",
        "Reactome",
        "BioCarta",
        "GO biological process",
        "GO molecular function",
        "GO cellular component",
    ),
    # Protein interactions.
    "IntAct": (),
    "BioGRID": (),
    "MINT": (),
    "DIP": (),
    "Complex Portal": ("IntAct",),
    "STRING neighbourhood": (),
    "STRING fusion": (),
    "STRING cooccurrence": (),
    "STRING coexpression": (),
    "STRING experimental": ("IntAct", "BioGRID", "MINT", "DIP"),
    "STRING database": (
        "KEGG",
        "Reactome",
        "BioCyc",
        "Complex Portal",
        "GO biological process",
        "GO molecular function",
        "GO cellular component",
    ),
    "STRING textmining": (),
    "STRING combined": tuple(f"STRING {channel}" for channel in STRING_CHANNELS),
    # Cells and their talk.
    "PanglaoDB": (),
    "CellPhoneDB": ("IntAct",),
    "CellChatDB": ("KEGG",),
    "ICELLNET": (),
    "connectomeDB2020": (),
    "CellTalkDB": ("STRING combined",),
    "LIANA consensus": ("CellPhoneDB", "CellChatDB", "ICELLNET", "connectomeDB2020", "CellTalkDB"),
    # Families and orthologues.
    "Ensembl Compara": (),
    "HGNC": (),
}
"""The databases that each was made from, by name; each of these stands here too."""


def database(name: str) -> Source:
    """Return a database as an abstract source, ``database:NAME``, with all that it was made from.

    Raises
    ------
    KeyError
        If the name is none of :data:`MADE_FROM`.
    """
    return Source(f"database:{name}", parents=databases(*MADE_FROM[name]))


def databases(*names: str) -> tuple[Source, ...]:
    """Return several databases; see :func:`database`."""
    return tuple(database(name) for name in names)
