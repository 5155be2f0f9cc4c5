"""Real but tiny models that several test folders share; each is made once a session."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from browsing import Browser, browsing
from hypothesis import settings

from p2m.engine.handles import Device
from p2m.stages import timing
from p2m.students.causal import Causal
from p2m.students.copier import Copier
from p2m.students.minilm import MiniLM
from p2m.students.slots import Slots
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.types import Example, Field, Layout, RecordField, Task, TaskType

# What a shell starts in the background ignores Ctrl-C, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Asserts are rewritten in every file and by every worker, which takes a fourth of a minute: keep that, and no
# byte code of what tests write and edit.
_wish, sys.dont_write_bytecode = sys.dont_write_bytecode, False

# A slow machine is no failure: speed is for bench/, and never for a timed test.
settings.register_profile("p2m", deadline=None, max_examples=40)
settings.register_profile("long", deadline=None)
# What a bundle costs is measured over a moment: no test looks at the figure.
timing.clocked.__kwdefaults__["least"] = 0.05
HERE = Path(__file__).parent
LONG = (
    "test_teacher_builds", "test_ranks", "test_fit", "test_slot_students", "test_encoder_families",
    "test_lock_verb", "test_sweep", "test_verbs", "test_backends", "test_shipping",
)  # fmt: skip
_walked = 0  # modules that were loaded when garbage was last collected here


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("p2m" if config.option.markexpr == "not slow" else "long")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, and whole builds: one of them would leave the other workers idle at the end."""
    items.sort(key=lambda item: item.path.stem not in LONG and item.path.parent != HERE)


def pytest_collection_finish() -> None:
    sys.dont_write_bytecode = _wish


def pytest_runtest_setup() -> None:
    """Keep what was collected and imported out of later collections: each training asks for one."""
    global _walked
    if len(sys.modules) > _walked + 100:
        _walked = len(sys.modules)
        gc.collect()
        gc.freeze()


QA = Task(
    TaskType.QUESTION_ANSWERING,
    "Answer from the passage.",
    (Field("question"), Field("context")),
    Field("answer"),
)
LABELS = Task(TaskType.CLASSIFICATION, "Sort it.", (Field("text"),), Field("label"), ("no", "yes"))
SPANS = Task(
    TaskType.EXTRACTION, "Say who is at home, and who is not.", (Field("text"),), Field("people"),
    ("absent", "resident"), layout=Layout(has_types=True),
)  # fmt: skip
RECORD = Task(
    TaskType.RECORDS, "Say who lives there.", (Field("text"),), Field("home"),
    record=(RecordField("who", "span"), RecordField("big", "label", labels=("true", "false"))),
)  # fmt: skip
SLOTS = Task(
    TaskType.EXTRACTION, "Say who lives where.", (Field("text"),), Field("homes"), none="none",
    layout=Layout(style="text", has_values=True),
)  # fmt: skip
TEXT = Task(TaskType.TEXT_TO_TEXT, "Rewrite it.", (Field("text"),), Field("result"))
PEOPLE = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hugo")
CITIES = ("Rome", "Oslo", "Lima", "Bonn", "Cairo", "Delhi", "Paris", "Quito")


@dataclass
class Here:
    """A run in a folder that remembers what was said."""

    folder: Path
    device: Device = field(default_factory=lambda: Device(type="cpu", threads=1))
    lines: list[str] = field(default_factory=list)
    seen: list[tuple[int, int, str]] = field(default_factory=list)
    sums: Counter[str] = field(default_factory=Counter)

    def tally(self, name: str, amount: int) -> int:
        self.sums[name] += amount
        return self.sums[name]

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.seen.append((done, total, note))

    def say(self, line: str) -> None:
        self.lines.append(line)


