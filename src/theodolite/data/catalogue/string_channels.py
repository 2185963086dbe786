"""STRING by evidence channel: one list of pairs a channel, never a score that mixes them.

Three forms are read: the JSON and the table that the programming interface answers with, and the file
``protein.links.full`` with a table of names of proteins. In the last, evidence that was transferred from other
organisms stands in columns of its own, which are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from theodolite.canonical import digest, sha256_bytes
from theodolite.data.ancestry import database
from theodolite.data.columns import checked_gene, columns, first_line, lines, number
from theodolite.data.references import Pair, Reference, ReferenceTableError
from theodolite.sources import Source

__all__ = ["COMBINED", "THRESHOLD", "read_string", "read_string_names"]

THRESHOLD = 0.4
"""What STRING calls medium confidence; a score is from 0 to 1."""
COMBINED = "combined"

_ANSWER = {
    "neighbourhood": "nscore",
    "fusion": "fscore",
    "cooccurrence": "pscore",
    "coexpression": "ascore",
    "experimental": "escore",
    "database": "dscore",
    "textmining": "tscore",
    COMBINED: "score",
}
_LINKS = {
    "neighbourhood": "neighborhood",
    "fusion": "fusion",
    "cooccurrence": "cooccurence",  # as STRING writes it
    "coexpression": "coexpression",
    "experimental": "experiments",
    "database": "database",
    "textmining": "textmining",
    COMBINED: "combined_score",
}
_SYMBOL_SOURCES = ("Ensembl_HGNC_symbol", "BioMart_HUGO", "Ensembl_HGNC")
_Scores = tuple[str, str, dict[str, float]]


def read_string(
    text: str,
    *,
    where: str = "STRING",
    threshold: float = THRESHOLD,
    thresholds: Mapping[str, float] | None = None,
    names: Mapping[str, str] | None = None,
) -> tuple[Reference, ...]:
    """Read scores of pairs, and make of each channel the pairs that reach its threshold.

    Parameters
    ----------
    text
        JSON or TSV of the programming interface, or ``protein.links.full``.
    where
        What errors call it.
    threshold
        Least score of a pair, from 0 to 1, in every channel that ``thresholds`` does not name.
    thresholds
        Least score by channel.
    names
        Symbols by STRING's protein ids, as :func:`read_string_names` returns them; needed for ``protein.links.full``
        only. Pairs with a protein that has no symbol there are left out.

    Returns
    -------
    tuple of Reference
        ``string.experimental`` and so on, those that have pairs; last ``string.combined``, of STRING's own score over
        all channels, which descends from all of them.

    Raises
    ------
    ReferenceTableError
        For a file of another form, a score that is none, an unknown channel in ``thresholds``, and no pair at all.
    """
    given = dict(thresholds or {})
    unknown = sorted(given.keys() - _ANSWER.keys())
    if unknown:
        raise ReferenceTableError(f"STRING has no channel {unknown[0]!r}; there are {', '.join(_ANSWER)}")
    least = {
        channel: number(str(given.get(channel, threshold)), 1e-3, 1, f"threshold of STRING {channel}")
        for channel in _ANSWER
    }
    found: dict[str, set[Pair]] = {channel: set() for channel in _ANSWER}
    for first, second, scores in _rows(text, where, names):
        if first != second:
            pair = (min(first, second), max(first, second))
            for channel, score in scores.items():
                if score >= least[channel]:
                    found[channel].add(pair)
    sha256 = sha256_bytes(text.encode())
    made = tuple(_reference(name, pairs, least[name], sha256) for name, pairs in found.items() if pairs)
    if not made:
        raise ReferenceTableError(
            f"{where}: no pair of two genes reaches its threshold, such as {threshold:g}; give another file, or "
            "a lower threshold"
        )
    return made


def _reference(channel: str, pairs: set[Pair], least: float, sha256: str) -> Reference:
    what = "STRING's score over all channels" if channel == COMBINED else f"the STRING channel {channel}"
    return Reference(
        id=f"string.{channel}",
        title=f"STRING {channel} pairs",
        kind="pairs",
        members=tuple(sorted(pairs)),
        definition=f"pairs with at least {least:g} in {what}",
        # Of the file and the channel: the file itself is no ancestor, or one channel would leak into every other.
        origins=(Source(f"table:string.{channel}", digest([sha256, channel]), (database(f"STRING {channel}"),)),),
    )


def _rows(text: str, where: str, names: Mapping[str, str] | None) -> Iterator[_Scores]:
    start = text.lstrip()[:1]
    if start in ("[", "{") and start:
        yield from _json_rows(text, where)
    elif first_line(text).split(" ")[0] == "protein1":
        yield from _links_rows(text, where, names)
    else:
        yield from _answer_rows(text, where)


def _json_rows(text: str, where: str) -> Iterator[_Scores]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReferenceTableError(f"{where}: no JSON ({error}); get the file again") from error
    pairs = found.get("pairs") if isinstance(found, dict) else found
    if not isinstance(pairs, list):
        raise ReferenceTableError(f"{where}: JSON without a list of pairs; give one, or {{'pairs': [...]}}")
    for place, item in enumerate(pairs, start=1):
        at = f"{where}: pair {place}"
        if not isinstance(item, dict):
            raise ReferenceTableError(f"{at} is {item!r:.80}; it is a mapping of two genes and scores")
        two = [_first(item, keys) for keys in (("preferredName_A", "g1"), ("preferredName_B", "g2"))]
        scores = {channel: _score(item[key], at) for channel, key in _ANSWER.items() if key in item}
        if not all(isinstance(gene, str) for gene in two) or not scores:
            raise ReferenceTableError(
                f"{at} is {item!r:.120}; it has preferredName_A and preferredName_B (or g1 and g2) and scores, such as "
                "escore"
            )
        yield checked_gene(two[0], at), checked_gene(two[1], at), scores


def _first(item: dict[str, Any], keys: Iterable[str]) -> Any:
    return next((item[key] for key in keys if key in item), None)


def _score(value: Any, at: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ReferenceTableError(f"{at}: the score {value!r:.40} is no number from 0 to 1")
    return number(str(value), 0, 1, at)


def _answer_rows(text: str, where: str) -> Iterator[_Scores]:
    wanted = ("preferredName_A", "preferredName_B", *_ANSWER.values())
    for line, (first, second, *scores) in columns(text, "\t", wanted, where):
        at = f"{where}:{line}"
        values = {channel: number(score, 0, 1, at) for channel, score in zip(_ANSWER, scores, strict=True)}
        yield checked_gene(first, at), checked_gene(second, at), values


def _links_rows(text: str, where: str, names: Mapping[str, str] | None) -> Iterator[_Scores]:
    if names is None:
        raise ReferenceTableError(
            f"{where}: names proteins by STRING's ids; give the names of proteins too, the file protein.info or "
            "protein.aliases of the same release"
        )
    wanted = ("protein1", "protein2", *_LINKS.values())
    for line, (first, second, *scores) in columns(text, " ", wanted, where):
        at = f"{where}:{line}"
        values = {channel: number(score, 0, 1000, at) / 1000 for channel, score in zip(_LINKS, scores, strict=True)}
        if first in names and second in names:
            yield names[first], names[second], values


def read_string_names(text: str, *, where: str = "STRING names") -> dict[str, str]:
    """Read symbols by protein id: ``protein.info``, or of ``protein.aliases`` the symbols of HGNC.

    Raises
    ------
    ReferenceTableError
        For a missing column, an empty field, a protein with two symbols, and a file without symbols.
    """
    header = first_line(text).split("\t")
    aliases = "alias" in header
    wanted = (header[0], "alias", "source") if aliases else (header[0], "preferred_name", header[0])
    if header[0] not in ("#string_protein_id", "string_protein_id", "#string_protein", "protein_external_id"):
        raise ReferenceTableError(
            f"{where}:1: the header begins with {header[0]!r:.60}, not with '#string_protein_id'; give protein.info or "
            "protein.aliases"
        )
    found: dict[str, str] = {}
    for line, (protein, symbol, source) in columns(text, "\t", wanted, where):
        if aliases and not set(source.split()) & set(_SYMBOL_SOURCES):
            continue
        gene = checked_gene(symbol, f"{where}:{line}")
        if found.setdefault(protein, gene) != gene:
            raise ReferenceTableError(
                f"{where}:{line}: {protein} is called {gene} here and {found[protein]} above; give protein.info, where "
                "a protein has one symbol"
            )
    if not found:
        raise ReferenceTableError(f"{where}: no symbol in it; {sum(1 for _ in lines(text))} lines were read")
    return found
