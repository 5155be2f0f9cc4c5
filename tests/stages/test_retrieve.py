"""Small catalogues on disk, searched and read as a build does it."""

from __future__ import annotations

import json

import pytest

from p2m.catalogs.base import open_catalogue
from p2m.errors import DataError
from p2m.parsing import parse_prompt
from p2m.retrievers.bm25 import BM25
from p2m.stages.read import read
from p2m.stages.retrieve import retrieve
from p2m.stages.select import select
from p2m.types import Files

PLACES = [f"Station {number}" for number in range(40)]
QA = [
    {"id": str(n), "context": f"The train to {place} leaves at {n % 24}:15 from hall {n}.",
     "question": f"When does the train to {place} leave?",
     "answers": {"text": [f"{n % 24}:15", f"at {n % 24}:15"], "answer_start": [5, 5]}}
    for n, place in enumerate(PLACES)
]  # fmt: skip
MOODS = [{"review": f"Item {n} is {'fine' if n % 2 else 'bad'}.", "stars": n % 2} for n in range(40)]
PROMPT = (
    "Answer a question from a passage. The answer is a span of the passage.\n\n"
    "question: {question}\ncontext: {context}"
)


def dataset(root, name, front, parts, body="About trains: questions with passages and answer spans."):
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(f"---\n{front}\n---\n\n# {name}\n\n{body}\n", encoding="utf-8")
    for part, rows in parts.items():
        text = rows if isinstance(rows, str) else "\n".join(map(json.dumps, rows)) + "\n"
        (folder / part).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def catalogue(tmp_path):
    root = tmp_path / "datasets"
    qa = "license: cc-by-4.0\nlanguage: [en]\ntask_categories: [question-answering]"
    dataset(
        root,
        "trains",
        qa,
        {"train-00000-of-00001.jsonl": QA[:30], "dev.jsonl": QA[30:35], "test.jsonl": QA[35:]},
    )
    dataset(root, "unseen", qa, {"test.jsonl": QA})
    dataset(root, "fremd", qa.replace("[en]", "de"), {"train.jsonl": QA})
    dataset(root, "broken", qa, {"train.jsonl": '{"question": "a?"}\n{oops\n'})
    late = "".join(json.dumps(row) + "\n" for row in QA[:25])
    dataset(root, "late", qa, {"train.jsonl": late + "{oops\n"})
    dataset(root, "nocard", "license: [mit\nlanguage: en", {"train.jsonl": QA})
    free = [row | {"answers": {"text": ["nowhere"], "answer_start": [0]}} for row in QA]
    dataset(root, "free", qa, {"train.jsonl": free})
    info = ("dataset_info:\n  features:\n  - name: review\n    dtype: string\n  - name: stars\n    dtype:\n"
            "      class_label:\n        names:\n          '0': neg\n          '1': pos")  # fmt: skip
    front = f"license: mit\nlanguage: en\ntask_categories:\n- text-classification\n{info}"
    dataset(
        root,
        "moods",
        front,
        {"train.jsonl": MOODS},
        "Reviews of shop items with their sentiment; no question, no answer.",
    )
    return Files(root)


def search(prompt, catalogue, licenses=()):
    task = parse_prompt(prompt)
    found = retrieve(task, catalogue, retriever=BM25(), limit=10, licenses=licenses, languages=())
    return task, found, {one.card.name: one for one in found.found}


def test_the_dataset_that_fits_is_used_and_every_other_says_why_not(catalogue):
    _, found, by_name = search(PROMPT, catalogue)
    assert [one.card.name for one in found.usable] == ["trains"]
    assert by_name["trains"].mapping == {
        "question": "question",
        "context": "context",
        "answer": "answers.text",
    }
    assert any("30 of 30 sampled answers" in reason for reason in by_name["trains"].reasons)
    assert "only test" in by_name["unseen"].refusal
    assert "language is de" in by_name["fremd"].refusal
    assert by_name["broken"].refusal.startswith("broken/train.jsonl:2: not JSON")
    assert by_name["late"].refusal.startswith("late/train.jsonl:26: not JSON")
    assert by_name["nocard"].refusal.startswith("nocard/README.md:3: the card is not YAML")
    assert "0 of 40 sampled answers" in by_name["free"].refusal
    assert "made for text-classification" in by_name["moods"].refusal


def test_no_reason_holds_the_place_of_the_catalogue(catalogue):
    _, found, _ = search(PROMPT, catalogue)
    assert str(catalogue.path) not in repr(found)


