"""What ``tools describe`` says of a description, which reads a whole model and makes no claim."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.cli.tool_describing import amount, source_named

if TYPE_CHECKING:
    from theodolite.descriptions import Description
    from theodolite.models.facts import ModelFacts

__all__ = ["lines_of_description", "told_of"]

_REFERENCE = {"sets": '"programs"', "pairs": '"b_lineage_marks"', "regulons": '"trrust"'}
_IN_CAMPAIGN = {"sets": "programs", "pairs": "programs", "regulons": "trrust"}
_HELD = {
    "none": "nothing",
    "sets": "gene sets",
    "pairs": "lists of pairs; a set stands for the pairs of its members, a regulon for its edges",
    "regulons": "regulons",
}


def told_of(found: Description, model: ModelFacts, genes: int, regulators: int, plugins: list[Path]) -> dict[str, Any]:
    """Return a description as plain data; the arguments are those of :func:`tool_describing.described`."""
    from theodolite.experiments.needs import capture_bytes, coexpression_bytes
    from theodolite.tools import BenchSize, ModelShape

    shape = ModelShape(model.n_layers, model.n_heads, read_out=model.read_out)
    size = BenchSize(genes=genes, regulators=regulators, cells=1_000, width=model.width, shape=shape)
    needed = _needed(found)
    taking, held = capture_bytes(
        size, saved=True, with_attention="attention" in found.reads, gaps=model.tokenise is not None
    )
    return {
        **found.describe(),
        "kind": "description",
        "source": source_named(found.describe()["help"] or ""),
        "repeatable": "a seed fixes whatever is drawn, so that the same seed gives the same bytes",
        "model": model.name,
        "memory": {
            "genes": genes,
            "regulators": regulators,
            "own bytes": found.memory(size, found.parsed(needed)),
            "co-expression bytes": coexpression_bytes(size) if "coexpression" in found.reads else 0,
            "capture bytes": held,
            "capturing bytes": taking,
        },
        "campaign": _campaign_lines(found, needed, plugins),
        "python": _python_lines(found, needed, model.name),
    }


def _needed(found: Description) -> dict[str, Any]:
    """Return an example of each parameter that has no default."""
    return {
        name: field.examples[0]
        for name, field in found.params.model_fields.items()
        if field.examples and field.is_required()
    }


def _campaign_lines(found: Description, needed: dict[str, Any], plugins: list[Path]) -> list[str]:
    # JSON is YAML, and reads as one would write it.
    item = f"{{name: {found.name}, params: {json.dumps(needed)}}}" if needed else found.name
    named = [f"plugins: [{', '.join(map(str, plugins))}]"] if plugins else []
    against = _IN_CAMPAIGN.get(found.references)
    return [*named, f"descriptions: [{item}]", *([] if against is None else [f"references: {against}"])]


def _python_lines(found: Description, needed: dict[str, Any], model: str) -> list[str]:
    params = "".join(f", {name}={value!r}" for name, value in needed.items())
    reference = found.example or _REFERENCE.get(found.references)
    named = "" if found.references == "none" else "reference="
    against = "" if reference is None else f", {named}{reference}"
    return [
        "import theodolite.tl as tl",
        f'tl.describe(adata, "{found.name}", model="{model}"{against}{params})',
        f'adata.uns["{found.name.replace(".", "_")}"]["sentence"]',
    ]


def lines_of_description(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Return label and text of each line for people; parameters and examples are apart."""
    from theodolite.descriptions import READABLE

    memory = told["memory"]
    for_size = f"{memory['genes']:,} genes" + (
        f" and {memory['regulators']:,} regulators" if told["references"] == "regulons" else ""
    )
    counted = memory["co-expression bytes"]
    return [
        ("standing", told["standing"]),
        ("shape of the result", told["shape"]),
        ("unit", told["unit"]),
        ("held against", _HELD[told["references"]]),
        ("source", told["source"] or "none named"),
        ("reads", "; ".join(READABLE[name] for name in told["reads"])),
        ("repeatable", told["repeatable"]),
        (
            "memory",
            f"{amount(memory['own bytes'])} for {for_size}"
            f"{f' and {amount(counted)} for co-expression' if counted else ''}, beside a capture of "
            f"{amount(memory['capture bytes'])} ({amount(memory['capturing bytes'])} while it is taken)",
        ),
    ]
