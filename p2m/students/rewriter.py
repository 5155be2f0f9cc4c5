"""What writes the values of spans: a small encoder and decoder from scratch that copies, and counts on.

Each piece is written in one of six ways, between which the model chooses: from the vocabulary; as the source
has it; as a number of the source plus an offset, modulo 100, in two digits or in as many as it takes; as one
of the two digits of a number. Sums and differences are so learnt from few rows, copies from fewer (pointers:
See et al., 2017, arXiv 1704.04368).

Numbers of two and of four digits come in pairs, so that a day, an hour or a year is read at once; of others
each digit is a piece, so that a number is the same pieces whatever zeros are added to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from p2m.deploy.serving.copies import EOS, PAD, PLACES, PieceReader, Rewriting
from p2m.students.onnx_graph import write_graph

NUMBERS = 100  # values of a pair of digits
FEWEST_PIECES = 3 + 256 + NUMBERS  # marks, bytes, pairs of digits
_LEAST = 1e-8  # probability of any piece: a logarithm has an end
_WAYS = 6
_PAIRS = r"(?<!\p{N})\p{N}{2}(?=(?:\p{N}{2})?(?!\p{N}))|(?<=\p{N}{2})(?<!\p{N}{3})\p{N}{2}(?!\p{N})"
_WORDS = _PAIRS + r"|\p{N}| ?\p{L}+|[^\p{L}\p{N}]"


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a rewriter."""

    vocabulary: int
    width: int
    inner: int  # of the encoder's feed-forward layers; the decoder's have twice as much
    layers: int
    decoder_layers: int
    heads: int
    longest: int  # pieces of a value

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        attention, norm = 4 * self.width * (self.width + 1), 2 * self.width
        feed = 2 * self.width * self.inner + self.inner + self.width
        layer = attention + feed + 2 * norm
        decoder = layer + attention + norm + 2 * self.width * self.inner + self.inner
        tables = (2 * self.vocabulary + PLACES + self.longest) * self.width + self.vocabulary
        ways = 2 * self.width * (self.width + 1) + (NUMBERS + _WAYS) * (self.width + 1)
        return tables + self.layers * layer + self.decoder_layers * decoder + 2 * norm + ways


def learnt_pieces(texts: Iterable[str], size: int) -> Any:
    """A tokenizer of at most `size` pieces: bytes, pairs of digits, and what is frequent in texts (BPE)."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    texts = list(texts)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<pad>", "<end>", "<unknown>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pairs = [f"{number:02d}" for number in range(NUMBERS)]
    tokenizer.train_from_iterator([*texts, *(pairs * (len(texts) + 1))], trainer)
    return tokenizer


@cache
def rewriter() -> Any:
    """The class, a torch module; made on first use, for it takes torch."""
    from torch import nn
    from torch.nn import functional

    transformer, ways_of = _transformer(), _ways()

    class Rewriter(nn.Module):  # type: ignore[misc]
        """From sources (batch, source) to the pieces of values (batch, target)."""

        def __init__(self, shape: Shape) -> None:
            super().__init__()
            self.shape = shape
            self.body, self.ways = transformer(shape), ways_of(shape)

        def tell(self, tokenizer: Any) -> None:
            """What the pieces are, once they are learnt; it is saved with the weights."""
            self.ways.tell(tokenizer)

        def read(self, source: Any, places: Any, mask: Any) -> list[Any]:
            """Keys and values of every decoder layer's source, then the keys of the pointer."""
            states, *crosses = self.body.read(source, places, mask)
            return [*crosses, self.ways.key(states)]

        def write(self, pieces: Any, source: Any, mask: Any, read: list[Any], past: list[Any]) -> list[Any]:
            """Log probabilities (batch, 1, vocabulary) of what follows a piece, and the past with it."""
            states, *grown = self.body.states(pieces, mask, read, past)
            ways, written, pointed, counted = self.ways(states, source, mask, read[-1])
            whole = ways[0] * written.softmax(-1)
            for way, (spelling, shares) in zip(ways[2:], counted, strict=True):
                columns = functional.one_hot(spelling, self.shape.vocabulary).float()
                whole = whole + way * (shares @ columns)
            places = source[:, None].expand(-1, states.shape[1], -1)
            whole = whole.scatter_add(2, places, ways[1] * pointed)
            return [whole.clamp(min=_LEAST).log(), *grown]

        def forward(self, source: Any, places: Any, mask: Any, values: Any) -> Any:
            """Log probabilities of the pieces of values (batch, target), each after those before it."""
            before = functional.pad(values[:, :-1], (1, 0), value=PAD)
            read = self.read(source, places, mask)
            states = self.body.states(before, mask, read, [])[0]
            ways, written, pointed, counted = self.ways(states, source, mask, read[-1])
            wanted = values[..., None]
            share = ways[0] * (written.gather(2, wanted) - written.logsumexp(-1, keepdim=True)).exp()
            share = share + ways[1] * (pointed * (source[:, None] == wanted)).sum(-1, keepdim=True)
            for way, (spelling, shares) in zip(ways[2:], counted, strict=True):
                number = self.ways.value[wanted].clamp(0, len(spelling) - 1)
                share = share + way * shares.gather(2, number) * (spelling[number] == wanted)
            return share.clamp(min=_LEAST).log().squeeze(-1)

    return Rewriter


