"""What stages use of curation: rules that say which rows go, nearness of rows, and figures."""

from p2m.curation.balance import surplus
from p2m.curation.checks import malformed, with_span_first
from p2m.curation.contamination import Protected, contaminated, exposed
from p2m.curation.decisions import answer_fault, decide, read_entries, settled
from p2m.curation.holdout import Noted, Pool, folded, hold_out
from p2m.curation.repeats import near_duplicates, repeated, same_input
from p2m.curation.rules import ORIGINS, from_origin, inputs, origin, shown, sift
from p2m.curation.similar import Index, Shingled, clusters, fold, near_to
from p2m.curation.summary import summary

__all__ = [
    "ORIGINS", "Index", "Noted", "Pool", "Protected", "Shingled", "answer_fault", "clusters", "contaminated",
    "decide", "exposed", "fold", "folded", "from_origin", "hold_out", "inputs", "malformed",
    "near_duplicates", "near_to", "origin", "read_entries", "repeated", "same_input", "settled",
    "shown", "sift", "summary", "surplus", "with_span_first",
]  # fmt: skip
