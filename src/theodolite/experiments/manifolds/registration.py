"""Registration of claims about anchors: the candidate at a place is the one that the search put first there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from theodolite.claims import Hypothesis
from theodolite.experiments.planned_jobs import given_name
from theodolite.experiments.registration import Refusal, Registrar
from theodolite.gates.catalogue2.discipline import WITHOUT_FEATURES
from theodolite.manifolds.fitters import READS_RULER
from theodolite.plans import Params, Places
from theodolite.tools import Tool, ToolError

if TYPE_CHECKING:
    from theodolite.experiments.manifolds.setting import ManifoldSetting

__all__ = ["AnchorRegistrar", "reads_ruler"]


def reads_ruler(fitter: object, variant: str) -> bool:
    """Return whether a job is given distances on the ruler: what stands in the place of a model has another fitter."""
    return fitter in READS_RULER and variant not in WITHOUT_FEATURES


class AnchorRegistrar(Registrar):
    """Registers claims about anchors."""

    def _where(
        self, instrument: Tool, hypothesis: Hypothesis
    ) -> tuple[Params, dict[str, Params] | None, Places | None] | Refusal:
        """Return the candidate, and those of the baselines."""
        setting = cast("ManifoldSetting", self._setting)
        reference = hypothesis.claim.reference.name
        try:
            params = setting.params_of(reference, hypothesis.locus)
        except ToolError as error:
            return Refusal("invalid_locus", str(error))
        return params.model_dump(mode="json"), setting.baseline_params(instrument, reference, params), None

    def _fitted(
        self, instrument: Tool, reference: str, params: Params, loci: Mapping[str, Params] | None
    ) -> dict[str, str]:
        """Return what the plan names as fitted, and the distances that its fitters are given, if they read any."""
        setting = cast("ManifoldSetting", self._setting)
        found = super()._fitted(instrument, reference, params, loci)
        for variant in setting.measured_on(instrument, params):
            if reads_ruler((loci or {}).get(variant, params).get("fitter"), variant):
                given = setting.read_ruler(reference, self._block, variant)
                found[given_name(variant)] = self._ledger.artefacts.put(given)
        return found
