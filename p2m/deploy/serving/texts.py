"""Texts: the fields of a row to tokens or bytes, and tokens to text, the likeliest one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .backends import Writer, open_graph, open_writer
from .batches import open_tokenizer, packed, padded
from .rows import Answer, joined
from .settings import Settings
from .shapes import read_labels, write_labels

PAD, EOS, OFFSET = 0, 1, 3  # ByT5's convention (Xue et al., 2022): byte + 3; 0 pads, 1 ends, 2 is spare
BYTES = 259
# Of a batch: decoding costs by the step, so more tokens at once pay, and so does padding that finds company.
BATCH_TOKENS, STEP = 2048, 16


class Reader:
    """Fields to ids and back.

    An input that is too long loses the end of the field that holds the answer, else of its longest one; only
    where nothing is left of that, of the next.
    """

    word = 1  # ids that stand for a word piece

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.before: list[int] = []  # ids around every input
        self.after: list[int] = []

    def encode(self, row: Mapping[str, str], max_length: int | None = None) -> list[int]:
        """Ids of the input, with what stands around it."""
        room = (max_length or self.settings.max_length) - len(self.before) - len(self.after)
        ids, starts = self._read(joined(row, self.settings.fields))
        while len(ids) > room and (less := self._shortened(row, starts, len(ids) - room)):
            row = less
            ids, starts = self._read(joined(row, self.settings.fields))
        return [*self.before, *ids[: max(0, room)], *self.after]

    def length(self, row: Mapping[str, str]) -> int:
        """Ids of the whole input."""
        whole = self._read(joined(row, self.settings.fields))[0]
        return len(self.before) + len(whole) + len(self.after)

    def encode_answer(self, text: str) -> list[int]:
        """Ids of an answer, the end mark included."""
        raise NotImplementedError

    def decode(self, ids: Iterable[int]) -> str:
        """The answer before the end mark; of several labels those that there are, in their order."""
        kept = []
        for each in ids:
            if each in self.settings.ends:
                break
            kept.append(each)
        text = self._text(kept)
        if self.settings.shape != "labels":
            return text
        try:
            found = [each for each in read_labels(text) if each in self.settings.labels]
        except ValueError:
            found = []
        return write_labels(found, self.settings.labels)

    def branches(self) -> dict[int, Any] | None:
        """The labels as a tree of ids that ends in their names; None where any text may be written."""
        if self.settings.shape != "text" or not self.settings.labels:
            return None
        tree: dict[int, Any] = {}
        for label in self.settings.labels:
            *path, last = self.encode_answer(label)
            node = tree
            for each in path:
                node = node.setdefault(each, {})
            node[last] = label
        return tree

    def _read(self, text: str) -> tuple[list[int], list[int]]:
        """Ids of a text, and the character at which each of them starts."""
        raise NotImplementedError

    def _text(self, ids: Sequence[int]) -> str:
        raise NotImplementedError

    def _shortened(self, row: Mapping[str, str], starts: Sequence[int], excess: int) -> dict[str, str] | None:
        """The row without what the last `excess` ids of a field stand for; None where nothing is left."""
        fields = [name for name in self.settings.fields if row[name]]
        if not fields:
            return None
        longest = max(fields, key=lambda name: len(row[name]))
        name = self.settings.context if self.settings.context in fields else longest
        first = _place(row, self.settings.fields, name)
        inside = [start - first for start in starts if first <= start < first + len(row[name])]
        kept = inside[-excess] if len(inside) > excess else 0
        return {**row, name: row[name][: min(kept, len(row[name]) - 1)]}


def _place(row: Mapping[str, str], fields: Sequence[str], name: str) -> int:
    """Where the text of a field begins in the joined one."""
    if len(fields) == 1:
        return 0
    before = fields[: fields.index(name)]
    return sum(len(f"{each}: {row[each]}\n") for each in before) + len(f"{name}: ")


class ByteReader(Reader):
    """Bytes as ByT5 numbers them."""

    word = 4  # English has about four bytes to a word piece

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.before, self.after = self._read(settings.prefix)[0], [*self._read(settings.suffix)[0], EOS]

    def encode_answer(self, text: str) -> list[int]:
        return [*self._read(text)[0], EOS]

    def _read(self, text: str) -> tuple[list[int], list[int]]:
        starts = (
            range(len(text)) if text.isascii() else [i for i, each in enumerate(text) for _ in each.encode()]
        )
        return [byte + OFFSET for byte in text.encode("utf-8")], list(starts)

    def _text(self, ids: Sequence[int]) -> str:
        """Bytes that are not UTF-8 are dropped."""
        return bytes(each - OFFSET for each in ids if OFFSET <= each < BYTES).decode("utf-8", errors="ignore")


class TokenReader(Reader):
    """Tokens of a `tokenizers.Tokenizer` of the caller's own.

    What looks like a mark of the tokenizer's in a row is text. A seq2seq model has its marks around every
    text, a causal one what prefix and suffix say.
    """

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        super().__init__(settings)
        self.tokenizer = tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()
        marks: tuple[list[int], list[int]] = ([], [settings.ends[0]])
        if settings.kind == "seq2seq":
            plain, marked = (tokenizer.encode("a", add_special_tokens=each).ids for each in (False, True))
            first = next(i for i in range(len(marked)) if marked[i : i + len(plain)] == plain)
            marks = (marked[:first], marked[first + len(plain) :] or marks[1])
        tokenizer.encode_special_tokens = False  # prefix and suffix may hold marks
        self.before = tokenizer.encode(settings.prefix, add_special_tokens=False).ids
        self.after = tokenizer.encode(settings.suffix, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = True
        self._marks = marks
        if settings.kind == "seq2seq":
            self.before, self.after = [*marks[0], *self.before], [*self.after, *marks[1]]

    def encode_answer(self, text: str) -> list[int]:
        return [*self._marks[0], *self._read(text)[0], *self._marks[1]]

    def _read(self, text: str) -> tuple[list[int], list[int]]:
        found = self.tokenizer.encode(text, add_special_tokens=False)
        return found.ids, [start for start, _ in found.offsets]

    def _text(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))


def open_reader(folder: Path, settings: Settings) -> Reader:
    """By the tokenizer of a model's folder; of bytes where it has none."""
    if (folder / "tokenizer.json").is_file():
        return TokenReader(settings, open_tokenizer(folder))
    return ByteReader(settings)


