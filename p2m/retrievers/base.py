"""What retrievers are to the stages: the Protocols, the index of a catalogue, and what suits a task."""

from p2m.retrievers.card_index import index_of, open_index, write_index
from p2m.retrievers.hybrid import Hybrid
from p2m.retrievers.ranking import EVIDENCE, WEIGHTS
from p2m.retrievers.suiting import is_textless, speaks, suits
from p2m.types import IndexRetriever, Retriever

__all__ = [
    "EVIDENCE", "WEIGHTS", "Hybrid", "IndexRetriever", "Retriever", "index_of", "is_textless", "open_index",
    "speaks", "suits", "write_index",
]  # fmt: skip
