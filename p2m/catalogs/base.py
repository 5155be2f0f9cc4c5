"""What datasets on disk are to the stages: cards of a catalogue, rows of a file, columns for fields."""

from p2m.catalogs.cards import Catalogue, Skipped, learnable, open_catalogue, part_paths, placeless
from p2m.catalogs.columns import Column, observe
from p2m.catalogs.convert import Converter
from p2m.catalogs.front_matter import normal_license
from p2m.catalogs.labels import label_reader
from p2m.catalogs.mapping import SURE, Fit, map_columns
from p2m.catalogs.rows import TABLES, RawRow, data_format, read_rows, require
from p2m.catalogs.tables import no_header
from p2m.catalogs.vocabulary import is_known

__all__ = [
    "SURE",
    "TABLES",
    "Catalogue",
    "Column",
    "Converter",
    "Fit",
    "RawRow",
    "Skipped",
    "data_format",
    "is_known",
    "label_reader",
    "learnable",
    "map_columns",
    "no_header",
    "normal_license",
    "observe",
    "open_catalogue",
    "part_paths",
    "placeless",
    "read_rows",
    "require",
]
