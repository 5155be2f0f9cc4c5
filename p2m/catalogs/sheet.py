"""One sheet of a workbook, as CSV on standard output: python -m p2m.catalogs.sheet BOOK SHEET > FILE.csv"""

from __future__ import annotations

import csv
import sys
from contextlib import suppress
from pathlib import Path

from p2m.catalogs.tables import rows_of_sheet
from p2m.errors import UserError


def main(book: str, sheet: str) -> int:
    """Write it; the exit code is 2 where there is no such sheet."""
    try:
        rows = [cells for cells, _, _ in rows_of_sheet(Path(book), sheet)]
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    with suppress(BrokenPipeError):
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
