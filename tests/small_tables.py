"""A small file of every resource, as its authors lay it out; more than one where there are several forms."""

from __future__ import annotations

import json

__all__ = ["NAMES", "TABLES"]

_KEYS = ("score", "nscore", "fscore", "pscore", "ascore", "escore", "dscore", "tscore")
_ROWS = [
    {"preferredName_A": "TP53", "preferredName_B": "MDM2", **dict.fromkeys(_KEYS, 0), "escore": 0.9, "score": 0.95},
    {"preferredName_A": "RPL3", "preferredName_B": "RPL4", **dict.fromkeys(_KEYS, 0), "tscore": 0.7, "score": 0.7},
]
_LINKS = (
    "protein1 protein2 neighborhood neighborhood_transferred fusion cooccurence homology coexpression "
    "coexpression_transferred experiments experiments_transferred database database_transferred textmining "
    "textmining_transferred combined_score\n9606.E1 9606.E2 0 0 0 0 0 0 0 900 0 0 0 800 0 990\n"
)
NAMES = "#string_protein_id\tpreferred_name\tprotein_size\tannotation\n9606.E1\tTP53\t1\tx\n9606.E2\tMDM2\t1\ty\n"
_SETS = "SET_ONE\thttp://a/b\tCD4\tCD8A\tLYZ\nSET_TWO\tna\tLYZ\tMS4A1\nset three (GO:0051084)\t\tRPL3\tRPL4,1.0\n"

TABLES: dict[str, tuple[str, ...]] = {
    "trrust": (
        "AATF\tBAX\tRepression\t22909821\nJUN\tCCND1\tActivation\t2;3\nATF3\tATF3\tUnknown\t1\n",
        "Gene1\tGene2\tMode_of_Regulation\tPMID\nAATF\tBAX\tRepression\t22909821\n",
    ),
    "collectri": ('"source","target","weight"\n"MYC","TERT",1\n"MYC","CDKN1A",-1\n"TP53","TP53",1\n',),
    "dorothea": ("tf,confidence,target,mor\nSPI1,A,CSF1R,1\nSPI1,E,ACTB,-1\n",),
    "string": (
        json.dumps(_ROWS),
        json.dumps({"pairs": [{"g1": "A1", "g2": "B1", "score": 0.5}]}),
        "\t".join(_ROWS[0]) + "\n" + "\n".join("\t".join(map(str, row.values())) for row in _ROWS) + "\n",
        _LINKS,
    ),
    "string-names": (NAMES, "#string_protein_id\talias\tsource\n9606.E1\tTP53\tEnsembl_HGNC_symbol\n"),
    **dict.fromkeys(("go-bp", "go-mf", "go-cc", "reactome", "kegg", "hallmark"), (_SETS,)),
    "hpa": (
        "Gene\tGene name\tReliability\tEnhanced\tSupported\tApproved\tUncertain\n"
        "E1\tATP5F1A\tEnhanced\tMitochondria\t\t\tNucleus\nE2\tCS\tSupported\t\tMitochondria;Cytosol\t\t\n",
    ),
    "panglaodb": (
        "species\tofficial gene symbol\tcell type\tcanonical marker\nMm Hs\tCD3D\tT cells\t1\nHs\tCD3E\tT cells\tNA\n"
        "None\tABC\tT cells\t0\nMm\tCD19\tB cells\t1\n",
    ),
    "liana": (
        "source,target,source_genesymbol,target_genesymbol,resource\nO1,P1,LGALS9,MET,c\nO2,P2,NRG2,ERBB2_ERBB3,c\n",
    ),
    "lambert": (
        "ensembl_id\tsymbol\tdbd\tis_tf\nE1\tJUN\tbZIP\tYes\nE2\tZEB1\tC2H2 ZF; Homeodomain\tYes\n"
        "E3\tACTB\tUnknown\tNo\n",
        ',HGNC symbol,DBD,Is TF?\n0,JUN,bZIP,Yes\n1,ZNF,"A; B",Yes\n',
    ),
    "paralogues": ("Gene name\tHuman paralogue associated gene name\nHBB\tHBD\nLYZ\t\n", "gene\tfamily\nLYZ\tLYZ\n"),
    "hgnc": ('symbol,gene_group\nHBB,"Globins|Carriers"\nHBD,Globins\nLYZ,\n',),
    "orthologues": (
        "source,target\nCD4,Cd4\nLYZ,Lyz1\nLYZ,Lyz2\n",
        "Gene name\tMouse gene name\tMouse homology type\nCD4\tCd4\tortholog_one2one\n",
    ),
}
"""Files by resource."""
