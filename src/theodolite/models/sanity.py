"""Whether an intervention does what it says: four checks that every intervention passes before it is believed.

An edit of strength zero is the identity. What is computed before the edit does not move. Two edits compose: the one
after the other is both at once, and neither alone. What is computed next responds. A tool that cannot show this has
not measured anything: :func:`require` raises, and the verdict is ``invalid``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from theodolite.models.protocol import Batch, FoundationModel
from theodolite.models.running import Edit, NotHandedOverError, Pass, Resumption, SilentEdit, run
from theodolite.models.sites import EMBEDDING, OUTPUT, Site, SiteKind, attention, residual

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "AtStrength",
    "CheckedRuns",
    "InterventionError",
    "SanityCheck",
    "SanityReport",
    "check_interventions",
    "require",
]

_TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}
_SECOND_SEED = 20
_SECOND_SHARE = 0.1
"""The second edit moves a site by this share of the spread of its values."""


class InterventionError(RuntimeError):
    """An intervention that does not do what it says; nothing that was measured with it counts."""


@dataclass(frozen=True)
class SanityCheck:
    """One check.

    Attributes
    ----------
    name
        ``zero``, ``before``, ``compose`` or ``responds``.
    passed
        Whether it holds.
    said
        What was found.
    """

    name: str
    passed: bool
    said: str


@dataclass(frozen=True)
class SanityReport:
    """What the checks of an intervention found.

    Attributes
    ----------
    model
        Name of the model.
    site
        Where the intervention is.
    checks
        All four.
    """

    model: str
    site: Site
    checks: tuple[SanityCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether all checks hold."""
        return all(check.passed for check in self.checks)

    @property
    def said(self) -> str:
        """What does not hold, in words; what was checked, where all holds."""
        told = [check for check in self.checks if not check.passed] or self.checks
        return "; ".join(f"{check.name}: {check.said}" for check in told)


@dataclass(frozen=True, eq=False)
class AtStrength:
    """An edit taken only part of the way: ``value + strength * (edit(value) - value)``."""

    edit: Edit
    strength: float

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        """Return the value moved part of the way."""
        return value + self.strength * (self.edit(value, batch) - value)


def require(report: SanityReport) -> None:
    """Raise unless all checks hold.

    Raises
    ------
    InterventionError
        Naming model, site and what does not hold.
    """
    if not report.passed:
        raise InterventionError(f"the intervention at {report.site} of {report.model} is not sound: {report.said}")


def check_interventions(
    model: FoundationModel,
    batch: Batch,
    site: Site,
    edit: Edit,
    *,
    zero: Edit | None = None,
    second: Edit | None = None,
    both: Sequence[tuple[Site, Edit]] | None = None,
    tolerance: float | None = None,
) -> SanityReport:
    """Check an intervention on a few cells, up to the site that must respond first.

    Parameters
    ----------
    model, batch
        The model, and cells that the edit changes.
    site, edit
        The intervention.
    zero
        The edit at strength zero; :class:`AtStrength` zero where not given.
    second
        Another edit at the same site; a small fixed noise where not given.
    both
        How both are applied in one pass, the second after the first, where that is done in another way than
        :func:`~theodolite.models.running.run` does it.
    tolerance
        How far the pass with a zero edit may be from one in which nothing is looked at, in units of the largest number
        at the site; by the type of the model's numbers where not given. (A fused attention rounds otherwise than one
        that is looked at.) All else is compared to the bit.

    Returns
    -------
    SanityReport
        Four checks; a model that does not hand the site over fails the last.

    Raises
    ------
    ValueError
        If the site is none of the model's, or an edit changes the shape.
    """
    after = _next(site, model.n_layers)
    reads = _reads(site, after)
    guarded = _Guarded(edit)

    def values(*edits: tuple[Site, Edit]) -> Mapping[Site, Tensor]:
        return run(model, batch, read=reads, edits=edits).read

    try:
        clean = values()
        edited = values((site, guarded))
        # After the edited pass: what that one left behind would show here.
        nothing = values((site, zero or AtStrength(edit, 0.0)))
        bare = _unwatched(model, batch, after)
        other = second or _Noise(clean[site])
        other_alone = values((site, other))
        together = values(*(both or [(site, edit), (site, other)]))
        in_turn = values((site, _InTurn(edit, other)))
    except NotHandedOverError as error:
        return SanityReport(model.name, site, (SanityCheck("responds", False, str(error)),))
    allowed = _TOLERANCE.get(clean[after].dtype, 1e-4) if tolerance is None else tolerance
    checks = (
        _check_zero(clean, nothing, bare, after, batch, allowed),
        _check_before(clean, edited, site, guarded),
        _check_compose(edited, other_alone, together, in_turn, site, after),
        _check_responds(clean, edited, site, after, batch),
    )
    return SanityReport(model.name, site, checks)


