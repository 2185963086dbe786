"""The four dictionaries of a Geneformer model: tokens, medians, aliases and names of genes.

They are pickles, read with an unpickler that can run nothing, checked, and kept as one JSON file beside the
checkpoint, so that the pickles are parsed once. The JSON names the SHA-256 of the pickles that it was made from and
of its own content; where either differs it is made again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from theodolite.canonical import sha256_bytes
from theodolite.files import write_atomically
from theodolite.models.facts import CheckpointError
from theodolite.models.loading import read_plain_pickle
from theodolite.models.vocabulary import Vocabulary

__all__ = ["CACHE_FILE", "STEMS", "GeneDictionary", "Specials", "find_dictionaries", "read_dictionary"]

STEMS = ("token_dictionary", "gene_median_dictionary", "ensembl_mapping_dict", "gene_name_id_dict")
"""First parts of the names of the four files; the corpus follows: ``token_dictionary_gc104M.pkl``."""

PLACES = (
    ".",
    "geneformer",
    "geneformer/gene_dictionaries_30m",
    "dictionaries",
    "../geneformer",
    "../geneformer/gene_dictionaries_30m",
)
"""Where the files are looked for, from the folder of the checkpoint; the last two are of a clone of the publication."""

CACHE_FILE = "gene_dictionary.json"
_CACHE_FORMAT = "theodolite-gene-dictionary-1"

REMEDY = (
    "the four pickles lie in geneformer/ (V2, gc104M) and geneformer/gene_dictionaries_30m/ (V1, gc30M) of the "
    "publication of Geneformer; copy those of the model's own corpus beside its config.json"
)

_SPECIAL = re.compile(r"<.*>")
# V1 also holds pseudo-autosomal genes under ids such as ENSGR0000002586.
_GENE = re.compile(r"ENSG(\d{11}|R\d{10})")


@dataclass(frozen=True)
class Specials:
    """Tokens that are no genes: V1 has the first two, V2 all four."""

    pad: int
    mask: int
    cls: int | None = None
    eos: int | None = None

    @property
    def framing(self) -> int:
        """How many tokens stand around the genes of a cell."""
        return 0 if self.cls is None else 2


_OF_V1, _OF_V2 = Specials(0, 1), Specials(0, 1, 2, 3)


@dataclass(frozen=True, eq=False)
class GeneDictionary:
    """Genes of a Geneformer model in the order of their tokens.

    Attributes
    ----------
    ensembl
        Ensembl id of each gene.
    names
        Symbol where one symbol names this gene and no other, else the Ensembl id.
    medians
        Shape (genes,), float64: non-zero median of counts per 10,000 over the corpus.
    token_ids
        Shape (genes,), int32: token of each gene, increasing.
    aliases
        From ids and symbols in upper case to Ensembl ids.
    specials
        Tokens that are no genes.
    sha256
        Of the four files.
    """

    ensembl: tuple[str, ...]
    names: tuple[str, ...]
    medians: NDArray[np.float64]
    token_ids: NDArray[np.int32]
    aliases: Mapping[str, str]
    specials: Specials
    sha256: str

    @property
    def size(self) -> int:
        """Number of tokens, special ones included."""
        return len(self.ensembl) + 2 + self.specials.framing

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The genes, found by Ensembl id, or by name through the aliases."""
        return Vocabulary(self.names, self.ensembl, self.aliases)


