"""The tables of the page on manifolds in real cells, from the records of the runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

__all__ = ["PAGE", "TABLES", "filled", "records"]

Record = dict[str, Any]

PAGE: Final = Path("docs", "instruments", "manifold-real.md")
_PART = re.compile(r"(<!-- table: ([a-z ]+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def records(root: Path) -> dict[str, Record]:
    """Return the results that tables are made of, by name."""
    names = ("rna_mixtures", "marrow")
    folder = root / "docs" / "evidence"
    return {name: json.loads((folder / f"{name}.json").read_text("utf-8"))["result"] for name in names}


def filled(page: str, found: Mapping[str, Record]) -> str:
    """Return the page with every table made anew, between its marks.

    Raises
    ------
    KeyError
        If the page has a mark of no table.
    """
    return _PART.sub(lambda part: f"{part[1]}{TABLES[part[2]](found)}\n{part[3]}", page)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _interval(found: Record, place: int | None = None) -> str:
    value, low, high = (found[key] if place is None else found[key][place] for key in ("value", "low", "high"))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _mixture_overview(found: Mapping[str, Record]) -> str:
    rows = [
        [
            row["row"],
            _interval(row["error"]["mean"]),
            _interval(row["above_counts"]),
            _interval(row["rho"]["mean"]),
        ]
        for row in found["rna_mixtures"]["rows"]
    ]
    return _table(["from", "mean absolute error", "above least squares on counts", "Spearman"], rows)


def _mixture_lines(found: Mapping[str, Record]) -> str:
    lines = found["rna_mixtures"]["lines"]
    head = ["from", *(f"{line}, Spearman" for line in lines), *(f"{line}, error" for line in lines)]
    rows = [
        [row["row"], *(_interval(row[key]["lines"], place) for key in ("rho", "error") for place in range(len(lines)))]
        for row in found["rna_mixtures"]["rows"]
    ]
    return _table(head, rows)


def _cells(key: str) -> Callable[[Mapping[str, Record]], str]:
    def made(found: Mapping[str, Record]) -> str:
        result = found["rna_mixtures"]
        rows = [
            [row["row"], *(" / ".join(f"{value:.2f}" for value in stratum) for stratum in row[key]["cells"]["value"])]
            for row in result["rows"]
        ]
        return _table(["from", *(f"{amount} pg" for amount in result["amounts"])], rows)

    return made


def _mixture_anchors(found: Mapping[str, Record]) -> str:
    rows = []
    for row in found["rna_mixtures"]["rows"]:
        if "anchors" in row:
            known = {name: value for name, value in row["anchors"]["by_mixture"].items() if value is not None}
            lowest = min(known, key=lambda name: known[name])
            rows.append([row["row"], _interval(row["anchors"]), f"{known[lowest]:.2f} ({lowest})"])
    return _table(["distances in", "Spearman with the ruler, mean", "lowest (mixture held out)"], rows)


def _short(name: str) -> str:
    return name.removeprefix("the ")


def _gates(ruler: str) -> Callable[[Mapping[str, Record]], str]:
    def made(found: Mapping[str, Record]) -> str:
        result = found["marrow"]
        columns = result["tables"][ruler]
        published = result["published_gates"]
        names = list(columns[-1]["gates"])
        rows = []
        for name in sorted(names, key=lambda each: each not in published):
            cells = [_cell(column, name) for column in columns]
            rows.append([f"{name} (published)" if name in published else name, *cells])
        rows.append(["published gates", *(_yes(column["published_passed"]) for column in columns)])
        rows.append(["**all gates**", *(_yes(column["passed"]) for column in columns)])
        rows.append(["*arrangement of types*", *(_arranged(column["arrangement"]) for column in columns)])
        rows.append(
            ["*of the best of all tried*", *(_arranged(column.get("arrangement_of_all")) for column in columns)]
        )
        return _table(["gate", *(_short(column["row"]) for column in columns)], rows)

    return made


def _cell(column: Record, name: str) -> str:
    # A baseline has no margin over itself.
    if name == f"margin over {column['row'].removesuffix(' of expression')}":
        return "itself"
    gate = column["gates"].get(name)
    if gate is None or gate["number"] is None:
        return "none ✗"
    digits = 4 if name == "blocked permutation" else 3
    return f"{gate['number']:.{digits}f}{'' if gate['passed'] else ' ✗'}"


def _yes(passed: bool) -> str:
    return "met" if passed else "not met"


def _arranged(found: Record | None) -> str:
    return "" if found is None else f"{found['rho']:.2f}, p {found['p']:.3f}"


def _chosen(found: Mapping[str, Record]) -> str:
    rows = []
    for ruler, columns in found["marrow"]["tables"].items():
        for column in columns:
            if column.get("chosen"):
                settings = ", ".join(f"{key} {value}" for key, value in column["chosen"]["fitter"]["settings"].items())
                rows.append(
                    [
                        ruler,
                        column["row"].removeprefix("search in "),
                        _features(column["chosen"]["features"]),
                        f"{column['chosen']['fitter']['name']} ({settings})",
                        f"{column['score']:.2f}",
                        f"{column['fit_for_gates']} of {column['tried']}",
                    ]
                )
    return _table(["ruler", "searched in", "features", "fitter", "score", "fit for the gates"], rows)


def _features(plain: Record) -> str:
    match plain["kind"]:
        case "layer":
            return str(plain["layer"])
        case "drift":
            return f"drift from {plain['before']} to {plain['after'].removeprefix('layer ')}"
        case _:
            return " with the ".join(_features(part) for part in plain["parts"])


def _deals(found: Mapping[str, Record]) -> str:
    result = found["marrow"]
    rows = []
    for ruler, columns in result["tables"].items():
        for place, column in enumerate(columns):
            deals = [column, *(deal[ruler][place] for deal in result["other_deals"])]
            arranged = [each["arrangement"]["p"] for each in deals if each["arrangement"] is not None]
            of_all = [each["arrangement_of_all"]["p"] for each in deals if each.get("arrangement_of_all")]
            rows.append(
                [
                    ruler,
                    column["row"],
                    *(f"{sum(each[key] for each in deals)} of {len(deals)}" for key in ("published_passed", "passed")),
                    f"{max(arranged):.3f}" if arranged else "",
                    f"{max(of_all):.3f}" if of_all else "",
                ]
            )
    head = ["ruler", "", "published gates met", "all gates met", "largest p of arrangement", "of the best of all tried"]
    return _table(head, rows)


def _wrong(found: Mapping[str, Record]) -> str:
    rows = found["marrow"]["wrong_trees"]
    alike = [row["rho_with_right_tree"] for row in rows]
    passed = [row["rho_with_right_tree"] for row in rows if row["passed"]]
    return _table(
        ["trees with types in wrong places", "published gates met", "all gates met", "alike the lineage (Spearman)"],
        [
            [
                str(len(rows)),
                str(sum(row["published_passed"] for row in rows)),
                str(len(passed)),
                f"{min(alike):.2f} to {max(alike):.2f}"
                + (f"; those that met all {min(passed):.2f} to {max(passed):.2f}" if passed else ""),
            ]
        ],
    )


def _models(found: Mapping[str, Record]) -> str:
    rows = []
    for name, what in (("rna_mixtures", "RNA mixtures"), ("marrow", "bone marrow")):
        model = found[name]["model"]
        rows.append(
            [
                what,
                model["trained_on"],
                str(model["genes"]),
                str(model["steps"]),
                *(f"{model[key]:.2f}" for key in ("r2", "r2_shrinkage")),
                f"{model['n_held_out_cells']} of {model['n_held_out_cells'] + model['n_training_cells']}",
            ]
        )
    head = [
        "table",
        "trained on",
        "genes",
        "steps",
        "R² of hidden values",
        "of a covariance regression",
        "held-out cells",
    ]
    return _table(head, rows)


TABLES: Final[Mapping[str, Callable[[Mapping[str, Record]], str]]] = {
    "models": _models,
    "mixtures": _mixture_overview,
    "mixtures by line": _mixture_lines,
    "correlations by amount": _cells("rho"),
    "errors by amount": _cells("error"),
    "anchors": _mixture_anchors,
    "rank": _gates("lineage rank"),
    "graph": _gates("lineage graph"),
    "chosen": _chosen,
    "deals": _deals,
    "wrong trees": _wrong,
}
"""What makes each table, by its mark on the page."""