def _next(site: Site, n_layers: int) -> Site:
    """Return the first site that must respond to an edit: the stream behind the block, or what is predicted."""
    if site.layer > n_layers:
        raise ValueError(f"{site} is no site of a model with {n_layers} blocks")
    if site.kind in (SiteKind.EMBEDDING, SiteKind.RESIDUAL):
        return residual(site.layer + 1) if site.layer < n_layers else OUTPUT
    return OUTPUT if site == OUTPUT else residual(site.layer)


def _reads(site: Site, after: Site) -> tuple[Site, ...]:
    last = after.layer if after != OUTPUT else site.layer
    inner = [attention(site.layer)] if site.kind in (SiteKind.MLP_PRE, SiteKind.MLP_POST) else []
    found = [EMBEDDING, *map(residual, range(1, last + 1)), *inner, site, after]
    return tuple(sorted(dict.fromkeys(found), key=lambda each: each.depth))


def _unwatched(model: FoundationModel, batch: Batch, after: Site) -> Tensor:
    """Return what is found at a site when nobody looks at any other, and at itself only where it is the output."""
    if after == OUTPUT:
        return run(model, batch, read=[OUTPUT]).read[OUTPUT]
    return run(model, batch, until=after.layer).hidden


def _check_zero(
    clean: Mapping[Site, Tensor],
    nothing: Mapping[Site, Tensor],
    bare: Tensor,
    after: Site,
    batch: Batch,
    allowed: float,
) -> SanityCheck:
    moved = _moved(clean, nothing)
    if moved:
        return SanityCheck("zero", False, f"an edit of strength zero moves {_words(moved)}")
    expected, found = (_present(value, batch).cpu().double() for value in (bare, nothing[after]))
    largest = float(expected.abs().max()) if expected.numel() else 0.0
    apart = float((expected - found).abs().max()) if expected.numel() else 0.0
    said = f"{after} is {apart:.3g} from a pass in which nothing is looked at, {allowed * largest:.3g} allowed"
    return SanityCheck("zero", apart <= allowed * largest, f"an edit of strength zero moves nothing; {said}")


def _check_before(
    clean: Mapping[Site, Tensor], edited: Mapping[Site, Tensor], site: Site, guarded: _Guarded
) -> SanityCheck:
    if guarded.wrote:
        return SanityCheck("before", False, "the edit writes into what it is given, which earlier sites may share")
    earlier = [each for each in clean if each.depth < site.depth]
    moved = [each for each in _moved(clean, edited) if each.depth < site.depth]
    if moved:
        return SanityCheck("before", False, f"the edit moves {_words(moved)}, computed before it")
    return SanityCheck("before", True, f"{len(earlier)} sites before the edit do not move")


