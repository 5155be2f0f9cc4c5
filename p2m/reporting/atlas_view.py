"""The map of a report: a dot a row, by label and by error, with its text; a picture that keys walk over."""

from __future__ import annotations

from collections import Counter

from p2m.reporting.atlas import Spot
from p2m.reporting.facts import Story, errors, flat, is_classification
from p2m.reporting.html import Safe, card, joined, tag
from p2m.sizes import short
from p2m.types import Example, Judged

_WIDTH, _HEIGHT, _EDGE = 720, 480, 14
_COLOURS = 9  # labels that have one
_TEXT = 200  # characters of a row
_HELP = (
    "The arrow keys go from row to row, e and E to the next wrong answer and to the one before, Enter to its"
    " line among the errors."
)


def drawn_map(story: Story) -> Safe:
    """A dot a row: errors that lie in a crowd of their own, or among rows of another label."""
    atlas = story.atlas
    if atlas is None or not atlas.spots:
        return Safe("")
    colours = _colours(story)
    lines = {id(row): f"e{number}" for number, row in enumerate(errors(story), 1)}
    dots = [
        _dot(story, spot, colours, lines) for spot in sorted(atlas.spots, key=lambda spot: spot.is_judged)
    ]
    judged = sum(spot.is_judged for spot in atlas.spots)
    name = f"map of {judged:,} judged rows and {len(atlas.spots) - judged:,} that were learnt from"
    described = (
        f"Rows that lie near each other are alike, by their {atlas.by}; how far apart groups are means"
        f" little. {judged:,} of {len(story.evaluated.rows):,} judged rows, errors first."
    )
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    picture = tag("svg", tag("title", name), *dots, viewBox=box, role="img", aria_label=name)
    by = "by-label" if colours else "by-error"
    aside = tag(
        "div", _key(colours), tag("div", "Point at a row to read it.", id="told", class_="told scripted",
                                  role="status", hidden=True), class_="beside",
    )  # fmt: skip
    return card(
        "Map of the rows",
        tag("p", described),
        tag("p", _HELP, id="map-help", class_="help scripted", hidden=True),
        _choices(colours),
        tag("div", picture, aside, class_=f"map {by}", id="map"),
        wide=True,
    )


def _colours(story: Story) -> dict[str, int]:
    """The commonest labels with their colours; none of tasks without labels."""
    if not is_classification(story):
        return {}
    counts = Counter(row.output for row in story.evaluated.rows)
    ordered = sorted(counts, key=lambda label: (-counts[label], label))[:_COLOURS]
    return {label: number for number, label in enumerate(sorted(ordered))}


def _dot(story: Story, spot: Spot, colours: dict[str, int], lines: dict[int, str]) -> Safe:
    row: Judged | Example = (story.evaluated.rows if spot.is_judged else story.parts.train)[spot.row]
    line = lines.get(id(row))
    colour = f"c{colours[row.output]}" if row.output in colours else ""
    kind = "" if spot.is_judged else "learnt"
    text = flat(row.input, _TEXT)
    if isinstance(row, Judged):
        sure = f" (sure {row.confidence:.2f})" if row.confidence >= 0.005 else ""
        told = f"{'wrong' if line else 'right'}: the model said {short(row.predicted)}{sure}\n"
        told += f"right is {short(row.output)}\n" if line else ""
    else:
        told = f"learnt from: {short(row.output)}\n"
    x, y = (_EDGE + part * (size - 2 * _EDGE) for part, size in ((spot.x, _WIDTH), (spot.y, _HEIGHT)))
    classes = " ".join(each for each in (colour, kind, "wrong" if line else "") if each)
    return tag(
        "circle", tag("title", told + text), cx=f"{x:.0f}", cy=f"{y:.0f}", r=5, class_=classes or None,
        data_label=row.output if colours else None, data_error=line,
    )  # fmt: skip


def _key(colours: dict[str, int]) -> Safe:
    marks = [(f"c{number}", label) for label, number in colours.items()]
    marks += (
        [("", "other labels")] if len(colours) == _COLOURS else [("", "right answers")] if not colours else []
    )
    marks.append(("ring", "wrong answers"))
    lines = [tag("li", tag("i", class_=kind or None), label) for kind, label in marks]
    lines.append(tag("li", tag("i", class_="small"), "small: learnt from"))
    return tag("ul", *lines, class_="key")


def _choices(colours: dict[str, int]) -> Safe:
    """What the map shows; nothing without its script."""
    found = []
    if colours:
        radios = [
            tag("label", _ticked("radio", "by", value=name, checked=name == "label"), name, class_="tick")
            for name in ("label", "error")
        ]
        found.append(tag("fieldset", tag("legend", "Coloured by"), *radios))
        options = [tag("option", "all", value=""), *(tag("option", label, value=label) for label in colours)]
        found.append(tag("label", "Label", tag("select", *options, name="only")))
    tick = _ticked("checkbox", "learnt", checked=True)
    found.append(tag("label", tick, "rows that were learnt from", class_="tick"))
    return joined(tag("form", *found, id="map-choices", class_="filters scripted", hidden=True))


def _ticked(kind: str, name: str, **more: object) -> Safe:
    return Safe(tag("input", type=kind, name=name, **more).removesuffix("</input>"))
