"""p2m on kinds of tables beside what any user has at hand: numbers, texts with columns, choices, groups.

    .venv/bin/python bench/tables.py [DATA] [--seeds 2] [--first 0] [--only wine,leads] [--work FOLDER]

DATA is not read: tables are scikit-learn's own or made by rule, each seed with words and weights of its own.
A build is a user's, without the tuned student, which takes minutes: a recipe with a prompt and `data.train`;
the bundle then answers rows that are never learnt from. Figures are accuracy, or R2 of a number, in %.

  cancer wine iris diabetes   scikit-learn's tables of numbers
  leads churn                 a note with a plan, seats and days; in churn a fifth of the answers is chance
  choices                     a question, columns A to D, and the letter of the one that is about the same
  noise                       labels that nothing tells: no build may ship, and no score counts
  customers                   12 rows a customer, alike in words and label; new customers judge
  strangers                   the same, but that only the customer tells the label: likewise

Peers: "linear" is TF-IDF of texts, standardised numbers and one-hot choices under Ridge, or under
LogisticRegression with C=1 and C=20 (of choices TF-IDF of the whole row); "nearest" the option that is
nearest to the question by TF-IDF; "boosting" HistGradientBoosting on all but texts. Exits with 1 where p2m's
mean over tables is more than a point below that of the best peer of each table, a table more than 3 below its
best linear peer, or a verdict wrong: SHIP of a bundle that is not 1 point above the commonest answer on the
new rows, no SHIP of one that is 15 above, or a said score whose 95% interval lies above that of the one on
them.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from classification.kinds import BY_CHANCE, NUMBER, OPTIONS, TABLES, Row, Table

import p2m

BOOSTING = "boosting"
BELOW_MEAN, BELOW_LINEAR, LEAST, MUCH = 1.0, 3.0, 1.0, 15.0  # points


def written(rows: Sequence[Row]) -> str:
    """Rows as CSV."""
    file = StringIO(newline="")
    writer = csv.DictWriter(file, [*rows[0]])
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def peers(table: Table) -> Iterator[tuple[str, list[str]]]:
    """Name and answers of each; all but boosting are linear."""
    from pandas import read_csv
    from pandas.api.types import is_numeric_dtype
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    every, cut = read_csv(StringIO(written([*table.learnt, *table.asked]))), len(table.learnt)
    others = [name for name in table.inputs if name not in table.texts]
    numbers = [name for name in others if is_numeric_dtype(every[name])]
    kinds = [name for name in others if name not in numbers]
    parts: list[Any] = [(TfidfVectorizer(), name) for name in table.texts]
    if "question" in table.texts:
        read = TfidfVectorizer().fit([text for name in table.texts for text in every[name][:cut]])
        asked = read.transform(every["question"][cut:])
        near = [asked.multiply(read.transform(every[each][cut:])).sum(axis=1) for each in OPTIONS]
        yield "nearest", [OPTIONS[place] for place in np.hstack(near).argmax(axis=1).flat]
        every["all"], parts = every[table.inputs].agg(" ".join, axis=1), [(TfidfVectorizer(), "all")]
    parts += [(StandardScaler(), numbers)] * bool(numbers)
    parts += [(OneHotEncoder(handle_unknown="ignore"), kinds)] * bool(kinds)
    is_number, gold = table.output == NUMBER, every[table.output][:cut]
    lines = {f"linear C={c}": LogisticRegression(C=c, max_iter=3000) for c in (1, 20)}
    for name, line in {"linear": Ridge()}.items() if is_number else lines.items():
        model = make_pipeline(make_column_transformer(*parts), line).fit(every[:cut], gold)
        yield name, [str(each) for each in model.predict(every[cut:])]
    if others:
        seen = every[others].astype(dict.fromkeys(kinds, "category"))
        kind = HistGradientBoostingRegressor if is_number else HistGradientBoostingClassifier
        model = kind(random_state=0, categorical_features="from_dtype").fit(seen[:cut], gold)
        yield BOOSTING, [str(each) for each in model.predict(seen[cut:])]


def by_p2m(table: Table, work: Path) -> tuple[list[str], str, Any, str]:
    """Answers, the verdict, the primary metric as it was said, and the student that was taken."""
    (work / "outputs").mkdir(parents=True, exist_ok=True)
    (work / "train.csv").write_text(written(table.learnt), "utf-8")
    recipe = {
        "defaults": ["base", {"override teacher": "none"}, {"override student": "auto"}, "_self_"],
        "name": "it", "prompt": table.prompt, "task": {"inputs": table.inputs, "output": table.output},
        "student": {"candidates": {"minilm": None}}, "data": {"train": "train.csv", "group": table.group},
    }  # fmt: skip
    (work / "it.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), "utf-8")
    built = p2m.load(work / "it.yaml", [f"store.path={work.parent / 'store'}"]).build(progress=False)
    rows = [{name: row[name] for name in table.inputs} for row in table.asked]
    said = [str(answer.output) for answer in p2m.open_bundle(built.folder).predict(rows)]
    score, student = built.result.value("evaluate").scores[0], built.result.value("choose").student
    return said, built.verdict.decision.value, score, student


def measured(name: str, seed: int, work: Path) -> tuple[dict[str, float], str]:
    """Scores by name, and what is wrong with the verdict."""
    table = TABLES[name](name, random.Random(f"{name} {seed}"))
    answers, verdict, said, student = by_p2m(table, work / f"{name}-{seed}")
    found = {"p2m": table.score(answers)} | {peer: table.score(theirs) for peer, theirs in peers(table)}
    ahead, fault = found["p2m"] - table.commonest(), ""
    if verdict == "SHIP" and ahead < LEAST:
        fault = f"SHIP of {ahead:+.1f} beside the commonest answer"
    elif verdict != "SHIP" and ahead >= MUCH:
        fault = f"{verdict} of {ahead:+.1f} beside the commonest answer"
    elif 100 * said.low > (new := table.score(answers, ranks=True)) + 98 / len(table.asked) ** 0.5:
        fault = f"said at least {100 * said.low:.1f}, and is {new:.1f}"
    scores = "  ".join(f"{peer} {value:.1f}" for peer, value in found.items())
    told = f"{verdict}, {student}, {said.metric} {said.value:.3f} [{said.low:.3f}, {said.high:.3f}]"
    print(f"{name:10} {seed}  {scores}  ({told})" + f"  ! {fault}" * bool(fault), flush=True)
    return found, fault and f"{name}: {fault}"


def main(argv: Sequence[str]) -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("data", nargs="?", help="a folder of data, which is not needed")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="the first seed; from 100 on for development")
    parser.add_argument("--only", default=",".join(TABLES))
    parser.add_argument("--work", type=Path, help="a folder that keeps what was built")
    given = parser.parse_args(argv)
    ours, best, behind, faults = list[float](), list[float](), dict[str, float](), list[str]()
    with tempfile.TemporaryDirectory(prefix="p2m-tables-") as place:
        work = (given.work or Path(place)).resolve()
        for name in given.only.split(","):
            seeds = range(given.first, given.first + given.seeds)
            found = [measured(name, seed, work) for seed in seeds]
            faults += [fault for _, fault in found if fault]
            if name in BY_CHANCE:
                continue
            means = {each: float(np.mean([scores[each] for scores, _ in found])) for each in found[0][0]}
            ours.append(means.pop("p2m"))
            best.append(max(means.values()))
            behind[name] = max(value for peer, value in means.items() if peer != BOOSTING) - ours[-1]
    bars = [(not faults, f"verdicts and said scores: {'; '.join(faults) or 'right in each'}")]
    if behind:
        worst, mean, peer = max(behind, key=behind.__getitem__), np.mean(ours), np.mean(best)
        told = f"mean {mean:.1f}, of each table's best peer {peer:.1f} (-{BELOW_MEAN})"
        bars.append((bool(mean >= peer - BELOW_MEAN), told))
        told = f"{worst} {-behind[worst]:+.1f} beside its best linear peer (-{BELOW_LINEAR})"
        bars.append((behind[worst] <= BELOW_LINEAR, told))
    print("\n".join(f"{'PASS' if is_met else 'FAIL'}  {said}" for is_met, said in bars))
    return 0 if all(is_met for is_met, _ in bars) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
