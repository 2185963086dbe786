"""Genes that every model of cells should place near each other, and how near a model does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["KNOWN_NEIGHBOURS", "partner_percentiles"]

KNOWN_NEIGHBOURS: tuple[tuple[str, str], ...] = (
    ("CD3D", "CD3E"), ("CD79A", "CD79B"), ("HLA-DRA", "CD74"), ("HLA-A", "B2M"), ("COL1A1", "COL1A2"),
    ("COL4A1", "COL4A2"), ("KRT8", "KRT18"), ("VIM", "LGALS1"), ("S100A8", "S100A9"), ("LYZ", "FCN1"),
    ("C1QA", "C1QB"), ("GZMB", "PRF1"), ("NKG7", "GNLY"), ("MKI67", "TOP2A"), ("CCNB1", "CDK1"), ("PCNA", "MCM2"),
    ("RPL3", "RPL4"), ("RPS3", "RPS6"), ("HSPA8", "HSP90AA1"), ("FOS", "JUNB"), ("ISG15", "IFIT1"), ("MT2A", "MT1X"),
    ("ALB", "APOA1"), ("INS", "IAPP"), ("MYL2", "MYL3"), ("ACTA2", "TAGLN"), ("PECAM1", "VWF"), ("HBA1", "HBB"),
    ("NDUFA4", "COX7C"), ("ATP5F1B", "ATP5F1A"), ("PSMA1", "PSMB1"), ("HMGCS1", "LDLR"), ("PGK1", "LDHA"),
    ("SNAP25", "SYT1"), ("MBP", "PLP1"), ("GFAP", "AQP4"), ("EPCAM", "CDH1"), ("CD14", "CSF1R"), ("TUBA1B", "TUBB"),
    ("DDIT3", "ATF3"),
)  # fmt: skip
"""Pairs that textbooks put into one complex, programme or cell type; chosen before any model was looked at."""


def partner_percentiles(
    vectors: NDArray[np.floating], names: tuple[str, ...], pairs: tuple[tuple[str, str], ...] = KNOWN_NEIGHBOURS
) -> dict[tuple[str, str], float]:
    """Return for each known pair the share of other genes that are less similar to the first gene than the second is.

    Parameters
    ----------
    vectors
        Shape (n, d): embedding of each gene; genes with a zero vector are left out. Similarity is the cosine after
        centring.
    names
        Symbols of the n genes.
    pairs
        Pairs of symbols; those of which a gene is not there are left out.

    Returns
    -------
    dict
        1 where nothing is nearer, about 0.5 for a random embedding.
    """
    rows = np.flatnonzero(np.linalg.norm(vectors, axis=1) > 0)
    place = {names[row]: index for index, row in enumerate(rows)}
    kept = np.asarray(vectors[rows], dtype=np.float64)
    kept = kept - kept.mean(axis=0)
    kept /= np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    found = {}
    for first, second in pairs:
        if first in place and second in place:
            cosine = kept @ kept[place[first]]
            others = np.delete(cosine, [place[first], place[second]])
            found[first, second] = float((others < cosine[place[second]]).mean())
    return found
