"""``saes train`` and ``saes describe``: from a model and cells to autoencoders, and what each mistake is told."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.cli.exit_codes import ExitCode
from theodolite.saes import SparseAutoencoder, load_sae
from theodolite.saes.files import save_sae

TINY = ("--cells", "pbmc", "--most", "40", "--steps", "12", "--rows", "64", "--features", "24", "--k", "3")
TWO = ("--at", "0,2", "--seeds", "2")
Train = Callable[..., Any]


@pytest.fixture
def train(cli: Any) -> Train:
    return lambda out, *words: cli("saes", "train", "compact-pbmc", "--out", out, *TINY, *words)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return the folder of two layers and two seeds, only to be read, and what was said when it was made."""
    from typer.testing import CliRunner

    from theodolite.cli import app

    out = tmp_path_factory.mktemp("saes") / "out"
    said = CliRunner().invoke(app, ["saes", "train", "compact-pbmc", "--out", str(out), *TINY, *TWO])
    return out, said


@pytest.fixture
def own(trained: tuple[Path, Any], tmp_path: Path) -> Path:
    """Return a copy of that folder, to be written to."""
    return Path(shutil.copytree(trained[0], tmp_path / "out"))


def test_a_person_reads_a_line_a_layer_and_where_the_autoencoders_are(trained: tuple[Path, Any]) -> None:
    out, said = trained
    assert said.exit_code == 0, said.output
    lines = [line.split() for line in said.stdout.splitlines()]
    assert lines[0] == ["site", "gamma", "explained", "variance", "active", "dead", "matched", "at", "0.7"]
    assert [line[0] for line in lines[1:3]] == ["embedding", "residual.2"]
    for _, gamma, explained, active, dead, matched in lines[1:3]:
        assert float(gamma) > 0 and float(explained) < 1 and float(active) == 3.0
        assert dead.endswith("%") and matched.endswith("%")
    assert words(said.stdout).endswith(f"On tokens of held-out cells, medians over 2 seeds. Autoencoders: {out}")
    assert "compact-pbmc on pbmc: 40 cells, of which 4 are held out; 24 features, 3 active." in words(said.stderr)


def test_each_folder_holds_what_the_help_says(trained: tuple[Path, Any], cli: Any) -> None:
    out, _ = trained
    written = set(files(out))
    own = {"sae_weights.safetensors", "cfg.json", "training.json", "train_log.jsonl"}
    expected = {f"{site}/seed-{seed}/{name}" for site in ("embedding", "residual.2") for seed in (0, 1) for name in own}
    assert {name for name in written if not name.startswith("activations/")} == expected | {"layers.json"}
    assert "activations/manifest.json" in written
    told = words(cli("saes", "train", "--help").stdout)
    folders = ("OUT/activations", "OUT/residual.N/seed-S", "OUT/embedding/seed-S", "OUT/layers.json")
    for name in (*folders, "sae_weights.safetensors", "cfg.json", "training.json"):
        assert name in told, name
    found = load_sae(out / "residual.2" / "seed-1")
    assert (found.features, found.k, found.about["settings"]["seed"]) == (24, 3, 1)
    assert found.about["rows"]["cells"] == 40


def test_a_second_call_trains_nothing_and_says_so(train: Train, own: Path, trained: tuple[Path, Any]) -> None:
    before = files(own)
    again = train(own, *TWO)
    assert again.exit_code == 0
    assert files(own) == before
    assert again.stdout.replace(str(own), "") == trained[1].stdout.replace(str(trained[0]), "")
    assert "4 of 4 autoencoders had been trained before; --restart trains them anew." in words(again.stderr)


def test_as_json_it_is_what_the_summary_file_holds(train: Train, own: Path) -> None:
    said = train(own, *TWO, "--json")
    rows = json.loads(said.stdout)
    assert rows == json.loads((own / "layers.json").read_text())
    assert [row["site"] for row in rows] == ["embedding", "residual.2"]
    assert all(len(row["explained_variance"]) == 2 and len(row["matched"]) == 1 for row in rows)


def test_what_was_broken_off_goes_on(train: Train, own: Path, trained: tuple[Path, Any]) -> None:
    shutil.rmtree(own / "residual.2" / "seed-1")
    (own / "activations" / "shard-00001.safetensors").unlink()
    again = train(own, *TWO)
    assert again.exit_code == 0
    assert files(own) == files(trained[0])
    assert re.search("shard 1 .*is made anew", words(again.stderr))
    assert "3 of 4 autoencoders had been trained before" in words(again.stderr)


def test_other_settings_in_the_same_folder_are_refused_until_it_is_told_to_start_anew(train: Train, own: Path) -> None:
    before = files(own)
    refused = train(own, *TWO, "--k", "4")
    assert refused.exit_code == ExitCode.BAD_INPUT
    told = words(refused.stderr)
    assert "embedding/seed-0 holds an autoencoder of other settings" in told
    assert "--restart, or another --out" in told
    assert files(own) == before
    anew = train(own, *TWO, "--k", "4", "--restart")
    assert anew.exit_code == 0 and "trained before" not in anew.stderr
    assert {load_sae(own / site / f"seed-{seed}").k for site in ("embedding", "residual.2") for seed in (0, 1)} == {4}


def test_the_untrained_model_is_another_and_goes_into_a_folder_of_its_own(
    train: Train, own: Path, tmp_path: Path
) -> None:
    refused = train(own, *TWO, "--untrained")
    assert refused.exit_code == ExitCode.BAD_INPUT
    assert "(variant 'main' in place of 'untrained(0)'); name another folder" in words(refused.stderr)
    done = train(tmp_path / "untrained", "--at", "2", "--untrained")
    assert done.exit_code == 0
    assert "compact-pbmc, untrained on pbmc" in words(done.stderr) and "one seed" in done.stdout
    trained, untrained = (load_sae(folder / "residual.2" / "seed-0") for folder in (own, tmp_path / "untrained"))
    assert untrained.about["rows"]["variant"] == "untrained(0)"
    assert trained.about["rows"]["model_sha256"] == untrained.about["rows"]["model_sha256"]
    assert not np.allclose(trained.decoder_bias, untrained.decoder_bias)


