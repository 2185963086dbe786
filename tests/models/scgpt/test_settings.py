"""``args.json`` and ``vocab.json``: what is read, what is assumed and said, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from theodolite.models.facts import CheckpointError
from theodolite.models.scgpt.settings import read_settings, read_vocabulary

ARGS = {"embsize": 16, "nheads": 4, "d_hid": 24, "nlayers": 2}
VOCABULARY = {"B2M": 1, "<pad>": 2, "CD74": 0, "<cls>": 4, "<eoc>": 3}


def written(folder: Path, args: Any = ARGS, vocabulary: Any = VOCABULARY) -> Path:
    (folder / "args.json").write_text(args if isinstance(args, str) else json.dumps(args))
    (folder / "vocab.json").write_text(vocabulary if isinstance(vocabulary, str) else json.dumps(vocabulary))
    return folder


def test_what_is_absent_is_the_published_value_and_said(tmp_path: Path) -> None:
    found = read_settings(written(tmp_path, {**ARGS, "n_bins": 31, "lr": 1e-4, "dist_url": "tcp://somewhere"}))
    assert (found.embsize, found.n_bins, found.max_seq_len, found.pad_value) == (16, 31, 1200, -2.0)
    assert "max_seq_len" in found.assumed and "n_bins" not in found.assumed
    assert found.unread == ("dist_url", "lr")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"embsize": None}, "embsize is None"),
        ({"embsize": 16.0}, "embsize is 16.0"),
        ({"embsize": True}, "embsize is True"),
        ({"nlayers": 0}, "nlayers is 0"),
        ({"d_hid": 10**12}, "d_hid is 1000000000000"),
        ({"nheads": 3}, "cannot be divided among 3 heads"),
        ({"n_bins": 2}, "n_bins is 2"),
        ({"max_seq_len": 1}, "max_seq_len is 1"),
        ({"pad_value": "two"}, "pad_value is 'two'"),
        ({"pad_token": 0}, "pad_token is 0"),
        ({"input_emb_style": "category"}, "input_emb_style is 'category'"),
    ],
)
def test_a_setting_that_no_model_has_is_named(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(CheckpointError, match=says):
        read_settings(written(tmp_path, {**ARGS, **change}))


def test_every_absent_size_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no nheads, d_hid"):
        read_settings(written(tmp_path, {"embsize": 16, "nlayers": 2}))


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "7", '{"embsize": NaN}', '{"a": 1, "a": 2}', "[" * 10_000, "\ud800", r'{"a": "\ud800"}']
)
def test_what_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "args.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(CheckpointError, match=r"args\.json: .*get the whole folder"):
        read_settings(tmp_path)


def test_special_tokens_are_no_genes_wherever_they_stand(tmp_path: Path) -> None:
    found = read_vocabulary(tmp_path, read_settings(written(tmp_path)))
    assert found.genes == ("CD74", "B2M")
    assert found.gene_ids.tolist() == [0, 1]
    assert (found.pad_id, found.cls_id, found.n_tokens, found.added) == (2, 4, 5, ())


def test_missing_special_tokens_get_the_next_rows_and_are_said(tmp_path: Path) -> None:
    found = read_vocabulary(tmp_path, read_settings(written(tmp_path, vocabulary={"CD74": 1, "B2M": 0})))
    assert (found.pad_id, found.cls_id, found.n_tokens) == (2, 3, 5)
    assert found.added == ("<pad>", "<cls>", "<eoc>")


@pytest.mark.parametrize(
    ("vocabulary", "says"),
    [
        ({}, "0 tokens"),
        ({"A": 0, "B": 0}, "belongs to 'A' and to another token"),
        ({"A": 0, "B": 2}, "token 'B' has id 2; ids are 0 to 1"),
        ({"A": 0, "B": -1}, "token 'B' has id -1"),
        ({"A": 0, "B": 1.0}, r"token 'B' has id 1\.0"),
        ({"A": False, "B": 1}, "token 'A' has id False"),
        ({"A": 0, "": 1}, "'' is no symbol"),
        ({"<pad>": 0, "<cls>": 1}, "no gene"),
        ('{"A": 0, "A": 1}', "'A' stands there twice"),
    ],
)
def test_a_vocabulary_that_fits_no_embedding_is_refused(tmp_path: Path, vocabulary: Any, says: str) -> None:
    folder = written(tmp_path, vocabulary=vocabulary)
    with pytest.raises(CheckpointError, match=says):
        read_vocabulary(folder, read_settings(folder))


def test_the_default_vocabulary_of_the_authors_is_read(tmp_path: Path, shared_data: Path) -> None:
    text = (shared_data / "tokenizers" / "scgpt_default_gene_vocab.json").read_text()
    found = read_vocabulary(tmp_path, read_settings(written(tmp_path, vocabulary=text)))
    assert len(found.genes) == 48_292
    assert found.added == ("<pad>", "<cls>", "<eoc>")
    assert found.n_tokens == 48_295
