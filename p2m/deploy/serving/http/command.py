"""The command line of a bundle's server.py, and of `p2m serve`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..rows import InputError
from ..settings import BundleError, first_line
from .bundles import HERE, Served, open_all
from .options import TOKENS, OptionError, Options, add_arguments, options_of

EXAMPLES = """  {command}
  {command} --port 9000 --record seen.jsonl
  {command} new=outputs/tickets old=outputs/tickets/last --canary old=0.1
  {command} tickets=outputs/tickets next=outputs/rejected --shadow next
  {tokens}=... {command} --host 0.0.0.0

asked:
  curl --json '{{"text": "Where is my card?"}}' http://127.0.0.1:8000/predict
  OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none").chat.completions.create(...)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 it was asked to stop, 1 a bundle is broken or a package is missing, 2 an option is wrong."""
    parser = argparse.ArgumentParser(
        prog="server.py",
        description="Serve the model beside this file over HTTP, and other bundles with it.",
        epilog="examples:\n" + EXAMPLES.format(command="python server.py", tokens=TOKENS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bundles", nargs="*", metavar="[NAME=]BUNDLE", help="bundles to serve (default: the one of this file)"
    )
    add_arguments(parser)
    typed = parser.parse_args(arguments)
    return serve(typed, typed.bundles or [str(HERE)], name="server.py")


def serve(typed: argparse.Namespace, bundles: Sequence[str], *, name: str) -> int:
    """Do what was typed; `name` is what errors begin with."""
    try:
        options = options_of(typed)
        models = open_all(
            bundles, threads=options.threads, workers=options.workers, precision=options.precision
        )
        _check_pairs(options, models)
        return _serve(options, models)
    except (OptionError, InputError, ValueError) as error:
        return _fail(name, str(error), 2)
    except BundleError as error:
        return _fail(name, str(error), 1)
    except ImportError as error:
        needs = "'p2m[serve]'" if name.startswith("p2m") else "-r requirements.txt -r requirements-server.txt"
        return _fail(name, f"{first_line(error)}; type: pip install {needs}", 1)
    except KeyboardInterrupt:
        return 130


def _serve(options: Options, models: dict[str, Served]) -> int:
    from .running import serve as run
    from .service import Service

    told = ", ".join(f"{each.version} ({', '.join(each.fields)})" for each in models.values())
    run(Service(models, options), f"serving {told}")
    return 0


def _check_pairs(options: Options, models: dict[str, Served]) -> None:
    """A canary and a shadow are asked what the first model is asked.

    Raises:
        OptionError: there is no such model, or it takes other fields.
    """
    first = next(iter(models.values()))
    for flag, name in (("--canary", options.canary and options.canary[0]), ("--shadow", options.shadow)):
        if name is None:
            continue
        others = [each for each in models if each != first.name]
        if name not in others:
            told = ", ".join(others) or "only one is served"
            raise OptionError(f"{flag} {name}: expected a model beside the first, {first.name}: {told}")
        if models[name].fields != first.fields:
            fields = f"{', '.join(models[name].fields)} where {first.name} has {', '.join(first.fields)}"
            raise OptionError(f"{flag} {name}: has the fields {fields}")


def _fail(name: str, message: str, code: int) -> int:
    print(f"{name}: {message}", file=sys.stderr)
    return code
