"""Campaigns about planted trees of cells, as files that anybody could have written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import sparse

from theodolite.data.tree_world import TreeWorld, WorldShape, tree_world

__all__ = ["write_tree_campaign"]

_MODEL = '''"""The model of a planted world."""

from theodolite.data.tree_world import tree_world
from theodolite.models.offered import offer_model


def _world():
    return tree_world({seed}, shape={shape!r}, **{sizes!r})


def _facts():
    from theodolite.models.planted_tree import tree_facts

    return tree_facts(_world(), {seed})


@offer_model("planted-tree-{shape}-{seed}", _facts)
def load():
    """Know the programs of the world."""
    from theodolite.models.planted_tree import tree_model

    return tree_model(_world(), {seed})
'''


def write_tree_campaign(
    folder: Path,
    seed: int,
    shape: WorldShape = "tree",
    *,
    sizes: Mapping[str, Any] | None = None,
    manifold: Mapping[str, Any] | None = None,
    campaign: Mapping[str, Any] | None = None,
) -> Path:
    """Write a campaign about a planted world, and return its file.

    Cells of a tissue that goes through no stages are among them: there every claim must fail. Their labels are dealt as
    in the other tissue.

    Parameters
    ----------
    folder
        Where; made if absent.
    seed, shape
        Of the world. Programs of one seed are the same in every shape, and the model knows them.
    sizes
        Numbers of the world other than the usual (:func:`theodolite.data.tree_world.tree_world`).
    manifold, campaign
        What the file says otherwise under ``manifold:``, and at its top.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, Any] = {"tissues": 1, **(sizes or {})}
    world, none = tree_world(seed, shape=shape, **numbers), tree_world(seed, shape="none", **numbers)
    _write_cells(folder / "cells.h5ad", world, none)
    # Modules of plug-ins have names of their own in a process.
    plugin = f"planted_{shape}_{seed}.py"
    (folder / plugin).write_text(_MODEL.format(seed=seed, shape=shape, sizes=numbers), encoding="utf-8")
    branches: dict[str, list[str]] = {}
    for node, branch in world.branch.items():
        branches.setdefault(branch, []).append(node)
    steps = [list(edge) for edge in world.edges]
    graph = {
        "id": "tree",
        "title": "the planted tree",
        "root": "trunk_1",
        "branches": branches,
        "edges": [{"source": "planted", "steps": steps}],
    }
    (folder / "tree.yaml").write_text(yaml.safe_dump([graph], sort_keys=False), encoding="utf-8")
    said = {
        "name": f"{shape}-{seed}",
        "plugins": [plugin],
        "model": f"planted-tree-{shape}-{seed}",
        "cells": {
            "source": "cells.h5ad",
            "species": "planted",
            "donor": "donor",
            "labels": ["donor", "branch", "node", "tissue"],
        },
        "manifold": {
            "stage": "node",
            "donor": "donor",
            "rulers": [{"id": "tree", "graph": "tree.yaml"}],
            "expected_fail": {"column": "tissue", "values": ["unstructured"]},
            "fitters": ["landmark_isomap", "diffusion_map"],
            "sizes": [15],
            **(manifold or {}),
        },
        "budget": {"experiments": 2},
        "threads": 1,
        "workers": 1,
        **(campaign or {}),
    }
    file = folder / "campaign.yaml"
    file.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    return file


def _write_cells(file: Path, world: TreeWorld, none: TreeWorld) -> None:
    import anndata
    import pandas

    parts = []
    for cells, tissue in ((world.cells, "structured"), (none.cells, "unstructured")):
        columns = {name: list(cells.labels[name]) for name in ("donor", "branch", "node")}
        parts.append(pandas.DataFrame({**columns, "tissue": [tissue] * len(cells.cells)}))
    obs = pandas.concat(parts)
    obs.index = [f"cell_{row + 1:05d}" for row in range(len(obs))]
    counts = sparse.vstack([world.cells.counts, none.cells.counts]).tocsr().astype(np.int32)
    anndata.AnnData(counts, obs=obs, var=pandas.DataFrame(index=list(world.cells.genes))).write_h5ad(file)
