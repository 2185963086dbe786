"""Planted activations: what a model's heads show of a world's references, with the exact truth of every claim.

Rung one of the planted worlds (statistics §5): a score is hubs, plus modules, plus noise that paralogues share, plus
noise of its own, plus, where a claim is true, a signal on the reference's edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import digest
from theodolite.claims import Locus, LocusKind
from theodolite.data.planted.noise import ParalogousNoise
from theodolite.data.planted.structure import PlantedStructure
from theodolite.measurements import Variant, VariantKind

__all__ = ["STRENGTHS", "PlantedActivations", "PlantedTruth", "Truth"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

STRENGTHS = (2.5, 3.5, 4.5, 6.0, 8.0, 12.0)
"""Planted effects in mean block standard errors of the reference."""

Truth = Literal["true", "null", "confounded"]

_KEPT = 96
"""Scores that a structure keeps: those of one model and its baselines' best places, about 1 MB each."""
_MAIN = Variant(VariantKind.MAIN)
_OWN = (VariantKind.MAIN, VariantKind.SHUFFLED_INPUT)
_VARIANTS = (*_OWN, VariantKind.UNTRAINED, VariantKind.RANDOM_EMBEDDING)


@dataclass(frozen=True)
class PlantedTruth:
    """What holds of a reference at a place of the model.

    Attributes
    ----------
    kind
        ``true`` if its edges carry a signal, ``confounded`` if they rank high by co-expression alone, else ``null``.
    effect
        Expected AUROC - 0.5 once hubs and co-expression are taken out; 0 unless true.
    raw
        Expected AUROC - 0.5 once hubs are taken out.
    strength
        Planted effect in mean block standard errors, from :data:`STRENGTHS`; 0 unless true, and for a layer, whose
        effect is what its heads leave of it.
    """

    kind: Truth
    effect: float
    raw: float
    strength: float


