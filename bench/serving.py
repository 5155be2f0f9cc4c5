"""What an answer costs, p2m's bundles beside PyTorch: `python bench/serving.py [DATA] [--only NAME]`.

DATA (../shared/data) has hub/banking77, hub/squad and hub/cmudict. Of each family a model is trained for some
minutes, exported, made smaller, and converted for every installed backend; each bundle answers in a process
of its own, on one core, in which torch may not be imported. Beside it the same rows on one core in PyTorch:

- labels (MiniLM): transformers' text-classification pipeline over BertForSequenceClassification, whose shape
  is the model's;
- spans (MiniLM): the model over windows, those of one length together (transformers 5 has no pipeline);
- text (tiny_seq2seq) and causal (a Llama of 4M weights, made here): `generate`, greedy, inputs of one length
  together (nor for these);
- slots: its encoder's windows, then its decoder over the spans, those of one length together.

Rows are asked alone and 32 at a time, in rounds that alternate; figures are medians in processor seconds, so
that other work on the machine counts little. Exits with 1 where onnx takes more than 0.5 of PyTorch's time,
the best backend more than 0.3, the metric loses more than half a point, or torch was imported.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2m.compression.int8 import Int8
from p2m.deploy.backends.fastest import Fastest
from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.shipping import lay_out, shipped
from p2m.engine.handles import Device
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.chrf import ChrF
from p2m.metrics.exact_match import ExactMatch
from p2m.metrics.token_f1 import TokenF1
from p2m.students.causal import Causal
from p2m.students.minilm import MiniLM
from p2m.students.slots import Slots
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.teachers.domains.temporal.domain import generate
from p2m.training.fit import fit
from p2m.types import (
    Backend,
    Example,
    ExtraBackend,
    Field,
    FormatBackend,
    Layout,
    Metric,
    Task,
    TaskType,
    Training,
)

BARS = {"onnx": 0.5, "best": 0.3}  # of PyTorch's time
LOST = 0.005  # of the metric, 0 to 1
Asked = Callable[[Sequence[dict[str, str]], int], Any]  # rows, and how many at once
BATCH, ROUNDS = 32, 3

# Answers as a bundle's user would; each line of standard input asks for one round.
_ASKED = """
import importlib.util, json, os, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
spec = importlib.util.spec_from_file_location("predict", sys.argv[1])
predict = importlib.util.module_from_spec(spec)
sys.modules["predict"] = predict
spec.loader.exec_module(predict)
model = predict.Predictor(sys.argv[2], threads=1)
for line in sys.stdin:
    rows, size = json.loads(line)
    found, spent = [], []
    for start in range(0, len(rows), size):
        began = time.process_time()
        found += [each.output for each in model.predict(rows[start : start + size], batch_size=size)]
        spent.append((time.process_time() - began) / len(rows[start : start + size]))
    print(json.dumps({"answers": found, "seconds": spent, "torch": "torch" in sys.modules}), flush=True)
