"""p2m demo: try bundles on a page, and say what is wrong."""

from __future__ import annotations

import argparse
import ipaddress
import os
import threading
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2m.cli import common
from p2m.cli.verbs.predict import need_bundle
from p2m.errors import UserError, command

if TYPE_CHECKING:
    from p2m.demo.subject import Subject
    from p2m.demo.teacher import Beside

GROUP = "result"
SUMMARY = "try a built model on a page, beside another one or its teacher, and say what is wrong"
EXAMPLES = """p2m demo outputs/desk                             # answers, confidence, right and wrong
  p2m demo outputs/desk outputs/desk/last           # two of them side by side
  p2m demo outputs/desk --recipe recipes/desk.yaml  # with its test rows, and its teacher beside it
  p2m demo outputs/desk --host 0.0.0.0 --auth ada:PASSWORD

What is judged right or wrong goes to a log beside the recipe, recipes/desk.feedback.jsonl, and without
--recipe to feedback.jsonl, here; p2m feedback makes decisions of it. The teacher of --recipe is asked
only when its button is pressed, and its answers are recorded."""

_PASSWORD = "P2M_DEMO_AUTH"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "bundles", nargs="+", type=Path, metavar="BUNDLE", help="a bundle's folder; one or two"
    )
    more = "its recipe: test rows as examples, and the teacher as it is set there"
    parser.add_argument("--recipe", type=Path, metavar="RECIPE", help=more)
    common.trust_argument(parser, "let components of the recipe come from this package")
    log = "where judgements are written (default: beside the recipe, or feedback.jsonl, here)"
    parser.add_argument("--feedback", type=Path, metavar="FILE", help=log)
    share = "mark answers that are less sure than it takes for so many to be right, such as 0.95"
    parser.add_argument("--precision", type=float, metavar="SHARE", help=share)
    host = "the address to listen at (default: this machine alone); another one needs --auth"
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help=host)
    parser.add_argument("--port", type=int, metavar="N", help="its port (default: a free one from 7860)")
    auth = f"who may open the page; or by the environment variable {_PASSWORD}"
    parser.add_argument("--auth", metavar="USER:PASSWORD", help=auth)
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.compose.values import feedback_beside
    from p2m.demo.page import Demo, served
    from p2m.demo.subject import open_subject, together
    from p2m.deploy.serving.feedback import Log

    auth = _auth(arguments)
    if len(arguments.bundles) > 2:
        raise UserError("a page shows one bundle or two\n    for more: p2m compare BUNDLE BUNDLE ROWS")
    if arguments.precision is not None and not 0 < arguments.precision < 1:
        raise UserError(f"--precision {arguments.precision:g}: a share between 0 and 1, such as 0.95")
    for folder in arguments.bundles:
        need_bundle(folder, "demo")
    if arguments.feedback is None:
        beside = arguments.recipe and feedback_beside(arguments.recipe)
        arguments.feedback = beside or Path("feedback.jsonl")
    _writable(arguments.feedback)
    subjects = tuple(open_subject(each, precision=arguments.precision) for each in arguments.bundles)
    together(subjects)
    with _teacher(subjects[0], arguments) as teacher:
        demo = Demo(subjects, Log(arguments.feedback), _examples(subjects[0], arguments), teacher)
        with (
            suppress(KeyboardInterrupt),
            served(demo, host=arguments.host, port=arguments.port, auth=auth) as address,
        ):
            log = common.relative(arguments.feedback)
            end = "Ctrl-C ends it; every judgement is on the disk at once"
            print(f"open  {address}\njudgements -> {log}\n{end}", flush=True)
            if arguments.open:
                webbrowser.open(address)
            threading.Event().wait()
    if arguments.feedback.exists():
        recipe = arguments.recipe or "RECIPE"
        print(f"\nnext: {command('feedback', recipe, common.relative(arguments.feedback))}")
    return 0


def _auth(arguments: argparse.Namespace) -> tuple[str, str] | None:
    """Who may open the page; whoever is not on this machine must say who they are.

    Raises:
        UserError: they would not have to, or it is no name with a password.
    """
    text = arguments.auth or os.environ.get(_PASSWORD, "")
    user, mark, password = text.partition(":")
    if text and not (user and mark and password):
        raise UserError("--auth: a name and a password with a colon between them, USER:PASSWORD")
    if not text and not _is_loopback(arguments.host):
        raise UserError(
            f"--host {arguments.host}: others could open the page\n    say who may: --auth USER:PASSWORD"
        )
    return (user, password) if text else None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _writable(path: Path) -> None:
    folder = path.absolute().parent
    if not folder.is_dir() or (path.exists() and not path.is_file()):
        raise UserError(f"--feedback {path}: no file can be written there")


def _examples(subject: Subject, arguments: argparse.Namespace) -> tuple[Mapping[str, str], ...]:
    """Rows to begin with: those in the prompt, and a few that the recipe judges by."""
    fields = subject.model.settings.fields
    rows: list[Mapping[str, str]] = [each.input for each in subject.task.demonstrations]
    if arguments.recipe is not None:
        rows += _test_rows(subject, arguments)
    found = [row for row in rows if all(row.get(name, "").strip() for name in fields)]
    return tuple({name: row[name] for name in fields} for row in found)


def _test_rows(subject: Subject, arguments: argparse.Namespace) -> list[Mapping[str, str]]:
    from p2m.stages.read import read
    from p2m.types import Files

    paths = _composed(arguments).spec.data.test
    return [each.input for each in read(subject.task, *map(Files, paths), role="test").rows] if paths else []


def _composed(arguments: argparse.Namespace) -> Any:
    from p2m.compose import compose

    return compose(arguments.recipe, [], trust=arguments.trust)


@contextmanager
def _teacher(subject: Subject, arguments: argparse.Namespace) -> Iterator[Beside | None]:
    """The teacher of --recipe, where it can be asked here; why not is said. A bundle's own word on its
    teacher is not taken: it may come from anybody, and would have keys of this machine sent where it says.
    """
    from p2m.cli.refinement import recorded
    from p2m.demo.teacher import Beside
    from p2m.teachers.chat import ChatTeacher
    from p2m.teachers.craft.answers import answering

    if arguments.recipe is None:
        yield None
        return
    spec = _composed(arguments).spec
    teacher = spec.teacher.of("answer")
    is_chat = isinstance(teacher, ChatTeacher)
    if problem := teacher.problem() if is_chat else "its recipe has no chat model as its teacher":
        print(f"no teacher beside it: {problem}")
        yield None
        return
    with recorded(arguments.recipe) as run:
        yield Beside(teacher, answering(subject.task, None, None), run, spec.constraints.caps)
