"""What looks temporal and has no date: vague times, durations, frequencies, names, amounts, titles.

`undated` gives adverbials that stand where an expression could; the sentence lists hold the rest. None of it
is ever listed in an output: a week, a season, a quarter or a decade has no value in the three formats, and
what hangs on another event (`two days later`, `the following year`) cannot be dated from the posting date.
"""

from __future__ import annotations

from datetime import date
from random import Random

from p2m.teachers.domains.temporal.dates import MONTHS, WEEKDAYS, Direction
from p2m.teachers.domains.temporal.expressions import Phrase
from p2m.teachers.domains.temporal.lexicon import lines, words
from p2m.teachers.domains.temporal.numerals import cardinal_word

_PAST = words("""
last week, last week, last weekend, last summer, last winter, last spring, last fall, last autumn, a few
days ago, a few weeks ago, several weeks ago, a couple of months ago, a couple of years ago, some years
ago, many years ago, decades ago, centuries ago, ages ago, long ago, not long ago, a while ago, a while
back, recently, recently, just recently, earlier this week, over the weekend, in recent years, in recent
months, in recent weeks, in the first quarter, in the second half, in the third quarter, at the time, that
year, that summer, that same week, the following day, the next morning, the next day, the day before, two
days later, a week later, three years earlier, a month later, the previous night, at dawn, at noon,
around midnight, just before midnight, in the
morning, in the evening, late in the evening, in his youth, in her youth, as a child, as a teenager,
before the war, after the war, during the war, once, once before, back then, in those days, over the
holidays, at one point, overnight, just now, the other day, one day, one morning, moments ago, an hour
ago, hours ago, half an hour ago, a few minutes ago, weeks ago, in the meantime, on the same day, in the
early hours, at the last minute, early in the season, in the second half of the century, in the nineteenth
century, in the 18th century, in the Middle Ages, in antiquity, during the night, by then, in the end, for
the first time, for the second time, after lunch, before breakfast
""")
_FUTURE = words("""
next week, next week, next weekend, this weekend, next summer, next spring, this winter, next season, next
fall, soon, soon, very soon, shortly, someday, one day, some day, in a few days, in a few weeks, in a
couple of weeks, in a couple of days, in the coming months, in the coming weeks, in the near future, in
the coming years, sooner or later, eventually, before long, later this week, later, at some point, in an
hour, in half an hour, in a few minutes, in the evening, at noon, after lunch, after work, when the rain
stops, when I have time, at the end of the week, by the end of the week, over the weekend, in the next
decade, once the paint is dry, over the coming weeks, in the second quarter, in the fourth quarter, any
day now, next time, at the earliest opportunity, when the kids are older, after the holidays, before the
holidays, early next week, late next week, as soon as possible, in due course, in the long run, for the
first time, at dawn, around midnight, in the morning, until further notice, in the next few days, in no
time
""")
_OFTEN = words("""
every {weekday}, on {weekday}s, on {weekday}s, every {month}, each {month}, every day, every year, each
year, every summer, every week, every morning, every night, once a week, twice a month, twice a week, once
a year, three times a year, every other {weekday}, most weekends, at weekends, on weekdays, daily, weekly,
annually, every four years, every {count} days, all year round, year after year, on {weekday} mornings,
{weekday}s and {weekday}s, from {weekday} to {weekday}, all the time, day and night, 24/7, whenever it
rains
""")
_PERSON = words("""
April {last}, April {last}, May {last}, June {last}, June {last}, August {last}, January {last}, Summer
{last}, Autumn {last}, Theresa May, Doris Day, Wednesday Addams, Tuesday {last}, Noel {last}, Dawn {last},
Jan {last}, Easter {last}, Julius Caesar, {first} May, {first} Day, {first} Weeks, {first} March, {first}
Summers, {first} Winter, {first} August, Sunday {last}, Octavia {last}
""")
_TITLE = words("""
Friday Night Lights, Saturday Night Fever, The Day After Tomorrow, the film Groundhog Day, the film
Independence Day, the novel 1984, Blade Runner 2049, 2001: A Space Odyssey, the newspaper USA Today, The
Sunday Times, Monday Night Football, the film Black Sunday, the song Yesterday, the song Ruby Tuesday, the
song Manic Monday, the film Friday the 13th, the song September, the book First of May, The Guns of
August, A Year in Provence, Seven Years in Tibet, 500 Days of Summer, Tuesdays with Morrie, The Man Who
Was Thursday, Summer of Sam, Saturday Night Live, The Ides of March, Wake Me Up When September Ends, the
song Last Christmas, The Remains of the Day, Freaky Friday, the tune April in Paris, the song November
Rain, Gloomy Sunday, Training Day, The Longest Day, The Winter's Tale, One Hundred Years of Solitude, The
Hunt for Red October, Three Days of the Condor, 28 Days Later, Midnight in Paris, Tomorrow Never Dies,
Sunday Bloody Sunday, the series Wednesday, the biography Mr. October, the film 1917, the series 1899, the
series 24
""")
_PRODUCT = words("""
Windows 2000, Office 2016, Office 2019, the Peugeot 2008, the BMW 2002, the Boeing 2707, Python 3.11.2,
version 10.12.3, version 2.0, iOS 17.4.1, Model 2010, the X-2012, the Canon 1300, the Volvo 1800, kernel
5.10, release 21.04, the T-1000, Studio 1960, Chanel 19, Unreal 2004, the Nokia 2010, the ThinkPad 1920,
build 1903, firmware 1.8.12, the Atari 2600, the Roland 1984X, patch 7.11
""")

