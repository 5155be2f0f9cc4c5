"""predictor.json: how the rows of a model become its input, and its output answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .shapes import SHAPES, Layout

FORMAT = 1  # of predictor.json
SETTINGS = "predictor.json"
KINDS = (
    "span",
    "tags",
    "records",
    "slots",
    "classification",
    "linear",
    "seq2seq",
    "causal",
    "copies",
    "tagger",
    "editor",
    "fields",
)


class BundleError(RuntimeError):
    """A model folder that cannot be used."""


class Fields(tuple[str, ...]):
    """Names of the fields that a row is asked by."""

    numbers: frozenset[str] = frozenset()  # of these, what JSON may write as a number
    dates: Mapping[str, str] = {}  # and what is a date -> ymd, dmy, mdy or time
    may_lack: frozenset[str] = frozenset()  # and what may be empty, where others are not


@dataclass(frozen=True)
class Settings:
    """predictor.json: how rows become the model's input, and its output answers."""

    kind: str  # one of KINDS
    fields: tuple[str, ...]  # names that each input has
    context: str = ""  # span, tags, texts: the field whose text holds the answer
    labels: tuple[str, ...] = ()  # by index of the logit; tags: types of spans; texts: all that is written
    max_length: int = 256  # tokens of a window (span, tags) or an input; bytes where there is no tokenizer
    stride: int = 0  # span, tags: tokens that neighbouring windows share
    max_answer: int = 32  # tokens of the longest answer, of texts its end mark too; slots, copies: pieces
    prefix: str = ""  # texts: what stands before an input
    suffix: str = ""  # and behind it
    start: int = 0  # seq2seq: the token from which an answer is written
    ends: tuple[int, ...] = (1,)  # texts: tokens that end an answer
    backend: str = "onnx"  # the file in backends/ that opens its graphs
    shape: str = "text"  # of SHAPES: what an answer is, as JSON
    none: str | None = None  # the answer of a row that has none, or that fits no label; None: each has one
    threshold: float = 0.0  # the least score of an answer that is not `none`, or of one of several labels
    error: float = 0.0  # of numbers: the standard error on rows that were held out; of logarithms in theirs
    scale: tuple[float, float, float] | None = None  # low, high and step (0: any number) of numbers
    log_offset: float | None = None  # what numbers are learnt as logarithms after; None: as they are
    layout: Layout | None = None  # of spans
    calibration: tuple[float, float] | None = None  # slope and offset of a score's log-odds (sureness.py)
    precisions: tuple[tuple[float, float | None], ...] = ()  # wanted, and the least score that gives it
    abstain: float = 0.0  # the score below which answers are marked; 0: none is
    compares: bool = False  # linear: whether it reads how two texts differ, not both as one
    parts: tuple[str, ...] = ()  # marks before these texts in one field; (): each is a field
    numbers: tuple[str, ...] = ()  # linear: fields that are numbers, and no texts
    choices: tuple[str, ...] = ()  # linear: fields of few values; these, numbers and dates may be empty
    dates: dict[str, str] = field(default_factory=dict)  # linear: field -> how its dates are written
    options: dict[str, str] = field(default_factory=dict)  # label -> its text: a field, or behind a mark
    record: tuple[dict[str, Any], ...] = ()  # of records: the fields of `p2m.types.RecordField`

    @property
    def asks(self) -> Fields:
        """The fields, and how people may write them."""
        found = Fields(self.fields)
        found.numbers = frozenset(self.numbers)
        found.may_lack = frozenset((*self.numbers, *self.choices, *self.dates))
        found.dates = self.dates
        return found

    @property
    def texts(self) -> tuple[str, ...]:
        """The fields that are read as text."""
        return tuple(name for name in self.fields if name not in (*self.numbers, *self.dates))

    @staticmethod
    def read(folder: Path) -> Settings:
        """Read and check `predictor.json`.

        Raises:
            BundleError: there is none, or it is not one that this file understands.
        """
        path = folder / SETTINGS
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data.pop("format") != FORMAT:
                raise BundleError(f"{path}: written by another version; use the predict.py that came with it")
            for name in ("fields", "labels", "parts", "numbers", "choices", "record"):
                data[name] = tuple(data.get(name) or ())
            data["ends"] = tuple(data.get("ends") or Settings.ends)
            data["scale"] = tuple(data["scale"]) if data.get("scale") else None
            data["calibration"] = tuple(data["calibration"]) if data.get("calibration") else None
            data["precisions"] = tuple((wanted, least) for wanted, least in data.get("precisions") or ())
            data["layout"] = Layout(**data["layout"]) if data.get("layout") else None
            settings = Settings(**data)
        except OSError as error:
            raise BundleError(
                f"{path}: cannot be read ({error.strerror or error}); is this a model folder?"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"{path}: not a model's settings ({error!r}); copy the bundle again") from None
        if settings.kind not in KINDS or not settings.fields:
            raise BundleError(f"{path}: kind {settings.kind!r} is not one of {', '.join(KINDS)}")
        if settings.shape not in SHAPES:
            raise BundleError(f"{path}: shape {settings.shape!r} is not one of {', '.join(SHAPES)}")
        if not settings.backend.isidentifier():
            raise BundleError(f"{path}: {settings.backend!r} is not the name of a backend")
        return settings

    def write(self, folder: Path) -> None:
        data = {"format": FORMAT, **asdict(self)}
        (folder / SETTINGS).write_text(
            json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def missing(error: ModuleNotFoundError) -> Exception:
    """What to raise where a module is not there: of the bundle's own files it says so."""
    name = (error.name or "").removeprefix(f"{__package__}.")
    if name == error.name:
        return error
    path = Path(__file__).parent / f"{name.replace('.', '/')}.py"
    advice = "copy the bundle again, or use the predict.py that came with the model"
    return BundleError(f"{path}: missing; {advice}")


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
