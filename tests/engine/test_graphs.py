"""A plan or a run as a picture: every node, every edge, and colours that say what happened."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from test_executor import build, small

from p2m.engine.explaining.explain import Survey
from p2m.engine.explaining.graphs import FORMATS, MARKS, draw, of_plan, of_run
from p2m.engine.journal import Journal, StepRecord, find_run
from p2m.engine.plan import Plan
from p2m.engine.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "n.txt").write_text("10")
    return Store(tmp_path / "store")


def test_text_shows_edges_and_what_a_build_would_do(tmp_path: Path, store: Store) -> None:
    build(small(tmp_path), store)
    plan = small(tmp_path, plus=3)
    lines = draw(of_plan(plan, Survey(plan, store).previews), "text").splitlines()
    assert [line.split()[:3] for line in lines[1:4]] == [
        ["=", "number", "cached"],
        ["+", "half", "run"],
        ["?", "table", "unknown"],
    ]
    assert [line.rpartition("<- ")[2] for line in lines[1:]] == ["file", "number", "half", "table"]
    assert draw(of_plan(plan), "text").splitlines()[:2] == ["file", "number  <- file"]


def test_every_format_has_every_node_and_every_edge(tmp_path: Path, store: Store) -> None:
    build(small(tmp_path), store)
    plan = small(tmp_path, plus=3)
    graph = of_plan(plan, Survey(plan, store).previews)
    mermaid, dot = draw(graph, "mermaid"), draw(graph, "dot")
    data = json.loads(draw(graph, "json"))
    assert mermaid.splitlines()[0] == "flowchart TD"
    assert mermaid.count(" --> ") == dot.count(" -> ") == sum(len(step["needs"]) for step in data["steps"])
    assert [step["name"] for step in data["steps"]] == [step.name for step in plan.steps]
    assert data["run"] is None
    assert '[("file<br>source")]' in mermaid
    assert re.search(r'"half" \[label="half\\nrun\\n[\d.]+ s", fillcolor="#ffe3b3"\];', dot)
    assert "fill" not in draw(of_plan(plan), "mermaid")
    with pytest.raises(ValueError, match="did you mean 'json'"):
        draw(graph, "jsn")


def test_a_run_is_coloured_by_what_it_did(tmp_path: Path, store: Store) -> None:
    build(small(tmp_path), store)
    (tmp_path / "n.txt").write_text("11")
    build(small(tmp_path), store)
    plan = small(tmp_path)
    graph = of_run(find_run(store, "last", "small"), plan, store)
    assert graph.run is not None
    assert [(node.name, node.status) for node in graph.nodes] == [
        ("file", "source"),
        ("number", "ran"),
        ("half", "cut-off"),
        ("table", "reused"),
        ("rows", "reused"),
    ]


def test_steps_that_the_plan_no_longer_has_keep_their_edges(tmp_path: Path, store: Store) -> None:
    build(small(tmp_path), store)
    graph = of_run(find_run(store, "last"), Plan("small"), store)
    assert [(node.name, node.needs) for node in graph.nodes][1:] == [
        ("number", ("file",)),
        ("half", ("number",)),
        ("table", ("half",)),
        ("rows", ("table",)),
    ]


def test_what_a_run_did_not_reach_is_said(tmp_path: Path, store: Store) -> None:
    journal = Journal(store, "small")
    journal.step(StepRecord("number", "failed", "k" * 64))
    graph = of_run(find_run(store, "last"), small(tmp_path), store)
    assert [node.status for node in graph.nodes] == ["not reached", "failed", *["not reached"] * 3]
    assert {node.status for node in graph.nodes} <= MARKS.keys()
    for fmt in FORMATS:
        assert "not reached" in draw(graph, fmt)
