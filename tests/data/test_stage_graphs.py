from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import networkx as nx
import pytest

from theodolite.data.stage_graphs import StageGraphError, StageStep, load_stage_graphs, read_stage_graphs

FORK = """
- id: fork
  title: A stem with two arms
  root: stem
  branches: {trunk: [stem], left: [l1, l2], right: [r1]}
  edges:
    - source: a book
      steps: [[stem, l1], [l1, l2]]
    - source: a paper
      steps: [[stem, r1]]
"""


@pytest.fixture(scope="module")
def packaged():
    return {graph.id: graph for graph in load_stage_graphs()}


def test_a_graph_has_its_stages_branches_and_the_source_of_each_step():
    (graph,) = read_stage_graphs(FORK)
    assert graph.stages == ("stem", "l1", "l2", "r1")
    assert graph.branch["l2"] == "left"
    assert graph.steps[2] == StageStep("stem", "r1", "a paper")
    assert graph.edges == (("stem", "l1"), ("l1", "l2"), ("stem", "r1"))


def test_the_packaged_lineages_are_there_whole_and_without_cycles(packaged):
    assert {"hematopoiesis", "neurogenesis", "myogenesis", "intestinal_epithelium", "epidermis"} <= set(packaged)
    for graph in packaged.values():
        known = nx.DiGraph(graph.edges)
        assert nx.is_directed_acyclic_graph(known) and nx.is_weakly_connected(known)
        assert [node for node, degree in known.in_degree if degree == 0] == [graph.root]
        # A source is a paper: authors, year, journal, place.
        assert all(step.source.count(",") >= 1 and any(c.isdigit() for c in step.source) for step in graph.steps)


def test_blood_forks_where_textbooks_have_it(packaged):
    blood = nx.Graph(packaged["hematopoiesis"].edges)
    hops = nx.shortest_path_length
    assert nx.is_tree(blood)
    assert hops(blood, "hematopoietic stem cell", "erythrocyte") == 9
    # A B cell is nearer to a T cell than to a red cell of the same depth, by the lymphoid progenitor.
    assert hops(blood, "naive B cell", "naive CD4 T cell") < hops(blood, "naive B cell", "reticulocyte")
    # Muscle is no tree: satellite cells lead back to the myoblast.
    assert not nx.is_tree(nx.Graph(packaged["myogenesis"].edges))


def test_content_and_not_wording_makes_the_hash():
    (graph,) = read_stage_graphs(FORK)
    (reworded,) = read_stage_graphs(FORK.replace("a book", "another book").replace("A stem", "One stem"))
    (other,) = read_stage_graphs(FORK.replace("[stem, r1]", "[l1, r1]"))
    assert graph.sha256 == reworded.sha256 != other.sha256
    assert replace(graph, steps=graph.steps[::-1]).sha256 == graph.sha256


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[stem, r1]", "[l2, l1]", "'l2' to 'l1' is there twice"),
        ("[stem, r1]", "[stem, r1], [l2, stem]", "steps go round, from .*'stem'"),
        ("[stem, r1]", "[r1, l2]", "no steps lead from the root 'stem' to 'r1'"),
        ("[stem, r1]", "[stem, r2]", "'r1', 'r2': a stage needs both a step and a branch"),
        ("[stem, r1]", "[stem]", r"the step is \['stem'\]; give a list of 2 names"),
        ("root: stem", "root: germ", "from the root 'germ' to"),
        ("[r1]}", "[r1, l1]}", "'l1' is in the branches 'left' and 'right'"),
        ("source: a book", "source: ''", "'stem' to 'l1' has no source"),
        ("title: A stem with two arms", "note: x", "a graph has the filled keys id, title, root, branches, edges"),
        ("branches: {", "branches: [", "not YAML"),
    ],
)
def test_what_is_no_graph_of_stages_is_refused_with_file_and_line(old, new, message):
    assert old in FORK
    with pytest.raises(StageGraphError, match=message):
        read_stage_graphs(FORK.replace(old, new, 1))


def test_a_file_of_ones_own_is_read_and_named_in_errors(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(FORK)
    assert load_stage_graphs(path)[0].id == "fork"
    path.write_text(FORK + FORK)
    with pytest.raises(StageGraphError, match=r"mine.yaml:12: the id 'fork' is taken"):
        load_stage_graphs(path)
