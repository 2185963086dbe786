"""Geometry of gene vectors layer by layer (arXiv 2602.22247)."""