def _check_compose(
    edited: Mapping[Site, Tensor],
    other_alone: Mapping[Site, Tensor],
    together: Mapping[Site, Tensor],
    in_turn: Mapping[Site, Tensor],
    site: Site,
    after: Site,
) -> SanityCheck:
    for each in dict.fromkeys((site, after)):
        if torch.equal(together[each], other_alone[each]):
            return SanityCheck("compose", False, f"two edits leave {each} as the second alone does")
        if torch.equal(together[each], edited[each]):
            return SanityCheck("compose", False, f"two edits leave {each} as the first alone does")
        if not torch.equal(together[each], in_turn[each]):
            return SanityCheck("compose", False, f"two edits at once leave {each} otherwise than one after the other")
    return SanityCheck("compose", True, "two edits at once are the one after the other, and neither alone")


def _check_responds(
    clean: Mapping[Site, Tensor], edited: Mapping[Site, Tensor], site: Site, after: Site, batch: Batch
) -> SanityCheck:
    for each in dict.fromkeys((site, after)):
        if torch.equal(_present(clean[each], batch), _present(edited[each], batch)):
            why = "nothing reads the edit" if each != site else "the edit changes nothing in these cells"
            return SanityCheck("responds", False, f"{each} does not respond: {why}")
        if not bool(torch.isfinite(_present(edited[each], batch)).all()):
            return SanityCheck("responds", False, f"{each} holds numbers that are not finite after the edit")
    return SanityCheck("responds", True, f"{after} responds")


def _moved(first: Mapping[Site, Tensor], second: Mapping[Site, Tensor]) -> list[Site]:
    return sorted((site for site in first if not torch.equal(first[site], second[site])), key=lambda each: each.depth)


def _words(sites: Sequence[Site]) -> str:
    return ", ".join(map(str, sites))


def _present(value: Tensor, batch: Batch) -> Tensor:
    """Return what belongs to tokens that are there; of attention, what these attend to."""
    return value.transpose(1, 2)[batch.present] if value.ndim == 4 else value[batch.present]


class _Guarded:
    """An edit that is watched for writing into what it is given."""

    def __init__(self, edit: Edit) -> None:
        self._edit = edit
        self.wrote = False

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        before = value.clone()
        changed = self._edit(value, batch)
        self.wrote = self.wrote or not torch.equal(before, value)
        return changed


class _Noise:
    """A small change of every value at a site, the same whenever it is applied."""

    def __init__(self, like: Tensor) -> None:
        draw = torch.Generator().manual_seed(_SECOND_SEED)
        spread = float(like.cpu().double().std()) if like.numel() > 1 else 1.0
        drawn = torch.rand(like.shape, generator=draw) + 0.5
        self._noise = (drawn * _SECOND_SHARE * (spread or 1.0)).to(like)

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        return value + self._noise


@dataclass(frozen=True, eq=False)
class _InTurn:
    first: Edit
    second: Edit

    def __call__(self, value: Tensor, batch: Batch) -> Tensor:
        return self.second(self.first(value, batch), batch)


class CheckedRuns:
    """Forward passes with interventions of one model, checked as they are made: how an instrument intervenes.

    The first batch in which a sort of edit is made at a site, and does anything, is checked whole, before its result is
    given; seven short passes. :func:`~theodolite.models.running.run` alone checks nothing.
    """

    def __init__(self, model: FoundationModel) -> None:
        self._model = model
        self._checked: set[tuple[Site, type]] = set()

    def run(
        self,
        batch: Batch,
        edits: Sequence[tuple[Site, Edit]],
        *,
        read: Iterable[Site] = (),
        resume: Resumption | None = None,
    ) -> Pass:
        """Return a pass with its edits, from the point that it resumes from where one is given.

        Raises
        ------
        InterventionError
            If an edit fails a check; nothing was measured then.
        """
        for site, edit in edits:
            if (site, type(edit)) not in self._checked and not self._silent(batch, site, edit):
                require(check_interventions(self._model, batch, site, edit))
                self._checked.add((site, type(edit)))
        return run(self._model, batch, read=read, edits=edits, resume=resume)

    def _silent(self, batch: Batch, site: Site, edit: Edit) -> bool:
        if not isinstance(edit, SilentEdit):
            return False
        return edit.silent(run(self._model, batch, read=[site]).read[site], batch)
