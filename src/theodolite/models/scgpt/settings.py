"""What ``args.json`` and ``vocab.json`` of a scGPT checkpoint say: sizes, values, and which symbol has which token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.models.facts import CheckpointError
from theodolite.models.loading import read_json_object
from theodolite.models.vocabulary import Vocabulary

__all__ = [
    "ARGS_FILE",
    "REMEDY",
    "VOCABULARY_FILE",
    "WEIGHTS_FILE",
    "ScGPTSettings",
    "ScGPTVocabulary",
    "read_settings",
    "read_vocabulary",
]

ARGS_FILE = "args.json"
VOCABULARY_FILE = "vocab.json"
WEIGHTS_FILE = "best_model.pt"
REMEDY = "get the whole folder from its authors again (`theodolite models add scgpt-human FOLDER` says where)"

CLS = "<cls>"
SPECIALS = ("<pad>", CLS, "<eoc>")
_MOST_TOKENS = 1_000_000
_LARGEST_VALUE = 1e6


@dataclass(frozen=True)
class ScGPTSettings:
    """Sizes and values of a scGPT model; the names are those of ``args.json``.

    Attributes
    ----------
    embsize, nheads, d_hid, nlayers
        Width of the residual stream, heads a block, width of the MLP, blocks.
    n_layers_cls
        Layers of the classifier on the cell embedding, where the file has one.
    pad_token
        Token of padding.
    pad_value, mask_value
        What the value encoder reads for padding (and for ``<cls>``), and for a hidden value.
    n_bins
        Values are 0 where nothing was counted, else 1 to ``n_bins - 1``.
    max_seq_len
        Tokens of a cell at most, ``<cls>`` included.
    assumed
        Keys that the file does not have, for which the published value stands.
    unread
        Keys of the file that say nothing about a forward pass.
    """

    embsize: int
    nheads: int
    d_hid: int
    nlayers: int
    n_layers_cls: int = 3
    pad_token: str = "<pad>"
    pad_value: float = -2.0
    mask_value: float = -1.0
    n_bins: int = 51
    max_seq_len: int = 1200
    assumed: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


_SIZES = {
    "embsize": (1, 16_384),
    "nheads": (1, 1_024),
    "d_hid": (1, 65_536),
    "nlayers": (1, 256),
    "n_layers_cls": (1, 64),
    "n_bins": (3, 10_000),
    "max_seq_len": (2, 100_000),
}
_NEEDED = ("embsize", "nheads", "d_hid", "nlayers")
_VALUES = ("pad_value", "mask_value")
_STYLE = "input_emb_style"


def read_settings(folder: Path) -> ScGPTSettings:
    """Read ``args.json``.

    Raises
    ------
    CheckpointError
        If it is unreadable, lacks a size, or has one that no model has; the key is named.
    """
    path = folder / ARGS_FILE
    given = read_json_object(path, REMEDY)
    absent = [key for key in _NEEDED if key not in given]
    if absent:
        raise CheckpointError(f"{path}: no {', '.join(absent)}; {REMEDY}")
    found: dict[str, Any] = {key: _size(path, key, given[key]) for key in _SIZES if key in given}
    found |= {key: _value(path, key, given[key]) for key in _VALUES if key in given}
    if "pad_token" in given:
        if not isinstance(given["pad_token"], str) or not given["pad_token"].strip():
            raise CheckpointError(f"{path}: pad_token is {given['pad_token']!r:.60}, no token; {REMEDY}")
        found["pad_token"] = given["pad_token"]
    if given.get(_STYLE, "continuous") != "continuous":
        raise CheckpointError(
            f"{path}: {_STYLE} is {given[_STYLE]!r:.60}; only models that read values through a continuous encoder "
            "can be surveyed"
        )
    if found["embsize"] % found["nheads"]:
        raise CheckpointError(
            f"{path}: embsize {found['embsize']} cannot be divided among {found['nheads']} heads; {REMEDY}"
        )
    known = (*_SIZES, *_VALUES, "pad_token", _STYLE)
    return ScGPTSettings(
        **found,
        assumed=tuple(key for key in known if key not in given),
        unread=tuple(sorted(given.keys() - set(known))),
    )


def _size(path: Path, key: str, given: object) -> int:
    least, most = _SIZES[key]
    if type(given) is not int or not least <= given <= most:
        raise CheckpointError(
            f"{path}: {key} is {given!r:.60}; a whole number from {least} to {most} is expected; {REMEDY}"
        )
    return given


def _value(path: Path, key: str, given: object) -> float:
    if not isinstance(given, (int, float)) or isinstance(given, bool) or not abs(given) <= _LARGEST_VALUE:
        raise CheckpointError(f"{path}: {key} is {given!r:.60}; a number is expected; {REMEDY}")
    return float(given)


@dataclass(frozen=True, eq=False)
class ScGPTVocabulary:
    """Which symbol has which row of the token embedding.

    Attributes
    ----------
    genes
        The symbols of genes, in the order of their rows; special tokens are none of them.
    gene_ids
        Shape (genes,), int32: the row of each.
    pad_id, cls_id
        Rows of padding and of ``<cls>``.
    n_tokens
        Rows of the embedding.
    added
        Special tokens that the file lacks; they get the rows after its last, as the authors' code gives them.
    """

    genes: tuple[str, ...]
    gene_ids: NDArray[np.int32]
    pad_id: int
    cls_id: int
    n_tokens: int
    added: tuple[str, ...] = ()

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Genes by symbol."""
        return Vocabulary(self.genes)


def read_vocabulary(folder: Path, settings: ScGPTSettings) -> ScGPTVocabulary:
    """Read ``vocab.json``.

    Raises
    ------
    CheckpointError
        If it is unreadable, or its ids are not 0 to n - 1, each once.
    """
    path = folder / VOCABULARY_FILE
    ids: Mapping[str, Any] = read_json_object(path, REMEDY)
    if not 0 < len(ids) <= _MOST_TOKENS:
        raise CheckpointError(f"{path}: {len(ids)} tokens; {REMEDY}")
    wrong = next((token for token, row in ids.items() if type(row) is not int or not 0 <= row < len(ids)), None)
    if wrong is not None:
        raise CheckpointError(
            f"{path}: token {wrong!r:.60} has id {ids[wrong]!r:.60}; ids are 0 to {len(ids) - 1}; {REMEDY}"
        )
    tokens = sorted(ids, key=ids.__getitem__)
    if len(set(ids.values())) != len(ids):
        twice = next(token for token, after in zip(tokens, tokens[1:], strict=False) if ids[token] == ids[after])
        raise CheckpointError(f"{path}: id {ids[twice]} belongs to {twice!r:.60} and to another token; {REMEDY}")
    if blank := [token for token in tokens if not token.strip() or not token.isprintable()]:
        raise CheckpointError(f"{path}: {blank[0]!r} is no symbol of a gene; {REMEDY}")
    added = tuple(dict.fromkeys(t for t in (settings.pad_token, *SPECIALS) if t not in ids))
    rows = {**ids, **{token: len(ids) + place for place, token in enumerate(added)}}
    genes = tuple(token for token in tokens if not (token.startswith("<") and token.endswith(">")))
    genes = tuple(token for token in genes if token != settings.pad_token)
    if not genes:
        raise CheckpointError(f"{path}: special tokens only, no gene; {REMEDY}")
    return ScGPTVocabulary(
        genes=genes,
        gene_ids=np.array([ids[gene] for gene in genes], dtype=np.int32),
        pad_id=rows[settings.pad_token],
        cls_id=rows[CLS],
        n_tokens=len(rows),
        added=added,
    )
