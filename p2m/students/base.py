"""What a student family is to the stages: the Protocols, and what holds for all of them."""

from p2m.students.dealing import dealt
from p2m.students.deciding import decided, with_none
from p2m.students.labels import given, label_words, labels_of
from p2m.students.lengths import longer
from p2m.students.scoping import Held, held_out, scoped
from p2m.types import BaseEncoder, Lesson, LinearStudent, PairStudent, Student, TunedStudent

__all__ = [
    "BaseEncoder", "Held", "Lesson", "LinearStudent", "PairStudent", "Student", "TunedStudent", "dealt",
    "decided", "given", "held_out", "label_words", "labels_of", "longer", "scoped", "with_none",
]  # fmt: skip
