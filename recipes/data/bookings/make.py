"""Write train.jsonl: messages to a restaurant, put together from phrases, each with its booking.

    python recipes/data/bookings/make.py

Phrases are drawn by seed. test.jsonl is written by hand and nothing of it is in here.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

ROWS = 1200
NAMES = """Okafor|Lindqvist|Marta Kowal|Deniz|Mr Haddad|Ms Ferreira|the Novak family|
Yuki Tanaka|O'Brien|Priya|Sorensen|Anna-Lena Vogt|Baptiste|Dr Osei|Chen Wei|Rossi|
Ingrid|Tomasz|Mrs Abara|Leo Castellanos|Siobhan|Hakim|Van Dijk|Esperanza|Julia P.|
Moreau|Kaya|Petrov|Gupta|Aoife Byrne|Nils|Farah|the Lambert party|Zhang|Oduya""".replace("\n", "").split("|")
DAYS = """tomorrow|tonight|today|Friday|Saturday|next Sunday|this Thursday|Monday the 3rd|
the 14th|12 March|April 2nd|Friday week|the day after tomorrow|Wednesday evening|
Valentine's Day|New Year's Eve|29/11|Tuesday|the last Saturday in June|May 9|
Saturday 21 September|Sunday lunchtime|Easter Monday|the 30th of July|
Thursday next week""".replace("\n", "").split("|")
TIMES = """7|7 pm|19:30|half past six|8 o'clock|noon|12.15|quarter to nine|around eight|20h|
6:45 pm|one in the afternoon|21:00|half seven|eight thirty|5 p.m.|about 1 pm|
seven sharp|18.30|ten past eight""".replace("\n", "").split("|")
NUMBERS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
PEOPLE = (
    "for {n}",
    "for {n} people",
    "{n} of us",
    "a party of {n}",
    "we are {n}",
    "{n} guests",
    "{n} persons",
    "a table of {n}",
    "we will be {n}",
    "{n} adults",
)
ALONE = ("just me", "only myself", "a table for one", "I come alone")
PAIR = ("for my wife and me", "for a couple", "the two of us", "for us both")
SEATS = {
    "inside": (
        "inside, please",
        "indoors if you can",
        "not on the terrace",
        "by the fire",
        "somewhere warm inside",
        "in the dining room",
    ),
    "outside": (
        "on the terrace",
        "outside if it is dry",
        "in the garden, please",
        "out on the pavement is fine",
        "al fresco",
        "in the courtyard",
    ),
    "any": ("", "", "", "", "anywhere is fine", "we do not mind where we sit", "inside or out, as you like"),
}
OPENINGS = {
    "book": (
        "I would like to book a table",
        "Can we have a table",
        "Do you have anything free",
        "Please reserve a table",
        "Could you fit us in",
        "Hi, a reservation",
        "Hello, we want to come",
        "Is there room",
        "Table wanted",
        "We would love to eat with you",
        "Looking for a spot",
        "I want to reserve",
    ),
    "change": (
        "We have to move our booking",
        "Please change my reservation",
        "Could our table be shifted",
        "Something came up, can we come instead",
        "I need to alter a booking",
        "We are running late, make it",
        "Can you update our reservation",
        "There is a change to our table",
    ),
    "cancel": (
        "I must cancel our table",
        "Sorry, we cannot make it",
        "Please delete my reservation",
        "We will not be coming",
        "Cancel the booking",
        "Unfortunately we have to call off our table",
        "Kindly release our table",
        "No need to hold the table any longer",
    ),
}
NAMED = (
    "under {name}",
    "in the name of {name}",
    "the name is {name}",
    "for {name}",
    "({name})",
    "{name} here",
    "reservation {name}",
    "booked as {name}",
)
GREETING = ("", "", "", "Good evening. ", "Hi! ", "Hello there, ", "Dear team, ", "Hey, ")
GOODBYE = (
    "",
    "",
    "",
    " Thanks!",
    " Best wishes",
    " Kind regards",
    " See you soon.",
    " Thank you in advance.",
    " Cheers",
)
ASIDES = (
    "",
    "",
    "",
    "",
    " One of us is vegetarian.",
    " We bring a pram.",
    " It is a birthday.",
    " Is there parking?",
    " We have a dog.",
    " Our last visit was lovely.",
    " No nuts, please.",
    " My number is 0170 555 0142.",
    " Do you take cards?",
    " We come from the theatre.",
)


def said_people(lot: random.Random) -> tuple[str, int | None]:
    number = lot.choice((1, 2, 2, 2, 3, 4, 4, 4, 5, 6, 6, 7, 8, 9, 10, 12, 14, 20))
    if number == 1:
        return lot.choice(ALONE), 1
    if number == 2 and lot.random() < 0.25:
        return lot.choice(PAIR), 2
    word = NUMBERS[number] if number < len(NUMBERS) and lot.random() < 0.5 else str(number)
    return lot.choice(PEOPLE).format(n=word), number


def row(lot: random.Random) -> dict[str, object]:
    request = lot.choice(("book", "book", "book", "change", "cancel"))
    name = lot.choice(NAMES) if lot.random() < 0.7 else None
    day = lot.choice(DAYS) if lot.random() < (0.9 if request == "book" else 0.7) else None
    time = lot.choice(TIMES) if lot.random() < (0.85 if request != "cancel" else 0.4) else None
    text, people = said_people(lot) if lot.random() < (0.9 if request == "book" else 0.5) else ("", None)
    seat = lot.choice(("inside", "outside", "any", "any", "any")) if request != "cancel" else "any"
    when = [lot.choice(("on ", "for ", "")) + day] if day and day[0].isupper() else [day] if day else []
    when += [lot.choice(("at ", "")) + time] if time else []
    if lot.random() < 0.2:
        when.reverse()
    parts = [
        " ".join(when),
        text,
        lot.choice(SEATS[seat]),
        lot.choice(NAMED).format(name=name) if name else "",
    ]
    parts = [part for part in parts if part]
    if lot.random() < 0.5:
        lot.shuffle(parts)
    joined = lot.choice((", ", ", ", " ", " - ")).join(parts)
    opening = lot.choice(OPENINGS[request])
    message = lot.choice(GREETING) + opening + (lot.choice((" ", ", ", ": ")) + joined if joined else "")
    message += lot.choice((".", ".", "?", "!", "")) + lot.choice(ASIDES) + lot.choice(GOODBYE)
    if lot.random() < 0.15:
        message = message.lower()
        name, day, time = (each.lower() if each else None for each in (name, day, time))
    booking = {"request": request, "name": name, "day": day, "time": time, "people": people, "seat": seat}
    return {"message": message, "booking": booking}


def main() -> None:
    lot = random.Random("bookings")
    rows = {str(made["message"]): made for made in (row(lot) for _ in range(ROWS))}
    lines = (json.dumps(made, ensure_ascii=False) + "\n" for made in rows.values())
    Path(__file__).with_name("train.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
