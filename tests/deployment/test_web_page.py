"""The page that answers in the browser alone: what predict.py says, by keys, without a serious barrier."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import CTRL, PHONE, WIDE, Browser
from conftest import LABELS, QA, SPANS, Exports, rows_of
from looking import check_looks
from small_bundles import bundle_of, sealed, texts, words_model

from p2m.deploy.base import compared, open_encoder, opposed
from p2m.deploy.serving.linear import LINEAR
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.rows import laid_open
from p2m.deploy.serving.scope import ARRAYS
from p2m.deploy.serving.settings import Settings
from p2m.deployment import npm
from p2m.deployment.deploying import deploy
from p2m.deployment.options import Options
from p2m.deployment.targets import web
from p2m.errors import P2MError, UserError
from p2m.parsing import parse_prompt, read_answers
from p2m.students.labels import labels_of
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.linear_tfidf import LinearTfidf
from p2m.types import Example, Field, Lesson, Task, TaskType

LOOKS: dict[str, Any] = {"light": {}, "dark": {"scheme": "dark"}, "phone": {"size": PHONE}}
READY = "!document.getElementById('form').hidden && !document.body.hasAttribute('aria-busy')"
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output quiet."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def page_of(bundle: Path, target: Path) -> Path:
    """Skips where the registry cannot be reached."""
    try:
        return deploy(bundle, "web", Options(target)).folder
    except P2MError as error:
        if "npm could not fetch" in str(error):
            pytest.skip(str(error))
        raise


@dataclass
class Site:
    """Pages of several bundles in one folder, so that one browser loads what they run by once."""

    folder: Path
    browser: Browser
    address: str = ""

    def add(self, name: str, bundle: Path) -> None:
        page = page_of(bundle, self.folder.with_name(f"page-{name}"))
        shutil.copytree(page / "model", self.folder / name)
        shutil.copytree(page, self.folder, dirs_exist_ok=True)

    def ask(self, name: str, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
        """What the page's own predictor says to each of the rows."""
        if not str(self.browser.value("location.href")).startswith(self.address):
            self.browser.open(self.address, READY)
        script = f"""(async () => {{
            const {{ openPredictor }} = await import("./predictor.js");
            const predictor = await openPredictor("{name}/");
            const found = [];
            for (const row of {json.dumps(rows)})
                found.push(await predictor.predict(row).catch((error) => ({{ error: error.message }})));
            return found;
        }})()"""
        found = self.browser.value(script)
        assert self.browser.faults == []
        assert found is not None
        assert all(one.startswith(self.address) for one in self.browser.asked)
        return list(found)

    def check(self, name: str, bundle: Path, rows: list[dict[str, str]]) -> None:
        """The page says what predict.py says."""
        expected = Predictor(bundle / "model").predict(rows)
        found = self.ask(name, rows)
        for said, right in zip(found, expected, strict=True):
            # The digits of a number are those of an arithmetic that rounds otherwise in a browser.
            is_number = isinstance(right.value, int | float)
            value = pytest.approx(right.value, abs=2e-3) if is_number else right.value
            assert said.get("value", said) == value
        assert [each["abstain"] for each in found] == [each.abstain for each in expected]
        assert [each["score"] for each in found] == pytest.approx([each.score for each in expected], abs=2e-5)
        assert len({json.dumps(each.value) for each in expected}) > 1  # else nothing was told apart


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site") / "site"
    folder.mkdir()
    with served(folder) as address:
        yield Site(folder, browser, address)


@needs_npm
def test_labels_of_an_encoder(site: Site, exports: Exports, tmp_path: Path) -> None:
    bundle = bundle_of(exports["classification"][1], tmp_path / "bundle", LABELS)
    site.add("labels", bundle)
    site.check("labels", bundle, texts())


PAIR = Task(
    TaskType.CLASSIFICATION, "Sort it.", (Field("first"), Field("second")), Field("label"), ("no", "yes")
)  # fmt: skip


