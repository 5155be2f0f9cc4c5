"""The front matter of a model card: what the Hub reads of a model, evaluation results among it.

Fields are those of huggingface.co/docs/hub/model-cards; results are written as its `model-index`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from p2m.types import Evaluated, Example, Task, TaskType

TASKS = {  # the Hub's names of tasks, elsewhere than where p2m has the same; "": it has none
    TaskType.MULTI_LABEL: "text-classification",
    TaskType.REGRESSION: "text-classification",
    TaskType.EXTRACTION: "token-classification",
    TaskType.RECORDS: "",
    TaskType.TEXT_TO_TEXT: "text-generation",
}
METRICS = {  # its names of metrics, likewise
    "macro_f1": "f1", "micro_f1": "f1", "weighted_f1": "f1", "span_f1": "f1", "token_f1": "f1",
    "mcc": "matthews_correlation", "rouge_l": "rouge", "rouge_n": "rouge", "spearman": "spearmanr",
}  # fmt: skip
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w-]*/[\w.-]+")
_DIGITS = 4


def front_matter(
    name: str,
    task: Task,
    evaluated: Evaluated,
    *,
    license: str,
    needs: Sequence[str],
    base: str = "",
    rows: Iterable[Example] = (),
) -> str:
    """YAML between its marks; `base` is the Hub's name of the base model, `rows` are those learnt from."""
    task_name = TASKS.get(task.type, str(task.type))
    found: dict[str, Any] = {
        "license": license or "unknown",
        "language": list(task.languages) or task.language,
        "pipeline_tag": task_name,
        "library_name": "onnxruntime" if "onnxruntime" in needs else "",
        "base_model": base if _REPOSITORY.fullmatch(base) else "",
        "datasets": datasets(rows),
        "metrics": list(dict.fromkeys(METRICS.get(each.metric, each.metric) for each in evaluated.scores)),
        "tags": ["p2m", *needs],
        "model-index": _index(name, task_name or "other", evaluated),
    }
    text = yaml.safe_dump(
        {key: value for key, value in found.items() if value},
        sort_keys=False,
        allow_unicode=True,
        width=10**6,
    )
    return f"---\n{text}---"


def datasets(rows: Iterable[Example]) -> list[str]:
    """Those of the Hub that rows came from: "owner/name" of "retrieved:owner/name:train", by name."""
    parts = (row.source.split(":") for row in rows)
    named = {each[1] for each in parts if each[0] == "retrieved" and len(each) > 1}
    return sorted(each for each in named if _REPOSITORY.fullmatch(each))


def _index(name: str, task_name: str, evaluated: Evaluated) -> list[dict[str, Any]]:
    """What it scored, on which rows; [] where nothing was."""
    if not evaluated.scores:
        return []
    metrics = [
        {
            "type": METRICS.get(each.metric, each.metric),
            "name": f"{each.metric}, 95% interval {each.low:.3f} to {each.high:.3f} on {each.rows} rows",
            "value": round(each.value, _DIGITS),
        }
        for each in evaluated.scores
    ]
    evidence = evaluated.evidence
    dataset = {"name": f"rows of {name} ({evidence})", "type": f"{name}-{evidence.replace(' ', '-')}"}
    result = {"task": {"type": task_name}, "dataset": dataset, "metrics": metrics}
    return [{"name": name, "results": [result]}]
