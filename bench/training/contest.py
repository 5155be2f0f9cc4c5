"""One match, fitted by p2m and by a plain script: what the Trainer examples of transformers do.

The plain script has their defaults (fp32, AdamW, rows in random order, each batch padded to its longest row),
the model classes of their examples and p2m's features, so that both see the same tokens. Only its batch, its
rate and its warm-up are p2m's. Seconds are of the processor, so that other work on the machine counts little.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2m.engine.handles import Device
from p2m.students.minilm import MiniLM
from p2m.training.base import fit, predicted
from p2m.training.gradients import counted
from p2m.types import Fit, Learner, Training
from training.rows import MAX_LENGTH, Match

UNTIMED = 3  # steps, in which kernels are prepared


@dataclass(frozen=True)
class Result:
    """What a contestant came to."""

    name: str
    steps: int
    rows_a_second: float
    tokens_a_second: float  # that teach or are read, no padding
    seconds: float  # of the whole training
    answers: tuple[str, ...]
    made: Fit | None = None


@dataclass
class Clock:
    """A p2m run that notes when each step ended."""

    folder: Path
    device: Device
    ended: list[float] = field(default_factory=list)

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.ended.append(time.process_time())

    def say(self, line: str) -> None:
        print(f"    p2m: {line}", flush=True)


def by_p2m(match: Match, epochs: float, threads: int) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        run = Clock(Path(folder), Device(type="cpu", threads=threads))
        training = Training(
            epochs=epochs, batch_size=match.batch, learning_rate=match.rate, max_length=MAX_LENGTH
        )
        began = time.process_time()
        learner = match.student.prepare(match.task, match.task.labels, seed=0)
        found = fit(
            learner, match.train, (), student=match.student, training=training, metric=match.metric,
            seed=0, run=run,  # type: ignore[arg-type]
        )  # fmt: skip
        took = time.process_time() - began
        assert found.checkpoint is not None
        learner = match.student.restore(match.task, match.task.labels, found.checkpoint)
        scored = predicted(learner, match.test, training=training, run=run)  # type: ignore[arg-type]
        said = [text for text, _ in scored]
    features = learner.encode(match.train, max_length=MAX_LENGTH)
    return _result("p2m", match, run.ended, features, took, said, found.fit)


def by_script(match: Match, epochs: float, threads: int, seconds: float | None = None) -> Result:
    """`seconds`: what all steps may take, of whose number the rate then depends, in place of `epochs`."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    torch.set_num_threads(threads)
    began = time.process_time()
    torch.manual_seed(0)
    learner = match.student.prepare(match.task, match.task.labels, seed=0)
    features = learner.encode(match.train, max_length=MAX_LENGTH)
    ended: list[float] = []

    class Noted(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_args: Any, **_kwargs: Any) -> None:
            ended.append(time.process_time())

    def train(steps: int) -> Any:
        model = _plain_model(match)
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                folder, max_steps=steps, per_device_train_batch_size=match.batch, learning_rate=match.rate,
                weight_decay=0.01, warmup_steps=round(0.06 * steps), use_cpu=True, report_to="none",
                save_strategy="no", logging_strategy="no", disable_tqdm=True, remove_unused_columns=False,
            )  # fmt: skip
            Trainer(
                model=model, args=arguments, train_dataset=features, data_collator=_padded,
                callbacks=[Noted()],
            ).train()  # fmt: skip
        return model

    steps = max(1, round(epochs * len(features) / match.batch))
    if seconds is not None:
        train(_TRIED)
        steps = max(1, int(seconds * (_TRIED - UNTIMED) / (ended[-1] - ended[UNTIMED - 1])))
        ended.clear()
        began = time.process_time()
    model = train(steps).eval()
    took = time.process_time() - began
    return _result("plain script", match, ended, features, took, _answers(match, learner, model))


_TRIED = 40  # steps that tell the script's speed


def _result(
    name: str, match: Match, ended: Sequence[float], features: Sequence[dict[str, Any]], took: float,
    answers: Sequence[str], made: Fit | None = None,
) -> Result:  # fmt: skip
    rows = (len(ended) - UNTIMED) * match.batch / (ended[-1] - ended[UNTIMED - 1])
    tokens = sum(len(each["input_ids"]) for each in features)
    if match.name == "seq2seq":
        tokens += counted(features)
    return Result(name, len(ended), rows, rows * tokens / len(features), took, tuple(answers), made)


def _plain_model(match: Match) -> Any:
    """As the example of each family opens it."""
    import torch
    from transformers import (
        BertForQuestionAnswering,
        BertForSequenceClassification,
        T5Config,
        T5ForConditionalGeneration,
    )

    from p2m.students import weights
    from p2m.students.base_model import MODEL, SHA256

    if not isinstance(match.student, MiniLM):
        config = match.student.prepare(match.task, (), seed=0).model.config
        torch.manual_seed(0)
        return T5ForConditionalGeneration(T5Config(**config.to_diff_dict()))
    folder = weights.find(MODEL, MODEL, revision="main", sha256=SHA256)
    if match.task.is_span:
        return BertForQuestionAnswering.from_pretrained(str(folder))
    return BertForSequenceClassification.from_pretrained(str(folder), num_labels=len(match.task.labels))


def _padded(features: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """As transformers' collators: to the longest of a batch, labels with -100."""
    import torch

    def right(name: str, fill: int) -> Any:
        longest = max(len(each[name]) for each in features)
        return torch.tensor([[*each[name], *[fill] * (longest - len(each[name]))] for each in features])

    batch = {"input_ids": right("input_ids", 0)}
    batch["attention_mask"] = torch.tensor(
        [[int(i < len(each["input_ids"])) for i in range(batch["input_ids"].shape[1])] for each in features]
    )
    if "token_type_ids" in features[0]:
        batch["token_type_ids"] = right("token_type_ids", 0)
    for name in ("labels", "start_positions", "end_positions"):
        if name in features[0]:
            written = isinstance(features[0][name], list)
            batch[name] = right(name, -100) if written else torch.tensor([each[name] for each in features])
    return batch


def _answers(match: Match, learner: Learner, model: Any) -> list[str]:
    """What the script's model says to the test rows, read as p2m's is."""
    import torch

    if match.name == "seq2seq":
        learner.model = model
    elif match.name == "spans":
        learner.model.base.load_state_dict(model.bert.state_dict(), strict=False)
        learner.model.head["ends"].load_state_dict(model.qa_outputs.state_dict())
    else:
        found = []
        features = learner.encode(match.test, max_length=MAX_LENGTH)
        for start in range(0, len(features), 32):
            batch = _padded(features[start : start + 32])
            batch.pop("labels")
            with torch.inference_mode():
                found += [match.task.labels[i] for i in model(**batch).logits.argmax(-1).tolist()]
        return found
    learner.model.eval()
    return learner.predict(match.test, batch_size=32, device="cpu")
