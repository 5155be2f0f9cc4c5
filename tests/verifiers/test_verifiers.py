"""Verifiers: each says what is wrong with a row, or that it does not fit the task."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2m.types import Example, Task, Verifier
from p2m.verifiers.code import Code
from p2m.verifiers.labels import Labels
from p2m.verifiers.language import Language
from p2m.verifiers.length import Length
from p2m.verifiers.regex import Regex
from p2m.verifiers.span import Span
from tests.conftest import LABELS, QA, TEXT


def row(output: str, text: str = "Ada left at noon.") -> Example:
    return Example({"text": text, "question": "Who?", "context": text}, output)


GERMAN = "Ich habe die Rechnung noch nicht bekommen, und das ist nicht in Ordnung."
RUSSIAN = "Привет, это не то, что я заказал, и это плохо"
ENGLISH = "I have not had the invoice yet, and that is not what we agreed to in the shop."


@pytest.mark.parametrize(
    ("verifier", "task", "good", "bad"),
    [
        (Labels(), LABELS, row("yes"), row("Yes")),
        (Span(), QA, row("Ada"), row("ada")),
        (Span(), QA, row("at noon"), row("")),
        (Length(), TEXT, row("x"), row(" ")),
        (Length(longest_output=3), TEXT, row("abc"), row("abcd")),
        (Length(longest_input=20), TEXT, row("a"), row("a", "x" * 21)),
        (Regex(r"\d{4}-\d\d"), TEXT, row(" 2026-11 "), row("in 2026-11")),
        (Regex(r"[A-Z].*", field="text"), TEXT, row("a", "Big"), row("a", "small")),
        (Code(), TEXT, row("x = 1\nprint(x)"), row("x = = 1")),
        (Code(), TEXT, row("'\\d'"), row("a\0b")),
        (Code("json"), TEXT, row('{"a": [1]}'), row("{'a': 1}")),
        (Code("toml"), TEXT, row("a = 1"), row("a = ")),
        (Code("yaml"), TEXT, row("a: [1, 2]"), row("a: [1, 2")),
        (Code("xml"), TEXT, row("<a><b/></a>"), row("<a><b></a>")),
        (Code("xml"), TEXT, row("<a/>"), row('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')),
        (Code(), TEXT, row("a"), row("(" * 100_000)),
        (Language(), TEXT, row("a", ENGLISH), row("a", GERMAN)),
        (Language(("de",)), TEXT, row("a", GERMAN), row("a", ENGLISH)),
        (Language(), replace(TEXT, languages=("en", "de")), row("a", GERMAN), row("a", RUSSIAN)),
        (Language(), TEXT, row("a", "PayPal 2000"), row("a", "これは私の荷物ではありません")),
    ],
    ids=lambda value: value.name if isinstance(value, Verifier) else "",
)  # fmt: skip
def test_a_good_row_passes_and_a_bad_one_has_a_fault(
    verifier: Verifier, task: Task, good: Example, bad: Example
) -> None:
    assert verifier.refusal(task) is None
    assert verifier.fault(task, good) is None
    assert verifier.fault(task, bad)


def test_a_likelihood_is_a_likelihood() -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1, not 4"):
        Language(sure=4)
    assert Language().fault(TEXT, row("a", f"{ENGLISH} {GERMAN * 9}"))  # of a long text all is read


@pytest.mark.parametrize(
    ("verifier", "task", "reason"),
    [
        (Labels(), TEXT, "classification"),
        (Span(), LABELS, "span"),
        (Code(), LABELS, "free text"),
        (Regex(".*", field="txt"), TEXT, "did you mean 'text'"),
    ],
    ids=lambda value: value.name if isinstance(value, Verifier) else "",
)
def test_a_verifier_that_does_not_fit_says_so(verifier: Verifier, task: Task, reason: str) -> None:
    assert reason in (verifier.refusal(task) or "")


def test_labels_that_only_rows_tell_are_not_held_against_any() -> None:
    assert Labels().fault(replace(LABELS, labels=()), row("anything")) is None


def test_what_is_no_regular_expression_is_refused_when_the_recipe_is_read() -> None:
    with pytest.raises(ValueError, match="no regular expression"):
        Regex("(")
