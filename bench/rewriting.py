"""Texts rewritten, learnt from 500 rows: p2m's default beside ten lines of scikit-learn.

    .venv/bin/python bench/rewriting.py [DATA] [--tables dates,...] [--rows 500]

DATA holds hub/cmudict. Five tables, each with 200 rows that judge and are never learnt from: dates in many
forms to ISO (the order changes), telephone numbers and their country to E.164, Cyrillic names to Latin ones,
singulars to plurals, and letters to sounds (CMUdict). All but the last are made here by rules with a seed;
words are CMUdict's. The build is a user's: a prompt, `data.train`, all else default, `p2m build`, then the
bundle's predict.py.

Peers, on the same rows: the input itself; the answer of the nearest row (TF-IDF of characters); and an edit
of each character (by Levenshtein distance) told by those around it, by logistic regression.

Prints the share of answers that are exactly right, and the verdict; exits with 1 where p2m's mean is below a
peer's, or p2m is more than two points below one on a table.
"""

from __future__ import annotations

import argparse
import calendar
import csv
import datetime
import gzip
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import yaml

ASKED = 200
P2M = "p2m"
Row = tuple[dict[str, str], str]
Way = Callable[[Sequence[Row], Sequence[dict[str, str]]], list[str]]
LATIN = dict(zip("абвгдезийклмнопрстуфыэ", "abvgdeziyklmnoprstufye", strict=True)) | {
    "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ю": "yu", "я": "ya", "ё": "yo",
    "ь": "", "ъ": "",
}  # fmt: skip
CODES = {"UK": "44", "DE": "49", "FR": "33", "ES": "34", "US": "1"}
MONTHS = calendar.month_name[1:]


def dates(words: Sequence[str], lot: random.Random) -> Row:
    day = datetime.date(2000, 1, 1) + datetime.timedelta(days=lot.randrange(11_000))
    month, short = MONTHS[day.month - 1], MONTHS[day.month - 1][:3]
    suffix = "th" if 10 < day.day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    written = lot.choice([
        f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}",
        f"{day.day}-{short}-{day.year % 100:02}",
        f"{day.day}.{day.month}.{day.year}", f"the {day.day}{suffix} of {month} {day.year}",
        f"{short} {day.day}{suffix} {day.year}", f"{day.day:02}/{day.month:02}/{day.year}",
    ])  # fmt: skip
    return {"written": written}, day.isoformat()


def phones(words: Sequence[str], lot: random.Random) -> Row:
    country = lot.choice(list(CODES))
    number = "".join(lot.choices("123456789", k=9))
    parts = lot.choice([[3, 3, 3], [2, 3, 4], [4, 5], [9]])
    places = [sum(parts[:count]) for count in range(len(parts) + 1)]
    grouped = lot.choice(" -./").join(number[start:end] for start, end in pairwise(places))
    written = lot.choice(
        [grouped, f"0{grouped}", f"+{CODES[country]} {grouped}", f"({grouped[:3]}){grouped[3:]}"]
    )
    return {"country": country, "phone": written}, f"+{CODES[country]}{number}"


def names(words: Sequence[str], lot: random.Random) -> Row:
    vowels, rest = "аеиоуыэюяё", "".join(letter for letter in LATIN if letter not in "аеиоуыэюяёьъ")
    made = [
        "".join(lot.choice(rest) + lot.choice(vowels) for _ in range(lot.randint(2, 4))) for _ in range(2)
    ]
    made = [each + lot.choice(["", "в", "н", "й", "сть"]) for each in made]
    latin = ["".join(LATIN[letter] for letter in each).capitalize() for each in made]
    return {"russian": " ".join(each.capitalize() for each in made)}, " ".join(latin)


def plurals(words: Sequence[str], lot: random.Random) -> Row:
    word = lot.choice(words)
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return {"singular": word}, f"{word}es"
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return {"singular": word}, f"{word[:-1]}ies"
    return {"singular": word}, f"{word}s"


PROMPTS = {
    "dates": "Write the date in ISO form.",
    "phones": "Write the phone number in E.164 form, given the customer's country.",
    "names": "Transliterate Russian names into Latin letters.",
    "plurals": "Write the plural of a word.",
    "sounds": "Write how an English word is pronounced, in phonemes.",
}
MADE = {"dates": dates, "phones": phones, "names": names, "plurals": plurals}


def table(name: str, data: Path, rows: int) -> tuple[list[Row], list[Row]]:
    """Rows to learn from, and those that judge; no input twice."""
    with gzip.open(data / "hub/cmudict/all.jsonl.gz", "rt", encoding="utf-8") as lines:
        known = [json.loads(line) for line in lines]
    spoken = {each["word"].lower(): each["phones"][0] for each in known if each["word"].isalpha()}
    lot, words = random.Random(name), sorted(word for word in spoken if len(word) > 2)
    found: dict[str, Row] = {}
    while len(found) < rows + ASKED:
        if name == "sounds":
            word = lot.choice(words)
            row: Row = {"word": word}, spoken[word]
        else:
            row = MADE[name](words, lot)
        found[json.dumps(row[0])] = row
    every = list(found.values())
    return every[ASKED:], every[:ASKED]


def copy(learnt: Sequence[Row], asked: Sequence[dict[str, str]]) -> list[str]:
    return [max(values.values(), key=len) for values in asked]


def nearest(learnt: Sequence[Row], asked: Sequence[dict[str, str]]) -> list[str]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3))
    known = vectorizer.fit_transform([" ".join(values.values()) for values, _ in learnt])
    near = (vectorizer.transform([" ".join(values.values()) for values in asked]) @ known.T).toarray()
    return [learnt[int(row.argmax())][1] for row in near]