class TextModel:
    """The folder of an encoder and a decoder that writes text, opened."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._settings = settings
        self._reader = open_reader(folder, settings)
        self._branches = self._reader.branches()
        self._writer = open_writer(folder, settings, threads=threads)
        if self._writer:
            return
        self._encoder = open_graph(folder, "encoder", backend=settings.backend, threads=threads)
        self._decoder = open_graph(folder, "decoder", backend=settings.backend, threads=threads)

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        encoded = [self._reader.encode(row) for row in rows]
        answers: list[Any] = [None] * len(rows)
        lengths = [len(ids) for ids in encoded]
        for batch, length in packed(lengths, batch_size, tokens=BATCH_TOKENS, step=STEP):
            for i, answer in zip(batch, self._written([encoded[i] for i in batch], length), strict=True):
                answers[i] = answer
        return answers

    def _written(self, inputs: Sequence[Sequence[int]], length: int) -> list[Answer]:
        import numpy as np

        if self._writer:
            return written(self._writer, self._reader, inputs)
        feed = padded([(ids, ids) for ids in inputs], length)
        del feed["token_type_ids"]
        cross = self._encoder.run(feed)
        fixed = {"attention_mask": feed["attention_mask"], **cross}
        tokens = np.full((len(inputs), 1), self._settings.start, dtype=np.int64)
        writing = Writing(self._decoder, self._reader, self._branches)
        return writing.answers(tokens, fixed, nothing(self._decoder, len(inputs)))


def written(writer: Writer, reader: Reader, prompts: Sequence[Sequence[int]]) -> list[Answer]:
    """The answers of a backend that decodes by itself; the score is as `Writing` has it, but of a label among
    all texts.
    """
    import numpy as np

    settings = reader.settings
    labels = settings.labels if settings.shape == "text" else ()
    among = {each: reader.encode_answer(each) for each in labels}
    found = writer.write(prompts, settings.max_answer, among)
    return [
        Answer(
            reader.decode(one.ids),
            float(np.exp(one.log)) if one.ids[-1:] and one.ids[-1] in settings.ends else 0.0,
        )
        for one in found
    ]


def nothing(decoder: Any, rows: int) -> dict[str, Any]:
    """What a decoder remembers before the first token."""
    import numpy as np

    return {
        name: np.zeros((rows, shape[1], 0, shape[3]), dtype=np.float32)
        for name, shape in decoder.inputs.items()
        if name.startswith("past_")
    }


@dataclass
class Writing:
    """Greedy decoding; rows that have ended leave the batch.

    The score is the probability that the model gives to the whole answer, of a label among the labels; 0 of a
    text that had not ended where the longest answer ends.
    """

    decoder: Any
    reader: Reader
    branches: dict[int, Any] | None

    def answers(self, tokens: Any, fixed: Mapping[str, Any], past: Mapping[str, Any]) -> list[Answer]:
        """Of rows that begin with `tokens` (rows, length): `fixed` goes in at every step, `past` grows."""
        import numpy as np

        found: list[list[int]] = [[] for _ in tokens]
        done: list[Answer | None] = [None] * len(tokens)
        logs, rows = np.zeros(len(tokens)), np.arange(len(tokens))  # `rows` are those that go on
        nodes = [self.branches] * len(tokens)
        for _ in range(self.reader.settings.max_answer):
            result = self.decoder.run({"input_ids": tokens, **fixed, **past})
            best, gained = _likeliest(result.pop("logits")[:, -1, :], [nodes[row] for row in rows])
            logs[rows] += gained
            goes = np.ones(len(rows), dtype=bool)
            for place, row in enumerate(rows):
                found[row].append(int(best[place]))
                text = self._ended(found[row], nodes, int(row))
                if text is not None:
                    done[row], goes[place] = Answer(text, float(np.exp(logs[row]))), False
            past = {name.replace("present_", "past_"): value for name, value in result.items()}
            if not goes.all():
                rows, best = rows[goes], best[goes]
                past = {name: value[goes] for name, value in past.items()}
                fixed = {name: value[goes] for name, value in fixed.items()}
            if not len(rows):
                break
            tokens = best[:, None].astype(np.int64)
        return [each or Answer(self.reader.decode(ids), 0.0) for each, ids in zip(done, found, strict=True)]

    def _ended(self, ids: Sequence[int], nodes: list[Any], row: int) -> str | None:
        """The answer of a row that is complete: a label as soon as no other one is left."""
        if nodes[row] is None:
            return self.reader.decode(ids) if ids[-1] in self.reader.settings.ends else None
        nodes[row] = found = nodes[row][ids[-1]]
        while isinstance(found, dict) and len(found) == 1:
            found = next(iter(found.values()))
        return found if isinstance(found, str) else None


def _likeliest(logits: Any, nodes: Sequence[dict[int, Any] | None]) -> tuple[Any, Any]:
    """The token of each row of (rows, vocabulary), of its node where it has one, and its log probability."""
    import numpy as np

    if all(node is None for node in nodes):
        best = logits.argmax(axis=1)
        above = logits - np.take_along_axis(logits, best[:, None], axis=1)
        return best, -np.log(np.exp(above).sum(axis=1, dtype=np.float64))
    best, gained = np.zeros(len(logits), dtype=np.int64), np.zeros(len(logits))
    for place, node in enumerate(nodes):
        among = None if node is None else np.fromiter(node, dtype=np.int64)
        values = logits[place] if among is None else logits[place][among]
        top = int(values.argmax())
        best[place] = top if among is None else among[top]
        gained[place] = -np.log(np.exp(values - values[top]).sum(dtype=np.float64))
    return best, gained
