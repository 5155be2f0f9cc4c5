"""The page, by Gradio: the task's fields, what each bundle answers, and what is said of it.

Nothing leaves this machine: no telemetry, no share link, and no file that is not served from here.
"""

from __future__ import annotations

import html
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from p2m.demo.corrections import Unread, begun, choices, corrected
from p2m.demo.guard import Guard
from p2m.demo.subject import Said, Subject
from p2m.demo.teacher import Beside
from p2m.deploy.serving.feedback import RIGHT, WRONG, Entry, Log, now
from p2m.deploy.serving.rows import InputError
from p2m.deploy.serving.shapes import Found, spans_in
from p2m.errors import UserError
from p2m.sizes import short

_EXAMPLES = 6
_SHORT = 48  # characters of an example that are shown
_KEPT = 10_000  # answers that can still be judged
_CSS = ".told {min-height: 1.5em} .told p, .task p {margin: 0}"


@dataclass(frozen=True)
class Demo:
    """What the page shows, and where it writes."""

    subjects: tuple[Subject, ...]
    log: Log
    examples: tuple[Mapping[str, str], ...] = ()
    teacher: Beside | None = None


@contextmanager
def served(
    demo: Demo, *, host: str = "127.0.0.1", port: int | None = None, auth: tuple[str, str] | None = None
) -> Iterator[str]:
    """The page for as long as the block lasts: its address.

    Raises:
        UserError: Gradio is not installed, or the port is taken.
    """
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    try:
        import gradio
        from starlette.middleware import Middleware
    except ImportError:
        raise UserError("the page needs Gradio\n    next: pip install 'p2m[demo]'") from None
    app = _Page(demo, gradio).blocks()
    guard = Middleware(Guard, host=host, has_auth=auth is not None)
    try:
        app.launch(
            server_name=host, server_port=port, auth=auth, share=False, quiet=True, prevent_thread_lock=True,
            show_error=False, enable_monitoring=False, ssr_mode=False, pwa=False, mcp_server=False,
            footer_links=[], inbrowser=False, run_history=False, css=_CSS, theme=_theme(gradio),
            app_kwargs={"middleware": [guard]},
        )  # fmt: skip
    except OSError as error:
        place = f"{host}:{port or 'any port'}"
        why = error.strerror or "another program has it, or this machine has no such address"
        raise UserError(
            f"{place}: {why}\n    next: another --port, or none, which takes a free one"
        ) from None
    try:
        yield str(app.local_url)
    finally:
        app.close(verbose=False)


def _theme(gradio: Any) -> Any:
    """Gradio's own, its first button dark enough to be read by everybody."""
    fills = ("", "_hover", "_dark", "_hover_dark")
    return gradio.themes.Default(primary_hue="blue").set(
        **{f"button_primary_background_fill{each}": "#1d4ed8" for each in fills},
        **{f"button_primary_text_color{each}": "#ffffff" for each in fills},
    )


