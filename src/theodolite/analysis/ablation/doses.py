"""Dose response: what is lost with the best heads of a ranking, beside random sets of as many."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from theodolite.analysis.ablation.conditions import Condition
from theodolite.data import CellSet
from theodolite.models.ablated import LEAST_TURN
from theodolite.models.ablating import ablate
from theodolite.models.capture import known_genes
from theodolite.models.components import How
from theodolite.models.protocol import FoundationModel

__all__ = ["Dose", "DoseResponse", "dose_response"]


@dataclass(frozen=True)
class Dose:
    """What a set of heads does.

    Attributes
    ----------
    condition
        The set.
    effect
        Mean over genes of the logarithm of the mean squared change of the prediction at the gene's token.
    specific
        AUROC - 0.5 of that change, the members of the reference against all other genes.
    turn
        Largest cosine distance by which any token's last residual stream turned.
    """

    condition: Condition
    effect: float
    specific: float
    turn: float

    @property
    def faithful(self) -> bool:
        """Whether the ablation did anything; where it did not, that nothing was lost is no finding."""
        return self.turn >= LEAST_TURN


@dataclass(frozen=True)
class DoseResponse:
    """What sets of heads do, and how the best of a ranking stand among random sets of as many.

    Attributes
    ----------
    doses
        One a condition.
    """

    doses: tuple[Dose, ...]

    def of(self, kind: str, size: int | None = None) -> tuple[Dose, ...]:
        """Return the doses of a kind, of one size where one is given."""
        return tuple(dose for dose in self.doses if dose.condition.kind == kind and size in (None, dose.condition.size))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the sets of the best, rising."""
        return tuple(dose.condition.size for dose in self.of("top"))

    def against(self, kind: str, size: int, what: str = "effect") -> tuple[float, float, int]:
        """Return how far the best lie above drawn sets of their size.

        Parameters
        ----------
        kind
            ``random`` or ``entropy_matched``.
        size
            Heads.
        what
            ``effect`` or ``specific``.

        Returns
        -------
        tuple
            The difference from the mean of the drawn sets; p = (1 + b) / (1 + N), with b drawn sets of N that do as
            much; and N. It cannot be smaller than 1 / (1 + N).

        Raises
        ------
        ValueError
            If nothing of that kind and size was drawn.
        """
        drawn = np.array([getattr(dose, what) for dose in self.of(kind, size)])
        if not drawn.size or kind not in ("random", "entropy_matched"):
            raise ValueError(f"no {kind!r} sets of {size} heads were drawn; there are sizes {list(self.sizes)}")
        best = float(getattr(self.of("top", size)[0], what))
        return best - float(drawn.mean()), (1 + int((drawn >= best).sum())) / (1 + len(drawn)), len(drawn)

    def rises(self, what: str = "effect") -> bool:
        """Return whether the best do more the more of them are taken out, beyond the mean of random sets each time."""
        beyond = [self.against("random", size, what)[0] for size in self.sizes]
        return all(later >= earlier for earlier, later in zip(beyond[:-1], beyond[1:], strict=True)) and beyond[-1] > 0


def dose_response(
    model: FoundationModel,
    cells: CellSet,
    conditions: Sequence[Condition],
    reference: Collection[str],
    how: How = "zero",
    genes: Sequence[str] | None = None,
    said: Callable[[str], None] = lambda text: None,
    *,
    cells_at_most: int | None = None,
) -> DoseResponse:
    """Take sets of heads out and read the predictions, of all genes and of those of a reference.

    Parameters
    ----------
    model, cells
        The model, and the cells that it reads.
    conditions
        Of :func:`~theodolite.analysis.ablation.head_conditions`.
    reference
        Genes whose predictions are held against those of all others, such as the targets of a regulon.
    how
        What stands in place of a head.
    genes
        The genes that are read; all that the model knows where not given.
    said
        Told where memory ran out.
    cells_at_most
        Cells to read, evenly over those there are; 256 where not given.

    Raises
    ------
    ValueError
        If fewer than 2 of the genes that are tokens of a cell are of the reference, or fewer than 2 are not.
    InterventionError
        If an edit does not do what it says.
    """
    chosen = known_genes(model, cells) if genes is None else tuple(genes)
    members = np.array([gene in reference for gene in chosen])
    found = ablate(model, cells, [each.heads for each in conditions], how, chosen, said, cells_at_most=cells_at_most)
    there = found.presence > 0
    inside, outside = int((members & there).sum()), int((~members & there).sum())
    if min(inside, outside) < 2:
        raise ValueError(
            f"{inside} genes of the reference and {outside} others are tokens of the cells that are read; the change "
            "of their predictions can be compared from 2 of each on"
        )
    logs = np.log(np.maximum(found.prediction[:, there], np.finfo(np.float32).tiny))
    return DoseResponse(
        tuple(
            Dose(condition, float(row.mean()), float(roc_auc_score(members[there], row)) - 0.5, float(largest))
            for condition, row, largest in zip(conditions, logs, found.largest[:, 0], strict=True)
        )
    )
