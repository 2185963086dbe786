"""Any instrument on an AnnData: what the instrument says by hand, where scverse users look for it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import anndata
import numpy as np
import pytest
from pydantic import Field

from theodolite import tl
from theodolite.claims import Locus, LocusKind, Relation
from theodolite.data import CellDataError, Reference, load_families
from theodolite.experiments.workbench import COVARIATES, GeneWorkbench, fit_layer_axes
from theodolite.measurements import CellScores, GeneScores
from theodolite.models.ablating import ablate_alike
from theodolite.models.capture import capture, capture_name
from theodolite.models.facts import ModelNotFoundError
from theodolite.models.registry import load_model
from theodolite.tl import MeasureError, captures
from theodolite.tools import ModelShape, ToolError, ToolParams, Workbench, get_tool, tool
from theodolite.tools.registry import _REGISTRY

REGULATORS = ("G0005", "G0050", "G0105")
PLACES: dict[str, dict[str, Any]] = {
    "geometry.axis_separation": {"layer": 1, "axis": 2},
    "geometry.pair_proximity": {"layer": None, "first": 1, "last": 3},
    "geometry.regulator_proximity": {"layer": 2, "first": 4, "last": 6},
    "attention.edges": {"layer": 2, "head": 1},
    "attention.regulation": {"layer": 1},
    "ablation.zero_ablation": {"part": "head", "layer": 2, "head": 1},
}


def by_hand(adata: Any, folder: str, name: str, genes: Sequence[str] | None = None) -> Any:
    """Run an instrument without this room: capture, families, statistics and axes as they come."""
    cells = tl.read_anndata(adata).cells
    taken = capture(load_model(folder), cells, genes)
    families = tuple(
        family or f"alone {gene}" for gene, family in zip(taken.genes, load_families().of(taken.genes), strict=True)
    )
    columns = [cells.genes.index(gene) for gene in taken.genes]
    covariates = cells.gene_statistics().matrix(COVARIATES)[columns]
    bench = GeneWorkbench(taken.genes, families, covariates, taken, (), REGULATORS)
    fitted = GeneWorkbench(
        taken.genes, families, covariates, taken, fit_layer_axes(bench), REGULATORS,
        lambda component, how: ablate_alike(load_model(folder), cells, component, how, genes),
    )  # fmt: skip
    instrument = get_tool(name)
    return instrument.measure(fitted, instrument.params(**PLACES[name]))


def needs(name: str) -> dict[str, Any]:
    return {"regulators": REGULATORS} if get_tool(name).shape.shape == "BipartiteScores" else {}


@pytest.mark.parametrize("name", PLACES)
def test_scores_are_those_of_the_instrument_run_by_hand(adata: Any, loud: str, name: str) -> None:
    adata = adata[:, ::-1].copy()  # rows of var in another order than the model's genes
    assert tl.measure(adata, name, model=loud, **PLACES[name], **needs(name)) is None
    measured, key = by_hand(adata, loud, name), name.replace(".", "_")
    stored = getattr(adata, adata.uns[key]["stored_in"])[key]
    if measured.shape == "GeneScores":
        np.testing.assert_array_equal(stored[list(measured.genes)], measured.score)
    elif measured.shape == "PairScores":
        rows = [adata.var_names.get_loc(gene) for gene in measured.genes]
        expected = measured.score.copy()
        np.fill_diagonal(expected, np.nan)
        np.testing.assert_array_equal(stored[np.ix_(rows, rows)], expected)
    else:
        expected = measured.score.T.copy()
        for column, gene in enumerate(REGULATORS):
            expected[measured.targets.index(gene), column] = np.nan
        np.testing.assert_array_equal(stored.loc[list(measured.targets), list(REGULATORS)], expected)


@pytest.mark.parametrize("name", PLACES)
def test_what_is_stored_says_what_it_is_of_and_survives_a_file(
    adata: Any, loud: str, name: str, tmp_path: Path
) -> None:
    given = ["G0001", "G0002", "G0003", "G0004", "G0006", "G0007", "G0008"]
    shape = get_tool(name).shape.shape
    reference: Any = given if shape == "GeneScores" else [(given[0], given[3]), (given[1], given[6])]
    if shape == "BipartiteScores":
        reference = [("G0005", "G0050"), ("G0005", "G0001"), ("G0050", "G0002")]
    tl.measure(adata, name, model=loud, key_added="mine", reference=reference, **PLACES[name])
    adata.write_h5ad(tmp_path / "out.h5ad")
    back = anndata.read_h5ad(tmp_path / "out.h5ad")
    facts = back.uns["mine"]
    assert (facts["tool"], facts["version"], facts["unit"]) == (name, get_tool(name).version, get_tool(name).unit)
    assert facts["params"] == ({"head": None} if name == "attention.regulation" else {}) | PLACES[name]
    assert facts["model"] == "loud-model" and facts["model_sha256"] == load_model(loud).sha256
    assert facts["cells_sha256"] == tl.read_anndata(adata).cells.sha256
    assert "no held-out claim" in facts["standing"]
    before, after = (getattr(data, facts["stored_in"])["mine"] for data in (adata, back))
    np.testing.assert_array_equal(np.asarray(after), np.asarray(before))
    table = facts["references"]
    assert list(table.index) == ["given"] and 0.0 <= table.loc["given", "auroc"] <= 1.0


def test_copy_returns_a_changed_copy_and_leaves_the_input(adata: Any, model: str) -> None:
    before = adata.copy()
    changed = tl.measure(adata, "geometry.axis_separation", model=model, layer=1, axis=1, copy=True)
    assert "geometry_axis_separation" in changed.var
    assert list(adata.var.columns) == list(before.var.columns) and not adata.uns
    assert (adata.X != before.X).nnz == 0 if hasattr(adata.X, "nnz") else np.array_equal(adata.X, before.X)


def test_keys_keep_results_apart(adata: Any, model: str) -> None:
    for layer in (0, 1):
        tl.measure(adata, "geometry.axis_separation", model=model, layer=layer, axis=1, key_added=f"axis_L{layer}")
    assert adata.uns["axis_L0"]["params"]["layer"] == 0 and adata.uns["axis_L1"]["params"]["layer"] == 1
    assert not np.allclose(adata.var["axis_L0"], adata.var["axis_L1"])


@pytest.mark.filterwarnings("ignore::anndata.ImplicitModificationWarning")
def test_a_view_becomes_real_and_what_it_views_stays(adata: Any, model: str) -> None:
    view = adata[:20]
    tl.measure(view, "geometry.axis_separation", model=model, layer=1, axis=1)
    assert "geometry_axis_separation" in view.var and "geometry_axis_separation" not in adata.var


def test_a_chosen_subset_is_measured_alone(adata: Any, model: str) -> None:
    chosen = [f"G{place:04d}" for place in range(40, 20, -1)]
    tl.measure(adata, "geometry.axis_separation", model=model, layer=1, axis=2, genes=chosen)
    measured = by_hand(adata, model, "geometry.axis_separation", sorted(chosen))
    found = adata.var["geometry_axis_separation"].dropna()
    assert sorted(found.index) == sorted(chosen)
    np.testing.assert_array_equal(found[list(measured.genes)], measured.score)


def test_a_model_runs_once_for_equal_cells_model_and_genes(
    adata: Any, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    monkeypatch.setattr(captures, "capture", lambda *given, **named: ran.append(1) or capture(*given, **named))
    for name in ("geometry.axis_separation", "attention.edges"):
        tl.measure(adata, name, model=model, **PLACES[name])
    assert len(ran) == 1
    tl.measure(adata.copy(), "attention.edges", model=model, layer=1)
    assert len(ran) == 1, "equal content is equal, whatever object holds it"
    adata.X[0, 0] += 1
    tl.measure(adata, "attention.edges", model=model, layer=1)
    assert len(ran) == 2
    tl.measure(adata, "attention.edges", model=model, layer=1, genes=["G0001", "G0002"])
    assert len(ran) == 3
    tl.forget()
    tl.measure(adata, "attention.edges", model=model, layer=1)
    assert len(ran) == 4


def test_the_log_says_how_far_a_model_is(adata: Any, model: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="theodolite.tl"):
        tl.measure(adata, "attention.edges", model=model, layer=1)
    said = [record.getMessage() for record in caplog.records if "has read" in record.getMessage()]
    assert len(said) == 10 and said[-1] == "model planted-model has read 40 of 40 cells"


def test_a_cache_is_read_in_the_next_session_and_shared_with_campaigns(
    adata: Any, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tl.measure(adata, "attention.edges", model=model, layer=1, cache=tmp_path / "cache", copy=True)
    name = capture_name(load_model(model).sha256, tl.read_anndata(adata).cells.sha256, "main")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [name]
    tl.forget()
    monkeypatch.setattr(captures, "capture", None)
    tl.settings.cache = tmp_path / "cache"
    again = tl.measure(adata, "attention.edges", model=model, layer=1, copy=True)
    np.testing.assert_array_equal(again.varp["attention_edges"], first.varp["attention_edges"])


def test_a_model_may_be_given_as_an_object_and_its_variants_are_told_apart(adata: Any, model: str) -> None:
    from theodolite.measurements import Variant

    loaded = load_model(model)
    named = tl.measure(adata, "attention.edges", model=model, layer=1, copy=True)
    given = tl.measure(adata, "attention.edges", model=loaded, layer=1, copy=True)
    np.testing.assert_array_equal(named.varp["attention_edges"], given.varp["attention_edges"])
    other = tl.measure(
        adata, "attention.edges", model=loaded.variant(Variant.parse("untrained(1)")), layer=1, copy=True
    )
    assert not np.allclose(other.varp["attention_edges"], named.varp["attention_edges"], equal_nan=True)
    assert other.uns["attention_edges"]["model"] == "planted-model untrained(1)"


def test_components_are_taken_out_once_and_kept_beside_the_capture(
    adata: Any, loud: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tl.zero_ablation(adata, model=loud, part="head", layer=2, head=2, cache=tmp_path, copy=True)
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr("theodolite.models.ablating.ablate_alike", None)
    again = tl.zero_ablation(adata, model=loud, part="head", layer=2, head=2, cache=tmp_path, copy=True)
    tl.forget()
    later = tl.zero_ablation(adata, model=loud, part="head", layer=2, head=2, cache=tmp_path, copy=True)
    for other in (again, later):
        np.testing.assert_array_equal(other.var["ablation_zero_ablation"], first.var["ablation_zero_ablation"])


def test_a_step_of_an_ablation_is_part_of_the_estimate(adata: Any, model: str) -> None:
    with pytest.raises(tl.MemoryLimitError, match=r"the measurement 1.07 GB"):
        tl.zero_ablation(adata, model=model, part="mlp", layer=1, max_memory_gb=1.0)


def test_a_tool_of_a_plug_in_is_run_too(adata: Any, model: str, checkout: Path, fresh_plugins: None) -> None:
    from theodolite.plugins import load_plugin

    load_plugin(checkout / "examples" / "mutual-attention")
    tl.measure(adata, "attention.mutual", model=model, layer=1, head=2)
    assert adata.varp["attention_mutual"].shape == (300, 300)


class Draws(ToolParams):
    """Parameters of a tool that draws; one is called like an argument of ``measure``."""

    layer: int = Field(ge=1, description="layer")
    genes: int = Field(default=0, ge=0, description="a name that is taken")

    def locus(self) -> Locus:
        return Locus(kind=LocusKind.LAYER, layer=self.layer)

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        yield from (cls(layer=layer, genes=genes) for layer in range(1, shape.n_layers + 1) for genes in (0, 1))


@pytest.fixture
def odd_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("theodolite.tools.registry._REGISTRY", dict(_REGISTRY))

    @tool(family="odd", shape=GeneScores, object="noise", relation=Relation.SEPARATES, unit="none", version="1")
    def noise(bench: Workbench, params: Draws) -> GeneScores:
        """Random numbers, shifted by a parameter."""
        score = np.random.standard_normal(len(bench.genes)) + random.random() + params.genes
        return GeneScores(bench.genes, score, bench.families, bench.covariate_names, bench.covariates, noise.unit)

    @tool(family="odd", shape=CellScores, object="cells", relation=Relation.SEPARATES, unit="none", version="1")
    def cells(bench: Workbench, params: Draws) -> CellScores:
        """Return no scores of genes."""
        raise NotImplementedError


def test_what_a_tool_draws_is_the_same_each_time_and_the_caller_keeps_his_generators(
    adata: Any, model: str, odd_tools: None
) -> None:
    np.random.seed(11)
    expected = np.random.standard_normal()
    np.random.seed(11)
    first = tl.measure(adata, "odd.noise", model=model, layer=1, copy=True).var["odd_noise"]
    assert np.random.standard_normal() == expected
    second = tl.measure(adata, "odd.noise", model=model, layer=1, copy=True).var["odd_noise"]
    third = tl.measure(adata, "odd.noise", model=model, layer=1, seed=1, copy=True).var["odd_noise"]
    assert (first == second).all() and not (first == third).all()


def test_a_parameter_whose_name_is_taken_goes_into_params(adata: Any, model: str, odd_tools: None) -> None:
    plain = tl.measure(adata, "odd.noise", model=model, layer=1, copy=True).var["odd_noise"]
    tl.measure(adata, "odd.noise", model=model, layer=1, params={"genes": 1})
    np.testing.assert_allclose(adata.var["odd_noise"] - plain, 1.0)
    with pytest.raises(MeasureError, match="'layer' is given by name and in params; give it once"):
        tl.measure(adata, "odd.noise", model=model, layer=1, params={"layer": 1})


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "unknown tool": ({"tool": "geometry.nope"}, MeasureError, "no tool 'geometry.nope'; there are ablation.*edges"),
    "unknown model": ({"model": "nope"}, ModelNotFoundError, "no model 'nope': neither packaged or added"),
    "no model at all": ({"model": 3}, MeasureError, "model is of type int; give a name"),
    "a layer out of range": ({"layer": 7}, ToolError, "has no axis 1 of layer 7|has no .*7.* it admits"),
    "an axis out of range": ({"axis": 9}, MeasureError, r"axis is 9: .*less than or equal to 6 \(singular axis"),
    "a parameter of no tool": ({"use_raw": True}, MeasureError, "no parameter 'use_raw'; it has layer, axis"),
    "log values": ({"counts": "log"}, CellDataError, "log-normalised values.*'X' holds counts: give counts='X'"),
    "a gene not of the cells": ({"genes": ["G0001", "TP53"]}, MeasureError, "adata has no gene 'TP53'.*leave it out"),
    "a gene twice": ({"genes": ["G0001", "G0001"]}, MeasureError, "genes names 'G0001' twice"),
    "too few genes": ({"genes": ["G0001"]}, MeasureError, "1 of the 1 genes of `genes` can be measured"),
    "too few for axes": ({"genes": ["G0001", "G0002"]}, MeasureError, "2 genes cannot fix 6 axes"),
    "no such column": ({"genes": "highly_variable"}, MeasureError, "genes is 'highly_variable', which is no column"),
    "a mask of another length": ({"genes": np.ones(3, dtype=bool)}, MeasureError, r"mask of shape \(3,\)"),
    "no memory": ({"max_memory_gb": 0.0}, MeasureError, "max_memory_gb is 0.0; give gigabytes above 0"),
    "a bad key": ({"key_added": "a/b"}, MeasureError, "key_added is 'a/b'"),
    "no table of families": ({"families": "nope.tsv"}, ValueError, "families is 'nope.tsv': neither 'packaged'"),
    "a shape without a place": ({"tool": "odd.cells"}, MeasureError, "odd.cells returns CellScores"),
    "no regulators": (
        {"tool": "geometry.regulator_proximity", "axis": None, "first": 1, "last": 3}, MeasureError,
        "scores regulators, and none are named; give regulators=",
    ),
    "other regulators": (
        {"tool": "attention.regulation", "axis": None, "regulators": ["TP53"]}, MeasureError,
        r"none of the 1 regulators \(such as TP53\) is among the 300 genes",
    ),
    "an empty window": (
        {"tool": "geometry.pair_proximity", "axis": None, "first": 3, "last": 1}, MeasureError, "window 3-1 is empty",
    ),
    "a missing parameter": ({"axis": None}, MeasureError, r"parameter axis is missing \(singular axis"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_bad_input_is_told_with_its_value_and_the_remedy(adata: Any, model: str, odd_tools: None, what: str) -> None:
    changed, error, said = WRONG[what]
    adata.layers["log"] = np.log1p(np.asarray(adata.X.todense() if hasattr(adata.X, "todense") else adata.X))
    given = {"tool": "geometry.axis_separation", "model": model, "layer": 1, "axis": 1, **changed}
    given = {name: value for name, value in given.items() if not (name == "axis" and value is None)}
    with pytest.raises(error, match=said) as caught:
        tl.measure(adata, given.pop("tool"), **given)
    assert not re.search(r"Traceback|For further information", str(caught.value))
    assert not adata.uns and not adata.varm and not adata.varp, "nothing is written"


def test_a_reference_of_another_kind_is_refused_before_the_model_runs(
    adata: Any, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "capture", None)
    regulon = Reference("r", "r", "regulon", (("G0001", "G0002"),), "given", ())
    with pytest.raises(MeasureError, match=r"reference is of kind regulon \('r'\), and attention.edges returns Pair"):
        tl.measure(adata, "attention.edges", model=model, layer=1, reference=regulon)
