"""Captures of models on cells, remembered by content: in memory, and in a folder where one is given."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from theodolite.canonical import digest
from theodolite.data import CellSet
from theodolite.experiments.bench import STANDARD
from theodolite.experiments.machine import resolved_device
from theodolite.measurements import Variant, VariantKind
from theodolite.models.capture import Capture, capture, capture_name, load_capture, save_capture
from theodolite.tl.choosing import AnyModel, Genes
from theodolite.tl.settings import settings
from theodolite.tools import Axes

if TYPE_CHECKING:
    from theodolite.models.ablated import Ablated
    from theodolite.models.cell_states import CellStates
    from theodolite.models.components import Component, How
    from theodolite.models.protocol import FoundationModel
    from theodolite.saes import Dictionary, DictionaryRecipe
    from theodolite.saes.feature_values import FeatureValues

__all__ = [
    "Captured",
    "capture_key",
    "captured",
    "dictionaries",
    "features",
    "forget",
    "interventions",
    "placed",
    "remembered",
    "runs_on",
    "states",
    "states_path",
]

_log = logging.getLogger(__name__)

MOST_KEPT = 4
"""Captures that are kept in memory, as far as the setting of memory allows; the one that was used last goes last."""


@dataclass(eq=False)
class Captured:
    """A capture, and what was made of its genes once somebody asked for it: axes, ablations by their key, features."""

    capture: Capture
    fitted: tuple[Axes, ...] = field(default=())
    ablated: dict[str, Ablated] = field(default_factory=dict)
    features: dict[int, FeatureValues] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes up, those of a mapped file included."""
        arrays = [getattr(self.capture, name) for name in ("hidden", "attention", "read_out", "presence", "together")]
        return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))


_KEPT: OrderedDict[str, Captured] = OrderedDict()
_SCRATCH: list[TemporaryDirectory[str]] = []


def forget() -> None:
    """Let go of every capture and dictionary that is kept for this process only; files in a cache stay."""
    _KEPT.clear()
    while _SCRATCH:
        _SCRATCH.pop().cleanup()


def runs_on() -> str:
    """Return device and floating-point type in words, as jobs of campaigns name them."""
    return f"{resolved_device(settings.device)} {settings.dtype}"


def capture_key(
    model: AnyModel, cells: CellSet, genes: Genes, *, with_attention: bool = True, what: str | None = None
) -> str:
    """Return the name of a capture, by hashes of all that it is made of; the one that a campaign gives it.

    Parameters
    ----------
    model, cells, genes
        What was run on what.
    with_attention
        Whether it holds attention.
    what
        What else of the same model, cells and genes is named, where it is no capture.
    """
    facts = model.facts
    further = () if runs_on() == STANDARD else (runs_on(),)
    if not genes.whole:
        further = (*further, digest(genes.names))
    if model.as_given:
        further = (*further, f"given as {facts.name}")
    if not with_attention:
        further = (*further, "vectors only")
    if what is not None:
        further = (*further, what)
    return capture_name(facts.sha256, cells.sha256, "main", *further)


def remembered(key: str, cache: Path | None) -> bool:
    """Return whether a capture is kept in memory or lies in a folder."""
    return key in _KEPT or (cache is not None and (cache / key).is_file())


def captured(
    model: AnyModel, cells: CellSet, genes: Genes, *, cache: Path | None, limit: int, with_attention: bool = True
) -> Captured:
    """Return a capture: the one that is kept, that of the cache, or one that is taken now.

    Parameters
    ----------
    model, cells, genes
        What is run on what; the model is loaded only where it has to run.
    cache
        Folder in which captures are kept too, as campaigns keep theirs; None for memory only.
    limit
        Bytes that all kept captures may take together; earlier ones go first.
    with_attention
        Whether attention between the genes is captured too.

    Raises
    ------
    CellDataError
        If the model cannot read the cells.
    ActivationError
        If it overflowed.
    """
    key = capture_key(model, cells, genes, with_attention=with_attention)
    if key not in _KEPT:
        path = None if cache is None else cache / key
        if path is not None and path.is_file():
            taken = load_capture(path)
        else:
            taken = _take(model, cells, genes, with_attention=with_attention)
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                save_capture(path, taken, of=(model.facts.sha256, cells.sha256, "main"))
        _KEPT[key] = Captured(taken)
    _KEPT.move_to_end(key)
    while len(_KEPT) > 1 and (len(_KEPT) > MOST_KEPT or sum(item.nbytes for item in _KEPT.values()) > limit):
        _KEPT.popitem(last=False)
    return _KEPT[key]


def _take(model: AnyModel, cells: CellSet, genes: Genes, *, with_attention: bool) -> Capture:
    told = _progress(model.facts.name)
    return capture(placed(model), cells, genes.names, told, _log.warning, with_attention=with_attention)


def placed(model: AnyModel) -> FoundationModel:
    """Return a model, loaded, on the device and in the floating-point type of the settings."""
    from theodolite.models.batches import resolve_device, resolve_dtype

    return model.load().placed(resolve_device(resolved_device(settings.device)), resolve_dtype(settings.dtype))


