"""Registration of claims about anchors: the candidate at a place is the one that the search put first there."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from theodolite.claims import Hypothesis
from theodolite.experiments.registration import Refusal, Registrar
from theodolite.plans import Params, Places
from theodolite.tools import Tool, ToolError

if TYPE_CHECKING:
    from theodolite.experiments.manifolds.setting import ManifoldSetting

__all__ = ["AnchorRegistrar"]


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