@cache
def _ways() -> Any:
    import torch
    from torch import nn

    class Ways(nn.Module):  # type: ignore[misc]
        """The ways in which a piece is written."""

        def __init__(self, shape: Shape) -> None:
            super().__init__()
            width = shape.width
            self.output = nn.Linear(width, shape.vocabulary)
            self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
            self.offset, self.way = nn.Linear(width, NUMBERS), nn.Linear(width, _WAYS)
            self.register_buffer("value", torch.full((shape.vocabulary,), -1))
            for name in ("two", "plain"):
                self.register_buffer(name, torch.zeros(NUMBERS, dtype=torch.long))
            steps = torch.arange(NUMBERS)
            self.register_buffer("turn", (steps[None] - steps[:, None]) % NUMBERS, persistent=False)

        def tell(self, tokenizer: Any) -> None:
            """Which pieces are numbers: in two digits, and in as many as it takes."""
            for number in range(NUMBERS):
                for name, text in (("two", f"{number:02d}"), ("plain", str(number))):
                    piece = tokenizer.token_to_id(text)
                    getattr(self, name)[number] = piece
                    self.value[piece] = number

        def forward(
            self, states: Any, source: Any, mask: Any, keys: Any
        ) -> tuple[Any, Any, Any, list[tuple[Any, Any]]]:
            """How likely each way is; logits of pieces, shares of the source's, and pieces of numbers with
            the shares of these.
            """
            scores = self.query(states) @ keys.transpose(1, 2) * states.shape[-1] ** -0.5
            numbers = self.value[source]
            pointed = (scores + (mask[:, None] - 1) * 1e9).softmax(-1)
            counted = (scores + ((numbers[:, None] < 0) * -1e9)).softmax(-1) * (numbers[:, None] >= 0)
            columns = torch.arange(NUMBERS, device=source.device)
            counted = counted @ (numbers[:, :, None] == columns).float()
            moved = self._moved(counted, self.offset(states).softmax(-1))
            digits, pairs = self.plain[:10], counted.unflatten(-1, (10, 10))
            ways = self.way(states).softmax(-1).unsqueeze(-1).unbind(-2)
            spelt = [(self.two, moved), (self.plain, moved), (digits, pairs.sum(-1)), (digits, pairs.sum(-2))]
            return ways, self.output(states), pointed, spelt

        def _moved(self, numbers: Any, offsets: Any) -> Any:
            """The distribution of a number plus an offset, modulo 100."""
            if numbers.shape[1] == 1:
                return numbers @ offsets[:, 0][:, self.turn]
            waves = torch.fft.rfft(numbers) * torch.fft.rfft(offsets)
            return torch.fft.irfft(waves, n=NUMBERS).clamp(min=0)

    return Ways


