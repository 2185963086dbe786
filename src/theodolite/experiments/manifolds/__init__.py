"""Campaigns about manifolds of cells: anchors and rulers in place of genes and references, on the same ledger."""
