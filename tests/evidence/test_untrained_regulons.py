"""The acceptance run on regulons, on files that are made here: two lines, two classes of factors, no biology."""

from __future__ import annotations

import importlib
from itertools import product
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

LINES = ("L1", "L2")
CLASSES = ("bHLH", "Ets")
FACTORS = tuple(f"{first}{second}X1" for first, second in product("ABCDEFGH", "KLMNPQRS"))
TARGETS = tuple(f"{first}{second}{third}Y" for first, second, third in product("TUVWZ", "ABCDEF", "GHJKLM"))


def write_shared_data(folder: Path) -> None:
    """Write cells in which nothing depends on anything, and tables of edges drawn at random."""
    rng = np.random.default_rng(8)
    genes = (*FACTORS, *TARGETS)
    rate = np.exp(rng.normal(1.5, 0.5, len(genes)))
    shift = np.exp(rng.normal(0.0, 0.3, (len(LINES), len(genes))))
    line = np.repeat(np.arange(len(LINES)), 40)
    counts = rng.poisson(rate * shift[line] * rng.gamma(2.0, 0.5, (len(line), 1)))
    (folder / "cells").mkdir()
    (folder / "references").mkdir()
    anndata.AnnData(
        counts.astype(np.float32),
        obs=pd.DataFrame({"cell_line": np.array(LINES)[line]}, index=[f"c{cell}" for cell in range(len(line))]),
        var=pd.DataFrame({"symbol": genes}, index=[f"ENSG{gene:011d}" for gene in range(len(genes))]),
    ).write_h5ad(folder / "cells" / "mixology_cell_lines.h5ad")
    edges = [(factor, target) for factor in FACTORS for target in rng.choice(genes, 40, replace=False)]
    modes = rng.choice(["Activation", "Repression", "Unknown"], len(edges), p=[0.55, 0.415, 0.035])
    trrust = "".join(f"{first}\t{second}\t{mode}\t1\n" for (first, second), mode in zip(edges, modes, strict=True))
    (folder / "references" / "trrust_rawdata.human.tsv").write_text(trrust)
    wider = [(factor, target) for factor in FACTORS for target in rng.choice(genes, 60, replace=False)]
    signs = rng.choice([1, -1], len(wider), p=[0.7, 0.3])
    collectri = "".join(f'"{first}","{second}",{sign}\n' for (first, second), sign in zip(wider, signs, strict=True))
    (folder / "references" / "collectri.csv").write_text('"source","target","weight"\n' + collectri)
    rows = "".join(f"E{row}\t{factor}\t{CLASSES[row % 2]}\tYes\n" for row, factor in enumerate(FACTORS))
    (folder / "references" / "lambert2018_tfs_dbd.tsv").write_text("ensembl_id\tsymbol\tdbd\tis_tf\n" + rows)


@pytest.fixture
def script(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the acceptance run, cut to a size that takes seconds."""
    monkeypatch.syspath_prepend(checkout / "evidence")
    module = importlib.import_module("untrained_regulons")
    for name, value in {
        "CELLS_A_LINE": 30,
        "WIDTH": 16,
        "LAYERS": 1,
        "TESTS_A_LINE": 4,
        "PLANTED_REGULON": "collectri",
    }.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.mark.slow
def test_nothing_passes_in_an_untrained_model_and_planted_edges_are_found(script: Any, tmp_path: Path) -> None:
    (data := tmp_path / "shared").mkdir()
    write_shared_data(data)
    result = script.survey(data, tmp_path)
    null, planted = result["untrained"], result["planted"]
    assert null["registered"] == null["distinct_keys"] == null["judged"] == len(LINES) * 4
    assert null["passing_g3_and_g8"] == 0
    assert null["refused"] == {}
    assert all(fates["testable"] >= 2 for fates in result["references"].values())
    assert len(result["references"]) == len(LINES)
    assert planted["registered"] == planted["judged"] == planted["passing_g3_and_g8"] == 1
    assert planted["verdicts"] == {"supported": 1}
    assert "collectri edges" in planted["claims_passing"][0]


def test_without_the_data_the_run_says_so_and_writes_nothing(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THEODOLITE_SHARED_DATA", str(tmp_path))
    monkeypatch.setattr(script, "write_evidence", lambda *_: pytest.fail("wrote evidence of nothing"))
    script.main()
    assert "SKIPPED: needs real cells and regulons; set THEODOLITE_SHARED_DATA" in capsys.readouterr().out


def test_families_are_coarser_than_symbols_and_never_cut_a_stem(script: Any) -> None:
    lib = importlib.import_module("lib.regulons")
    classes = {
        "GATA1": ("GATA",), "GATA6": ("GATA",), "KLF4": ("C2H2 ZF",), "SP1": ("C2H2 ZF",), 
        "ZEB1": ("C2H2 ZF", "Homeodomain"),
        "HOXA1": ("Homeodomain",), "HOXB9": ("Homeodomain",), "AATF": (),
    }  # fmt: skip
    family = lib.provisional_families([*classes, "CDKN1A", "CDKN2A", "CDK1", "C3", "IL6", "IL1A"], classes)
    alike = [("GATA1", "GATA6"), ("KLF4", "SP1"), ("HOXA1", "HOXB9"), ("CDKN1A", "CDKN2A"), ("IL6", "IL1A")]
    assert all(family[first] == family[second] for first, second in alike)
    assert len(set(family.values())) == len(family) - len(alike)


def test_a_gene_without_counts_in_a_line_is_left_out_however_common_it_is_elsewhere(
    script: Any, tmp_path: Path
) -> None:
    write_shared_data(tmp_path)
    lib = importlib.import_module("lib.regulons")
    whole = lib.Mixology.read(tmp_path)
    silent = whole.counts.toarray()
    silent[whole.line == "L2", 0] = 0
    silent[whole.line == "L1", 0] += 1
    mixology = lib.Mixology(whole.genes, whole.line, sparse.csr_array(silent))
    samples = [mixology.sample(line, 30, 1) for line in LINES]
    assert whole.genes[0] in mixology.detected(0.4, samples[:1], 3)
    assert mixology.detected(0.4, samples, 3) == mixology.detected(0.4, samples[:1], 3) - {whole.genes[0]}


def test_references_of_all_superclasses_but_one_complete_that_one_to_the_classified_edges(
    script: Any, tmp_path: Path
) -> None:
    write_shared_data(tmp_path)
    lib = importlib.import_module("lib.regulons")
    references, _ = lib.human_regulons(tmp_path, frozenset((*FACTORS, *TARGETS)))
    edges = {reference.id: reference.edges for reference in references}
    assert len(edges) == len(set(edges.values())) == len({reference.sha256 for reference in references})
    assert edges["collectri.all-but-basic-domains"] | edges["collectri.all-but-helix-turn-helix"] == edges["collectri"]
    assert not edges["collectri.all-but-basic-domains"] & edges["collectri.all-but-helix-turn-helix"]