def test_batchtopk_with_dictionaries_within_is_described_as_such(train: Train, cli: Any, tmp_path: Path) -> None:
    done = train(tmp_path, "--at", "1-1", "--sparsity", "batchtopk", "--widths", "6,12")
    assert done.exit_code == 0, done.output
    told = words(cli("saes", "describe", tmp_path / "residual.1" / "seed-0").stdout)
    assert "24 features of a width of 64; of a token those above a threshold are active" in told
    assert "training: batchtopk, 12 steps of 64, seed 0, dictionaries of 6, 12 features within" in told


def test_fewer_features_than_would_be_active_are_all_active(cli: Any, tmp_path: Path) -> None:
    done = cli("saes", "train", "compact-pbmc", "--out", tmp_path, "--at", "0", *TINY[:8], "--features", "4")
    assert done.exit_code == 0, done.output
    assert load_sae(tmp_path / "embedding" / "seed-0").k == 4


def test_an_autoencoder_is_described(cli: Any, trained: tuple[Path, Any]) -> None:
    out, _ = trained
    found = cli("saes", "describe", out / "residual.2" / "seed-1")
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert lines[0] == "24 features of a width of 64; of a token the 3 largest are active"
    assert "site: residual.2, tokens of all genes" in lines
    assert any(line.startswith("cells: 40, of which 4 were held out") for line in lines)
    assert lines[-1] == "training: topk, 12 steps of 64, seed 1"
    said = json.loads(cli("saes", "describe", out / "residual.2" / "seed-1", "--json").stdout)
    assert (said["features"], said["width"], said["k"]) == (24, 64, 3)
    assert said["about"]["rows"]["site"] == "residual.2"


def test_one_that_says_nothing_of_its_origin_is_described_all_the_same(cli: Any, tmp_path: Path) -> None:
    unit = np.eye(3, dtype=np.float32)
    save_sae(SparseAutoencoder(unit, unit, np.zeros(3, np.float32), np.zeros(3, np.float32), k=1), tmp_path)
    assert cli("saes", "describe", tmp_path).stdout.splitlines() == [
        "3 features of a width of 3; of a token the largest are active",
        "it does not say what it was trained on",
    ]


def test_a_folder_without_an_autoencoder_is_named_with_what_to_name_instead(
    cli: Any, trained: tuple[Path, Any], tmp_path: Path
) -> None:
    nothing = cli("saes", "describe", tmp_path / "nowhere")
    assert nothing.exit_code == ExitCode.BAD_INPUT
    told = words(nothing.stderr)
    assert "nowhere holds no sparse autoencoder (no cfg.json); name a folder with sae_weights.safetensors" in told
    whole = cli("saes", "describe", trained[0])
    assert whole.exit_code == ExitCode.BAD_INPUT
    assert f"holds 4 autoencoders; name the folder of one, such as {trained[0] / 'embedding' / 'seed-0'}" in words(
        whole.stderr
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--at", "9"), "--at '9': compact-pbmc has the layers 0 (the embedding) to 3"),
        (("--at", "x"), "--at 'x': give layers with commas between them (1,3), a span (0-4), or all"),
        (("--at", "1,"), "--at '1,': give layers with commas between them"),
        (("--at", "3-1"), "--at '3-1': 3-1 ends before it begins; give a span as 0-4"),
        (("--k", "40"), "k is 40 of 24 features; it cannot be more than there are"),
        (("--widths", "5,x"), "--widths '5,x': give whole numbers with commas between them, as 64,256"),
        (("--widths", "30"), "widths are (30,); give ascending numbers of features, each below 24"),
        (("--held-out", "0"), "the held-out share is 0.0; give one between 0 and 1"),
        (("--held-out", "0.001"), "a held-out share of 0.001 of 40 cells leaves one side empty; give more cells"),
        (("--sparsity", "relu"), "sparsity is 'relu'; use 'topk' or 'batchtopk'"),
        (("--device", "gpu"), "device 'gpu' is not at hand; this machine has"),
        (("--steps", "0"), "'--steps': Input should be greater than or equal to 1"),
        (("--cells", "absent.h5ad"), "absent.h5ad"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    train: Train, tmp_path: Path, given: tuple[str, ...], said: str
) -> None:
    refused = train(tmp_path / "out", *given)
    assert refused.exit_code == ExitCode.BAD_INPUT
    assert said in words(refused.stderr)
    assert not (tmp_path / "out").exists()


def test_an_unknown_model_is_refused_with_those_there_are(cli: Any, tmp_path: Path) -> None:
    refused = cli("saes", "train", "nobody", "--cells", "pbmc", "--out", tmp_path / "out")
    assert refused.exit_code == ExitCode.BAD_INPUT and "compact-pbmc" in refused.stderr


@pytest.mark.parametrize("asked", [["--help"], ["saes", "--help"], ["saes", "train", "--help"]])
def test_help_loads_no_heavy_library(asked: list[str]) -> None:
    code = (
        "import sys; from theodolite.cli import app\n"
        f"try: app({asked!r}, prog_name='theodolite')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "print('MODULES', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, _, modules = done.stdout.partition("MODULES")
    assert "saes" in said
    assert not {"torch", "numba", "numpy", "scanpy"} & {name.partition(".")[0] for name in modules.split()}
