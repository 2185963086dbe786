"""Published sizes of Geneformer.

The 20-layer V1 model of 151 M parameters (width 896) is not in the table: its heads and the width of its MLP are not
known for certain. Its checkpoint can be loaded like any other, for a checkpoint names its own shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["SIZES", "Size"]


@dataclass(frozen=True)
class Size:
    """Shape of a Geneformer.

    Attributes
    ----------
    name
        Of the publication.
    version
        1: special tokens pad and mask; 2: also cls and eos.
    layers, width, heads, feedforward
        Blocks, width of the residual stream, attention heads a block, hidden units of a block's MLP.
    context
        Tokens of a cell at most.
    vocabulary
        Tokens, special ones included.
    """

    name: str
    version: Literal[1, 2]
    layers: int
    width: int
    heads: int
    feedforward: int
    context: int
    vocabulary: int

    def configuration(self) -> dict[str, Any]:
        """Return the ``config.json`` of a checkpoint of this size, as it is published."""
        return {
            "architectures": ["BertForMaskedLM"],
            "attention_probs_dropout_prob": 0.02,
            "hidden_act": "relu",
            "hidden_dropout_prob": 0.02,
            "hidden_size": self.width,
            "initializer_range": 0.02,
            "intermediate_size": self.feedforward,
            "layer_norm_eps": 1e-12,
            "max_position_embeddings": self.context,
            "model_type": "bert",
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "pad_token_id": 0,
            "position_embedding_type": "absolute",
            "tie_word_embeddings": True,
            "type_vocab_size": 2,
            "vocab_size": self.vocabulary,
        }


_V1, _V2 = 25_426, 20_275

SIZES: dict[str, Size] = {
    size.name: size
    for size in (
        Size("gf-6L-30M-i2048", 1, 6, 256, 4, 512, 2048, _V1),
        Size("gf-12L-30M-i2048", 1, 12, 512, 8, 1024, 2048, _V1),
        Size("gf-12L-40M-i2048", 1, 12, 512, 8, 1024, 2048, _V1),
        Size("gf-12L-38M-i4096", 2, 12, 512, 8, 1024, 4096, _V2),
        Size("gf-12L-95M-i4096", 2, 12, 512, 8, 1024, 4096, _V2),
        Size("gf-12L-95M-i4096_CLcancer", 2, 12, 512, 8, 1024, 4096, _V2),
        Size("Geneformer-V2-104M", 2, 12, 768, 12, 3072, 4096, _V2),
        Size("Geneformer-V2-316M", 2, 18, 1152, 18, 4608, 4096, _V2),
    )
}
"""By the name of the publication. The MLP of V2-104M is inferred from its number of parameters."""
