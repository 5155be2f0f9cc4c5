"""Catalogue files: what is written is read, the same bytes each time, and nothing else is taken for one."""

from __future__ import annotations

import importlib.util
from contextlib import suppress
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from p2m.catalogs.entries import Config, Entry, card_of
from p2m.catalogs.files import (
    CURATED,
    CURATED_MODELS,
    dated,
    is_catalogue,
    read_catalog,
    write_catalog,
)
from p2m.errors import DataError

QUERIES = Entry(
    id="acme/queries",
    revision="a" * 40,
    task_ids=("text-classification", "intent-classification"),
    languages=("en",),
    license="cc-by-4.0",
    size_bytes=1_000_000,
    rows=120,
    configs=(
        Config("small", (("text", "string"), ("label", "ClassLabel")), (("train", 100), ("test", 20))),
        Config("all", (("text", "string"), ("meta.url", "string")), (("train", None),)),
    ),
    label_names={"label": {"0": "refund", "1": "card lost", "10": "other"}},
    downloads=5,
    likes=2,
    description="Queries of a bank's customers; «ümläute» too.",
)
TINY = Entry(
    id="acme/tiny", kind="model", parameters=22_700_000, architecture="BertModel", library="transformers"
)


def test_entries_come_back_as_they_were_in_the_same_bytes_whatever_their_order(tmp_path: Path) -> None:
    entries = (QUERIES, TINY, Entry(id="acme/a", unverified_since="2024-03-01", gated=True))
    write_catalog(entries, tmp_path / "one.parquet", day="2026-11-29")
    write_catalog(reversed(entries), tmp_path / "other.parquet", day="2026-11-29")
    assert read_catalog(tmp_path / "one.parquet") == (entries[2], QUERIES, TINY)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()
    assert dated(tmp_path / "one.parquet") == "2026-11-29"


def test_an_empty_catalogue_is_one(tmp_path: Path) -> None:
    write_catalog((), tmp_path / "none.parquet")
    assert is_catalogue(tmp_path / "none.parquet")
    assert read_catalog(tmp_path / "none.parquet") == ()


def test_a_card_has_the_columns_and_parts_of_all_configurations() -> None:
    card = card_of(QUERIES)
    assert card.columns == ("text", "label", "meta.url")
    assert [(part.name, part.rows) for part in card.parts] == [("train", None), ("test", 20)]
    assert (card.rows, card.revision, card.license) == (120, "a" * 40, "cc-by-4.0")


def test_what_is_no_catalogue_is_refused_with_what_to_type(tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"]}), rows)
    assert not is_catalogue(rows)
    with pytest.raises(DataError, match=r"rows\.parquet: a Parquet file, and no catalogue.*p2m catalog"):
        read_catalog(rows)
    (tmp_path / "text.parquet").write_text("id,kind\n")
    with pytest.raises(DataError, match=r"text\.parquet: not a Parquet file"):
        read_catalog(tmp_path / "text.parquet")
    with pytest.raises(DataError, match="cannot be read: "):
        read_catalog(tmp_path / "nowhere.parquet")


def test_a_damaged_catalogue_is_never_read_as_another_one(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    write_catalog((QUERIES, TINY), path)
    whole = path.read_bytes()
    for place in range(4, 400, 13):
        path.write_bytes(whole[:place] + bytes((whole[place] ^ 0x5A,)) + whole[place + 1 :])
        with suppress(DataError):
            assert read_catalog(path) == (QUERIES, TINY)


def test_two_entries_of_one_id_are_refused_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    write_catalog((QUERIES,), path)
    with pytest.raises(DataError, match="two entries are called acme/queries"):
        write_catalog((QUERIES, TINY, QUERIES), path)
    assert read_catalog(path) == (QUERIES,)


def test_the_catalogues_that_ship_are_what_their_texts_make() -> None:
    path = Path(__file__).parents[2] / "recipes" / "data" / "curated" / "make.py"
    spec = importlib.util.spec_from_file_location("curate", path)
    assert spec is not None
    assert spec.loader is not None
    curate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(curate)
    for kind, shipped, least in (("dataset", CURATED, 400), ("model", CURATED_MODELS, 150)):
        there = read_catalog(shipped)
        assert sorted(curate.entries(kind), key=lambda entry: entry.id) == list(there)
        assert len(there) >= least
        assert all(entry.unverified_since and entry.description for entry in there)
        assert shipped.stat().st_size < 300_000
