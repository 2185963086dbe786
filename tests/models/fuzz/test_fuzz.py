"""Ten thousand broken inputs: each ends in a named error or in a whole result, and no file is partly written."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fuzzing import Loader, assault, snapshot
from safetensors.torch import save_file

from theodolite.canonical import digest
from theodolite.data import CellDataError, CellSet
from theodolite.models.compact import CompactConfig, CompactTransformer, load_checkpoint, save_checkpoint
from theodolite.models.facts import CheckpointError
from theodolite.models.geneformer.dictionaries import CACHE_FILE, STEMS
from theodolite.models.geneformer.facts import geneformer_facts
from theodolite.models.geneformer.model import load_geneformer
from theodolite.models.geneformer.sizes import Size
from theodolite.models.geneformer.writing import write_random_checkpoint as write_bert
from theodolite.models.loading import read_json_object, read_plain_pickle, read_tensors
from theodolite.models.scgpt import ScGPTSettings, scgpt_facts
from theodolite.models.scgpt.checkpoint import write_random_checkpoint
from theodolite.models.scgpt.model import load_scgpt
from theodolite.models.tokens import Tokens

SEED = 20_261_128
REMEDY = "get it again"
TINY = ScGPTSettings(embsize=4, nheads=2, d_hid=4, nlayers=1, n_layers_cls=2, max_seq_len=6)


def write_scgpt(folder: Path) -> None:
    write_random_checkpoint(folder, ("GENE0", "GENE1", "GENE2"), TINY, seed=1)


def write_compact(folder: Path) -> None:
    config = CompactConfig(genes=("CD74", "B2M", "IL7R"), width=4, n_layers=1, n_heads=2, feedforward=4)
    save_checkpoint(folder, CompactTransformer(config, seed=1), {"log": [1, 2]})


def write_table(folder: Path) -> None:
    folder.mkdir(parents=True)
    table = {"ENSG00000000003": np.int16(3), "ENSG00000000005": np.float64(0.5), "<pad>": 0, "more": [1.5, "a", (1, 2)]}
    (folder / "table.pkl").write_bytes(pickle.dumps(table, protocol=4))


def write_old_table(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "table.pkl").write_bytes(pickle.dumps({"ENSG00000000003": np.int16(3), "<pad>": 0}, protocol=0))


def write_tensors(folder: Path) -> None:
    folder.mkdir(parents=True)
    state = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2), "n": torch.tensor([3])}
    save_file(state, folder / "w.safetensors")
    torch.save(state, folder / "w.pt")


def write_json(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "some.json").write_text(json.dumps({"a": [1, 2, {"b": 3.5}], "c": {"d": None}, "e": "text"}))


def read_both(folder: Path) -> Any:
    return read_tensors(folder / "w.safetensors", REMEDY), read_tensors(folder / "w.pt", REMEDY)


def scgpt_whole(folder: Path) -> Any:
    found = load_scgpt(folder)
    assert all(bool(torch.isfinite(p).all()) and not p.is_meta for p in found.module.parameters())
    assert found.vocabulary.n_tokens == len(found.module.encoder.embedding.weight)
    assert digest(list(found.genes))
    return found


def table(folder: Path) -> Any:
    found = read_plain_pickle(folder / "table.pkl", REMEDY)
    # What is read can be written.
    json.dumps(found, default=repr, skipkeys=True, ensure_ascii=False).encode()
    return found


BERT = Size("tiny", 2, 1, 4, 2, 4, 8, 9)
PICKLES = tuple(f"{stem}_random.pkl" for stem in STEMS)


def write_geneformer(folder: Path) -> None:
    write_bert(folder, BERT, seed=1)


def geneformer_whole(folder: Path) -> Any:
    found = load_geneformer(folder)
    assert all(bool(torch.isfinite(p).all()) and not p.is_meta for p in found.network.parameters())
    assert digest(list(found.genes))
    return found


REFUSED = (CheckpointError,)
GENEFORMER: Any = {"errors": REFUSED, "makes": (CACHE_FILE,)}
LOADERS = [
    Loader("pickle", write_table, table, ("table.pkl",), REFUSED, share=2.0),
    Loader("old pickle", write_old_table, table, ("table.pkl",), REFUSED),
    Loader("tensors", write_tensors, read_both, ("w.safetensors", "w.pt"), REFUSED, share=2.0),
    Loader("json", write_json, lambda folder: read_json_object(folder / "some.json", REMEDY), ("some.json",), REFUSED),
    Loader("scgpt", write_scgpt, scgpt_whole, ("args.json", "vocab.json", "best_model.pt"), REFUSED, share=2.5),
    Loader("scgpt facts", write_scgpt, scgpt_facts, ("args.json", "vocab.json", "best_model.pt"), REFUSED),
    Loader(
        "geneformer", write_geneformer, geneformer_whole, ("config.json", "model.safetensors", *PICKLES), **GENEFORMER
    ),
    Loader("geneformer facts", write_geneformer, geneformer_facts, ("config.json", *PICKLES), share=2.0, **GENEFORMER),
    Loader("compact", write_compact, load_checkpoint, ("config.json", "model.safetensors"), REFUSED),
]
CELLS_SHARE = 1.0


def drawn_cells(draw: np.random.Generator) -> CellSet:
    """Return cells of every kind, most of them none: counts, logs, NaN, negatives, empty cells, strange names."""
    shape = (int(draw.integers(0, 4)), int(draw.integers(0, 6)))
    matrix = draw.poisson(draw.choice([0.2, 3.0]), size=shape).astype(np.float64)
    match draw.integers(8):
        case 0 if matrix.size:
            matrix.flat[draw.integers(matrix.size)] = draw.choice([np.nan, np.inf, -1.0, 0.5, 1e12, 2.0**31])
        case 1:
            matrix = np.log1p(matrix)
        case 2:
            matrix = matrix - matrix.mean() if matrix.size else matrix
        case 3:
            matrix = matrix.T
    pool = ["GENE0", "GENE1", "GENE2", "gene0", "OTHER", "", "<pad>", "<cls>", "\ud800", "GENE1 "]
    genes = [str(name) for name in draw.choice(pool, size=shape[1], replace=bool(draw.integers(2)))]
    cells = [str(name) for name in draw.choice(["a", "b", "c", "d", "\ud800", ""], size=shape[0], replace=False)]
    species = str(draw.choice(["human", "human", "human", "mouse", ""]))
    found = CellSet.from_counts("fuzz", matrix, genes, cells, species=species, origin="drawn")
    return found.shuffled_within_gene(7) if draw.integers(4) == 0 else found


def check_scgpt(tokens: Tokens, model: Any) -> None:
    assert (tokens.ids[tokens.indptr[:-1]] == model.vocabulary.cls_id).all()
    assert tokens.values is not None
    inner = tokens.values[tokens.genes >= 0]
    assert inner.min() >= 1 and inner.max() <= TINY.n_bins - 1


def check_geneformer(tokens: Tokens, model: Any) -> None:
    assert tokens.values is None and (tokens.genes >= 0).sum() == len(tokens.ids) - 2 * len(tokens)


def assault_cells(folder: Path, n: int, seed: int) -> Counter[str]:
    """Give the tokenisers cells of every kind."""
    write_scgpt(folder / "scgpt")
    write_geneformer(folder / "geneformer")
    models = [(load_scgpt(folder / "scgpt"), check_scgpt), (load_geneformer(folder / "geneformer"), check_geneformer)]
    before = snapshot(folder)
    outcomes: Counter[str] = Counter()
    for turn in range(n):
        model, check_tokens = models[turn % len(models)]
        try:
            tokens = model.tokenise(drawn_cells(np.random.default_rng([seed, turn])))
        except CellDataError:
            outcomes["refused"] += 1
            continue
        except BaseException as error:
            raise AssertionError(f"cells: seed {seed}, turn {turn}: {type(error).__name__}: {error}") from error
        outcomes["read"] += 1
        assert (tokens.lengths >= 2).all() and (tokens.lengths <= model.context).all()
        check_tokens(tokens, model)
    assert snapshot(folder) == before
    return outcomes


def whole_assault(folder: Path, n: int) -> dict[str, Counter[str]]:
    shares = sum(loader.share for loader in LOADERS) + CELLS_SHARE
    found = {}
    for place, loader in enumerate(LOADERS):
        found[loader.name] = assault(loader, folder / str(place), int(n * loader.share / shares) + 1, SEED)
    found["cells"] = assault_cells(folder / "cells", int(n * CELLS_SHARE / shares) + 1, SEED)
    return found


def check(found: dict[str, Counter[str]], n: int) -> None:
    assert sum(sum(outcomes.values()) for outcomes in found.values()) >= n
    for name, outcomes in found.items():
        assert outcomes["refused"] and outcomes["read"], f"{name}: {outcomes}: mangle more kindly, or less"


@pytest.mark.filterwarnings("ignore")
def test_a_thousand_broken_inputs(tmp_path: Path) -> None:
    check(whole_assault(tmp_path, 1_000), 1_000)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ten_thousand_broken_inputs(tmp_path: Path) -> None:
    check(whole_assault(tmp_path, 10_000), 10_000)
