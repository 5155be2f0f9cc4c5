"""The metrics of p2m as a module of Hugging Face `evaluate`, which loads it from this folder, without a hub.

    evaluate.load("<this folder>", "exact_match").compute(predictions=[...], references=[[...], ...])

The configuration is a metric's name (a file of `conf/metric/`) or its qualified class name; further
keywords of `compute` are the metric's settings. `evaluate` copies this file into its cache, so it holds no
logic of its own, and asks that its own import stand on a line alone.
"""

import datasets
import evaluate

from p2m.evaluation.reported import component, listed

_DESCRIPTION = "The metrics of p2m: each file of its conf/metric/ is the name of one."
_INPUTS = """
Args:
    predictions: one answer a row.
    references: the right answers of each row, a text or a list of texts.
Returns:
    the metric by its name; its file in conf/metric/ says what it goes from and to.
"""


class P2MMetric(evaluate.Metric):  # type: ignore[misc]
    """One metric of p2m; `config_name` says which."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=[
                datasets.Features({"predictions": text, "references": datasets.Sequence(text)}),
                datasets.Features({"predictions": text, "references": text}),
            ],
        )

    def _compute(self, predictions, references, **settings):  # type: ignore[no-untyped-def]
        metric = component(self.config_name, settings)
        return {metric.name: metric.value(metric.statistics(list(predictions), listed(references)))}
