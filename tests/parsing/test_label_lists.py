# ruff: noqa: E501
"""Lists of labels in the forms that people write them."""

from __future__ import annotations

import pytest

from p2m.parsing.demonstrations import take_apart
from p2m.parsing.labels import STRONG, read_labels
from p2m.parsing.rests import items

LISTS = [
    (
        "reviews of our kayak tours - calm / fun / scary, whichever the guest felt, and if they only talk about"
        " the weather say weather",
        ("calm", "fun", "scary", "weather"),
    ),
    (
        'Tell me if the guest wants a late check-out, an extra bed, or a taxi. "a cab for six" -> a taxi',
        ("late check-out", "extra bed", "taxi"),
    ),
    ("Sort the letter into one of: permits, taxes, parks, other.", ("permits", "taxes", "parks", "other")),
    ("Which desk gets it?\n\n- Permits: sheds, signs\n- Taxes: anything about money owed\n- Parks & Trees: branches, benches", ("Permits", "Taxes", "Parks & Trees")),
    ("Give the urgency.\n\n1. at once\n2. this week\n3. whenever", ("at once", "this week", "whenever")),
    ("Give the urgency, the number only.\n\n1. at once\n2. this week\n3. whenever", ("1", "2", "3")),
    ("Classify the note.\n\n| label | when |\n|---|---|\n| leak | water where it should not be |\n| mould | black spots |\n| noise | neighbours |", ("leak", "mould", "noise")),
    ("Grade the essay: pass, borderline, fail.", ("pass", "borderline", "fail")),
    ("Is the caller angry or calm?", ("angry", "calm")),
    ('Say whether the claim is "supported", "refuted" or "not stated".', ("supported", "refuted", "not stated")),
    ("Label the tone as `warm`, `neutral` or `cold`.", ("warm", "neutral", "cold")),
    ("Tag the post with meme/question/rant, nothing else.", ("meme", "question", "rant")),
    ("Output one of ALLOW | REVIEW | BLOCK for the comment.", ("ALLOW", "REVIEW", "BLOCK")),
    ('Predict the species from ["setosa", "virginica", "versicolor"].', ("setosa", "virginica", "versicolor")),
    ("Answer with the letter only. A: refund, B: exchange, C: repair", ("A", "B", "C")),
    ("Rate the damage from 1 to 5.", ("1", "2", "3", "4", "5")),
    ("Output 1 if the sentence is a lie, otherwise 0.", ("1", "0")),
    ("Answer Same if both words rhyme; answer Different if they do not.", ("Same", "Different")),
    ("Does the sign forbid parking? yes/no", ("yes", "no")),
    ("Ordne die Anfrage einer Abteilung zu: Einkauf, Vertrieb oder Lager.", ("Einkauf", "Vertrieb", "Lager")),
    ("Classe le message : urgent, normal ou à ignorer.", ("urgent", "normal", "à ignorer")),
    ("Clasifica la reseña como positiva, negativa o mixta.", ("positiva", "negativa", "mixta")),
    ("次の問い合わせを「請求」「配送」「その他」のいずれかに分類してください。", ("請求", "配送", "その他")),
    ("判断这条评论属于哪一类：好评、中评、差评", ("好评", "中评", "差评")),
    ("Определи отдел: бухгалтерия, склад или юристы.", ("бухгалтерия", "склад", "юристы")),
    ("صنف الرسالة: شكوى، استفسار، اقتراح", ("شكوى", "استفسار", "اقتراح")),
    ("Which trade? <trade>roof</trade> <trade>drains</trade> <trade>glass</trade>, one of them.", ("roof", "drains", "glass")),
    ("Which pile does it go on: (a) letters, (b) bills or (c) adverts? Write the word.", ("letters", "bills", "adverts")),
    ("Say in which category the note belongs:\n\nATTIC   boxes, mice\nCELLAR  damp, wine\nYARD    the rest", ("ATTIC", "CELLAR", "YARD")),
    ("Was will der Mieter? Kündigung, Reparatur sowie Auskunft sind möglich.", ("Kündigung", "Reparatur", "Auskunft")),
    ("Send the letter to permits, taxes or parks; anything else is misc.", ("permits", "taxes", "parks", "misc")),
    ("Sort letters into permits, taxes or parks. Whatever is left goes to the queue Archive.", ("permits", "taxes", "parks", "Archive")),
    ("Queues: permits, taxes, parks. If you can't tell, say front_desk.", ("permits", "taxes", "parks", "front_desk")),
    ("Trie les lettres : permis, impôts ou parcs. Si rien ne convient, mets « à voir ».", ("permis", "impôts", "parcs", "à voir")),
    ("Classe la lettre : permis, impôts, en attente.", ("permis", "impôts", "en attente")),
    ("```python\nDESKS = [\n    'permits',  # sheds\n    'taxes',\n    'parks',\n]\n```\nWhich desk is the letter for?", ("permits", "taxes", "parks")),
    ("Give each post one hashtag:\n\n#roof leaks and tiles\n#drain smells\n#glass broken panes", ("#roof", "#drain", "#glass")),
    ("Auf einer Skala von 1 (kann noch bis nächste Woche liegen bleiben) bis 4 (sofort) die Dringlichkeit angeben.", ("1", "2", "3", "4")),
    ("Deel het bericht in bij een van deze:\n\n- Vragen en klachten\n- Storing of onderhoud\n- Facturen", ("Vragen en klachten", "Storing of onderhoud", "Facturen")),
    ("The language, one of [\n    'C#',  # and F#\n    'C++',\n    'Java',\n]", ("C#", "C++", "Java")),
    ("The CEFR level of the essay, A1 to C2.", ("A1", "A2", "B1", "B2", "C1", "C2")),
    ("Which plants does the note name? One of:\noak, ash, elm,\nbeech, lime, yew", ("oak", "ash", "elm", "beech", "lime", "yew")),
    ("Team for the ticket: billing, technical or account. Write none if you cannot say.", ("billing", "technical", "account", "none")),
    ("Wem gehört der Brief: Einkauf, Vertrieb oder Lager? Passt nichts, dann Sonstiges.", ("Einkauf", "Vertrieb", "Lager", "Sonstiges")),
    ("Quel atelier ? Le four, l'établi ou la forge ; sinon écrire autre.", ("four", "établi", "forge", "autre")),
    ("고객 문의를 환불, 교환, 배송 중 하나로 나누고 어디에도 안 맞으면 기타로 해 주세요.", ("환불", "교환", "배송", "기타")),
    ("Dilekçe itiraz mı, talep mi, bilgi mi? Tek kelimeyle sınıflandır.", ("itiraz", "talep", "bilgi")),
    ("댓글을 분류하세요. 글쓴이가 찬성인지 반대인지 중립인지 답하세요.", ("찬성", "반대", "중립")),
    ("Est-ce une plainte de bruit, d'odeur ou de stationnement ?", ("bruit", "odeur", "stationnement")),
    ("Note each review as one of -1 bad 0 mixed 1 good and print only the number.", ("-1", "0", "1")),
    ("Mark the result of the test as pass, fail or n/a.", ("pass", "fail", "n/a")),
    ("1. PURPOSE\n1.1 A clause is read.\n1.2 Its heading is returned, one of:\n    (a) Rent;\n    (b) Repairs;\n    (c) Notice; or\n    (d) Unclassified.\n1.3 The letter is no part of the output.", ("Rent", "Repairs", "Notice", "Unclassified")),
    ("案件の種類を選ぶ。\n① 契約\n② 相続\n③ 離婚\n番号ではなく種類を答える。", ("契約", "相続", "離婚")),
    ("Return true when the note names a drug, false in all other cases.", ("true", "false")),
    ("Is it worn? WORN when a part is missing, thin or loose; FINE otherwise.", ("WORN", "FINE")),
    ("Say left or right if the arrow shows it, and unclear otherwise.", ("left", "right", "unclear")),
    ("Верни true, если письмо о ремонте, и false, если нет.", ("true", "false")),
    ("Stance of the reply. If it backs the post, agree. If it argues against it, disagree. If it is about something else, unrelated.", ("agree", "disagree", "unrelated")),
    ("Questions that a child can answer are EASY, and those that take a book are HARD.", ("EASY", "HARD")),
    ("Tell spam from not spam.", ("spam", "not spam")),
    ("A hint is useful if it names a place. Anything vaguer is useless or plainly unhelpful; say helpful or unhelpful.", ("helpful", "unhelpful")),
    ("How was the stay? 1 = dreadful ... 5 = splendid. One digit.", ("1", "2", "3", "4", "5")),
    ("Give the alert a priority P0-P4. P0 wakes people up. Output only the priority.", ("P0", "P1", "P2", "P3", "P4")),
    ("One out of {Bug, Wish, Question} for the ticket.", ("Bug", "Wish", "Question")),
    ("判断用户的意图，从【退款】【换货】【催单】中选一个输出。", ("退款", "换货", "催单")),
    ("Rate how urgent the message is: low < medium < high < at once", ("low", "medium", "high", "at once")),
    ("The news belongs to World, Sport, Business or Sci/Tech.", ("World", "Sport", "Business", "Sci/Tech")),
    ("Issue type? Choose between Bug, Task, Story & Epic.", ("Bug", "Task", "Story", "Epic")),
    ("code,meaning\nRT,right turn\nLT,left turn\nRE,rear end\n\nThe input is a report of a crash. The output is the code.", ("RT", "LT", "RE")),
    ("Réponds par oui ou par non : le message menace-t-il quelqu'un ?", ("oui", "non")),
    ("Chcę wiedzieć, czy to zwrot, wymiana czy tylko pytanie.", ("zwrot", "wymiana", "pytanie")),
    ("返金を求めていますか。はいかいいえで答えて。", ("はい", "いいえ")),
    ("Tell me whether the tenant's e-mail mentions an intention to move out.", ("yes", "no")),
    ("Prüfe, ob der Brief eine Kündigung enthält.", ("ja", "nein")),
    ("Lettered grounds:\n(a) Rent\n(b) Repairs\n(c) Notice\n\n4.1 The name, not the letter, is returned.\n4.2 One only.", ("Rent", "Repairs", "Notice")),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "labels"), LISTS, ids=[row[0][:40] for row in LISTS])