SENTENCES = lines("""
{title} is my favourite.
I finally watched {title} with {first}.
Do you know {title}?
{name} played the lead in {title}.
{person} keeps talking about {title}.
I never liked {title}.
{person} wrote an essay on {title}.
{title} won three awards.
My {object} does not run on {product}.
I upgraded to {product} and the sound is gone.
Is {product} compatible with my {object}?
{product} fixes the bug for me.
We installed {product} on {number} machines.
{name} is the new head of {org}.
{name} and {name} are cousins.
I spoke to {name} about the {object}.
Ask {name}, she knows everything.
{name} did not reply.
{number} people signed the petition.
The bridge is {number} metres long.
The village lies {number} metres above sea level.
The fine was ${number}.
The {object} costs {number} euros.
The stadium seats {number}.
We stayed in room {number}.
Flight {number} to {city} is delayed.
Take Route {number} towards {city}.
My ticket number is {code}.
Call 555-01{small} and ask for {first}.
Highway {small} is closed in both directions.
They live at {number} {month} Street.
The office is at {small} {weekday} Lane.
The essay must not exceed {number} words.
It needs 3/4 cup of sugar and 1/2 cup of milk.
About 4/5 of the voters stayed at home.
See section {small}.{tiny} of the manual.
The answer is on pages {tiny}-{small}.
The final score was {small}-{tiny}.
{team_cap} won {tiny}-{tiny2} on penalties.
A {age}-year-old man from {city} was arrested.
The {age}-year-old is in hospital.
{person}, {age}, is a nurse.
She is {age} years old.
The victim was a {age}-year-old student.
He is in his {tens}.
The puppy is {tiny} months old.
The warranty lasts {tiny} years.
The flight takes {tiny} hours.
Bake it for {small} minutes.
It was a {tiny}-day trip.
It is a three-year contract.
The course takes {tiny} weeks.
The journey lasted {tiny} days.
She was sentenced to {small} years in prison.
The battery lasts two days.
They have been married for {small} years.
I have been waiting for {tiny} weeks.
We have lived here for {small} years.
He has been sick all week.
The shop is open {weekday} to {weekday}.
The market is open on {weekday}s.
The pool is closed on {weekday}s.
Rehearsals are on {weekday}s at {clock}.
I work {weekday}s.
The train leaves every {small} minutes.
{org_cap} meets once a month.
The bus runs daily except {weekday}s.
The magazine appears four times a year.
Doors open at {clock}.
It starts at {clock}.
May I ask a question?
It may rain.
You may keep the {object}.
They march in step.
The march was peaceful.
The spring in my {object} is broken.
Turn left at the second light.
Wait a second.
It was his second goal.
The fall broke her hip.
I ordered dates and figs.
The date palm grows in sandy soil.
They had their first date in {city}.
The Summer Palace is worth a visit.
Christmas Island lies south of Java.
The {tens} were a good decade for {city}.
The {decade} were hard for {country}.
Music from the {decade} is the best.
He is a child of the {decade}.
In the {century} century, {city} was a village.
It happened ages ago.
Time flies.
Those were the days.
Better late than never.
The Day of the Dead is a great theme for a party.
{person} is a Sunday driver.
{city} has a Fourth Street but no Third Street.
The hashtag is #{weekday}Motivation.
He never works late.
She was ahead of her time.
The novel is set in an unnamed year.
I was born in the wrong century.
It happens once in a lifetime.
The two o'clock train was full.
These days nobody writes letters.
I will do it some other time.
Rome was not built in a day.
""")

