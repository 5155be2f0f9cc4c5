"""Tables for bench/tables.py: scikit-learn's own, or made by rule with words and weights by seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Row = dict[str, str]
NUMBER, OPTIONS = "number", ("A", "B", "C", "D")  # the output of a regression; the columns of choices
TOPICS = """\
a lost parcel|a delivery that never came|Where is my box?|The courier was not here.
a wrong bill|an invoice with a mistake|You charged me twice.|The amount to pay is too high.
a forgotten password|trouble with signing in|I cannot log in.|How do I get back into my account?
opening hours|when the shop is open|Are you there on Sunday?|How late can I come?
a broken device|hardware that has a defect|It does not turn on.|The screen is cracked.
the weather|sun and rain|Will I need an umbrella?|How cold does it get tonight?
cooking|a recipe for a meal|How long do I boil the eggs?|Which spice goes with lamb?
a doctor's visit|a medical appointment|My throat has hurt for days.|I need a prescription.
public transport|trains and buses|Which line goes to the airport?|Is the tram late?
gardening|plants and flowers|How often do I water the roses?|When are tulips planted?
a holiday trip|travel abroad|Which hotel has a pool?|Do I need a visa?"""


@dataclass(frozen=True)
class Table:
    """Rows to learn from, and rows that are new."""

    prompt: str
    learnt: Sequence[Row]
    asked: Sequence[Row]
    output: str
    texts: tuple[str, ...] = ()
    group: str | None = None

    @property
    def inputs(self) -> list[str]:
        return [name for name in self.learnt[0] if name not in (self.output, self.group)]

    def score(self, said: Sequence[str], *, ranks: bool = False) -> float:
        """Accuracy or R2, in %; of `ranks` the correlation of these, as p2m says it of numbers."""
        right = [row[self.output] for row in self.asked]
        if self.output != NUMBER:
            return 100 * float(np.mean([a == b for a, b in zip(said, right, strict=True)]))
        from scipy.stats import spearmanr

        gold, told = np.array(right, float), np.array(said, float)
        r2 = 1 - ((gold - told) ** 2).sum() / ((gold - gold.mean()) ** 2).sum()
        return 100 * float(spearmanr(told, gold)[0] if ranks else r2)

    def commonest(self) -> float:
        answers = [row[self.output] for row in self.learnt]
        middle = sorted(answers, key=float)[len(answers) // 2] if self.output == NUMBER else ""
        return self.score([middle or max(set(answers), key=answers.count)] * len(self.asked))


# --------------------------------------------------------------------------- tables


def bundled(name: str, lot: random.Random) -> Table:
    from sklearn import datasets

    found = getattr(datasets, {"cancer": "load_breast_cancer"}.get(name, f"load_{name}"))()
    output = NUMBER if name == "diabetes" else "kind"
    names = [str(each).replace(" ", "_") for each in found.feature_names]
    rows = []
    for values, target in zip(found.data, found.target, strict=True):
        answer = str(target) if output == NUMBER else str(found.target_names[target])
        rows.append({key: f"{each:.6g}" for key, each in zip(names, values, strict=True)} | {output: answer})
    lot.shuffle(rows)
    cut = len(rows) * 2 // 3
    return Table(f"Tell the {output} from the measurements.", rows[:cut], rows[cut:], output)


def words(lot: random.Random, number: int) -> list[str]:
    return ["".join(lot.choices("abcdefghijklmnoprstuvw", k=lot.randint(3, 8))) for _ in range(number)]


def account(name: str, lot: random.Random) -> Table:
    """A note, a plan, seats and days since the last login; what they come to, above or below nought."""
    filling, hints = words(lot, 200), (words(lot, 15), words(lot, 15))
    plans = {plan: lot.uniform(-1, 1) for plan in ("free", "team", "pro", "enterprise")}
    slope, bend, rows = lot.choice((-1, 1)) * lot.uniform(0.6, 1.2), lot.uniform(20, 60), []
    for _ in range(1000):
        plan, seats, days = lot.choice([*plans]), int(lot.lognormvariate(2.5, 1)) + 1, lot.randint(0, 120)
        mood = lot.gauss(0, 1)
        note = lot.choices(filling, k=lot.randint(5, 12))
        note += lot.choices(hints[mood > 0], k=min(2, int(abs(mood) * 1.5)))
        lot.shuffle(note)
        total = mood + plans[plan] + slope * np.log(seats / 12) + (1.2 if days > bend else -1.2)
        by_chance = name == "churn" and lot.random() < 0.2
        won = lot.choice(("yes", "no")) if by_chance else "yes" if total > 0 else "no"
        row = {"note": " ".join(note), "plan": plan, "seats": str(seats), "days": str(days), "won": won}
        rows.append(row)
    return Table("Say whether this account is won: yes or no.", rows[:400], rows[400:], "won", ("note",))


def choices(_: str, lot: random.Random) -> Table:
    topics, rows = [line.split("|") for line in TOPICS.splitlines()], []
    for _row in range(350):
        shown, right = lot.sample(topics, 4), lot.randrange(4)
        lead = lot.choice(("", "", "Hello, ", "One question: ", "Please help. "))
        options = {letter: lot.choice(topic[:2]) for letter, topic in zip(OPTIONS, shown, strict=True)}
        rows.append({"question": lead + lot.choice(shown[right][2:]), **options, "answer": OPTIONS[right]})
    prompt = "Answer with the letter of the option that says what the question is about."
    return Table(prompt, rows[:150], rows[150:], "answer", ("question", *OPTIONS))


def noise(_: str, lot: random.Random) -> Table:
    told = words(lot, 200)
    rows = [
        {"text": " ".join(lot.choices(told, k=8)), "size": str(lot.randint(1, 99)), "kind": lot.choice("xyz")}
        for _ in range(600)
    ]
    return Table("Say which kind it is.", rows[:250], rows[250:], "kind", ("text",))


def customers(name: str, lot: random.Random) -> Table:
    filling, rows = words(lot, 300), []
    hints = {team: words(lot, 25) for team in ("billing", "sales", "technical")}
    told = 0.5 if name == "customers" else 0.0
    for customer in range(100):
        style, own = lot.sample(filling, 6), lot.choice([*hints])
        for _ in range(12):
            team = own if lot.random() < 0.8 else lot.choice([*hints])
            text = [*lot.choices(filling, k=8), *lot.choices(style, k=5)]
            text += [lot.choice(hints[team] if lot.random() < told else filling) for _ in range(3)]
            lot.shuffle(text)
            rows.append({"message": " ".join(text), "customer": f"c{customer}", "team": team})
    prompt = "Say which team answers the message."
    return Table(prompt, rows[:480], rows[480:], "team", ("message",), "customer")


TABLES: dict[str, Callable[[str, random.Random], Table]] = {
    **dict.fromkeys(("cancer", "wine", "iris", "diabetes"), bundled), "leads": account, "churn": account,
    "choices": choices, "noise": noise, "customers": customers, "strangers": customers,
}  # fmt: skip
BY_CHANCE = ("noise", "strangers")  # of which nothing tells the answers of new rows
