"""What a student would score after all rows, by what it scored after samples of them.

Errors fall about as a power of the number of rows (Hestness et al., 2017, arXiv 1712.00409). One student's
curve is too rough to be drawn out, but of two students that answer the same rows the ratio of their errors is
much surer than either: what moves both falls away. So that ratio's logarithm is what is drawn out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_BELIEVED = 0.5  # of the trend between the last two samples, since curves flatten
_LEAST = 1e-3  # error below which ratios tell nothing


def drawn_out(rows: Sequence[int], one: Sequence[float], other: Sequence[float], whole: int) -> float:
    """The logarithm of the ratio of two students' errors after `whole` rows: below 0, the first is better.

    `rows` are the sizes of the samples, ascending; `one` and `other` the errors (above 0) after each.
    """
    ratios = [
        math.log(max(first, _LEAST) / max(second, _LEAST)) for first, second in zip(one, other, strict=True)
    ]
    if len(ratios) < 2:
        return ratios[-1]
    slope = (ratios[-1] - ratios[-2]) / math.log(rows[-1] / rows[-2])
    return ratios[-1] + _BELIEVED * slope * math.log(whole / rows[-1])
