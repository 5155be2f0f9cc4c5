"""A recipe with a catalogue file: the plan says what it would fetch, and nothing is fetched meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from local_hub import Repo, running

from p2m.catalogs.entries import Entry
from p2m.catalogs.files import write_catalog
from p2m.cli.main import main

RECIPE = """defaults: [retriever: bm25, student: linear_tfidf, teacher: none, metric: [accuracy], _self_]
prompt: "Classify the mood of a review as good or bad.\\n\\nReview: It broke at once.\\nMood: bad"
retriever: {sources: [hub.parquet], max_download: 1 MB}
"""


def test_the_plan_says_what_would_be_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    others = [Entry(f"other/birds{n}", description="Pictures of birds.") for n in range(30)]
    fits = Entry(
        "acme/moods", revision="a" * 40, license="mit", size_bytes=5_000_000_000,
        description="Reviews with their mood, good or bad.",
    )  # fmt: skip
    write_catalog([fits, *others], tmp_path / "hub.parquet")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    with running(Repo("acme/moods", {})) as hub:
        assert main(["plan", "recipe.yaml"]) == 0
        assert not hub.asked
    out = capsys.readouterr().out
    assert "load fetches acme/moods: at most 1.0 MB of 5.0 GB, licence mit, commit aaaaaaaaaaaa" in out
    assert main(["plan", "recipe.yaml", "--json"]) == 0
    steps = {step["step"]: step for step in json.loads(capsys.readouterr().out)}
    assert [one["name"] for one in steps["load"]["fetches"]] == ["acme/moods"]
    assert "fetches" not in steps["select"]
