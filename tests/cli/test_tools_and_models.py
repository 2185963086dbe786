"""``tools``, ``models``, ``doctor``."""

from __future__ import annotations

import importlib.metadata
import json
import re
from dataclasses import fields

import numpy as np
import pytest

from theodolite.cli.exit_codes import ExitCode
from theodolite.data import Reference, load_programs, offer_references
from theodolite.descriptions import descriptions
from theodolite.sources import Source
from theodolite.tools import NothingMovedError, tools


def test_every_instrument_is_listed_and_described(cli):
    listed = json.loads(cli("tools", "list", "--json").stdout)
    assert [item["name"] for item in listed if item["kind"] == "tool"] == [tool.name for tool in tools()]
    for tool in tools():
        text = cli("tools", "describe", tool.name).stdout
        assert tool.unit.split(",")[0] in text and f"version {tool.version}" in text
        assert all(parameter in text for parameter in tool.params.model_fields)
        assert "-------" not in text
        told = json.loads(cli("tools", "describe", tool.name, "--json").stdout)
        assert {key: told[key] for key in tool.describe()} == tool.describe()


def test_descriptions_are_listed_in_a_group_of_their_own_and_told(cli):
    listed = json.loads(cli("tools", "list", "--json").stdout)
    names = [item["name"] for item in listed if item["kind"] == "description"]
    assert names == [found.name for found in descriptions()]
    text = cli("tools", "list").stdout
    assert "what it describes; makes no claim" in text
    assert text.index("geometry.regulator_proximity") < text.index("makes no claim") < text.index("geometry.co_pole")
    for found in descriptions():
        text = " ".join(cli("tools", "describe", found.name).stdout.split())
        assert "standing: description: makes no claim, spends no level" in text and f"unit: {found.unit}" in text
        assert all(parameter in text for parameter in found.params.model_fields)
        told = json.loads(cli("tools", "describe", found.name, "--json").stdout)
        assert {key: told[key] for key in found.describe()} == found.describe()
        assert told["kind"] == "description" and told["memory"]["own bytes"] >= 0 and told["source"]


def test_what_is_told_is_enough_to_use_a_description(cli):
    text = " ".join(cli("tools", "describe", "geometry.lineage_convergence", "--genes", "2000").stdout.split())
    for said in (
        "held against: gene sets",
        "memory: 16.6 MB for 2,000 genes, beside a capture of",
        "followed: genes to follow, such as regulators of the lineage (array)",
        'descriptions: [{name: geometry.lineage_convergence, params: {"followed": ["SPIB", "SPI1"]}}] references:',
        'tl.describe(adata, "geometry.lineage_convergence", model="compact-pbmc", reference="programs", followed=',
        'adata.uns["geometry_lineage_convergence"]["sentence"]',
    ):
        assert said in text, said
    found = cli("tools", "check", "geometry.co_pole")
    assert found.exit_code == ExitCode.BAD_INPUT and "is a description, which makes no claim" in found.stderr


def regulons():
    """Regulons of packaged genes in the place of those that are not packaged."""
    from theodolite import tl

    genes, draw = list(tl.pbmc().var_names[:160]), np.random.default_rng(0)
    table = []
    for place, name in enumerate(("trrust", "trrust.activation", "trrust.repression")):
        edges = tuple((gene, draw.choice(genes[30 + place :: 3])) for gene in genes[:15] for _ in range(6))
        table.append(Reference(name, name, "regulon", tuple(set(edges)), "drawn", (Source(name="drawn"),)))
    return tuple(table)


FEW = {
    "draws": 2, "edge_draws": 2, "shuffles": 2, "resamples": 5, "rewirings": 2, "learners": ["ols"],
    "least_in_state": 2, "cells_at_most": 2, "sizes": [1], "steps": 3, "seeds": 2, "least_cells": 2, "exchanges": 2,
    "least_together": 2, "permutations": 9,
}  # fmt: skip
"""Of each parameter as little as there can be: a hundred draws, and boosted trees, are too many for a test."""