def find_dictionaries(folder: Path, vocabulary_size: int | None = None) -> dict[str, Path]:
    """Return the four files of a checkpoint by their stems.

    Where there are files of several corpora, those whose token dictionary has ``vocabulary_size`` tokens are taken.

    Raises
    ------
    CheckpointError
        Naming the file that is missing, the sizes that were found in place of the one wanted, or the corpora that have
        this size and are not the same: two corpora may have as many tokens (gc95M and gc104M) and other medians.
    """
    sets = list(_sets_of(folder))
    if not sets:
        raise CheckpointError(f"{folder}: no token_dictionary_CORPUS.pkl here or in {', '.join(PLACES[1:])}; {REMEDY}")
    if vocabulary_size is None:
        if len(sets) > 1:
            found = ", ".join(files["token_dictionary"].name for files in sets)
            raise CheckpointError(
                f"{folder}: dictionaries of several corpora ({found}) and nothing to choose by; keep one"
            )
        return _whole(sets[0])
    sizes = [len(_table(files["token_dictionary"])) for files in sets]
    fitting = [_whole(files) for files, size in zip(sets, sizes, strict=True) if size == vocabulary_size]
    if fitting:
        if len({_sha256_of(files) for files in fitting}) > 1:
            found = ", ".join(os.path.relpath(files["token_dictionary"], folder) for files in fitting)
            raise CheckpointError(
                f"{folder}: several dictionaries with the model's {vocabulary_size} tokens that are not the same "
                f"({found}); keep those of the model's own corpus, or move model and these into a folder of their own"
            )
        return fitting[0]
    there = ", ".join(f"{files['token_dictionary'].name} has {size}" for files, size in zip(sets, sizes, strict=True))
    raise CheckpointError(f"{folder}: the model has {vocabulary_size} tokens but {there}: another vocabulary; {REMEDY}")


def _sets_of(folder: Path) -> list[dict[str, Path]]:
    found = []
    for place in PLACES:
        for path in sorted((folder / place).glob("token_dictionary_*.pkl")):
            corpus = path.name.removeprefix("token_dictionary")
            found.append({stem: path.with_name(f"{stem}{corpus}") for stem in STEMS})
    return found


def _whole(files: dict[str, Path]) -> dict[str, Path]:
    for path in files.values():
        if not path.is_file():
            raise CheckpointError(f"{path}: absent; {REMEDY}")
    return files


def read_dictionary(folder: Path, vocabulary_size: int | None = None, *, keep: bool = True) -> GeneDictionary:
    """Read the dictionaries of a checkpoint, from the JSON beside it where that is in order.

    Parameters
    ----------
    folder
        Of the checkpoint. The JSON is written here; where that is not possible the pickles are read every time.
    vocabulary_size
        Tokens of the model; chooses between the files of several corpora.
    keep
        Whether the JSON is written.

    Raises
    ------
    CheckpointError
        If a file is missing, cannot be read safely, or does not hold what it should.
    """
    files = find_dictionaries(folder, vocabulary_size)
    sha256 = _sha256_of(files)
    cache = folder / CACHE_FILE
    kept = _from_cache(cache, sha256)
    if kept is not None:
        return kept
    made = _from_pickles(files, sha256)
    if keep:
        _write_cache(cache, made)
    return made


def _write_cache(path: Path, made: GeneDictionary) -> None:
    content = {
        "ensembl": made.ensembl,
        "names": made.names,
        "medians": made.medians.tolist(),
        "token_ids": made.token_ids.tolist(),
        "aliases": dict(made.aliases),
        "specials": asdict(made.specials),
    }
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    head = {"format": _CACHE_FORMAT, "pickles_sha256": made.sha256, "content_sha256": sha256_bytes(body.encode())}
    try:
        write_atomically(path, f"{json.dumps(head)}\n{body}\n".encode())
    except OSError:  # a read-only folder of models is a good place for models
        pass


