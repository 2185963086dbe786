"""Rulers: known distances between anchors, from labels that people gave; and the anchors that they are laid on."""

from theodolite.data.rulers.anchors import LEAST_CELLS, AnchorTable, anchor_table
from theodolite.data.rulers.items import RulerItem
from theodolite.data.rulers.making import RulerError, branches_on, make_ruler, stage_graph_of
from theodolite.data.rulers.ruler import Ruler

__all__ = [
    "LEAST_CELLS",
    "AnchorTable",
    "Ruler",
    "RulerError",
    "RulerItem",
    "anchor_table",
    "branches_on",
    "make_ruler",
    "stage_graph_of",
]
