"""What is counted, for Prometheus: requests, rows, queues, batches, answers; never a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..rows import Answer
from .bundles import Served

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
_SCORES = tuple(tenth / 10 for tenth in range(1, 11))


class Metrics:
    """All counters of one server, in a registry of its own."""

    def __init__(self, models: Iterable[Served]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        registry = self._registry = CollectorRegistry()
        self.requests = Counter(
            "p2m_requests", "Requests that were answered.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "p2m_request_seconds", "Seconds from a request to its answer.", ["route"], buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self.in_flight = Gauge("p2m_requests_in_flight", "Requests without an answer yet.", registry=registry)
        self.waiting = Gauge("p2m_rows_waiting", "Rows in the queue.", ["model"], registry=registry)
        self.batch_rows = Histogram(
            "p2m_batch_rows", "Rows that went together.", ["model"], buckets=_ROWS, registry=registry
        )
        self.batch_seconds = Histogram(
            "p2m_batch_seconds", "Seconds that a batch took.", ["model"], buckets=_SECONDS, registry=registry
        )
        self.scores = Histogram(
            "p2m_score", "Scores of answers.", ["model"], buckets=_SCORES, registry=registry
        )
        self.abstained = Counter(
            "p2m_abstained", "Answers that are too unsure to be given.", ["model"], registry=registry
        )
        self.answers = Counter(
            "p2m_answers",
            "Answers by label, where the answer is one.",
            ["model", "answer"],
            registry=registry,
        )
        self.shadowed = Counter(
            "p2m_shadow_rows", "Rows that the shadow was asked too, by what came of it.",
            ["model", "shadow", "outcome"], registry=registry,
        )  # fmt: skip
        self.judged = Counter(
            "p2m_judged", "Answers that people judged.", ["model", "judged"], registry=registry
        )
        info = Gauge("p2m_model", "The models that answer.", ["model", "digest"], registry=registry)
        for each in models:
            info.labels(each.name, each.digest).set(1)

    def watch_queue(self, model: str, waiting: Callable[[], float]) -> None:
        """How many rows wait is asked whenever it is read."""
        self.waiting.labels(model).set_function(waiting)

    def watch_batches(self, model: str) -> Callable[[int, float], None]:
        """What is told of each batch."""
        rows, seconds = self.batch_rows.labels(model), self.batch_seconds.labels(model)

        def watch(number: int, spent: float) -> None:
            rows.observe(number)
            seconds.observe(spent)

        return watch

    def note(self, served: Served, answers: Iterable[Answer]) -> None:
        """What a client was answered."""
        scores, is_label = self.scores.labels(served.name), _is_label(served)
        for each in answers:
            scores.observe(each.score)
            if each.abstain:
                self.abstained.labels(served.name).inc()
            if is_label:
                self.answers.labels(served.name, each.output).inc()

    def text(self) -> bytes:
        """As Prometheus reads it."""
        from prometheus_client import generate_latest

        found: bytes = generate_latest(self._registry)
        return found


def _is_label(served: Served) -> bool:
    """Whether an answer is one of a list of labels, and so a fit name for a counter."""
    settings = served.settings
    return settings.kind in ("classification", "linear") and settings.shape == "text"
