"""Covariates that may not be held fixed: the model's own, and those made of the label."""

from __future__ import annotations

from collections.abc import Mapping

from theodolite.sources import Source, leaked_ancestors

__all__ = ["refused_covariates"]


def refused_covariates(covariates: Mapping[str, Source], model: Source, label: Source) -> dict[str, str]:
    """Return which features or covariates may not be used, by name, each with the reason in words.

    What is computed from the model that is being read (the cosine of its embeddings, say) holds the very thing that is
    claimed and its noise, not co-expression. What shares an ancestor with the label has seen the label. Degree in the
    reference is made of the label on purpose and is not to be asked about here.

    Parameters
    ----------
    covariates
        The source of each feature or covariate, by name.
    model, label
        The model, and the reference that serves as the label.
    """
    refused = {}
    for name, source in covariates.items():
        if model.identity in source.ancestry():
            refused[name] = (
                f"{name!r} derives from {model.name!r}, the model under study; compute it from counts of the same cells"
            )
        elif leaked := leaked_ancestors([source], label):
            shared = ", ".join(repr(item.name) for item in leaked)
            refused[name] = (
                f"{name!r} derives from {shared}, and so does the label {label.name!r}; use one that has not seen the "
                "label"
            )
    return refused
