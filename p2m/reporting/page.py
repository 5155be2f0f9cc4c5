"""The report as one HTML file: pictures, style and script are inside it, and it asks nothing of a network.

The verdict comes first, then why the model errs, how it was made, of what, at what cost. It reads without its
script, in the dark, on a phone, on paper, by keys and by ear.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from pathlib import Path

from p2m.reporting import judging, making, mistakes, origins
from p2m.reporting.atlas_view import drawn_map
from p2m.reporting.facts import Story, headline
from p2m.reporting.html import Bar, Safe, folded, joined, meter, part, tag
from p2m.types import Decision

_HERE = Path(__file__).parent
_KINDS = {Decision.SHIP: "ship", Decision.UNPROVEN: "unproven", Decision.FALLS_SHORT: "short"}
_HELD = re.compile(r"\((>=|>|<=|<|==) |^better than ")  # a line of a verdict that was asked for
_MEANS = {
    Decision.SHIP: "It meets its contract.",
    Decision.UNPROVEN: "Too few rows to tell whether it meets its contract.",
    Decision.FALLS_SHORT: "It was seen to miss its contract.",
}


def render(story: Story) -> str:
    """A whole HTML document; every text from data is escaped."""
    style, script = (_HERE.joinpath(f"report.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    allowed = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"
    parts = _parts(story)
    links = [tag("li", tag("a", title, href=f"#{name}")) for name, title, content in parts if content]
    head = joined(
        Safe('<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
             f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'),
        tag("title", f"{story.name}: report"), tag("style", Safe(style)),
    )  # fmt: skip
    body = joined(
        tag("a", "Skip to the errors", href="#errors", class_="skip"),
        tag("header", tag("h1", f"{story.name}: report"), _verdict(story), _tiles(story), _task(story)),
        tag("nav", tag("ul", *links), aria_label="parts of the report"),
        tag("main", *(content for *_, content in parts)),
        tag("script", Safe(script)),
    )
    return f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def _parts(story: Story) -> list[tuple[str, str, Safe]]:
    """Name, title and content of each chapter."""
    good = [
        judging.scores(story),
        judging.calibration(story),
        judging.rewritten(story),
        judging.before(story),
    ]
    errs = [mistakes.in_short(story), judging.matrix(story), judging.confused(story), judging.labelled(story),
            judging.slices(story), mistakes.browser(story), drawn_map(story),
            judging.behind_teacher(story)]  # fmt: skip
    made = [making.students(story), making.smaller(story), *making.training(story)]
    found = [
        ("scores", "How good it is", good),
        ("errors", "Why it errs", errs),
        ("making", "How it was made", made),
        ("data", "What it learnt from", [origins.funnel(story), origins.answers(story)]),
        ("costs", "What it costs", origins.costs(story)),
        ("origins", "Where it comes from", [origins.provenance(story)]),
    ]
    return [(name, title, part(name, title, *cards)) for name, title, cards in found]


def _verdict(story: Story) -> Safe:
    """The decision as a word in its colour, what is said against the model and what to do, and the figure."""
    verdict = story.verdict
    told = [("against", "falls short: ", line) for line in verdict.failures]
    told += [("open", "unproven: ", line) for line in verdict.unproven]
    told += [("warning", "warning: ", line) for line in verdict.warnings]
    told += [("next", "next: ", line) for line in verdict.advice]
    lines = [tag("li", tag("b", name), line, class_=kind) for kind, name, line in told]
    known = {*verdict.failures, *verdict.unproven}
    met = [
        tag("li", line, class_=None if _HELD.search(line) else "figure")
        for line in verdict.lines
        if line not in known
    ]
    said = tag(
        "div",
        tag("p", verdict.decision, class_="decision"),
        tag("p", _MEANS[verdict.decision]),
        tag("ul", *lines) if lines else "",
        folded("What it was held to", tag("ul", *met)) if met and lines else tag("ul", *met) if met else "",
    )
    return tag("div", said, _score(story), class_=f"verdict {_KINDS[verdict.decision]}")


def _score(story: Story) -> Safe:
    """The primary metric, its interval, and the best of what needs no model."""
    primary, known = story.evaluated.scores[0], story.evaluated.baselines
    judged = f"{primary.rows:,} {story.evaluated.evidence} rows"
    interval = f"[{primary.low:.3f}, {primary.high:.3f}]"
    lines = [f"95% interval; {judged}"]
    best = min(known.items(), key=lambda item: primary.ahead(item[1]), default=None)
    lines += [f"best baseline ({best[0]}) {best[1]:.3f}"] if best else []
    bar = meter(Bar("", primary.value, "", "model", primary.low, primary.high), max(1.0, primary.high))
    told = [tag("p", line) for line in lines]
    figure = joined(tag("b", f"{primary.value:.3f}"), " ", tag("span", interval))
    return tag("div", tag("p", primary.metric), figure, bar, *told, class_="score")


def _tiles(story: Story) -> Safe:
    """What else matters most; the first figure is the score."""
    told = [(name, value) for name, value in headline(story)[1:] if not name.startswith("best baseline")]
    return tag(
        "dl",
        *(tag("div", tag("dt", name), tag("dd", value)) for name, value in told),
        class_="tiles",
    )


def _task(story: Story) -> Safe:
    return tag("p", story.task.instruction, class_="task")
