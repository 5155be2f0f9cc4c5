"""p2m diff: two builds side by side."""

from __future__ import annotations

import argparse
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from p2m.cli import common
from p2m.errors import UserError

GROUP = "build"
SUMMARY = "compare recipes, runs, locks or git revisions"
EXAMPLES = """p2m diff last~1 last                          # two runs
  p2m diff recipes/qa.yaml recipes/qa.yaml seed=1   # a recipe without and with overrides
  p2m diff HEAD~3:recipes/qa.yaml recipes/qa.yaml   # a recipe as it was
  p2m diff HEAD~3:recipes/qa.lock recipes/qa.lock   # a lock as it was
  p2m diff origin/main:recipes/qa.lock recipes/qa.lock --markdown   # for a comment on a pull request
  p2m diff recipes/qa.lock last"""


def arguments(parser: argparse.ArgumentParser) -> None:
    help_old = "a recipe, a lock, either as REVISION:FILE, or a run (last, last~1, an id)"
    parser.add_argument("old", help=help_old)
    parser.add_argument("new", help="the same")
    parser.add_argument("words", nargs="*", metavar="OVERRIDE", help="overrides of the second, if a recipe")
    common.trust_argument(parser, argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=3, help="how many rows of each kind (default 3)")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--markdown", action="store_true", help="print Markdown, as for a pull request")
    common.json_argument(forms)
    common.unfold_argument(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.cli.diff_markdown import diff_markdown
    from p2m.cli.diff_views import diff_text, folded
    from p2m.cli.groups import groups_of
    from p2m.comparison import compare_sides

    with ExitStack() as stack:
        sides = _Sides(stack, tuple(arguments.trust), (arguments.old, arguments.new))
        old = sides.side(arguments.old, ())
        new = sides.side(arguments.new, tuple(arguments.words))
        found = compare_sides(old, new, sides.store)
        groups: dict[str, str] = {}
        for project in sides.projects.values():
            groups |= groups_of(project.plan, arguments)
    shown = folded(found, groups)
    if arguments.markdown:
        print(diff_markdown(shown, sides.lock_causes(), rows=arguments.rows), end="")
        return 0
    return common.answer(arguments, found, lambda: diff_text(shown, rows=arguments.rows))


class _Sides:
    """Reads what was typed; all sides share one store, that of the recipe where one is named."""

    def __init__(self, stack: ExitStack, trust: tuple[str, ...], typed: tuple[str, ...]) -> None:
        from p2m import noop
        from p2m.engine.store import Store

        self.stack, self.trust = stack, trust
        self.projects: dict[tuple[str, tuple[str, ...]], Any] = {}
        self.locks: list[Any] = []
        recipes = [self._project(text, ()) for text in typed if _is_recipe(text)]
        self.plan = recipes[0].plan.name if recipes else None
        self.store = Store(recipes[0].store if recipes else noop.default_store(), make=False)

    def side(self, text: str, overrides: tuple[str, ...]) -> Any:
        from p2m.comparable import of_lock, of_run, of_survey
        from p2m.engine.explaining.survey import Survey
        from p2m.engine.journal import find_run
        from p2m.lock import read_lock

        label = " ".join([text, *overrides])
        if _is_recipe(text):
            return of_survey(label, Survey(self._project(text, overrides).plan, self.store))
        if overrides:
            raise UserError(f"overrides belong to a recipe, and {text} is none")
        revision, _, recipe = text.partition(":")
        if text.endswith(".lock") and (not recipe or Path(text).is_file()):
            return of_lock(text, self._kept(read_lock(Path(text))), self.store)
        if recipe.endswith(".lock"):
            return of_lock(text, self._kept(_lock_at(revision, recipe)), self.store)
        if recipe:
            return self._revision(label, revision, recipe)
        return of_run(find_run(self.store, text, self.plan), self.store)

    def lock_causes(self) -> Any:
        """What differs between the two sides by what they pin, where both are locks."""
        from p2m.lock import causes, differences

        return causes(differences(*self.locks)) if len(self.locks) == 2 else ()

    def _kept(self, lock: Any) -> Any:
        self.locks.append(lock)
        return lock

    def _revision(self, label: str, revision: str, recipe: str) -> Any:
        from p2m.comparable import of_survey, placed
        from p2m.engine.explaining.survey import Survey
        from p2m.project import load
        from p2m.revisions import recipe_at

        copy = self.stack.enter_context(recipe_at(revision, recipe))
        project = load(copy.recipe, trust=self.trust)
        side = of_survey(f"{label} (composed by the present p2m)", Survey(project.plan, self.store))
        return placed(side, f"{copy.root}/", f"{revision}:")

    def _project(self, text: str, overrides: tuple[str, ...]) -> Any:
        from p2m.project import load

        if (text, overrides) not in self.projects:
            self.projects[text, overrides] = load(Path(text), overrides, trust=self.trust)
        return self.projects[text, overrides]


def _lock_at(revision: str, path: str) -> Any:
    """A lock as it was committed; advice on mending the file there is would not help."""
    from p2m.errors import LockError
    from p2m.lock import parse_lock
    from p2m.revisions import text_at

    content = text_at(revision, path)
    try:
        return parse_lock(content, Path(path))
    except LockError as error:
        reason = str(error).splitlines()[0]
        raise LockError(
            f"{revision}:{reason}\n    next: name a revision of which the lock is whole"
        ) from None


def _is_recipe(text: str) -> bool:
    """A file, or what looks like one; `HEAD~3:recipes/qa.yaml` is a revision unless such a file is there."""
    named = text.endswith((".yaml", ".yml")) and not re.match(r"[^/\\.]+:", text) and ":" not in text
    return named or (Path(text).is_file() and not text.endswith(".lock"))