def interventions(
    model: AnyModel, cells: CellSet, genes: Genes, kept: Captured, cache: Path | None
) -> Callable[[Component, How], Ablated]:
    """Return who gives the effects of a component and of others of its size, measured when first asked for, and kept.

    Parameters
    ----------
    model, cells, genes
        What is run on what.
    kept
        The capture beside which they are kept in memory.
    cache
        Folder in which they are kept too, as campaigns keep theirs.
    """

    def effects(component: Component, how: How) -> Ablated:
        from theodolite.models.ablated import ablated_key, load_ablated, save_ablated
        from theodolite.models.ablating import ablate_alike

        what = ablated_key(component, how)
        if what not in kept.ablated:
            path = None if cache is None else cache / capture_key(model, cells, genes, what=what)
            if path is not None and path.is_file():
                kept.ablated[what] = load_ablated(path)
            else:
                found = ablate_alike(placed(model), cells, component, how, genes.names, _log.warning)
                if path is not None:
                    save_ablated(path, found, of=(model.facts.sha256, cells.sha256, "main"))
                kept.ablated[what] = found
        return kept.ablated[what]

    return effects


def dictionaries(
    model: AnyModel, cells: CellSet, genes: Genes, cache: Path | None
) -> Callable[[DictionaryRecipe], Dictionary]:
    """Return who gives the dictionary of a recipe, trained when first asked for, and kept in a folder.

    Parameters
    ----------
    model, cells, genes
        What is trained on.
    cache
        The folder; where none is given, one that goes when the process ends, or when all is forgotten.
    """

    def trained(recipe: DictionaryRecipe) -> Dictionary:
        import torch

        from theodolite.saes.dictionaries import dictionary_key, load_dictionary, make_dictionary

        what = dictionary_key(recipe, genes.names)
        path = (_scratch() if cache is None else cache) / capture_key(model, cells, genes, what=what)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            of = (model.facts.sha256, cells.sha256, "main")
            make_dictionary(
                path, placed(model), cells, genes.names, recipe,
                threads=torch.get_num_threads(), said=_log.warning, of=of,
            )  # fmt: skip
        return load_dictionary(path)

    return trained


def features(
    model: AnyModel, cells: CellSet, genes: Genes, kept: Captured, cache: Path | None
) -> Callable[[int], FeatureValues]:
    """Return who gives what ranked features of a block do, fitted to all genes when first asked for, and kept.

    Parameters
    ----------
    model, cells, genes
        What is trained on and read.
    kept
        The capture beside which they are kept in memory.
    cache
        Folder in which dictionaries are kept, as campaigns keep theirs.
    """

    def values(layer: int) -> FeatureValues:
        from theodolite.experiments.fitted_features import fit_features
        from theodolite.saes.feature_values import read_feature_values
        from theodolite.saes.ranked import ranked_from_bytes

        if layer not in kept.features:
            loaded = placed(model)
            trained = dictionaries(model, cells, genes, cache)
            content = fit_features(trained, loaded.n_layers, Variant(VariantKind.MAIN), layers=(layer,))
            found = read_feature_values(loaded, cells, genes.names, ranked_from_bytes(content), _log.warning)
            kept.features[layer] = found
        return kept.features[layer]

    return values


def states_path(model: AnyModel, cells: CellSet, genes: Genes, cache: Path | None) -> Path:
    """Return the file in which a model's streams of cells are kept; in a folder of this process where no other is."""
    key = capture_key(model, cells, genes, with_attention=False, what="cell states 1")
    return (_scratch() if cache is None else cache) / key


def states(model: AnyModel, cells: CellSet, genes: Genes, cache: Path | None) -> CellStates:
    """Return what a model holds of each cell, without attention: taken when first asked for, and kept in a file.

    Parameters
    ----------
    model, cells, genes
        What is run on what; the model is loaded only where it has to run.
    cache
        Folder of the file; where none is given, one that goes when the process ends, or when all is forgotten.

    Raises
    ------
    CellDataError
        If the model cannot read the cells, or a cell has none of the genes.
    ActivationError
        If it overflowed.
    """
    from theodolite.models.cell_states import cell_states, load_cell_states, save_cell_states

    path = states_path(model, cells, genes, cache)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        taken = cell_states(placed(model), cells, genes.names, _log.warning, with_attention=False)
        save_cell_states(path, taken, (model.facts.sha256, cells.sha256, "main"))
    return load_cell_states(path)


def _scratch() -> Path:
    """Return the folder of what is kept for this process only."""
    if not _SCRATCH:
        _SCRATCH.append(TemporaryDirectory(prefix="theodolite-"))
    return Path(_SCRATCH[0].name)


def _progress(model: str) -> Callable[[int, int], None]:
    """Return what tells the log how far a model is, at each tenth of the cells."""
    tenths = 0

    def tell(done: int, total: int) -> None:
        nonlocal tenths
        if 10 * done // total > tenths:
            tenths = 10 * done // total
            _log.info("model %s has read %d of %d cells", model, done, total)

    return tell
