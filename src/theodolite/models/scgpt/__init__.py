"""scGPT (Cui et al. 2024): settings and tokeniser without torch; the network is imported where it is used."""

from __future__ import annotations

from theodolite.models.scgpt.facts import recognises, scgpt_facts
from theodolite.models.scgpt.settings import ScGPTSettings, ScGPTVocabulary

__all__ = ["ScGPTSettings", "ScGPTVocabulary", "recognises", "scgpt_facts"]
