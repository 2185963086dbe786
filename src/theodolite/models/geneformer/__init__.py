"""Geneformer (Theodoris et al. 2023; V2 2024): BERT over the genes of a cell in the order of their rank values.

Dictionaries, tokeniser, sizes, configuration and facts need no torch; ``checkpoint``, ``model``, ``training`` and
``evaluation`` do.
"""
