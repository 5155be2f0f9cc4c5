"""What a verdict says of a model's scores: how many rows it answers at a precision, and how true they are."""

from __future__ import annotations

from p2m.types import Coverage, Evaluated, Exported


def sureness_lines(
    exported: Exported, evaluated: Evaluated, precision: float | None
) -> list[tuple[str, bool]]:
    """Lines, and whether what they say is met: a precision that the recipe asks for is missed where no score
    gives it, or where the interval on the rows that judge lies below it.
    """
    found = evaluated.sureness
    coverages = found.coverages if found else ()
    lines = []
    if precision is not None:
        asked = next((each for each in coverages if each.wanted == precision), None)
        met = asked is not None and asked.rows > 0 and asked.high >= precision
        lines.append((_asked(exported, asked, precision), met))
    if found is not None:
        told = ", ".join(
            f"{each.share:.2f} at {each.wanted:.0%} ({each.precision:.2f})" for each in coverages
        )
        lines += [(f"answers by precision (seen): {told}", True)] * bool(told)
        error = f"calibration error {found.error:.3f}, {found.before:.3f} before"
        lines.append((f"{error}; {exported.calibrated}", True))
    if (weak := evaluated.weakest) is not None:
        seen = f"{weak.value:.2f} [{weak.low:.2f}, {weak.high:.2f}] of {weak.rows} rows"
        lines.append((f"weakest where {weak.name}: {seen}", True))
    return lines


def precision_doubts(evaluated: Evaluated, precision: float | None) -> list[str]:
    """That a precision which counts as met was not quite seen."""
    found = evaluated.sureness.coverages if evaluated.sureness else ()
    return [
        f"the rows that judge show a precision of {_below(each.precision, precision)},"
        f" and {precision:g} within its interval"
        for each in found
        if each.wanted == precision and each.rows and each.precision < precision <= each.high
    ]


def _below(share: float, limit: float) -> str:
    """A share in as many digits, two at least, as tell it from the limit that it lies below."""
    told = (f"{share:.{digits}f}" for digits in range(2, 17))
    return next((text for text in told if float(text) < limit), f"{share}")


def _asked(exported: Exported, asked: Coverage | None, precision: float) -> str:
    limit = f"(>= {precision:g})"
    if asked is None:
        why = exported.calibrated if exported.calibrated.startswith("not") else "no score gives it"
        return f"precision of the answers given not reached {limit}: {why}"
    if not asked.rows:
        return f"precision of the answers given unknown {limit}: it abstains from every row"
    return (
        f"precision {asked.precision:.2f} [{asked.low:.2f}, {asked.high:.2f}] {limit}"
        f" of the {asked.share:.0%} of rows that it answers"
    )