def _sha256_of(files: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    for stem in STEMS:
        try:
            digest.update(hashlib.sha256(files[stem].read_bytes()).digest())
        except OSError as error:
            raise CheckpointError(f"{files[stem]}: {error.strerror or error}; {REMEDY}") from error
    return digest.hexdigest()


def _from_cache(path: Path, sha256: str) -> GeneDictionary | None:
    try:
        head, body, _ = path.read_text(encoding="utf-8").split("\n")
        expected = {"format": _CACHE_FORMAT, "pickles_sha256": sha256, "content_sha256": sha256_bytes(body.encode())}
        if json.loads(head) != expected:
            return None
        content = json.loads(body)
    except (OSError, ValueError):
        return None
    return GeneDictionary(
        ensembl=tuple(content["ensembl"]),
        names=tuple(content["names"]),
        medians=np.array(content["medians"], dtype=np.float64),
        token_ids=np.array(content["token_ids"], dtype=np.int32),
        aliases=content["aliases"],
        specials=Specials(**content["specials"]),
        sha256=sha256,
    )


def _table(path: Path) -> dict[str, Any]:
    found = read_plain_pickle(path, REMEDY)
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        _refuse(path, f"{type(found).__name__} in place of a dictionary by gene")
    return found


def _from_pickles(files: Mapping[str, Path], sha256: str) -> GeneDictionary:
    tokens = _table(files["token_dictionary"])
    genes, specials = _checked_tokens(files["token_dictionary"], tokens)
    return GeneDictionary(
        ensembl=genes,
        names=_names(genes, _texts(files["gene_name_id_dict"])),
        medians=_checked_medians(files["gene_median_dictionary"], genes),
        token_ids=np.array([tokens[gene] for gene in genes], dtype=np.int32),
        aliases={alias.upper(): gene for alias, gene in _texts(files["ensembl_mapping_dict"]).items()},
        specials=specials,
        sha256=sha256,
    )


def _checked_tokens(path: Path, tokens: Mapping[str, Any]) -> tuple[tuple[str, ...], Specials]:
    for key, token in tokens.items():
        if type(token) is not int:
            _refuse(path, f"token {token!r} of {key!r} is no integer")
    if sorted(tokens.values()) != list(range(len(tokens))):
        _refuse(path, f"its {len(tokens)} tokens are not 0 to {len(tokens) - 1}, each once")
    special = {key.strip("<>"): token for key, token in tokens.items() if _SPECIAL.fullmatch(key)}
    if special not in ({"pad": 0, "mask": 1}, asdict(_OF_V2)):
        _refuse(path, f"special tokens {special!r}; V1 has pad 0 and mask 1, V2 also cls 2 and eos 3")
    genes = tuple(sorted((key for key in tokens if not _SPECIAL.fullmatch(key)), key=lambda key: int(tokens[key])))
    if not genes:
        _refuse(path, "no gene among its tokens")
    for gene in genes:
        if gene.startswith("ENSMUSG"):
            _refuse(path, f"{gene!r} is a gene of the mouse, whose Geneformer is another model; take the human one")
        if not _GENE.fullmatch(gene):
            _refuse(path, f"{gene!r} is no Ensembl id of a human gene")
    return genes, _OF_V1 if len(special) == 2 else _OF_V2


def _checked_medians(path: Path, genes: tuple[str, ...]) -> NDArray[np.float64]:
    found = _table(path)
    for gene in genes:
        median: Any = found.get(gene)
        if type(median) not in (int, float) or not math.isfinite(median) or not median > 0:
            _refuse(path, f"median {median!r} of {gene!r}, which has a token; a median is a positive number")
    return np.array([found[gene] for gene in genes], dtype=np.float64)


def _texts(path: Path) -> dict[str, str]:
    found = _table(path)
    for key, value in found.items():
        if not isinstance(value, str):
            _refuse(path, f"{value!r} of {key!r} is no Ensembl id")
    return found


def _names(genes: tuple[str, ...], ids: Mapping[str, str]) -> tuple[str, ...]:
    times = Counter(ids.values())
    own = {gene: name for name, gene in ids.items() if times[gene] == 1}
    names = [own.get(gene, gene) for gene in genes]
    # A symbol that is another gene's id would make two genes of one name.
    taken = Counter(names)
    return tuple(name if taken[name] == 1 else gene for gene, name in zip(genes, names, strict=True))


def _refuse(path: Path, what: str) -> NoReturn:
    raise CheckpointError(f"{path}: {what}; {REMEDY}")
