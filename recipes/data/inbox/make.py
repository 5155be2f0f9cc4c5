"""The mails of recipes/inbox.yaml, and what somebody who reads them would answer.

    python recipes/data/inbox/make.py           # mails.jsonl, always the same
    python recipes/data/inbox/make.py --answer  # and inbox.decisions.jsonl: answers given at the page's API

Mails are put together by lot from the sentences in situations.txt, so that who wrote them knows their desk.
The page does not: it asks, round after round, until it says that asking more hardly pays, or
MOST are answered.
"""

from __future__ import annotations

import json
import random
import sys
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RECIPE = HERE.parents[1] / "inbox.yaml"
EACH = 4  # mails a situation
MOST = 140  # answers: about an hour of a person's time
SLOTS = {
    "thing": "kettle|desk lamp|rucksack|office chair|toaster|bicycle pump|raincoat|blender|tent|bookshelf"
    "|pair of boots|speaker|garden hose|frying pan|suitcase|clock",
    "town": "Leith|Bramley|Corsham|Dunmore|Easton|Farnley|Hexby|Kilburn|Marsden",
    "day": "Monday|last Tuesday|Wednesday|Thursday morning|the weekend|the ninth|yesterday",
    "sum": "12.40|89|34.95|240|7.50|129.99|18|61.20",
    "number": "20-4471|B 88213|7719204|#55120|A-3090|611-28|40 0176",
    "name": "R. Okafor|Jenny|M. Lindqvist|Tom Abara|Mrs Pell|Dev|Ines Moreau|K. Sato|Bo",
}
BEGIN = "Hello,|Good morning,|Dear team,|Hi there,|To whom it may concern,|Hi,|Good evening,|"
BEFORE = (
    "I have been a customer of yours for years.|This is the second time that I write.|I ordered as {number}."
    "|My order was {number}.|Sorry to bother you again.|I hope I am writing to the right place."
    "|My husband usually sees to these things, but he is away.|I looked through your pages and found nothing."
    "|It is about the {thing}.|A quick one.||||"
)
AFTER = (
    "Please let me know.|What can be done?|I would be glad of an answer before {day}.|Thanks for your help."
    "|Could somebody look into it?|I can be reached in the evening.|Many thanks in advance.|Kindly advise."
    "|It is not urgent.|I am rather cross about it.||"
)
END = "{name}|Regards, {name}|Best, {name}|Yours, {name}, {town}|Sent from my phone|Thanks, {name}|"


def mails() -> dict[str, str]:
    """Text -> desk, in an order that tells nothing."""
    lot = random.Random(12)
    found: dict[str, str] = {}
    desk = ""
    for line in (HERE / "situations.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            desk = line.strip("[]")
        elif line:
            for _ in range(EACH):
                found[_mail(line, lot)] = desk
    order = sorted(found)
    lot.shuffle(order)
    return {text: found[text] for text in order}


def _mail(situation: str, lot: random.Random) -> str:
    def one(words: str) -> str:
        return lot.choice(words.split("|"))

    body = " ".join(filter(None, (one(BEFORE), situation, one(AFTER))))
    text = "\n".join(filter(None, (one(BEGIN), body, one(END))))
    for slot, words in SLOTS.items():
        while f"{{{slot}}}" in text:
            text = text.replace(f"{{{slot}}}", one(words), 1)
    return text


def answer(truth: dict[str, str]) -> None:
    """Answer what the page asks about until it says that more hardly pays."""
    from p2m.review.opening import open_desk
    from p2m.review.server import served

    RECIPE.with_suffix(".decisions.jsonl").unlink(missing_ok=True)
    opening = open_desk(RECIPE, (), print)
    with served(opening.desk) as server:
        while (state := _call(f"{server.address}state"))["decided"] < MOST:
            quality = state["quality"]
            print(state["decided"], f"answers: {quality.get('accuracy', 0):.2f}.", quality["advice"])
            if not quality.get("pays", True):
                break
            for row in _call(f"{server.address}rows"):
                told = {"id": row["id"], "action": "label", "output": truth[row["input"]["text"]]}
                _call(f"{server.address}decide", told)
    opening.close()


def _call(address: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as found:
        return json.load(found)


if __name__ == "__main__":
    made = mails()
    lines = "".join(f"{json.dumps({'text': text}, ensure_ascii=False)}\n" for text in made)
    (HERE / "mails.jsonl").write_text(lines, "utf-8")
    print(f"{len(made)} mails")
    if "--answer" in sys.argv:
        answer(made)