@cache
def _transformer() -> Any:
    import torch
    from torch import nn

    block = _block()

    class Transformer(nn.Module):  # type: ignore[misc]
        """An encoder and a decoder, without what is made of the decoder's states."""

        def __init__(self, shape: Shape) -> None:
            super().__init__()
            width, heads, inner = shape.width, shape.heads, shape.inner
            self.pieces = nn.Embedding(shape.vocabulary, width)
            self.places = nn.Embedding(PLACES, width)
            self.written = nn.Embedding(shape.longest, width)
            for table in (self.pieces, self.places, self.written):
                nn.init.normal_(table.weight, std=0.3)
            reads = (block(width, heads, inner, crosses=False) for _ in range(shape.layers))
            writes = (block(width, heads, 2 * inner, crosses=True) for _ in range(shape.decoder_layers))
            self.encoder, self.decoder = nn.ModuleList(reads), nn.ModuleList(writes)
            self.read_norm, self.write_norm = nn.LayerNorm(width), nn.LayerNorm(width)

        def read(self, source: Any, places: Any, mask: Any) -> list[Any]:
            """States of the source, then keys and values that each decoder layer has of it."""
            states = self.pieces(source) + self.places(places)
            seen = mask[:, None, None, :] != 0
            for layer in self.encoder:
                states = layer(states, seen)[0]
            states = self.read_norm(states)
            return [states, *(part for layer in self.decoder for part in layer.cross.project(states))]

        def states(self, pieces: Any, mask: Any, read: list[Any], past: list[Any]) -> list[Any]:
            """Of each piece what follows it is told from, and the past with the pieces in it."""
            count = past[0].shape[2] if past else 0
            number = torch.arange(pieces.shape[1], device=pieces.device) + count
            states = self.pieces(pieces) + self.written(number.clamp(max=self.written.num_embeddings - 1))
            seen = None
            if pieces.shape[1] > 1:
                seen = torch.ones(len(number), len(number), dtype=torch.bool, device=pieces.device).tril()
            crossing, grown = mask[:, None, None, :] != 0, []
            for place, layer in enumerate(self.decoder):
                given = slice(2 * place, 2 * place + 2)
                states, *kept = layer(states, seen, past[given], read[given], crossing)
                grown += kept
            return [self.write_norm(states), *grown]

    return Transformer


@cache
def _attention() -> Any:
    from torch import nn
    from torch.nn import functional

    class Attention(nn.Module):  # type: ignore[misc]
        def __init__(self, width: int, heads: int) -> None:
            super().__init__()
            self.heads = heads
            self.query, self.both = nn.Linear(width, width), nn.Linear(width, 2 * width)
            self.out = nn.Linear(width, width)

        def project(self, states: Any) -> list[Any]:
            """Keys and values, each (batch, heads, length, part)."""
            return [self._split(part) for part in self.both(states).chunk(2, -1)]

        def forward(self, states: Any, keys: Any, values: Any, seen: Any) -> Any:
            found = functional.scaled_dot_product_attention(
                self._split(self.query(states)), keys, values, attn_mask=seen
            )
            return self.out(found.transpose(1, 2).flatten(2))

        def _split(self, states: Any) -> Any:
            return states.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    return Attention


@cache
def _block() -> Any:
    import torch
    from torch import nn

    attention = _attention()

    class Block(nn.Module):  # type: ignore[misc]
        """A transformer layer that normalises first; with its keys and values, the past's before them."""

        def __init__(self, width: int, heads: int, inner: int, *, crosses: bool) -> None:
            super().__init__()
            self.own_norm, self.own = nn.LayerNorm(width), attention(width, heads)
            if crosses:
                self.cross_norm, self.cross = nn.LayerNorm(width), attention(width, heads)
            self.feed_norm = nn.LayerNorm(width)
            self.feed = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))

        def forward(
            self, states: Any, seen: Any, past: Any = (), crossed: Any = (), crossing: Any = None
        ) -> list[Any]:
            normal = self.own_norm(states)
            kept = self.own.project(normal)
            if past:
                kept = [torch.cat([old, new], dim=2) for old, new in zip(past, kept, strict=True)]
            states = states + self.own(normal, *kept, seen)
            if crossed:
                states = states + self.cross(self.cross_norm(states), *crossed, crossing)
            return [states + self.feed(self.feed_norm(states)), *kept]

    return Block


