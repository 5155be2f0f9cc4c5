# ruff: noqa: E501, SIM905
"""Names that columns of real datasets have, by what they hold; within a group, the commonest first."""

from __future__ import annotations

import re

# Each group is a role; a field and a column of one group are taken to mean the same.
GROUPS: dict[str, tuple[str, ...]] = {
    "question": ("question", "query", "questions", "problem", "q", "question_text", "disfluent_question", "frage"),
    "context": ("context", "passage", "paragraph", "document", "article", "story", "background", "contexts",
                "support", "evidence", "text", "passage_text", "kontext", "contexte"),
    "answer": ("answer", "answers", "answer_text", "final_answer", "short_answer", "correct_answer", "span", "response",
               "value", "answers_text", "gold_answer", "target", "output"),
    "text": ("text", "sentence", "content", "review", "tweet", "comment", "comment_text", "review_body", "review_text",
             "verse_text", "document", "article", "utterance", "message", "post", "body", "texts", "input", "headline",
             "claim", "statement", "query", "question", "sms", "email", "email_body", "abstract", "title", "tokens",
             "news", "phrase", "speech", "lyrics", "sentences", "full_text", "main_text"),
    "label": ("label", "labels", "class", "category", "target", "intent", "sentiment", "topic", "emotion", "gold_label",
              "stars", "star_rating", "rating", "polarity", "stance", "toxic", "toxicity", "is_toxic", "hate", "spam",
              "score", "fine_label", "coarse_label", "label_text", "classification", "type", "tag", "genre", "language",
              "hyperpartisan", "output", "answer", "diff_type", "ner_tags", "offensive"),
    "premise": ("premise", "sentence1", "sentence_1", "sentence_a", "sent1", "text1", "s1", "sentence"),
    "hypothesis": ("hypothesis", "sentence2", "sentence_2", "sentence_b", "sent2", "text2", "s2"),
    "sentence1": ("sentence1", "sentence_1", "sentence_a", "sent1", "text1", "s1", "premise", "question1", "q1"),
    "sentence2": ("sentence2", "sentence_2", "sentence_b", "sent2", "text2", "s2", "hypothesis", "question2", "q2"),
    "question1": ("question1", "q1", "question_1", "sentence1", "text1"),
    "question2": ("question2", "q2", "question_2", "sentence2", "text2"),
    "title": ("title", "headline", "subject", "subject_line", "heading", "name"),
    "summary": ("summary", "highlights", "tldr", "abstract", "summaries", "short", "headline", "title", "target"),
    "code": ("code", "snippet", "program", "solution", "func", "function", "sql", "canonical_solution"),
    "word": ("word", "token", "lemma", "term", "grapheme"),
    "pronunciation": ("pronunciation", "phones", "phonemes", "phoneme", "ipa"),
    # Whatever goes in or comes out of text to text.
    "input": ("input", "inputs", "source", "src", "text", "document", "article", "sentence", "prompt", "instruction",
              "question", "query", "intent", "rewritten_intent", "nl", "body", "content", "email_body", "documents",
              "dialogue", "passage", "review_sents", "original", "complex", "claim", "review", "word", "premise",
              "default_seq"),
    "output": ("output", "outputs", "target", "tgt", "summary", "response", "completion", "answer", "answers",
               "translation", "simple", "simplification", "paraphrase", "snippet", "code", "highlights", "tldr",
               "subject_line", "headline", "summaries", "title", "label", "phones", "simplifications",
               "correction_seq", "hypothesis"),
}  # fmt: skip
_KNOWN = frozenset(name for names in GROUPS.values() for name in names)
# Columns that say which row it is, and nothing of the task.
BOOKKEEPING = frozenset(
    "id ids idx index uuid guid key url uri link links hash sha date time timestamp created path file filename split"
    " version author user username count counts start end offset license domain lang language repo commit answer_start"
    " answer_end published ups score_count paperid docid qid pid uid rowid page".split()
)
ALSO = ("also", "aliases", "alternatives", "other_answers")  # columns of further right answers
# Words of an instruction, by stem, that name the sort of output it asks for.
ASKED = {
    "summar": "summary", "title": "title", "headline": "title", "subject": "title", "code": "code", "python": "code",
    "snippet": "code", "sql": "code", "program": "code", "phonem": "pronunciation", "pronounc": "pronunciation",
    "pronunciation": "pronunciation", "arpabet": "pronunciation", "コード": "code", "código": "code",
}  # fmt: skip


def is_known(name: str) -> bool:
    """Whether it is a column's usual name."""
    return plain(name) in _KNOWN


def plain(name: str) -> str:
    """`Review Body`, `reviewBody` and `review-body` alike."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\s\-./]+", "_", spaced).strip("_").lower()