def test_selected_rows_come_from_training_parts_alone(catalogue):
    task, found, _ = search(PROMPT, catalogue)
    rows = select(task, found, catalogue, max_rows=1000, seed=0, run=None).rows
    assert len(rows) == 30
    assert {row.source for row in rows} == {"trains:train"}
    assert rows[7].answers == ("7:15", "at 7:15")
    assert not {row.input["context"] for row in rows} & {row["context"] for row in QA[30:]}


def test_selection_depends_on_the_seed_alone(catalogue):
    task, found, _ = search(PROMPT, catalogue)
    few = [select(task, found, catalogue, max_rows=10, seed=seed, run=None) for seed in (1, 1, 2)]
    assert few[0] == few[1] != few[2]
    assert len(few[0].rows) == 10


def test_class_numbers_become_the_labels_that_the_task_names(catalogue):
    task, found, by_name = search("Classify the sentiment of the review as positive or negative.", catalogue)
    assert by_name["moods"].mapping == {"review": "review", "label": "stars"}
    rows = select(task, found, catalogue, max_rows=1000, seed=0, run=None).rows
    assert [row.output for row in rows[:2]] == ["negative", "positive"]


def test_labels_that_a_dataset_lacks_refuse_it(catalogue):
    _, _, by_name = search("Classify the sentiment of the review as angry, calm or sad.", catalogue)
    assert "lack angry, calm, sad" in by_name["moods"].refusal


def test_a_licence_that_is_not_accepted_refuses_a_dataset(catalogue):
    _, found, by_name = search(PROMPT, catalogue, licenses=("MIT License",))
    assert not found.usable
    assert "licence cc-by-4.0" in by_name["trains"].refusal


def test_a_catalogue_of_other_matters_has_nothing_for_the_task(catalogue):
    task, found, _ = search("Turn the chemical formula into the compound's name.", catalogue)
    assert found.usable == ()
    assert select(task, found, catalogue, max_rows=10, seed=0, run=None).rows == ()


def test_no_catalogue_is_an_empty_answer(catalogue):
    task = parse_prompt(PROMPT)
    found = retrieve(task, None, retriever=BM25(), limit=3, licenses=(), languages=())
    assert found.found == select(task, found, None, max_rows=5, seed=0, run=None).rows == ()


def test_a_folder_without_datasets_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no dataset in it"):
        retrieve(parse_prompt(PROMPT), Files(tmp_path), retriever=BM25(), limit=3, licenses=(), languages=())


def test_a_file_that_breaks_after_it_was_judged_is_left_out_whole(catalogue):
    task, found, _ = search(PROMPT, catalogue)
    with (catalogue.path / "trains" / "train-00000-of-00001.jsonl").open("a") as stream:
        stream.write("{oops\n")
    chosen = select(task, found, catalogue, max_rows=100, seed=0, run=None)
    assert chosen.rows == ()
    assert any("train-00000-of-00001.jsonl:31" in count.what for count in chosen.counts)


def test_cards_know_parts_rows_languages_and_licences(catalogue):
    opened = open_catalogue(catalogue.path)
    card = next(card for card in opened.cards if card.name == "trains")
    assert [(part.name, part.rows) for part in card.parts] == [("train", 30), ("validation", 5), ("test", 5)]
    assert (card.languages, card.license) == (("en",), "cc-by-4.0")
    assert card.columns == ("id", "context", "question", "answers")
    assert [one.name for one in opened.skipped] == ["broken", "nocard"]


def test_configurations_of_the_hub_are_cards_of_their_own(tmp_path):
    front = ("configs:\n- config_name: a\n  data_files:\n  - split: train\n    path: a/*.jsonl\n"
             "- config_name: b\n  data_files: b.jsonl\nlanguage: no\nlicense: [mit, apache-2.0]")  # fmt: skip
    folder = dataset(tmp_path, "two", front, {"b.jsonl": MOODS})
    (folder / "a").mkdir()
    (folder / "a" / "x.jsonl").write_text('{"text": "hi"}\n')
    first, second = open_catalogue(tmp_path).cards
    assert (first.name, first.parts[0].files, second.name) == ("two/a", ("a/x.jsonl",), "two/b")
    assert (second.languages, second.license) == (("no",), "mit, apache-2.0")


# --------------------------------------------------------------------------- read


def lines(tmp_path, rows, name="rows.jsonl"):
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return Files(path)


def test_own_rows_are_read_with_all_right_answers(tmp_path):
    rows = read(parse_prompt(PROMPT), lines(tmp_path, QA[:3]), role="test").rows
    assert rows[2].input == {"question": QA[2]["question"], "context": QA[2]["context"]}
    assert rows[2].answers == ("2:15", "at 2:15")
    assert rows[0].source == "user"


