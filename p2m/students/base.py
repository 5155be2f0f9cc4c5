"""What a student family is to the stages: the Protocols, and what holds for all of them."""

from p2m.students.deciding import decided
from p2m.students.labels import given, label_words, labels_of
from p2m.students.lengths import longer
from p2m.types import BaseEncoder, Learner, Lesson, LinearStudent, Student, TunedStudent

__all__ = [
    "BaseEncoder",
    "Learner",
    "Lesson",
    "LinearStudent",
    "Student",
    "TunedStudent",
    "decided",
    "given",
    "label_words",
    "labels_of",
    "longer",
]
