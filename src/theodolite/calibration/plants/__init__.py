"""Sealed plants and clean shams: what measures the reviewers, as planted controls measure the gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theodolite.lazy import lazy_names

if TYPE_CHECKING:
    from theodolite.calibration.plants.clean import clean_item
    from theodolite.calibration.plants.defects import ACCEPTED, DEFECTS, NotPlantable, plant
    from theodolite.calibration.plants.forms import Form
    from theodolite.calibration.plants.items import Item
    from theodolite.calibration.plants.rounds import SHARE, put_trial, seal_round, trial_id, trial_items
    from theodolite.calibration.plants.track_records import (
        Agreement,
        Sensitivity,
        Standing,
        agreement,
        standing,
        standings,
    )
    from theodolite.calibration.plants.trials import PER_CLASS, SealedItem, Trial, give, sealed_items, sealed_trials

__all__ = [
    "ACCEPTED",
    "DEFECTS",
    "PER_CLASS",
    "SHARE",
    "Agreement",
    "Form",
    "Item",
    "NotPlantable",
    "SealedItem",
    "Sensitivity",
    "Standing",
    "Trial",
    "agreement",
    "clean_item",
    "give",
    "plant",
    "put_trial",
    "seal_round",
    "sealed_items",
    "sealed_trials",
    "standing",
    "standings",
    "trial_id",
    "trial_items",
]

__getattr__ = lazy_names(
    __name__,
    {
        "clean": ("clean_item",),
        "defects": ("ACCEPTED", "DEFECTS", "NotPlantable", "plant"),
        "forms": ("Form",),
        "items": ("Item",),
        "rounds": ("SHARE", "put_trial", "seal_round", "trial_id", "trial_items"),
        "track_records": ("Agreement", "Sensitivity", "Standing", "agreement", "standing", "standings"),
        "trials": ("PER_CLASS", "SealedItem", "Trial", "give", "sealed_items", "sealed_trials"),
    },
)
