"""What datasets on disk are to the stages: cards of a catalogue, rows of a file, columns for fields."""

from p2m.answers.labels import label_reader
from p2m.catalogs.cards import Catalogue, learnable, open_catalogue, part_paths, placeless, text_folders
from p2m.catalogs.columns import Column, flatten, observe
from p2m.catalogs.convert import Converter
from p2m.catalogs.front_matter import normal_license
from p2m.catalogs.gathering import Gathering, gathering
from p2m.catalogs.joined import is_mapped, of_dataset
from p2m.catalogs.mapping import SURE, Fit, answer_column, map_columns, map_inputs
from p2m.catalogs.pairs import made_into
from p2m.catalogs.rows import (
    TABLES,
    TEXTS,
    RawRow,
    data_format,
    has_marks,
    labelled_texts,
    read_rows,
    require,
    text_lines,
    whole_text,
)
from p2m.catalogs.tables import no_header
from p2m.catalogs.traces import asked_fields, is_trace, last_user_message
from p2m.catalogs.vocabulary import is_known

__all__ = [
    "SURE", "TABLES", "TEXTS", "Catalogue", "Column", "Converter", "Fit", "Gathering", "RawRow",
    "answer_column", "asked_fields", "data_format", "flatten", "gathering", "has_marks", "is_known",
    "is_mapped", "is_trace", "label_reader", "labelled_texts", "last_user_message", "learnable", "made_into",
    "map_columns", "map_inputs", "no_header", "normal_license", "observe", "of_dataset", "open_catalogue",
    "part_paths", "placeless", "read_rows", "require", "text_folders", "text_lines", "whole_text",
]  # fmt: skip
