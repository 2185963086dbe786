"""Models are added whole or not at all, with source, licence and checksums."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fuzzing import snapshot
from hub_server import COMMIT, Hub, serving

from theodolite.models.adding import AddingError, add_from, known_model, plan_of_folder, staging
from theodolite.models.facts import CheckpointError
from theodolite.models.fetching import fetch
from theodolite.models.geneformer.facts import geneformer_facts
from theodolite.models.geneformer.sizes import Size
from theodolite.models.geneformer.writing import write_random_checkpoint as write_bert
from theodolite.models.known import KNOWN, ExpectedFile, KnownModel
from theodolite.models.scgpt.checkpoint import write_random_checkpoint
from theodolite.models.scgpt.model import load_scgpt
from theodolite.models.scgpt.settings import ScGPTSettings
from theodolite.models.shelf import CARD_FILE, changed_files, models_folder, read_card, registered_models

WHEN = "2026-11-28T21:00:00+00:00"


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("THEODOLITE_MODELS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


@pytest.fixture(autouse=True)
def of_any_shape(monkeypatch: pytest.MonkeyPatch) -> dict[str, KnownModel]:
    """Let models so small be added under published names; returns what is published."""
    published = dict(KNOWN)
    for name, model in published.items():
        monkeypatch.setitem(KNOWN, name, replace(model, shape={}))
    return published


@pytest.fixture
def scgpt_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "downloaded"
    settings = ScGPTSettings(embsize=8, nheads=2, d_hid=8, nlayers=1, max_seq_len=20)
    write_random_checkpoint(folder, ("CD74", "B2M", "IL7R"), settings, seed=1, flash="Wqkv")
    (folder / "notes.txt").write_text("mine")
    return folder


def test_a_folder_is_copied_read_and_kept_with_its_card(scgpt_folder: Path, shelf: Path) -> None:
    before = snapshot(scgpt_folder)
    place, card = add_from(plan_of_folder(known_model("scgpt-human"), scgpt_folder), WHEN)
    assert place == shelf / "scgpt-human" and registered_models() == {"scgpt-human": place}
    assert snapshot(scgpt_folder) == before
    assert sorted(path.name for path in place.iterdir()) == [
        "args.json",
        "best_model.pt",
        "theodolite.json",
        "vocab.json",
    ]
    kept = read_card(place)
    assert card == replace(kept, left_out=(), notes=tuple(kept.notes)) and card.licence == "MIT"
    # A model so small is read, but is not the one that the name promises.
    assert "best_model.pt has" in card.notes[-1] and "is it that model?" in card.notes[-1]
    assert card.page == "https://github.com/bowang-lab/scGPT" and card.added == WHEN
    assert {name: entry["sha256"] for name, entry in card.files.items()} == {
        name: digest for name, digest in before.items() if name != "notes.txt"
    }
    assert card.model_sha256 == load_scgpt(scgpt_folder).sha256 == load_scgpt(place).sha256
    assert changed_files(place) == ()
    (place / "args.json").write_text("{}")
    (place / "vocab.json").unlink()
    assert changed_files(place) == ("args.json", "vocab.json")


def test_a_broken_folder_leaves_the_shelf_as_it_was(scgpt_folder: Path, shelf: Path) -> None:
    args = json.loads((scgpt_folder / "args.json").read_text())
    (scgpt_folder / "args.json").write_text(json.dumps({**args, "embsize": 16}))
    with pytest.raises(CheckpointError, match=r"^best_model\.pt: tensor .* where the configuration asks for"):
        add_from(plan_of_folder(known_model("scgpt-human"), scgpt_folder), WHEN)
    assert list(shelf.iterdir()) == [] and registered_models() == {}


def test_a_model_that_is_plainly_another_one_is_refused(
    scgpt_folder: Path, shelf: Path, tmp_path: Path, of_any_shape: dict[str, KnownModel]
) -> None:
    write_bert(tmp_path / "bert", Size("tiny", 2, 1, 4, 2, 4, 8, 104), seed=1, corpus="gc104M")
    human = (
        r"layers 1 where 12 is published, width 8 where 512.*heads 2 where 8.*context 20.*vocabulary [68] where 60,697"
    )
    for name, folder, said in (
        ("scgpt-human", scgpt_folder, human),
        ("scgpt-lung", scgpt_folder, r"layers 1 .*heads 2 where 8 is published\. Get it from https://github"),
        (
            "geneformer-v2-104m",
            tmp_path / "bert",
            r"layers 1 where 12.*context 8 where 4,096.*vocabulary 104 where 20,275",
        ),
    ):
        with pytest.raises(AddingError, match=f"not {name}: {said}"):
            add_from(plan_of_folder(of_any_shape[name], folder), WHEN)
        assert list(shelf.iterdir()) == []


def test_the_published_shape_is_taken_and_one_that_nobody_knows_is_not_asked_for(
    tmp_path: Path, of_any_shape: dict[str, KnownModel]
) -> None:
    small = Size("tiny", 2, 1, 4, 2, 4, 8, 104)
    write_bert(tmp_path / "gc104M", small, seed=1, corpus="gc104M")
    write_bert(tmp_path / "gc95M", small, seed=1, corpus="gc95M")
    shape = {"layers": 1, "width": 4, "heads": 2, "context": 8, "vocabulary": 104}
    assert of_any_shape["geneformer-v2-316m"].shape.keys() == shape.keys()
    add_from(plan_of_folder(replace(of_any_shape["geneformer-v2-316m"], shape=shape), tmp_path / "gc104M"), WHEN)
    add_from(plan_of_folder(of_any_shape["geneformer-gf-20l-95m-i4096"], tmp_path / "gc95M"), WHEN)
    assert set(registered_models()) == {"geneformer-v2-316m", "geneformer-gf-20l-95m-i4096"}


def test_absent_files_are_all_named(scgpt_folder: Path) -> None:
    (scgpt_folder / "args.json").unlink()
    (scgpt_folder / "vocab.json").unlink()
    with pytest.raises(AddingError, match=r"has no args\.json, vocab\.json, which scgpt-human needs; download"):
        plan_of_folder(known_model("scgpt-human"), scgpt_folder)
    with pytest.raises(AddingError, match="is no folder; name the one with"):
        plan_of_folder(known_model("scgpt-human"), scgpt_folder / "none")


def test_nothing_on_the_shelf_is_replaced(scgpt_folder: Path) -> None:
    plan = plan_of_folder(known_model("scgpt-blood"), scgpt_folder)
    add_from(plan, WHEN)
    with pytest.raises(AddingError, match="is there already; remove that folder to add scgpt-blood anew"):
        add_from(plan, WHEN)


def test_a_full_disk_is_said_before_anything_is_copied(
    scgpt_folder: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 100, 0))  # type: ignore[attr-defined]
    with pytest.raises(AddingError, match="make room, or set THEODOLITE_MODELS"):
        add_from(plan_of_folder(known_model("scgpt-human"), scgpt_folder), WHEN)
    assert list(shelf.iterdir()) == []


def test_a_download_that_does_not_fit_is_not_begun(hub: Hub, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 100, 0))  # type: ignore[attr-defined]
    refused(hub, shelf, "make room, or set THEODOLITE_MODELS")
    assert not [asked for asked in hub.asked if "/resolve/" in asked]


def test_an_addition_that_was_killed_leaves_nothing_for_long(scgpt_folder: Path, shelf: Path) -> None:
    script = (
        "import os; from theodolite.models.adding import staging\n"
        "with staging('scgpt-human') as folder:\n"
        "    (folder / 'best_model.pt').write_bytes(b'half'); print(folder, flush=True); os._exit(9)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ)
    assert Path(shown.stdout.strip()).is_dir() and registered_models() == {}
    add_from(plan_of_folder(known_model("scgpt-human"), scgpt_folder), WHEN)
    assert [path.name for path in shelf.iterdir()] == ["scgpt-human"]


def test_what_has_no_card_is_no_model(shelf: Path) -> None:
    assert registered_models() == {}
    (shelf / "mine").mkdir(parents=True)
    (shelf / "mine" / "args.json").write_text("{}")
    assert registered_models() == {}


@pytest.mark.parametrize("text", ["{", "{}", '{"format": "theodolite-model-1"}', '{"format": "other"}'])
def test_a_broken_card_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / CARD_FILE).write_text(text)
    with pytest.raises(CheckpointError, match=r"theodolite\.json.*add the model again"):
        read_card(tmp_path)


def test_the_shelf_needs_no_torch() -> None:
    script = (
        "import sys; from theodolite.models.shelf import registered_models; "
        "registered_models(); print('torch' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


def test_the_shelf_lies_with_the_users_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("THEODOLITE_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert models_folder() == tmp_path / "theodolite" / "models"


def test_only_the_authors_own_places_are_known() -> None:
    for model in KNOWN.values():
        assert model.page in ("https://github.com/bowang-lab/scGPT", "https://huggingface.co/ctheodoris/Geneformer")
        assert model.repository in (None, "ctheodoris/Geneformer")
    sizes = {name: KNOWN[name].files[-1].bytes for name in ("geneformer-v1-10m", "geneformer-v2-316m", "scgpt-human")}
    assert {name: round((size or 0) / 1e6) for name, size in sizes.items()} == {
        "geneformer-v1-10m": 41,
        "geneformer-v2-316m": 1265,
        "scgpt-human": 207,
    }
    with pytest.raises(AddingError, match="no published model 'scgpt'.*scgpt-human"):
        known_model("scgpt")


def test_the_expected_size_of_scgpt_is_that_of_its_tensors() -> None:
    from theodolite.models.known import _scgpt_bytes
    from theodolite.models.scgpt.module import ScGPTModule

    module = ScGPTModule(ScGPTSettings(8, 2, 12, 3), 20, n_classes=1, mvc=True)
    assert _scgpt_bytes(20, 8, 12, 3) == 4 * sum(parameter.numel() for parameter in module.parameters())


# --- downloads: a small scGPT stands in a repository laid out as Geneformer's is


def fake(folders: tuple[str, ...] = ("New-Name", "old-name")) -> KnownModel:
    return KnownModel(
        name="fake",
        family="scgpt",
        title="a model for tests",
        page="https://example.org/fake",
        licence="MIT",
        files=tuple(ExpectedFile((name,), None, name) for name in ("args.json", "vocab.json", "best_model.pt")),
        repository="owner/fake",
        folders=folders,
        dictionaries=(ExpectedFile(("dictionaries/new/table.pkl", "dictionaries/table.pkl"), None, "a table"),),
        fetch="download it",
    )


@pytest.fixture
def hub(scgpt_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    files = {
        f"old-name/{name}": (scgpt_folder / name).read_bytes() for name in ("args.json", "vocab.json", "best_model.pt")
    }
    with serving(Hub("owner/fake", {**files, "dictionaries/table.pkl": b"}.", "README.md": b"hello"})) as found:
        yield found


def test_a_download_takes_the_newest_name_that_is_there_and_keeps_the_commit(hub: Hub, shelf: Path) -> None:
    with staging("download") as fresh:
        plan = fetch(fake(), fresh, endpoint=hub.endpoint)
        place, card = add_from(plan, WHEN)
    assert card.source == {
        "repository": "owner/fake",
        "revision": "main",
        "commit": COMMIT,
        "endpoint": hub.endpoint,
    }
    assert sorted(card.files) == ["args.json", "best_model.pt", "table.pkl", "vocab.json"]
    assert load_scgpt(place).genes == ("CD74", "B2M", "IL7R")
    assert [path.name for path in shelf.iterdir()] == ["fake"]
    assert not [asked for asked in hub.asked if "README" in asked]

    hub.files |= {
        f"New-Name/{name}": hub.files[f"old-name/{name}"] for name in ("args.json", "vocab.json", "best_model.pt")
    }
    hub.asked.clear()
    with staging("download") as fresh:
        fetch(fake(), fresh, endpoint=hub.endpoint)
    assert any("New-Name" in asked for asked in hub.asked) and not any("old-name" in asked for asked in hub.asked)


def refused(hub: Hub, shelf: Path, says: str, **given: Any) -> None:
    with pytest.raises(AddingError, match=says), staging("download") as fresh:
        add_from(fetch(given.pop("model", fake()), fresh, endpoint=hub.endpoint, **given), WHEN)
    assert list(shelf.iterdir()) == []


def test_other_content_than_the_server_says_is_refused(hub: Hub, shelf: Path) -> None:
    hub.forged = {"old-name/best_model.pt"}
    refused(hub, shelf, r"old-name/best_model\.pt is not what the server says it is")


def test_a_download_that_breaks_off_is_refused(hub: Hub, shelf: Path) -> None:
    hub.cut_off = {"old-name/best_model.pt"}
    refused(hub, shelf, r"could not be fetched .*then give `theodolite models add fake FOLDER`")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"fails": 403}, "could not be fetched|not open to everybody"),
        ({"fails": 500}, "could not be fetched"),
        ({"page": True}, "could not be fetched"),
        ({"repository": "owner/other"}, "owner/fake at .* is not there, or not open to everybody"),
    ],
)
def test_a_server_that_misbehaves_is_named(hub: Hub, shelf: Path, change: dict[str, Any], says: str) -> None:
    for name, value in change.items():
        setattr(hub, name, value)
    refused(hub, shelf, f"({says}).*download it.*then give `theodolite models add fake FOLDER`")


def test_what_a_repository_lacks_is_named(hub: Hub, shelf: Path) -> None:
    refused(hub, shelf, "has no revision 'v9'; give another", revision="v9")
    refused(hub, shelf, "has no folder No-Name with the files of fake; give --revision", model=fake(("No-Name",)))
    del hub.files["dictionaries/table.pkl"]
    refused(hub, shelf, r"has no dictionaries/new/table\.pkl \(a table\), which fake needs; give --revision")


def test_without_a_network_the_remedy_is_a_folder(hub: Hub, shelf: Path) -> None:
    gone = hub.endpoint
    hub.endpoint = "http://127.0.0.1:9"
    refused(hub, shelf, r"owner/fake at http://127\.0\.0\.1:9 could not be fetched .*then give `theodolite models add")
    hub.endpoint = gone


def test_offline_mode_is_said(hub: Hub, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused(hub, shelf, "HF_HUB_OFFLINE forbids downloads; unset it, or download it")


def test_what_no_program_can_download_says_how(tmp_path: Path) -> None:
    with pytest.raises(
        AddingError, match=r"scgpt-human cannot be downloaded by a program; download the whole folder from"
    ):
        fetch(known_model("scgpt-human"), tmp_path)


# --- Geneformer: dictionaries lie elsewhere in a copy of the authors' repository


def test_a_copy_of_the_repository_of_geneformer_is_added_with_its_dictionaries(tmp_path: Path) -> None:
    clone = tmp_path / "Geneformer"
    write_bert(clone / "Geneformer-V2-104M", Size("tiny", 2, 1, 4, 2, 4, 8, 9), seed=1, corpus="gc104M")
    (clone / "geneformer").mkdir()
    for table in (clone / "Geneformer-V2-104M").glob("*_gc104M.pkl"):
        table.rename(clone / "geneformer" / table.name)
    model = known_model("geneformer-v2-104m")
    for given in (clone, clone / "Geneformer-V2-104M"):
        place, card = add_from(plan_of_folder(model, given), WHEN)
        assert card.licence == "Apache-2.0" and card.model_sha256 == geneformer_facts(place).sha256
        assert len([name for name in card.files if name.endswith("_gc104M.pkl")]) == 4
        assert changed_files(place) == ()
        shutil.rmtree(place)
    (clone / "geneformer" / "token_dictionary_gc104M.pkl").unlink()
    with pytest.raises(AddingError, match=r"has no geneformer/token_dictionary_gc104M\.pkl \(tokens of genes\)"):
        plan_of_folder(model, clone)