@dataclass(frozen=True, eq=False)
class PlantedActivations:
    """One model on a structure. Scores are drawn when asked for, each from a seed of its own.

    Attributes
    ----------
    structure
        The world.
    seed
        Seed of the model.
    """

    structure: PlantedStructure
    seed: int

    @cached_property
    def sha256(self) -> str:
        """Identity of the model: structure, seed and knobs stand for its weights."""
        structure = self.structure
        knobs = {name: str(value) for name, value in vars(structure.knobs).items()}
        return digest(["planted activations 1", structure.kind.value, structure.seed, self.seed, knobs])

    @property
    def heads(self) -> tuple[tuple[int, int], ...]:
        """Every (layer, head), counted from 1."""
        knobs = self.structure.knobs
        return tuple((layer, head) for layer in range(1, knobs.layers + 1) for head in range(1, knobs.heads + 1))

    @cached_property
    def strengths(self) -> Floats:
        """Shape (references, layers * heads): planted effects in mean block standard errors; 0 where nothing is."""
        knobs = self.structure.knobs
        rng = self._rng(_MAIN, "strengths")
        able = knobs.references - knobs.null_references
        places = rng.permutation(able * len(self.heads))[: round(knobs.true_share * knobs.references * len(self.heads))]
        planted = np.zeros(able * len(self.heads))
        planted[places] = np.resize(STRENGTHS, len(places))
        return np.vstack([planted.reshape(able, -1), np.zeros((knobs.null_references, len(self.heads)))])

    @cached_property
    def module_weights(self) -> Floats:
        """Shape (layers * heads,): how strongly each head shows the modules; 0 where it does not."""
        knobs = self.structure.knobs
        weights = np.zeros(len(self.heads))
        chosen = self._rng(_MAIN, "modules").permutation(len(self.heads))[
            : round(knobs.confounded_places * len(self.heads))
        ]
        weights[chosen] = knobs.module_effect
        return weights

    @cached_property
    def edge_weights(self) -> Floats:
        """Shape (references, layers * heads): shift of each reference's edges, in units of the residual noise."""
        error = self.structure.block_spread.mean(axis=1, keepdims=True)
        normal = NormalDist()
        effects = np.minimum(self.strengths * error, 0.45)
        shifts = [[sqrt(2.0) * normal.inv_cdf(0.5 + effect) for effect in row] for row in effects.tolist()]
        return np.array(shifts)

    @cached_property
    def truth(self) -> dict[tuple[str, str], PlantedTruth]:
        """The truth by (reference id, locus in words), for every head and every layer with its heads averaged.

        It is the truth of claims that the reference ranks above; that it ranks below is never true.
        """
        knobs, found = self.structure.knobs, {}
        for index, (layer, head) in enumerate(self.heads):
            locus = Locus(kind=LocusKind.HEAD, layer=layer, index=(head,))
            found.update(
                self._truth_at(str(locus), self.edge_weights[:, index], self.module_weights[index], 1.0,
                               self.strengths[:, index])
            )  # fmt: skip
        averaged = knobs.model_sharing + (1.0 - knobs.model_sharing) / knobs.heads
        for layer in range(1, knobs.layers + 1):
            weights, module = self._averages(layer)
            locus = Locus(kind=LocusKind.LAYER, layer=layer)
            found.update(self._truth_at(str(locus), weights, module, averaged, np.zeros(knobs.references)))
        return found

    def _truth_at(
        self, locus: str, weights: Floats, module: float, noise: float, strengths: Floats
    ) -> dict[tuple[str, str], PlantedTruth]:
        structure, phi = self.structure, NormalDist().cdf
        spread = sqrt(2.0 * noise)
        inside = float((structure.module_signal**2).mean()) * module**2
        found = {}
        for index, reference in enumerate(structure.references):
            shift, confounding = float(weights[index]), float(module * structure.module_contrasts[index])
            marked = bool(structure.graph.confounded[index]) and module > 0
            kind: Truth = "true" if shift > 0 else "confounded" if marked else "null"
            found[reference.id, locus] = PlantedTruth(
                kind=kind,
                effect=phi(shift / spread) - 0.5,
                raw=phi((shift + confounding) / sqrt(2.0 * (noise + inside))) - 0.5,
                strength=float(strengths[index]),
            )
        return found

    def _averages(self, layer: int) -> tuple[Floats, float]:
        chosen = [index for index, place in enumerate(self.heads) if place[0] == layer]
        return self.edge_weights[:, chosen].mean(axis=1), float(self.module_weights[chosen].mean())

    def score(self, layer: int, head: int | None, variant: Variant = _MAIN) -> Singles:
        """Return the score of every regulator (row) and gene, shape (r, n), of a head or averaged over heads.

        The variants ``untrained`` and ``random_embedding`` are hubs and noise. Gene vectors that were drawn at random
        know neither degrees nor homology, modules nor edges; and they are the same for every model of a structure,
        for they are what its architecture gives. ``shuffled_input`` has the model's own hubs, and its paralogues are
        alike.

        Raises
        ------
        ValueError
            If the model has no such head, or the variant is not one of a model: counts, or permuted labels.
        """
        kept, key = self.structure.drawn, (self._seed(variant), str(variant), layer, head)
        if key not in kept:
            if head is None:
                total = sum(self.score(layer, number + 1, variant) for number in range(self.structure.knobs.heads))
                drawn = np.asarray(total / np.float32(self.structure.knobs.heads))
            else:
                drawn = self._draw(layer, head, variant)
            drawn.setflags(write=False)
            kept[key] = drawn
            if len(kept) > _KEPT:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]

    def _seed(self, variant: Variant) -> int:
        # A baseline is one of the architecture, which all models of a structure share.
        return 1 + self.seed if variant.kind in _OWN else 0

    def _rng(self, variant: Variant, *purpose: str) -> np.random.Generator:
        words = [int(digest([str(variant), *purpose])[start : start + 8], 16) for start in (0, 8)]
        # The fastest of numpy's generators: nearly all of a score's time is its noise.
        return np.random.Generator(
            np.random.SFC64(np.random.SeedSequence([self.structure.seed, self._seed(variant), *words]))
        )

    def _draw(self, layer: int, head: int, variant: Variant) -> Singles:
        if (layer, head) not in self.heads:
            raise ValueError(f"no head {head!r} in layer {layer!r}; there are {len(self.heads)}, from (1, 1)")
        if variant.kind in (VariantKind.PERMUTED_LABELS, VariantKind.COUNTS):
            raise ValueError(f"{variant} is no variant of a model; ask for {', '.join(_VARIANTS)}")
        knobs, index = self.structure.knobs, self.heads.index((layer, head))
        rng = self._rng(variant, "place", str(layer), str(head))
        regulator_hub, target_hub, common = self._shared(variant)
        score = self._noise(variant).draw(rng)
        score *= np.float32(sqrt(1.0 - knobs.model_sharing))
        score += common
        here, there = self._place_hubs(regulator_hub, rng), self._place_hubs(target_hub, rng)
        score += (knobs.hub_spread * here).astype(np.float32)[:, None]
        score += (knobs.hub_spread * there).astype(np.float32)
        if knobs.hub_product:
            score += np.outer((knobs.hub_product * here).astype(np.float32), there.astype(np.float32))
        if variant.kind is VariantKind.MAIN:
            if self.module_weights[index]:
                score += np.float32(self.module_weights[index]) * self.structure.module_signal
            for reference in np.flatnonzero(self.edge_weights[:, index]):
                score += np.float32(self.edge_weights[reference, index]) * self.structure.edge_signals[reference]
        return score

    def _shared(self, variant: Variant) -> tuple[Floats, Floats, Singles]:
        """Return what all places have in common: hubs (r,) and (n,) of unit variance, and noise (r, n)."""
        # Shuffling values over cells leaves a model its own hubs.
        source = _MAIN if variant.kind in _OWN else variant
        kept, name = self.structure.shared_parts, (self._seed(source), str(source))
        if name not in kept:
            knobs, graph = self.structure.knobs, self.structure.graph
            rng = self._rng(source, "model")
            following = knobs.hub_degree if source.kind in _OWN else 0.0
            free = sqrt(1.0 - following**2)
            regulator, target = (
                following * bias + free * rng.standard_normal(len(bias)) for bias in (graph.out_bias, graph.in_bias)
            )
            noise = np.float32(sqrt(knobs.model_sharing)) * self._noise(source).draw(rng)
            kept[name] = (regulator, target, noise)
        return kept[name]

    def _noise(self, variant: Variant) -> ParalogousNoise:
        return self._noises[variant.kind in _OWN]

    @cached_property
    def _noises(self) -> dict[bool, ParalogousNoise]:
        graph = self.structure.graph
        own = self.structure.noise(np.arange(graph.n_regulators), np.arange(len(graph.genes)))
        return {True: own, False: ParalogousNoise(own.rows, own.columns, 0.0, 0.0)}

    def _place_hubs(self, hub: Floats, rng: np.random.Generator) -> Floats:
        share = self.structure.knobs.hub_of_gene
        return np.asarray(sqrt(share) * hub + sqrt(1.0 - share) * rng.standard_normal(len(hub)))
