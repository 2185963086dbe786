"""What ``tools describe`` says of an instrument: all that is needed to use it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theodolite.models.facts import ModelFacts
    from theodolite.tools import Tool, ToolParams

__all__ = ["amount", "described", "lines_of", "paragraphs", "parameter_line", "source_named"]

_SHAPES = {
    "GeneScores": "one number a gene, (n,)",
    "PairScores": "one number a pair of genes, (n, n), symmetric",
    "BipartiteScores": "one number a regulator and gene, (r, n)",
}
_REFERENCES = {"GeneScores": "programs", "PairScores": "programs", "BipartiteScores": "trrust"}
_EVIDENCE = {
    "p": "a Besag-Clifford p-value, which enters the error stream through a calibrator",
    "e": "a betting e-process, which may stop at any draw",
}
_SOURCE = re.compile(r"Source: (.+?)(?:\.(?:\s|$)|$)", re.DOTALL)


def described(tool: Tool, model: ModelFacts, genes: int, regulators: int, plugins: list[Path]) -> dict[str, Any]:
    """Return the description of an instrument as plain data.

    Parameters
    ----------
    tool
        The instrument.
    model
        The model whose places, memory and examples are told.
    genes, regulators
        Sizes for which memory is told.
    plugins
        Paths that the example of a campaign file has to name.
    """
    from theodolite.experiments.needs import capture_bytes, own_bytes
    from theodolite.tools import BenchSize, ModelShape
    from theodolite.tools.trying import what_it_reads

    shape = ModelShape(model.n_layers, model.n_heads, read_out=model.read_out)
    places = list(tool.params.enumerate(shape))
    size = BenchSize(genes=genes, regulators=regulators, cells=1_000, width=model.width, shape=shape)
    example = _example(places)
    taking, held = capture_bytes(size, saved=True, gaps=model.tokenise is not None)
    reads = None if example is None else what_it_reads(tool, example, shape)
    return {
        **tool.describe(),
        "source": source_named(tool.describe()["help"]),
        "reads": reads if reads is None else list(reads),
        "repeatable": "the seed of a job fixes whatever is drawn, so that equal jobs give equal bytes",
        "model": model.name,
        "places": len(places),
        "first place": None if not places else str(places[0].locus()),
        "last place": None if not places else str(places[-1].locus()),
        "memory": {
            "genes": genes,
            "regulators": regulators,
            "own bytes": None if example is None else own_bytes(tool, example, size),
            "capture bytes": held,
            "capturing bytes": taking,
        },
        "campaign": _campaign_lines(tool, plugins),
        "python": _python_lines(tool, model.name, example),
    }


def _example(places: list[ToolParams]) -> ToolParams | None:
    """Return a place that reads as one would write it: the middle one."""
    return places[len(places) // 2] if places else None


def _campaign_lines(tool: Tool, plugins: list[Path]) -> list[str]:
    named = [f"plugins: [{', '.join(map(str, plugins))}]"] if plugins else []
    if tool.relation.of_cells:
        rulers = "[{id: order, rank: {early: 0, middle: 1, late: 2}}]"
        return [*named, f"manifold: {{stage: stage, donor: donor, branch: lineage, rulers: {rulers}}}"]
    return [*named, f"tools: [{tool.name}]", f"references: {_REFERENCES.get(tool.shape.shape, 'programs')}"]


def _python_lines(tool: Tool, model: str, example: ToolParams | None) -> list[str]:
    if tool.relation.of_cells:
        # Anchors need labels of cells and a ruler, which three lines do not hold.
        return ["from theodolite.analysis import manifold", "help(manifold.search)", "help(manifold.confirm)"]
    key, where = tool.name.replace(".", "_"), "var"
    fields = {} if example is None else example.model_dump()
    params = "".join(f", {name}={value!r}" for name, value in fields.items())
    extra = ""
    if tool.shape.shape == "BipartiteScores":
        extra, where = ', regulators=["SPI1", "CEBPB"]', "varm"
    elif tool.shape.shape == "PairScores":
        where = "varp"
    return [
        "import theodolite.tl as tl",
        f'tl.measure(adata, "{tool.name}", model="{model}"{params}{extra})',
        f'adata.{where}["{key}"]',
    ]


def lines_of(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Return label and text of each line of a description, for people; parameters and examples are apart."""
    from theodolite.tools.trying import READABLE

    memory, shape = told["memory"], told["shape"]
    own = memory["own bytes"]
    for_size = f"{memory['genes']:,} genes" + (
        f" and {memory['regulators']:,} regulators" if shape == "BipartiteScores" else ""
    )
    reads = (
        "not to be told by a trial" if told["reads"] is None else "; ".join(READABLE[name] for name in told["reads"])
    )
    return [
        ("shape of the result", f"{shape}: {_SHAPES[shape]}" if shape in _SHAPES else shape),
        ("unit of the score", told["unit"]),
        ("claims that", f"{told['object']} {told['relation'].replace('_', ' ')} a reference"),
        ("evidence", _EVIDENCE[told["evidence"]]),
        ("source", told["source"] or "none named"),
        ("reads", reads),
        ("fitted on discovery genes", ", ".join(told["fitted on discovery"]) or "nothing"),
        ("repeatable", told["repeatable"]),
        (
            "memory",
            f"{'not said' if own is None else amount(own)} for {for_size}, beside a capture of "
            f"{amount(memory['capture bytes'])} ({amount(memory['capturing bytes'])} while it is taken)",
        ),
        (
            f"places in {told['model']}",
            f"{told['places']}, from {told['first place']} to {told['last place']}" if told["places"] else "none",
        ),
    ]


def amount(count: float) -> str:
    """Return a number of bytes in words."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB"


def source_named(docstring: str) -> str | None:
    """Return the source that a docstring names, None where it names none."""
    found = _SOURCE.search(docstring)
    return None if found is None else _line(found.group(1))


def paragraphs(docstring: str) -> list[str]:
    """Return the prose of a numpy docstring, which ends at its first underlined section, as unbroken paragraphs."""
    prose = re.split(r"\n\n[^\n]+\n-{3,}\n", docstring)[0]
    return [_line(paragraph) for paragraph in prose.split("\n\n")]


def _line(text: str) -> str:
    return " ".join(text.split())


def parameter_line(name: str, schema: dict[str, Any]) -> str:
    """Return what is to be known of a parameter: what it is, its range, and what stands where it is not given."""
    known = _bounds(schema)
    default = f", {json.dumps(schema['default'])} where not given" if "default" in schema else ""
    return f"{name}: {schema.get('description', '')}{f' ({known}{default})' if known or default else ''}"


def _bounds(schema: dict[str, Any]) -> str:
    kinds = [schema, *schema.get("anyOf", ())]
    low = next((kind[key] for kind in kinds for key in ("minimum", "exclusiveMinimum") if key in kind), None)
    high = next((kind[key] for kind in kinds for key in ("maximum", "exclusiveMaximum") if key in kind), None)
    values = next((kind["enum"] for kind in kinds if "enum" in kind), None)
    parts = [" or ".join(kind["type"] for kind in kinds if "type" in kind)]
    if values is not None:
        parts = ["one of " + ", ".join(map(str, values))]
    elif low is not None and high is not None:
        parts.append(f"{low} to {high}")
    elif low is not None or high is not None:
        parts.append(f"{low} or more" if high is None else f"{high} or less")
    return ", ".join(part for part in parts if part)