"""


@dataclass(frozen=True)
class Family:
    """A model with rows to ask."""

    name: str
    task: Task
    student: Any
    labels: tuple[str, ...]
    learnt: tuple[Example, ...]
    asked: tuple[Example, ...]
    metric: Metric
    training: Training | None  # None: the head is solved, and that is all


@dataclass
class Run:
    """What training is handed: a folder, and nobody who listens."""

    folder: Path
    device: Device = field(default_factory=lambda: Device(type="cpu", threads=1))
    sums: Counter[str] = field(default_factory=Counter)
    recorder: Any = None

    @property
    def memos(self) -> Path:
        return self.folder / "memos"

    def tally(self, name: str, amount: int) -> int:
        self.sums[name] += amount
        return self.sums[name]

    def progress(self, done: int, total: int, note: str = "") -> None:
        pass

    def say(self, line: str) -> None:
        print(f"  {line}", file=sys.stderr)


@dataclass(frozen=True)
class Line:
    """One contestant; seconds a row."""

    name: str
    alone: float
    batched: float
    score: float
    has_torch: bool
    size: float = 0.0  # MB


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=96, help="asked of each family (96)")
    parser.add_argument(
        "--learn", type=int, default=400, help="learnt from, of each family; labels take tenfold"
    )
    names = ("labels", "spans", "text", "causal", "slots")
    parser.add_argument("--only", choices=names, help="one family")
    words = parser.parse_args(argv)
    hub = words.data if (words.data / "banking77").is_dir() else words.data / "hub"
    if not (hub / "banking77").is_dir():
        parser.error(f"{words.data}: no hub/banking77 in it; name the folder of the data")
    failures = 0
    with tempfile.TemporaryDirectory(prefix="p2m-serving-") as work:
        for family in families(hub, Path(work), words.rows, words.learn):
            if words.only in (None, family.name):
                (Path(work) / family.name).mkdir()
                failures += compare(family, Path(work) / family.name)
    return 1 if failures else 0


def families(hub: Path, work: Path, rows: int, learn: int) -> Iterator[Family]:
    learnt, asked = (_table(hub / f"banking77/{part}.jsonl.gz") for part in ("train", "test"))
    labels = tuple(sorted({row["label"] for row in learnt}))
    task = Task(TaskType.CLASSIFICATION, "Sort it.", (Field("text"),), Field("label"), labels)
    yield Family(
        "labels",
        task,
        MiniLM(),
        labels,
        _sorted(learnt, 10 * learn),
        _sorted(asked, 4 * rows),
        Accuracy(),
        None,
    )
    learnt, asked = (_table(hub / f"squad/{part}.jsonl.gz") for part in ("train", "validation"))
    fields = (Field("question"), Field("context"))
    task = Task(TaskType.QUESTION_ANSWERING, "Answer it.", fields, Field("answer"))
    yield Family(
        "spans", task, MiniLM(), (), _questions(learnt, learn), _questions(asked, rows), TokenF1(),
        Training(epochs=2.0, batch_size=16, evaluations=1, max_length=256),
    )  # fmt: skip
    words = [Example({"text": row["word"]}, row["phones"][0]) for row in _table(hub / "cmudict/all.jsonl.gz")]
    chosen = tuple(_spread(words, 8 * learn + rows))
    task = Task(TaskType.TEXT_TO_TEXT, "Spell its sounds.", (Field("text"),), Field("sounds"))
    yield Family(
        "text", task, TinySeq2Seq(max_input=64, max_output=64), (), chosen[rows:], chosen[:rows], ChrF(),
        Training(epochs=4.0, batch_size=32, evaluations=1),
    )  # fmt: skip
    student = Causal(
        str(_llama(work / "llama", words)), rank=0, prompt="{input}", max_output=64, learning_rate=1e-3
    )
    yield Family(
        "causal", task, student, (), chosen[rows:], chosen[:rows], ChrF(),
        Training(epochs=2.0, batch_size=32, evaluations=1),
    )  # fmt: skip
    dated = tuple(generate(3 * learn + rows, 0))
    layout = Layout(style="text", has_values=True)
    task = Task(TaskType.EXTRACTION, "Date it.", (Field("input"),), Field("dates"), none="N/A", layout=layout)
    yield Family(
        "slots", task, Slots(values=30_000), (), dated[rows:], dated[:rows], ExactMatch(),
        Training(epochs=1.0, batch_size=32, evaluations=1),
    )  # fmt: skip


def _llama(folder: Path, rows: Sequence[Example]) -> Path:
    """A small Llama of random weights, whose tokenizer knows the rows, as the Hub lays it out."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    end = "<|endoftext|>"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512, special_tokens=[end], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator((f"{row.input['text']}\n{row.output}" for row in rows), trainer)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=256, intermediate_size=768, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, pad_token=end).save_pretrained(folder)
    return folder


