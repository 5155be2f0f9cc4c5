"""A checkpoint on this machine as a chat model: its own chat template, on the GPU where there is one.

Questions that wait together are answered together. A checkpoint is loaded once a process, when the first
question must really be asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from p2m.errors import P2MError
from p2m.teachers.chat import Ask, Line, NotSetUp, Outcome, Received, Reply, TeacherError, Transient, Usage
from p2m.teachers.on_this_machine import OnThisMachine, checked, checkpoint_files, mean_logprob
from p2m.teachers.sampling import OPTIONS, Row, Sampler
from p2m.types import Task, unkeyed

_WINDOW = 0.01  # seconds that a question waits for others to be answered beside it
_WANTED = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]


@dataclass(frozen=True, slots=True)
class Transformers(OnThisMachine):
    """A causal language model in a folder (`path`), else of the Hub (`model`, at `revision`)."""

    provider: ClassVar[str] = "transformers"
    model: str = ""  # of the Hub, and what reports call it
    revision: str = "main"  # on the Hub
    plain: bool = False  # where there is no chat template, ask in plain text
    device: str = unkeyed("auto")  # auto, cpu or cuda

    def __post_init__(self) -> None:
        OnThisMachine.__post_init__(self)
        unknown = sorted(set(self.options) - set(OPTIONS))
        if unknown:
            raise ValueError(f"options has {', '.join(unknown)}; it may have {', '.join(OPTIONS)}")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ValueError(f"device is {self.device!r}, not auto, cpu or cuda")

    @property
    def weights(self) -> str:
        return self.sha256 or f"{self.model}@{self.revision}"

    @property
    def takes_of_machine(self) -> dict[str, int | str]:
        return {"cpus": "all"} if self.device == "cpu" else {"gpus": 1}  # the whole machine where it has none

    def refusal(self, task: Task) -> str | None:
        if self.model or self.path:
            return None
        return "it has no checkpoint: teacher.path=FOLDER, or teacher.model=NAME of the Hub"

    def problem(self) -> str | None:
        """Why it cannot run here; whether the Hub has it is seen when it is asked."""
        for package in ("torch", "transformers", "llguidance"):
            if find_spec(package) is None:
                return f"the package {package} is not installed: pip install 'p2m[train,local]'"
        if self.path and not (Path(self.path) / "config.json").is_file():
            return f"{self.path} is no checkpoint: it holds no config.json; teacher.path=FOLDER"
        return None if self.path or self.model else "it has no checkpoint: teacher.path=FOLDER"

    def sent_settings(self) -> dict[str, Any]:
        return OnThisMachine.sent_settings(self) | ({"plain": True} if self.plain else {})

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        line = _Line(self)
        try:
            yield line
        finally:
            await line.close()


@dataclass(slots=True)
class _Question:
    """What waits for an answer."""

    ask: Ask
    answer: asyncio.Future[Received]
    since: float = field(default_factory=time.monotonic)
    row: Row | None = None
    prompt: list[int] = field(default_factory=list)


class _Line:
    """Questions, gathered into batches that a thread answers one after the other."""

    def __init__(self, teacher: Transformers) -> None:
        self.teacher = teacher
        self._waiting: asyncio.Queue[_Question] = asyncio.Queue()
        self._answering: asyncio.Task[None] | None = None
        self._sampler: Sampler | None = None
        self._loaded: _Loaded

    async def send(self, ask: Ask) -> Received:
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer_all())
        question = _Question(ask, asyncio.get_running_loop().create_future())
        self._waiting.put_nowait(question)
        return await question.answer

    async def close(self) -> None:
        if self._sampler is not None:
            self._sampler.is_stopped = True
        if self._answering is not None:
            self._answering.cancel()
            with suppress(asyncio.CancelledError):
                await self._answering

    async def _answer_all(self) -> None:
        while True:
            batch = await self._gather()
            try:
                await asyncio.to_thread(self._answer, batch)
            except Exception as error:
                fault = _explained(error, self.teacher)
                for question in batch:
                    if not question.answer.done():
                        question.answer.set_exception(fault)
                continue
            for question in batch:
                if not question.answer.done():
                    self._tell(question)

    async def _gather(self) -> list[_Question]:
        """The next questions, as many as may be answered side by side."""
        batch = [await self._waiting.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout(_WINDOW):
                while len(batch) < self.teacher.concurrency:
                    batch.append(await self._waiting.get())
        return batch

    def _answer(self, batch: list[_Question]) -> None:
        """Write the batch's rows; in a thread of its own."""
        loaded = _loaded(self.teacher)
        for question in batch:
            question.prompt = loaded.prompt(question.ask, self.teacher)
            most = min(question.ask.max_tokens, loaded.context - len(question.prompt))
            if most > 0:
                question.row = loaded.row(question.ask, self.teacher, most)
        asked = [question for question in batch if question.row is not None]
        if asked:
            self._sampler = loaded.sampler([question.row for question in asked], self.teacher)
            loaded.write([question.prompt for question in asked], self._sampler)
        self._loaded = loaded

    def _tell(self, question: _Question) -> None:
        row, asked = question.row, len(question.prompt)
        if row is None:
            detail = f"the question has {asked} tokens, and the model reads {self._loaded.context}"
            reply = Reply(Outcome.TOO_LONG, "", Usage(asked), self.teacher.model, detail)
        elif not row.is_done:
            question.answer.set_exception(
                Transient(
                    f"the answer took longer than {self.teacher.timeout:g} s: raise teacher.timeout, or lower"
                    " teacher.concurrency"
                )
            )
            return
        else:
            reply = Reply(
                Outcome.ANSWERED if row.is_whole else Outcome.TRUNCATED, self._loaded.text(row.tokens),
                Usage(asked, len(row.tokens)), self.teacher.model, mean_logprob(row.logprobs),
                seconds=time.monotonic() - question.since,
            )  # fmt: skip
        question.answer.set_result(Received(reply))