def test_a_list_of_labels_is_read_in_every_form(prompt: str, labels: tuple[str, ...]) -> None:
    assert read_labels(prompt, []).values == labels


@pytest.mark.parametrize(
    "prompt",
    [
        "Summarise the report for a manager, a lawyer and a customer, e.g. costs, risks and dates.",
        "Translate the sentence into German. Keep names, numbers and units.",
        "Rewrite the mail politely.",
    ],
)
def test_what_is_listed_by_the_way_is_no_list_of_labels(prompt: str) -> None:
    assert read_labels(prompt, []).strength < STRONG


def test_what_is_said_of_the_rest_is_a_label_where_it_names_one() -> None:
    desks = "Put the letter under permits, taxes or parks."
    for last in ("If you are not sure, ask Ann on Monday.", "Letters to Ann are sorted already.", ""):
        assert read_labels(f"{desks} {last}", []).values == ("permits", "taxes", "parks")
    assert read_labels(f'{desks} If it is none of them, say "ask Ann".', []).values[3:] == ("ask Ann",)


def test_demonstrated_answers_decide_between_lists() -> None:
    prompt = "Title, date or name may be missing. Say where it goes: attic, cellar or shed."
    assert read_labels(prompt, ["cellar", "attic"]).values == ("attic", "cellar", "shed")
    assert read_labels("Say where it goes.", ["attic", "shed", "attic", "attic", "shed"]).values == (
        "attic",
        "shed",
    )


def test_demonstrated_answers_that_join_labels_are_taken_apart() -> None:
    outputs = ["wet, dark", "dark", "cold, wet", "cold", "(nothing)", "dark, cold"]
    assert read_labels("What is wrong with the room?", outputs).values == ("wet", "dark", "cold")


def test_labels_are_spelt_as_they_are_demonstrated() -> None:
    assert read_labels("Answer with Spam or Ham.", ["ham", "spam"]).values == ("spam", "ham")


@pytest.mark.parametrize(
    "piece", ["a or b, ", "- x - y z\n", "A (b) ", "P1 = x ", "word ", '"q" ', "a if b, ", "x | y "]
)
def test_very_long_prompts_are_read_too(piece: str) -> None:
    """Lists are looked for by patterns; none may try every way of cutting a long line."""
    read_labels(piece * (3_000 // len(piece)), [])
    take_apart(piece * (3_000 // len(piece)))


def test_a_phrase_is_a_label_by_what_stands_around_it() -> None:
    scores = items("Somebody locked out right now is an Emergency. What would a rekey cost: Quote.")
    assert scores["emergency"] > scores["somebody"]
    assert scores["quote"] > scores["what would"]
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
