# ruff: noqa: E501
"""What sort of task a prompt sets: by its words, its demonstrations, and the rows that come with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p2m.parsing import parse_prompt, read_answers
from p2m.parsing.task import signed
from p2m.types import Example, Shown, TaskType

ROOT = Path(__file__).resolve().parents[2]
CLASSES, SEVERAL, QA = TaskType.CLASSIFICATION, TaskType.MULTI_LABEL, TaskType.QUESTION_ANSWERING
SPAN, NUMBER, RECORD, TEXT, OTHER = (
    TaskType.EXTRACTION, TaskType.REGRESSION, TaskType.RECORDS, TaskType.TEXT_TO_TEXT, TaskType.UNSUPPORTED,
)  # fmt: skip
PROMPTS = [
    (
        "Route the visitor's question to the right counter: tickets, cloakroom, guided tours or lost property.",
        CLASSES,
    ),
    ("Is this review fake? Answer yes or no. Do not summarise it.", CLASSES),
    ("Sortiere die Schadensmeldung ein: Glas, Wasser, Feuer, Diebstahl.", CLASSES),
    (
        "Which of these topics does the speech touch: climate, housing, health, transport? Give all that apply.",
        SEVERAL,
    ),
    (
        "Assign every matching tag to the recipe: vegan, quick, spicy, baked. A recipe may have several tags or none.",
        SEVERAL,
    ),
    (
        "Answer the question from the passage, in the passage's own words.\nPassage: {passage}\nQuestion: {question}",
        QA,
    ),
    ("You get a clause of a lease and a tenant's question; give the part of the clause that answers it.", QA),
    ("Extract the name of the medicine from the doctor's note.", SPAN),
    ("Find the delivery date in the mail and copy it exactly as it is written.", SPAN),
    ("Estimate the price of the used camera in euros from the text of the ad. Output a number.", NUMBER),
    ("Score how similar the two sentences are, a decimal between 0 and 1.", NUMBER),
    ("Turn the booking mail into a JSON object with the keys name, date, nights and guests.", RECORD),
    ("Translate the museum label into plain English.", TEXT),
    ("Write a subject line for the e-mail. Do not classify it and give no labels.", TEXT),
    ("Rewrite the sentence in a polite tone.", TEXT),
    ("Look at the photo of the leaf and say which disease it shows.", OTHER),
    ("Transcribe the audio recordings of our board meetings.", OTHER),
]


@pytest.mark.parametrize(("prompt", "kind"), PROMPTS, ids=[row[0][:40] for row in PROMPTS])
def test_a_prompt_sets_the_kind_of_task_that_its_writer_meant(prompt: str, kind: TaskType) -> None:
    task = parse_prompt(prompt)
    assert task.type is kind
    assert task.reasons


def test_prompts_that_it_was_developed_on_are_read_rightly() -> None:
    """The half that was looked at; bench/parse.py judges by the other."""
    rows = [json.loads(line) for line in (ROOT / "bench/prompts/prompts.jsonl").open(encoding="utf-8")]
    rows = [row for row in rows if row["half"] == "developed on"]
    right = sum(parse_prompt(row["prompt"]).type == row["type"] for row in rows)
    assert right / len(rows) >= 0.85


def test_the_reader_learnt_from_the_signs_that_it_is_shown() -> None:
    """After a change of the signs: `make reader`."""
    rows = [json.loads(line) for line in (ROOT / "recipes/data/prompts/train.jsonl").open(encoding="utf-8")]
    for row in rows[::20]:
        instruction, signs = signed(row["prompt"])
        assert (instruction, " ".join(signs)) == (row["instruction"], row["signs"])


def test_how_demonstrations_answer_is_shown_to_the_reader() -> None:
    _, signs = signed("Say if it is wet or dry.\n\nInput: rain\nOutput: wet\n\nInput: sun\nOutput: dry")
    assert {"answerssaidall", "answerswordsone", "answersspansnone"} <= set(signs)
    _, signs = signed("Copy the fruit.\n\nInput: a pear fell\nOutput: pear\n\nInput: two figs\nOutput: figs")
    assert {"answerssaidnone", "answersspansall"} <= set(signs)


def test_answers_too_long_for_labels_are_none() -> None:
    moves = "LEFT WALK " * 6
    rows = [Example({"input": "go"}, "LEFT"), Example({"input": "go six times"}, moves.strip())]
    assert parse_prompt("Classify the command left or right.", rows).type is not CLASSES


def test_demonstrations_rule_out_what_they_do_not_show() -> None:
    premises = "Judge it.\n\n" + "\n\n".join(
        f"Input: Premise: {a} Hypothesis: {b}\nOutput: {c}"
        for a, b, c in [("A cat sleeps.", "It rests.", "yes"), ("A dog runs.", "It sleeps.", "no")]
    )
    task = parse_prompt(premises)
    assert (task.type, task.labels, [one.name for one in task.inputs]) == (
        CLASSES,
        ("yes", "no"),
        ["premise", "hypothesis"],
    )
    objects = 'Note it down.\n{"input": "Ada, Turin", "output": {"who": "Ada"}}\n{"input": "Bo", "output": {"who": "Bo"}}'
    assert parse_prompt(objects).type is RECORD


def rows_of(outputs: list[str], text: str = "note {n} about {output} and more") -> list[Example]:
    return [Example({"text": text.format(n=n, output=output)}, output) for n, output in enumerate(outputs)]


NEUTRAL = "note {n}, as it came in this morning"


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        (rows_of(["red", "blue", "green"] * 10, NEUTRAL), CLASSES),
        (rows_of(["1", "0"] * 15, NEUTRAL), CLASSES),
        (rows_of([f"part {n}" for n in range(30)]), SPAN),
        (rows_of([f"{n * 7.5}" for n in range(30)], NEUTRAL), NUMBER),
        (rows_of([f'{{"n": {n}}}' for n in range(30)], NEUTRAL), RECORD),
        (rows_of(["a|b", "b", "c|a", "c", "a", "b|c"] * 5, NEUTRAL), SEVERAL),
        (rows_of(["wet, cold", "cold", "dark, wet", "dark", "wet", "cold, dark"] * 5, NEUTRAL), SEVERAL),
        (rows_of([f"They said {n} times that it was late" for n in range(30)], NEUTRAL), TEXT),
        (rows_of([f"{n} {('g', 'ml', 'cm')[n % 3]}" for n in range(30)], NEUTRAL), TEXT),
        (rows_of([f"+4420{n}5550{n}" for n in range(10, 40)], NEUTRAL), TEXT),
        (rows_of([f"0{n}" for n in range(30)], NEUTRAL), TEXT),
        (rows_of(["red", "blue"], NEUTRAL), None),
    ],
)
def test_rows_show_their_task_by_their_answers(rows: list[Example], kind: TaskType | None) -> None:
    assert read_answers(rows).type is kind


def test_texts_that_can_hardly_be_put_otherwise_are_judged_by_exact_match() -> None:
    def metric(answer: str, text: str, prompt: str = "Put a headline in title case.") -> str:
        rows = [Example({"text": text.format(n=n)}, answer.format(n=n)) for n in range(30)]
        return parse_prompt(prompt, shown=read_answers(rows)).metrics[0]

    asked = "the day on which note {n} was sent"
    assert metric("2026-01-{n}", asked, "Write the date in ISO form.") == "exact_match"
    assert (
        metric("The Cat of {n} Sat on the Mat Again", "the cat of {n} sat on the mat again") == "exact_match"
    )
    long = "It was on some day in {n} that somebody sent a note"
    assert metric(long, asked, "Write the note anew.") == "chrf"


def test_rows_outrank_a_prompt_and_the_difference_is_said() -> None:
    colours = read_answers(rows_of(["red", "blue", "green"] * 10, NEUTRAL))
    task = parse_prompt("Translate the note into French.", shown=colours)
    assert task.type is CLASSES
    (doubt,) = task.doubts
    assert "translat" in doubt.lower()
    assert "3 labels: red, blue, green" in doubt
    assert "task: {type: text2text-generation}" in doubt


def test_rows_that_agree_with_a_prompt_raise_no_doubt() -> None:
    colours = read_answers(rows_of(["red", "blue", "green"] * 10, NEUTRAL))
    task = parse_prompt("Classify the note as red, blue or green.", shown=colours)
    assert (task.type, task.labels, task.doubts) == (CLASSES, ("red", "blue", "green"), ())


def test_what_is_stated_outranks_the_rows() -> None:
    colours = read_answers(rows_of(["red", "blue", "green"] * 10, NEUTRAL))
    assert parse_prompt("Translate the note.", type=TEXT, shown=colours).type is TEXT


def test_labels_that_no_row_bears_out_are_left_to_the_rows() -> None:
    shown = Shown(CLASSES, "the rows answer with 2 labels: in, out", ("in", "out"))
    task = parse_prompt("Classify the note as wet, dry or damp.", shown=shown)
    assert task.labels == ()
    assert "the prompt lists wet, dry, damp" in task.doubts[0]


def test_languages_are_those_of_the_rows() -> None:
    english = "the parcel that you sent to me was not in the box {n}"
    spanish = "no me llega el paquete que pedí y no sé por qué {n}"
    both = rows_of(["late", "lost"] * 10, english) + rows_of(["late", "lost"] * 10, spanish)
    prompt = "Classify the mail (Spanish or English) as late or lost."
    task = parse_prompt(prompt, shown=read_answers(both))
    assert set(task.spoken) == {"en", "es"}
    alone = parse_prompt(prompt, shown=read_answers(rows_of(["late", "lost"] * 10, english)))
    assert alone.spoken == ("en",)
    assert "texts in es too" in alone.doubts[0]
    assert set(parse_prompt(prompt).spoken) == {"en", "es"}


def test_two_texts_in_each_input_are_found_by_the_marks_before_them() -> None:
    def shown(layout: str, number: int = 12) -> Shown:
        texts = [
            layout.format(n=n, one=f"the dog runs to {n}", other=f"{n} of the dogs") for n in range(number)
        ]
        return read_answers([Example({"text": text}, ("yes", "no")[n % 2]) for n, text in enumerate(texts)])

    assert shown("Premise: {one}. Hypothesis: {other}").parts == ("Premise:", "Hypothesis:")
    assert shown("sentence_A: {one} sentence_B: {other}").parts == ("sentence_A:", "sentence_B:")
    assert shown("Sentence 1: {one}\nSentence 2: {other}").parts == ("Sentence 1:", "Sentence 2:")
    assert shown("From: {n}@example.com Subject: {other}").parts == ("From:", "Subject:")
    assert shown("Option A: {one} Option B: {other}").parts == ("Option A:", "Option B:")
    assert shown("Q: {one}? A: {other}").parts == ("Q:", "A:")
    assert shown("**Premise:** {one} **Hypothesis:**{other}").parts == ("Premise:", "Hypothesis:")
    assert shown("前提：{one} 仮説：{other}").parts == ("前提：", "仮説：")
    assert shown("{one} at https://a.example/{n} and 12:30 {other}").parts == ()
    assert shown("{one} Note: {other}").parts == ()  # one mark is no pair
    assert shown("See: {one} Note: {other} End: {n}").parts == ()
    assert shown("no. {n}: {one} Note {n}: {other}").parts == ()  # no two rows have the same
    assert shown("Premise: {one}. Hypothesis: {other}", number=5).parts == ()
    task = parse_prompt("Say yes or no.", shown=shown("Premise: {one}. Hypothesis: {other}"))
    assert task.parts == ("Premise:", "Hypothesis:")
    assert "two texts in each input, after 'Premise:' and 'Hypothesis:'" in task.reasons
    assert (
        parse_prompt("Rewrite it.", type=TaskType.TEXT_TO_TEXT, shown=shown("A: {one} B: {other}")).parts
        == ()
    )


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["How do I top up my card?", "I do not see my money", "What do I do to get a card?", "Can I do it?",
                "Do I need to do it again to pay?", "to whom do I write", "I do want to do this today"]),
        ("fi", ["Missä tilaukseni on?", "En ole saanut tilaustani vielä.", "Voinko vaihtaa osoitteen?"]),
        ("cs", ["Kde je moje objednávka?", "Ještě jsem ji nedostal.", "Chci změnit adresu doručení."]),
        ("ro", ["Unde este comanda mea?", "Nu am primit-o încă.", "Vreau să schimb adresa de livrare."]),
        ("vi", ["Đơn hàng của tôi ở đâu?", "Tôi vẫn chưa nhận được.", "Tôi muốn đổi địa chỉ giao hàng."]),
        ("ja", ["注文した商品はどこですか。", "まだ届いていません。", "配送先の住所を変更したいです。"]),
        ("zh", ["退款多久到", "怎么修改地址", "包裹还没到"]),
        ("ar", ["أين طلبي", "لم يصل الطرد", "تغيير العنوان"]),
        ("ko", ["환불 언제 되나요", "주소 변경", "택배가 안 와요"]),
    ],
)  # fmt: skip
def test_rows_of_a_few_words_are_in_the_language_that_they_are_in(language: str, texts: list[str]) -> None:
    rows = [Example({"text": text}, ("a", "b")[n % 2]) for n, text in enumerate(texts * 4)]
    assert read_answers(rows).languages == (language,)


def test_a_guess_at_labels_refuses_no_rows_where_they_are_too_few_to_tell() -> None:
    prompt = "Dear Sir or Madam, say for each mail what the patient wants."
    few = read_answers(rows_of(["move", "cancel"] * 4, NEUTRAL))
    assert few.type is None
    assert parse_prompt(prompt, labels=("a", "b"), shown=few).labels == ("a", "b")
    task = parse_prompt(prompt, type=CLASSES, shown=few)
    assert task.labels == ()
    listed = "Classify the mail as move, cancel or other."
    assert parse_prompt(listed, shown=few).labels == ("move", "cancel", "other")
    slip = read_answers(rows_of(["move", "cancel", "cancle"] * 3, NEUTRAL))
    task = parse_prompt("Classify the mail as move or cancel.", shown=slip)
    assert task.labels == ("move", "cancel") or "the rows answer with cancle" in task.doubts[0]


def test_a_kind_without_students_says_what_asked_for_it() -> None:
    photo = parse_prompt("Look at the photo of the leaf and say which disease it shows.")
    assert "photo" in photo.lacking
    assert parse_prompt("Note it.", type=OTHER).lacking == "the recipe asks for it"
    assert parse_prompt("Translate it.").lacking == ""


def test_of_labels_one_of_which_nearly_all_rows_have_the_rare_ones_count_as_much() -> None:
    def read(answers: list[str], *, is_whole: bool = True) -> tuple[str, ...]:
        rows = [Example({"text": f"note {n}"}, answer) for n, answer in enumerate(answers)]
        return parse_prompt(
            "Is it urgent?", inputs=["text"], shown=read_answers(rows, is_whole=is_whole)
        ).metrics

    mixed = (["no"] * 19 + ["yes"]) * 5
    assert read(mixed) == ("macro_f1", "accuracy")
    assert read(mixed, is_whole=False) == ("macro_f1", "accuracy")
    assert read(sorted(mixed), is_whole=False) == (
        "accuracy",
        "macro_f1",
    )  # of a sorted file nothing is known
    assert read((["no"] * 8 + ["yes"] * 2) * 10) == ("accuracy", "macro_f1")
    assert read(["no"] * 19 + ["yes"]) == ("accuracy", "macro_f1")  # few rows show no shares