def write_graphs(model: Any, folder: Path) -> None:
    """encoder.onnx and decoder.onnx of a rewriter.

    encoder  source, places, mask (batch, source)  ->  cross_key_i, cross_value_i, pointer
    decoder  pieces (batch, 1), source, mask, cross_*, pointer, past_key_i, past_value_i (batch, heads, past,
             part)  ->  logits (batch, 1, vocabulary), present_key_i, present_value_i
    """
    import torch

    shape = model.shape
    layers, part = shape.decoder_layers, shape.width // shape.heads
    cross = [f"cross_{each}_{i}" for i in range(layers) for each in ("key", "value")]
    past = [name.replace("cross_", "past_") for name in cross]
    source = {0: "batch", 1: "source"}
    ids, places, mask = (torch.full((2, 7), each) for each in (5, 6, 1))

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.whole = model

        def forward(self, source: Any, places: Any, mask: Any) -> Any:
            return tuple(self.whole.read(source, places, mask))

    class Decoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.whole = model

        def forward(self, pieces: Any, source: Any, mask: Any, *rest: Any) -> Any:
            read, before = list(rest[: 2 * layers + 1]), list(rest[2 * layers + 1 :])
            return tuple(self.whole.write(pieces, source, mask, read, before))

    write_graph(
        Encoder(), {"source": ids, "places": places, "mask": mask},
        {"source": source, "places": source, "mask": source},
        [*cross, "pointer"], folder / "encoder.onnx",
    )  # fmt: skip
    inputs = {"pieces": torch.full((2, 1), EOS), "source": ids, "mask": mask}
    inputs |= {name: torch.randn(2, shape.heads, 7, part) for name in cross}
    inputs |= {"pointer": torch.randn(2, 7, shape.width)}
    inputs |= {name: torch.randn(2, shape.heads, 3, part) for name in past}
    axes = {"pieces": {0: "batch"}, "source": source, "mask": source, "pointer": source}
    axes |= {name: {0: "batch", 2: "source"} for name in cross}
    axes |= {name: {0: "batch", 2: "past"} for name in past}
    outputs = ["logits", *(name.replace("past_", "present_") for name in past)]
    write_graph(Decoder(), inputs, axes, outputs, folder / "decoder.onnx", variadic_from=3)


def rewriting_of(model: Any, reader: PieceReader, most: int) -> Rewriting:
    """The module as a bundle has it, without graphs: what it writes at most has so many pieces."""
    return Rewriting(reader, _Run(model, "read"), _Run(model, "write"), most)


class _Run:
    """The rewriter's reading or writing as the graph that a bundle has."""

    def __init__(self, model: Any, way: str) -> None:
        shape = model.shape
        self._model, self._way = model, way
        self._cross = [f"cross_{part}_{i}" for i in range(shape.decoder_layers) for part in ("key", "value")]
        self._past = [name.replace("cross_", "past_") for name in self._cross]
        self.inputs = {name: [0, shape.heads, 0, shape.width // shape.heads] for name in self._past}

    def run(self, feed: Mapping[str, Any]) -> dict[str, Any]:
        import torch

        model = self._model
        device = next(model.parameters()).device
        given = {name: torch.as_tensor(each).to(device) for name, each in feed.items()}
        with torch.inference_mode(), torch.autocast(device.type, enabled=False):
            if self._way == "read":
                found = model.read(given["source"], given["places"], given["mask"])
                names = [*self._cross, "pointer"]
            else:
                read = [given[name] for name in (*self._cross, "pointer")]
                past = [given[name] for name in self._past]
                found = model.write(given["pieces"], given["source"], given["mask"], read, past)
                names = ["logits", *(name.replace("past_", "present_") for name in self._past)]
        return {name: each.float().cpu().numpy() for name, each in zip(names, found, strict=True)}