_DURATIONS = ("for {n} {unit}s", "for more than {n} {unit}s", "over the past {n} {unit}s",
              "in the past {n} {unit}s", "for almost {n} {unit}s", "for {n} {unit}s in a row",
              "for the past {n} {unit}s")  # fmt: skip
_AHEAD = ("for {n} {unit}s", "within {n} {unit}s", "over the next {n} {unit}s", "for the next {n} {unit}s",
          "for at least {n} {unit}s", "in the next {n} {unit}s")  # fmt: skip
_WHOLE = words(
    "all day, all week, all night, for decades, for centuries, for most of the week, the whole time, for ages"
)
_DECADES = ("fifties", "sixties", "seventies", "eighties", "nineties")


def decade(rng: Random) -> str:
    """`1990s`, `'80s`, `nineties`: never a value."""
    ten = rng.randrange(2, 10) * 10
    century = 1800 if rng.random() < 0.2 else 1900
    return rng.choice((f"{century + ten}s", f"{century + ten}s", f"'{ten}s", rng.choice(_DECADES)))


def undated(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """An adverbial without a date, for the place where an expression could stand."""
    del anchor  # nothing here depends on it: that is the point
    kind = rng.random()
    past = tense == "past"
    if kind < 0.55:
        return Phrase("vague", rng.choice(_PAST if past else _FUTURE), None, nominal=False)
    if kind < 0.8:
        number = rng.randint(2, 12)
        unit = rng.choice(("day", "week", "month", "year", "hour"))
        word = cardinal_word(number) if rng.random() < 0.6 else str(number)
        pattern = rng.choice(_DURATIONS if past else _AHEAD)
        text = rng.choice(_WHOLE) if rng.random() < 0.15 else pattern.format(n=word, unit=unit)
        return Phrase("duration", text, None, nominal=False)
    if kind < 0.92:
        text = rng.choice(_OFTEN).format(
            weekday=rng.choice(WEEKDAYS), month=rng.choice(MONTHS), count=rng.randint(2, 9)
        )
        return Phrase("frequency", text, None, nominal=False)
    if past:
        phase = rng.choice(("", "", "early ", "late ", "mid-"))
        return Phrase("decade", f"in the {phase}{decade(rng)}", None, nominal=False)
    return Phrase("clock", f"at {clock(rng)}", None, nominal=False)


def clock(rng: Random) -> str:
    """A time of day alone."""
    hour, minute = rng.randint(1, 12), rng.choice((0, 15, 30, 45))
    half = rng.choice(("am", "pm", " a.m.", " p.m.", " AM", " PM"))
    return rng.choice(
        (f"{hour}{half}", f"{hour}:{minute:02d}{half}", f"{hour + 11}:{minute:02d}", f"{hour} o'clock")
    )


def name(rng: Random) -> str:
    """A person called like a month, a weekday or a season; {first} and {last} are still open."""
    return rng.choice(_PERSON)


def slots(rng: Random, slot: str, anchor: date) -> str | None:
    """What fills the slots that only the sentences of this module have; None for a slot that is not ours."""
    if slot == "number":
        near = anchor.year + rng.randint(-30, 20)
        return rng.choice(
            (str(near), str(near), f"{near:,}", str(rng.randint(1000, 2999)), f"{rng.randint(1000, 9999):,}")
        )
    if slot in _NUMBERS:
        return str(rng.randint(*_NUMBERS[slot]))
    if slot in _CHOICES:
        return rng.choice(_CHOICES[slot])
    return (
        {"name": name, "decade": decade, "clock": clock}[slot](rng)
        if slot in ("name", "decade", "clock")
        else None
    )


_NUMBERS = {"tiny": (2, 9), "tiny2": (0, 8), "small": (10, 60), "age": (16, 95)}
_CHOICES: dict[str, tuple[str, ...]] = {
    "title": _TITLE,
    "product": _PRODUCT,
    "weekday": WEEKDAYS,
    "month": MONTHS,
    "tens": (*_DECADES, "twenties", "thirties", "forties"),
    "century": ("twelfth", "fifteenth", "seventeenth", "18th", "19th", "thirteenth"),
}
