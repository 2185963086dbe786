"""The published files of scGPT: read strictly into the network, and written for tests and benchmarks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from theodolite.files import write_atomically
from theodolite.models.facts import CheckpointError
from theodolite.models.loading import fill_strictly, read_tensors
from theodolite.models.scgpt.module import ScGPTModule
from theodolite.models.scgpt.settings import (
    ARGS_FILE,
    REMEDY,
    SPECIALS,
    VOCABULARY_FILE,
    WEIGHTS_FILE,
    ScGPTSettings,
    ScGPTVocabulary,
    read_settings,
    read_vocabulary,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LoadedScGPT", "read_checkpoint", "write_random_checkpoint"]

_CLS_OUT = "cls_decoder.out_layer.weight"
_MVC = frozenset({"mvc_decoder.gene2query.weight", "mvc_decoder.gene2query.bias", "mvc_decoder.W.weight"})
_OPTIONAL = re.compile(
    r"(batch_encoder|dsbn|bn|grad_reverse_discriminator|pert_encoder|cls_decoder|mvc_decoder|flag_encoder)\..+"
    r"|decoder\.zero_logit\..+"
)
"""Parts of fine-tuned and other models, without which a forward pass of cells is what it is."""


@dataclass(frozen=True)
class LoadedScGPT:
    """A checkpoint as read.

    Attributes
    ----------
    settings, vocabulary, module
        What the three files hold; the network is in evaluation mode.
    left_out
        Tensors of the file that no part of the network has a place for, sorted.
    """

    settings: ScGPTSettings
    vocabulary: ScGPTVocabulary
    module: ScGPTModule
    left_out: tuple[str, ...]


def read_checkpoint(folder: Path) -> LoadedScGPT:
    """Read a folder strictly: whatever a forward pass uses is there, fits and is finite, or nothing is returned.

    Raises
    ------
    CheckpointError
        Naming file, key or tensor, and the remedy.
    """
    settings = read_settings(folder)
    vocabulary = read_vocabulary(folder, settings)
    path = folder / WEIGHTS_FILE
    tensors = _published_names(read_tensors(path, REMEDY), path)
    _check_rows(tensors, vocabulary, folder)
    out = tensors.get(_CLS_OUT)
    with torch.device("meta"):
        module = ScGPTModule(
            settings,
            vocabulary.n_tokens,
            n_classes=out.shape[0] if out is not None and out.ndim == 2 else None,
            mvc=tensors.keys() >= _MVC,
        )
    left_out = fill_strictly(module, tensors, path, REMEDY, may_skip=lambda name: _OPTIONAL.fullmatch(name) is not None)
    return LoadedScGPT(settings, vocabulary, module.eval().requires_grad_(False), left_out)


def _published_names(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return tensors under the names of PyTorch's own attention; those of flash attention are renamed."""
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        plain = re.sub(r"\.self_attn(?:\._impl)?\.Wqkv\.(weight|bias)$", r".self_attn.in_proj_\1", name)
        plain = re.sub(r"\.self_attn\._impl\.out_proj\.", ".self_attn.out_proj.", plain)
        if plain in found:
            raise CheckpointError(f"{path}: tensor {plain!r} stands there under two names; {REMEDY}")
        found[plain] = tensor
    return found


def _check_rows(tensors: Mapping[str, Tensor], vocabulary: ScGPTVocabulary, folder: Path) -> None:
    embedding = tensors.get("encoder.embedding.weight")
    if embedding is not None and embedding.ndim == 2 and embedding.shape[0] != vocabulary.n_tokens:
        added = f" ({', '.join(vocabulary.added)} added)" if vocabulary.added else ""
        raise CheckpointError(
            f"{folder / WEIGHTS_FILE}: embeddings of {embedding.shape[0]} tokens, and {VOCABULARY_FILE} has "
            f"{vocabulary.n_tokens}{added}: the two files belong to different models; {REMEDY}"
        )


def write_random_checkpoint(
    folder: Path,
    genes: tuple[str, ...],
    settings: ScGPTSettings,
    *,
    seed: int,
    flash: str = "",
    n_classes: int | None = 1,
    mvc: bool = True,
    extra: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a checkpoint with random weights in the published format.

    Parameters
    ----------
    folder
        Where; made if it does not exist.
    genes
        Symbols, before the special tokens.
    settings
        Sizes.
    seed
        Of the weights.
    flash
        ``"Wqkv"`` or ``"_impl"`` for the names of flash attention, ``""`` for those of PyTorch.
    n_classes, mvc
        As :class:`ScGPTModule`.
    extra
        Tensors to add.
    """
    module = ScGPTModule(settings, len(genes) + len(SPECIALS), n_classes=n_classes, mvc=mvc)
    module.reset(seed)
    joint = {"": "in_proj_", "Wqkv": "Wqkv.", "_impl": "_impl.Wqkv."}[flash]
    out = "_impl.out_proj." if flash == "_impl" else "out_proj."
    state = {
        name.replace("self_attn.in_proj_", f"self_attn.{joint}").replace("self_attn.out_proj.", f"self_attn.{out}"): t
        for name, t in module.state_dict().items()
    }
    content = io.BytesIO()
    torch.save({**state, **(extra or {})}, content)
    args = {name: value for name, value in asdict(settings).items() if name not in ("assumed", "unread")}
    vocabulary = {token: row for row, token in enumerate((*genes, *SPECIALS))}
    write_atomically(folder / WEIGHTS_FILE, content.getvalue())
    write_atomically(folder / VOCABULARY_FILE, json.dumps(vocabulary).encode())
    write_atomically(folder / ARGS_FILE, json.dumps({**args, "input_emb_style": "continuous"}).encode())
