"""Every tutorial, from an empty folder to a served model, as its page says it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "cli"))

from known_rows import KnownRows, data_of
from tutorial import Page, Reader, read_page

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
LABELS = ("billing", "delivery", "account")


class Playing(KnownRows):
    """Also reads a prompt."""

    def reply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if "prompt" not in data_of(body):
            return super().reply(body)
        read = {
            "type": "text-classification",
            "inputs": [{"name": "text", "description": "what was written"}],
            "output": {"name": "team", "form": ""},
            "labels": [{"label": label, "meaning": f"all about {label}"} for label in LABELS],
            "languages": ["en"],
            "limits": {"max_parameters": "", "max_size": "", "max_latency": ""},
            "stays_local": False, "metric": "accuracy", "at_least": 0.0, "unclear": [],
        }  # fmt: skip
        return {"content": json.dumps(read)}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    folder = tmp_path / "empty"
    folder.mkdir()
    made = Reader(folder)
    yield made
    print("\n".join(made.said))


def test_each_page_ends_in_a_served_model_that_is_asked() -> None:
    pages = {path.stem: read_page(path) for path in TUTORIALS.glob("*.md")}
    assert set(pages) == {"table", "texts", "teacher"}
    for page in pages.values():
        typed = [command for command, _ in page.commands]
        assert len(typed) > 5
        served = next(n for n, command in enumerate(typed) if command.startswith("p2m serve outputs/"))
        assert any(":8000" in command for command in typed[served:])
        assert typed[-1] == "^C"


@pytest.mark.slow
def test_from_a_table(reader: Reader) -> None:
    reader.follow(read_page(TUTORIALS / "table.md"))


@pytest.mark.slow
def test_from_texts(reader: Reader) -> None:
    reader.follow(read_page(TUTORIALS / "texts.md"))


@pytest.mark.slow
def test_from_a_prompt_and_a_key(reader: Reader) -> None:
    page = read_page(TUTORIALS / "teacher.md")
    rows = [json.loads(line) for line in page.files["test.jsonl"].splitlines()]
    known = [({"text": row["text"] + " Please."}, row["team"]) for row in rows]
    with Playing(known, also=[({"text": row["text"]}, row["team"]) for row in rows]) as server:
        reader.swaps = {"--teacher openai": f"--teacher openai teacher.base_url={server.url}"}
        reader.follow(page)
        assert server.asked["answer"] > 90


def test_a_page_that_says_what_is_not_printed_is_found_out(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="does not print"):
        reader.follow(Page({}, (("echo 12 rows", ("13 rows",)), ("echo left", ("right",)))))
    with pytest.raises(AssertionError, match="false"):
        reader.follow(Page({}, (("false", ()),)))
