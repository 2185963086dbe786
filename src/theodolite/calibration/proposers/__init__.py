"""Proposers: eight adversaries that propose through the same door as any executor."""

from __future__ import annotations

from theodolite.calibration.proposers.alias_maker import AliasMaker
from theodolite.calibration.proposers.base import Proposer
from theodolite.calibration.proposers.control_gamer import ControlGamer
from theodolite.calibration.proposers.desk import Desk, Option
from theodolite.calibration.proposers.greedy import MOST_RETRIES, GreedyProposer
from theodolite.calibration.proposers.hammers import EarlyHammer, PHacker
from theodolite.calibration.proposers.off_ledger import Peep
from theodolite.calibration.proposers.padder import Padder
from theodolite.calibration.proposers.peeker import Peeker
from theodolite.calibration.proposers.uniform import RandomProposer

__all__ = [
    "MOST_RETRIES",
    "AliasMaker",
    "ControlGamer",
    "Desk",
    "EarlyHammer",
    "GreedyProposer",
    "Option",
    "PHacker",
    "Padder",
    "Peeker",
    "Peep",
    "Proposer",
    "RandomProposer",
]
