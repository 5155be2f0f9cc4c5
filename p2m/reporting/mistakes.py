"""The errors of a report: in short, and each as a line that is found by its words, labels and confidence."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.deploy.differences import apart
from p2m.reporting.facts import Story, are_sure, confusions, errors, flat, is_classification
from p2m.reporting.html import Safe, card, cells, framed, heads, joined, tag
from p2m.types import Example, Judged

LISTED = 300  # errors
_NEAR = 140  # characters of a row that is named beside another
_SURE = 0.8  # from where an answer is called sure
_BANDS = (("0.9 2", "0.90 or more"), ("0.5 0.9", "0.50 to 0.90"), ("0 0.5", "below 0.50"))


def in_short(story: Story) -> Safe:
    """Why it errs, as far as figures tell."""
    wrong, rows = errors(story), len(story.evaluated.rows)
    if not rows:
        return Safe("")
    if not wrong:
        return card("In short", tag("p", f"No answer of {rows:,} is wrong."), wide=True)
    told = [f"{len(wrong):,} of {rows:,} answers are wrong: 1 in {rows / len(wrong):.2g}."]
    told += [line for line in (_confused(story), _surest(wrong), _weakest(story), _written(story),
                               _taught(story, wrong)) if line]  # fmt: skip
    return card("In short", tag("ul", *(tag("li", line) for line in told), class_="points"), wide=True)


def _confused(story: Story) -> str:
    pairs = confusions(story.evaluated.rows) if is_classification(story) else []
    if not pairs or pairs[0][2] < 2:
        return ""
    told = ", ".join(f"{right} is taken for {said} ({n:,})" for right, said, n in pairs[:3] if n > 1)
    return f"Most often {told}."


def _surest(wrong: Sequence[Judged]) -> str:
    if not are_sure(wrong):
        return ""
    sure = sum(row.confidence >= _SURE for row in wrong)
    rest = "a threshold on confidence catches the others" if sure * 2 < len(wrong) else (
        "confidence alone does not catch them"
    )  # fmt: skip
    return f"Of {sure:,} of them the model was {_SURE:.2f} or more sure: {rest}."


def _weakest(story: Story) -> str:
    found = story.evaluated.weakest
    if found is not None:
        told = f"{found.name}, {found.value:.3f} of {found.rows:,} rows"
        return f"Worse than all rows by more than chance: {told}."
    if not story.evaluated.slices:
        return ""
    least = story.evaluated.slices[0]
    told = f"{least.name}, {least.value:.3f} of {least.rows:,} rows"
    return f"No slice is weaker than chance may have it; the weakest is {told}."


def _written(story: Story) -> str:
    found = [each for each in story.evaluated.rewritten if each.difference.high < 0]
    if not found:
        return ""
    worst = min(found, key=lambda each: each.difference.value)
    return f"Rows with {worst.what} are answered worse: {worst.difference.value:+.3f}."


def _taught(story: Story, wrong: Sequence[Judged]) -> str:
    """Whether the rows that were learnt from explain the errors."""
    if not is_classification(story) or story.atlas is None or not story.atlas.nearest:
        return ""
    rows, near = story.evaluated.rows, story.atlas.nearest
    misled = sum(each.output == rows[place].predicted for place, each in near.items())
    return (
        f"Of {misled:,} of {len(near):,} errors the nearest row that it has learnt from has the answer that"
        " it gave: see whether that row is right, and give more rows like the error."
    )


def browser(story: Story) -> Safe:
    """Every error, the surest first, with what it takes to find one of them."""
    wrong = errors(story)
    if not wrong:
        return card("Errors", tag("p", "None on these rows."), wide=True)
    shown, is_told = wrong[:LISTED], are_sure(wrong)
    some = f" The first {LISTED} of {len(wrong):,} are here." if len(wrong) > LISTED else ""
    said = "The surest ones first: these mislead." if is_told else ""
    return card(
        f"Errors: {len(wrong):,} of {len(story.evaluated.rows):,} rows",
        tag("p", f"{said}{some} answers.jsonl has all answers of the bundle.".strip()),
        _filters(story, shown, is_told=is_told),
        tag("p", "", id="found", class_="found", role="status"),
        _listed(story, shown, is_told=is_told),
        tag("p", tag("button", "Show more", type="button", id="more", class_="more", hidden=True)),
        wide=True,
    )


def _filters(story: Story, shown: Sequence[Judged], *, is_told: bool) -> Safe:
    box = Safe('<input type="search" name="find" autocomplete="off" spellcheck="false">')
    found = [tag("label", "Search (press /)", box)]
    if is_classification(story):
        for name, title in (("right", "Right label"), ("said", "The model said")):
            labels = [row.output if name == "right" else row.predicted for row in shown]
            known = sorted(set(labels), key=lambda label: (-labels.count(label), label))
            options = [(label, f"{label} ({labels.count(label)})") for label in known]
            found.append(_select(name, title, [("", "any"), *options]))
    if is_told:
        found.append(_select("sure", "How sure it was", [("", "any"), *_BANDS]))
        found.append(_select("order", "Order", [("", "surest first"), ("least", "least sure first")]))
    found.append(tag("button", "Clear", type="reset"))
    return tag(
        "form", *found, id="filters", class_="filters", role="search", aria_label="errors", hidden=True
    )


def _select(name: str, title: str, options: Sequence[tuple[str, str]]) -> Safe:
    return tag(
        "label",
        title,
        tag("select", *(tag("option", text, value=value) for value, text in options), name=name),
    )


def _listed(story: Story, shown: Sequence[Judged], *, is_told: bool) -> Safe:
    has_teacher = any(row.teacher is not None for row in shown)
    header = [("input", "input"), ("said", "wrong"), ("right", "right"),
              *[("the teacher said", "")] * has_teacher, *[("sure", "n")] * is_told]  # fmt: skip
    near = _neighbours(story)
    lines = []
    for number, row in enumerate(shown, 1):
        said, right = apart(story.task, row.predicted, row.output)
        taught = apart(story.task, row.teacher, row.output)[0] if row.teacher is not None else ""
        read = joined(flat(row.input), _near(near.get(id(row)), row))
        line = (read, said, right, *[taught] * has_teacher, *[f"{row.confidence:.2f}"] * is_told)
        labels = {"data_right": row.output, "data_said": row.predicted} if is_classification(story) else {}
        sure = {"data_sure": f"{row.confidence:.4f}"} if is_told else {}
        lines.append(cells(header, line, id=f"e{number}", **labels, **sure))
    found = framed("wrong answers", heads(header), lines, kind="errors stack")
    return Safe(found.replace("<table", '<table id="error-rows"', 1))


def _neighbours(story: Story) -> dict[int, Example]:
    """By identity of a judged row."""
    if story.atlas is None:
        return {}
    return {id(story.evaluated.rows[place]): near for place, near in story.atlas.nearest.items()}


def _near(near: Example | None, row: Judged) -> Safe:
    if near is None:
        return Safe("")
    answer, text = near.output, flat(near.input, _NEAR)
    kind = "wrong" if answer == row.predicted else None
    told = tag("b", answer if len(answer) <= _NEAR else answer[:_NEAR] + "…", class_=kind)
    return tag("small", "nearest row it learnt from: ", told, f" {text}")