def edits(learnt: Sequence[Row], asked: Sequence[dict[str, str]]) -> list[str]:
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def text_of(values: dict[str, str]) -> str:
        return "\n".join(values.values()) + "$"

    def features(text: str) -> list[dict[str, str]]:
        return [{str(side): text[max(0, place + side) : place + side + 1] for side in range(-3, 4)}
                | {"first": text[:2]} for place in range(len(text))]  # fmt: skip

    given = [(text_of(values), answer) for values, answer in learnt]
    model = make_pipeline(DictVectorizer(), LogisticRegression(C=10, max_iter=300))
    model.fit(
        [each for text, _ in given for each in features(text)],
        [each for pair in given for each in written(*pair)],
    )
    return ["".join(model.predict(features(text_of(values)))) for values in asked]


def written(text: str, answer: str) -> list[str]:
    """What each character of the text writes of the answer, by the least edits (Levenshtein, 1966); what is
    put in goes to the character before it.
    """
    rows, columns = len(text), len(answer)
    cost = [[one + two for two in range(columns + 1)] for one in range(rows + 1)]
    for one, letter in enumerate(text, start=1):
        for two, other in enumerate(answer, start=1):
            swap = cost[one - 1][two - 1] + (letter.lower() != other.lower())
            cost[one][two] = min(swap, cost[one - 1][two] + 1, cost[one][two - 1] + 1)
    found, one, two = [""] * rows, rows, columns
    while one or two:
        is_same = one and two and text[one - 1].lower() == answer[two - 1].lower()
        if one and two and cost[one][two] == cost[one - 1][two - 1] + (not is_same):
            one, two = one - 1, two - 1
            found[one] = answer[two] + found[one]
        elif two and cost[one][two] == cost[one][two - 1] + 1:
            two -= 1
            found[max(0, one - 1)] = answer[two] + found[max(0, one - 1)]
        else:
            one -= 1
    return found


def p2m(name: str, learnt: Sequence[Row], asked: Sequence[dict[str, str]]) -> tuple[list[str], str]:
    """The answers of a build by its command, and its verdict."""
    inputs = list(asked[0])
    recipe = {
        "defaults": ["base", {"override teacher": "none"}, {"override retriever": "none"}, "_self_"],
        "name": name, "prompt": PROMPTS[name],
        "task": {"type": "text2text-generation", "inputs": inputs, "output": "answer"},
        "metrics": {"primary": "exact_match"}, "data": {"train": "rows.csv"},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="p2m-rewriting-") as place:
        folder = Path(place)
        (folder / "outputs").mkdir()
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
        _write(folder / "rows.csv", [values | {"answer": answer} for values, answer in learnt])
        _write(folder / "asked.csv", asked)
        done = subprocess.run(
            [sys.executable, "-m", "p2m", "build", "recipe.yaml"], cwd=folder, capture_output=True, text=True
        )
        bundles = [folder / "outputs" / name, folder / "outputs" / name / "rejected"]
        bundle = next((each for each in bundles if (each / "manifest.json").is_file()), None)
        if bundle is None:
            raise SystemExit(f"the build failed: {done.stdout[-500:]}{done.stderr[-1000:]}")
        said = folder / "said.csv"
        subprocess.run([sys.executable, str(bundle / "predict.py"), str(folder / "asked.csv"), str(said)],
                       capture_output=True, check=True)  # fmt: skip
        with said.open(encoding="utf-8", newline="") as lines:
            answers = [row["answer"] for row in csv.DictReader(lines)]
        return answers, "SHIP" if done.returncode == 0 else "does not ship"


def _write(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--tables", default=",".join(PROMPTS), help="with commas between")
    parser.add_argument("--rows", type=int, default=500, help="to learn from")
    given = parser.parse_args(argv)
    peers: dict[str, Way] = {"copy": copy, "nearest": nearest, "edits": edits}
    print(f"{'table':<10} {'p2m':>16}  " + "  ".join(f"{name:>8}" for name in peers) + "  verdict")
    scores: dict[str, list[float]] = {name: [] for name in (P2M, *peers)}
    for name in given.tables.split(","):
        learnt, judged = table(name, given.data, given.rows)
        asked, right = [values for values, _ in judged], [answer for _, answer in judged]
        began = time.perf_counter()
        answers, verdict = p2m(name, learnt, asked)
        took = time.perf_counter() - began
        scores[P2M].append(_share(answers, right))
        for peer, way in peers.items():
            scores[peer].append(_share(way(learnt, asked), right))
        cells = "  ".join(f"{scores[peer][-1]:>8.3f}" for peer in peers)
        print(f"{name:<10} {f'{scores[P2M][-1]:.3f} ({took:4.0f} s)':>16}  {cells}  {verdict}", flush=True)
    return verdict_of(scores)


def verdict_of(scores: dict[str, list[float]]) -> int:
    means = {name: sum(values) / len(values) for name, values in scores.items()}
    own, best = means[P2M], max(value for name, value in means.items() if name != P2M)
    others = zip(*(values for name, values in scores.items() if name != P2M), strict=True)
    worst = min(round(one - max(rest), 6) for one, rest in zip(scores[P2M], others, strict=True))
    print(f"{'PASS' if own >= best else 'FAIL'}  p2m {own:.3f}, best peer {best:.3f} on average")
    print(f"{'PASS' if worst >= -0.02 else 'FAIL'}  on no table more than 0.02 below a peer: {worst:+.3f}")
    return 0 if own >= best and worst >= -0.02 else 1


def _share(said: Sequence[str], right: Sequence[str]) -> float:
    return sum(one == two for one, two in zip(said, right, strict=True)) / len(right)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