@pytest.mark.usefixtures("fresh_plugins")
def test_the_lines_that_are_told_of_a_description_run(cli, monkeypatch):
    """As they stand, but for draws and genes."""
    offer_references("trrust")(regulons)
    from theodolite import tl
    from theodolite.analysis.attention import incremental

    monkeypatch.setattr(incremental, "_TREES", {**incremental._TREES, "max_iter": 5})
    adata = tl.pbmc()[::50].copy()
    marks = next(item.gene_set for item in load_programs() if item.id == "b_lineage_marks")
    shown = {gene for found in descriptions() for gene in re.findall(r'"(\w+)"', str(found.example))}
    adata.var["few"] = adata.var_names.isin([*adata.var_names[:160], *marks, *shown, "SPIB", "SPI1"])
    perturbed = tl.pbmc()[::35].copy()
    perturbed.obs["target"] = ["non-targeting", "SPIB"] * (perturbed.n_obs // 2)
    perturbed.var["few"] = adata.var["few"]
    for found in descriptions():
        of = perturbed if "perturbation" in str(found.example) else adata
        told = json.loads(cli("tools", "describe", found.name, "--json").stdout)
        few = {name: value for name, value in FEW.items() if name in found.params.model_fields}
        lines = [
            line[:-1] + f", genes='few', params={few})" if "tl.describe" in line else line for line in told["python"]
        ]
        exec("\n".join(lines), {"adata": of})
        assert of.uns[found.name.replace(".", "_")]["sentence"]


def test_a_description_is_enough_to_use_an_instrument(cli):
    text = " ".join(cli("tools", "describe", "geometry.pair_proximity", "--genes", "2000").stdout.split())
    for said in (
        "PairScores: one number a pair of genes, (n, n), symmetric",
        "source: arXiv 2602.22247 §co-pole and pair tests",
        "reads: gene vectors (the residual stream",
        "; singular axes of a site's gene vectors",
        "memory: 96 MB for 2,000 genes, beside a capture of",
        "places in compact-pbmc: 15, from",
        "the seed of a job fixes whatever is drawn",
        "first: first singular axis of the window, counted from 1 (integer, 1 to 6)",
        "(integer or null, 0 or more)",
        "tools: [geometry.pair_proximity] references: programs",
        'tl.measure(adata, "geometry.pair_proximity", model="compact-pbmc", layer=',
        'adata.varp["geometry_pair_proximity"]',
    ):
        assert said in text, said


def test_a_description_tells_the_places_of_the_model_that_is_named(cli, small_world):
    words = ["tools", "describe", "attention.edges", "--model", small_world.model, "--json"]
    told = json.loads(cli(*words).stdout)
    assert told["places"] == 2 * 3 and told["reads"] == ["attention"] and "§attention" in told["source"]
    assert told["memory"]["own bytes"] == 3 * 8 * 1_000**2
    found = cli("tools", "describe", "attention.edges", "--model", "nope")
    assert found.exit_code == ExitCode.BAD_INPUT and "no model 'nope'" in found.stderr


def test_the_lines_of_a_description_run(cli, small_world, tmp_path):
    """The campaign lines make a campaign file, and the three Python lines measure."""
    from theodolite import tl
    from theodolite.experiments import load_campaign

    for tool in tools():
        told = json.loads(cli("tools", "describe", tool.name, "--json", "--model", "compact-pbmc").stdout)
        file = tmp_path / "c.yaml"
        file.write_text("\n".join(["name: tried", *told["campaign"]]), encoding="utf-8")
        assert load_campaign(file).tools == (tool.name,)
        if tool.relation.of_cells:
            continue  # what is shown of anchors is help, and no measurement
        names = {"adata": tl.pbmc()[::50].copy()}
        try:
            exec("\n".join(told["python"]), names)
        except NothingMovedError:
            continue  # what happens to stand in the example does nothing in this model, and the instrument says so
        assert tool.name.replace(".", "_") in names["adata"].uns


def test_an_unknown_instrument_is_answered_with_those_there_are(cli):
    found = cli("tools", "describe", "geometry.nope")
    assert found.exit_code == ExitCode.BAD_INPUT
    assert "'geometry.nope'" in found.stderr and "attention.edges" in found.stderr


@pytest.mark.usefixtures("fresh_plugins")
def test_the_packaged_model_is_listed(cli):
    from theodolite.models.registry import model_facts

    (model,) = json.loads(cli("models", "list", "--json").stdout)
    assert model["sha256"] == model_facts("compact-pbmc").sha256
    assert "compact-pbmc" in cli("models", "list").stdout


@pytest.mark.usefixtures("fresh_plugins")
def test_a_damaged_model_is_listed_as_such_beside_the_others(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("THEODOLITE_MODELS", str(tmp_path))
    for name, files in (("broken", {"config.json": '{"model_type": "bert"}'}), ("empty", {})):
        for file, text in {**files, "theodolite.json": "{}"}.items():
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / file).write_text(text)
    found = cli("models", "list")
    assert found.exit_code == 0 and "compact-pbmc" in found.stdout
    for said in ("broken is damaged: ", "config.json", "empty is damaged: "):
        assert said in found.stdout
    listed = {model["name"]: model for model in json.loads(cli("models", "list", "--json").stdout)}
    assert "config.json" in listed["broken"]["damaged"] and "sha256" in listed["compact-pbmc"]


def test_training_has_an_option_for_every_setting(cli):
    """``command.txt`` beside a checkpoint names options after these fields."""
    from theodolite.models.compact import CompactConfig
    from theodolite.models.training import TrainSettings

    text = cli("models", "train", "compact", "--help").stdout
    names = [field.name for cls in (TrainSettings, CompactConfig) for field in fields(cls) if field.name != "genes"]
    for name in names:
        assert f"--{name.replace('_', '-')} " in text


TINY = ["--eval-every", 2, "--save-every", 1, "--evaluation-masks", 1, "--cells-per-step", 2, "--threads", 1,
        "--width", 8, "--n-layers", 1, "--n-heads", 2, "--feedforward", 8]  # fmt: skip


def test_training_writes_a_model_and_its_command_and_goes_on_where_it_stopped(cli, small_world, tmp_path):
    out = tmp_path / "tiny"
    words = ["models", "train", "compact", "--cells", small_world.cells, *TINY, "--steps", 4, "--out", out]
    found = cli(*words)
    assert found.exit_code == 0, found.stderr
    assert "shrinkage-covariance" in found.stdout and "gene mean" in found.stdout
    assert "Training: 4 of 4" in found.stderr
    weights = (out / "model.safetensors").read_bytes()
    assert f"--cells {small_world.cells}" in (out / "command.txt").read_text()

    again = cli(*words)
    assert "continuing it" in again.stderr and (out / "model.safetensors").read_bytes() == weights
    other = cli(*words, "--seed", 7)
    assert other.exit_code == ExitCode.BAD_INPUT and "--restart" in other.stderr
    assert (out / "model.safetensors").read_bytes() == weights
    assert cli(*words, "--seed", 7, "--restart").exit_code == 0
    assert (out / "model.safetensors").read_bytes() != weights


@pytest.mark.parametrize(("option", "value"), [("--width", 15), ("--steps", 0), ("--mask-share", 2), ("--dropout", 1)])
def test_training_refuses_a_value_before_it_makes_a_folder(cli, small_world, tmp_path, option, value):
    out = tmp_path / "never"
    found = cli("models", "train", "compact", "--cells", small_world.cells, "--out", out, option, value)
    assert found.exit_code == ExitCode.BAD_INPUT
    assert str(value) in found.stderr and not out.exists()


def test_doctor_finds_a_sound_installation_sound(cli, tmp_path):
    found = cli("doctor", "--workspace", tmp_path, "--json")
    told = json.loads(found.stdout)
    assert found.exit_code == 0, told
    names = {finding["name"] for finding in told["findings"]}
    assert {"Python", "free disk", "torch", "packaged model", "packaged cells", "file system"} <= names


def test_doctor_names_what_is_broken_and_how_to_mend_it(cli, tmp_path, monkeypatch):
    known = importlib.metadata.version

    def version(name):
        if name == "langgraph":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = cli("doctor", "--workspace", tmp_path)
    assert found.exit_code == ExitCode.PROBLEM
    assert "pip install langgraph" in " ".join(found.stdout.split()) and "1 of " in found.stdout
