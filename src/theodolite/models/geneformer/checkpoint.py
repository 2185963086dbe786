"""Reading a Geneformer checkpoint into ``transformers.BertForMaskedLM``, with every tensor accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM
from transformers.initialization import no_init_weights

from theodolite.models.facts import CheckpointError
from theodolite.models.geneformer.configuration import RATES, SIZES, Configuration, read_configuration
from theodolite.models.geneformer.facts import WEIGHTS, weights_file
from theodolite.models.loading import fill_strictly, read_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load_network", "new_network", "save_network"]

REMEDY = f"take {' or '.join(WEIGHTS)} as published with its config.json"

_TIED = {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}
_POSITIONS = "bert.embeddings.position_ids"


def new_network(configuration: Configuration, seed: int) -> BertForMaskedLM:
    """Return a network with the initial weights of ``seed``, in evaluation mode; no other random number is moved."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = BertForMaskedLM(_bert(configuration))
    network.train(False)
    return network


def load_network(folder: Path) -> tuple[BertForMaskedLM, tuple[str, ...]]:
    """Load the weights of a checkpoint, in evaluation mode.

    Returns
    -------
    network, left_out
        The network, and the tensors of the file that it has no place for because they hold nothing learned.

    Raises
    ------
    CheckpointError
        If a file cannot be read, or a tensor is missing, unexpected, mis-shaped or not finite; if what should be tied
        is not.
    """
    configuration = read_configuration(folder)
    path = weights_file(folder)
    tensors = read_tensors(path, REMEDY)
    _check_tied(path, tensors)
    _check_sizes(path, configuration, tensors)
    with no_init_weights():
        network = BertForMaskedLM(_bert(configuration))
    network.tie_weights()
    left_out = fill_strictly(
        network, tensors, path, REMEDY, may_skip=lambda name: name == _POSITIONS, may_lack=lambda name: name in _TIED
    )
    network.train(False)
    return network, left_out


def save_network(path: Path, network: BertForMaskedLM) -> None:
    """Write the weights in the published format: what is tied is written once."""
    from safetensors.torch import save

    from theodolite.files import write_atomically

    own = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items() if name not in _TIED}
    write_atomically(path, save(own, metadata={"format": "pt"}))


def _bert(configuration: Configuration) -> BertConfig:
    # Fields that were checked, and no others: a configuration may hold whatever transformers would act on.
    given = configuration.document
    options: dict[str, Any] = {name: given[name] for name in SIZES}
    options |= {name: float(given[name]) for name in RATES if name in given}
    return BertConfig(**options, hidden_act=given["hidden_act"], pad_token_id=0, tie_word_embeddings=True)


def _check_sizes(path: Path, configuration: Configuration, tensors: Mapping[str, Tensor]) -> None:
    """Compare what decides how much memory is needed, before any is taken."""
    given, width = configuration.document, configuration.width
    expected = {
        "bert.embeddings.word_embeddings.weight": (configuration.vocabulary, width),
        "bert.embeddings.position_embeddings.weight": (configuration.context, width),
        "bert.embeddings.token_type_embeddings.weight": (given["type_vocab_size"], width),
        "bert.encoder.layer.0.intermediate.dense.weight": (configuration.feedforward, width),
        f"bert.encoder.layer.{configuration.layers - 1}.output.dense.weight": (width, configuration.feedforward),
    }
    for name, shape in expected.items():
        if name not in tensors:
            raise CheckpointError(f"{path}: tensor {name!r} {shape} is missing; {REMEDY}")
        if tuple(tensors[name].shape) != shape:
            raise CheckpointError(
                f"{path}: tensor {name!r} is {tensors[name].dtype} {tuple(tensors[name].shape)} where the "
                f"configuration asks for {tensors[name].dtype} {shape}; {REMEDY}"
            )


def _check_tied(path: Path, tensors: Mapping[str, Tensor]) -> None:
    for name, source in _TIED.items():
        if name in tensors and source in tensors and not torch.equal(tensors[name], tensors[source]):
            raise CheckpointError(
                f"{path}: tensor {name!r} differs from {source!r}, to which it is tied in Geneformer; {REMEDY}"
            )
    positions = tensors.get(_POSITIONS)
    if positions is not None and not torch.equal(positions.flatten(), torch.arange(positions.numel())):
        raise CheckpointError(f"{path}: tensor {_POSITIONS!r} is not 0, 1, 2, …; {REMEDY}")
