"""web: a page that answers in the browser alone, by onnxruntime-web where the model has a graph."""

from __future__ import annotations

import html
import json
import shlex
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from p2m.deployment import npm, templates
from p2m.deployment.bundles import Opened
from p2m.deployment.filling import filled
from p2m.deployment.options import Options
from p2m.deployment.typed_arrays import write_arrays
from p2m.errors import UserError, command

ABOUT = "a page that answers in the browser alone (labels, numbers, linear models, spans of a passage)"
KINDS = {
    "linear": ("answers.js", "linear.js"),
    "classification": ("answers.js",),
    "span": ("answers.js", "spans.js"),
}
ALWAYS = ("page.js", "page.css", "predictor.js", "rows.js", "dates.js", "arrays.js")
# What the browser runs graphs by, on the processor: the registry's digest of the package, and each file's.
RUNTIME = npm.Package(
    "onnxruntime-web",
    "1.30.0",
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
    {
        "dist/ort.wasm.min.mjs": (
            "vendor/ort.wasm.min.mjs",
            "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
        ),
        "dist/ort-wasm-simd-threaded.mjs": (
            "vendor/ort-wasm-simd-threaded.mjs",
            "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
        ),
        "dist/ort-wasm-simd-threaded.wasm": (
            "vendor/ort-wasm-simd-threaded.wasm",
            "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
        ),
    },
)
TOKENIZER = npm.Package(
    "@huggingface/tokenizers",
    "0.2.0",
    "sha512-LidMHe1FpcSYH4vcSjXooda34pC0M8m1gmDOv7SQi6Iv+ib1zX7J3sHBCC9/3FPCkn2k1b55FneVqMRxrr99pg==",
    {
        "dist/tokenizers.min.mjs": (
            "vendor/tokenizers.min.mjs",
            "258e46332101335ce8d95aed7745b19ac3b46d37f3e159a89cf894c2ea9b1d3a",
        ),
        "LICENSE": (
            "vendor/LICENSE-tokenizers.txt",
            "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4",
        ),
    },
)
_EXAMPLES = 3
_GRAPH, _TOKENS, _TERMS = "model.onnx", "tokenizer.json", "terms.json"


def lay_out(bundle: Opened, folder: Path, options: Options) -> list[str]:
    model = bundle.folder / "model"
    has_graph = (model / _TOKENS).is_file()
    for name in (*ALWAYS, *KINDS[bundle.settings.kind], *(["encoder.js"] if has_graph else [])):
        (folder / name).write_bytes((files(templates) / "web" / name).read_bytes())
    title = html.escape(str(bundle.manifest["name"]))
    (folder / "index.html").write_text(filled("web/index.html", title=title), encoding="utf-8")
    _write_model(bundle, folder / "model", has_graph)
    for package in (RUNTIME, TOKENIZER) if has_graph else ():
        options.say(f"with {package.name} {package.version}")
        npm.fetch(package, folder)
    where = shlex.quote(str(options.output))
    return [
        f"python -m http.server --bind 127.0.0.1 --directory {where} 8080, and open http://127.0.0.1:8080",
        "or copy the folder to any web server: it is all static files",
    ]


def refuse(bundle: Opened) -> None:
    """Raises UserError, with what to do, where a page cannot run the model."""
    settings, model = bundle.settings, bundle.folder / "model"
    elsewhere = f"{command('deploy', bundle.folder, '--to', 'docker')}, which runs every kind of model"
    if settings.kind not in KINDS:
        what = {
            "tags": "spans that are tagged token by token", "tagger": "spans that are tagged word by word",
            "slots": "spans with values",
            "records": "records", "fields": "records",
            "seq2seq": "text that is written", "causal": "text that is written",
            "copies": "text that is written", "editor": "text that is written",
        }[settings.kind]  # fmt: skip
        raise UserError(
            f"{bundle.folder}: a page cannot give {what} ({settings.kind})\n    next: {elsewhere}"
        )
    if settings.backend != "onnx" and settings.kind != "linear":
        raise UserError(
            f"{bundle.folder}: made for the runtime {settings.backend}, which no browser has\n"
            "    next: p2m build RECIPE runtime=onnx"
        )
    if (model / _TOKENS).is_file() and not (model / _GRAPH).is_file():
        raise UserError(f"{bundle.folder}: has no {_GRAPH}\n    next: p2m build RECIPE runtime=onnx")
    if settings.kind == "span" and _tokenizer(model)["pre_tokenizer"].get("type") != "BertPreTokenizer":
        raise UserError(
            f"{bundle.folder}: a page places spans for tokenizers of BERT's kind alone\n"
            f"    next: p2m build RECIPE student=minilm, or {elsewhere}"
        )


def _tokenizer(model: Path) -> dict[str, Any]:
    """tokenizer.json, with what it lacks as empty."""
    found = json.loads((model / _TOKENS).read_text(encoding="utf-8"))
    return {
        **found,
        "normalizer": found.get("normalizer") or {},
        "pre_tokenizer": found.get("pre_tokenizer") or {},
    }


def _write_model(bundle: Opened, target: Path, has_graph: bool) -> None:
    """The model's files in forms that JavaScript reads, and what the page tells of the task."""
    source = bundle.folder / "model"
    target.mkdir()
    names = [*([_GRAPH, _TOKENS] if has_graph else []), *([_TERMS] if (source / _TERMS).is_file() else [])]
    for name in names:
        shutil.copyfile(source / name, target / name)
    if _TERMS in names:
        _write_json(target / "folds.json", folds())
    found = {name: source / f"{name}.npz" for name in ("linear", "scope")}
    arrays = {name: path for name, path in found.items() if path.is_file()}
    if arrays:
        write_arrays(arrays, target)
    size = sum(path.stat().st_size for path in target.iterdir()) + (15e6 if has_graph else 0)  # its runtime
    settings = json.loads((source / "predictor.json").read_text(encoding="utf-8"))
    settings["page"] = {
        "arrays": bool(arrays), "encoder": has_graph, "megabytes": round(size / 1e6, 1),
        "accents_go": has_graph and _drops_accents(_tokenizer(source)["normalizer"]),
    }  # fmt: skip
    _write_json(target / "predictor.json", settings)
    _write_json(target / "task.json", _task(bundle))


def _drops_accents(normalizer: dict[str, Any]) -> bool:
    """As BERT's normalizer decides: by its own setting, else by whether it lowers case."""
    said = normalizer.get("strip_accents")
    return bool(normalizer.get("lowercase") if said is None else said)


def _task(bundle: Opened) -> dict[str, Any]:
    task = bundle.manifest["task"]
    fields = bundle.settings.fields
    rows = [each["input"] for each in task.get("demonstrations") or ()]
    return {
        "instruction": task.get("instruction") or "",
        "bundle": f"{bundle.name}@{bundle.digest}",
        "license": bundle.manifest["model"].get("license") or "unknown",
        "examples": [row for row in rows if set(fields) <= set(row)][:_EXAMPLES],
    }


def folds() -> dict[str, str]:
    """Character -> what `str.casefold` makes of it, where that is another: JavaScript has no such thing."""
    characters = map(chr, (*range(0xD800), *range(0xE000, sys.maxunicode + 1)))
    return {sign: folded for sign in characters if (folded := sign.casefold()) != sign}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")
