"""Campaigns about planted trees of cells, written as the files that a person would give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from theodolite.data import CellSet
from theodolite.data.tree_world import TreeWorld, WorldShape, tree_world

__all__ = ["joined", "write_tree_campaign"]

_PLUGIN = '''"""The model of a planted world, which knows the programs of its tree."""

from theodolite.data.tree_world import tree_world
from theodolite.models.offered import offer_model


def _world():
    return tree_world({seed}, shape={shape!r}, tissues=1, **{world!r})


def _facts():
    from theodolite.models.planted_tree import tree_facts

    return tree_facts(_world(), {seed})


@offer_model("planted-tree-{seed}", _facts)
def load():
    """Know the programs of the world."""
    from theodolite.models.planted_tree import tree_model

    return tree_model(_world(), {seed})
'''


def write_tree_campaign(
    folder: Path, seed: int, shape: WorldShape = "tree", *, world: Mapping[str, Any] | None = None, **overrides: Any
) -> Path:
    """Write cells, a model, a stage graph and a campaign about them to a folder, and return the campaign file.

    Cells of a world are of the tissue ``marrow``; those of ``lung``, in which every claim must fail, have the same
    labels and no structure.

    Parameters
    ----------
    folder
        Where to; made if it is not there.
    seed
        Of the world and of what the model knows of it.
    shape
        Which labels the counts know.
    world
        Numbers of :func:`theodolite.data.tree_world.tree_world` that differ from its own, such as ``genes``.
    overrides
        Keys of the campaign file; nested keys join those that are there, and what is None is left out.
    """
    import yaml

    numbers = dict(world or {})
    planted = tree_world(seed, shape=shape, tissues=1, **numbers)
    empty = tree_world(seed, shape="none", tissues=1, **numbers)
    folder.mkdir(parents=True, exist_ok=True)
    _write_cells(folder / "cells.h5ad", {"marrow": planted.cells, "lung": empty.cells})
    plugin = f"tree_{seed}_{shape}.py"
    (folder / plugin).write_text(_PLUGIN.format(seed=seed, shape=shape, world=numbers), encoding="utf-8")
    (folder / "tree.yaml").write_text(yaml.safe_dump([_graph(planted)]), encoding="utf-8")
    content = joined(_campaign(seed, planted, plugin), overrides)
    file = folder / "campaign.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def _write_cells(path: Path, tissues: Mapping[str, CellSet]) -> None:
    import anndata
    import numpy as np
    import pandas as pd
    from scipy.sparse import vstack

    labels = []
    for tissue, cells in tissues.items():
        frame = pd.DataFrame({name: list(cells.label(name)) for name in ("donor", "branch", "node")})
        labels.append(frame.assign(tissue=tissue))
    obs = pd.concat(labels).astype(str)
    obs.index = pd.Index([f"cell_{row + 1:05d}" for row in range(len(obs))])
    genes = next(iter(tissues.values())).genes
    counts = vstack([cells.counts for cells in tissues.values()]).tocsr().astype(np.int32)
    anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=list(genes))).write_h5ad(path)


def _graph(planted: TreeWorld) -> dict[str, Any]:
    branches: dict[str, list[str]] = {}
    for node, branch in planted.branch.items():
        branches.setdefault(branch, []).append(node)
    return {
        "id": "tree",
        "title": "the planted tree",
        "root": planted.edges[0][0],
        "branches": branches,
        "edges": [{"source": "planted", "steps": [list(step) for step in planted.edges]}],
    }


def _campaign(seed: int, planted: TreeWorld, plugin: str) -> dict[str, Any]:
    trunk = planted.branch[planted.edges[0][0]]
    return {
        "name": f"tree-{seed}",
        "plugins": [plugin],
        "model": f"planted-tree-{seed}",
        "cells": {
            "source": "cells.h5ad",
            "species": "planted",
            "labels": ["donor", "branch", "node", "tissue"],
            "donor": "donor",
        },
        "manifold": {
            "stage": "node",
            "donor": "donor",
            "branch": "branch",
            "tips": sorted(set(planted.branch.values()) - {trunk}),
            "rulers": [{"id": "tree", "graph": "tree.yaml"}],
            "expected_fail": {"column": "tissue", "values": ["lung"]},
            "fitters": ["landmark_isomap", "diffusion_map"],
            "sizes": [15],
        },
        "budget": {"experiments": 2},
        "threads": 1,
        "workers": 1,
    }


def joined(content: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file's content with other keys; nested keys join those that are there, and None takes a key away."""
    found = dict(content)
    for key, value in overrides.items():
        if isinstance(value, dict) and isinstance(found.get(key), dict):
            found[key] = joined(found[key], value)
        elif value is None:
            found.pop(key, None)
        else:
            found[key] = value
    return found
