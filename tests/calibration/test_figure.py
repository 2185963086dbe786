"""The figure of a calibration."""

from __future__ import annotations

import matplotlib.image
import numpy as np
import pytest

from theodolite.calibration.figure import draw
from theodolite.calibration.records import ProposerName
from theodolite.calibration.summary import summarise


@pytest.fixture
def summary(campaign_result, test_record):
    true = test_record(1, verdict="supported", truth="true", planted=0.09)
    results = [campaign_result(true, proposer=name) for name in ProposerName]
    results += [campaign_result(world="global_null", proposer=name) for name in ProposerName]
    results += [campaign_result(test_record(1), world="global_null", proposer="peeker", ablation="no_lock")]
    return summarise(results, q=0.1, tests=40, seed=1)


def test_it_is_written_in_either_format_and_equal_studies_give_equal_files(summary, tmp_path):
    draw(summary, tmp_path / "a.svg", tmp_path / "a.png")
    draw(summary, tmp_path / "b.svg")
    drawn = (tmp_path / "a.svg").read_bytes()
    assert drawn == (tmp_path / "b.svg").read_bytes()
    assert b"<svg" in drawn


def test_nothing_touches_the_edge_of_the_picture(summary, tmp_path):
    """A label that is cut off leaves ink on the outermost pixels."""
    draw(summary, tmp_path / "a.png")
    picture = matplotlib.image.imread(tmp_path / "a.png")[:, :, :3]
    for edge in (picture[:3], picture[-3:], picture[:, :3], picture[:, -3:]):
        assert np.all(edge == 1.0)


def test_a_study_without_ablations_is_drawn_too(campaign_result, tmp_path):
    draw(summarise([campaign_result()], q=0.1, tests=40, seed=1), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 0
