"""The page in a headless Chromium, by keys alone; what it asks, writes and keeps to itself."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browsing import PHONE, Browser
from conftest import QA, RECORD, SPANS, Exports, rows_of
from looking import check_looks
from tried import DESK, bundle, desk
from wire import Wire

import p2m
from p2m.cli import arguments, verbs
from p2m.cli.verbs import demo as verb
from p2m.demo.corrections import Unread, begun, choices, corrected
from p2m.demo.page import Demo, pieces, served
from p2m.demo.subject import open_subject, together
from p2m.deploy.serving.feedback import Log
from p2m.errors import UserError

QUICK = r"(each) => { each.data = each.data.replace(/[\d.]+ ms/, '1.0 ms') }"
LOOKS: dict[str, Any] = {"light": {}, "dark": {"scheme": "dark"}, "phone": {"size": PHONE}}
ROOT = Path(p2m.__file__).parent.parent
# Writes down whom the process reaches beyond this machine.
WATCH = """
import os, sys
def heard(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        if arguments[1][0] not in ("127.0.0.1", "::1", "localhost"):
            with open(os.environ["WATCHED"], "a") as file:
                file.write(f"{arguments[1]}\\n")
sys.addaudithook(heard)
"""


@dataclass
class Running:
    process: subprocess.Popen[str]
    address: str
    folder: Path

    def judged(self) -> list[dict[str, Any]]:
        path = self.folder / "feedback.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def running(folder: Path, *words: str) -> Iterator[Running]:
    """`p2m demo` as its user calls it."""
    (folder / "sitecustomize.py").write_text(WATCH)
    environment = os.environ | {
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "WATCHED": str(folder / "watched"), "HOME": str(folder),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "p2m", "demo", *words], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if line.startswith("open ")), "")
        assert line, process.stderr and process.stderr.read()
        yield Running(process, line.split()[1], folder)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def running_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    pytest.importorskip("gradio")
    folder = tmp_path_factory.mktemp("demo")
    for name in ("desk", "older"):
        desk(folder / name)
    with running(folder, "desk", "older") as found:
        yield found


def tab_to(browser: Browser, place: str) -> None:
    """By Tab alone."""
    for _ in range(40):
        browser.press("Tab")
        if browser.value(f"document.activeElement.closest('#{place}') !== null"):
            return
    raise AssertionError(f"no Tab leads to {place}")


def test_everything_is_done_by_keys_and_nothing_leaves_this_machine(
    running_two: Running, browser: Browser
) -> None:
    page = running_two
    browser.open(page.address, "document.querySelector('#field-text textarea') !== null")
    assert browser.value("document.querySelector('h1').textContent") == "desk, older"
    assert "<b>answers</b>" in browser.value("document.body.innerText")
    tab_to(browser, "field-text")
    browser.write("My box is late")
    tab_to(browser, "ask")
    browser.press("Enter")
    browser.until("document.querySelector('#told-1').innerText.includes('Confidence 0.88')")
    assert browser.value("document.querySelector('#answer-0').innerText.includes('88%')")
    browser.until(
        "!document.querySelector('#wrong-0').disabled && !document.querySelector('#right-1').disabled"
    )
    tab_to(browser, "correct-0")
    browser.until("document.querySelectorAll('#correct-0 [role=option]').length === 2")
    for _ in range(20):  # an answer that comes late fills the box once more
        browser.press("End", *["Backspace"] * len(browser.value("document.activeElement.value")))
        browser.write("bill")
        time.sleep(0.2)
        if browser.value("document.querySelectorAll('#correct-0 [role=option]').length") == 1:
            break
    browser.press("Enter")
    browser.until("document.querySelector('#correct-0 input').value === 'billing'")
    tab_to(browser, "wrong-0")
    browser.press("Enter")
    browser.until("document.querySelector('#noted-0').innerText.includes('noted: wrong')")
    tab_to(browser, "right-1")
    browser.press("Enter")
    browser.until("document.querySelector('#noted-1').innerText === 'noted: right'")
    wrong, right = page.judged()
    assert (wrong["judged"], wrong["output"], wrong["answer"]) == ("wrong", "delivery", "billing")
    assert (right["judged"], right["answer"], right["from"]) == ("right", None, "demo")
    assert right["input"] == {"text": "My box is late"}
    assert right["bundle"].startswith("older@")
    assert browser.value("document.querySelector('#right-1').disabled")  # judged once
    assert [each for each in browser.asked if not each.startswith((page.address, "data:", "blob:"))] == []
    assert not (page.folder / "watched").exists(), (page.folder / "watched").read_text()
    assert browser.faults == []


def test_an_example_fills_the_fields_and_an_empty_one_is_told(running_two: Running, browser: Browser) -> None:
    browser.open(running_two.address, "document.querySelector('#field-text textarea') !== null")
    tab_to(browser, "ask")
    browser.press("Enter")
    browser.until("document.querySelector('#told-0').innerText.includes('is empty')")
    browser.value("document.activeElement.blur()")
    browser.value("document.querySelector('#field-text textarea').focus()")
    browser.press("Tab", "Enter")
    browser.until("document.querySelector('#field-text textarea').value === 'Where is my box?'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screen_reader_meets_no_serious_barrier(
    running_two: Running, browser: Browser, scheme: str
) -> None:
    browser.look(scheme=scheme)
    browser.open(f"{running_two.address}?__theme={scheme}", "document.querySelector('#ask') !== null")
    tab_to(browser, "field-text")
    browser.write("box")
    tab_to(browser, "ask")
    browser.press("Enter")
    browser.until("document.querySelector('#told-0').innerText.includes('Confidence')")
    browser.until("!document.querySelector('#right-0').disabled && document.getAnimations().length === 0")
    assert browser.barriers() == []


@pytest.mark.parametrize("name", LOOKS)
def test_it_looks_as_it_should(running_two: Running, browser: Browser, tmp_path: Path, name: str) -> None:
    """With an answer; how long it took is put at one millisecond."""
    browser.look(**LOOKS[name])
    theme = LOOKS[name].get("scheme", "light")
    browser.open(f"{running_two.address}?__theme={theme}", "document.querySelector('#ask') !== null")
    tab_to(browser, "field-text")
    browser.write("My box is late")
    tab_to(browser, "ask")
    browser.press("Enter")
    for place in ("told-0", "told-1"):
        browser.until(f"document.querySelector('#{place}').innerText.includes('Confidence')")
    browser.until("!document.querySelector('#right-1').disabled && document.getAnimations().length === 0")
    texts = "document.querySelectorAll('#told-0 *, #told-1 *')].flatMap((each) => [...each.childNodes])"
    browser.value(f"[...{texts}.filter((each) => each.data).forEach({QUICK})")
    check_looks(browser, f"demo-{name}", tmp_path)


def status(address: str, host: str, **headers: str) -> int:
    """Of a GET of the page's settings."""
    place = urlsplit(address)
    asked = HTTPConnection(str(place.hostname), place.port, timeout=30)
    asked.request("GET", "/config", headers={"Host": host, **headers})
    return asked.getresponse().status


def test_pages_of_other_sites_and_other_names_of_this_machine_are_refused(
    running_two: Running, tmp_path: Path
) -> None:
    address = running_two.address
    host, port = urlsplit(address).netloc, urlsplit(address).port
    assert status(address, host) == status(address, f"localhost:{port}") == 200
    assert status(address, host, Origin=f"http://{host}") == 200
    assert status(address, f"evil.example:{port}") == 421
    assert status(address, f"evil.example:{port}", Origin=f"http://evil.example:{port}") == 421
    for origin in ("http://evil.example", "null", f"http://localhost:{port}"):
        assert status(address, host, Origin=origin) == 421
    shown = Demo((open_subject(desk(tmp_path / "desk")),), Log(tmp_path / "feedback.jsonl"))
    with served(shown, auth=("ada", "secret")) as known:
        assert status(known, "desk.example") == 401  # let through, to say who it is
        assert status(known, "desk.example", Origin="https://desk.example") == 401
        assert status(known, "desk.example", Origin="https://evil.example") == 421


def typed(*words: object) -> argparse.Namespace:
    return arguments.parse(["demo", *map(str, words)])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("desk", "--host", "0.0.0.0"), "others could open the page"),
        (("desk", "--auth", "ada"), "USER:PASSWORD"),
        (("desk", "desk", "desk"), "one bundle or two"),
        (("nothing",), "no bundle here"),
        (("desk", "--feedback", "no/f.jsonl"), "no file can be written there"),
        (("desk", "--precision", "95"), "a share between 0 and 1"),
        (("desk", "--precision", "0.95"), "too few rows were held out"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    desk(tmp_path / "desk")
    with pytest.raises(UserError, match=said):
        verbs.verb("demo").run(typed(*words), [])


def test_a_port_that_is_taken_is_told_in_words_of_this_command(tmp_path: Path) -> None:
    pytest.importorskip("gradio")
    shown = Demo((open_subject(desk(tmp_path / "desk")),), Log(tmp_path / "feedback.jsonl"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = served(shown, port=other.getsockname()[1])
        with pytest.raises(UserError, match=r"another program has it.*\n.*another --port") as told, taken:
            pass
    assert "GRADIO" not in str(told.value)


def test_a_missing_extra_and_a_damaged_bundle_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    desk(tmp_path / "desk")
    with monkeypatch.context() as hidden:
        hidden.setitem(sys.modules, "gradio", None)
        with pytest.raises(UserError, match=r"pip install 'p2m\[demo\]'"):
            verbs.verb("demo").run(typed("desk"), [])
    (tmp_path / "desk" / "model" / "terms.json").write_text('{"words": ["bin"]}')
    with pytest.raises(UserError, match="damaged"):
        open_subject(tmp_path / "desk")


def test_two_bundles_with_other_fields_do_not_share_a_page(exports: Exports, tmp_path: Path) -> None:
    one, other = desk(tmp_path / "desk"), bundle(tmp_path / "qa", QA, exports["span"][1])
    with pytest.raises(UserError, match="qa reads"):
        together((open_subject(one), open_subject(other)))


def test_answers_of_every_shape_are_shown_and_corrected(exports: Exports, tmp_path: Path) -> None:
    qa = open_subject(bundle(tmp_path / "qa", QA, exports["span"][1]))
    said = qa.ask(rows_of(QA)[0].input)
    assert "".join(text for text, _ in pieces(qa, said)) == said.row["context"]
    assert [text for text, name in pieces(qa, said) if name] == [said.answer.output]
    assert corrected(qa, said, begun(qa, said)) is None
    assert corrected(qa, said, " Ada ") == "Ada"

    tags = open_subject(bundle(tmp_path / "tags", SPANS, exports["tags"][1]))
    said = tags.ask(rows_of(SPANS)[0].input)
    assert "".join(text for text, _ in pieces(tags, said)) == said.row["text"]
    assert corrected(tags, said, '[{"type": "resident", "text": "Ada"}]') == [
        {"type": "resident", "text": "Ada"}
    ]
    with pytest.raises(Unread, match="a list is expected"):
        corrected(tags, said, '{"type": "resident"}')

    record = open_subject(bundle(tmp_path / "record", RECORD, exports["records"][1]))
    said = record.ask(rows_of(RECORD)[0].input)
    assert corrected(record, said, begun(record, said)) is None
    with pytest.raises(Unread, match="not JSON"):
        corrected(record, said, "{who: Ada}")

    team = open_subject(desk(tmp_path / "desk"))
    said = team.ask({"text": "box"})
    assert choices(team) == ["billing", "delivery"]
    assert list(said.shares) == ["delivery", "billing"]
    assert corrected(team, said, "billing") == "billing"


def test_the_teacher_is_asked_once_and_its_cost_is_said(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("P2M_STORE", raising=False)
    (tmp_path / "outputs").mkdir()
    wire.reply = lambda seen: json.dumps({"answer": "billing"})
    labels = "Say which team answers a message: billing or delivery."
    (tmp_path / "desk.yaml").write_text(
        f"name: desk\nprompt: '{labels}'\ndefaults: [base, override teacher: compatible, _self_]\n"
        f"teacher: {{model: small, base_url: '{wire.v1}', price: {{input: 1, output: 2}}}}\n"
    )
    of_manifest = {  # whatever it says, nothing of this machine is sent there
        "target": "p2m.teachers.compatible.Compatible", "model": "small", "base_url": wire.v1,
        "key_env": "HOME",
    }  # fmt: skip
    subject = open_subject(desk(tmp_path / "outputs" / "desk", spec={"teacher": of_manifest}))
    with verb._teacher(subject, typed("outputs/desk", "--recipe", "desk.yaml")) as beside:
        assert beside is not None
        assert "1 USD a million tokens read, 2 USD written" in beside.price
        text, told = beside.ask({"text": "Pay me back"})
        assert text == "billing"
        assert told.endswith(" USD")
        assert beside.ask({"text": "Pay me back"}) == (
            "billing",
            "known from an earlier request: nothing was paid",
        )
        assert len(wire.seen) == 1
    with verb._teacher(subject, typed("outputs/desk")) as nobody:
        assert nobody is None
    (tmp_path / "desk.yaml").write_text(f"name: desk\nprompt: '{labels}'\n")
    with verb._teacher(subject, typed("outputs/desk", "--recipe", "desk.yaml")) as nobody:
        assert nobody is None
    assert "no teacher beside it: its recipe has no chat model" in capsys.readouterr().out
    assert DESK.labels == subject.task.labels


def test_ctrl_c_ends_it_and_says_what_is_next(running_two: Running) -> None:  # the last one to use it
    running_two.process.send_signal(signal.SIGINT)
    out, err = running_two.process.communicate(timeout=60)
    assert running_two.process.returncode == 0, err
    assert ("feedback RECIPE feedback.jsonl" in out) == bool(running_two.judged())  # none without a browser
