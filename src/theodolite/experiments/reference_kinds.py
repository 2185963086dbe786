"""Which kind of reference each shape of measurement is held against."""

from __future__ import annotations

from typing import Final

__all__ = ["REFERENCE_KIND"]

REFERENCE_KIND: Final = {
    "GeneScores": "set",
    "PairScores": "pairs",
    "BipartiteScores": "regulon",
    "AnchorLatents": "ruler",
}
"""Kind of the references that a measurement shape can be held against."""
