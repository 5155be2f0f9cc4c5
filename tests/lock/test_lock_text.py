"""A lock as text: what is written comes back, and whatever was done to the text in between is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_locks import LOCK, locks

from p2m.engine.hashing import digest_bytes
from p2m.errors import LockError
from p2m.lock import FORMAT, FilePin, InputPin, Lock, MetricPin, StepPin, lock_text, parse_lock

PATH = Path("recipes/qa.lock")


def refusal(content: bytes) -> str:
    with pytest.raises(LockError) as caught:
        parse_lock(content, PATH)
    assert caught.value.exit_code == 2
    return str(caught.value)


@given(locks)
def test_what_is_written_comes_back(lock: Lock) -> None:
    assert parse_lock(lock_text(lock).encode(), PATH) == lock


@given(locks)
def test_the_order_in_which_things_were_found_does_not_show(lock: Lock) -> None:
    turned = {
        name: dict(reversed(getattr(lock, name).items()))
        for name in ("settings", "inputs", "packages", "code", "steps", "metrics", "datasets")
    }
    assert lock_text(replace(lock, **turned)) == lock_text(lock)


@given(st.data())
def test_no_edit_of_a_byte_goes_unnoticed(data: st.DataObject) -> None:
    content = bytearray(lock_text(LOCK).encode())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    refusal(bytes(content))


@given(st.integers(1, len(lock_text(LOCK).encode()) - 1))
def test_a_lock_that_was_cut_off_is_refused(length: int) -> None:
    refusal(lock_text(LOCK).encode()[:length])


def test_a_cut_is_called_a_cut() -> None:
    text = lock_text(LOCK)
    message = refusal(text[: len(text) // 2].encode())
    assert "cut off" in message
    assert "p2m lock recipes/qa.yaml" in message


def test_a_line_edited_by_hand_is_called_that() -> None:
    text = lock_text(LOCK).replace("torch: 2.13.0", "torch: 2.14.0")
    assert "edited by hand" in refusal(text.encode())


def test_merge_conflict_markers_are_named_with_their_line() -> None:
    lines = lock_text(LOCK).splitlines()
    at = lines.index("packages:")
    lines[at:at] = ["<<<<<<< HEAD", "a: 1", "=======", "a: 2", ">>>>>>> other"]
    assert f"merge conflict markers (line {at + 1})" in refusal("\n".join(lines).encode())


def test_a_conflict_in_the_first_line_is_one_too() -> None:
    text = "<<<<<<< HEAD\n" + lock_text(LOCK)
    assert "merge conflict markers (line 1)" in refusal(text.encode())


def test_two_locks_differ_in_their_last_line_so_that_git_cannot_merge_them_silently() -> None:
    other = replace(LOCK, packages={**LOCK.packages, "torch": "2.14.0"})
    mine, theirs = (lock_text(lock).splitlines() for lock in (LOCK, other))
    assert mine[-1] != theirs[-1]
    assert sum(a != b for a, b in zip(mine, theirs, strict=True)) == 2


def test_a_lock_of_a_newer_format_says_so_even_where_its_seal_is_another() -> None:
    text = lock_text(LOCK).replace(f"format: {FORMAT}", f"format: {FORMAT + 1}")
    message = refusal(text.encode())
    assert f"format {FORMAT + 1}" in message
    assert "upgrade p2m" in message


def test_a_file_that_is_no_lock_is_called_that() -> None:
    assert "is no lock of p2m" in refusal(b'[[package]]\nname = "torch"\n')


def test_line_ends_of_another_system_are_read() -> None:
    assert parse_lock(lock_text(LOCK).replace("\n", "\r\n").encode(), PATH) == LOCK


def test_a_prompt_of_several_lines_stands_as_it_is() -> None:
    text = lock_text(replace(LOCK, settings={"prompt": "Say it.\n  Twice: yes\n\nDone."}))
    assert "  prompt: |-\n    Say it.\n      Twice: yes\n\n    Done.\n" in text


def sealed(body: str) -> bytes:
    """A body under a seal that holds, as whoever wishes p2m ill can write it."""
    return f"{body}digest: {digest_bytes(body.encode())}\n".encode()


@pytest.mark.parametrize(
    ("was", "instead"),
    [
        ("format: 1", "format: " + "9" * 5000),
        ("value: 0.5", "value: much"),
        ("tolerance: 0.1", "tolerance: [1]"),
        ("kind: pure", "kind: 7"),
        ("path: rows", "path: [1]"),
        ("torch: 2.13.0", "torch: 2.13"),
    ],
)
def test_values_of_another_kind_are_refused_though_the_seal_holds(was: str, instead: str) -> None:
    lock = Lock(
        "qa.yaml", "qa", "0.1", inputs={"data.train": InputPin("rows", "d" * 64, {})},
        packages={"torch": "2.13.0"}, steps={"parse": StepPin("pure", "own")},
        metrics={"f1": MetricPin(0.5, 0.1)},
    )  # fmt: skip
    body = lock_text(lock).rpartition("digest: ")[0]
    assert was in body
    with pytest.raises(LockError):
        parse_lock(sealed(body.replace(was, instead)), PATH)


def test_names_of_files_that_are_no_text_are_kept() -> None:
    files = {name: FilePin("a" * 64, 3) for name in ("bad\udcffname", "two\nlines", "pair\ud83d")}
    lock = Lock("qa.yaml", "qa", "0.1", inputs={"data": InputPin("data", "d" * 64, files)})
    assert parse_lock(lock_text(lock).encode(), PATH) == lock
