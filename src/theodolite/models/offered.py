"""Models that plug-ins offer by name: facts that need no torch, and a function that loads the model in the worker."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from theodolite.canonical import digest
from theodolite.models.facts import CheckpointError, ModelFacts, available_models
from theodolite.models.protocol import FoundationModel
from theodolite.models.registry import load_model, model_facts
from theodolite.origins import code_sha256, source_file

__all__ = ["find_facts", "find_model", "offer_model", "offered_models"]


@dataclass(frozen=True)
class _Offered:
    facts: Callable[[], ModelFacts]
    load: Callable[[], FoundationModel]


_OFFERED: dict[str, _Offered] = {}


def offer_model(
    name: str, facts: Callable[[], ModelFacts]
) -> Callable[[Callable[[], FoundationModel]], Callable[[], FoundationModel]]:
    """Offer the model that a function loads as the model ``name`` of campaign files.

    Parameters
    ----------
    name
        How campaign files call it.
    facts
        Returns name, content hash of weights and configuration, genes and size. It is called by the coordinator, so it
        imports no torch.

    Raises
    ------
    TypeError
        If the name is no name or is taken, or the function that loads has no docstring.
    """

    def offer(load: Callable[[], FoundationModel]) -> Callable[[], FoundationModel]:
        taken = name in available_models() or name in _OFFERED
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,79}", name) is None or taken:
            by = f"it is offered by {source_file(_OFFERED[name].load)}" if name in _OFFERED else "it is packaged"
            raise TypeError(f"model {name!r}: {by if taken else 'that is no name'}; choose another name")
        if not (inspect.getdoc(load) or "").strip():
            raise TypeError(f"model {name!r} has no docstring; say what it is and where its weights come from")
        _OFFERED[name] = _Offered(facts, load)
        return load

    return offer


def offered_models() -> tuple[str, ...]:
    """Return the names under which models are offered."""
    return tuple(sorted(_OFFERED))


def find_facts(model: str) -> ModelFacts:
    """Return the facts of a model by the name of a plug-in, by packaged name or by folder.

    The hash of an offered model covers the plug-in's code too: what is captured of weights hangs on who reads them.

    Raises
    ------
    ModelNotFoundError
        If there is none.
    CheckpointError
        If its configuration cannot be read, or a plug-in gives no facts.
    """
    if model not in _OFFERED:
        return model_facts(model)
    return _facts(model)[1]


def _facts(model: str) -> tuple[ModelFacts, ModelFacts]:
    """Return the facts as the plug-in says them, and with its code in their hash."""
    offered = _OFFERED[model]
    where = f"the facts of model {model!r} ({source_file(offered.load)})"
    try:
        said = offered.facts()
    except Exception as error:
        raise CheckpointError(f"{where} cannot be had: {type(error).__name__}: {error}") from error
    if not isinstance(said, ModelFacts):
        raise CheckpointError(f"{where} are {said!r:.80}; return theodolite.models.facts.ModelFacts")
    return said, replace(said, name=model, sha256=digest([said.sha256, code_sha256(offered.load)]))


def find_model(model: str) -> tuple[str, FoundationModel]:
    """Return the hash and the model of a name or folder, loaded.

    Raises
    ------
    ModelNotFoundError
        If there is none.
    CheckpointError
        If it cannot be loaded, or a plug-in's model is not what its facts say.
    """
    if model not in _OFFERED:
        packaged = load_model(model)
        return packaged.sha256, packaged
    said, facts = _facts(model)
    loaded = _OFFERED[model].load()
    for what in ("sha256", "genes", "n_layers", "n_heads", "width"):
        if getattr(loaded, what) != getattr(said, what):
            raise CheckpointError(
                f"model {model!r} was loaded with {what} {getattr(loaded, what)!r:.60}, its facts say "
                f"{getattr(said, what)!r:.60}; make both from the same files"
            )
    return facts.sha256, loaded