@needs_npm
@pytest.mark.parametrize(
    "more",
    [
        {"shape": "labels", "none": "[]"},
        {"shape": "number", "scale": (1.0, 5.0, 0.5), "error": 0.4, "labels": ()},
        {"shape": "number", "scale": (1.0, 9.0, 0.0), "error": 0.1, "labels": ()},
        {"shape": "text", "calibration": (0.7, -0.2)},
    ],
    ids=["labels", "steps", "number", "label"],
)
def test_pairs_of_texts(site: Site, exports: Exports, tmp_path: Path, more: dict[str, Any]) -> None:
    rows = [{"first": a["text"], "second": b["text"]} for a, b in zip(texts(), texts()[::-1], strict=True)]
    model = tmp_path / "model"
    shutil.copytree(exports["classification"][1], model)
    source = replace(Settings.read(model), fields=("first", "second"))
    source.write(model)
    middle = float(np.median(Predictor(model).logits(rows)))
    replace(source, **{"threshold": 1 / (1 + np.exp(-middle)), "abstain": 0.5, **more}).write(model)
    bundle, name = (
        bundle_of(model, tmp_path / "bundle", PAIR),
        "".join(map(str, more.values())).encode().hex()[:60],
    )
    site.add(name, bundle)
    site.check(name, bundle, rows)


@needs_npm
def test_spans_of_a_passage_in_windows_with_and_without_an_answer(
    site: Site, exports: Exports, tmp_path: Path
) -> None:
    bundle = bundle_of(exports["span"][1], tmp_path / "bundle", QA)
    site.add("spans", bundle)
    rows = [row for row in texts(QA) if "[SEP]" not in row["context"]]
    rows.append({"question": "who lives there? " * 20, "context": rows[0]["context"] * 12})
    site.check("spans", bundle, rows)
    told = site.ask("spans", [{"question": "who?", "context": "Ada [SEP] Ben"}])[0]
    assert "ask predict.py" in told["error"]
    margins = np.sort([margin for _, margin in Predictor(bundle / "model").spans(rows)])
    widest = int(np.argmax(np.diff(margins)))  # between two rows, not at one: the last digits differ
    unless = {"none": "nobody", "threshold": float(margins[widest : widest + 2].mean())}
    for folder in (bundle / "model", site.folder / "spans"):
        settings = json.loads((folder / "predictor.json").read_text())
        (folder / "predictor.json").write_text(json.dumps({**settings, **unless}))
        later = time.time() + 5  # a server tells files apart by whole seconds
        os.utime(folder / "predictor.json", (later, later))
    assert "nobody" in {each.output for each in Predictor(bundle / "model").predict(rows)}
    site.check("spans", bundle, rows)


