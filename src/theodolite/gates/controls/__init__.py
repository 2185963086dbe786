"""Planted controls: what a test would find if there were something, and what it finds where there is nothing (G7)."""

from theodolite.gates.controls.anywhere import planted_null_anywhere, planted_positive_anywhere
from theodolite.gates.controls.grid import floor_125
from theodolite.gates.controls.negative import DRAWS, MOST, REFERENCES, Calibration, planted_null
from theodolite.gates.controls.positive import (
    NEEDED,
    REPLICATES,
    SIGNAL,
    Detection,
    forget_detections,
    planted_positive,
    rounded_level,
)
from theodolite.gates.controls.replicas import covariance_class

__all__ = [
    "DRAWS",
    "MOST",
    "NEEDED",
    "REFERENCES",
    "REPLICATES",
    "SIGNAL",
    "Calibration",
    "Detection",
    "covariance_class",
    "floor_125",
    "forget_detections",
    "planted_null",
    "planted_null_anywhere",
    "planted_positive",
    "planted_positive_anywhere",
    "rounded_level",
]
