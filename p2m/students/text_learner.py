"""Learners that write text: rows to features and back, through the readers that the bundle uses.

How long answers may be is learnt with the rows, and goes with the checkpoint as `max_new_tokens` of its
generation_config.json. An answer that was cut would teach to stop short, so rows whose answer is longer than
the student allows teach nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.texts import ByteReader, Reader, TokenReader
from p2m.errors import DataError
from p2m.students.lengths import by_length
from p2m.students.losses import cross_entropy
from p2m.students.tokenizer import backend
from p2m.types import Example, Shaping

_NONE = -100  # a label that no loss sees
_UNSPELLABLE = 0.5  # share of answers, above which there is nothing to learn


def open_reader(settings: Settings, tokenizer: Any) -> Reader:
    """By a transformers tokenizer; of bytes where it has no backend, as ByT5's, or there is none."""
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        return ByteReader(settings)
    return TokenReader(settings, backend(tokenizer))


class TextLearner:
    """Any text to any text, by an encoder and a decoder."""

    encodes_rows_apart = True  # what a row's feature is depends on no other row

    def __init__(self, model: Any, tokenizer: Any, settings: Settings) -> None:
        """`settings.max_answer` is the most that the student allows."""
        from transformers import GenerationConfig

        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        self._most, self._longest = settings.max_answer, 0
        self.notes: list[str] = []  # of how the model was opened
        self._reader = open_reader(settings, tokenizer)
        known = getattr(model.generation_config, "max_new_tokens", None)
        model.generation_config = GenerationConfig(
            do_sample=False, num_beams=1, eos_token_id=list(settings.ends), pad_token_id=self._pad,
            decoder_start_token_id=settings.start,
        )  # fmt: skip
        self._allow(known or self._most)

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """A feature a row whose answer fits.

        Raises:
            DataError: the tokenizer cannot spell most answers.
        """
        limit, features, longest, unspelt = self._limit(max_length), [], 0, []
        for place, row in enumerate(rows):
            answer = self._reader.encode_answer(row.output)
            if not _is_spelt(row.output, self._reader.decode(answer)):
                unspelt.append(row.output)
            if len(answer) <= self._most:
                longest = max(longest, len(answer))
                features.append(
                    {**self._feature(self._reader.encode(row.input, limit), answer), "row": place}
                )
        if len(unspelt) > _UNSPELLABLE * len(rows):
            raise DataError(f"{self._unspelt(unspelt, len(rows))}, so they cannot be learnt; {_OTHERS}")
        self._longest = max(self._longest, longest)
        if self._longest:
            self._allow(_most_of(self._longest))
        return features

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        """Rows of more tokens than `encode` keeps."""
        limit = self._limit(max_length)
        return sum(self._reader.length(row.input) > limit for row in rows)

    def remarks(self, rows: Sequence[Example]) -> list[str]:
        """Of answers: their greatest length, and which the tokenizer cannot spell."""
        longest = left = 0
        unspelt = []
        for row in rows:
            answer = self._reader.encode_answer(row.output)
            longest, left = max(longest, len(answer)), left + (len(answer) > self._most)
            if self._reader.decode(answer) != row.output:
                unspelt.append(row.output)
        unit = "bytes" if isinstance(self._reader, ByteReader) else "tokens"
        most = min(self._most, _most_of(longest))
        found = [*self.notes, f"answers have up to {longest} {unit}; {most} are written at most"]
        if left:
            found.append(
                f"{left} of {len(rows)} answers have more than {self._most} {unit} and are left out: raise"
                " max_output of the student"
            )
        if unspelt:
            found.append(f"{self._unspelt(unspelt, len(rows))}; {_OTHERS}")
        return found

    def collate(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Ids and mask (batch, source); what the decoder reads, labels (batch, target), -100 at the end."""
        start = self.settings.start
        return {
            **_padded([each["input_ids"] for each in features], self._pad),
            "decoder_input_ids": _right([[start, *each["labels"][:-1]] for each in features], self._pad),
            "labels": _right([each["labels"] for each in features], _NONE),
        }

    def loss(self, batch: dict[str, Any], shaping: Shaping) -> Any:
        """Of the answers, their end marks included."""
        feeds = {name: each for name, each in batch.items() if name != "labels"}
        return cross_entropy(self.model(**feeds).logits, batch["labels"], shaping)

    def predict(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[str]:
        """Greedy answers; of labels, the likeliest way down their tree."""
        import torch

        encoded = [self._reader.encode(row.input) for row in rows]
        outputs, tree = [""] * len(rows), self._reader.branches()
        for batch in self._batches([len(ids) for ids in encoded], batch_size):
            feeds = _padded([encoded[i] for i in batch], self._pad)
            skip = self._skipped(feeds["input_ids"])
            with torch.inference_mode():
                found = self.model.generate(
                    **{name: each.to(device) for name, each in feeds.items()},
                    prefix_allowed_tokens_fn=_held(tree, skip, self._pad) if tree else None,
                )
            for i, ids in zip(batch, found[:, skip:].tolist(), strict=True):
                outputs[i] = _label(tree, ids) if tree else self._reader.decode(ids)
        return outputs

    def write_reader(self, target: Path) -> None:
        """predictor.json, and tokenizer.json where there is one, which neither pads nor cuts by itself."""
        if getattr(self.tokenizer, "backend_tokenizer", None) is not None:
            tokenizer = backend(self.tokenizer)
            tokenizer.no_truncation()
            tokenizer.no_padding()
            tokenizer.save(str(target / "tokenizer.json"))
        self.settings.write(target)

    @property
    def _pad(self) -> int:
        found = self.model.config.pad_token_id
        return 0 if found is None else int(found)

    def _feature(self, ids: list[int], answer: list[int]) -> dict[str, Any]:
        return {"input_ids": ids, "labels": answer}

    def _batches(self, lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
        return by_length(lengths, batch_size)

    def _skipped(self, ids: Any) -> int:
        """Ids that stand before the answer in what `generate` gives."""
        return 1

    def _limit(self, max_length: int) -> int:
        """Ids of an input."""
        return min(max_length * self._reader.word, self.settings.max_length)

    def _allow(self, answer: int) -> None:
        """Let answers have so many ids, if the student allows it, and labels all of theirs."""
        labels = [len(self._reader.encode_answer(label)) for label in self.settings.labels]
        answer = max([min(answer, self._most), *labels])
        self.model.generation_config.max_new_tokens = answer
        self.settings = self._reader.settings = replace(self.settings, max_answer=answer)

    def _unspelt(self, outputs: Sequence[str], rows: int) -> str:
        """How many answers are read back otherwise than they are, and the shortest of them."""
        first = min(outputs, key=len)
        read = self._reader.decode(self._reader.encode_answer(first))
        return (
            f"the tokenizer cannot spell {len(outputs)} of {rows} answers: {first[:60]!r} is read back as"
            f" {read[:60]!r}"
        )


_OTHERS = "student=smollm2_135m and student=tiny_seq2seq write any text, and byt5_small from a folder"


class CausalLearner(TextLearner):
    """Any text to any text, by a decoder that goes on from the prompt."""

    def collate(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Ids and mask (batch, length); labels likewise, -100 on prompt and padding."""
        batch = _padded([each["input_ids"] for each in features], self._pad)
        before = [[_NONE] * (len(each["input_ids"]) - len(each["labels"])) for each in features]
        answers = [[*none, *each["labels"]] for none, each in zip(before, features, strict=True)]
        return {**batch, "labels": _right(answers, _NONE)}

    def loss(self, batch: dict[str, Any], shaping: Shaping) -> Any:
        """Of the answers, their end marks included; before the first of them nothing is guessed."""
        labels = batch["labels"]
        first = int((labels != _NONE).int().argmax(dim=1).min())
        kept = labels.shape[1] - first
        feeds = {name: each for name, each in batch.items() if name != "labels"}
        logits = self.model(**feeds, logits_to_keep=kept + 1).logits
        return cross_entropy(logits[:, :-1], labels[:, first:], shaping)

    def _feature(self, ids: list[int], answer: list[int]) -> dict[str, Any]:
        return {"input_ids": [*ids, *answer], "labels": answer}

    def _batches(self, lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
        """Rows of one length, so that no padding stands between prompt and answer."""
        for length in sorted(set(lengths)):
            same = [i for i, each in enumerate(lengths) if each == length]
            for start in range(0, len(same), batch_size):
                yield same[start : start + batch_size]

    def _skipped(self, ids: Any) -> int:
        return int(ids.shape[1])


def _most_of(longest: int) -> int:
    """Ids that an answer may have where `longest` is the most that was learnt."""
    return 2 * longest + 8


def _is_spelt(output: str, read: str) -> bool:
    """Whether no character is lost but blanks."""
    return "".join(output.split()) == "".join(read.split())


def _held(tree: dict[int, Any], skip: int, pad: int) -> Callable[[int, Any], list[int]]:
    """What `generate` may write next: the branches of the tree, and padding after its end."""

    def allowed(_: int, ids: Any) -> list[int]:
        found = _followed(tree, ids[skip:].tolist())
        return list(found) if isinstance(found, dict) else [pad]

    return allowed


def _followed(tree: dict[int, Any], ids: Sequence[int]) -> Any:
    """Where the ids lead in the tree: a branch, or a label."""
    found: Any = tree
    for each in ids:
        if not isinstance(found, dict):
            break
        found = found[each]
    return found


def _label(tree: dict[int, Any], ids: Sequence[int]) -> str:
    found = _followed(tree, ids)
    return found if isinstance(found, str) else ""


def _padded(sequences: Sequence[Sequence[int]], pad: int) -> dict[str, Any]:
    mask = _right([[1] * len(each) for each in sequences], 0)
    return {"input_ids": _right(sequences, pad), "attention_mask": mask}


def _right(sequences: Sequence[Sequence[int]], fill: int) -> Any:
    import torch

    longest = max(len(each) for each in sequences)
    return torch.tensor([[*each, *[fill] * (longest - len(each))] for each in sequences], dtype=torch.long)