# --------------------------------------------------------------------------- the checkpoint


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A checkpoint in memory."""

    model: Any
    tokenizer: Any
    context: int  # tokens of a question with its answer
    eos: frozenset[int]

    def prompt(self, ask: Ask, teacher: Transformers) -> list[int]:
        """The tokens of a question."""
        text = _plain(ask) if teacher.plain else self._templated(ask, teacher)
        found: list[int] = self.tokenizer(text, add_special_tokens=teacher.plain)["input_ids"]
        return found

    def _templated(self, ask: Ask, teacher: Transformers) -> str:
        import jinja2

        if not self.tokenizer.chat_template:
            raise TeacherError(
                f"{teacher.model or teacher.path} has no chat template, so it was not made to be asked\n"
                "    take one that was tuned for instructions, or ask it in plain text: teacher.plain=true"
            )
        turns = [{"role": turn.role, "content": turn.text} for turn in ask.turns]
        system = [{"role": "system", "content": ask.system}] if ask.system else []
        options: dict[str, Any] = {
            "add_generation_prompt": True, "tokenize": False, "enable_thinking": False,
        }  # fmt: skip
        try:
            return str(self.tokenizer.apply_chat_template([*system, *turns], **options))
        except jinja2.TemplateError:  # some templates know no system prompt
            first = {"role": "user", "content": f"{ask.system}\n\n{ask.turns[0].text}"}
            return str(self.tokenizer.apply_chat_template([first, *turns[1:]], **options))

    def row(self, ask: Ask, teacher: Transformers, most: int) -> Row:
        import torch

        usual = getattr(self.model.generation_config, "temperature", None)
        temperature = ask.temperature if ask.temperature is not None else 1.0 if usual is None else usual
        matcher = None if ask.schema is None else self._matcher(ask.schema)
        return Row(temperature, most, torch.Generator().manual_seed(teacher.seed(ask)), matcher)

    def _matcher(self, schema: dict[str, Any]) -> Any:
        from llguidance import LLMatcher

        compact = LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False})
        tokens = _grammar_tokens(self.tokenizer, self.model.config.get_text_config().vocab_size)
        matcher = LLMatcher(tokens, compact)
        if matcher.is_error():
            raise TeacherError(f"replies cannot be held to their JSON Schema: {matcher.get_error()}")
        return matcher

    def sampler(self, rows: list[Any], teacher: Transformers) -> Sampler:
        usual = self.model.generation_config
        own = {name: getattr(usual, name, None) for name in OPTIONS if usual.do_sample}
        return Sampler(rows, self.eos, own | teacher.options, time.monotonic() + teacher.timeout)

    def write(self, prompts: list[list[int]], sampler: Sampler) -> None:
        """Answer prompts of various lengths, padded on their left."""
        import torch
        from transformers import GenerationConfig

        longest = max(map(len, prompts))
        pad = self.tokenizer.pad_token_id
        pad = min(self.eos, default=0) if pad is None else pad
        lefts = [longest - len(prompt) for prompt in prompts]
        ids = [[pad] * left + prompt for left, prompt in zip(lefts, prompts, strict=True)]
        mask = [[0] * left + [1] * len(prompt) for left, prompt in zip(lefts, prompts, strict=True)]
        most = max(row.most for row in sampler.rows)
        settings = GenerationConfig(max_new_tokens=most, do_sample=False, num_beams=1, pad_token_id=pad)
        place = self.model.device
        with torch.inference_mode():
            self.model.generate(
                input_ids=torch.tensor(ids, device=place), attention_mask=torch.tensor(mask, device=place),
                generation_config=settings, logits_processor=[sampler], stopping_criteria=[sampler.stopped],
            )  # fmt: skip

    def text(self, tokens: list[int]) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))


def _loaded(teacher: Transformers) -> _Loaded:
    """The teacher's checkpoint, from memory where it was the last one asked in this process.

    Raises:
        TeacherError: it cannot be had, is another than the recipe says, or cannot be loaded.
    """
    problem = teacher.problem()
    if problem:
        raise NotSetUp(f"the checkpoint cannot be asked: {problem}")
    folder = Path(teacher.path) if teacher.path else _fetched(teacher.model, teacher.revision)
    if teacher.sha256:
        checked(folder, teacher.sha256, checkpoint_files(folder))
    return _load(str(folder), teacher.sha256, teacher.device)


@lru_cache(maxsize=1)
def _load(folder: str, _sha256: str, device: str) -> _Loaded:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    is_half = place == "cuda" and torch.cuda.is_bf16_supported()
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    has_bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.bfloat16 if is_half else torch.float32, use_safetensors=True, **options
        )
    finally:
        if has_bars:
            logging.enable_progress_bar()
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return _Loaded(model.to(place).eval(), tokenizer, context or 1 << 30, _ends(model, tokenizer))


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer."""
    told = model.generation_config.eos_token_id
    several = told if isinstance(told, list) else [told]
    return frozenset(token for token in (*several, tokenizer.eos_token_id) if token is not None)


