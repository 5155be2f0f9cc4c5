# ruff: noqa: E501
"""Prompts as people write them, and what each must be read as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.errors import RecipeError
from p2m.parsing import parse_prompt
from p2m.types import Example, Layout, TaskType

QA, CLASSES, TEXT = TaskType.QUESTION_ANSWERING, TaskType.CLASSIFICATION, TaskType.TEXT_TO_TEXT

QUOTED = """Answer the question with a span of the passage.

Here are examples with inputs and their expected outputs:

input="Question: Who painted the ceiling? Context: The ceiling, called "the sky", was painted by Ines Duarte."
output="Ines Duarte"

input="Question: When did it open?\\nContext: The hall opened in 1911, after \\"ten\\" years."
output="1911"
"""
BLOCKS = """Tell how the writer of a review feels.

Example 1:
Review: I would buy it again.
It is lovely.
Sentiment: positive

Example 2:
**Review:** It broke on day one.
**Sentiment:** negative

Review: {review}
Sentiment:"""
PROMPTS = [  # prompt, type, inputs, labels, language, demonstrations
    (QUOTED, QA, ("question", "context"), (), "en", 2),
    (BLOCKS, CLASSES, ("review",), ("positive", "negative"), "en", 2),
    ("Classify the tweet as hopeful, bitter or neutral.", CLASSES, ("tweet",), ("hopeful", "bitter", "neutral"), "en", 0),
    ('Is the message spam? Answer "spam" or "ham".', CLASSES, ("text",), ("spam", "ham"), "en", 0),
    ("Sort each message. Categories:\n- billing\n- login: cannot sign in\n- other", CLASSES, ("message",),
     ("billing", "login", "other"), "en", 0),
    ("Label the request with one of: BookTable, PlaySong, SetAlarm.", CLASSES, ("text",),
     ("BookTable", "PlaySong", "SetAlarm"), "en", 0),
    ("Rate the review from 1 to 5 stars.", CLASSES, ("review",), ("1", "2", "3", "4", "5"), "en", 0),
    ("Does the sentence contain a joke? yes/no", CLASSES, ("text",), ("yes", "no"), "en", 0),
    ("Q: How tall is the tower?\nA: 80 m\n\nQ: Who runs it?\nA: The city", TEXT, ("input",), (), "en", 2),
    ("Write the date in ISO form.\n1. 3rd of May 2012 -> 2012-05-03\n2. no date here -> N/A", TEXT, ("input",), (), "en", 2),
    ("Do it.\n{\"input\": {\"city\": \"Oslo\", \"year\": \"1990\"}, \"output\": \"cold\"}", TEXT, ("city", "year"), (), "en", 1),
    ("Translate the sentence from French to English.", TEXT, ("sentence",), (), "fr", 0),
    ("Translate Portuguese product names into English.", TEXT, ("input",), (), "pt", 0),
    ("Translate a Spanish request to Python.", TEXT, ("input",), (), "es", 0),
    ("Translate into Spanish what the customer says to us.", TEXT, ("input",), (), "en", 0),
    ("Beantworte die Frage mit einer Textstelle.\n\nFrage: Wer baute das Haus?\nText: Das Haus baute Anna Lenz.\n"
     "Antwort: Anna Lenz", QA, ("frage", "text"), (), "de", 1),
    ("感情を分類してください。\n入力：とても楽しかった\n出力：肯定\n\n入力：つまらない\n出力：否定", CLASSES, ("text",), (), "ja", 2),
    ("Определите тональность: хорошая, плохая или никакая.", CLASSES, ("text",), ("хорошая", "плохая", "никакая"), "ru", 0),
    ("Answer the question.\nQuestion: {question}\nContext: {context}\nAnswer:", QA, ("question", "context"), (), "en", 0),
    ("Given a premise and a hypothesis, decide whether the second follows. Answer with yes, no, or maybe.", CLASSES,
     ("premise", "hypothesis"), ("yes", "no", "maybe"), "en", 0),
    ("Here are some examples:\n\n[Posted: 2013-03-22] She left last July.\nlast July == 2012-07\n\n"
     "[Posted: 2014-01-02] Hello.\nN/A", TEXT, ("input",), (), "en", 2),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "kind", "inputs", "labels", "language", "rows"), PROMPTS)
def test_a_prompt_is_read_as_its_writer_meant_it(prompt, kind, inputs, labels, language, rows):
    task = parse_prompt(prompt)
    assert (task.type, tuple(field.name for field in task.inputs)) == (kind, inputs)
    assert (task.labels, task.language, len(task.demonstrations)) == (labels, language, rows)
    assert task.metrics
    assert task.reasons


def test_quotes_inside_quoted_demonstrations_survive_escaped_or_not():
    first, second = parse_prompt(QUOTED).demonstrations
    assert first.input["context"] == 'The ceiling, called "the sky", was painted by Ines Duarte.'
    assert second.input == {
        "question": "When did it open?",
        "context": 'The hall opened in 1911, after "ten" years.',
    }
    assert second.output == "1911"


def test_the_instruction_keeps_no_word_of_demonstrations_announcements_or_slots():
    assert parse_prompt(QUOTED).instruction == "Answer the question with a span of the passage."
    assert parse_prompt(BLOCKS).instruction == "Tell how the writer of a review feels."


@pytest.mark.parametrize(
    ("said", "layout", "none"),
    [
        ("List all weights with their value in grams. Output: span == value, joined by |; N/A where there is none.",
         Layout("text", has_values=True), "N/A"),
        ("Find each price in the text. Write span -> amount, separated by semicolons.",
         Layout("text", has_values=True, between="; ", pair=" -> "), None),
        ("Find all prices in the text. If there is none, answer N/A.", Layout(), None),
    ],
)  # fmt: skip
def test_prompts_say_how_spans_and_values_are_written(said: str, layout: Layout, none: str | None):
    task = parse_prompt(said)
    assert (task.type, task.layout, task.none) == (TaskType.EXTRACTION, layout, none)


def test_values_of_several_lines_stay_whole():
    assert parse_prompt(BLOCKS).demonstrations[0].input["review"] == "I would buy it again.\nIt is lovely."


def test_what_describes_rows_is_no_row():
    task = parse_prompt("Input: a review\nOutput: its sentiment\n\nInput: I love it\nOutput: positive")
    assert [row.output for row in task.demonstrations] == ["positive"]


def test_metrics_follow_the_kind_of_task():
    assert parse_prompt(QUOTED).metrics == ("exact_match", "token_f1")
    assert parse_prompt("Classify it as good or bad.").metrics == ("accuracy", "macro_f1")
    assert parse_prompt("Summarize the article.").metrics[0] == "rouge_l"
    assert parse_prompt("Translate the text to German.").metrics[0] == "chrf"


def test_a_statement_about_the_language_outranks_the_words_of_the_prompt():
    assert parse_prompt("Summarize the text. The texts are written in Polish.").language == "pl"
    assert parse_prompt("Answer Japanese questions with one line of Python.").language == "ja"


def test_demonstrations_in_another_language_tell_the_language():
    rows = [Example({"input": "Der Zug ist nicht gekommen und wir sind mit dem Bus gefahren."}, "schlecht")]
    assert parse_prompt("Say how the passenger feels.", rows).language == "de"


def test_what_the_recipe_says_outranks_what_is_read():
    task = parse_prompt(
        "Classify the mail as urgent or calm.", type=TEXT, inputs=("mail",), output="verdict", language="fr"
    )
    assert (task.type, task.inputs[0].name, task.output.name, task.language) == (
        TEXT,
        "mail",
        "verdict",
        "fr",
    )
    assert parse_prompt("Do it.", labels=("a", "b")).labels == ("a", "b")


def test_examples_of_the_recipe_name_the_fields():
    rows = [Example({"question": "Who?", "context": "By Ada Marsh."}, "Ada Marsh", also=("Marsh",))]
    task = parse_prompt("Answer a question from a passage. The answer is a span of the passage.", rows)
    assert task.demonstrations[0].answers == ("Ada Marsh", "Marsh")
    assert task.context_field == "context"
    assert task.type is QA


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Example({"question": "Who?"}, "x"), "lacks the field 'context'"),
        (Example({"question": "Who?", "contxt": "y"}, "x"), "did you mean 'context'"),
        (Example({"input": "Who? By Ada."}, "x"), "is one text"),
        (Example({"question": "Who?", "context": " "}, "x"), "'context' is empty"),
    ],
)
def test_a_demonstration_that_does_not_fit_is_named(row, said):
    good = [Example({"question": f"Who is {n}?", "context": "It is x."}, "x") for n in "ab"]
    with pytest.raises(RecipeError, match="examples") as caught:
        parse_prompt("Answer the question from the context.", [*good, row])
    assert said in str(caught.value)
    assert caught.value.problems[0].path == "examples[2].input"


def test_a_demonstration_with_a_label_that_is_none_is_named():
    with pytest.raises(RecipeError, match=r"(?s)examples\[0\]\.output.*did you mean 'positive'") as caught:
        parse_prompt("Do it.", [Example({"input": "fine"}, "positiv")], labels=("positive", "negative"))
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("prompt", ["", " \n\t\r\n", "\ufeff"])
def test_an_empty_prompt_is_refused(prompt):
    with pytest.raises(RecipeError, match="prompt: the prompt is empty"):
        parse_prompt(prompt)


ENDS = st.sampled_from(["", " ", "\t", "  \u3000", " \u00a0"])


@given(st.sampled_from([row[0] for row in PROMPTS]), st.data())
def test_prompts_that_differ_in_blanks_at_line_ends_give_equal_tasks(prompt, data):
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = [line + data.draw(ENDS) for line in prompt.split("\n")]
    varied = (
        data.draw(st.sampled_from(["", "\n", "\r\n \n"]))
        + end.join(lines)
        + data.draw(st.sampled_from(["", "\n\n ", "\r\n"]))
    )
    assert parse_prompt(varied) == parse_prompt(prompt)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1).map(
    lambda t: f"a{t}a"
)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_escaped_demonstrations_come_back_as_they_were(rows):
    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"')

    # Typographic quotation marks close a value too, and cannot be escaped: they are no part of this law.
    rows = [(a.translate(CURLY), b.translate(CURLY)) for a, b in rows]
    prompt = "Do it.\n\n" + "\n\n".join(f'input="{escaped(a)}"\noutput="{escaped(b)}"' for a, b in rows)
    task = parse_prompt(prompt, type=TaskType.TEXT_TO_TEXT)
    assert [(*row.input.values(), row.output) for row in task.demonstrations] == rows


CURLY = {ord(mark): None for mark in "“”"}


@given(st.text(max_size=400))
def test_no_prompt_ends_in_anything_but_a_task_or_a_recipe_error(prompt):
    try:
        task = parse_prompt(prompt)
    except RecipeError:
        return
    assert task.inputs
    assert task.output.name


def test_labels_end_where_their_explanation_begins() -> None:
    prompt = "Classify a ticket. The labels are billing, delivery and presales: billing for charges, delivery for parcels."
    assert parse_prompt(prompt).labels == ("billing", "delivery", "presales")


@pytest.mark.parametrize(
    ("prompt", "labels"),
    [
        (
            "Route incoming letters (in Dutch or English) to one of 4 desks: permits, taxes, parks, other.",
            ("permits", "taxes", "parks", "other"),
        ),
        (
            "Assign each note to exactly one of these three shelves: fiction, travel or cooking",
            ("fiction", "travel", "cooking"),
        ),
    ],
)
def test_a_list_after_one_of_some_things_names_the_labels(prompt: str, labels: tuple[str, ...]) -> None:
    task = parse_prompt(prompt)
    assert task.type is TaskType.CLASSIFICATION
    assert task.labels == labels
