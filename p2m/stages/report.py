"""report: what the build came to, for people: a page with pictures, and a text for the terminal."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.reporting.base import Story, as_page, as_text, surveyed, wrong_rows
from p2m.types import (
    Account,
    Choice,
    Embeddings,
    Evaluated,
    Examples,
    Exported,
    Held,
    Ladder,
    Latencies,
    Measured,
    Report,
    Split,
    Task,
    Verdict,
)


@stage(version="4", kind="seeded")
def report(
    task: Task,
    curated: Examples,
    parts: Split,
    choice: Choice,
    exported: Exported,
    evaluated: Evaluated,
    measured: Measured,
    verdict: Verdict,
    account: Account | None,
    held: Held | None,
    latencies: Latencies | None,
    ladder: Ladder | None,
    embeddings: Embeddings | None,
    *,
    name: str,
    run: Run,
) -> Report:
    """Write `report.html` and `report.txt`; no clock, no host: the same artifacts give the same bytes.

    Of other versions of matplotlib and scikit-learn pictures and the map may be drawn otherwise.
    """
    story = Story(
        name,
        task,
        curated,
        parts,
        exported.fit,
        exported,
        evaluated,
        measured,
        verdict,
        choice,
        account,
        held,
        latencies,
        ladder,
        surveyed(
            task, parts, evaluated, wrong_rows(task, evaluated), embeddings.vectors if embeddings else None
        ),
    )
    folder = run.folder / "report"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(as_page(story), encoding="utf-8", errors="replace")
    (folder / "report.txt").write_text(as_text(story), encoding="utf-8", errors="replace")
    return Report(folder)
