"""AUROCs against references equal scikit-learn's; what gates take out is taken out beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from theodolite import tl
from theodolite.data import Reference, load_programs
from theodolite.experiments.setting import adjustment_of
from theodolite.gates.catalogue2.views import adjusted_score
from theodolite.measurements import GeneScores
from theodolite.tl import MeasureError
from theodolite.tl.comparing import references_for, regulons_named
from theodolite.tools import get_tool

AXIS, EDGES, REGULATION = (
    get_tool(name) for name in ("geometry.axis_separation", "attention.edges", "attention.regulation")
)


def the_set(small_world: Any, name: str = "program_1") -> Reference:
    return next(item for item in small_world.planted.references if item.id == name)


def test_the_auroc_of_a_set_is_that_of_scikit_learn(adata: Any, model: str, small_world: Any) -> None:
    program = the_set(small_world)
    tl.axis_separation(adata, model=model, layer=2, axis=1, reference=program)
    found = adata.uns["geometry_axis_separation"]["references"].loc["program_1"]
    members = [gene in program.gene_set for gene in adata.var_names]
    expected = roc_auc_score(members, adata.var["geometry_axis_separation"])
    assert found["auroc"] == pytest.approx(expected) and found["members"] == found["genes"] == sum(members)
    assert found["sha256"] == program.sha256
    assert abs(found["auroc"] - 0.5) > 0.3, "the world's model knows the program, in its strongest direction"


def test_the_adjusted_auroc_is_of_what_gates_leave(adata: Any, model: str, small_world: Any) -> None:
    program = the_set(small_world)
    tl.axis_separation(adata, model=model, layer=2, axis=1, reference=program)
    statistics = tl.read_anndata(adata).cells.gene_statistics()
    scores = GeneScores(
        statistics.genes, adata.var["geometry_axis_separation"].to_numpy(), statistics.genes,
        ("mean_expression", "variance", "dropout"), statistics.matrix(), "units",
    )  # fmt: skip
    members = [gene in program.gene_set for gene in statistics.genes]
    expected = roc_auc_score(members, adjusted_score(scores, adjustment_of("GeneScores"), None))
    found = adata.uns["geometry_axis_separation"]["references"].loc["program_1", "auroc_adjusted"]
    assert found == pytest.approx(expected)


def test_the_auroc_of_pairs_is_over_pairs_of_two_genes(adata: Any, model: str) -> None:
    genes = list(adata.var_names[:60])
    pairs = [(genes[place], genes[place + 7]) for place in range(0, 40, 3)]
    tl.attention_edges(adata, model=model, layer=1, head=2, genes=genes, reference=pairs)
    found = adata.uns["attention_edges"]["references"].loc["given"]
    upper = np.triu_indices(60, 1)
    labels = np.zeros((60, 60), dtype=bool)
    for first, second in pairs:
        labels[genes.index(first), genes.index(second)] = True
    scores = adata.varp["attention_edges"][:60, :60]
    assert found["auroc"] == pytest.approx(roc_auc_score(labels[upper], scores[upper]))
    assert found["members"] == len(pairs) and np.isfinite(found["auroc_adjusted"])


def test_the_auroc_of_a_regulon_keeps_the_direction(adata: Any, model: str) -> None:
    genes = list(adata.var_names[:50])
    edges = [("G0001", "G0010"), ("G0001", "G0020"), ("G0002", "G0001"), ("G0002", "G0033")]
    tl.regulation(adata, model=model, layer=2, genes=genes, reference=edges)
    table = adata.varm["attention_regulation"].loc[genes]
    assert list(table.columns) == ["G0001", "G0002"], "the regulators are those of the reference"
    labels = np.array([[(regulator, gene) in edges for gene in genes] for regulator in table.columns])
    scores, there = table.to_numpy().T, np.isfinite(table.to_numpy().T)
    found = adata.uns["attention_regulation"]["references"].loc["given"]
    assert found["auroc"] == pytest.approx(roc_auc_score(labels[there], scores[there]))
    assert (found["members"], found["genes"]) == (4, 6)


def test_several_references_are_rows_and_a_small_one_has_no_number(adata: Any, model: str, small_world: Any) -> None:
    small = Reference("small", "two genes", "set", ("G0001", "G0002"), "given", ())
    tl.axis_separation(adata, model=model, layer=1, axis=1, reference=[the_set(small_world), small])
    table = adata.uns["geometry_axis_separation"]["references"]
    assert list(table.index) == ["program_1", "small"]
    assert np.isfinite(table.loc["program_1", "auroc"]) and np.isnan(table.loc["small", "auroc"])


def test_with_few_genes_or_cells_nothing_is_adjusted(adata: Any, model: str) -> None:
    genes = list(adata.var_names[:20])
    tl.axis_separation(adata, model=model, layer=1, axis=1, genes=genes, reference=genes[:5])
    assert np.isnan(adata.uns["geometry_axis_separation"]["references"].loc["given", "auroc_adjusted"])
    few = adata[:3].copy()
    tl.attention_edges(few, model=model, layer=1, reference=list(adata.var_names[:30]))
    found = few.uns["attention_edges"]["references"].iloc[0]
    assert np.isfinite(found["auroc"]) and np.isnan(found["auroc_adjusted"])


def test_references_are_found_by_name_object_file_and_list(small_world: Any) -> None:
    file = small_world.folder / "references.yaml"
    assert {item.id for item in references_for(AXIS, str(file))} >= {"program_1", "decoy_2", "too_small"}
    assert [item.id for item in references_for(AXIS, Path(file))] == [
        item.id for item in references_for(AXIS, str(file))
    ]
    assert [item.id for item in references_for(AXIS, "b_cell")] == ["b_cell"]
    assert len(references_for(AXIS, "programs")) == 46
    assert references_for(AXIS, ["A", "B"])[0].gene_set == {"A", "B"}
    assert references_for(REGULATION, [("B", "A")])[0].edges == {("B", "A")}
    assert references_for(EDGES, [("B", "A")])[0].pairs == {("A", "B")}
    assert [item.id for item in references_for(EDGES, "b_cell")] == ["b_cell_pairs"]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("nowhere", "references is 'nowhere': neither 'programs' nor a file that exists"),
        (["A", "A"], "repeats 'A'; name each member once"),
        ([("A", "A")], "a pair has two different genes"),
        ([], "reference is .*; give a name, a Reference, a list of genes"),
        ([1, 2], "give a name, a Reference, a list of genes"),
        ([("A", "B")], "reference is of kind pairs .*geometry.axis_separation returns GeneScores"),
        ({"resource": "trrust", "size": 3}, "'size' is no key here; there are resource, file"),
    ],
)
def test_what_is_no_reference_is_told(reference: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        references_for(AXIS, reference)


@pytest.mark.parametrize(
    "names", [["b_lineage_marks", "trrust"], ["string.experimental", "unheard_of"], ("programs",), np.array(["trrust"])]
)
def test_names_of_references_are_not_taken_for_genes(names: Any, adata: Any, model: str) -> None:
    said = r"a list of texts stands for genes, and '\S+' is the name of a reference: .*, several as a list"
    with pytest.raises(MeasureError, match=said):
        tl.axis_separation(adata, model=model, layer=1, axis=1, reference=names)
    for description in ("geometry.co_pole", "geometry.edge_recovery"):
        with pytest.raises(MeasureError, match=said):
            tl.describe(adata, description, model=model, reference=names)
    assert not adata.uns


def test_a_gene_that_is_called_like_a_reference_is_a_gene() -> None:
    assert references_for(AXIS, ["trrust", "B"], genes=("B", "trrust"))[0].gene_set == {"trrust", "B"}


def test_several_references_are_given_as_the_message_says() -> None:
    several = [*load_programs()[:2], Reference("r", "r", "set", ("A", "B"), "given", ())]
    assert references_for(AXIS, several, genes=("A", "B")) == tuple(several)


def test_a_reference_whose_genes_were_not_measured_is_refused(adata: Any, model: str) -> None:
    with pytest.raises(MeasureError, match=r"reference 'b_cell' has 0 genes at most among the 300 .*and 3 are needed"):
        tl.axis_separation(adata, model=model, layer=1, axis=1, reference="b_cell")
    assert not adata.uns


def test_regulators_are_genes_or_regulons() -> None:
    regulon = Reference("r", "r", "regulon", (("A", "B"),), "given", ())
    assert regulons_named(None) == () and regulons_named(regulon) == (regulon,) and regulons_named(["A"]) == ("A",)
    with pytest.raises(MeasureError, match="regulators is 'programs', which holds no regulon"):
        regulons_named("programs")
    with pytest.raises(MeasureError, match="regulators holds 3; give genes or regulons"):
        regulons_named([3])
