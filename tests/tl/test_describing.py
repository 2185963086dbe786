"""Any description on an AnnData: what was seen is in ``uns``, can be written, and says that it makes no claim."""

from __future__ import annotations

import inspect
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest

from theodolite import tl
from theodolite.data import Reference
from theodolite.descriptions import STANDING, Described, Subject, descriptions
from theodolite.descriptions import registry as registry_module
from theodolite.descriptions.geometry import EffectiveRank
from theodolite.measurements import GeneScores
from theodolite.sources import Source
from theodolite.tl import DescriptionError, MeasureError, MemoryLimitError

KEY = "geometry_effective_rank"


def regulon(genes: Sequence[str], name: str, seed: int) -> Reference:
    """Return twelve regulators of eight genes each."""
    draw = np.random.default_rng(seed)
    edges = tuple(
        (gene, target) for gene in genes[:12] for target in draw.choice(genes[12:], 8, replace=False).tolist()
    )
    return Reference(name, name, "regulon", edges, "drawn", (Source(name="drawn"),))


@pytest.fixture(scope="module")
def pbmc() -> Any:
    return tl.pbmc()[::20].copy()


@pytest.fixture(scope="module")
def given(pbmc: Any) -> dict[str, dict[str, Any]]:
    """Return what each description of geometry is told, few draws."""
    genes = list(pbmc.var_names[:150])
    toy = regulon(genes, "toy", 0)
    signed = [regulon(genes, f"toy.{sign}", seed) for seed, sign in enumerate(("activation", "repression"), start=1)]
    draw = np.random.default_rng(3)
    scored = [(*draw.choice(genes, 2, replace=False).tolist(), float(draw.random())) for _ in range(120)]
    return {
        "geometry.effective_rank": {"shuffles": 2},
        "geometry.intrinsic_dimension": {"shuffles": 1},
        "geometry.co_pole": {"reference": genes[:12], "draws": 9, "axis": 2},
        "geometry.compartment_progression": {"reference": [genes_as("one", genes[:20])], "draws": 9},
        "geometry.confidence_gradient": {"reference": scored, "draws": 9},
        "geometry.edge_recovery": {"reference": [(a, b) for a, b in sorted(toy.edges)], "draws": 9},
        "geometry.signed_edge_recovery": {"reference": signed, "draws": 9},
        "geometry.similarity_residuals": {"reference": toy, "draws": 9},
        "geometry.gene_class": {"reference": toy, "draws": 1, "folds": 2},
        "geometry.depth_signals": {"reference": toy, "draws": 1, "folds": 2, "edge_draws": 9},
        "geometry.lineage_convergence": {"reference": "programs", "lineage": "cd_antigens", "followed": genes[:1]},
    }


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which what the first test captures is there for the others."""
    return tmp_path_factory.mktemp("captures")


def genes_as(name: str, genes: Sequence[str]) -> Reference:
    return Reference(name, name, "set", tuple(genes), "given", (Source(name="given"),))


def function(name: str) -> Any:
    """Return the function of a description: by its own name, or with the family before it where that is taken."""
    family, _, own = name.partition(".")
    by_own = getattr(tl, own, None)
    with_family = f"{family}_{own}"
    return by_own if by_own is not None and f"``{with_family}``" in by_own.__doc__ else getattr(tl, with_family)


GEOMETRY = [found.name for found in descriptions() if found.family == "geometry" and found.built_in]


@pytest.mark.parametrize("name", GEOMETRY)
def test_three_lines_describe_a_model_and_what_they_leave_is_written_and_read_back(
    name: str, pbmc: Any, given: dict[str, dict[str, Any]], cache: Path, tmp_path: Path
) -> None:
    adata, key = pbmc.copy(), name.replace(".", "_")
    function(name)(adata, model="compact-pbmc", genes=list(pbmc.var_names[:150]), cache=cache, **given[name])
    kept = adata.uns[key]
    assert kept["standing"] == STANDING and kept["description"] == name and len(kept["sha256"]) == 64
    assert kept["sentence"].endswith(".") and len(kept["facts"]) >= 5 and kept["n_genes"] == 150
    assert kept["profile"].shape[0] >= 4 and np.isfinite(kept["measurement"]["y"]).all()
    adata.write_h5ad(tmp_path / "described.h5ad")
    again = anndata.read_h5ad(tmp_path / "described.h5ad").uns[key]
    assert again["sentence"] == kept["sentence"] and set(again["facts"]) == set(kept["facts"])
    np.testing.assert_array_equal(again["measurement"]["y"], kept["measurement"]["y"])
    np.testing.assert_allclose(again["profile"].to_numpy(), kept["profile"].to_numpy())


def test_every_built_in_description_has_a_function_that_says_what_it_takes() -> None:
    for found in descriptions():
        if not found.built_in:
            continue
        made = function(found.name)
        parameters = inspect.signature(made).parameters
        assert made.__name__ in tl.__all__ and list(parameters)[:2] == ["adata", "model"]
        assert ("reference" in parameters) == (found.references != "none")
        for name, field in found.params.model_fields.items():
            assert str(field.description) in made.__doc__
            assert name not in parameters or parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert found.unit in made.__doc__ and found.summary in made.__doc__ and "no held-out claim" in made.__doc__


def test_a_profile_has_a_row_a_layer_and_a_column_a_curve(adata: Any, model: str) -> None:
    tl.effective_rank(adata, model=model, shuffles=2)
    profile = adata.uns[KEY]["profile"]
    assert list(profile.columns) == ["present", "shuffled", "with zero rows"] and list(profile.index) == [0.0, 1.0, 2.0]
    np.testing.assert_allclose(profile["present"], adata.uns[KEY]["facts"]["present.effective_rank"])
    assert adata.uns[KEY]["params"] == {"shuffles": 2} and adata.uns[KEY]["stored_in"] == "uns"


def test_a_copy_leaves_the_input_alone_and_a_key_of_ones_own_is_used(adata: Any, model: str) -> None:
    described = tl.describe(adata, "geometry.effective_rank", model=model, copy=True, key_added="rank", shuffles=1)
    assert not adata.uns and described.uns["rank"]["facts"]["absent"] == 0
    assert tl.describe(adata, "geometry.effective_rank", model=model, shuffles=1) is None and KEY in adata.uns


def test_the_same_seed_gives_the_same_bytes_and_generators_stay_as_they_were(adata: Any, model: str) -> None:
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    kept = []
    for seed in (1, 1, 2):
        tl.effective_rank(adata, model=model, shuffles=2, seed=seed)
        kept.append(adata.uns[KEY]["sha256"])
    assert kept[0] == kept[1] != kept[2]
    assert (random.random(), np.random.random()) == expected


def test_what_cannot_fit_is_refused_before_the_model_is_loaded(
    adata: Any, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theodolite.tl.choosing.find_model", None)
    genes = list(adata.var_names[:40])
    with pytest.raises(MemoryLimitError, match=r"geometry.co_pole on 300 genes .* \(gene vectors .*the description "):
        tl.co_pole(adata, model=model, reference=genes, max_memory_gb=0.0005)
    with pytest.raises(MemoryLimitError, match=r"geometry.similarity_residuals .*co-expression .* GB"):
        tl.similarity_residuals(adata, model=model, reference=[(genes[0], genes[1])], max_memory_gb=0.0005)
    assert not adata.uns


def test_attention_is_not_captured_for_what_reads_vectors_only(adata: Any, model: str) -> None:
    """A capture of attention would take 4 * 2 * 2 * 300**2 bytes and more; the vectors of it a fiftieth."""
    tl.effective_rank(adata, model=model, shuffles=1, max_memory_gb=0.001)
    with pytest.raises(MemoryLimitError):
        tl.attention_edges(adata, model=model, layer=1, max_memory_gb=0.001)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("geometry.rank", {}, "no description 'geometry.rank'; there are .*load_plugin"),
        (
            "geometry.effective_rank",
            {"shuffle": 3},
            "geometry.effective_rank has no parameter 'shuffle'; it has shuffles",
        ),
        ("geometry.effective_rank", {"shuffles": 0}, r"got shuffles 0: .*greater than or equal to 1 \(matrices with"),
        ("geometry.effective_rank", {"shuffles": 2, "params": {"shuffles": 3}}, "'shuffles' is given by name and in"),
        ("geometry.effective_rank", {"reference": ["A"]}, "is held against nothing, and reference is .* leave it out"),
        ("geometry.co_pole", {}, "geometry.co_pole is held against pairs, and reference is None; give a name"),
        ("geometry.edge_recovery", {"reference": ["A", "B"]}, r"of kind set .* against references of kind regulons"),
        ("geometry.lineage_convergence", {"reference": ["A"]}, "needs the parameter 'followed' .genes to follow"),
        ("geometry.effective_rank", {"key_added": "a/b"}, "key_added is 'a/b'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(
    adata: Any, model: str, name: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(MeasureError, match=said):
        tl.describe(adata, name, model=model, **options)
    assert not adata.uns


def test_a_reference_that_is_not_among_the_genes_is_named(adata: Any, model: str) -> None:
    with pytest.raises(
        DescriptionError, match="nothing can be said of the reference 'given_pairs': no pair of the ref"
    ):
        tl.co_pole(adata, model=model, reference=["X", "Y"])


def test_scores_of_genes_are_kept_where_those_of_instruments_are(
    adata: Any, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "_REGISTRY", dict(registry_module._REGISTRY))

    @registry_module.description(
        family="mine", shape=GeneScores, unit="units", reads=("vectors",), memory=lambda size, params: 0
    )
    def lengths(subject: Subject, params: EffectiveRank) -> Described:
        """Length of each gene's vector after the last layer."""
        bench, score = subject.bench, np.linalg.norm(subject.vectors()[-1], axis=1)
        scores = GeneScores(
            subject.genes, score, subject.families, bench.covariate_names, bench.covariates, "residual-stream units"
        )
        return Described(
            scores, {"longest": score.max(), "none/of it": None, "by/layer": [None, 1.0]}, "They have lengths."
        )

    tl.describe(adata, "mine.lengths", model=model, genes=list(adata.var_names[:10]))
    assert adata.var["mine_lengths"].notna().sum() == 10 and adata.uns["mine_lengths"]["stored_in"] == "var"
    assert adata.uns["mine_lengths"]["facts"]["longest"] == adata.var["mine_lengths"].max()
    assert np.isnan(adata.uns["mine_lengths"]["facts"]["by|layer"][0]), "a slash would be a group in a file"
