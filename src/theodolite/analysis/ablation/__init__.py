"""Sets of heads taken out in the order of a ranking, against random sets of their size (arXiv 2602.17532)."""

from __future__ import annotations

from theodolite.analysis.ablation.conditions import Condition, head_conditions, head_entropy
from theodolite.analysis.ablation.doses import Dose, DoseResponse, dose_response
from theodolite.analysis.ablation.readout import attention_without, attentions_without

__all__ = [
    "Condition",
    "Dose",
    "DoseResponse",
    "attention_without",
    "attentions_without",
    "dose_response",
    "head_conditions",
    "head_entropy",
]