class _Page:
    """The components and what they do."""

    def __init__(self, demo: Demo, gradio: Any) -> None:
        self.demo, self.gr = demo, gradio
        self.said: dict[str, tuple[Subject, Said]] = {}  # by the id of the request
        self.lock = threading.Lock()

    def blocks(self) -> Any:
        first = self.demo.subjects[0]
        names = ", ".join(each.name for each in self.demo.subjects)
        with self.gr.Blocks(title=f"{names} - p2m demo", analytics_enabled=False) as blocks:
            self.gr.HTML(
                f"<h1>{_safe(names)}</h1><p>{_safe(first.task.instruction)}</p>", elem_classes="task"
            )
            fields = [self._field(name) for name in first.model.settings.fields]
            with self.gr.Row():
                for row in self.demo.examples[:_EXAMPLES]:
                    self._example(row, fields)
            ask = self.gr.Button("Answer", variant="primary", elem_id="ask")
            with self.gr.Row():
                for number, subject in enumerate(self.demo.subjects):
                    with self.gr.Column():
                        self._subject(subject, number, ask, fields)
                if self.demo.teacher:
                    with self.gr.Column():
                        self._teacher(self.demo.teacher, fields)
        return blocks

    def _field(self, name: str) -> Any:
        return self.gr.Textbox(label=name, lines=2, max_lines=12, elem_id=f"field-{name}")

    def _example(self, row: Mapping[str, str], fields: Sequence[Any]) -> None:
        values = [row[each.label] for each in fields]
        button = self.gr.Button(short(" ".join(values), _SHORT), size="sm", elem_classes="example")
        button.click(
            lambda: values if len(values) > 1 else values[0], None, list(fields), api_visibility="private"
        )

    def _subject(self, subject: Subject, number: int, ask: Any, fields: Sequence[Any]) -> None:
        gr = self.gr
        gr.HTML(f"<h2>{_safe(subject.version)}</h2>")
        answer = self._answer(subject, number)
        told = gr.HTML(_told(""), elem_classes="told", elem_id=f"told-{number}")
        right_answer = self._correction(subject, number)
        with gr.Row():
            right = gr.Button("This is right", interactive=False, elem_id=f"right-{number}")
            wrong = gr.Button("This is wrong", interactive=False, elem_id=f"wrong-{number}")
        noted = gr.HTML(_told(""), elem_classes="told", elem_id=f"noted-{number}")
        request = gr.State("")

        def asked(*values: str) -> list[Any]:
            row = dict(zip(subject.model.settings.fields, values, strict=True))
            try:
                said = subject.ask(row)
            except InputError as error:
                nothing = [self._shown(subject, None), _told(str(error)), gr.update(interactive=False)]
                return [*nothing, *[gr.update(interactive=False)] * 2, _told(""), ""]
            self._keep(subject, said)
            filled = gr.update(value=begun(subject, said), interactive=True)
            buttons = [gr.update(interactive=True)] * 2
            return [
                self._shown(subject, said),
                _told(_sure(subject, said)),
                filled,
                *buttons,
                _told(""),
                said.id,
            ]

        def judged(id: str, written: Any, verdict: str) -> list[Any]:
            try:
                line = self._judge(id, written, verdict)
            except (Unread, OSError) as error:
                return [gr.update(), gr.update(), _told(str(error))]
            return [gr.update(interactive=False), gr.update(interactive=False), _told(line)]

        private = {"api_visibility": "private", "show_progress": "hidden"}
        made = [answer, told, right_answer, right, wrong, noted, request]
        gr.on([ask.click], asked, list(fields), made, **private)
        ends = [right, wrong, noted]
        right.click(lambda id: judged(id, None, RIGHT), [request], ends, **private)
        wrong.click(lambda id, text: judged(id, text, WRONG), [request, right_answer], ends, **private)

    def _answer(self, subject: Subject, number: int) -> Any:
        """What shows an answer of the task's shape."""
        gr, name, place = self.gr, subject.task.output.name, f"answer-{number}"
        if subject.shape in ("label", "labels"):
            return gr.Label(label=name, elem_id=place)
        if subject.shape == "spans":
            return gr.HighlightedText(label=name, elem_id=place, show_whitespaces=False)
        if subject.shape == "record":
            return gr.JSON(label=name, elem_id=place)
        return gr.Textbox(label=name, interactive=False, elem_id=place)

    def _shown(self, subject: Subject, said: Said | None) -> Any:
        if said is None:
            return None
        value = said.answer.value
        if subject.shape in ("label", "labels"):
            return said.shares or {str(value): said.answer.score}
        if subject.shape == "spans":
            return pieces(subject, said)
        return value if subject.shape == "record" else str(value)

    def _correction(self, subject: Subject, number: int) -> Any:
        gr, place, label = self.gr, f"correct-{number}", "The right answer, where this one is wrong"
        if known := choices(subject):
            many = subject.shape == "labels"
            return gr.Dropdown(known, label=label, multiselect=many, interactive=False, elem_id=place)
        return gr.Textbox(label=label, interactive=False, elem_id=place)

    def _teacher(self, beside: Beside, fields: Sequence[Any]) -> None:
        gr = self.gr
        gr.HTML(f"<h2>{_safe(beside.name)}</h2><p>The teacher. {_safe(beside.price)}.</p>")
        button = gr.Button("Ask the teacher", elem_id="ask-teacher")
        answer = gr.Textbox(label="its answer", interactive=False, elem_id="answer-teacher")
        told = gr.HTML(_told(""), elem_classes="told", elem_id="told-teacher")

        def asked(*values: str) -> list[Any]:
            row = dict(zip(self.demo.subjects[0].model.settings.fields, values, strict=True))
            if not all(text.strip() for text in values):
                return ["", _told("an empty field: there is nothing to answer")]
            text, said = beside.ask(row)
            return [text, _told(said)]

        button.click(asked, list(fields), [answer, told], api_visibility="private")

    def _keep(self, subject: Subject, said: Said) -> None:
        with self.lock:
            self.said[said.id] = (subject, said)
            while len(self.said) > _KEPT:
                del self.said[next(iter(self.said))]

    def _judge(self, id: str, written: Any, verdict: str) -> str:
        """Write what a person said of an answer; what to tell them."""
        with self.lock:
            found = self.said.get(id)
        if found is None:
            raise Unread("that answer is too long ago: ask again")
        subject, said = found
        answer = corrected(subject, said, written) if verdict == WRONG else None
        self.demo.log.append(
            Entry(
                at=now(), id=said.id, bundle=subject.version, source="demo", input=said.row,
                output=said.answer.value, score=said.answer.score, abstain=said.answer.abstain,
                judged=verdict, answer=answer,
            )
        )  # fmt: skip
        with self.lock:
            self.said.pop(id, None)
        which = "" if answer is None else f", the right answer is {json.dumps(answer, ensure_ascii=False)}"
        return f"noted: {verdict}{which}"


def pieces(subject: Subject, said: Said) -> list[tuple[str, str | None]]:
    """The text in which answers are found, cut at these: (text, None) or (span, what it is)."""
    settings = subject.model.settings
    text = said.row[settings.context or settings.fields[-1]]
    output, layout = said.answer.output, subject.task.layout
    if layout is not None:
        found = spans_in(output, layout, settings.none)
    else:
        found = () if output in ("", settings.none) else (Found(output),)
    spans = [(each.text, each.type or each.value or "answer", each.start) for each in found]
    made: list[tuple[str, str | None]] = []
    end = 0
    for span, name, start in sorted(spans, key=lambda each: each[2] or 0):
        at = text.find(span, end) if start is None else start
        if at >= end and text[at : at + len(span)] == span:
            made += [(text[end:at], None)] * (at > end) + [(span, name)]
            end = at + len(span)
        else:
            made.append((f" [{span}] ", name))  # it stands nowhere in the rest of the text
    return [*made, (text[end:], None)] if text[end:] else made


def _sure(subject: Subject, said: Said) -> str:
    """How sure the answer is, whether it would be given, and how long it took."""
    abstains = "Too unsure: in service it abstains. " if said.answer.abstain else ""
    return f"{abstains}Confidence {said.answer.score:.2f} ({subject.sure}). {said.seconds * 1000:.1f} ms."


def _told(line: str) -> str:
    return f'<p role="status">{_safe(line)}</p>'


def _safe(text: str) -> str:
    return html.escape(text)