def test_words_as_python_parts_them_without_npm(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundle_of(words_model(tmp_path / "model"), tmp_path / "bundle", LABELS)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        site.add("words", bundle)
    assert not (site.folder.with_name("page-words") / "vendor").exists()
    site.check("words", bundle, texts())


def test_numbers_and_choices_without_npm(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lot = np.random.default_rng(1)
    drawn = [
        Example(
            {"age": str(age), "plan": plan, "note": f"荷物が{age % 7}"}, "ab"[int(age > 40 or plan == "pro")]
        )
        for age, plan in zip(lot.integers(18, 90, 80), lot.choice(["pro", "free"], 80), strict=True)
    ]
    task = parse_prompt("Sort it.", inputs=("age", "plan", "note"), output="label", shown=read_answers(drawn))
    model = tmp_path / "model"
    LinearTfidf().solve(Lesson(task, ("a", "b"), tuple(drawn), None, None), model)
    bundle = bundle_of(model, tmp_path / "bundle", task)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        site.add("table", bundle)
    more = [{"age": "", "plan": "", "note": "荷物"}, {"age": "1e2", "plan": "?", "note": "x"}]
    site.check("table", bundle, [*(row.input for row in drawn[:20]), *more])
    assert site.ask("table", [{**more[1], "age": "old"}]) == [{"error": '"age" must be a number'}]


def test_dates_without_npm(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [
        f"{n % 28 + 1:02}.{n % 12 + 1:02}.{2020 + n % 5} {n % 24}:{n % 60:02}" for n in range(0, 1600, 13)
    ]
    drawn = [
        Example(
            {"sent": day, "back": f"2024-05-{n % 31 + 1:02}", "at": f"{n % 12 + 1}:05 pm"}, "ab"[n % 7 > 3]
        )
        for n, day in enumerate(days)
    ]
    names = ("sent", "back", "at")
    task = parse_prompt("Sort it.", inputs=names, output="label", shown=read_answers(drawn))
    assert task.dates == {"sent": "dmy", "back": "ymd", "at": "time"}
    model = tmp_path / "model"
    LinearTfidf().solve(Lesson(task, ("a", "b"), tuple(drawn), None, None), model)
    bundle = bundle_of(model, tmp_path / "bundle", task)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        site.add("dates", bundle)
    more = [
        {"sent": "", "back": "2024-2-29T1:00Z", "at": ""},
        {"sent": "1/2/1999", "back": "", "at": "12:00 am"},
    ]
    site.check("dates", bundle, [*(row.input for row in drawn[:20]), *more])
    wrong = {**more[1], "back": "2023-02-29"}
    assert site.ask("dates", [wrong]) == [{"error": '"back" must be like 2024-01-31'}]


def test_products_of_numbers_without_npm(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lot = np.random.default_rng(1)
    drawn = [Example({"area": f"{a:.1f}", "rate": f"{b:.2f}"}, f"{a * b:.1f}")
             for a, b in zip(lot.uniform(20, 180, 120), lot.uniform(1, 9, 120), strict=True)]  # fmt: skip
    task = parse_prompt("Estimate.", inputs=("area", "rate"), output="price", shown=read_answers(drawn))
    model, labels = tmp_path / "model", labels_of(task, drawn)
    LinearTfidf().solve(Lesson(task, labels, tuple(drawn), None, None), model)
    assert len(json.loads((model / "terms.json").read_text())["measures"][-1]) == 6
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        site.add("product", bundle := bundle_of(model, tmp_path / "bundle", task))
    more = [{"area": "", "rate": "3"}, {"area": "1e9", "rate": "-4"}]
    site.check("product", bundle, [*(row.input for row in drawn[:20]), *more])


def test_logarithms_without_npm(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lot = np.random.default_rng(1)
    for name, digits in (("logs", 2), ("counts", 0)):
        drawn = [
            Example({"days": f"{a:.1f}"}, f"{np.exp(a / 9) / 5 - 0.2:.{digits}f}")
            for a in lot.uniform(0, 60, 120)
        ]
        task = parse_prompt("Estimate.", inputs=("days",), output="price", shown=read_answers(drawn))
        model, labels = tmp_path / name, labels_of(task, drawn)
        LinearTfidf().solve(Lesson(task, labels, tuple(drawn), None, None), model)
        settings = Settings.read(model)
        assert settings.log_offset is not None
        assert settings.scale is not None
        assert bool(settings.scale[2]) is not bool(digits)
        replace(settings, error=0.2).write(model)
        with monkeypatch.context() as patch:
            patch.setenv("PATH", "/nowhere")
            site.add(name, bundle := bundle_of(model, tmp_path / f"{name}-bundle", task))
        site.check(name, bundle, [*(row.input for row in drawn[:40]), {"days": ""}, {"days": "1e9"}])


@needs_npm
@pytest.mark.parametrize("is_inline", [True, False])
def test_a_text_beside_its_options(site: Site, tiny_bert: Path, tmp_path: Path, is_inline: bool) -> None:
    known = [row["text"] for row in texts()]
    if is_inline:
        rows = [{"q": f"Which? (A) {first} (b) {second}"} for first, second in pairwise(known)]
        rows += [{"q": f"{known[0]} (B) only"}]
        fields, options = ("q",), {"yes": "(A)", "no": "(B)"}
    else:
        rows = [{"q": "Which?", "A": first, "B": second} for first, second in pairwise(known)]
        fields, options = ("q", "A", "B"), {"yes": "A", "no": "B"}
    model = tmp_path / "model"
    model.mkdir()
    LinearMiniLM(model=str(tiny_bert), sha256="", window=40).encoder.export(model)
    encoder = open_encoder(model, threads=1, max_length=40)
    found = opposed(encoder.encode, [laid_open(row, fields, options.values()) for row in rows])
    weights = np.random.default_rng(2).normal(size=(found.shape[1], 2)).astype(np.float32)
    np.savez(model / LINEAR, bias=-(found.mean(axis=0) @ weights), dense=weights)
    Settings("linear", fields, labels=("no", "yes"), max_length=40, compares=True, options=options).write(
        model
    )
    task = Task(TaskType.CLASSIFICATION, "", tuple(map(Field, fields)), Field("label"), ("no", "yes"))
    bundle, name = bundle_of(model, tmp_path / "bundle", task), f"options-{is_inline}"
    site.add(name, bundle)
    site.check(name, bundle, rows)


@needs_npm
def test_embeddings_and_none_of_the_labels(site: Site, tiny_bert: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    LinearMiniLM(model=str(tiny_bert), sha256="", window=40).encoder.export(model)
    rows = texts()
    found = open_encoder(model, threads=1, max_length=40).encode([row["text"] for row in rows])
    width = found.shape[1]
    weights = np.random.default_rng(2).normal(size=(width, 2)).astype(np.float32)
    np.savez(model / LINEAR, bias=np.zeros(2, np.float32), dense=weights)
    learnt = np.round(found[:5] / 0.01).astype(np.int8)
    np.savez(model / ARRAYS, rows=learnt, scale=np.float32(0.01), known=np.linspace(1.5, 4.5, 30))
    settings = Settings(
        "linear", ("text",), labels=LABELS.labels, max_length=40, none="neither", threshold=0.6
    )
    settings.write(model)
    bundle = bundle_of(model, tmp_path / "bundle", LABELS)
    said = {each.output for each in Predictor(model).predict(rows)}
    assert "neither" in said
    assert len(said) > 1
    site.add("dense", bundle)
    site.check("dense", bundle, rows)


def test_how_two_inputs_compare(site: Site, tiny_bert: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    encoder = LinearMiniLM(model=str(tiny_bert), sha256="", window=40).encoder
    encoder.export(model)
    given = [row["text"] for row in texts()]
    rows = [{"first": one, "second": other} for one, other in zip(given, given[1:] + given[-1:], strict=True)]
    found = open_encoder(model, threads=1, max_length=40).encode(given)
    weights = np.random.default_rng(3).normal(size=(2 * found.shape[1] + 1, 2)).astype(np.float32)
    usual = compared(found[:-1], found[1:]).mean(axis=0) @ weights
    np.savez(model / LINEAR, bias=-usual, dense=weights)
    Settings("linear", ("first", "second"), labels=("no", "yes"), max_length=40, compares=True).write(model)
    task = replace(LABELS, inputs=(Field("first"), Field("second")))
    bundle = bundle_of(model, tmp_path / "bundle", task)
    site.add("pairs", bundle)
    site.check("pairs", bundle, rows)
    parts = ("First:", "Second:")
    Settings("linear", ("text",), labels=("no", "yes"), max_length=40, compares=True, parts=parts).write(
        model
    )
    one = bundle_of(model, tmp_path / "one", LABELS)
    site.add("parts", one)
    joint = [{"text": "First: {first} Second: {second}".format(**row)} for row in rows]
    site.check("parts", one, [*joint, {"text": "First: a Secondly"}, {"text": "SECOND : b first：c"}])


def test_by_keys_alone_in_light_and_dark_without_a_serious_barrier(browser: Browser, tmp_path: Path) -> None:
    bundle = bundle_of(words_model(tmp_path / "model"), tmp_path / "bundle", LABELS, name="Töne & <b>")
    page = page_of(bundle, tmp_path / "page")
    row = texts()[0]
    expected = Predictor(bundle / "model").predict([row])[0]
    with served(page) as address:
        browser.open(address, READY)
        assert browser.value("document.querySelector('h1').textContent") == "Töne & <b>"
        browser.press("Tab")
        assert browser.value("document.activeElement.id") == "field-text"
        browser.write(row["text"])
        browser.press("Enter", held=CTRL)
        assert browser.value("document.getElementById('output').textContent") == expected.output
        assert f"Score {expected.score:.4f}" in browser.value("document.getElementById('score').textContent")
        browser.press("Tab")
        assert browser.value("document.activeElement.textContent") == "Answer"
        browser.press("Tab", "Enter")  # the first example
        assert (
            browser.value("document.getElementById('field-text').value") == rows_of(LABELS)[0].input["text"]
        )
        for name, look in LOOKS.items():
            browser.look(**look)
            assert browser.value("document.documentElement.scrollWidth") <= look.get("size", WIDE)[0]
            assert browser.barriers() == []
            check_looks(browser, f"web-{name}", tmp_path)
        browser.look()
        assert browser.faults == []
        browser.value("document.getElementById('field-text').value = '  ', null")
        browser.value("document.getElementById('form').requestSubmit(), null")
        browser.until("document.getElementById('progress').textContent.includes('\"text\" is empty')")


@pytest.mark.parametrize(
    ("kind", "task", "said"),
    [("tags", SPANS, "spans that are tagged token by token"), ("seq2seq", LABELS, "text that is written")],
)
def test_what_no_page_can_run_is_refused_by_name(
    exports: Exports, tmp_path: Path, kind: str, task: Task, said: str
) -> None:
    bundle = bundle_of(exports[kind][1], tmp_path / "bundle", task)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for place in ("new/page", "mine"):  # and first of all: no folder is made, nor held against what is there
        with pytest.raises(
            UserError, match=f"a page cannot give {said}.*({kind})(?s:.*)next: p2m deploy .*bundle --to"
        ):
            deploy(bundle, "web", Options(tmp_path / place))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "mine"]


def test_another_runtime_or_tokenizer_is_refused(exports: Exports, tmp_path: Path) -> None:
    bundle = bundle_of(exports["span"][1], tmp_path / "bundle", QA)
    path = bundle / "model" / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pre_tokenizer": {"type": "Metaspace"}}))
    with pytest.raises(UserError, match="tokenizers of BERT's kind alone"):
        deploy(sealed(bundle), "web", Options(tmp_path / "page"))
    settings = json.loads((bundle / "model" / "predictor.json").read_text())
    (bundle / "model" / "predictor.json").write_text(json.dumps({**settings, "backend": "openvino"}))
    with pytest.raises(
        UserError, match="runtime openvino, which no browser has\n    next: p2m build RECIPE runtime=onnx"
    ):
        deploy(sealed(bundle), "web", Options(tmp_path / "page"))


def test_without_npm_it_says_what_to_install(
    exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundle_of(exports["classification"][1], tmp_path / "bundle", LABELS)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "bundle"))
    with pytest.raises(UserError, match=r"npm is not installed.*onnxruntime-web(?s:.*)apt install npm"):
        deploy(bundle, "web", Options(tmp_path / "page"))
    assert list(tmp_path.iterdir()) == [bundle]


@needs_npm
def test_a_package_that_is_not_what_was_pinned_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wrong = npm.Package(web.TOKENIZER.name, web.TOKENIZER.version, "sha512-AAAA", web.TOKENIZER.files)
    with pytest.raises(P2MError, match=r"not what p2m pinned|npm could not fetch") as said:
        npm.fetch(wrong, tmp_path / "vendor")
    if "could not fetch" in str(said.value):
        pytest.skip(str(said.value))
    assert not list(tmp_path.rglob("*.mjs"))
