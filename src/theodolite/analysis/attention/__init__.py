"""Attention as a score of gene pairs, held against references and gene-level baselines (arXiv 2602.17532)."""