@pytest.mark.parametrize(
    "row",
    [
        {"question": "a?", "context": "a b", "answer": "b", "also": ["a b"]},
        {"question": "a?", "context": "a b", "output": "b", "also": ["a b"]},
        {"input": {"question": "a?", "context": "a b"}, "output": "b", "also": ["a b"]},
        {"question": "a?", "passage": "a b", "answers": ["b", "a b"]},
        {"question": "a?", "context": "a b", "answers": [{"text": "b"}, {"text": "a b"}]},
    ],
)
def test_rows_may_be_written_in_the_usual_ways(tmp_path, row):
    (read_row,) = read(parse_prompt(PROMPT), lines(tmp_path, [row]), role="test").rows
    assert (tuple(read_row.input.values()), read_row.answers) == (("a?", "a b"), ("b", "a b"))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "it has no rows"),
        (
            [QA[0], {key: QA[1][key] for key in ("id", "context", "answers")}],
            r":2: the row lacks the column 'question'",
        ),
        ([QA[0], QA[1] | {"question": " "}], r":2: 'question' \(column 'question'\) is empty"),
        ([{"a": 1, "b": 2}], "no column for 'question'"),
    ],
)
def test_a_row_that_cannot_be_used_is_an_error_with_its_place(tmp_path, rows, said):
    with pytest.raises(DataError, match=said):
        read(parse_prompt(PROMPT), lines(tmp_path, rows), role="test")


def test_a_label_that_the_task_has_not_is_an_error_with_its_place(tmp_path):
    task = parse_prompt("Classify the text as good or bad.")
    rows = [{"text": "x", "label": "good"}, {"text": "y", "label": "Bad"}, {"text": "z", "label": "baad"}]
    assert [row.output for row in read(task, lines(tmp_path, rows[:2]), role="train").rows] == ["good", "bad"]
    with pytest.raises(DataError, match=r"rows\.jsonl:3: 'baad' is none of the labels; did you mean 'bad'"):
        read(task, lines(tmp_path, rows), role="train")


def test_a_folder_gives_the_part_that_suits_the_role(catalogue):
    task, trains = parse_prompt(PROMPT), Files(catalogue.path / "trains")
    assert [len(read(task, trains, role=role).rows) for role in ("train", "validation", "test")] == [30, 5, 5]
    with pytest.raises(DataError, match=r"no part for data\.train, only test"):
        read(task, Files(catalogue.path / "unseen"), role="train")
    with pytest.raises(DataError, match=r"give data\.train one of them"):
        read(task, Files(moved(catalogue)), role="train")


def moved(catalogue):
    """The catalogue without its broken datasets, as a user might name it by mistake."""
    for name in ("broken", "nocard"):
        (catalogue.path / name / "train.jsonl").write_text(json.dumps(QA[0]) + "\n")
        (catalogue.path / name / "README.md").write_text("---\nlicense: mit\n---\n")
    return catalogue.path


def test_a_dataset_that_the_recipe_maps_comes_first_and_joins_its_columns(catalogue):
    parts = {
        "train.jsonl": [
            {"subject": f"s {n}", "body": f"b {n}", "queue": ("happy", "sad")[n % 2]} for n in range(40)
        ]
    }
    for config in ("en", "de"):
        front = f"license: mit\nlanguage: {config}\ntask_categories: [translation]"
        dataset(catalogue.path, f"acme/{config}", front, parts, "Tickets.")
    task = parse_prompt("Classify the sentiment of the review as happy or sad.")
    mapping = {"acme": {"review": "{subject}: {body}", "label": "queue"}, "acne": {}}
    found = retrieve(task, catalogue, retriever=BM25(), limit=2, licenses=(), languages=(), mapping=mapping)
    assert sorted(one.card.name for one in found.usable) == ["acme/de", "acme/en"]
    rows = select(task, found, catalogue, max_rows=1000, seed=0, run=None).rows
    assert len(rows) == 80
    assert (rows[1].input, rows[1].output) == ({"review": "s 1: b 1"}, "sad")
    assert next(one for one in found.found if one.card.name == "acne").refusal.endswith(
        "did you mean 'acme'?"
    )
    wrong = {"acme/en": {"review": "sbject"}}
    with pytest.raises(DataError, match=r"retriever\.mapping\.acme/en\.review: .*did you mean 'subject'"):
        retrieve(task, catalogue, retriever=BM25(), limit=2, licenses=(), languages=(), mapping=wrong)
