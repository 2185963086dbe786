"""Description of features taken out of a model, beside directions of equal size (arXiv 2603.02952 §causal patching)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from theodolite.data import Reference
from theodolite.descriptions.described import Described
from theodolite.descriptions.registry import description
from theodolite.descriptions.saes import DictionaryParams, dictionary_bytes, layer_of, trained
from theodolite.descriptions.subject import DescriptionError, Subject
from theodolite.gates.confounds.crossfit import family_folds
from theodolite.gates.evidence import exceedances, monte_carlo_p
from theodolite.measurements import UnitEffects
from theodolite.models.ablated import LEAST_TURN, MEMORY_BYTES
from theodolite.models.sites import residual
from theodolite.tools import BenchSize

__all__ = ["Patching", "feature_patching"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_LEAST = 5
"""Genes of a set that either half of the families needs."""


class Patching(DictionaryParams):
    """Parameters of :func:`feature_patching`."""

    sets: int = Field(default=4, ge=1, description="sets whose feature is taken out: those that one marks best")
    draws: int = Field(default=19, ge=1, description="random directions in place of each feature's own")
    doses: tuple[float, ...] = Field(
        default=(0.5, 1.0, 2.0), min_length=1, description="how much of a feature is taken out, rising; 1 is all of it"
    )
    cells_at_most: int = Field(
        default=32, ge=1, description="cells that are read, evenly over those there are, at the most"
    )


def _memory(size: BenchSize, params: Patching) -> int:
    rows = params.sets * (2 * params.draws + len(params.doses))
    return dictionary_bytes(size, params) + 2 * 8 * rows * size.genes + MEMORY_BYTES


@description(
    family="saes",
    shape=UnitEffects,
    unit="AUROC - 0.5 of the change of predictions",
    reads=("dictionary", "model"),
    references="sets",
    memory=_memory,
)
def feature_patching(subject: Subject, params: Patching) -> Described:
    """Change of predictions with a set's best feature taken out, beside random directions of equal size at its tokens.

    On half of the families, for each set the feature whose mean value stands highest for its genes is found; what its
    loss does to predictions is read on the other half, as the AUROC of the change for the set's genes against others.
    It is taken out in delta form: ``h - dose * z * w``, so that what the autoencoder does not reconstruct stays. A
    random direction in place of w moves the same tokens as far; the features of other sets show what any feature does.
    A larger dose should do more. Ratios of near-zero means are unstable and are not given.
    Source: arXiv 2603.02952 §causal patching, with the controls that it lacked.

    Returns
    -------
    Described
        Units are sets; the controls of each are random directions in place of its feature's own.

    Raises
    ------
    DescriptionError
        If no set has five genes in each half, no feature is active on five, the layer is the embedding, or no model is
        at hand.
    InterventionError
        If an edit does not do what it says.
    """
    from theodolite.models.editing import changes_under
    from theodolite.saes.patching import TakeOut, random_directions

    layer = layer_of(params, subject.shape)
    if layer == 0:
        raise DescriptionError("layer 0 is the embedding; take features out after a block, 1 or later")
    found = trained(subject, params)
    half = family_folds(subject.families, 2, subject.seed, "genes") == 0
    chosen = _chosen(subject, found.reading.by_gene, half, params.sets)
    width = found.sae.width
    directions = random_directions(width, params.draws, subject.seed)
    names = list(chosen)
    edits: list[TakeOut] = []
    place: dict[str, int] = {}
    for name, (feature, _) in chosen.items():
        place[name] = len(edits)
        edits += [TakeOut(found.sae, feature, dose) for dose in params.doses]
        edits += [TakeOut(found.sae, feature, 1.0, direction) for direction in directions]
    whole = [TakeOut(found.sae, feature) for feature, _ in chosen.values()]
    first_whole = len(edits)
    edits += whole
    site = residual(layer)
    done = changes_under(
        subject.model(), subject.cells.take_evenly(params.cells_at_most), [[(site, edit)] for edit in edits],
        subject.genes,
    )  # fmt: skip
    seen = (done.presence > 0) & ~half
    facts: dict[str, Any] = {"layer": layer, "features": found.sae.features, "doses": list(params.doses), "sets": names}
    effects, controls = [], []
    for number, name in enumerate(names):
        feature, on_half = chosen[name]
        members = _members(subject, name)[seen]
        specific = [_specific(change[seen], members) for change in done.prediction]
        begin = place[name] + len(params.doses)
        own, drawn = specific[first_whole + number], np.array(specific[begin : begin + params.draws])
        turn = float(done.largest[first_whole + number, 0])
        means = done.prediction[place[name] : begin][:, seen].mean(axis=1)
        size = np.log(np.maximum(means, np.finfo(np.float64).tiny))
        others = [specific[first_whole + other] for other in range(len(names)) if other != number]
        facts |= {
            f"{name}.feature": feature,
            f"{name}.auroc_on_half": on_half,
            f"{name}.genes": int(members.sum()),
            f"{name}.specific": own,
            f"{name}.random": drawn,
            # One that turns no token tested nothing.
            f"{name}.p": monte_carlo_p(exceedances(drawn, own), params.draws) if turn >= LEAST_TURN else None,
            f"{name}.other_features": others,
            f"{name}.by_dose": specific[place[name] : begin],
            f"{name}.log_change_by_dose": size,
            f"{name}.rises": bool((np.diff(size) > 0).all()),
            f"{name}.largest_turn": turn,
        }
        effects.append(own)
        controls.append(drawn)
    measured = UnitEffects(tuple(names), np.array(effects), np.array(controls), feature_patching.unit)
    return Described(measured, facts, _said(names, facts, params))


def _said(names: list[str], facts: dict[str, Any], params: Patching) -> str:
    """Return what was seen of the sets whose feature did anything, and first which did nothing where all did."""
    tested = [name for name in names if facts[f"{name}.p"] is not None]
    idle = [name for name in names if name not in tested]
    said = []
    if tested:
        told = "; ".join(
            f"{facts[f'{name}.specific']:+.3f} ({name}; {np.mean(facts[f'{name}.random']):+.3f} for {params.draws} "
            f"random directions of equal size at the same tokens, p {facts[f'{name}.p']:.2g})"
            for name in tested
        )
        beyond = sum(facts[f"{name}.p"] <= 0.05 for name in tested)
        said.append(
            f"At layer {facts['layer']}, with the feature taken out that marks a set best on half of the families, "
            "predictions of the set's other genes change more than those of other genes by an AUROC - 0.5 of "
            f"{told}. {beyond} of {len(tested)} do more than such directions at p of 0.05"
        )
    if idle:
        said.append(f"{', '.join(idle)}: the feature turned no token by {LEAST_TURN}, and so tested nothing")
    return f"{'. '.join(said)}."


def _chosen(subject: Subject, by_gene: NDArray[np.float32], half: Bools, most: int) -> dict[str, tuple[int, float]]:
    """Return the feature of each set that marks its genes best on half of the families, and its AUROC there.

    Of the sets, those whose feature does best are kept. Features that are active on fewer than five genes of the half
    are left out.
    """
    from scipy.stats import rankdata

    values = by_gene[half].astype(np.float64)
    live = np.flatnonzero((values > 0).sum(axis=0) >= _LEAST)
    if not len(live):
        raise DescriptionError(
            "no feature is active on five genes of either half; train a larger dictionary for longer"
        )
    ranks = rankdata(values[:, live], axis=0)
    found = {}
    for reference in subject.references:
        members = _members(subject, reference.id)
        inside, outside = int(members[half].sum()), int((~members[half]).sum())
        if min(inside, outside, members[~half].sum()) < _LEAST:
            continue
        scores = (ranks[members[half]].sum(axis=0) - inside * (inside + 1) / 2) / (inside * outside)
        best = int(np.argmax(scores))
        found[reference.id] = (int(live[best]), float(scores[best]))
    if not found:
        raise DescriptionError(
            f"none of {len(subject.references)} sets has {_LEAST} genes in each half of the families; give larger ones"
        )
    return dict(sorted(found.items(), key=lambda item: (-item[1][1], item[0]))[:most])


def _members(subject: Subject, name: str) -> Bools:
    reference: Reference = next(item for item in subject.references if item.id == name)
    return np.array([gene in reference.gene_set for gene in subject.genes])


def _specific(change: Floats, members: Bools) -> float:
    """Return AUROC - 0.5 of a change for members against others; NaN where either is missing."""
    from sklearn.metrics import roc_auc_score

    if members.all() or not members.any():
        return float("nan")
    return float(roc_auc_score(members, change)) - 0.5
