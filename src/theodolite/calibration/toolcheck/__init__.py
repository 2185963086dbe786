"""The check of one instrument: its power and its error in small worlds of known truth, judged by the real nulls."""

from theodolite.calibration.toolcheck.checking import EMPTY, LEVEL, PLANTED, WORLDS, check_record, check_tool
from theodolite.calibration.toolcheck.worlds import MODEL, Part, Profile, World, make_world

__all__ = [
    "EMPTY",
    "LEVEL",
    "MODEL",
    "PLANTED",
    "WORLDS",
    "Part",
    "Profile",
    "World",
    "check_record",
    "check_tool",
    "make_world",
]
