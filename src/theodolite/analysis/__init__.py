"""Descriptions of a model with their nulls and controls, as papers report them.

What is described here is no claim: no level is spent, and nothing is locked. A claim is registered and judged by gates.
"""
