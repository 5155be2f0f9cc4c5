"""Word lists: what is written is read, and what cannot be is refused with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import p2m
from p2m.word_lists import WordLists

SHIPPED = [
    path for path in Path(p2m.__file__).parent.rglob("*.txt") if path.parent.name not in ("frames", "craft")
]
_names = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="[]"), min_size=1)
_entries = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n\r|"))


def written(folder: Path, text: str) -> Path:
    path = folder / "words.txt"
    path.write_text(text, encoding="utf-8", newline="")
    return path


@given(st.dictionaries(_names, st.lists(st.tuples(_entries, _entries))))
def test_quoted_entries_and_cells_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, lists: dict[str, list[tuple[str, str]]]
) -> None:
    text = "".join(
        f"# a comment\n\n[{name}]\n" + "".join(f'"{one}" | "{two}"\n' for one, two in rows)
        for name, rows in lists.items()
    )
    read = WordLists(written(tmp_path_factory.mktemp("words"), text))
    assert list(read) == list(lists)
    for name, rows in lists.items():
        assert read.table(name, 2) == read.table(name) == tuple(rows)
        assert read.pairs(name) == dict(rows)


def test_entries_lose_their_blanks_and_keep_those_in_quotes(tmp_path: Path) -> None:
    text = '[a b]\n  plain words  \n" ends "\n""\n"#tag"\ntwice\ntwice\n"\n[empty]\n'
    read = WordLists(written(tmp_path, text))
    assert read == {"a b": ("plain words", " ends ", "", "#tag", "twice", "twice", '"'), "empty": ()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# first\napple\n", r"words\.txt:2: 'apple' is in no section; write \[NAME\] above it"),
        ("[a]\nx\n\n[a]\n", r"words\.txt:4: section \[a\] comes twice"),
    ],
)
def test_a_file_out_of_form_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WordLists(written(tmp_path, text))


def test_a_line_with_another_number_of_columns_is_refused_with_its_line(tmp_path: Path) -> None:
    read = WordLists(written(tmp_path, "[verbs]\n# past | base\nwent | go\nran\n"))
    for asked in (lambda: read.table("verbs", 2), lambda: read.pairs("verbs")):
        with pytest.raises(ValueError, match=r"words\.txt:4: 1 columns, expected 2, parted by \|"):
            asked()


def test_a_section_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match=r"words\.txt: there is no section \[fruits\]; did you mean 'fruit'"):
        WordLists(written(tmp_path, "[fruit]\napple\n"))["fruits"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_list_of_the_package_can_be_read_and_is_not_empty(path: Path) -> None:
    assert len(SHIPPED) >= 10
    read = WordLists(path)
    assert read
    assert all(read.values())
