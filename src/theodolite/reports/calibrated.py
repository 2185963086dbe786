"""What a calibration measured of the whole machine: error rates against adversaries, from its file of numbers.

The package carries the published study; a folder of one's own beside the ledger is read as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from theodolite import calibration

__all__ = [
    "OWN",
    "PUBLISHED",
    "Calibrated",
    "CalibratedArm",
    "Met",
    "Rate",
    "own_calibration",
    "published",
    "read_calibration",
]

PUBLISHED = Path(calibration.__file__).with_name("published.json")
"""The numbers of ``docs/calibration.md``, in the form of the file that ``theodolite calibrate`` writes."""
OWN = Path("theodolite-calibration") / "calibration.json"
"""Where ``theodolite calibrate`` leaves its numbers, beside a ledger."""
_LARGEST = 4_000_000


@dataclass(frozen=True)
class Rate:
    """A mean over campaigns, and its upper 95 % bound; None where nothing was measured."""

    value: float | None
    upper: float | None


@dataclass(frozen=True)
class CalibratedArm:
    """Campaigns of one proposer in one world, with all safeguards on or with one off.

    Attributes
    ----------
    world, ablation, proposer
        The kind of world, the safeguard that is off (None for none), and who proposes.
    campaigns, tests, supports
        How many, and the mean number of supports a campaign; None where the file does not say.
    fdr, fdr_keys, any_support
        False-discovery rate over hypotheses and over claims, and the share of campaigns with any support.
    supported, strong
        Strong true claims that were supported, of how many tried; None where the file does not say.
    """

    world: str
    ablation: str | None
    proposer: str
    campaigns: int | None
    tests: int | None
    supports: float | None
    fdr: Rate | None
    fdr_keys: Rate | None
    any_support: Rate | None
    supported: int | None
    strong: int | None

    @property
    def rate(self) -> Rate | None:
        """The error rate that counts in this world: where no claim is true, any support is false."""
        return self.any_support if self.world == "global_null" else self.fdr


@dataclass(frozen=True)
class Met:
    """A criterion: the number found, what it was held against, and whether it was met."""

    what: str
    value: float | None
    threshold: float
    at_most: bool
    where: str
    passed: bool


@dataclass(frozen=True)
class Calibrated:
    """A calibration.

    Attributes
    ----------
    command, commit, machine
        What made it; None where the file does not say.
    rounded
        Whether the numbers were rounded as they were published.
    q, tests, seed
        Its terms.
    arms, criteria
        What was found, and whether it is as it should be.
    """

    command: str | None
    commit: str | None
    machine: str | None
    rounded: bool
    q: float
    tests: int
    seed: int
    arms: tuple[CalibratedArm, ...]
    criteria: tuple[Met, ...]

    def of_world(self, world: str) -> list[CalibratedArm]:
        """Return the arms of a world with all safeguards on."""
        return [arm for arm in self.arms if arm.world == world and arm.ablation is None]

    @property
    def ablations(self) -> Iterator[tuple[CalibratedArm, CalibratedArm | None]]:
        """Each arm with a safeguard off, and the same world and proposer with all on."""
        for arm in self.arms:
            if arm.ablation is not None:
                alike = (other for other in self.of_world(arm.world) if other.proposer == arm.proposer)
                yield arm, next(alike, None)


def published() -> Calibrated:
    """Return the calibration that the package carries."""
    found = read_calibration(PUBLISHED)
    assert isinstance(found, Calibrated), found
    return found


def own_calibration(ledger: Path | None) -> Calibrated | str | None:
    """Return the calibration in the folder beside a ledger; a sentence where it cannot be read, None without one."""
    path = None if ledger is None else ledger.parent / OWN
    return read_calibration(path) if path is not None and path.is_file() else None


def read_calibration(path: Path) -> Calibrated | str:
    """Return the calibration of a file, or a sentence that says why it cannot be read."""
    try:
        if path.stat().st_size > _LARGEST:
            return f"{path.name} is larger than {_LARGEST:,} bytes, and so no file of `theodolite calibrate`."
        said = json.loads(path.read_text(encoding="utf-8"))
        summary, made = said["summary"], said.get("made", {})
        return Calibrated(
            command=_text(made.get("command")),
            commit=_text(made.get("commit")),
            machine=_text(made.get("machine")),
            rounded=bool(made.get("rounded")),
            q=_finite(summary["q"]) or 0.0,
            tests=int(summary["tests"]),
            seed=int(summary["seed"]),
            arms=tuple(map(_arm, summary["arms"])),
            criteria=tuple(
                Met(
                    what=str(item["what"]),
                    value=_finite(item["value"]),
                    threshold=_finite(item["threshold"]) or 0.0,
                    at_most=bool(item["at_most"]),
                    where=str(item["where"]),
                    passed=bool(item["passed"]),
                )
                for item in said["criteria"]
            ),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        return (
            f"{path.name} cannot be read as a calibration ({type(error).__name__}); run `theodolite calibrate` again."
        )


def _arm(said: dict[str, Any]) -> CalibratedArm:
    power = said.get("power") or {}
    return CalibratedArm(
        world=str(said["world"]),
        ablation=None if said["ablation"] is None else str(said["ablation"]),
        proposer=str(said["proposer"]),
        campaigns=_whole(said.get("campaigns")),
        tests=_whole(said.get("tests")),
        supports=_finite(said.get("supports")),
        fdr=_rate(said.get("fdr")),
        fdr_keys=_rate(said.get("fdr_keys")),
        any_support=_rate(said.get("any_support")),
        supported=_whole(power.get("count")),
        strong=_whole(power.get("of")),
    )


def _rate(said: dict[str, Any] | None) -> Rate | None:
    if said is None or said["value"] is None:
        return None
    return Rate(_finite(said["value"]), _finite(said["upper"]))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _finite(value: Any) -> float | None:
    if value is not None and not isfinite(float(value)):
        raise ValueError(f"a number of it is {value!r}")
    return None if value is None else float(value)
