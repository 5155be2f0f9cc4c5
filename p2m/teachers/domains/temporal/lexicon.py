"""The words of the sentences around an expression, from `lexicon.txt`."""

from __future__ import annotations

from pathlib import Path

from p2m.word_lists import WordLists

LEXICON = WordLists(Path(__file__).with_name("lexicon.txt"))
PREDICATES = {  # what someone did, and will do
    kind: LEXICON.table(kind, 2)
    for kind in ("public", "company", "sport", "place", "nature", "casual", "durative")
}
