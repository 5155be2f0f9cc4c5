"""What `p2m ledger` prints."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from p2m.cli.text import table
from p2m.engine.recording.care import Found, Sum, Totals
from p2m.engine.recording.records import Record
from p2m.sizes import dollars, short, show_size

_WIDTH = 60  # characters of a request in a list
_DAYS = 14  # the latest ones that are shown


def totals_text(totals: Totals) -> str:
    if not totals.records:
        return "no recorded calls yet"
    paid = "" if totals.cost is None else f", ${totals.cost:.2f}"
    lines = [f"{totals.records:,} records, {show_size(totals.bytes)}{paid}"]
    lines.append(f"first {stamp(totals.first or 0)}, last {stamp(totals.last or 0)}")
    rows = [
        _sum(f"{name}={value}", one)
        for name, values in sorted(totals.labels.items())
        for value, one in sorted(values.items(), key=lambda item: (-item[1].records, item[0]))
    ]
    rows += [_sum(f"used by recipe {name}", one) for name, one in sorted(totals.recipes.items())]
    days = sorted(totals.days.items())
    rows += [_sum(f"on {day}", one) for day, one in days[-_DAYS:]]
    return "\n".join([*lines, table(rows, indent=2, right={1: 0, 2: 0, 3: 0})]) if rows else "\n".join(lines)


def _sum(name: str, one: Sum) -> tuple[str, str, str, str]:
    tokens = f"{one.tokens:,} tokens" if one.tokens else ""
    return name, f"{one.records:,}", tokens, f"${dollars(one.cost)}" if one.cost else ""


def list_text(records: Sequence[Record]) -> str:
    rows = []
    for record in records:
        labels = " ".join(f"{name}={value}" for name, value in sorted(record.labels.items()))
        shown = short(json.dumps(record.asked.request, ensure_ascii=False), _WIDTH)
        rows.append((record.digest[:12], stamp(record.time), labels, shown))
    return table(rows) if rows else "no such record"


def record_text(record: Record) -> str:
    return "\n".join(
        [
            f"digest   {record.digest}",
            f"when     {stamp(record.time)}, took {record.seconds:.2f} s",
            f"labels   {json.dumps(dict(record.labels), ensure_ascii=False, sort_keys=True)}",
            f"sample   {record.asked.sample}",
            f"request  {json.dumps(record.asked.request, ensure_ascii=False, indent=2)}",
            f"answer   {record.answer.decode('utf-8', 'backslashreplace')}",
        ]
    )


def record_json(record: Record) -> dict[str, Any]:
    return {
        "digest": record.digest, "time": record.time, "seconds": record.seconds,
        "labels": dict(record.labels), "sample": record.asked.sample, "request": record.asked.request,
        "answer": record.answer.decode("utf-8", "backslashreplace"),
    }  # fmt: skip


def check_text(found: Found) -> str:
    lines = [f"{found.records:,} sound records, {show_size(found.bytes)}"]
    lines += [f"  damaged  {place}" for place in found.damaged]
    lines += [
        f"  cut      {place} (the end of a killed writer, or a record being written)" for place in found.torn
    ]
    if found.damaged:
        lines.append("what is damaged counts as never recorded; `p2m ledger check --repair` takes it out")
    return "\n".join(lines)


def stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