@lru_cache(maxsize=1)
def _grammar_tokens(tokenizer: Any, vocabulary: int) -> Any:
    """The tokenizer as llguidance wants it; it takes a second to make."""
    from llguidance.hf import from_tokenizer

    try:
        return from_tokenizer(tokenizer, n_vocab=vocabulary)
    except ValueError as error:
        raise TeacherError(f"replies cannot be held to a JSON Schema with this tokenizer: {error}") from None


def _fetched(model: str, revision: str) -> Path:
    """A checkpoint of the Hub, fetched where it is not here.

    Raises:
        TeacherError: it is neither.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        wanted: dict[str, Any] = {"revision": revision, "allow_patterns": _WANTED}
        with suppress(P2MError):  # the network is forbidden here
            return Path(snapshot_download(model, **wanted))
        return Path(snapshot_download(model, **wanted, local_files_only=True))
    except ImportError:
        reason = "huggingface_hub is not installed"
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
    raise TeacherError(
        f"the checkpoint {model} is neither here nor reachable ({reason})\n"
        "    fetch it beforehand and name its folder: teacher.path=FOLDER"
    )


def _plain(ask: Ask) -> str:
    """A conversation as text to be continued."""
    names = {"user": "Question", "assistant": "Answer"}
    said = [f"{names[turn.role]}: {turn.text}" for turn in ask.turns]
    return "\n\n".join([*([ask.system] if ask.system else []), *said, "Answer:"])


def _explained(error: Exception, teacher: Transformers) -> Exception:
    """A fault of the libraries in the user's words."""
    if isinstance(error, (P2MError, Transient)):
        return error
    said = next(iter(str(error).splitlines()), type(error).__name__)
    if "out of memory" in said.lower() or isinstance(error, MemoryError):
        return TeacherError(f"no memory for {teacher.model or teacher.path}: teacher.concurrency=1 ({said})")
    return TeacherError(f"{teacher.model or teacher.path} cannot be asked: {type(error).__name__}: {said}")
