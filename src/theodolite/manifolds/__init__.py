"""Manifolds of anchors as arrays: fitters that place rows they never read, what stands beside them, and distances.

Nothing here knows a ruler's meaning, a ledger or a verdict: `theodolite.gates.anchors` judges, and
`theodolite.analysis.manifold` puts both together for people who work on arrays.
"""
