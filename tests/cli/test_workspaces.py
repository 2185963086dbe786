"""Which workspace is meant, when nobody says so."""

from __future__ import annotations

import pytest

from theodolite.cli.errors import UserError
from theodolite.cli.workspaces import campaign_id, find_workspace, workspace_of
from theodolite.store import Ledger, campaign_rows


@pytest.fixture
def make(tmp_path):
    def workspace(name):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "ledger.sqlite").touch()
        return folder

    return workspace


def test_the_only_one_below_is_meant(make, tmp_path):
    folder = make("pbmc.theodolite")
    assert find_workspace(None, tmp_path) == folder


def test_being_inside_one_is_enough(make):
    folder = make("pbmc.theodolite")
    assert find_workspace(None, folder) == folder


def test_the_ledger_file_itself_will_do(make):
    folder = make("pbmc.theodolite")
    assert find_workspace(folder / "ledger.sqlite") == find_workspace(folder) == folder


def test_several_are_listed(make, tmp_path):
    first, second = make("a.theodolite"), make("theodolite-demo")
    with pytest.raises(UserError) as told:
        find_workspace(None, tmp_path)
    assert (
        str(first) in str(told.value)
        and str(second) in str(told.value)
        and "name the folder of one ledger" in str(told.value)
    )


def test_none_is_answered_with_how_to_make_one(tmp_path):
    with pytest.raises(UserError, match="theodolite demo"):
        find_workspace(None, tmp_path)
    with pytest.raises(UserError, match="no-such-folder"):
        find_workspace(tmp_path / "no-such-folder")


def test_a_campaign_file_runs_beside_itself_or_where_its_ledger_is(make, tmp_path):
    assert workspace_of(tmp_path / "my.yaml", None) == tmp_path / "my.theodolite"
    assert workspace_of(tmp_path / "my.yaml", tmp_path / "other") == tmp_path / "other"
    demo = make("theodolite-demo")
    assert workspace_of(demo / "demo.yaml", None) == demo


def test_a_folder_in_place_of_a_campaign_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="is a folder; give the campaign file"):
        workspace_of(tmp_path, None)


def test_a_campaign_is_named_by_its_id_or_its_name(finished):
    path = finished / "ledger.sqlite"
    with Ledger.open(path, read_only=True) as ledger:
        (row,) = campaign_rows(ledger)
    assert campaign_id(path, row.name) == campaign_id(path, row.campaign) == row.campaign
    assert campaign_id(path, None) is None
    with pytest.raises(UserError, match=f"is 'nope', which is no campaign .* {row.campaign}"):
        campaign_id(path, "nope")
