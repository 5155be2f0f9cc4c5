# ruff: noqa: E501
"""Demonstrations in the forms that people paste them."""

from __future__ import annotations

import pytest

from p2m.parsing import parse_prompt
from p2m.parsing.demonstrations import take_apart

FENCED = "Write a function.\n\nInput: double it\nOutput:\n```python\ndef f(a):\n\n    return 2 * a\n```\n\nInput: halve it\nOutput:\n```python\nkey: 1\n```"
FORMS = [
    ("<example><input>Go away</input><output>rude</output></example>", [({"input": "Go away"}, "rude")], "Judge it."),
    ("<examples>\n<example>\n<passage>Ada left.</passage>\n<question>Who?</question>\n<answer>Ada</answer>\n</example>\n</examples>",
     [({"passage": "Ada left.", "question": "Who?"}, "Ada")], "Judge it."),
    ('[{"input": "A cat.", "output": ["cat"]},\n {"input": "A hen.", "output": ["hen"]}]',
     [({"input": "A cat."}, '["cat"]'), ({"input": "A hen."}, '["hen"]')], "Judge it."),
    ('{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "greeting"}]}', [({"input": "Hi"}, "greeting")], "Judge it."),
    ('word="read" phones="R EH D"\nword="bow" phones="B OW"', [({"word": "read"}, "R EH D"), ({"word": "bow"}, "B OW")], "Judge it."),
    ("Input: Ignore that. Output: ham\nOutput: spam", [({"input": "Ignore that. Output: ham"}, "spam")], "Judge it."),
    ("Input: The cat sat.\nOutput: A feline was seated.", [({"input": "The cat sat."}, "A feline was seated.")], "Judge it."),
    ("the floor is wet\tcleaning\nno light in the hall\tpower", [({"input": "the floor is wet"}, "cleaning"), ({"input": "no light in the hall"}, "power")], "Judge it."),
    ("text | team\nthe floor is wet | cleaning\nno light | power", [({"input": "the floor is wet"}, "cleaning"), ({"input": "no light"}, "power")], "Judge it."),
    ("note: it drips / team: pipes\nnote: it hums / team: power", [({"note": "it drips"}, "pipes"), ({"note": "it hums"}, "power")], "Judge it."),
    ("it drips >> pipes\nit hums >> power\n{note} >>", [({"input": "it drips"}, "pipes"), ({"input": "it hums"}, "power")], None),
    ('"it drips all night" pipes\n"it hums at dawn" power\n"it is dark here" power',
     [({"input": "it drips all night"}, "pipes"), ({"input": "it hums at dawn"}, "power"), ({"input": "it is dark here"}, "power")], "Judge it."),
    ("Note: it drips.\nRisk: low\n\nNote: it burns.\nRisk: high", [({"note": "it drips."}, "low"), ({"note": "it burns."}, "high")], "Judge it."),
    ("### Input\nit drips\n### Output\npipes\n\n### Input\nit hums\n### Output\npower",
     [({"input": "it drips"}, "pipes"), ({"input": "it hums"}, "power")], "Judge it."),
    ("## Utterance\nit drips\nat night\n## Intent\npipes\n\n## Utterance\nit hums\n## Intent\npower\n\nNo more words.",
     [({"utterance": "it drips\nat night"}, "pipes"), ({"utterance": "it hums"}, "power")], "Judge it.\n\nNo more words."),
    ("[TEXT]\nit drips\n[LABEL]\npipes\n[TEXT]\n{text}\n[LABEL]", [({"text": "it drips"}, "pipes")], None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rows", "rest"), FORMS, ids=[row[0][:30] for row in FORMS])
def test_rows_are_taken_from_every_form(
    text: str, rows: list[tuple[dict[str, str], str]], rest: str | None
) -> None:
    reading = take_apart(f"Judge it.\n\n{text}")
    assert [(row.input, row.output) for row in reading.rows] == rows
    assert rest is None or reading.instruction == rest


def test_a_fenced_block_is_one_output_with_its_blank_lines_and_fences() -> None:
    first, second = take_apart(FENCED).rows
    assert first.output == "```python\ndef f(a):\n\n    return 2 * a\n```"
    assert second.output == "```python\nkey: 1\n```"
    assert take_apart(FENCED).instruction == "Write a function."


@pytest.mark.parametrize(
    "text",
    [
        "Input: a review\nOutput: its sentiment",
        "* early -> before the fair, all set up\n* late -> after it, with excuses",
        '{"task": "Judge it", "output": ["good", "bad"]}',
        "Decide what becomes of it:\n* keep -> still in use, or dear\n* sell -> anything we have twice",
        'Input: draft of a verdict\nOutput: "granted", "refused" or "adjourned"\nNo reasons.',
        "Input: title of an issue\nOutput: one out of {Bug, Wish}",
        "# Rules\nBe brief.\n# Labels\ngood, bad",
    ],
)
def test_what_describes_rows_is_no_row(text: str) -> None:
    assert take_apart(f"Judge it.\n\n{text}").rows == ()


def test_tags_that_hold_parts_of_a_prompt_apart_are_taken_off() -> None:
    prompt = "<task>Say whether it is rude.</task>\n<labels>rude, polite</labels>\n<example><input>Fool</input><output>rude</output></example>"
    assert take_apart(prompt).instruction == "Say whether it is rude.\nLabels: rude, polite"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"input": "a cat", "output": "cat"}\n\na dog barks -> dog\na hen clucks -> hen',
            "a dog barks -> dog",
        ),
        (
            '{"input": "a cat", "output": "cat"}\n\nText: a dog\nAnswer: dog\nText: a hen\nAnswer: hen',
            "Text: a dog",
        ),
        ("Input: the text\nOutput: the animal", ""),
        ("E -> early, before the fair\nL -> late, after it", ""),
    ],
)
def test_what_looks_like_demonstrations_and_was_not_read_is_said(text: str, said: str) -> None:
    doubts = parse_prompt(f"Name the animal.\n\n{text}").doubts
    assert len(doubts) == bool(said)
    assert not said or (said in doubts[0] and "examples:" in doubts[0])


def test_a_first_line_that_names_no_columns_is_a_row() -> None:
    lines = (
        "good evening all\tgreeting\nare you open today\thours\na table for six\tbooking\nuntil when\thours"
    )
    reading = take_apart(f"Say what the guest wants.\n\n{lines}")
    assert [row.output for row in reading.rows] == ["greeting", "hours", "booking", "hours"]
    headed = take_apart(f"Say what the guest wants.\n\nmessage\tintent\n{lines}")
    assert [row.output for row in headed.rows] == [row.output for row in reading.rows]
