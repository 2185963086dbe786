"""Published models that can be added by name: where their authors keep them, under which licence, of which files.

Nothing but the authors' own places stands here. Sizes of files of weights follow from the shapes of their tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from theodolite.models.geneformer.sizes import SIZES, Size

__all__ = ["KNOWN", "ExpectedFile", "KnownModel"]

Family = Literal["geneformer", "scgpt"]


@dataclass(frozen=True)
class ExpectedFile:
    """A file of a model.

    Attributes
    ----------
    names
        Paths under which it is published, the newest first.
    bytes
        About how large it is; None where the shapes do not say.
    why
        What it holds.
    """

    names: tuple[str, ...]
    bytes: int | None
    why: str


@dataclass(frozen=True)
class KnownModel:
    """A published model.

    Attributes
    ----------
    name
        How ``models add`` and campaign files call it.
    family
        Which reader reads it.
    title
        What it is.
    page
        The authors' page.
    licence
        SPDX name of the licence under which the authors give it away.
    files
        Of one folder, beside each other.
    repository
        On Hugging Face, where it can be downloaded from; None where it has to be fetched by hand.
    revision
        Branch, tag or commit of the repository.
    folders
        Folders of the repository with the files, the newest name first.
    dictionaries
        Files of the repository that a model of genes needs besides.
    fetch
        How to fetch it by hand.
    shape
        Layers, width, heads, context (tokens of a cell) and vocabulary (tokens) as published; what is not known for
        certain is absent.
    """

    name: str
    family: Family
    title: str
    page: str
    licence: str
    files: tuple[ExpectedFile, ...]
    repository: str | None = None
    revision: str = "main"
    folders: tuple[str, ...] = ()
    dictionaries: tuple[ExpectedFile, ...] = ()
    fetch: str = ""
    shape: Mapping[str, int] = field(default_factory=dict)


_GENEFORMER = "ctheodoris/Geneformer"
_GENEFORMER_PAGE = f"https://huggingface.co/{_GENEFORMER}"
# The last commit known to hold the folders by their old names.
_OLD_REVISION = "94d98d1774fc21920d2f01dbd23bc22d232a6ec2"
_STEMS = (
    ("token_dictionary", "tokens of genes"),
    ("gene_median_dictionary", "median expression of genes"),
    ("ensembl_mapping_dict", "Ensembl ids of aliases"),
    ("gene_name_id_dict", "symbols of genes"),
)


def _bert_bytes(size: Size) -> int:
    """Return the bytes of a BERT with a masked-language head whose decoder is tied, in float32."""
    layers, width, feedforward = size.layers, size.width, size.feedforward
    context, vocabulary = size.context, size.vocabulary
    embeddings = (vocabulary + context + 2) * width + 2 * width
    block = 4 * (width * width + width) + 2 * width * feedforward + feedforward + width + 4 * width
    head = width * width + width + 2 * width + vocabulary
    return 4 * (embeddings + layers * block + head)


def _geneformer(name: str, folders: tuple[str, ...], corpus: str, size: str | None, title: str) -> KnownModel:
    published = None if size is None else SIZES[size]
    known = ("layers", "width", "heads", "context", "vocabulary")
    places = ("geneformer/gene_dictionaries_30m", "geneformer") if corpus == "gc30M" else ("geneformer",)
    return KnownModel(
        name=name,
        family="geneformer",
        title=title,
        page=_GENEFORMER_PAGE,
        licence="Apache-2.0",
        files=(
            ExpectedFile(("config.json",), None, "sizes"),
            ExpectedFile(
                ("model.safetensors", "pytorch_model.bin"), _bert_bytes(published) if published else None, "weights"
            ),
        ),
        repository=_GENEFORMER,
        revision="main" if folders[0].startswith("Geneformer") else _OLD_REVISION,
        folders=folders,
        dictionaries=tuple(
            ExpectedFile(tuple(f"{place}/{stem}_{corpus}.pkl" for place in places), None, why) for stem, why in _STEMS
        ),
        fetch="download the folder and the four dictionaries from the page",
        shape={name: getattr(published, name) for name in known} if published else {},
    )


_SCGPT_PAGE = "https://github.com/bowang-lab/scGPT"
_DRIVE = "https://drive.google.com/drive/folders/"
_WHOLE_HUMAN_TOKENS = 60_697


def _scgpt_bytes(tokens: int, width: int = 512, hidden: int = 512, layers: int = 12) -> int:
    """Return the bytes of a scGPT with its decoders, in float32."""
    square, norm = width * width + width, 2 * width
    encoders = tokens * width + norm + 2 * width + square + norm
    block = 3 * width * (width + 1) + square + 2 * width * hidden + hidden + width + 2 * norm
    decoders = 2 * square + width + 1 + 2 * (square + norm) + width + 1 + square + width * width
    return 4 * (encoders + layers * block + decoders)


def _scgpt(organ: str, drive: str, cells: str) -> KnownModel:
    return KnownModel(
        name=f"scgpt-{organ}",
        family="scgpt",
        title=f"scGPT pretrained on {cells}",
        page=_SCGPT_PAGE,
        licence="MIT",
        files=(
            ExpectedFile(("args.json",), 1_300, "settings"),
            ExpectedFile(("vocab.json",), 1_200_000, "tokens of genes"),
            ExpectedFile(("best_model.pt",), _scgpt_bytes(_WHOLE_HUMAN_TOKENS), "weights"),
        ),
        fetch=f"download the whole folder from {_DRIVE}{drive} (linked on the page) with a browser",
        # Context and vocabulary are certain of the whole-human model only.
        shape={"layers": 12, "width": 512, "heads": 8}
        | ({"context": 1_200, "vocabulary": _WHOLE_HUMAN_TOKENS} if organ == "human" else {}),
    )


KNOWN: dict[str, KnownModel] = {
    model.name: model
    for model in (
        _geneformer(
            "geneformer-v1-10m",
            ("Geneformer-V1-10M", "gf-6L-30M-i2048"),
            "gc30M",
            "gf-6L-30M-i2048",
            "Geneformer V1, 6 layers, 30 million cells",
        ),
        _geneformer(
            "geneformer-v2-104m",
            ("Geneformer-V2-104M",),
            "gc104M",
            "Geneformer-V2-104M",
            "Geneformer V2, 12 layers, 104 million cells",
        ),
        _geneformer(
            "geneformer-v2-104m-clcancer",
            ("Geneformer-V2-104M_CLcancer",),
            "gc104M",
            "Geneformer-V2-104M",
            "Geneformer V2, 12 layers, trained on with cells of cancers",
        ),
        _geneformer(
            "geneformer-v2-316m",
            ("Geneformer-V2-316M",),
            "gc104M",
            "Geneformer-V2-316M",
            "Geneformer V2, 18 layers, 104 million cells",
        ),
        _geneformer(
            "geneformer-gf-12l-30m-i2048",
            ("gf-12L-30M-i2048",),
            "gc30M",
            "gf-12L-30M-i2048",
            "Geneformer of 2021, 12 layers, 30 million cells; in an older revision only",
        ),
        _geneformer(
            "geneformer-gf-12l-95m-i4096",
            ("gf-12L-95M-i4096",),
            "gc95M",
            "gf-12L-95M-i4096",
            "Geneformer of April 2024, 12 layers, 95 million cells; in an older revision only",
        ),
        _geneformer(
            "geneformer-gf-12l-95m-i4096-clcancer",
            ("gf-12L-95M-i4096_CLcancer",),
            "gc95M",
            "gf-12L-95M-i4096",
            "Geneformer of April 2024, trained on with cells of cancers; in an older revision only",
        ),
        _geneformer(
            "geneformer-gf-20l-95m-i4096",
            ("gf-20L-95M-i4096",),
            "gc95M",
            None,
            "Geneformer of April 2024, 20 layers, 95 million cells; in an older revision only",
        ),
        _scgpt("human", "1oWh_-ZRdhtoGQ2Fw24HP41FgLoomVo-y", "33 million normal human cells (whole-human)"),
        _scgpt("brain", "1vf1ijfQSk7rGdDGpBntR5bi5g6gNt-Gx", "13.2 million brain cells"),
        _scgpt("blood", "1kkug5C7NjvXIwQGGaGoqXTk_Lb_pDrBU", "10.3 million blood and bone marrow cells"),
        _scgpt("heart", "1GcgXrd7apn6y4Ze_iSCncskX3UsWPY2r", "1.8 million heart cells"),
        _scgpt("lung", "16A1DJ30PT6bodt4bWLa4hpS7gbWZQFBG", "2.1 million lung cells"),
        _scgpt("kidney", "1S-1AR65DF120kNFpEbWCvRHPhpkGK3kK", "814 thousand kidney cells"),
        _scgpt("pan-cancer", "13QzLHilYUd0v3HTwa_9n4G4yEF-hdkqa", "5.7 million cells of various cancers"),
    )
}
"""By name."""
