"""Overrides as Hydra's grammar reads them, checked before Hydra acts on them.

Unknown keys are let through to pydantic on purpose (`forced`): it knows the right names. Unknown options are
refused here, since Hydra does not list the options of a group that takes several.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from p2m.compose.recipe import LACKING, Groups, check_defaults, check_options
from p2m.compose.source import refuse
from p2m.compose.values import TEXT_KEYS
from p2m.errors import Problem
from p2m.marked_yaml import Marked


def checked(marked: Marked, overrides: Sequence[str], groups: Groups, *, sweep: bool) -> list[Override]:
    """The overrides, parsed; RecipeError with all that is wrong with them and with the recipe's defaults."""
    parser = OverridesParser.create()
    parsed: list[Override] = []
    problems = check_defaults(marked, groups)
    for text in overrides:
        try:
            parsed += (found := parser.parse_overrides([text]))
            if not all(override.key_or_group for override in found):
                problems.append(Problem("not an override: the key is missing", where=f"override {text}"))
                continue
            for override in found:
                problems += _check_choice(override, groups, sweep=sweep)
        except (HydraException, OmegaConfBaseException) as error:
            hint = "write key=value, such as training.epochs=2; put text with blanks or special characters in"
            problems.append(
                Problem(
                    _said(error, text),
                    where=f"override {text}",
                    hint=f"{hint} two pairs of quotes: 'key=\"a, b\"'",
                )
            )
    refuse(problems)
    return parsed


def _said(error: Exception, text: str) -> str:
    """What is wrong with a word, in words of its writer: those of the grammar name classes and tokens."""
    if "=" not in text and text[:1] != "~":
        return "not an override, which has the form key=value"
    key, _, value = text.partition("=")
    if key != key.strip() or any(sign.isspace() for sign in key):
        return f"not an override: write no blanks around the key {key.strip()!r}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = next((line for line in lines if not line.startswith(("See ", "Error parsing"))), "")
    if not reason or "Exception" in reason or "viable alternative" in reason:
        return f"not an override: the value {value!r} cannot be read"
    return f"not an override: {reason}"


def _check_choice(override: Override, groups: Groups, *, sweep: bool) -> Iterator[Problem]:
    """Problems with an override that chooses a group's options."""
    group, many = override.key_or_group, override.is_sweep_override()
    options = groups.options(group) if "." not in group else []

    def report(message: str, hint: str) -> Problem:
        return Problem(message, where=f"override {override.input_line}", hint=hint)

    if group in ("hydra/launcher", "hydra/sweeper") and not many:
        missing = LACKING[group](str(override.value()))
        if missing is not None:
            yield report(*missing)
    if many and not sweep:
        yield report("several values need a sweep", "add -m to the command line, or write a list: key=[a,b]")
    elif not options or override.is_delete():
        return
    elif many and override.is_discrete_sweep():
        for chosen in override.sweep_string_iterator():
            names = chosen.strip("[]").split(",") if chosen.startswith("[") else [chosen]
            yield from check_options([name.strip() for name in names], options, group, report)
    elif not many and not isinstance(override.value(), dict):
        yield from check_options(override.value(), options, group, report)


def forced(override: Override, groups: Groups) -> str:
    """The override as Hydra is given it: unknown keys are added, for pydantic to refuse them."""
    text, key = str(override.input_line), override.key_or_group
    if text[:1] in "+~" or override.is_hydra_override():
        return text
    is_group = "." not in key and bool(groups.options(key))
    chooses = override.is_sweep_override() or not isinstance(override.value(), dict)
    return text if is_group and chooses else f"++{text}"


def is_text(override: Override) -> bool:
    """Whether an override gives the user's own words, which Hydra would interpolate."""
    return override.key_or_group.partition(".")[0] in TEXT_KEYS and not override.is_delete()
