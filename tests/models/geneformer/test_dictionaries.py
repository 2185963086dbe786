"""Dictionaries of a Geneformer checkpoint: found, read safely, checked, kept as JSON."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.models.facts import CheckpointError
from theodolite.models.geneformer.dictionaries import CACHE_FILE, GeneDictionary, Specials, read_dictionary
from theodolite.models.geneformer.writing import write_dictionaries

GENES = ("ENSG00000000003", "ENSG00000000005", "ENSGR0000002586")
MEDIANS = (2.0, 0.5, 1.25)


def write(folder: Path, corpus: str = "gc104M", version: int = 2, **options: Any) -> Path:
    write_dictionaries(folder, corpus, GENES, MEDIANS, version=version, **options)
    return folder


def spoil(folder: Path, stem: str, table: Any, corpus: str = "gc104M") -> None:
    (folder / f"{stem}_{corpus}.pkl").write_bytes(pickle.dumps(table))


def equal(a: GeneDictionary, b: GeneDictionary) -> bool:
    same = all(getattr(a, name) == getattr(b, name) for name in ("ensembl", "names", "aliases", "specials", "sha256"))
    return same and np.array_equal(a.medians, b.medians) and np.array_equal(a.token_ids, b.token_ids)


def test_genes_stand_in_the_order_of_their_tokens(tmp_path: Path) -> None:
    names = {"TSPAN6": GENES[0], "TNMD": GENES[1], "TEM": GENES[1]}
    found = read_dictionary(write(tmp_path, names=names, aliases={"T245": GENES[0]}))
    assert found.ensembl == GENES
    # Two symbols name the second gene, none the third.
    assert found.names == ("TSPAN6", *GENES[1:])
    assert found.medians.tolist() == list(MEDIANS)
    assert found.token_ids.tolist() == [4, 5, 6]
    assert found.specials == Specials(0, 1, 2, 3)
    assert found.size == 7
    assert found.aliases["T245"] == GENES[0]


def test_v1_has_two_special_tokens(tmp_path: Path) -> None:
    found = read_dictionary(write(tmp_path, version=1))
    assert (found.specials, found.token_ids.tolist(), found.size) == (Specials(0, 1), [2, 3, 4], 5)


def test_numbers_of_numpy_are_read_as_the_published_files_hold_them(tmp_path: Path) -> None:
    plain = read_dictionary(write(tmp_path / "plain"))
    folder = write(tmp_path / "numpy")
    spoil(folder, "gene_median_dictionary", {g: np.float64(m) for g, m in zip(GENES, MEDIANS, strict=True)})
    tokens = {"<pad>": 0, "<mask>": 1, "<cls>": 2, "<eos>": 3, **{g: np.int16(4 + i) for i, g in enumerate(GENES)}}
    spoil(folder, "token_dictionary", tokens)
    found = read_dictionary(folder)
    assert found.medians.tolist() == plain.medians.tolist()
    assert found.token_ids.tolist() == plain.token_ids.tolist()
    assert found.sha256 != plain.sha256


@pytest.mark.parametrize("place", ["geneformer", "geneformer/gene_dictionaries_30m", "dictionaries", "../geneformer"])
def test_they_are_found_where_the_publication_has_them(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    write(folder / place)
    assert read_dictionary(folder).ensembl == GENES


def test_of_two_corpora_the_one_with_the_models_vocabulary_is_taken(tmp_path: Path) -> None:
    write(tmp_path, "gc30M", version=1)
    write(tmp_path, "gc104M", version=2)
    assert read_dictionary(tmp_path, 5).specials == Specials(0, 1)
    assert read_dictionary(tmp_path, 7).specials == Specials(0, 1, 2, 3)
    with pytest.raises(CheckpointError, match="several corpora"):
        read_dictionary(tmp_path)
    with pytest.raises(CheckpointError, match=r"the model has 6 tokens but .*gc104M.pkl has 7.*gc30M.pkl has 5"):
        read_dictionary(tmp_path, 6)


def test_two_corpora_of_one_size_are_told_apart_by_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    write(folder, "gc104M")
    write_dictionaries(folder, "gc95M", GENES, (7.0, 0.5, 1.25))
    with pytest.raises(CheckpointError, match=r"7 tokens that are not the same \(.*gc104M.pkl, .*gc95M.pkl\); keep"):
        read_dictionary(folder, 7)
    with pytest.raises(CheckpointError, match="that are not the same"):
        # What was read before does not settle it either.
        read_dictionary(folder, 7)
    for path in folder.glob("*_gc95M.pkl"):
        path.unlink()
    # The same files elsewhere, as in a copy of the publication, are no others.
    write(tmp_path / "geneformer", "gc104M")
    assert read_dictionary(folder, 7).medians.tolist() == list(MEDIANS)
    write_dictionaries(tmp_path / "geneformer", "gc95M", GENES, (7.0, 0.5, 1.25))
    with pytest.raises(CheckpointError, match=r"\.\./geneformer/token_dictionary_gc95M.pkl"):
        read_dictionary(folder, 7)


def test_it_is_kept_as_json_which_is_believed_only_whole(tmp_path: Path) -> None:
    first = read_dictionary(write(tmp_path))
    cache = tmp_path / CACHE_FILE
    kept = cache.read_text()
    assert equal(read_dictionary(tmp_path), first)
    cache.write_text(kept.replace("1.25", "1.5"))
    assert equal(read_dictionary(tmp_path), first)
    assert cache.read_text() == kept
    cache.write_text(kept[:40])
    assert equal(read_dictionary(tmp_path), first)
    write_dictionaries(tmp_path, "gc104M", GENES, (2.0, 0.5, 9.0))
    changed = read_dictionary(tmp_path)
    assert changed.medians.tolist() == [2.0, 0.5, 9.0]
    assert changed.sha256 != first.sha256


def test_the_json_is_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_dictionary(write(tmp_path))
    monkeypatch.setattr("theodolite.models.geneformer.dictionaries._from_pickles", None)
    assert equal(read_dictionary(tmp_path), first)


def test_a_folder_that_cannot_be_written_to_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("theodolite.models.geneformer.dictionaries.write_atomically", refuse)
    assert read_dictionary(write(tmp_path)).ensembl == GENES
    assert not (tmp_path / CACHE_FILE).exists()


def test_a_missing_file_is_named_with_where_it_is_had(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no token_dictionary_CORPUS.pkl here or in geneformer.*of Geneformer"):
        read_dictionary(tmp_path)
    write(tmp_path)
    (tmp_path / "gene_median_dictionary_gc104M.pkl").unlink()
    with pytest.raises(CheckpointError, match=r"gene_median_dictionary_gc104M.pkl: absent; .*geneformer/ \(V2"):
        read_dictionary(tmp_path)


SPECIALS = {"<pad>": 0, "<mask>": 1, "<cls>": 2, "<eos>": 3}


@pytest.mark.parametrize(
    ("stem", "table", "message"),
    [
        ("token_dictionary", {**SPECIALS, GENES[0]: 5}, "its 5 tokens are not 0 to 4"),
        ("token_dictionary", {**SPECIALS, GENES[0]: 4.0}, "token 4.0 of 'ENSG00000000003' is no integer"),
        ("token_dictionary", {"<pad>": 1, "<mask>": 0, GENES[0]: 2}, "special tokens .*'pad': 1"),
        ("token_dictionary", {"<pad>": 0, "<mask>": 1, "<cls>": 2, GENES[0]: 3}, "special tokens"),
        ("token_dictionary", SPECIALS, "no gene among its tokens"),
        ("token_dictionary", {**SPECIALS, "TP53": 4}, "'TP53' is no Ensembl id of a human gene"),
        ("token_dictionary", {**SPECIALS, "ENSMUSG00000059552": 4}, "a gene of the mouse, whose Geneformer is another"),
        ("token_dictionary", [1, 2], "list in place of a dictionary"),
        ("gene_median_dictionary", {GENES[0]: 1.0, GENES[1]: 2.0}, "median None of 'ENSGR0000002586'"),
        ("gene_median_dictionary", dict.fromkeys(GENES, 0.0), "median 0.0 of 'ENSG00000000003'"),
        ("gene_median_dictionary", dict.fromkeys(GENES, float("nan")), "median nan"),
        ("ensembl_mapping_dict", {"TP53": 7}, "7 of 'TP53' is no Ensembl id"),
        ("gene_name_id_dict", {"TP53": None}, "None of 'TP53' is no Ensembl id"),
        ("gene_name_id_dict", {"TP53": Path("x")}, r"it asks for pathlib\S*\.PosixPath"),
    ],
)
def test_what_is_no_dictionary_is_refused_by_name(tmp_path: Path, stem: str, table: Any, message: str) -> None:
    write(tmp_path)
    spoil(tmp_path, stem, table)
    with pytest.raises(CheckpointError, match=f"{stem}_gc104M.pkl: .*{message}"):
        read_dictionary(tmp_path)


@pytest.mark.parametrize(("corpus", "size", "specials"), [("gc30M", 25_426, 2), ("gc104M", 20_275, 4)])
def test_the_published_dictionaries_are_read_whole(
    shared_data: Path, tmp_path: Path, corpus: str, size: int, specials: int
) -> None:
    for path in (shared_data / "tokenizers").glob("*.pkl"):
        (tmp_path / path.name).symlink_to(path)
    found = read_dictionary(tmp_path, size)
    assert (found.size, len(found.ensembl)) == (size, size - specials)
    assert found.specials.framing == specials - 2
    tspan6 = found.ensembl.index("ENSG00000000003")
    assert (found.names[tspan6], found.token_ids[tspan6]) == ("TSPAN6", specials)
    assert len(set(found.names)) == len(found.names)
    assert found.vocabulary.aliases["ENSG00000000003"] == "ENSG00000000003"
    if corpus == "gc30M":
        assert found.medians[tspan6] == 2.001186019549122
    assert equal(read_dictionary(tmp_path, size), found)
