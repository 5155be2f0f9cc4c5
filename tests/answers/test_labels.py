"""A label is the one that is written; another spelling counts where it can mean one label only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.answers.labels import fit_labels, fold, label_reader, listed, number_name

SIGNS = st.text(st.sampled_from("aA bB01-+_.#<>=é😀/&"), min_size=1, max_size=5).filter(str.strip)


@pytest.mark.parametrize(
    "labels",
    [
        ("-1", "0", "1"),
        ("C", "C++", "C#", "c"),
        ("<=50K", ">50K"),
        ("A+", "A", "A-"),
        ("😀", "😡", "🤷"),
        ("1.0", "1", "01"),
        ("1-2", "1.2", "12"),
        ("level 1", "level -1"),
        ("US", "us"),
        ("not_spam", "not spam", "spam"),
    ],
)
def test_each_label_is_itself(labels: tuple[str, ...]) -> None:
    found = fit_labels(labels, labels)
    assert found.fits
    assert list(map(label_reader(labels), labels)) == list(labels)


@given(st.lists(SIGNS, min_size=1, max_size=5, unique_by=str.strip))
def test_whatever_the_labels_each_is_itself(labels: list[str]) -> None:
    named = label_reader(labels)
    assert [named(f" {label} ") for label in labels] == labels


@pytest.mark.parametrize(
    ("labels", "value", "meant"),
    [
        (("0", "1"), "-1", None),
        (("0", "1"), "1.0", "1"),
        (("0", "1"), "1.5", None),
        (("C", "Java"), "C#", None),
        (("A", "B"), "A+", None),
        (("level 1", "level 2"), "level -1", None),
        ((">50K", "<=50K"), ">50k", ">50K"),
        (("US", "us"), "Us", None),  # may mean either
        (("not spam", "not_spam", "spam"), "NotSpam", None),
        (("not spam", "spam"), "not-spam", "not spam"),
        (("not spam", "spam"), "NotSpam", "not spam"),
        (("café", "bar"), "cafe\u0301", "café"),
        (("yes", "no"), "true", "yes"),
        (("yes", "no"), "1", None),
    ],
)
def test_another_spelling_counts_only_where_it_means_one_label(
    labels: tuple[str, ...], value: str, meant: str | None
) -> None:
    assert label_reader(labels)(value) == meant


@given(SIGNS, SIGNS)
def test_no_spelling_drops_a_sign_that_is_no_separator(one: str, other: str) -> None:
    if fold(one) == fold(other):
        for sign in "+#<>=é😀&":
            assert one.count(sign) == other.count(sign)
        assert one.strip().startswith("-") == other.strip().startswith("-")


def test_class_labels_are_looked_up_by_their_own_number() -> None:
    names = {"1": "negative", "2": "neutral", "3": "positive"}
    said = [number_name(names, text) for text in ("1", "2.0", "3", "0", "-1", "4", "neutral", "good")]
    assert said == ["negative", "neutral", "positive", None, None, None, "neutral", None]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('["a", "b"]', ["a", "b"]), ("['a', 'b']", ["a", "b"]), ('["a", true, null]', ["a", "True", "None"]),
        (r"['\d', 'b']", [r"\d", "b"]), ("[" * 5000, []), ("[a, b]", []), ("a, b", []),
    ],
)  # fmt: skip
def test_a_list_written_in_one_text_is_taken_apart(text: str, found: list[str]) -> None:
    assert listed(text) == found
