"""Which steps a recipe compiles to: those of every candidate where rows must choose, and of one elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from p2m.compiler import compile_plan
from p2m.compression.int8 import Int8
from p2m.compression.pruned import Pruned
from p2m.compression.static_int8 import StaticInt8
from p2m.compression.trimmed_vocabulary import TrimmedVocabulary
from p2m.compression.weight_only import WeightOnly
from p2m.engine.keys import identify_all
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.lock.settings import settings_of
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.chrf import ChrF
from p2m.metrics.exact_match import ExactMatch
from p2m.retrievers.bm25 import BM25
from p2m.spec import ModelSpec
from p2m.spec.candidates import STEPS
from p2m.students.linear_editor import LinearEditor
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.linear_tagger import LinearTagger
from p2m.students.linear_tagger_minilm import LinearTaggerMiniLM
from p2m.students.linear_tfidf import LinearTfidf
from p2m.students.minilm import MiniLM
from p2m.students.slots import Slots
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.teachers.compatible import Compatible
from p2m.teachers.embedded import Embedded
from p2m.types import Field, Layout, Student, Task, TaskType, unkeyed
from p2m.verifiers.labels import Labels
from p2m.verifiers.span import Span

LABELS = Task(
    TaskType.CLASSIFICATION, "Sort it.", (Field("text"),), Field("label"), ("no", "yes"),
    metrics=("accuracy",),
)  # fmt: skip
QA = Task(
    TaskType.QUESTION_ANSWERING, "", (Field("question"), Field("context")), Field("answer"),
    metrics=("exact_match",),
)  # fmt: skip
TEXT = Task(TaskType.TEXT_TO_TEXT, "", (Field("text"),), Field("result"), metrics=("chrf",))
STUDENTS: dict[str, Student] = {
    "linear_tfidf": LinearTfidf(), "linear_minilm": LinearMiniLM(), "minilm": MiniLM(),
}  # fmt: skip


def compiled(task: Task, students: Mapping[str, Any] = STUDENTS, **changes: Any) -> Plan:
    return compile_plan(spec_of(students, **changes), task, {})


def spec_of(students: Mapping[str, Any], **changes: Any) -> ModelSpec:
    base: dict[str, Any] = {
        "name": "x",
        "prompt": "Sort it.",
        "student": {"candidates": dict(students)},
        "metric": {"accuracy": Accuracy(), "exact_match": ExactMatch(), "chrf": ChrF()},
    }
    return ModelSpec.model_validate(base | changes)


def groups(plan: Plan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for step in plan.steps:
        found.setdefault(step.group, []).append(step.name)
    return found


def keys(plan: Plan, folder: Path) -> dict[str, Mapping[str, Any]]:
    """Of each step what its key is made of, but for its inputs."""
    identities = identify_all(plan.steps, Store(folder / "store"))
    return {name: identity.preimage for name, identity in identities.items()}


def changed(one: Plan, two: Plan, folder: Path) -> set[str]:
    """Names of the steps whose own keys differ, or that only one has."""
    old, new = keys(one, folder), keys(two, folder)
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


# --------------------------------------------------------------------------- steps and groups


def rungs(name: str) -> list[str]:
    return [f"rung-{name}-1"]


def test_where_rows_must_choose_every_candidate_has_steps_of_its_own_in_a_group() -> None:
    plan = compiled(LABELS, compression={"candidates": {"int8": Int8()}})
    assert groups(plan) | {"": None} == {
        "": None,
        "linear_tfidf": [
            "cross-validate-linear_tfidf", *rungs("linear_tfidf"), "train-linear_tfidf",
            "export-linear_tfidf",
        ],
        "linear_minilm": [
            "cross-validate-linear_minilm", *rungs("linear_minilm"), "train-linear_minilm",
            "export-linear_minilm",
        ],
        "minilm": [
            *rungs("minilm"), *(f"fold-minilm-{n}" for n in range(1, 6)), "train-minilm", "export-minilm",
            "compress-int8-minilm",
        ],
    }  # fmt: skip
    needs = plan.step("choose").needs
    assert needs[:3] == ("parse", "split", "cross-validate-linear_tfidf")
    crossed = {"cross-validate-linear_tfidf", "cross-validate-linear_minilm"}
    assert {*needs[2:]} == crossed | {rung for name in STUDENTS for rung in rungs(name)}
    for name in STUDENTS:
        assert "winner" in plan.step(f"train-{name}").needs
        assert "choose" not in plan.step(f"train-{name}").needs
    assert plan.step("pick").needs == (
        "parse", "export-linear_tfidf", "export-linear_minilm", "export-minilm", "compress-int8-minilm",
    )  # fmt: skip


def test_one_tuned_student_is_tried_once_and_of_several_the_better_half_twice() -> None:
    two = {**STUDENTS, "other": MiniLM(window=100)}
    steps = {step.name for step in compiled(LABELS, two).steps}
    assert {f"rung-{name}-{n}" for name in two for n in (1, 2)} | {"halve-1"} <= steps
    once = {step.name for step in compiled(LABELS).steps}
    assert "rung-minilm-1" in once
    assert not once & {"rung-minilm-2", "halve-1"}


def test_the_minutes_of_choosing_are_asked_of_the_machine_before_anything_is_tried() -> None:
    plan = compiled(LABELS, choosing={"minutes": 5})
    assert plan.step("rung-minilm-1").needs[-1] == "afford"
    assert plan.step("afford").needs == ("room", "paces")
    assert "within" not in plan.step("choose").needs, "that a trial takes long does not refuse a student"
    both = compiled(LABELS, choosing={"minutes": 5}, constraints={"max_latency": 0.1})
    assert both.step("room").needs[:2] == ("within", "split")
    assert "paces" not in {step.name for step in compiled(LABELS).steps}


def test_where_rows_must_not_choose_the_one_student_has_steps_in_no_group(tmp_path: Path) -> None:
    plain = {"train", "export", "compress-int8"}
    for task, students in ((QA, {"minilm": MiniLM(), "tiny": TinySeq2Seq()}), (LABELS, {"minilm": MiniLM()})):
        plan = compiled(task, students, compression={"candidates": {"int8": Int8()}})
        assert set(groups(plan)) == {""}
        names = {step.name for step in plan.steps}
        assert names >= plain
        assert {name for name in names if "-" in name} == {
            "compress-int8",
            *(f"fold-{n}" for n in range(1, 6)),
        }
        assert plan.step("train").settings["name"] == "minilm"
        assert "winner" not in plan.step("train").needs  # which is known before anything runs


RIVALS = {"candidates": {"linear_minilm": LinearMiniLM()}}
WAYS: dict[str, Any] = {
    "pruned": Pruned(), "trimmed": TrimmedVocabulary(int8=False), "int8": Int8(), "int4": WeightOnly(),
}  # fmt: skip


def test_of_a_ladder_each_way_goes_on_from_what_was_kept() -> None:
    plan = compiled(
        LABELS, {"minilm": MiniLM()}, compression={"candidates": WAYS, "ladder": True}, baselines=RIVALS
    )
    needs = {step.name: step.needs[2:] for step in plan.steps if step.needs[:2] == ("parse", "split")}
    assert needs["compress-trimmed"] == ("export",)
    assert needs["compress-int8"] == needs["compress-int4"] == ("keep-trimmed",)
    assert plan.step("keep-trimmed").needs == ("export", "compress-trimmed")
    assert plan.step("keep-trimmed").settings["tolerance"] == plan.step("pick").settings["tolerance"] / 2
    assert needs["prune-pruned"] == ("train",)
    assert needs["export-pruned"] == ("prune-pruned",)
    assert plan.step("keep-pruned").needs == ("export", "export-pruned")
    assert needs["compress-trimmed-pruned"] == ("keep-pruned",)
    assert plan.step("keep-trimmed-pruned").needs == ("export", "keep-pruned", "compress-trimmed-pruned")
    assert needs["compress-int4-pruned"] == ("keep-trimmed-pruned",)
    made = plan.step("pick").needs[1:]
    assert made == (
        "export", "compress-trimmed", "compress-int8", "compress-int4", "export-pruned",
        "compress-trimmed-pruned", "compress-int8-pruned", "compress-int4-pruned",
    )  # fmt: skip
    assert set(plan.step("climb").needs) == {"split", "pick", "race", *made}
    assert "climb" in plan.step("report").needs
    assert plan.step("encoder").settings["compressor"] == Int8(), "which baselines alone read"
    twice = {"one": Pruned(), "two": Pruned(layers=1), "int8": Int8()}
    deeper = compiled(LABELS, {"minilm": MiniLM()}, compression={"candidates": twice, "ladder": True})
    assert deeper.step("prune-two").needs[2:] == ("keep-weights-one",)
    assert deeper.step("keep-weights-one").needs == ("export", "export-one", "train", "prune-one")
    assert deeper.step("compress-int8-two").needs[2:] == ("keep-two",)


def test_without_a_ladder_each_way_is_by_itself() -> None:
    plan = compiled(LABELS, {"minilm": MiniLM()}, compression={"candidates": WAYS}, baselines=RIVALS)
    for way in ("trimmed", "int8", "int4"):
        assert plan.step(f"compress-{way}").needs[2:] == ("export",)
    assert not {step.name for step in plan.steps if step.name.startswith(("keep", "climb", "race"))}
    assert plan.step("pick").needs[1:] == (
        "export", "compress-trimmed", "compress-int8", "compress-int4", "export-pruned",
    )  # fmt: skip
    assert plan.step("encoder").settings["compressor"].name == "trimmed"


def test_the_encoder_of_linear_students_climbs_before_they_are_solved() -> None:
    linear = {"linear_minilm": LinearMiniLM()}
    plan = compiled(LABELS, linear, compression={"candidates": WAYS, "ladder": True})
    assert plan.step("encoder").settings["compressor"] is None
    assert groups(plan)["encoders"] == [
        "weigh-fp32", "shrink-trimmed", "weigh-trimmed", "keep-trimmed-encoder", "shrink-int8", "weigh-int8",
        "keep-int8-encoder", "shrink-int4", "weigh-int4", "keep-int4-encoder",
    ]  # fmt: skip
    assert plan.step("shrink-int8").needs == ("parse", "split", "keep-trimmed-encoder")
    assert [plan.step(f"keep-{way}-encoder").settings["tolerance"] for way in ("trimmed", "int8")] == [
        0.01,
        0.02,
    ]
    assert plan.step("shrink-int4").needs == ("parse", "split", "keep-trimmed-encoder")
    assert plan.step("keep-int4-encoder").needs == ("keep-int8-encoder", "shrink-int4", "weigh-int4")
    assert plan.step("embed").needs[2:] == ("keep-int4-encoder",)
    assert "keep-int4-encoder" in plan.step("train").needs
    assert plan.step("climb").needs == ("split", "pick", "race", "weigh-int4", "export")
    turned = dict(reversed(WAYS.items()))
    other = compiled(LABELS, linear, compression={"candidates": turned, "ladder": True})
    assert other.step("shrink-int8").needs == ("parse", "split", "keep-trimmed-encoder")
    ranged = {"static": StaticInt8(), "int8": Int8()}
    for ladder in (False, True):
        plan = compiled(LABELS, linear, compression={"candidates": ranged, "ladder": ladder})
        assert not any("static" in step.name for step in plan.steps), "an encoder gives no answers"
    assert (
        compiled(LABELS, linear, compression={"candidates": ranged}).step("encoder").settings["compressor"]
        == Int8()
    )


def test_rows_that_were_set_aside_make_folds_needless(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text("{}")
    kept = compiled(LABELS, data={"test": str(tmp_path / "test.jsonl")})
    assert not [step.name for step in kept.steps if step.name.startswith("fold")]
    assert not [step.name for step in compiled(TEXT, {"t": TinySeq2Seq()}).steps if "fold" in step.name]


def test_trials_stand_in_a_group_and_become_one_student() -> None:
    alone = compiled(LABELS, {"minilm": MiniLM()}, tuning={"trials": 3})
    assert groups(alone)["tune"] == ["train-1", "propose-2", "train-2", "propose-3", "train-3", "best"]
    assert alone.step("best").needs == ("train-1", "train-2", "train-3")
    assert alone.step("export").needs == ("parse", "split", "best")
    chosen = groups(compiled(LABELS, tuning={"trials": 2}))
    assert set(chosen) == {"", *STUDENTS}
    assert [name for name in chosen["minilm"] if "fold" not in name] == [
        *rungs("minilm"), "train-minilm-1", "propose-minilm-2", "train-minilm-2", "best-minilm",
        "export-minilm",
    ]  # fmt: skip
    assert chosen["linear_tfidf"] == groups(compiled(LABELS))["linear_tfidf"]  # which has nothing to search


def test_no_candidate_may_be_called_like_a_step_that_plans_have(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("{}")
    (tmp_path / "other").mkdir()
    for sources in ([tmp_path], [tmp_path, tmp_path / "other"]):
        plan = compiled(
            LABELS,
            data={"train": str(rows), "validation": str(rows), "test": str(rows)},
            teacher=Embedded(),
            retriever={"component": BM25(), "sources": [str(each) for each in sources]},
        )
        shared = {name for name in groups(plan)[""] if name.isidentifier()}
        assert shared <= STEPS
    plan = compiled(QA, {"minilm": MiniLM()}, teacher=Embedded())
    assert {"generate"} <= {name for name in groups(plan)[""] if name.isidentifier()} - STUDENTS.keys()


def test_a_chat_teacher_settles_what_a_search_leaves_unsure_and_no_other_does(tmp_path: Path) -> None:
    searching = {"retriever": {"component": BM25(), "sources": [str(tmp_path)], "transform": {}}}
    teacher = Compatible(model="m", base_url="http://127.0.0.1:9/v1")
    asked, alone = (compiled(LABELS, teacher=each, **searching) for each in (teacher, Embedded()))
    assert asked.step("select").needs == ("parse", "reshape", "catalogue")
    assert asked.step("reshape").needs == ("parse", "settle", "catalogue")
    assert asked.step("settle").is_recorded
    assert asked.step("reshape").is_recorded
    searching["retriever"]["proposals"] = 0
    assert compiled(LABELS, teacher=teacher, **searching).step("select").needs[1] == "settle"
    assert "select" in asked.step("account").needs
    assert alone.step("select").needs == ("parse", "retrieve", "catalogue")


def test_rows_that_a_teacher_turns_are_generated_and_the_others_found(tmp_path: Path) -> None:
    made = {"acme": "SELECT 1 AS text FROM rows", "calls": {"prompt": "Say why they called.", "rows": 9}}
    searching = {"retriever": {"component": BM25(), "sources": [str(tmp_path)], "transform": made}}
    teacher = Compatible(model="m", base_url="http://127.0.0.1:9/v1")
    plan = compiled(LABELS, teacher=teacher, **searching)
    assert plan.step("rewrite").settings["rows"] == {"calls": 9}
    assert plan.step("transform").settings["queries"].keys() == {"acme"}
    assert plan.step("retrieve").settings["without"] == ("acme", "calls")
    assert plan.step("generated").needs == ("vet", "rewrite")
    assert {"generated", "merge"} <= set(plan.step("curate").needs)
    assert "rewrite" in plan.step("account").needs
    assert "rewrite" not in {step.name for step in compiled(LABELS, teacher=Embedded(), **searching).steps}


# --------------------------------------------------------------------------- what a change re-keys


def test_a_field_of_one_candidate_rekeys_its_own_steps_alone(tmp_path: Path) -> None:
    own = {"cross-validate-linear_tfidf", *rungs("linear_tfidf"), "train-linear_tfidf", "export-linear_tfidf",
           "latencies"}  # fmt: skip
    manifest = {"package"}  # writes the recipe down
    other = {**STUDENTS, "linear_tfidf": LinearTfidf(strength=5.0)}
    assert changed(compiled(LABELS), compiled(LABELS, other), tmp_path) == own | manifest
    smaller = {**STUDENTS, "linear_tfidf": LinearTfidf(max_words=77)}  # by size equals are told apart
    assert changed(compiled(LABELS), compiled(LABELS, smaller), tmp_path) == own | manifest | {"choose"}
    tuned = {**STUDENTS, "minilm": MiniLM(window=100)}
    folds = {f"fold-minilm-{n}" for n in range(1, 6)}
    own = {*rungs("minilm"), "train-minilm", "export-minilm", "latencies"}
    assert changed(compiled(LABELS), compiled(LABELS, tuned), tmp_path) == own | folds | manifest


def test_a_further_trial_adds_steps_and_rekeys_no_training(tmp_path: Path) -> None:
    one, two, three = (compiled(LABELS, tuning={"trials": trials}) for trials in (1, 2, 3))
    assert changed(two, three, tmp_path) == {"propose-minilm-3", "train-minilm-3"}
    old, new = keys(one, tmp_path), keys(two, tmp_path)
    assert new["train-minilm-1"] == old["train-minilm"]
    assert {step: new[step] for step in old.keys() & new.keys() - {"package"}} == {
        step: old[step] for step in old.keys() & new.keys() - {"package"}
    }


def test_a_limit_rekeys_the_steps_that_read_it(tmp_path: Path) -> None:
    for limit, steps in {
        "max_latency": {"within", "verdict", "package"},
        "max_size": {"pick", "verdict", "package"},
        "max_parameters": {"verdict", "package"},
        "precision": {"calibrate", "verdict", "package"},
        "max_cost": {"package"},
    }.items():
        ample = compiled(LABELS, constraints={limit: 0.5 if limit == "precision" else 10**12})
        assert changed(compiled(LABELS), ample, tmp_path) == steps, limit


# --------------------------------------------------------------------------- fields that are unkeyed


@dataclass(frozen=True)
class Fetched(LinearTfidf):
    """A student that is fetched from somewhere."""

    mirror: str = unkeyed("https://example.org")
    retries: int = unkeyed(3)


def test_an_unkeyed_field_changes_neither_key_nor_lock_nor_manifest(tmp_path: Path) -> None:
    here = {**STUDENTS, "linear_tfidf": Fetched()}
    there = {**STUDENTS, "linear_tfidf": Fetched(mirror="https://example.com", retries=9)}
    assert changed(compiled(LABELS, here), compiled(LABELS, there), tmp_path) == set()
    locked = settings_of(spec_of(there), tmp_path)
    assert locked == settings_of(spec_of(here), tmp_path)
    assert not [path for path in locked if "mirror" in path or "retries" in path]
    assert locked["student.candidates.linear_tfidf.max_words"] == Fetched().max_words
    manifest = compiled(LABELS, there).step("package").settings["spec"]["students"]["linear_tfidf"]
    assert manifest["target"].endswith(".Fetched")
    assert manifest["max_words"] == Fetched().max_words
    assert manifest.keys().isdisjoint({"mirror", "retries"})
    handed = compiled(LABELS, there).step("train-linear_tfidf").settings["student"]
    assert handed == replace(Fetched(), mirror="https://example.com", retries=9)
    keyed = {**STUDENTS, "linear_tfidf": Fetched(max_words=77)}
    assert "train-linear_tfidf" in changed(compiled(LABELS, here), compiled(LABELS, keyed), tmp_path)


def test_a_teachers_answers_are_held_to_the_verifiers_that_fit_the_task() -> None:
    teacher = Compatible(model="m", base_url="http://127.0.0.1:9/v1")
    verifier = {"labels": Labels(), "span": Span()}
    for task, fitting in ((LABELS, Labels()), (QA, Span())):
        plan = compiled(task, {"minilm": MiniLM()}, teacher=teacher, verifier=verifier)
        assert plan.step("answer").settings["verifiers"] == (fitting,)


# --------------------------------------------------------------------------- vocabularies


def test_what_cuts_a_vocabulary_is_told_the_recipe_s_languages(tmp_path: Path) -> None:
    ways = {"candidates": {"trimmed": TrimmedVocabulary(), "int8": Int8()}}
    students = {"minilm": MiniLM(), "linear_minilm": LinearMiniLM()}
    plain, wide = (
        compiled(LABELS, students, compression=ways, constraints={"languages": list(languages)})
        for languages in ((), ("en",))
    )
    for plan in (plain, wide):
        for step in ("compress-trimmed-minilm", "encoder"):
            assert plan.step(step).settings["compressor"].languages == ("en",)
        assert plan.step("compress-int8-minilm").settings["compressor"] == Int8()
    assert "compress-trimmed-minilm" not in changed(plain, wide, tmp_path)


def test_a_smaller_student_is_named_only_where_it_can_do_the_task() -> None:
    spans = replace(TEXT, type=TaskType.EXTRACTION, metrics=("exact_match",), layout=Layout(has_types=True))
    valued = replace(spans, layout=Layout(has_values=True))
    known = {"baselines": {"candidates": {"linear_tagger": LinearTagger()}}}

    def smaller(task: Task, students: Mapping[str, Any], **changes: Any) -> Any:
        return dict(compiled(task, students, **changes).step("verdict").settings)["smaller"]

    assert "student=linear_tagger" in smaller(spans, {"minilm": MiniLM()}, **known)
    assert "student=linear_tagger" not in smaller(spans, {"linear_tagger": LinearTagger()}, **known)
    assert "student=linear_tagger" not in smaller(valued, {"slots": Slots()}, **known)


def test_spans_and_texts_are_chosen_for_where_one_is_solved_and_read_states_without_embeddings() -> None:
    spans = replace(TEXT, type=TaskType.EXTRACTION, metrics=("exact_match",), layout=Layout(has_types=True))
    plan = compiled(spans, {"linear_tagger_minilm": LinearTaggerMiniLM(), "minilm": MiniLM()})
    steps = {step.name for step in plan.steps}
    assert {"encoder", "cross-validate-linear_tagger_minilm", "room", "rung-minilm-1", "choose"} <= steps
    assert "embed" not in steps
    others = compiled(spans, {"minilm": MiniLM(), "other": MiniLM()})
    assert "train" in {step.name for step in others.steps}, "none is solved in seconds"
    both = {
        step.name for step in compiled(TEXT, {"linear_editor": LinearEditor(), "tiny": TinySeq2Seq()}).steps
    }
    assert {"cross-validate-linear_editor", "rung-tiny-1", "train-tiny", "winner"} <= both