def rows_of(task: Task) -> tuple[Example, ...]:
    """64 regular rows that a tiny model can learn."""
    found = []
    for i, person in enumerate(PEOPLE):
        for j, city in enumerate(CITIES):
            other = PEOPLE[(i + j + 1) % len(PEOPLE)]
            text = f"{person} lives in {city}. {other} is away."
            if task is QA:
                row = Example({"question": "who lives there?", "context": text}, person, source="made:qa.a")
            elif task is SPANS:
                away = f'{{"type": "absent", "text": "{other}"}}'
                spans = f'[{{"type": "resident", "text": "{person}"}}, {away}]'
                row = Example({"text": text}, spans, source="made:spans.a")
            elif task is RECORD:
                home = f'{{"who": "{person}", "big": {"true" if j % 2 else "null"}}}'
                row = Example({"text": text}, home, source="made:record.a")
            elif task is SLOTS:
                row = Example({"text": text}, f"{person} == {city}", source="made:slots.a")
            elif task is LABELS:
                row = Example({"text": text}, "yes" if i % 2 else "no", source="made:labels.a")
            else:
                row = Example({"text": person}, person[::-1], source="made:text.a")
            found.append(row)
    return tuple(found)


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path / "run")


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of a BERT of two layers over a vocabulary made here."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(each) for each in range(ord("a"), ord("z") + 1)] + list("0123456789.,?!-")
    words = [each.lower() for each in (*PEOPLE, *CITIES)] + ["lives", "in", "is", "away", "who", "there"]
    pieces = dict.fromkeys([*special, *letters, *(f"##{letter}" for letter in letters), *words])
    tokenizer = Tokenizer(models.WordPiece({each: i for i, each in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]",
    )  # fmt: skip
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=96,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_minilm(tiny_bert: Path) -> MiniLM:
    return MiniLM(model=str(tiny_bert), sha256="", window=40, stride=12, max_answer=6)


@pytest.fixture(scope="session")
def tiny_slots(tiny_bert: Path) -> Slots:
    return Slots(
        model=str(tiny_bert), sha256="", window=48, stride=12, max_answer=12, width=32, inner=48,
        decoder_layers=1, heads=2, pieces=450, faster=1.0, values=12_000,
    )  # fmt: skip


@pytest.fixture(scope="session")
def tiny_bytes() -> TinySeq2Seq:
    return TinySeq2Seq(d_model=32, d_ff=48, layers=2, decoder_layers=2, heads=2, max_input=96, max_output=24)


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a session have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def tiny_copier() -> Copier:
    return Copier(width=32, inner=48, decoder_layers=1, heads=2, pieces=450, max_output=12)


class Exports:
    """Kind of predictor -> (checkpoint, exported folder), made when first asked for: it takes seconds.

    Whichever worker asks first makes it for all.
    """

    def __init__(
        self, common: Path, minilm: MiniLM, seq2seq: TinySeq2Seq, slots: Slots, copier: Copier
    ) -> None:
        self._common = common
        self._cases: dict[str, tuple[Task, Any]] = {
            "span": (QA, minilm),
            "classification": (LABELS, minilm),
            "seq2seq": (TEXT, seq2seq),
            "copies": (TEXT, copier),
            "tags": (SPANS, minilm),
            "slots": (SLOTS, slots),
            "records": (RECORD, minilm),
        }

    def __getitem__(self, kind: str) -> tuple[Path, Path]:
        folder = self._common / f"exported-{kind}"
        checkpoint, target = folder / "checkpoint", folder / "model"
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of one that failed
                checkpoint.mkdir(parents=True)
                self._make(kind, checkpoint, folder / "making")
                (folder / "making").rename(target)
        return checkpoint, target

    def _make(self, kind: str, checkpoint: Path, target: Path) -> None:
        import torch
        from tiny_checkpoints import causal

        if kind == "causal":
            base = causal(checkpoint.with_name("base"), "Llama")
            self._cases[kind] = TEXT, Causal(str(base), rank=0, max_input=96, max_output=12)
        task, student = self._cases[kind]
        target.mkdir()
        learner = student.prepare(task, task.labels, seed=1)
        learner.encode(rows_of(task), max_length=40)  # some learn what their pieces are
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(2)
            for weight in learner.model.parameters():
                if weight.dim() > 1:
                    weight.normal_(std=0.3)  # wide enough for answers to differ between rows
        learner.model.save_pretrained(checkpoint)
        if learner.tokenizer is not None:
            learner.tokenizer.save_pretrained(str(checkpoint))
        student.export(task, task.labels, checkpoint, target)


@pytest.fixture(scope="session")
def exports(
    common: Path, tiny_minilm: MiniLM, tiny_bytes: TinySeq2Seq, tiny_slots: Slots, tiny_copier: Copier
) -> Exports:
    return Exports(common, tiny_minilm, tiny_bytes, tiny_slots, tiny_copier)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
def server() -> Iterator[Any]:
    """A server that counts what it is asked, and refuses as it is told: `counting_server.Server`."""
    from counting_server import Server

    made = Server()
    yield made
    made.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What a step is handed, with a real ledger: `asking_runs.Bench`."""
    from asking_runs import a_run

    from p2m.engine.recording import ledger

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield a_run(tmp_path / "store")
    ledger.close_all()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server by the wire formats of both providers: `wire.Wire`."""
    from wire import SECRET, serving

    monkeypatch.setenv("WIRE_KEY", SECRET)
    with serving() as made:
        yield made
