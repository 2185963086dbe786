"""The thirteen classes of defects that a reviewer is tried with, and how one is planted in a clean item."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from numpy.random import Generator

from theodolite.calibration.plants import plan_defects as of_plans
from theodolite.calibration.plants import record_defects as of_records
from theodolite.calibration.plants.forms import Form
from theodolite.calibration.plants.items import Item
from theodolite.judgements import ObjectionCode

__all__ = ["ACCEPTED", "DEFECTS", "NotPlantable", "plant"]

DEFECTS: Final[Mapping[ObjectionCode, tuple[Form, ...]]] = MappingProxyType(
    {
        "label_leak": of_plans.LABEL_LEAK,
        "wrong_null": (*of_plans.WRONG_PANEL, *of_records.WRONG_RECORD),
        "metric_switch": of_records.METRIC_SWITCH,
        "double_dipping": of_plans.DOUBLE_DIPPING,
        "degenerate_statistic": of_records.DEGENERATE,
        "sign_flip": of_records.SIGN_FLIP,
        "too_few_draws": (*of_plans.TOO_FEW_PLANNED, *of_records.TOO_FEW_DRAWN),
        "own_embedding_covariate": of_plans.OWN_EMBEDDING,
        "donor_leakage": of_plans.DONOR_LEAKAGE,
        "tie_artefact": of_records.TIE_ARTEFACT,
        "wrong_unit": of_plans.WRONG_UNIT,
        "cherry_picked_locus": of_plans.CHERRY_PICKED_LOCUS,
        "hash_mismatch": of_records.HASH_MISMATCH,
    }
)
"""The classes in the order of the specification, with the forms in which each shows."""

ACCEPTED: Final[Mapping[ObjectionCode, frozenset[ObjectionCode]]] = MappingProxyType(
    {
        "double_dipping": frozenset({"double_dipping", "cherry_picked_locus"}),
        "cherry_picked_locus": frozenset({"cherry_picked_locus", "double_dipping"}),
        "donor_leakage": frozenset({"donor_leakage", "double_dipping"}),
        "degenerate_statistic": frozenset({"degenerate_statistic", "tie_artefact"}),
        "tie_artefact": frozenset({"tie_artefact", "degenerate_statistic"}),
    }
)
"""Objections that catch a class, where it is not its own name alone: people call these defects by either name."""


class NotPlantable(ValueError):
    """An item that a class of defect cannot be worked into: it lacks all that the class would show in."""


def plant(item: Item, defect: ObjectionCode, form: int, rng: Generator) -> Item:
    """Return the item with a defect of a class and nothing else wrong.

    Parameters
    ----------
    item
        A clean item.
    defect
        The class.
    form
        Which of its forms; counted on to the next that the item can carry.
    rng
        Draws whatever the form leaves open.

    Raises
    ------
    NotPlantable
        If the item can carry no form of the class.
    """
    forms = DEFECTS[defect]
    for step in range(len(forms)):
        planted = forms[(form + step) % len(forms)].make(item, rng)
        if planted is not None and planted.sha256 != item.sha256:
            return planted
    raise NotPlantable(f"no form of {defect!r} can be worked into {item.plan.claim_text!r}")
