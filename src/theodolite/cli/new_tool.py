"""The package that ``tools new`` writes: one instrument that works, with its test, to be changed into another."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path
from string import Template

from theodolite.cli.errors import UserError
from theodolite.files import write_atomically

__all__ = ["write_package"]

_PROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "$project"
version = "0.1.0"
description = "An instrument for Theodolite"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["theodolite"]

[project.entry-points."theodolite.tools"]
$name = "$name"

[tool.hatch.build.targets.wheel]
packages = ["src/$name"]

[tool.pytest.ini_options]
pythonpath = ["src"]
testpaths = ["tests"]
"""

_README = """\
# $project

An instrument for Theodolite. Check it with `theodolite tools check $name.distance --plugin .`; use it in a campaign
file by `plugins: [PATH OF THIS FOLDER]` (not needed once the package is installed) and `tools: [$name.distance]`.
"""

_PACKAGE = '''\
"""An instrument for Theodolite."""

from __future__ import annotations

from $name.instrument import Layer, distance

__all__ = ["Layer", "distance"]
'''

_INSTRUMENT = '''\
"""How far genes lie from the middle of the gene vectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
from pydantic import Field

from theodolite.claims import Locus, LocusKind, Relation
from theodolite.measurements import GeneScores
from theodolite.tools import ModelShape, ToolParams, Workbench, tool

__all__ = ["Layer", "distance"]


class Layer(ToolParams):
    """Parameters of :func:`distance`: every one has a type and a description."""

    layer: int = Field(ge=0, description="residual stream after this many blocks, 0 is the embedding")

    def locus(self) -> Locus:
        """Return the place in the model that is read."""
        return Locus(kind=LocusKind.LAYER, layer=self.layer)

    @classmethod
    def enumerate(cls, shape: ModelShape) -> Iterator[Self]:
        """Yield every layer of a model: the closed list of places that a campaign may choose from."""
        for layer in range(shape.n_layers + 1):
            yield cls(layer=layer)


@tool(
    family="$name",
    shape=GeneScores,  # what is returned; the gates know its nulls
    object="vector_distance",  # what of the model is read, part of a claim's identity
    relation=Relation.SEPARATES,
    unit="residual-stream units",
    version="1",  # raise it whenever a measurement could change
    fits=("axes",),  # the middle is fitted on discovery genes
)
def distance(bench: Workbench, params: Layer) -> GeneScores:
    """Distance of each gene's vector from the mean vector of the discovery genes, in a layer.

    Returns
    -------
    GeneScores
        One distance per gene of the split.
    """
    centre = bench.axes(params.layer).centre
    return GeneScores(
        genes=bench.genes,
        score=np.linalg.norm(bench.hidden(params.layer) - centre, axis=1),
        # What the gates take out of the scores, and what their nulls move: hand it on as it is.
        families=bench.families,
        covariate_names=bench.covariate_names,
        covariates=bench.covariates,
        unit=distance.unit,
    )
'''

_TEST = '''\
"""The instrument on a world whose truth is known."""

from __future__ import annotations

import numpy as np
from numpy.random import SeedSequence

from $name import Layer, distance
from theodolite.calibration.toolcheck import MODEL, check_tool, make_world

BENCH = make_world("GeneScores", SeedSequence(1), planted=True).discovery.bench


def test_the_mean_vector_of_the_discovery_genes_has_no_distance() -> None:
    measured = distance.measure(BENCH, Layer(layer=1))
    expected = np.square(BENCH.hidden(1) - BENCH.hidden(1).mean(axis=0)).sum(axis=1)
    np.testing.assert_allclose(np.square(measured.score), expected)


def test_every_place_can_be_read() -> None:
    for params in Layer.enumerate(MODEL):
        assert distance.measure(BENCH, params).genes == BENCH.genes


def test_it_finds_what_is_there_and_not_what_is_not() -> None:
    """A few worlds only; `theodolite tools check` asks more of them."""
    found = check_tool(distance, planted=10, empty=40)
    assert found.found >= 5
    assert found.fit
'''


def write_package(name: str, directory: Path) -> Path:
    """Write the package in a folder of its name, and return that folder.

    Raises
    ------
    UserError
        If the name is no name of a package, or the folder exists.
    """
    if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) is None or keyword.iskeyword(name):
        raise UserError(
            f"{name!r} is no name of a package: it has lower-case letters, digits and underscores, at most 40, and "
            "begins with a letter"
        )
    if name in sys.stdlib_module_names or name == "theodolite":
        raise UserError(f"{name!r} is a module of Python or Theodolite itself; choose another name")
    folder = directory / name
    if folder.exists():
        raise UserError(f"{str(folder)!r} exists; give another name, or another folder with --dir")
    if not directory.is_dir():
        raise UserError(f"there is no folder {str(directory)!r}; make it first")
    words = {"name": name, "project": name.replace("_", "-")}
    for place, text in (
        ("pyproject.toml", _PROJECT),
        ("README.md", _README),
        (f"src/{name}/__init__.py", _PACKAGE),
        (f"src/{name}/instrument.py", _INSTRUMENT),
        (f"tests/test_{name}.py", _TEST),
    ):
        write_atomically(folder / place, Template(text).substitute(words).encode())
    return folder