def _sorted(table: Sequence[dict[str, Any]], number: int) -> tuple[Example, ...]:
    return tuple(Example({"text": row["text"]}, row["label"]) for row in _spread(table, number))


def _questions(table: Sequence[dict[str, Any]], number: int) -> tuple[Example, ...]:
    return tuple(_question(row) for row in _spread(table, number))


def _table(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _spread(rows: Sequence[Any], number: int) -> list[Any]:
    """So many of them, the same ones each time."""
    import random

    return random.Random(0).sample(list(rows), min(number, len(rows)))


def _question(row: dict[str, Any]) -> Example:
    texts = row["answers"]["text"] if isinstance(row["answers"], dict) else row["answers"]
    return Example({"question": row["question"], "context": row["context"]}, texts[0], tuple(texts[1:]))


def compare(family: Family, work: Path) -> int:
    """Print a table; the number of bars that were missed."""
    learner, graphs = made(family, work)
    bundles = dict(variants(graphs, work))
    asked = [row.input for row in family.asked]
    rounds = {name: _Child(folder) for name, folder in bundles.items()}
    eager = in_torch(family, learner)
    times: dict[str, dict[int, list[float]]] = {name: {1: [], BATCH: []} for name in ("pytorch", *rounds)}
    answers: dict[str, list[str]] = {}
    torch_in: dict[str, bool] = {"pytorch": True}
    for number in range(ROUNDS + 1):  # the first is to warm up
        for size in (1, BATCH):
            part = asked[number::ROUNDS] if size == 1 else asked
            for name in times:
                told = rounds[name].ask(part, size) if name in rounds else timed(eager, part, size)
                torch_in.setdefault(name, told["torch"])
                if number:
                    times[name][size] += told["seconds"]
                if size == BATCH and name in rounds:
                    answers[name] = told["answers"]
    for each in rounds.values():
        each.end()
    learner.model.eval()
    answers["pytorch"] = learner.predict(family.asked, batch_size=BATCH, device="cpu")
    lines = [
        Line(
            name, statistics.median(found[1]), statistics.median(found[BATCH]),
            _score(family, answers[name]), torch_in[name], _size(bundles[name]) if name in bundles else 0.0,
        )
        for name, found in times.items()
    ]  # fmt: skip
    return told_of(family, lines)


def made(family: Family, work: Path) -> tuple[Any, Path]:
    """The trained learner, and its graphs in full precision."""
    learner = family.student.prepare(family.task, family.labels, seed=0)
    checkpoint = work / "checkpoint"
    if family.training is None:
        features = learner.encode(family.learnt, max_length=256)
        learner.warm_start(features, batch_size=BATCH, device="cpu", balanced=False)
        learner.model.save_pretrained(str(checkpoint))
        learner.tokenizer.save_pretrained(str(checkpoint))
    else:
        (work / "run").mkdir()
        trained = fit(
            learner, family.learnt, (), student=family.student, training=family.training,
            metric=family.metric, seed=0, run=Run(work / "run"),
        )  # fmt: skip
        assert trained.checkpoint is not None
        checkpoint = trained.checkpoint
    family.student.export(family.task, family.labels, checkpoint, work / "graphs")
    return family.student.restore(family.task, family.labels, checkpoint), work / "graphs"


def variants(graphs: Path, work: Path) -> Iterator[tuple[str, Path]]:
    """Bundles by name: onnx, and every other backend that is installed and can."""
    Int8().compress(graphs, work / "int8")
    kind = json.loads((graphs / "predictor.json").read_text(encoding="utf-8"))["kind"]
    yield from (
        _bundle(ONNX, source, name, work) for name, source in (("fp32", graphs), ("int8", work / "int8"))
    )
    for each in Fastest().rivals:
        if each.missing() or not _runs(each, kind):
            continue
        if isinstance(each, FormatBackend):
            yield from (_bundle(each, graphs, precision, work) for precision in each.precisions)
            continue
        yield _bundle(each, graphs, each.computes or "fp32", work)
        if not each.computes:
            yield _bundle(each, work / "int8", "int8", work)


def _runs(backend: ExtraBackend, kind: str) -> bool:
    student: Any = type("Student", (), {"writes": kind if kind in ("seq2seq", "causal") else ""})
    return not backend.unfit(student)


def _bundle(backend: Backend, source: Path, precision: str, work: Path) -> tuple[str, Path]:
    name = f"{backend.name} {precision}"
    folder = work / name.replace(" ", "-")
    if isinstance(backend, FormatBackend):
        backend.convert(source, folder / "model", precision=precision)
    else:
        backend.convert(source, folder / "model")
    lay_out(shipped(folder / "model", backend), folder)
    return name, folder


class _Child:
    """A bundle in a process of its own."""

    def __init__(self, bundle: Path) -> None:
        typed = [sys.executable, "-I", "-c", _ASKED, str(bundle / "predict.py"), str(bundle / "model")]
        one = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            typed, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=one
        )

    def ask(self, rows: Sequence[dict[str, str]], size: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([list(rows), size]) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def in_torch(family: Family, learner: Any) -> Asked:
    """What answers rows in PyTorch."""
    import torch

    torch.set_num_threads(1)
    learner.model.eval()
    if family.name != "labels":
        return lambda rows, size: learner.predict(
            [Example(row, "") for row in rows], batch_size=size, device="cpu"
        )
    from transformers import BertConfig, BertForSequenceClassification, TextClassificationPipeline

    config = BertConfig(**{**learner.model.config.to_dict(), "num_labels": len(family.labels)})
    pipeline = TextClassificationPipeline(
        model=BertForSequenceClassification(config).eval(), tokenizer=learner.tokenizer, device=-1
    )
    return lambda rows, size: pipeline([row["text"] for row in rows], batch_size=size)


def timed(
    answer: Callable[[Sequence[dict[str, str]], int], Any], rows: Sequence[dict[str, str]], size: int
) -> Any:
    spent = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        began = time.process_time()
        answer(part, size)
        spent.append((time.process_time() - began) / len(part))
    return {"seconds": spent, "torch": True}


def _score(family: Family, answers: Sequence[str]) -> float:
    return family.metric.value(family.metric.statistics(answers, [row.answers for row in family.asked]))


def _size(bundle: Path) -> float:
    return sum(path.stat().st_size for path in (bundle / "model").iterdir()) / 1e6


def told_of(family: Family, lines: Sequence[Line]) -> int:
    """Print the table of a family, and what it missed."""
    base = lines[0]
    print(f"{family.name}: {len(family.asked)} rows, one core, processor milliseconds a row")
    print(f"  {'':22s}{'alone':>8s}{'':>9s}{'32':>8s}{'':>9s}{family.metric.name:>10s}{'MB':>8s}")
    for each in lines:
        alone = f"{each.alone * 1000:8.2f}{each.alone / base.alone:8.2f}x"
        batched = f"{each.batched * 1000:8.2f}{each.batched / base.batched:8.2f}x"
        print(f"  {each.name:22s}{alone}{batched}{each.score:10.4f}{each.size:8.1f}")
    kept = [each for each in lines[1:] if base.score - each.score <= LOST]
    missed = [f"{each.name} imports torch" for each in lines[1:] if each.has_torch]
    for what, bar in BARS.items():
        able = [each for each in kept if what == "best" or each.name.startswith("onnx")]
        for size, cost in (("alone", "alone"), ("32 at a time", "batched")):
            best = min((getattr(each, cost) / getattr(base, cost) for each in able), default=float("inf"))
            if best > bar:
                missed.append(f"{what}, {size}: {best:.2f} of PyTorch's time where at most {bar} is wanted")
    for line in missed:
        print(f"  MISSED: {line}")
    return len(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
