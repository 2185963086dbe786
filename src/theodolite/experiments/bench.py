"""The bench of a worker: rebuilds what a job names by hashes, and runs the job on it."""

from __future__ import annotations

import fcntl
import json
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from theodolite.canonical import digest
from theodolite.experiments.jobs import FIT_AXES, FIT_FEATURES, FITS, JobSpec, Materials, Mismatch
from theodolite.experiments.seeds import seed_generators, short_seed

if TYPE_CHECKING:
    from theodolite.data import CellSet, Reference
    from theodolite.descriptions import Subject
    from theodolite.experiments.manifolds.rows import Read
    from theodolite.measurements import Variant
    from theodolite.models.ablated import Ablated
    from theodolite.models.capture import Capture
    from theodolite.models.components import Component, How
    from theodolite.models.protocol import FoundationModel
    from theodolite.saes import Dictionary, DictionaryRecipe
    from theodolite.saes.feature_values import FeatureValues

__all__ = ["Bench"]

STANDARD = "cpu float32"
"""Where a model runs unless a campaign says otherwise; jobs that name nothing run so."""

_KEPT = 16
"""Workbenches and captures that are kept between jobs; the oldest goes first."""


class Bench:
    """Rebuilds workbenches from hashes and runs jobs on them; one model and one cell set a process."""

    def __init__(self, materials: Materials) -> None:
        from theodolite.experiments.inputs import load_cells
        from theodolite.plugins import find_model, load_plugins

        load_plugins(materials.plugins)
        self._materials = materials
        self._cells = load_cells(materials.cells)
        self._statistics = self._cells.gene_statistics()
        self._model_sha256, model = find_model(materials.model)
        self._model = _placed(model, materials)
        self._runs_on = f"{materials.device} {materials.dtype}"
        self._split: dict[str, Any] = json.loads(Path(materials.split_file).read_text(encoding="utf-8"))
        captured = self._split.get("captured")
        self._chosen = None if captured is None else tuple(captured)
        self._captures: OrderedDict[Any, Any] = OrderedDict()
        self._ablations: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._benches: OrderedDict[tuple[str, str, str | None], Any] = OrderedDict()

    def run(self, job: JobSpec) -> bytes:
        """Run one job and return the bytes of its result.

        Raises
        ------
        Mismatch
            If what the job names is not what this worker has.
        ToolError
            If the tool cannot measure.
        """
        from theodolite.descriptions import Description
        from theodolite.experiments.manifolds.rows import anchor_rows
        from theodolite.experiments.workbench import axes_to_bytes, fit_layer_axes
        from theodolite.plugins import find_instrument

        for what, wanted, found in (
            ("model", job.model_sha256, self._model_sha256),
            ("cells", job.cells_sha256, self._cells.sha256),
            ("split", job.split_sha256, self._split["sha256"]),
            ("device", job.runs_on or STANDARD, self._runs_on),
        ):
            if wanted != found:
                raise Mismatch(f"the {what} changed: the job names {wanted[:16]}, this worker has {found[:16]}")
        if job.tool == FIT_FEATURES:
            return self._fit_features(job)
        bench: Any = anchor_rows(self._of_anchors(), job) if "anchors" in self._split else self._workbench(job)
        if job.tool == FIT_AXES:
            return axes_to_bytes(fit_layer_axes(bench))
        instrument = find_instrument(job.tool)
        if (instrument.version, instrument.source_sha256) != (job.version, job.source_sha256):
            raise Mismatch(f"{job.tool} changed since the job was made; put it back as it was, or start a new campaign")
        # Whatever a tool draws, it draws the same in any worker, at any time.
        seed_generators(job.seed)
        if isinstance(instrument, Description):
            return instrument.run(self._subject(bench, job), instrument.parsed(job.params)).to_bytes()
        return instrument.measure(bench, instrument.params(**job.params)).to_bytes()

    def _subject(self, bench: Any, job: JobSpec) -> Subject:
        """Return what a description may read: discovery genes, and the part of its references that lies among them."""
        from theodolite.data import DISCOVERY
        from theodolite.descriptions import DescriptionError, Subject
        from theodolite.experiments.described_with import references_from_bytes
        from theodolite.measurements import Variant

        if job.split != DISCOVERY:
            raise Mismatch(f"{job.tool} describes {DISCOVERY} genes only, and the job names {job.split!r}")
        references: tuple[Reference, ...] = ()
        if job.references is not None:
            references = references_from_bytes(self._artefact(job.references))
            if not references:
                raise DescriptionError("no reference has a member among the genes to explore; name larger ones")

        def model() -> FoundationModel:
            return self._varied(Variant.parse(job.variant))[0]

        trained = self._dictionaries(job.variant, bench.genes)
        return Subject.of(bench, self._cells, references, short_seed(job.seed), model, job.about, trained)

    def _workbench(self, job: JobSpec) -> Any:
        from theodolite.experiments.workbench import COVARIATES, GeneWorkbench, axes_from_bytes
        from theodolite.measurements import Variant
        from theodolite.plugins import find_instrument
        from theodolite.tools import Tool

        def make() -> Any:
            variant = Variant.parse(job.variant)
            taken = self._capture(str(variant.of_model))
            genes = tuple(self._split["parts"][job.split])
            position = {gene: column for column, gene in enumerate(self._cells.genes)}
            covariates = self._statistics.matrix(COVARIATES)[[position[gene] for gene in genes]]
            families = tuple(self._split["families"][gene] for gene in genes)
            instrument = None if job.tool in FITS.values() else find_instrument(job.tool)
            seeded = job.fitted if isinstance(instrument, Tool) and instrument.seeded else None
            fitted = axes_from_bytes(self._artefact(job.fitted)) if job.fitted and seeded is None else ()
            regulators = tuple(self._split.get("regulators", {}).get(job.split, ()))
            # A tool that writes into what it was given must not change what the next one is given.
            for axes in fitted:
                _freeze(axes.centre, axes.components, axes.singular_values)
            _freeze(covariates)
            interventions = self._interventions(str(variant.of_model))
            encoded = None if seeded is None else self._encoded(variant, seeded)
            return GeneWorkbench(
                genes, families, covariates, taken, fitted, regulators, interventions, variant.baseline, encoded
            )

        return _kept(self._benches, (job.variant, job.split, job.fitted), make)

    def _of_anchors(self) -> Read:
        """Return what anchors are made from."""
        from theodolite.experiments.manifolds.rows import Read

        of = (self._model_sha256, self._cells.sha256)
        kept = partial(_kept, self._captures)
        return Read(self._split, self._cells, self._chosen, of, self._varied, self._cached, self._artefact, kept, _say)

    def _capture(self, variant_text: str) -> Any:
        from theodolite.measurements import Variant
        from theodolite.models.capture import load_capture, save_capture

        def take(path: Path) -> None:
            of = (self._model_sha256, self._cells.sha256, variant_text)
            save_capture(path, self._take(Variant.parse(variant_text)), of)

        return _kept(self._captures, variant_text, lambda: load_capture(self._cached(variant_text, "", take)))

    def _interventions(self, variant_text: str) -> Callable[[Component, How], Ablated]:
        """Return who gives the effects of a component and of others of its size; measured once, then kept."""
        from theodolite.measurements import Variant, VariantKind
        from theodolite.models.ablated import ablated_key, load_ablated, save_ablated
        from theodolite.models.ablating import ablate_alike
        from theodolite.models.counts import ablate_counts

        variant = Variant.parse(variant_text)
        if variant.kind is VariantKind.COUNTS:
            return lambda component, how: ablate_counts(self._capture(variant_text), how)

        def interventions(component: Component, how: How) -> Ablated:
            def take(path: Path) -> None:
                of = (self._model_sha256, self._cells.sha256, variant_text)
                save_ablated(path, ablate_alike(*self._varied(variant), component, how, self._chosen, _say), of)

            what = ablated_key(component, how)
            key = (variant_text, what)
            found: Ablated = _kept(self._ablations, key, lambda: load_ablated(self._cached(variant_text, what, take)))
            return found

        return interventions

    def _dictionaries(self, variant_text: str, genes: tuple[str, ...]) -> Callable[[DictionaryRecipe], Dictionary]:
        """Return who gives the dictionary of a recipe, trained on the tokens of some genes; trained once, then kept."""
        from theodolite.measurements import Variant
        from theodolite.saes.dictionaries import dictionary_key, load_dictionary, make_dictionary

        def dictionary(recipe: DictionaryRecipe) -> Dictionary:
            def take(path: Path) -> None:
                of = (self._model_sha256, self._cells.sha256, variant_text)
                variant = Variant.parse(variant_text)
                cells, threads = self._varied(variant)[1], self._materials.threads
                make_dictionary(
                    path, self._model, cells, genes, recipe, threads=threads, said=_say, variant=variant, of=of
                )

            return load_dictionary(self._cached(variant_text, dictionary_key(recipe, genes), take))

        return dictionary

    def _fit_features(self, job: JobSpec) -> bytes:
        """Return features of every block, or of the counts, fitted on the genes of a part."""
        from theodolite.experiments.fitted_features import fit_features
        from theodolite.measurements import Variant, VariantKind
        from theodolite.saes.count_factors import count_factors, factors_to_bytes
        from theodolite.saes.ranked import ranked_from_bytes
        from theodolite.tools import N_FEATURES

        variant, genes = Variant.parse(job.variant), tuple(self._split["parts"][job.split])
        if variant.kind is VariantKind.COUNTS:
            return factors_to_bytes(count_factors(self._cells.log1p_cp10k(genes), N_FEATURES))
        first = ranked_from_bytes(self._artefact(job.fitted)) if job.fitted else ()
        trained = self._dictionaries(str(variant.of_model), genes)
        return fit_features(trained, self._model.n_layers, variant, first)

    def _encoded(self, variant: Variant, fitted: str) -> Callable[[int], FeatureValues]:
        """Return who gives what fitted features do at the tokens of all genes; read once, then kept."""
        from theodolite.experiments.fitted_features import feature_layers
        from theodolite.measurements import VariantKind
        from theodolite.models.capture import known_genes
        from theodolite.saes import FEATURE_VALUES
        from theodolite.saes.count_factors import count_values, factors_from_bytes
        from theodolite.saes.feature_values import load_feature_values, read_feature_values, save_feature_values
        from theodolite.saes.ranked import ranked_from_bytes

        def take(path: Path) -> None:
            content, genes = self._artefact(fitted), self._chosen or known_genes(self._model, self._cells)
            if variant.kind is VariantKind.COUNTS:
                values, layers = self._cells.log1p_cp10k(genes), feature_layers(self._model.n_layers)
                found = count_values(values, genes, factors_from_bytes(content), layers)
            else:
                found = read_feature_values(*self._varied(variant.of_model), genes, ranked_from_bytes(content), _say)
            save_feature_values(path, found, (self._model_sha256, self._cells.sha256, str(variant)))

        what = f"feature values {FEATURE_VALUES} {fitted}"
        key = (str(variant), what)
        return lambda layer: _kept(
            self._captures, key, lambda: load_feature_values(self._cached(str(variant.of_model), what, take))
        )

    def _artefact(self, sha256: str) -> bytes:
        from theodolite.store import ArtefactStore

        return ArtefactStore(Path(self._materials.artefacts)).get(sha256)

    def _cached(self, variant_text: str, what: str, take: Callable[[Path], None]) -> Path:
        """Return the file in which something about a variant is kept; ``take`` writes it where there is none.

        Workers that want the same file at once wait for the first of them instead of each making it.
        """
        from theodolite.models.capture import capture_name

        further = () if self._runs_on == STANDARD else (self._runs_on,)
        if self._chosen is not None:
            further = (*further, digest(self._chosen))
        if what:
            further = (*further, what)
        path = Path(self._materials.cache) / capture_name(
            self._model_sha256, self._cells.sha256, variant_text, *further
        )
        with _alone(path.with_suffix(".lock")):
            if not path.is_file():
                take(path)
        return path

    def _varied(self, variant: Variant) -> tuple[FoundationModel, CellSet]:
        """Return the model and the cells of a variant."""
        from theodolite.measurements import VariantKind

        shuffled = variant.kind is VariantKind.SHUFFLED_INPUT
        cells = self._cells.shuffled_within_gene(variant.seed) if shuffled else self._cells
        return self._model.variant(variant), cells

    def _take(self, variant: Variant) -> Capture:
        from theodolite.measurements import VariantKind
        from theodolite.models.capture import capture
        from theodolite.models.counts import capture_counts

        model, cells = self._varied(variant)
        if variant.kind is not VariantKind.COUNTS:
            return capture(model, cells, self._chosen, said=_say)
        genes = self._chosen or model.genes
        return capture_counts(
            cells.log1p_cp10k(genes),
            genes,
            n_layers=model.n_layers,
            n_heads=model.n_heads,
            width=model.width,
            read_out=model.read_out is not None,
        )


def _placed(model: FoundationModel, materials: Materials) -> FoundationModel:
    """Return the model where the campaign wants it.

    Raises
    ------
    Mismatch
        If this machine has no such device.
    """
    from theodolite.models.batches import resolve_device, resolve_dtype

    try:
        return model.placed(resolve_device(materials.device), resolve_dtype(materials.dtype))
    except ValueError as error:
        raise Mismatch(str(error)) from error


def _say(text: str) -> None:
    """Tell the coordinator's log, which keeps the end of what a worker prints."""
    print(text, file=sys.stderr, flush=True)


def _freeze(*arrays: NDArray[Any]) -> None:
    for array in arrays:
        array.setflags(write=False)


def _kept(kept: OrderedDict[Any, Any], key: Any, make: Callable[[], Any]) -> Any:
    if key not in kept:
        kept[key] = make()
        if len(kept) > _KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        # The kernel drops it with the process, so that a killed worker keeps nobody waiting.
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
