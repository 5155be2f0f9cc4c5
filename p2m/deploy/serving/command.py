"""The command line of a bundle's predict.py: what can be asked, and what comes of it."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .asking import answer_all
from .rows import InputError
from .settings import BundleError, Settings, first_line

CHECKSUMS = "SHA256SUMS"
DESCRIPTION = "Answer one input, a table or text file, or every line of JSON on standard input."
# What the score of an answer is, from 0 to 1, where it was not fitted to how often answers are right.
SCORES = {
    "span": "p(start) x p(end) of the span, over every word of the passage",
    "tags": "the least probability among the tags of the text's tokens, spans or not",
    "records": "the least probability of a field, whichever it is",
    "slots": "the least probability among the tags of the text's tokens and the values",
    "classification": "the label's softmax probability",
    "linear": "the label's probability by the linear model",
    "tagger": "the least probability among the tags of the text's words; of a single span, that against none",
    "editor": "the probability of what is written for every character, one after the other",
    "fields": "the least probability of a tag, or of a field that the whole text tells",
    "seq2seq": "the probability of the whole text, so lower for longer ones, or of the label",
    "copies": "the probability of the whole text, so lower for longer ones",
    "causal": "the probability of the whole text, so lower for longer ones, or of the label",
}

SHAPED = {  # what a score is where "classification" and "linear" give no single label
    "labels": "the probability of just these labels, were they independent of each other",
    "number": "the chance that the right number is near, by the errors on rows that were held out",
}


def told_score(settings: Settings) -> str:
    """What the score of a model's answers is."""
    if settings.calibration:
        return "how often answers of that score are right, as fitted to rows that were held out"
    classifies = settings.kind in ("classification", "linear")
    told = SHAPED.get(settings.shape, SCORES[settings.kind]) if classifies else SCORES[settings.kind]
    return told if settings.shape == "number" else f"{told}; not calibrated"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 the bundle is broken, 2 the input is wrong, 5 checksums differ."""
    here = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(
        prog="predict.py",
        description=DESCRIPTION,
        epilog=f"""examples:
  python predict.py '{{"question": "Who built it?", "context": "It was built by Ada Marsh."}}'
  python predict.py 'a text, where the model has one input field'
  python predict.py reviews.csv answered.csv
  python predict.py < inputs.jsonl > answers.jsonl
  python predict.py --check

{scores_told()}""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument(
        "--model",
        metavar="DIR",
        type=Path,
        default=here / "model",
        help="the model's folder (default: model/)",
    )
    parser.add_argument("--check", action="store_true", help=f"compare every file with {CHECKSUMS} and stop")
    options = parser.parse_intermixed_args(arguments)
    if options.check:
        folder = here if options.model == here / "model" else options.model
        return _guarded("predict.py", lambda: _check(folder))
    return answer(options, options.model, name="predict.py")


def scores_told() -> str:
    """What a score is, for --help."""
    return (
        "scores, from 0 to 1: how often answers are right, where enough rows were held out to tell; else\n"
        + "\n".join(f"  {kind:<14} {told}" for kind, told in (SCORES | SHAPED).items())
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked, and how."""
    parser.add_argument(
        "text",
        nargs="?",
        metavar="INPUT",
        help="one input: a JSON object of the fields, or text where there is one field; or a file of inputs:"
        " .csv, .tsv, .jsonl, .json, .txt with one input a line (each also as .gz), or .parquet; - is"
        " standard input with such rows",
    )
    parser.add_argument(
        "target",
        nargs="?",
        type=Path,
        metavar="OUTPUT",
        help="where the rows of a file go with their answers, in the format of its name (default: standard"
        " output, in the format of the input). Ended before it is done, the same command goes on",
    )
    parser.add_argument(
        "--input",
        dest="file",
        type=Path,
        metavar="FILE",
        help="the same as a file for INPUT, whatever its name",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the same as OUTPUT",
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="the column of the file that is a field of the model, where the names differ",
    )
    parser.add_argument(
        "--precision",
        type=_share,
        metavar="SHARE",
        help="mark answers that are less sure than it takes for so many to be right, such as 0.95: "
        '"abstain": true (default: as the recipe says)',
    )
    parser.add_argument(
        "--threads", type=_positive, default=1, metavar="N", help="processor threads (default: 1)"
    )
    parser.add_argument(
        "--batch-size",
        type=_positive,
        metavar="N",
        help="rows read before they are answered (default: 1, each as it comes; 32 of a file);"
        " no answer changes",
    )


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {text!r}")
    return int(text)


def _share(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1:
        raise argparse.ArgumentTypeError(f"a share between 0 and 1, such as 0.95, not {text!r}")
    return found


def answer(options: argparse.Namespace, model: Path, *, name: str) -> int:
    """Do what was typed; `name` is what errors begin with."""
    return _guarded(name, lambda: answer_all(options, model, name))


def _guarded(name: str, work: Callable[[], int]) -> int:
    """The exit code of `work`; what is wrong is said on one line, never as a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        return work()
    except InputError as error:
        return _fail(name, str(error), 2)
    except BundleError as error:
        return _fail(name, str(error), 1)
    except ImportError as error:
        return _fail(name, f"{first_line(error)}; type: pip install -r requirements.txt", 1)
    except BrokenPipeError:  # the reader of our output went away: not our failure
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return 130


def _fail(name: str, message: str, code: int) -> int:
    try:
        sys.stdout.flush()
    except OSError:  # what failed is the output itself
        _drop_output()
    print(f"{name}: {message}", file=sys.stderr)
    return code


def _drop_output() -> None:
    """Let what is still to be written go, so that the interpreter's end does not fail of it too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_sums(folder: Path) -> list[str]:
    """What differs from the folder's SHA256SUMS; [] where every listed file is there and unchanged.

    Raises:
        BundleError: there is no list to check against.
    """
    path = folder / CHECKSUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: cannot be read ({first_line(error)}); is {folder} a bundle?") from None
    wrong = []
    for line in lines:
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name or os.path.isabs(name) or ".." in Path(name).parts:
            wrong.append(f"{line!r}: not a line of checksums")
            continue
        try:
            with (folder / name).open("rb") as stream:
                actual = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            wrong.append(f"{name}: {error.strerror or error}")
            continue
        if actual != digest:
            wrong.append(f"{name}: changed since it was packaged")
    return wrong if lines else [f"{path}: lists nothing"]


def _check(folder: Path) -> int:
    wrong = check_sums(folder)
    for line in wrong:
        print(f"predict.py: {line}", file=sys.stderr)
    if not wrong:
        print(f"{folder}: every file is as it was packaged")
    return 5 if wrong else 0
